from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from esper_graph.ops import OPS
from esper_graph.ops.dims import evaluate
from esper_graph.ops.opdef import Uniform
from esper_graph.ops.values import TensorType
from tests.unit.ops.nn_oracle import (
    BINDINGS,
    assert_parameters_of,
    assert_same_as_torch,
    complaint,
    infer,
    on_meta,
    refusal,
    tensor,
    text_of,
    values_of,
)

HEADS = {"embed_dim": 16, "num_heads": 4}
QUERY = tensor("batch", "length", 16)
KEY = tensor("batch", "keys", 16)
CASES: list[tuple[dict[str, Any], list[TensorType | None]]] = [
    ({}, [QUERY]),
    ({"bias": False}, [QUERY]),
    ({}, [QUERY, KEY]),
    ({}, [QUERY, KEY, KEY]),
    ({"kdim": 6, "vdim": 10}, [QUERY, tensor("batch", "keys", 6), tensor("batch", "keys", 10)]),
    ({"vdim": 10, "bias": False}, [QUERY, KEY, tensor("batch", "keys", 10)]),
    ({"batch_first": False}, [tensor("length", "batch", 16), tensor("keys", "batch", 16)]),
    ({}, [QUERY, KEY, None, tensor("length", "keys", dtype="bool")]),
    ({}, [QUERY, None, None, tensor("batch", 4, "length", "length")]),
]


def module_of(settings: dict[str, Any]) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(**{**HEADS, "batch_first": True, **settings})


@pytest.mark.parametrize(("settings", "inputs"), CASES, ids=str)
def test_attention_has_the_shape_the_work_and_the_parameters_of_torch(
    settings: dict[str, Any], inputs: list[TensorType | None]
) -> None:
    attributes = {**HEADS, **settings}
    with torch.device("meta"):
        module = module_of(settings)

    def run(
        query: torch.Tensor,
        key: torch.Tensor | None = None,
        value: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        key = query if key is None else key
        value = key if value is None else value
        hidden = None if mask is None else mask.flatten(0, 1) if mask.dim() == 4 else ~mask
        return module(query, key, value, attn_mask=hidden, need_weights=False)[0]

    assert_same_as_torch("attention", attributes, inputs, run)
    assert_parameters_of("attention", attributes, module)


@pytest.mark.parametrize("settings", [{}, {"kdim": 48, "vdim": 32}], ids=str)
def test_weights_start_as_those_of_torch_do(settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    attributes = {"embed_dim": 64, "num_heads": 4, **settings}
    state = module_of(attributes).state_dict()
    for parameter in OPS["attention"].parameters(values_of("attention", attributes)):
        drawn = state[parameter.name]
        if isinstance(parameter.init, Uniform):
            assert parameter.init.bound * 0.97 < drawn.abs().max().item() <= parameter.init.bound * (1 + 1e-6)
        else:
            assert not drawn.any()


def test_shared_keys_and_values_shrink_their_projections_and_nothing_else() -> None:
    attributes = {**HEADS, "num_kv_heads": 2}
    shapes = {
        parameter.name: parameter.shape
        for parameter in OPS["attention"].parameters(values_of("attention", attributes))
    }
    assert shapes == {
        "q_proj_weight": (16, 16),
        "k_proj_weight": (8, 16),
        "v_proj_weight": (8, 16),
        "in_proj_bias": (32,),
        "out_proj.weight": (16, 16),
        "out_proj.bias": (16,),
    }

    def run(x: torch.Tensor) -> torch.Tensor:
        q, k, v = (functional.linear(x, torch.empty(rows, 16, device="meta")) for rows in (16, 8, 8))
        heads = q.unflatten(-1, (4, 4)).transpose(1, 2)
        key, value = (y.unflatten(-1, (2, 4)).transpose(1, 2).repeat_interleave(2, 1) for y in (k, v))
        mixed = functional.scaled_dot_product_attention(heads, key, value).transpose(1, 2).flatten(2)
        return functional.linear(mixed, torch.empty(16, 16, device="meta"))

    assert_same_as_torch("attention", attributes, [QUERY], run)


def test_one_attention_has_one_text() -> None:
    text = text_of("attention", **HEADS)
    assert text == text_of(
        "attention", **HEADS, kdim=16, vdim=16, num_kv_heads=4, dropout=0, batch_first=True
    )
    assert text == text_of(
        "attention", **HEADS, kdim=None, vdim=None, num_kv_heads=None, bias=True, causal=False
    )
    assert text != text_of("attention", **HEADS, causal=True)


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        ({"embed_dim": 16, "num_heads": 3}, ["embed_dim=16", "num_heads=3"]),
        ({**HEADS, "num_kv_heads": 3}, ["num_heads=4", "num_kv_heads=3"]),
        ({"num_heads": 4}, ["needs the attribute `embed_dim`"]),
        ({"embed_dim": 0, "num_heads": 4}, ["`embed_dim`", "greater than or equal to 1"]),
        ({**HEADS, "dropout": 2}, ["`dropout`", "less than or equal to 1"]),
        ({**HEADS, "n_heads": 2}, ["did you mean `num_heads`"]),
    ],
    ids=str,
)
def test_wrong_attributes_are_refused_with_what_is_wrong(
    attributes: dict[str, Any], parts: list[str]
) -> None:
    said = complaint("attention", **attributes)
    assert all(part in said for part in parts), said
    assert said.count("`attention`") == 1, said


@pytest.mark.parametrize(
    ("inputs", "parts"),
    [
        ([tensor("batch", "length", 8)], ["float32[batch, length, 8]", "`query`", "embed_dim=16"]),
        ([tensor("batch", 16)], ["[batch, length, features]", "float32[batch, 16]"]),
        ([QUERY, tensor("batch", "keys", 8)], ["`key`", "kdim=16"]),
        (
            [QUERY, tensor("keys", "batch", 16)],
            ["`key`", "the batch of the query, float32[batch, length, 16]"],
        ),
        ([QUERY, KEY, QUERY], ["`value`", "the length of the key, float32[batch, keys, 16]"]),
        ([QUERY, None, KEY], ["`value`", "`key`"]),
        ([QUERY, tensor("batch", "keys", 16, dtype="float64")], ["float32 and float64", "cast"]),
        (
            [QUERY, KEY, None, tensor("keys", "length", dtype="bool")],
            ["bool[keys, length]", "[batch, 4, length, keys]"],
        ),
        ([QUERY, None, None, tensor("batch", "length", "length", dtype="bool")], ["four axes", "unflatten"]),
        ([QUERY, None, None, tensor("length", "length", dtype="int64")], ["bool or float32", "int64"]),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit_are_refused_with_both_values(
    inputs: list[TensorType | None], parts: list[str]
) -> None:
    said = refusal("attention", HEADS, *inputs)
    assert all(part in said for part in parts), said


def test_a_mask_may_leave_out_what_it_repeats() -> None:
    for shape in (
        ("length", "keys"),
        ("batch", 1, 1, "keys"),
        (1, 4, "length", 1),
        ("batch", 4, "length", "keys"),
    ):
        (output,), _ = infer("attention", HEADS, QUERY, KEY, None, tensor(*shape, dtype="bool"))
        assert output == QUERY


DOT = [
    [tensor("batch", 4, "length", 6), tensor("batch", 4, "keys", 6), tensor("batch", 4, "keys", 10)],
    [tensor("batch", "length", 6), tensor("batch", "keys", 6), tensor("batch", "keys", 6)],
    [tensor("length", 6), tensor("keys", 6), tensor("keys", 3)],
]


@pytest.mark.parametrize("inputs", DOT, ids=str)
@pytest.mark.parametrize("attributes", [{}, {"causal": True}, {"scale": 0.5}, {"dropout": 0.1}], ids=str)
def test_a_dot_product_has_the_shape_and_the_work_of_torch(
    attributes: dict[str, Any], inputs: list[TensorType]
) -> None:
    def run(*values: torch.Tensor) -> torch.Tensor:
        return functional.scaled_dot_product_attention(
            *values,
            is_causal=attributes.get("causal", False),
            scale=attributes.get("scale"),
            dropout_p=attributes.get("dropout", 0.0),
        )

    assert_same_as_torch("dot_product_attention", attributes, inputs, run)


@pytest.mark.parametrize(
    "mask", [("length", "keys"), ("batch", 1, 1, "keys"), (4, "length", "keys"), (1,)], ids=str
)
@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_a_dot_product_accepts_the_masks_that_torch_accepts(mask: tuple[int | str, ...], dtype: str) -> None:
    inputs = [*DOT[0], tensor(*mask, dtype=dtype)]
    (output,), _ = infer("dot_product_attention", {}, *inputs)
    for binding in BINDINGS:
        q, k, v, hidden = (on_meta(kind, binding) for kind in inputs)
        produced = functional.scaled_dot_product_attention(q, k, v, hidden)
        assert tuple(produced.shape) == tuple(evaluate(size, binding) for size in output.shape)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("inputs", "parts"),
    [
        ([DOT[0][0], DOT[1][1], DOT[1][2]], ["leading axes", "`key`", "float32[batch, 4, length, 6]"]),
        ([DOT[0][0], DOT[0][2], DOT[0][2]], ["`key`", "the features of the query"]),
        ([DOT[0][0], DOT[0][1], DOT[0][0]], ["`value`", "the length of the key"]),
        ([tensor(6), tensor(6), tensor(6)], ["[..., length, features]", "float32[6]"]),
        (
            [*DOT[0], tensor("keys", "length", dtype="bool")],
            ["bool[keys, length]", "[batch, 4, length, keys]"],
        ),
        ([*DOT[1], tensor(1, 1, 1, 1, dtype="bool")], ["bool[1, 1, 1, 1]", "[batch, length, keys]"]),
    ],
    ids=str,
)
def test_a_dot_product_of_what_does_not_fit_is_refused_with_both_values(
    inputs: list[TensorType], parts: list[str]
) -> None:
    said = refusal("dot_product_attention", {}, *inputs)
    assert all(part in said for part in parts), said


def test_a_dot_product_refuses_a_scale_that_is_not_positive() -> None:
    assert "greater than 0" in complaint("dot_product_attention", scale=0)


def test_attention_draws_numbers_only_with_dropout() -> None:
    assert OPS["attention"].stochastic
    assert OPS["dot_product_attention"].stochastic
    assert values_of("attention", {**HEADS, "dropout": 0.1}).stochastic
    assert not values_of("attention", HEADS).stochastic
    assert values_of("dot_product_attention", {"dropout": 0.1}).stochastic
    assert not values_of("dot_product_attention", {}).stochastic


def test_a_softmax_counts_each_score_once_and_each_bias_each_time() -> None:
    op, attributes = OPS["attention"], values_of("attention", HEADS)
    inputs = [tensor(2, 3, 16), tensor(2, 5, 16), None, None]
    cost = op.cost(attributes, inputs, op.infer(attributes, inputs, []))
    scores, biases = 2 * 4 * 3 * 5, 2 * (3 * 16 + 5 * 16 + 5 * 16 + 3 * 16)
    assert cost.elementwise == scores + biases
