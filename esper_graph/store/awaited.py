"""Parents that were known by name only, and now arrive."""

from collections.abc import Iterable, Mapping

from esper_graph.errors import LineageCycleError
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.rows import derivation_key
from esper_graph.store.engines import Engine, Transaction
from esper_graph.store.link import renumber


def find_arrived(engine: Engine, names: Iterable[str]) -> None:
    """Let children find their parents where both came at once, so that neither transaction saw the other.

    To be called after the commit, with the names that came and those that are awaited: whoever commits last
    sees both.

    Raises:
        LineageCycleError: What arrived derives from what awaits it.
    """
    rows = engine.read(get("blueprint/arrived"), {"names": sorted(set(names))})
    arrived = {row["name"]: row["id"] for row in rows}
    if arrived:
        engine.write(
            lambda transaction: fill_external_parents(transaction, arrived),
            name="blueprint/arrived",
            retry_conflicts=True,
        )


def fill_external_parents(transaction: Transaction, arrived: Mapping[str, str]) -> None:
    """Turn derivations from parents that were elsewhere into derivations from the blueprints that arrived.

    Such a derivation is added to a blueprint that exists already, so this takes the lineage lock and looks
    for a cycle first, as `link` does.

    Args:
        arrived: Ids of the blueprints by the names under which they were awaited.

    Raises:
        LineageCycleError: What arrives derives from what awaits it.
    """
    transaction.run(get("lineage/lock"))
    for row in transaction.run(get("blueprint/awaiting"), {"names": sorted(arrived)}):
        child, parent = row["child"], arrived[row["name"]]
        properties = dict(row["properties"])
        registered_at, old_key = properties.pop("registered_at"), properties.pop("key")
        if child == parent:
            raise LineageCycleError(child, parent, [child, parent])
        (way,) = transaction.run(get("lineage/path"), {"child": parent, "ancestor": child})
        if way["ids"] is not None:
            raise LineageCycleError(child, parent, [child, *way["ids"]])
        number = old_key.rpartition("|")[2]
        again = int(number) if old_key.count("|") == 3 and number.isdigit() else 0
        transaction.run(
            get("lineage/link"),
            {
                "child": child,
                "parent": parent,
                "key": derivation_key(child, properties["kind"], parent, again),
                "properties": properties,
                "registered_at": registered_at.isoformat(),
            },
        )
        renumber(transaction, child)
    transaction.run(get("blueprint/forget_external"), {"names": sorted(arrived)})
