"""Bring the data of an older schema up to this one: what searches read and older versions did not write."""

import json
from collections.abc import Callable
from itertools import islice

from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.places import places
from esper_graph.property_graph.records import all_passed
from esper_graph.store.engines import Engine, Row

_BATCH = 1_000


def upgrade(engine: Engine) -> None:
    """Write what is missing, batch by batch; a second time there is nothing to do. Processes may race."""
    for name in ("schema/fill_op_types", "schema/fill_likeness", "schema/fill_newest_first"):
        _fill(engine, name)
    _compute(engine, "schema/metrics_without_place", _place, "schema/set_places")
    _compute(engine, "schema/kernels_without_verdict", _verdict, "schema/set_verdicts")


def _fill(engine: Engine, name: str) -> None:
    while engine.write(
        lambda transaction: transaction.run(get(name), {"limit": _BATCH}), name=name, retry_conflicts=True
    )[0]["filled"]:
        pass


def _compute(engine: Engine, lacking: str, row_of: Callable[[Row], Row], setting: str) -> None:
    """Write what Cypher cannot compute; what lacks it is looked for once."""
    found = map(row_of, engine.stream(get(lacking)))
    while rows := list(islice(found, _BATCH)):
        engine.write(
            lambda transaction, rows=rows: transaction.run(get(setting), {"rows": rows}),
            name=setting,
            retry_conflicts=True,
        )


def _place(row: Row) -> Row:
    found = places(row["name"], row["device"], row["value"], row["blueprint"])
    return {"key": row["key"], "value": row["value"], **found}


def _verdict(row: Row) -> Row:
    return {"digest": row["digest"], "validated": all_passed(json.loads(row["validation"] or "{}"))}
