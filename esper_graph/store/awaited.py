"""Parents that are known by name only, and arrive one day.

A child and its parent may be written at the same moment, when neither transaction sees the other. So whoever
awaits a parent claims its name first, and whoever gives that name to a blueprint waits for him: the embedded
engine lets both take turns, a server locks the name. One of the two then sees what the other one wrote.
"""

from collections.abc import Iterable, Mapping

from esper_graph.errors import LineageCycleError
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.rows import derivation_key
from esper_graph.store.engines import Transaction
from esper_graph.store.link import renumber


def claim(transaction: Transaction, names: Iterable[str]) -> None:
    """Keep names that are to be awaited from being given to a blueprint before the transaction ends.

    Raises:
        ConflictError: A blueprint has got one of them meanwhile; the transaction has to be run again.
    """
    transaction.run(get("blueprint/claim"), {"names": sorted(set(names))})


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
