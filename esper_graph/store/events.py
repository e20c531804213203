"""Read what happened."""

import json

from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import EventRecord
from esper_graph.store.engines import Engine


def history(engine: Engine, blueprint_id: str) -> Answer[EventRecord]:
    """List all events that concern a blueprint, oldest first."""
    rows = engine.read(get("event/of_blueprint"), {"id": blueprint_id})
    return Answer(EventRecord(**{**row, "detail": json.loads(row["detail"] or "{}")}) for row in rows)
