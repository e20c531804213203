"""How a blueprint looks in a property graph: the Cypher catalogue. No driver is known here."""
