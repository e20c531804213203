"""Let Python's collector of cyclic garbage rest while many rows are made or read."""

import gc
from collections.abc import Generator
from contextlib import contextmanager

_NEW_OBJECTS = 50_000


@contextmanager
def seldom_collected() -> Generator[None]:
    """Let Python look for cycles of garbage seldom, for a while.

    Rows are many small objects that live on, and hardly any cycles: looking through them after every few
    hundred new ones took a third of the time of a batch.

    >>> import gc
    >>> before = gc.get_threshold()
    >>> with seldom_collected():
    ...     gc.get_threshold()[0] >= before[0]
    True
    >>> gc.get_threshold() == before
    True
    """
    kept = gc.get_threshold()
    raised = 0 < kept[0] < _NEW_OBJECTS  # not where another thread is in here, or nobody wants it at all
    if raised:
        gc.set_threshold(_NEW_OBJECTS, *kept[1:])
    try:
        yield
    finally:
        if raised:
            gc.set_threshold(*kept)
