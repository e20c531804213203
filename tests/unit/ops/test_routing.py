from fractions import Fraction
from math import ceil
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.ops import OPS
from esper_graph.ops.dims import evaluate, symbol
from esper_graph.ops.ratios import ratio_of
from esper_graph.ops.routing import TopkGating, expert_capacity
from esper_graph.ops.values import TensorType, TupleType
from tests.unit.ops.nn_oracle import BINDINGS, complaint, infer, on_meta, refusal, tensor, text_of, values_of

LOGITS = tensor("batch", 8)


def gating(logits: TensorType = LOGITS, **attributes: Any) -> TupleType:
    (found,) = infer("topk_gating", {"k": 2, **attributes}, logits)[0]
    assert isinstance(found, TupleType)
    return found


@pytest.mark.parametrize("lead", [("batch",), ("batch", "length")])
@pytest.mark.parametrize("k", [1, 2, 8])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_gating_gives_what_topk_of_torch_gives(lead: tuple[str, ...], k: int, dtype: str) -> None:
    logits = tensor(*lead, 8, dtype=dtype)
    found = gating(logits, k=k, capacity_factor=1.25)
    for binding in BINDINGS:
        given_logits = on_meta(logits, binding)
        top = given_logits.topk(k)
        expected = {
            "weights": top.values,
            "indices": top.indices,
            "probabilities": given_logits.to(torch.promote_types(given_logits.dtype, torch.float32)).softmax(
                -1
            ),
            "kept": top.values > 0,
        }
        assert found.name == "gating"
        assert [name for name, _ in found.fields] == list(expected)
        for name, field in found.fields:
            assert tuple(evaluate(size, binding) for size in field.shape) == tuple(expected[name].shape)
            assert getattr(torch, field.dtype) == expected[name].dtype


def test_gating_chooses_among_a_fixed_number_of_experts() -> None:
    assert "k=9" in refusal("topk_gating", {"k": 9}, LOGITS)
    assert "float32[batch, 8]" in refusal("topk_gating", {"k": 9}, LOGITS)
    assert "fixed number" in refusal("topk_gating", {"k": 1}, tensor("batch", "length"))
    assert "fixed number" in refusal("topk_gating", {"k": 1}, tensor(8))
    assert complaint("topk_gating", k=0)
    assert "capacity_factor" in complaint("topk_gating", k=1, drop_in_eval=True)
    assert "not a fraction" in complaint("topk_gating", k=1, capacity_factor=3.14159265)
    assert text_of("topk_gating", k=2, capacity_factor=2) == text_of(
        "topk_gating", k=2, capacity_factor=2.0, drop_in_eval=False
    )


@given(
    st.integers(1, 5000),
    st.integers(1, 64),
    st.integers(1, 8),
    st.fractions(Fraction(1, 50), 8, max_denominator=100),
)
def test_capacity_is_exact(tokens: int, experts: int, k: int, factor: Fraction) -> None:
    attributes = TopkGating(k=k, capacity_factor=float(factor))
    expected = ceil(tokens * k * factor / experts)
    assert expert_capacity(tokens, experts, attributes) == expected >= 1
    symbolic = expert_capacity(symbol("batch"), experts, attributes)
    assert symbolic is not None
    assert evaluate(symbolic, {"batch": tokens}) == expected
    assert expert_capacity(tokens, experts, TopkGating(k=k)) is None


@given(st.fractions(Fraction(1, 1000), 1000, max_denominator=1000))
def test_a_fraction_comes_back_from_its_number(fraction: Fraction) -> None:
    assert ratio_of(float(fraction)) == (fraction.numerator, fraction.denominator)


def test_combining_follows_the_experts() -> None:
    experts = [tensor("batch", 16)] * 8
    assert infer("moe_combine", {"num_experts": 8, "top_k": 2}, gating(), *experts)[0] == (
        tensor("batch", 16),
    )
    per_word = gating(tensor("batch", "length", 4))
    words = [tensor("batch", "length", 16)] * 4
    assert infer("moe_combine", {"num_experts": 4, "top_k": 2}, per_word, *words)[0] == (words[0],)


def test_combining_names_what_does_not_fit() -> None:
    expert, attributes = tensor("batch", 16), {"num_experts": 8, "top_k": 2}
    assert "num_experts=8, but 7 experts arrive" in refusal(
        "moe_combine", attributes, gating(), *[expert] * 7
    )
    assert "num_experts=4, but the gating is gating(" in refusal(
        "moe_combine", {"num_experts": 4, "top_k": 2}, gating(), *[expert] * 4
    )
    assert "set top_k to 2" in refusal("moe_combine", {"num_experts": 8, "top_k": 1}, gating(), *[expert] * 8)
    said = refusal("moe_combine", attributes, gating(), *[expert] * 7, tensor("batch", 17))
    assert "[batch, 16]" in said
    assert "[batch, 17]" in said
    said = refusal("moe_combine", attributes, gating(), *[tensor("length", 16)] * 8)
    assert "[length, 16]" in said
    assert "[batch, 2]" in said
    assert "takes what `topk_gating` gives, not float32[batch, 8]" in refusal(
        "moe_combine", attributes, LOGITS, *[expert] * 8
    )


def test_the_auxiliary_loss_is_one_number_and_an_effect() -> None:
    assert infer("moe_aux_loss", {}, gating())[0] == (tensor(),)
    assert OPS["moe_aux_loss"].effect
    assert text_of("moe_aux_loss") == text_of("moe_aux_loss", loss_coef=0.01)
    assert complaint("moe_aux_loss", loss_coef=-1)
    assert "not float32[batch, 8]" in refusal("moe_aux_loss", {}, LOGITS)


@pytest.mark.parametrize(
    "value", [tensor("batch", 5), tensor("batch", "length", 5), tensor("batch", 3, "height", 4)]
)
def test_a_weighted_sum_has_the_type_of_its_values(value: TensorType) -> None:
    assert infer("weighted_sum", {"num_inputs": 3}, tensor("batch", 3), value, value, value)[0] == (value,)


def test_a_weighted_sum_names_what_does_not_fit() -> None:
    value, weights = tensor("batch", 5), tensor("batch", 2)
    two = {"num_inputs": 2}
    assert infer("weighted_sum", two, weights, value, value)[0] == (value,)
    assert "set num_inputs to 3" in refusal("weighted_sum", two, weights, *[value] * 3)
    said = refusal("weighted_sum", two, weights, value, tensor("batch", 10))
    assert "[batch, 5]" in said
    assert "[batch, 10]" in said
    assert "insert `linear`" in said
    assert "is not num_inputs=2" in refusal("weighted_sum", two, tensor("batch", 3), value, value)
    said = refusal("weighted_sum", two, tensor("length", 2), value, value)
    assert "[length, 2]" in said
    assert "[batch, 5]" in said
    assert "insert `cast`" in refusal("weighted_sum", two, tensor("batch", 2, dtype="float64"), value, value)
    assert "needs the attribute `num_inputs`" in complaint("weighted_sum")


def test_costs_count_elements_and_no_multiply_adds() -> None:
    expert = tensor("batch", 16)
    cases: list[tuple[str, dict[str, Any], list[Any], str]] = [
        ("topk_gating", {"k": 2}, [LOGITS], "8*batch"),
        ("moe_combine", {"num_experts": 8, "top_k": 2}, [gating(), *[expert] * 8], "16*batch"),
        ("moe_aux_loss", {}, [gating()], "8*batch"),
        ("weighted_sum", {"num_inputs": 1}, [tensor("batch", 1), expert], "16*batch"),
    ]
    for op_type, attributes, inputs, expected in cases:
        outputs, _ = infer(op_type, attributes, *inputs)
        cost = OPS[op_type].cost(values_of(op_type, attributes), inputs, outputs)
        assert (op_type, cost.macs, str(cost.elementwise)) == (op_type, 0, expected)
