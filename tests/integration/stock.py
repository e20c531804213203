"""A small family of real blueprints, for tests of what is recorded about them."""

from datetime import UTC, datetime

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.specs import Derivation
from esper_graph.property_graph.identifiers import new_id
from esper_graph.property_graph.records import Operation
from esper_graph.store import schema
from esper_graph.store.engines import Engine
from tests.integration.stored import save


def operation(action: str = "test") -> Operation:
    """An operation of now: later ones have later times and ids."""
    return Operation(new_id(), "tester", datetime.now(UTC), action, "because")


def network(name: str, hidden: int, parents: tuple[str, ...] = ()) -> BlueprintIR:
    """Five nodes and four edges; `hidden` makes structures differ."""
    b = Builder(name, name=name)
    x = b.input([-1, 8], id="input")
    y = b.linear(x, in_features=8, out_features=hidden, id="fc1")
    y = b.activation(y, type="relu", id="act")
    b.output(b.linear(y, in_features=hidden, out_features=2, id="fc2"), id="output")
    return b.finish().changed(derivations=[Derivation(parent_id=parent) for parent in parents])


def stock(engine: Engine) -> None:
    """Register a root, two children, a grandchild of both, and one more name of the root."""
    schema.ensure(engine)
    save(
        engine,
        network("root", 4),
        network("left", 5, ("root",)),
        network("right", 6, ("root",)),
        network("last", 7, ("left", "right")),
        network("again", 4),
    )
