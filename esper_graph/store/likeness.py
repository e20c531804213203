"""Features and edit keys in the store: what says which blueprints are alike.

They follow from the content and from what features and edit keys mean. When that changes, those in the store
are of another version, and are computed again by `store migrate`.
"""

from collections.abc import Mapping, Sequence

from esper_graph.errors import StoreError
from esper_graph.ir.edit_keys import PREFIX
from esper_graph.ir.features import AROUND, EDGE
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.likeness import PRESENT, Likeness, likeness, likeness_rows
from esper_graph.store.engines import Engine, Transaction
from esper_graph.store.renewal import Derived, behind


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


def _replace(transaction: Transaction, found: Mapping[str, Likeness]) -> None:
    transaction.run(get("similarity/forget"), {"ids": sorted(found)})
    write_likeness(transaction, found)


_FEATURES = {
    "edge": EDGE,
    "behind_edge": behind(EDGE),
    "around": AROUND,
    "behind_around": behind(AROUND),
}

LIKENESS = Derived(
    name="features",
    version="".join(PRESENT),
    stale="similarity/stale",
    present={**_FEATURES, "edit": PREFIX, "behind_edit": behind(PREFIX)},
    compute=likeness,
    replace=_replace,
)
"""Features and edit keys, as `renewal` renews them."""


def sweep(engine: Engine) -> None:
    """Remove features of other versions that no blueprint has any more, so that none is looked at again."""
    engine.write(
        lambda transaction: transaction.run(get("similarity/sweep"), _FEATURES),
        name="similarity/sweep",
        retry_conflicts=True,
        in_turn=True,
    )
