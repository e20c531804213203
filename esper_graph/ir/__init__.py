"""What a blueprint is: immutable values and pure functions on them."""
