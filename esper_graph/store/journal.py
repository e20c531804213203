"""Write the event of an operation, inside the transaction that carries it out."""

import json
from collections.abc import Sequence

from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.identifiers import new_id
from esper_graph.property_graph.records import Operation
from esper_graph.store.engines import Transaction


def note_event(transaction: Transaction, operation: Operation, blueprints: Sequence[str]) -> None:
    """Write the event of an operation that concerns these blueprints; the second time does nothing."""
    transaction.run(
        get("event/record"),
        {
            "operation_id": operation.id,
            "id": new_id(),
            "at": operation.at.isoformat(),
            "actor": operation.actor,
            "action": operation.action,
            "reason": operation.reason,
            "detail": json.dumps(dict(operation.detail), sort_keys=True),
            "blueprints": sorted(set(blueprints)),
        },
    )
