"""Watch a client from outside while it commits: from the moment its work is done until it has the answer."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from esper_graph.store.engines import Transaction, bolt


class Watched:
    """Tells when commits begin and are answered, once `watch` has been called.

    Attributes:
        begun: Set by each beginning; whoever waits for the next one clears it before.
        began: When the commit that has no answer yet began, in seconds of the monotonic clock.
        seconds: How long each commit that was answered took.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self.begun = threading.Event()
        self.began: float | None = None
        self.seconds: list[float] = []
        self._tell = tell

    def begin(self) -> None:
        """Note that the next thing the engine does is to commit."""
        self._tell("committing")
        self.began = time.monotonic()
        self.begun.set()

    def answer(self) -> None:
        """Note that the commit was acknowledged."""
        if self.began is not None:
            self.seconds.append(time.monotonic() - self.began)
        self.began = None
        self._tell("answered")


def watch(watched: Watched, patch: pytest.MonkeyPatch) -> None:
    """Let every write of this process tell when its commit begins and when it is answered."""
    write = bolt.BoltEngine.write

    def observed(engine: bolt.BoltEngine, work: Callable[[Transaction], Any], **options: Any) -> Any:
        def noted(transaction: Transaction) -> Any:
            watched.began = None  # an attempt before this one has failed
            found = work(transaction)
            watched.begin()
            return found

        found = write(engine, noted, **options)
        watched.answer()
        return found

    patch.setattr(bolt.BoltEngine, "write", observed)
