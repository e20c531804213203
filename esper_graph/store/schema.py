"""The schema of the database: constraints, indexes and the node that says which version they are.

Every rule is a file in `cypher/schema/` with the access `schema`; each runs alone.
"""

import time

from esper_graph.errors import QueryError, SchemaVersionError
from esper_graph.property_graph.catalogue import get, names
from esper_graph.store.engines import Engine, EngineName
from esper_graph.store.upgrade import upgrade

VERSION = 6
_ATTEMPTS = 6
_PAUSE_SECONDS = 0.1
LABELS = (
    *("Blueprint", "Named", "Alias", "OpNode", "Tag", "Category", "Event", "ExternalParent"),
    *("Metric", "Measurement", "Device", "Kernel", "Weights", "CompileAttempt", "Deployment", "FieldReport"),
    *("Feature", "EditKey", "SchemaVersion", "LineageLock"),
)
"""Labels that are esper_graph's own; nodes without any of them are foreign data."""


def ensure(engine: Engine, *, adopt: bool = False) -> None:
    """Make sure that the database has this version's schema; one read where it has.

    Processes may race: every rule is made only where it is missing, the version is written last.

    Args:
        adopt: Accept a database that holds other data too.

    Raises:
        SchemaVersionError: The database has a newer schema, or holds data that is not esper_graph's.
    """
    found = version(engine)
    if found == VERSION:
        return
    if found is None and not adopt:
        _refuse_foreign_data(engine)
    if found is not None and found > VERSION:
        raise _newer(found)
    for name in rules(engine.name):
        engine.schema(get(name))
    _meet_labels(engine)
    if found is not None:
        upgrade(engine)
    (row,) = engine.write(
        lambda transaction: transaction.run(get("schema/set_version"), {"version": VERSION}),
        name="schema/set_version",
        retry_conflicts=True,
    )
    if row["version"] > VERSION:
        raise _newer(row["version"])


def _meet_labels(engine: Engine) -> None:
    """Make the types of all combinations of labels; processes that do it at once disturb each other."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            engine.write(
                lambda transaction: transaction.run(get("schema/meet_labels")),
                name="schema/meet_labels",
                retry_conflicts=True,
            )
        except QueryError:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(attempt * _PAUSE_SECONDS)
        else:
            return


def version(engine: Engine) -> int | None:
    """Return the version of the schema that the database has, or None where it has none."""
    (row,) = engine.read(get("schema/version"))
    return row["version"]


def rules(engine: EngineName) -> tuple[str, ...]:
    """List the names of all constraints and indexes of an engine: its own first, then constraints."""
    found = [name for name in names() if name.startswith("schema/") and get(name).access == "schema"]
    theirs = "schema/embedded/"
    return tuple(
        sorted(
            (name for name in found if engine == "embedded" or not name.startswith(theirs)),
            key=lambda name: (not name.startswith(theirs), not name.endswith("_unique"), name),
        )
    )


def _refuse_foreign_data(engine: Engine) -> None:
    foreign = engine.read(get("schema/foreign_labels"), {"known": list(LABELS)})
    if foreign:
        shown = [f"{row['nodes']} nodes  {row['label'] or '(no label)'}" for row in foreign]
        raise SchemaVersionError(
            "the database holds data that is not esper_graph's",
            where=shown,
            hint="name another database, or pass `--adopt` to keep blueprints beside that data",
        )


def _newer(found: int) -> SchemaVersionError:
    return SchemaVersionError(
        f"the database has schema version {found}, and this esper_graph knows versions up to {VERSION}",
        hint="update esper_graph: `pip install --upgrade esper-graph`",
    )
