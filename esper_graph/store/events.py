"""Read what happened."""

import json

from esper_graph.errors import OperationTakenError
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import EventRecord
from esper_graph.store.engines import Engine


def history(engine: Engine, blueprint_id: str) -> Answer[EventRecord]:
    """List all events that concern a blueprint, oldest first."""
    rows = engine.read(get("event/of_blueprint"), {"id": blueprint_id})
    return Answer(EventRecord(**{**row, "detail": json.loads(row["detail"] or "{}")}) for row in rows)


def require_repeat(engine: Engine, operation_id: str, action: str, fingerprint: str) -> None:
    """Accept the id of an operation that is new, or that did the same to the same structure.

    Raises:
        OperationTakenError: It was another action, or concerned another structure.
    """
    for row in engine.read(get("event/of_operation"), {"operation_id": operation_id}):
        if row["action"] != action or fingerprint not in row["fingerprints"]:
            held = " ".join([row["action"], *row["fingerprints"]])
            raise OperationTakenError(operation_id, held=held, offered=f"{action} {fingerprint}")
