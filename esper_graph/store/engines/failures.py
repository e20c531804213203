"""What the driver's exceptions mean: whether to try again, and which of our errors a person sees."""

import re
import shutil
from collections.abc import Mapping
from enum import Enum

from neo4j.exceptions import (
    AuthError,
    ClientError,
    ConfigurationError,
    ConnectionAcquisitionTimeoutError,
    ConstraintError,
    DriverError,
    IncompleteCommit,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

from esper_graph.errors import (
    ConfigError,
    EsperGraphError,
    QueryFailedError,
    StoreError,
    StoreUnavailableError,
)
from esper_graph.store.engines import ConflictError
from esper_graph.store.engines.connector import Place


class Kind(Enum):
    """Why a transaction failed."""

    CONTENTION = "it lost against another transaction, and may win the next time"
    CONFLICT = "a uniqueness constraint was broken"
    LOST = "the connection broke before the commit"
    UNKNOWN = "the connection broke during the commit"
    FINAL = "the next time would be the same"


# What the driver does not count as retryable: two transactions that delete and match at once, and two that
# change or move the same record of the embedded engine, which only its message tells.
_VANISHED = "Neo.ClientError.Statement.EntityNotFound"
_SIDE_BY_SIDE = re.compile(r"(?i:please retry the operation)|Record #\d+:\d+ not found")


def kind(error: DriverError | Neo4jError) -> Kind:
    """Classify a failure."""
    if isinstance(error, IncompleteCommit):
        return Kind.UNKNOWN
    if isinstance(error, ServiceUnavailable | SessionExpired):
        return Kind.LOST
    if isinstance(error, ConstraintError):
        return Kind.CONFLICT
    if error.is_retryable() or _code(error) == _VANISHED or _SIDE_BY_SIDE.search(str(error)):
        return Kind.CONTENTION
    return Kind.FINAL


def translate(error: DriverError | Neo4jError, query: str, place: Place, timeout: float) -> EsperGraphError:
    """Make our error of the driver's, once it is clear that the transaction failed for good."""
    code = _code(error)
    where = [f"query  {query}", f"store  {place.address}"]
    if code is not None and code in _SENTENCES:
        sentence, hint = _SENTENCES[code]
        facts = {"user": place.username, "database": place.database, "seconds": f"{timeout:g}"}
        return (QueryFailedError if code in _QUERY_CODES else StoreUnavailableError)(
            sentence.format_map(facts), where=where, hint=hint or place.login_hint
        )
    match error:
        case IncompleteCommit():
            return StoreUnavailableError(
                "the connection broke during the commit: whether it was written is not known",
                where=where,
                hint="repeat the command: what is there already is not written twice",
            )
        case AuthError():
            return StoreUnavailableError(
                f"the store refused the login of `{place.username}`", where=where, hint=place.login_hint
            )
        case ServiceUnavailable() | SessionExpired() | ConnectionAcquisitionTimeoutError():
            return StoreUnavailableError(
                f"the store does not answer: {_first_line(error)}", where=where, hint=place.hint
            )
        case ConstraintError():
            return ConflictError(query, _first_line(error))
        case ConfigurationError():
            return ConfigError(f"the driver cannot use these settings: {_first_line(error)}", where=where)
        case ClientError():
            return QueryFailedError(
                f"the engine refused query `{query}`: {_first_line(error)}", where=[*where, f"code   {code}"]
            )
        case _:
            return StoreError(
                f"the engine failed: {_first_line(error)}",
                where=[*where, f"code   {code}"],
                hint=_hint_of_room(place),
            )


# Sentence and hint by code; without a hint the login's is given.
_SENTENCES: Mapping[str, tuple[str, str | None]] = {
    "Neo.ClientError.Security.AuthenticationRateLimit": (
        "the store refuses all logins for a while: `{user}` failed too often",
        "wait some seconds, then try again with the right password",
    ),
    "Neo.ClientError.Security.CredentialsExpired": (
        "the password of `{user}` must be changed before the store can be used",
        "ALTER CURRENT USER SET PASSWORD FROM 'old' TO 'new', on the database `system`",
    ),
    "Neo.ClientError.Database.DatabaseNotFound": (
        "the store has no database `{database}`",
        "NEO4J_DATABASE names it; unset it to use the login's home database",
    ),
    "Neo.ClientError.Transaction.TransactionNotFound": (
        "the store could not commit; nothing of this transaction was written",
        "see whether the disk of the store is full",
    ),
    "Neo.ClientError.Transaction.TransactionTimedOut": (
        "the query took longer than {seconds} seconds and was stopped",
        "ask for less, or raise ESPER_GRAPH_QUERY_TIMEOUT_SECONDS",
    ),
    "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration": (
        "the query took longer than {seconds} seconds and was stopped",
        "ask for less, or raise ESPER_GRAPH_QUERY_TIMEOUT_SECONDS",
    ),
}
_LITTLE_ROOM = 16 << 20  # bytes; the embedded engine asks for some at a time
_QUERY_CODES = frozenset(code for code in _SENTENCES if "TimedOut" in code)


def _hint_of_room(place: Place) -> str | None:
    """Say that the disk is full where it is: the embedded engine does not."""
    try:
        free = shutil.disk_usage(place.directory).free if place.directory else _LITTLE_ROOM
    except OSError:
        return None
    if free >= _LITTLE_ROOM:
        return None
    return f"its disk has only {free >> 10} KiB left: make room, then repeat the command"


def _code(error: DriverError | Neo4jError) -> str | None:
    return error.code if isinstance(error, Neo4jError) else None


def _first_line(error: DriverError | Neo4jError) -> str:
    text = (error.message if isinstance(error, Neo4jError) else str(error)) or type(error).__name__
    return text.strip().splitlines()[0].rstrip(".")
