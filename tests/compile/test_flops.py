"""FLOPs of the rules against those that torch counts while the kernel runs."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from esper_graph.compile import blueprint_to_module
from esper_graph.compile.sample import bindings, sample
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ops import OPS
from tests.compile.cases import all_cases
from tests.unit.templates.test_templates import PAIRS

NOT_COUNTED = frozenset({"recurrent"})
"""Ops with multiply-adds that torch's counter does not know."""
CASES = [
    *((f"{op_type}-{number}", blueprint) for number, (op_type, blueprint) in enumerate(all_cases())),
    *((name, blueprint) for name, (blueprint, *_) in PAIRS.items()),
]


def counted(blueprint: BlueprintIR, binding: dict[str, int]) -> int:
    module = blueprint_to_module(blueprint, mode="train").eval()
    inputs = sample(blueprint, binding, seed=0)
    # The counter does not know the attention kernel of processors; written out, it counts two products.
    plain = sdpa_kernel(SDPBackend.MATH)
    with plain, FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    return counter.get_total_flops()


@pytest.mark.parametrize("blueprint", [one for _, one in CASES], ids=[name for name, _ in CASES])
def test_flops_are_those_that_torch_counts(blueprint: BlueprintIR) -> None:
    if {node.op_type for node in blueprint.expanded.nodes} & NOT_COUNTED:
        return
    for binding in bindings(blueprint, (2, 3)):
        assert blueprint.cost(binding).flops == counted(blueprint, binding)


def test_every_op_with_multiply_adds_is_counted_somewhere() -> None:
    seen = {
        node.op_type
        for _, blueprint in CASES
        for node, cost in zip(blueprint.expanded.nodes, blueprint.cost().nodes, strict=True)
        if cost.macs
    }
    assert seen - NOT_COUNTED >= {"linear", "matmul", "einsum", "conv1d", "conv2d", "attention"}
    assert seen >= NOT_COUNTED
    assert seen <= set(OPS)
