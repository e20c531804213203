"""What the engines differ in: where they are and what keeps them there. No driver is needed to know it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from esper_graph.store.engines import EngineName


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine is, for messages.

    Attributes:
        address: URI or data directory.
        username: Login, or None without authentication.
        database: Database, or None for the login's home database.
        hint: What to do when it does not answer.
        login_hint: What to do when it refuses the login.
        directory: Where its data are, if that is on this machine.
    """

    address: str
    username: str | None
    database: str | None
    hint: str
    login_hint: str
    directory: Path | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach an engine.

    Attributes:
        auth: User name and password, or None where the server asks for none.
    """

    uri: str
    auth: tuple[str, str] | None
    place: Place


class Connector(Protocol):
    """One engine that can be reached over Bolt."""

    @property
    def name(self) -> EngineName:
        """`embedded` or `server`."""
        ...

    @property
    def message_limit(self) -> int | None:
        """Bytes that one message must not reach, where passing them would hang the driver."""
        ...

    def endpoint(self) -> Endpoint:
        """Make sure that something answers, and tell where.

        Raises:
            StoreUnavailableError: Nothing answers.
        """
        ...

    def turn(self) -> AbstractContextManager[object]:
        """Wait for a turn among the writers, in any process, who would not wait for one another."""
        ...

    def recover(self, lost: Endpoint) -> Endpoint:
        """Tell where to go on after the connection broke.

        Raises:
            StoreUnavailableError: Nothing answers any more.
        """
        ...

    def close(self) -> None:
        """Stop holding the engine."""
        ...
