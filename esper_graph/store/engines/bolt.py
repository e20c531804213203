"""An engine that is reached over Bolt: what the server and the embedded engine share.

One loop runs every transaction and alone decides about repeating it; the driver's own is switched off.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Self, TypeVar

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from esper_graph.errors import QueryError, QueryFailedError
from esper_graph.property_graph.catalogue import Access, NamedQuery
from esper_graph.store.engines import Capabilities, Engine, EngineName, Row, Transaction
from esper_graph.store.engines.connector import Connector, Endpoint
from esper_graph.store.engines.failures import Kind, kind, translate
from esper_graph.store.engines.values import message_bytes, plain

# Without a handler of any kind, Python would print the driver's warnings about every retry.
logging.getLogger("neo4j").addHandler(logging.NullHandler())

_T = TypeVar("_T")
_NONE: Mapping[str, object] = {}
_CONFLICT_TRIES = 5
_FIRST_DELAY, _DELAY_GROWTH, _LONGEST_DELAY = 0.02, 1.5, 1.0  # seconds, factor, seconds
# How long to go on after the first failure of each kind. On the embedded engine a long transaction loses
# against each short one that comes meanwhile, and gets through only when these pause.
_PATIENCE = {Kind.CONTENTION: 60.0, Kind.CONFLICT: 60.0, Kind.LOST: 4.0, Kind.UNKNOWN: 4.0, Kind.FINAL: 0.0}
_EXISTS_ALREADY = "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists"


class BoltEngine(Engine):
    """The `Engine` over a connector."""

    def __init__(self, connector: Connector, timeout_seconds: float) -> None:
        self._connector = connector
        self._timeout = timeout_seconds
        self._lock = threading.Lock()
        self._capabilities: Capabilities | None = None
        self._process = os.getpid()
        try:
            self._endpoint = connector.endpoint()
            self._driver = _connect(self._endpoint)
        except BaseException:
            connector.close()
            raise

    @property
    def name(self) -> EngineName:
        """See `Engine.name`."""
        return self._connector.name

    @property
    def capabilities(self) -> Capabilities:
        """See `Engine.capabilities`."""
        if self._capabilities is None:
            from esper_graph.property_graph.catalogue import get

            procedures = frozenset(row["name"] for row in self.read(get("schema/procedures")))
            agent = self._repeat("server information", _agent)
            self._capabilities = Capabilities(agent, procedures, read_only_sessions="ArcadeDB" not in agent)
        return self._capabilities

    def read(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> list[Row]:
        """See `Engine.read`."""
        _check(query, parameters, {"read"}, self._connector.message_limit)

        def inside(bare: neo4j.Transaction) -> list[Row]:
            return _rows(bare, query, parameters)

        def once(driver: neo4j.Driver) -> list[Row]:
            return self._transact(driver, query.name, inside, access=neo4j.READ_ACCESS)

        return self._repeat(query.name, once)

    def write(
        self,
        work: Callable[[Transaction], _T],
        *,
        name: str = "write",
        retry_conflicts: bool = False,
        in_turn: bool = False,
    ) -> _T:
        """See `Engine.write`."""
        last = name

        def inside(bare: neo4j.Transaction) -> _T:
            transaction = _Transaction(bare, name, self._connector.message_limit)
            try:
                return work(transaction)
            finally:
                nonlocal last
                last = transaction.last

        def once(driver: neo4j.Driver) -> _T:
            with self._connector.turn() if in_turn else nullcontext():
                return self._transact(driver, name, inside)

        return self._repeat(lambda: last, once, retry_conflicts=retry_conflicts)

    def stream(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> Iterator[Row]:
        """See `Engine.stream`."""
        _check(query, parameters, {"read"}, self._connector.message_limit)

        def begin(driver: neo4j.Driver) -> tuple[neo4j.Session, neo4j.Result]:
            session = self._session(driver, access=neo4j.READ_ACCESS)
            try:
                transaction = session.begin_transaction(_metadata(query.name), self._timeout)
                result = _run(transaction, query, parameters)
                result.peek()  # so that what can be repeated fails here
            except BaseException:
                session.close()
                raise
            return session, result

        session, result = self._repeat(query.name, begin)
        try:
            for record in result:
                yield _row(query, record)
        except (DriverError, Neo4jError) as error:
            raise translate(error, query.name, self._endpoint.place, self._timeout) from error
        finally:
            session.close()

    def schema(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> list[Row]:
        """See `Engine.schema`."""
        _check(query, parameters, {"schema"}, self._connector.message_limit)
        statement = neo4j.Query(query.text, _metadata(query.name), self._timeout)

        def once(driver: neo4j.Driver) -> list[Row]:
            with self._session(driver) as session:
                try:
                    return session.run(statement, dict(parameters)).data()
                except Neo4jError as error:
                    if error.code == _EXISTS_ALREADY:  # another process was between check and creation
                        return []
                    raise

        return self._repeat(query.name, once)

    def close(self) -> None:
        """See `Engine.close`."""
        self._driver.close()
        self._connector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---------------------------------------------------------------- one transaction, repeated

    def _repeat(
        self,
        name: str | Callable[[], str],
        once: Callable[[neo4j.Driver], _T],
        *,
        retry_conflicts: bool = False,
    ) -> _T:
        delay, conflicts, first_failure = _FIRST_DELAY, 0, 0.0
        while True:
            driver = self._current_driver()
            try:
                return once(driver)
            except (DriverError, Neo4jError) as error:
                why = kind(error)
                conflicts += why is Kind.CONFLICT
                first_failure = first_failure or time.monotonic()
                again = time.monotonic() - first_failure < _PATIENCE[why] and (
                    why is not Kind.CONFLICT or (retry_conflicts and conflicts < _CONFLICT_TRIES)
                )
                if not again:
                    text = name if isinstance(name, str) else name()
                    raise translate(error, text, self._endpoint.place, self._timeout) from error
                if why in {Kind.LOST, Kind.UNKNOWN}:
                    self._recover(driver)
            time.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(delay * _DELAY_GROWTH, _LONGEST_DELAY)

    def _transact(
        self,
        driver: neo4j.Driver,
        name: str,
        work: Callable[[neo4j.Transaction], _T],
        *,
        access: str = neo4j.WRITE_ACCESS,
    ) -> _T:
        # Not `execute_read` and `execute_write`: after a failure these look at a connection that they have
        # given back already. Whoever holds it by then may wait for ever.
        with self._session(driver, access) as session:
            transaction = session.begin_transaction(_metadata(name), self._timeout)
            answer = work(transaction)
            transaction.commit()
            return answer

    def _session(self, driver: neo4j.Driver, access: str = neo4j.WRITE_ACCESS) -> neo4j.Session:
        return driver.session(  # pyright: ignore[reportUnknownMemberType]
            database=self._endpoint.place.database,
            default_access_mode=access,
            bookmark_manager=driver.execute_query_bookmark_manager,  # every session reads what others wrote
        )

    def _current_driver(self) -> neo4j.Driver:
        if os.getpid() == self._process:
            return self._driver
        with self._lock:  # after a fork the sockets belong to the parent
            if os.getpid() != self._process:
                self._driver = _connect(self._endpoint)
                self._process = os.getpid()
            return self._driver

    def _recover(self, lost: neo4j.Driver) -> None:
        with self._lock:
            if self._driver is not lost:
                return  # another thread did
            endpoint = self._connector.recover(self._endpoint)
            if endpoint != self._endpoint:
                lost.close()
                self._endpoint, self._driver = endpoint, _connect(endpoint)


class _Transaction(Transaction):
    """The inside of one attempt; remembers the last query for messages."""

    def __init__(self, bare: neo4j.Transaction, name: str, message_limit: int | None) -> None:
        self._bare = bare
        self._message_limit = message_limit
        self.last = name

    def run(self, query: NamedQuery, parameters: Mapping[str, object] = _NONE) -> list[Row]:
        """See `Transaction.run`."""
        self.last = query.name
        _check(query, parameters, {"read", "write"}, self._message_limit)
        return _rows(self._bare, query, parameters)


def _check(
    query: NamedQuery, parameters: Mapping[str, object], allowed: set[Access], message_limit: int | None
) -> None:
    if query.access not in allowed:
        raise QueryError(
            f"query `{query.name}` has access `{query.access}`, "
            f"but was run where only {' or '.join(sorted(allowed))} may be",
            hint="`esper-graph query list` says which read",
        )
    query.require(parameters)
    if message_limit is not None and message_bytes(parameters) >= message_limit:
        raise QueryFailedError(
            f"the parameters of query `{query.name}` exceed the {message_limit >> 20} MiB of one message",
            hint="send them in several batches",
        )


def _connect(endpoint: Endpoint) -> neo4j.Driver:
    return neo4j.GraphDatabase.driver(  # pyright: ignore[reportUnknownMemberType]
        endpoint.uri,
        auth=endpoint.auth,
        user_agent="esper-graph",
        connection_timeout=5.0,
        connection_acquisition_timeout=30.0,
        max_transaction_retry_time=0.0,
        initial_retry_delay=_FIRST_DELAY,
        liveness_check_timeout=60.0,
        notifications_min_severity="OFF",
    )


def _agent(driver: neo4j.Driver) -> str:
    return driver.get_server_info().agent  # pyright: ignore[reportUnknownMemberType]


def _metadata(name: str) -> dict[str, Any]:
    return {"app": "esper-graph", "query": name}


def _run(
    transaction: neo4j.Transaction,
    query: NamedQuery,
    parameters: Mapping[str, object],
) -> neo4j.Result:
    try:
        result = transaction.run(query.text, dict(parameters))
    except (TypeError, ValueError, OverflowError) as error:
        raise QueryError(f"a parameter of query `{query.name}` cannot be sent: {error}") from None
    columns = tuple(result.keys())
    # The embedded engine names no columns where there are no rows.
    if columns != query.returns and (columns or result.peek() is not None):
        raise QueryFailedError(
            f"query `{query.name}` returned other columns than it declares",
            where=[f"declared  {', '.join(query.returns)}", f"returned  {', '.join(columns)}"],
        )
    return result


def _rows(
    transaction: neo4j.Transaction,
    query: NamedQuery,
    parameters: Mapping[str, object],
) -> list[Row]:
    return [_row(query, record) for record in _run(transaction, query, parameters)]


def _row(query: NamedQuery, record: neo4j.Record) -> Row:
    return dict(zip(query.returns, map(plain, record.values()), strict=True))
