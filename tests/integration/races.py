"""Let two writers meet at the worst moment: one has looked and not yet written when the other one does both.

Writers that merely run side by side seldom meet there, and the embedded engine refuses many of those who do,
since their records happen to share a page. Here it is certain, so that only a lock can keep them apart.
"""

import threading
import time
from collections.abc import Callable, Mapping, MutableSequence
from typing import Any

import pytest

from esper_graph.property_graph.catalogue import NamedQuery
from esper_graph.store.engines import Row, Transaction, bolt
from tests.integration.statements import statement

PATIENCE = 0.05  # seconds to wait for one who may be kept out by a lock, where the other holds it
_LONG = 300.0  # a guard only
_NO_LOCK = statement("RETURN 0 AS ticket", returns="ticket")
_NONE: Mapping[str, object] = {}


class Meeting:
    """The rounds of two writers, 0 and 1: in each, one goes between the other's look and its write.

    Args:
        flags: Two for each round, zero at first; seen by both writers, whether threads or processes.
        patience: Seconds that the one waits for the other.
    """

    def __init__(self, flags: MutableSequence[int], patience: float = PATIENCE) -> None:
        self._flags = flags
        self._patience = patience
        self._here = threading.local()

    def enter(self, number: int, side: int, *, free: bool = False) -> None:
        """Begin a round; the second one waits until the first is about to write, unless it is free to go."""
        self._here.waits, self._here.place = number % 2 == side and not free, 2 * number
        if not self._here.waits and not free:
            assert self._comes(self._here.place, _LONG), "the other writer did not come"

    def look_up(self) -> None:
        """Called before the write: the first one waits until the second has finished."""
        if self._here.waits:
            self._flags[self._here.place] = 1
            self._comes(self._here.place + 1, self._patience)

    def leave(self) -> None:
        """End a round."""
        if not self._here.waits:
            self._flags[self._here.place + 1] = 1

    def _comes(self, flag: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._flags[flag] and time.monotonic() < deadline:
            time.sleep(0.0005)
        return bool(self._flags[flag])


def before_links(before: Callable[[], None], patch: pytest.MonkeyPatch, *, locked: bool = True) -> None:
    """Call this before each derivation that this process adds; without the lineage lock, if so wished."""
    write = bolt.BoltEngine.write

    def observed(engine: bolt.BoltEngine, work: Callable[[Transaction], Any], **options: Any) -> Any:
        return write(engine, lambda inner: work(_Observed(inner, before, locked=locked)), **options)

    patch.setattr(bolt.BoltEngine, "write", observed)


class _Observed(Transaction):
    def __init__(self, inner: Transaction, before: Callable[[], None], *, locked: bool) -> None:
        self._inner = inner
        self._before = before
        self._locked = locked

    def run(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> list[Row]:
        if query.name == "lineage/lock" and not self._locked:
            query = _NO_LOCK
        if query.name == "lineage/link":
            self._before()
        return self._inner.run(query, parameters)
