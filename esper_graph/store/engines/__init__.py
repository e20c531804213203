"""The two engines behind one small interface: a Neo4j server, and the embedded engine.

    engine = open_engine(settings)
    rows = engine.read(catalogue.get("lineage/ancestors"), {"id": "mlp"})
    engine.write(lambda transaction: transaction.run(query, parameters))

Both speak Bolt through the same driver and run the same catalogue. Importing this is cheap; the driver is
loaded when an engine is opened.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

from esper_graph.config import Settings
from esper_graph.errors import StoreError
from esper_graph.property_graph.catalogue import NamedQuery

EngineName = Literal["embedded", "server"]
Row = dict[str, Any]
_T = TypeVar("_T")
_NONE: Mapping[str, object] = {}

MOST_SORTED = 1_000_000
"""Limit of a sorted answer that means all: the embedded engine makes room for as many rows as it says."""


class ConflictError(StoreError):
    """A uniqueness constraint was broken: somebody else was first. Store code catches it and looks who.

    Attributes:
        query: Name of the last query of the transaction; the engine may have noticed at its commit only.
    """

    exit_code = 6

    def __init__(self, query: str, message: str) -> None:
        self.query = query
        super().__init__(f"a uniqueness constraint refused the write: {message}", where=[f"query  {query}"])


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do, as it says itself.

    Attributes:
        agent: Name and version as announced, such as `Neo4j/5.26.30`.
        procedures: Names of the procedures it offers.
        read_only_sessions: Whether it refuses writes in read transactions and keeps time-outs of single
            transactions. Where it does not, statements written by users must not be run.
    """

    agent: str
    procedures: frozenset[str]
    read_only_sessions: bool


class Transaction(Protocol):
    """The inside of `Engine.write`."""

    def run(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> list[Row]:
        """Run one query and return all its rows.

        Raises:
            QueryError: Parameters are not as declared.
            QueryFailedError: Columns are not as declared, or the engine refused the query.
        """
        ...


class Engine(Protocol):
    """A place where the catalogue runs. Threads may share it.

    Values of rows are plain Python: times are aware `datetime`s, nodes and relationships are dicts.
    """

    @property
    def name(self) -> EngineName:
        """`embedded` or `server`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do; asked for once."""
        ...

    def read(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> list[Row]:
        """Run a read query in a managed transaction of its own and return all its rows.

        Raises:
            QueryError: The query is none that reads, or its parameters are wrong.
            QueryFailedError: The engine refused it, or broke it off.
            StoreUnavailableError: No engine answers.
        """
        ...

    def stream(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> Iterator[Row]:
        """Run a read query and yield its rows as they arrive; close the iterator to stop early.

        Raises:
            QueryError, QueryFailedError: As in `read`.
            StoreUnavailableError: No engine answers, or it was lost on the way.
        """
        ...

    def write(
        self,
        work: Callable[[Transaction], _T],
        *,
        name: str = "write",
        retry_conflicts: bool = False,
        in_turn: bool = False,
    ) -> _T:
        """Run `work` in one managed transaction and return what it returns.

        `work` runs again when the transaction lost against another one or when the connection broke, also
        where it is unknown whether the commit arrived: all that it does must be idempotent.

        Args:
            name: What the transaction is for; the server's query log shows it.
            retry_conflicts: Run again after a broken uniqueness constraint too. For work that only
                MERGEs: on the embedded engine the loser of a race learns of it in this way.
            in_turn: Wait for others who write in turn. For work that touches what nearly all of them touch:
                the embedded engine knows no waiting, so that all but one would do their work again.

        Raises:
            ConflictError: A uniqueness constraint was broken.
            QueryFailedError: The engine refused a query.
            StoreUnavailableError: No engine answers, or the outcome of a commit stayed unknown.
        """
        ...

    def schema(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> list[Row]:
        """Run a schema statement alone; a rule that is there already is no error."""
        ...

    def close(self) -> None:
        """Let go of connections; the embedded engine may stop itself from now on."""
        ...

    def __enter__(self) -> Self:
        """Return the engine."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the engine."""
        ...


def open_engine(settings: Settings) -> Engine:
    """Open the engine that the settings name, starting the embedded one where it does not run.

    Raises:
        StoreUnavailableError: It does not answer, or refuses login or database.
        ConfigError: This platform cannot run it, or a setting is wrong.
    """
    from esper_graph.store.engines.bolt import BoltEngine

    if settings.is_embedded:
        from esper_graph.store.engines.embedded import EmbeddedConnector

        return BoltEngine(EmbeddedConnector(settings), settings.query_timeout_seconds)
    from esper_graph.store.engines.server import ServerConnector

    return BoltEngine(ServerConnector(settings), settings.query_timeout_seconds)
