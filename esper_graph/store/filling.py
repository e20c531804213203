"""Fill batches: what is written together is as much as finds room in one."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar


class Fillable(Protocol):
    """A batch that takes what there is room for."""

    def add(self, one: Any, /) -> bool:
        """Add an item and tell whether there was room for it; the first always finds some."""
        ...


_Batch = TypeVar("_Batch", bound=Fillable)


def filled(items: Iterable[object], begin: Callable[[], _Batch]) -> Iterator[_Batch]:
    """Put items into one batch, or several where one cannot hold them; none is empty.

    Args:
        begin: Makes an empty batch.
    """
    batch: _Batch | None = None
    for one in items:
        if batch is None or not batch.add(one):
            if batch is not None:
                yield batch
            batch = begin()
            batch.add(one)
    if batch is not None:
        yield batch
