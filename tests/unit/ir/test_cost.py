"""Costs follow the convention, at any binding."""

import pytest

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder


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
