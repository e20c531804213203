"""A property that is computed once."""

from functools import cached_property
from typing import Any, Self, TypeVar, overload

Found = TypeVar("Found")


class kept(cached_property[Found]):  # noqa: N801 -- written like `property`
    """`functools.cached_property` without its lock, as it is from Python 3.12 on.

    That lock is one for all objects of a class: while a thread computes the property of one of them, others
    wait with all the others. Two threads that ask one object at the same time may both compute; what they
    find is equal, since the objects are immutable.

    Example:
        >>> class Word:
        ...     def __init__(self, text: str) -> None:
        ...         self.text = text
        ...
        ...     @kept
        ...     def length(self) -> int:
        ...         print("counted")
        ...         return len(self.text)
        >>> word = Word("graph")
        >>> word.length, word.length
        counted
        (5, 5)
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Found: ...

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | Found:
        """Compute the value and put it where the next access finds it without asking here."""
        if instance is None:
            return self
        value = self.func(instance)
        vars(instance)[self.func.__name__] = value
        return value
