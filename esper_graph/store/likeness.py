"""Features and edit keys in the store: what says which blueprints are alike.

They follow from the content and from what features and edit keys mean. When that changes, those in the store
are of another version, and are computed again by `renew`.
"""

from collections.abc import Callable, Mapping, Sequence

from esper_graph.errors import StoreError
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.likeness import VERSION, Likeness, likeness, likeness_rows
from esper_graph.property_graph.records import Operation
from esper_graph.store.engines import MOST_SORTED, Engine, Transaction
from esper_graph.store.journal import note_event
from esper_graph.store.materialise import read

_BATCH = 100


def write_likeness(transaction: Transaction, found: Mapping[str, Likeness]) -> None:
    """Write the likenesses of blueprints that have none, by id.

    Raises:
        StoreError: Not all was written.
    """
    if not found:
        return
    (row,) = transaction.run(get("similarity/save"), likeness_rows(found))
    expected = sum(len(one.features) for one in found.values())
    if row["written"] != expected:
        raise StoreError(f"{row['written']} of {expected} features were written")


def stored(engine: Engine, ids: Sequence[str]) -> dict[str, Likeness]:
    """Return what is written for blueprints, by id."""
    return {
        row["id"]: Likeness(
            {one["key"]: one["count"] for one in row["features"]}, tuple(sorted(row["edit_keys"]))
        )
        for row in engine.read(get("similarity/features"), {"ids": list(ids)})
    }


def stale(engine: Engine, limit: int = MOST_SORTED) -> list[str]:
    """List ids of blueprints without features of the present version."""
    asked = {"version": VERSION, "limit": limit}
    return [row["id"] for row in engine.read(get("similarity/stale"), asked)]


def refuse_stale(engine: Engine) -> None:
    """Make sure that all blueprints can be compared.

    Raises:
        StoreError: Some have no features of the present version, so that an answer would leave them out.
    """
    found = stale(engine, limit=1)
    if found:
        raise StoreError(
            f"the features of `{found[0]}` are missing or of another version than {VERSION}",
            hint="bring the store up to date: `esper-graph store migrate`",
        )


def renew(
    engine: Engine, operation: Operation, *, progress: Callable[[int, int], None] | None = None
) -> tuple[str, ...]:
    """Compute what is missing or of another version, a hundred in one transaction; with one event.

    A second time there is nothing left to do.

    Args:
        progress: Called with how many are done and how many there are.

    Returns:
        Ids of the blueprints that got features.

    Raises:
        IntegrityError: The content of one is not what was registered; those before it are written.
    """
    ids = stale(engine)
    for begin in range(0, len(ids), _BATCH):
        part = ids[begin : begin + _BATCH]
        _replace(engine, operation, {name: likeness(one) for name, one in read(engine, part).items()})
        if progress is not None:
            progress(begin + len(part), len(ids))
    return tuple(ids)


def _replace(engine: Engine, operation: Operation, found: Mapping[str, Likeness]) -> None:
    ids = sorted(found)

    def work(transaction: Transaction) -> None:
        transaction.run(get("similarity/forget"), {"ids": ids})
        write_likeness(transaction, found)
        note_event(transaction, operation, ids)

    engine.write(work, name=operation.action, retry_conflicts=True, in_turn=True)
