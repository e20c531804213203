"""What is proved of shapes, computed by the interpreter."""

import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from esper_graph.compile.interpreter import interpret
from esper_graph.compile.sample import sample
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.prove import Proved, Refuted, prove_shapes
from esper_graph.ops.dims import evaluate
from esper_graph.ops.values import TensorType
from tests.sized_blueprints import sized_blueprints


def parameters(blueprint: BlueprintIR) -> dict[str, dict[str, torch.Tensor]]:
    return {
        node.id: {one.name: torch.full(one.shape, 0.5) for one in settled.parameters}
        for node, settled in zip(blueprint.nodes, blueprint.graph.settled, strict=True)
        if settled is not None
    }


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None
)
@given(sized_blueprints(), st.data())
def test_the_interpreter_gives_the_shapes_that_were_proved(
    blueprint: BlueprintIR, data: st.DataObject
) -> None:
    assume(not blueprint.problems)
    proof = prove_shapes(blueprint)
    if isinstance(proof, Refuted) and proof.holds_from is not None:
        lows = proof.holds_from
        proof = prove_shapes(
            blueprint, {name: (lows.get(name, low), high) for name, (low, high) in proof.ranges.items()}
        )
    assume(isinstance(proof, Proved))
    sizes = {
        name: data.draw(st.integers(low, min(low + 6, high or low + 6)), label=name)
        for name, (low, high) in proof.ranges.items()
    }
    found = interpret(blueprint, sample(blueprint, sizes, 0), parameters(blueprint))
    for place, output in zip(blueprint.graph.of_type("output"), found.outputs, strict=True):
        feed = blueprint.graph.feeds[place][0]
        types = blueprint.inference.outputs[feed.source]
        assert types is not None
        value = types[feed.source_slot]
        assert isinstance(value, TensorType)
        assert tuple(output.shape) == tuple(evaluate(size, sizes) for size in value.shape)
