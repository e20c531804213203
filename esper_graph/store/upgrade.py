"""Bring the data of an older schema up to this one: what searches read and older versions did not write."""

from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.places import place
from esper_graph.store.engines import Engine

_BATCH = 1_000


def upgrade(engine: Engine) -> None:
    """Write what is missing, batch by batch; a second time there is nothing to do. Processes may race."""
    for name in ("schema/fill_op_types", "schema/fill_likeness"):
        _fill(engine, name)
    while found := engine.read(get("schema/metrics_without_place"), {"limit": _BATCH}):
        rows = [
            {
                "key": row["key"],
                "value": row["value"],
                "place": place(row["name"], row["device"], row["value"]),
            }
            for row in found
        ]
        engine.write(
            lambda transaction, rows=rows: transaction.run(get("schema/set_places"), {"rows": rows}),
            name="schema/set_places",
            retry_conflicts=True,
        )


def _fill(engine: Engine, name: str) -> None:
    while engine.write(
        lambda transaction: transaction.run(get(name), {"limit": _BATCH}), name=name, retry_conflicts=True
    )[0]["filled"]:
        pass
