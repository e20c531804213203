"""Costs follow the convention, at any binding."""

import pytest

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, Wire
from esper_graph.templates import create_moe_layer


def test_shared_parameters_count_once() -> None:
    b = Builder("tied", name="Tied")
    x = b.input([-1, 8])
    y = b.linear(x, in_features=8, out_features=8, id="owner")
    b.output(b.linear(y, in_features=8, out_features=8, shares="owner"))
    total = b.finish().cost({"batch": 5})
    assert total.parameters == 8 * 8 + 8
    assert total.macs == 5 * 2 * 8 * 8


def test_symbols_are_bound_by_name_and_otherwise_by_the_manifest() -> None:
    b = Builder("conv", name="Conv")
    b.output(b.conv2d(b.input([-1, 3, -1, -1]), in_channels=3, out_channels=4, kernel_size=1, bias=False))
    blueprint = b.finish()
    assert blueprint.cost().macs == 3 * 4 * 224 * 224
    assert blueprint.cost({"batch": 2, "d0_2": 10, "d0_3": 20}).macs == 2 * 3 * 4 * 10 * 20
    assert blueprint.cost().flops == 2 * blueprint.cost().macs


def test_memory_is_weights_and_the_most_that_lives_at_once() -> None:
    b = Builder("chain", name="Chain")
    x = b.input([-1, 100])
    for _ in range(5):
        x = b.abs(x)
    b.output(x)
    chain = b.finish().cost({"batch": 10})
    assert (chain.weight_bytes, chain.activation_bytes) == (0, 2 * 10 * 100 * 4)

    b = Builder("wide", name="Wide")
    x = b.input([-1, 100])
    b.output(b.add(*[b.abs(x) for _ in range(5)]))
    assert b.finish().cost({"batch": 10}).activation_bytes == 6 * 10 * 100 * 4


@pytest.mark.parametrize(("precision", "size"), [("fp32", 4), ("bf16", 2), ("fp16", 2), ("int8", 1)])
def test_weights_are_as_wide_as_the_precision_says(precision: str, size: int) -> None:
    b = Builder("fc", name="FC")
    b.output(b.linear(b.input([-1, 8]), in_features=8, out_features=2, precision=precision))
    blueprint: BlueprintIR = b.finish()
    assert blueprint.cost().weight_bytes == 18 * size


@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_active_parameters_are_those_of_the_gate_and_of_the_chosen_experts(top_k: int) -> None:
    total = create_moe_layer(8, 8, num_experts=4, top_k=top_k).cost()
    nodes = {node.node_id: node.parameters for node in total.nodes}
    experts = sorted(
        sum(count for name, count in nodes.items() if f"expert{number}" in name.replace("_", ""))
        for number in range(4)
    )
    assert sum(experts) > 0
    assert total.active_parameters == total.parameters - sum(experts[: 4 - top_k])


def test_a_choice_inside_of_a_choice_leaves_the_parameters_of_one_path() -> None:
    b = Builder("nested", name="nested")
    x = b.input([-1, 4])

    def choose(*values: Wire) -> Wire:
        logits = b.linear(x, in_features=4, out_features=len(values), bias=False)
        return b.weighted_sum(b.softmax(logits, dim=-1, hard=True), *values, num_inputs=len(values))

    inner = choose(
        b.linear(x, in_features=4, out_features=4, bias=False),
        b.linear(
            b.linear(x, in_features=4, out_features=5, bias=False), in_features=5, out_features=4, bias=False
        ),
    )
    b.output(choose(x, inner))
    total = b.finish().cost()
    assert total.parameters == 2 * 8 + 16 + 40
    assert total.active_parameters == 2 * 8 + 40


def test_tied_parameters_are_active_where_one_user_is() -> None:
    b = Builder("tied", name="tied")
    x = b.input([-1, 4])
    logits = b.linear(x, in_features=4, out_features=2, bias=False)
    owner = b.linear(x, in_features=4, out_features=4, bias=False)
    b.output(b.weighted_sum(b.softmax(logits, dim=-1, hard=True), owner, x, num_inputs=2))
    b.output(b.linear(x, in_features=4, out_features=4, bias=False, shares=owner))
    assert b.finish().cost().active_parameters == 8 + 16


def test_intensity_is_arithmetic_for_each_byte_read_or_written() -> None:
    b = Builder("one", name="one")
    b.output(b.linear(b.input([-1, 8]), in_features=8, out_features=16, id="fc"))
    (fc,) = [node for node in b.finish().cost({"batch": 4}).nodes if node.node_id == "fc"]
    assert (fc.flops, fc.elementwise) == (2 * 4 * 8 * 16, 4 * 16)
    moved = 4 * (8 * 16 + 16 + 4 * 8 + 4 * 16)
    assert fc.intensity == (fc.flops + fc.elementwise) / moved


def test_weights_are_counted_by_precision() -> None:
    b = Builder("mixed", name="mixed")
    x = b.linear(b.input([-1, 8]), in_features=8, out_features=8, bias=False)
    b.output(b.linear(x, in_features=8, out_features=8, bias=False, precision="int8"))
    total = b.finish().cost()
    assert total.weight_bytes_by_precision == {"fp32": 256, "int8": 64}
    assert total.weight_bytes == 320
