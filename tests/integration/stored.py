"""Make blueprints and save them without the registry, for the tests of the store."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from esper_graph.config import load_manifest
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import Derivation, EdgeSpec, NodeSpec
from esper_graph.property_graph.records import Operation, Registration
from esper_graph.property_graph.registration import Prepared, prepare
from esper_graph.store import blueprints
from esper_graph.store.engines import Engine
from tests.integration.statements import statement

MANIFEST = load_manifest()
COUNT = statement("MATCH (n) RETURN count(n) AS nodes", returns="nodes")
_START = datetime(2026, 11, 24, 9, 30, 15, 123456, tzinfo=UTC)


def perceptron(
    hidden: int, blueprint_id: str = "", *, parents: tuple[str, ...] = (), **fields: Any
) -> BlueprintIR:
    """Two linear maps; `hidden` makes structures differ."""
    fields.setdefault("name", f"MLP {hidden}")
    fields.setdefault("derivations", [Derivation(parent_id=parent) for parent in parents])
    return BlueprintIR(
        id=blueprint_id or f"mlp_{hidden}",
        nodes=[
            NodeSpec(id="input", op_type="input", attributes={"shape": [-1, 8]}),
            NodeSpec(id="fc1", op_type="linear", attributes={"in_features": 8, "out_features": hidden}),
            NodeSpec(id="fc2", op_type="linear", attributes={"in_features": hidden, "out_features": 2}),
            NodeSpec(id="output", op_type="output"),
        ],
        edges=[
            EdgeSpec(id="e1", source="input", target="fc1"),
            EdgeSpec(id="e2", source="fc1", target="fc2"),
            EdgeSpec(id="e3", source="fc2", target="output"),
        ],
        **fields,
    )


def operation(action: str = "blueprint.register", minutes: int = 0, **fields: Any) -> Operation:
    return Operation(uuid.uuid4().hex, "tester", _START + timedelta(minutes=minutes), action, **fields)


def prepared(blueprint: BlueprintIR) -> Prepared:
    return prepare(blueprint, MANIFEST.validation, MANIFEST.reference_binding)


def save(engine: Engine, *given: BlueprintIR, **arguments: Any) -> list[Registration]:
    arguments.setdefault("operation", operation())
    return blueprints.save(
        engine, [prepared(one) for one in given], arguments.pop("operation"), MANIFEST, **arguments
    )


def change(engine: Engine, text: str) -> None:
    """Change the store by hand."""
    query = statement(f"{text} RETURN count(*) AS changed", access="write", returns="changed")
    (row,) = engine.write(lambda transaction: transaction.run(query))
    assert row["changed"] > 0
