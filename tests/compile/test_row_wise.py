"""Which ops compute row by row: what the table claims, against the interpreter."""

from math import prod
from typing import Any

import pytest
import torch

from esper_graph.compile.interpreter import interpret
from esper_graph.compile.row_wise import ROW_WISE, Roles, row_roles
from esper_graph.compile.sample import bindings, sample
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ops import MODULES
from esper_graph.ops.values import TensorType
from tests.compile.cases import IMAGE, ROWS, SEQUENCE, SIGNAL, SINGLE, single

FURTHER: list[tuple[str, dict[str, Any], list[Any]]] = [
    *[(op_type, {}, [ROWS]) for op_type in ("log", "sqrt", "rsqrt", "entropy")],
    ("split", {"chunks": 2}, [SEQUENCE]),
    ("weighted_sum", {"num_inputs": 2}, [[-1, "n", 2], ["batch", "n"], ["batch", "n"]]),
    ("roll", {"shifts": 1, "dim": -1}, [SEQUENCE]),
    ("matmul", {"transpose_b": True}, [SEQUENCE, [5, 16]]),
    ("matmul", {"transpose_a": True}, [[-1, 3, 4], [3, 2]]),
    ("einsum", {"equation": "bij,kj->bik"}, [[-1, 3, 4], [5, 4]]),
    ("einsum", {"equation": "bni,bnj->bnij"}, [[-1, "n", 3], ["batch", "n", 4]]),
    ("dot_product_attention", {}, [[-1, 2, "n", 4], ["batch", 2, "n", 4], ["batch", 2, "n", 4], ["n", "n"]]),
    ("add", {}, [SEQUENCE, [16], ["batch", 1, 1]]),
    ("where", {}, [([-1, "n", 1], "bool"), ["batch", "n", 4], [4]]),
    ("expand", {"shape": [-1, -1, 5]}, [[-1, "n", 1]]),
    ("softmax", {"hard": True}, [SEQUENCE]),
]
CASES = [
    *[(op_type, attributes, inputs) for op_type, cases in SINGLE.items() for attributes, *inputs in cases],
    *FURTHER,
]


def claimed(blueprint: BlueprintIR, axes: int) -> Roles | None:
    """What the table says of the node `op` for rows along the first axes of its first result."""
    place = blueprint.graph.position["op"]
    outputs = blueprint.inference.outputs[place]
    assert outputs is not None
    first = outputs[0]
    assert isinstance(first, TensorType)
    types = blueprint.graph.input_types(blueprint.inference.outputs, place)
    assert types is not None
    if first.rank < axes:
        return None
    values = blueprint.graph.values[place]
    return row_roles(blueprint.nodes[place].op_type, values, types, outputs, first.shape[:axes])


def moved(x: torch.Tensor, rows: torch.Tensor, axes: int) -> torch.Tensor:
    """The rows along the first axes in another order, some several times and some not at all."""
    return x.flatten(0, axes - 1)[rows].reshape(x.shape)


def drawn(blueprint: BlueprintIR) -> dict[str, dict[str, torch.Tensor]]:
    graph = blueprint.graph
    return {
        node.id: {one.name: torch.rand(one.shape) + 0.5 for one in op.parameters(values)}
        for node, op, values in zip(graph.nodes, graph.ops, graph.values, strict=True)
        if op is not None
    }


# Ops that are computed on all rows, have none, or are written out before anything is compiled.
MIXING = {"input", "output", "constant", "parameter", "block", "recurrent"}
MIXING |= {"moe_aux_loss", "telemetry", "gradient_norm"}


def test_every_op_is_said_to_be_row_wise_or_to_mix() -> None:
    shipped = {op_type for op_types in MODULES.values() for op_type in op_types}
    assert ROW_WISE.keys() | MIXING == shipped
    assert not ROW_WISE.keys() & MIXING


@pytest.mark.parametrize(
    ("op_type", "attributes", "inputs"),
    CASES,
    ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)],
)
def test_moved_rows_give_moved_results(op_type: str, attributes: dict[str, Any], inputs: list[Any]) -> None:
    blueprint = single(op_type, attributes, *inputs)
    tensors = drawn(blueprint)
    for axes in (1, 2, 3):
        roles = claimed(blueprint, axes)
        if roles is None:
            continue
        (binding,) = bindings(blueprint, (4,))
        given = sample(blueprint, binding, seed=axes)
        (before,) = interpret(blueprint, given, tensors).outputs
        count = prod(before.shape[:axes])
        rows = torch.randint(0, count, (count,), generator=torch.Generator().manual_seed(axes))
        changed = [moved(x, rows, axes) if role else x for x, role in zip(given, roles, strict=False)]
        (after,) = interpret(blueprint, changed, tensors).outputs
        torch.testing.assert_close(after, moved(before, rows, axes), rtol=1e-9, atol=1e-12, equal_nan=True)


def test_the_cases_show_every_row_wise_op() -> None:
    shown = {
        op_type for op_type, attributes, inputs in CASES if claimed(single(op_type, attributes, *inputs), 1)
    }
    assert shown == ROW_WISE.keys() - {"topk_gating", "moe_combine"}


@pytest.mark.parametrize("axes", [1, 2])
def test_experts_and_their_choice_are_row_wise(axes: int) -> None:
    b = Builder("choice", name="choice")
    gating = b.topk_gating(b.input([-1, "n", 4]), k=2, capacity_factor=0.5)
    b.output(
        b.moe_combine(
            gating, *[b.input(["batch", "n", 3]) for _ in range(4)], num_experts=4, top_k=2, id="op"
        )
    )
    blueprint = b.finish()
    assert claimed(blueprint, axes) == (True,) * 5
    given = sample(blueprint, {"batch": 3, "n": 4}, seed=0)
    (before,) = interpret(blueprint, given, {}).outputs
    rows = torch.tensor([2, 2, 0] if axes == 1 else [7, 7, 0, 1, 2, 3, 4, 11, 8, 9, 10, 5])
    (after,) = interpret(blueprint, [moved(x, rows, axes) for x in given], {}).outputs
    torch.testing.assert_close(after, moved(before, rows, axes))


@pytest.mark.parametrize(
    ("op_type", "attributes", "inputs", "axes"),
    [
        ("reduce", {"operation": "mean", "dim": 0}, [ROWS], 1),
        ("reduce", {"operation": "mean", "dim": 1}, [SEQUENCE], 2),
        ("reduce", {"operation": "max"}, [ROWS], 1),
        ("softmax", {"dim": 0}, [ROWS], 1),
        ("softmax", {"dim": -2}, [SEQUENCE], 2),
        ("activation", {"type": "log_softmax", "dim": 0}, [ROWS], 1),
        ("activation", {"type": "glu", "dim": 0}, [[4, 8]], 1),
        ("activation", {"type": "prelu", "num_parameters": 4}, [IMAGE], 2),
        ("normalization", {"type": "batch_norm", "num_features": 8, "track_running_stats": False}, [ROWS], 1),
        ("normalization", {"type": "batch_norm", "num_features": 4}, [IMAGE], 2),
        ("normalization", {"type": "layer_norm", "normalized_shape": [4, 8]}, [[-1, 4, 8]], 2),
        ("noise", {"std": 0.5, "training_only": False}, [ROWS], 1),
        ("linear", {"in_features": 8, "out_features": 8}, [[-1, 8]], 2),
        ("conv1d", {"in_channels": 4, "out_channels": 4, "kernel_size": 1}, [SIGNAL], 2),
        ("attention", {"embed_dim": 16, "num_heads": 2}, [SEQUENCE], 2),
        ("attention", {"embed_dim": 16, "num_heads": 2, "batch_first": False}, [[-1, "n", 16]], 1),
        ("dot_product_attention", {}, [[-1, "n", 8]] + [["batch", "n", 8]] * 2, 2),
        ("roll", {"shifts": 1, "dim": 0}, [ROWS], 1),
        ("concat", {"dim": 0}, [[4, 8], [4, 8]], 1),
        ("stack", {"dim": 0}, [[2, 8], [2, 8]], 1),
        ("transpose", {"dim0": 0, "dim1": 1}, [[4, 4]], 1),
        ("permute", {"dims": [1, 0, 2]}, [[4, 4, 2]], 1),
        ("flatten", {"start_dim": 0, "end_dim": 1}, [[4, 1, 3]], 1),
        ("slice", {"dim": 0, "start": -4}, [[4, 3]], 1),
        ("pad", {"padding": [0, 0, 1, 0]}, [ROWS], 1),
        ("gather", {"dim": 0}, [[4, 3], ([4, 3], "int64")], 1),
        ("add", {}, [[4, 4], [4]], 2),
        ("matmul", {}, [[-1, 4], [4, 4]], 2),
        ("matmul", {"transpose_a": True}, [[4, 4], [4, 4]], 1),
        ("einsum", {"equation": "ij,jk->ik"}, [[4, 4], [4, 4]], 2),
        ("einsum", {"equation": "ij,ji->ij"}, [[4, 4], [4, 4]], 1),
        ("recurrent", {"type": "gru", "input_size": 16, "hidden_size": 3}, [SEQUENCE], 1),
        ("constant", {"value": 1.0, "shape": [4, 2]}, [], 1),
        ("hartley", {"dim": 0}, [ROWS], 1),
        ("expand", {"shape": [4, 8]}, [[1, 8]], 1),
    ],
)
def test_ops_that_mix_rows_are_not_claimed(
    op_type: str, attributes: dict[str, Any], inputs: list[Any], axes: int
) -> None:
    assert claimed(single(op_type, attributes, *inputs), axes) is None


def test_a_capacity_that_holds_in_evaluation_counts_all_rows() -> None:
    b = Builder("full", name="full")
    gating = b.topk_gating(b.input([-1, 2]), k=1, capacity_factor=1.0, drop_in_eval=True, id="op")
    b.output(b.moe_combine(gating, b.input(["batch", 3]), b.input(["batch", 3]), num_experts=2, top_k=1))
    blueprint = b.finish()
    place = blueprint.graph.position["op"]
    types = blueprint.graph.input_types(blueprint.inference.outputs, place)
    assert types is not None
    logits, outputs = types[0], blueprint.inference.outputs[place]
    assert outputs is not None
    assert isinstance(logits, TensorType)
    values = blueprint.graph.values[place]
    assert row_roles("topk_gating", values, [logits], outputs, logits.shape[:1]) is None
