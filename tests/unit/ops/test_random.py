from typing import Any

import pytest
import torch
from torch.nn import functional

from esper_graph.ops import OPS
from esper_graph.ops.values import DTYPES
from tests.unit.ops.nn_oracle import (
    assert_same_as_torch,
    complaint,
    infer,
    refusal,
    tensor,
    text_of,
    values_of,
)

X = tensor("batch", "length", 8)


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("dropout", {"p": 0.5}),
    ("feature_dropout", {"p": 0.5}),
    ("alpha_dropout", {"p": 0.5}),
    ("alpha_dropout", {"p": 0.5, "feature": True}),
    ("noise", {"std": 0.1}),
]


@pytest.mark.parametrize(("op_type", "attributes"), KINDS)
def test_random_ops_keep_the_type_and_are_never_folded(op_type: str, attributes: dict[str, Any]) -> None:
    op = OPS[op_type]
    assert op.stochastic
    for dtype in DTYPES:
        x = tensor("batch", 3, dtype=dtype)
        if DTYPES[dtype].kind == "float":
            assert infer(op_type, attributes, x)[0] == (x,)
        else:
            assert str(x) in refusal(op_type, attributes, x)
    cost = op.cost(values_of(op_type, attributes), [X], [X])
    assert (cost.macs, str(cost.elementwise)) == (0, "8*batch*length")


def test_dropout_is_that_of_torch() -> None:
    assert_same_as_torch("dropout", {"p": 0.5}, [X], functional.dropout)


@pytest.mark.parametrize(
    ("op_type", "attributes", "function"),
    [
        ("feature_dropout", {}, torch.feature_dropout),
        ("alpha_dropout", {}, torch.alpha_dropout),
        ("alpha_dropout", {"feature": True}, torch.feature_alpha_dropout),
    ],
)
def test_other_kinds_are_those_of_torch(op_type: str, attributes: dict[str, Any], function: Any) -> None:
    for x in (X, tensor("batch", 3), tensor("batch", 3, 4, 5, 6)):
        assert_same_as_torch(op_type, attributes, [x], lambda value: function(value, 0.5, True))
    if op_type == "feature_dropout" or attributes:
        assert "[samples, channels, ...]" in refusal(op_type, attributes, tensor(8))


def test_defaults_are_one_text_with_what_they_stand_for() -> None:
    assert text_of("dropout") == text_of("dropout", p=0.5)
    assert text_of("dropout", p=1) == text_of("dropout", p=1.0)
    assert text_of("noise", std=1) == text_of("noise", std=1.0, training_only=True)
    assert text_of("noise", std=1) != text_of("noise", std=1, training_only=False)


@pytest.mark.parametrize("p", [-0.1, 1.1, "0.5", True, None])
def test_p_is_a_probability(p: object) -> None:
    for op_type in ("dropout", "feature_dropout", "alpha_dropout"):
        assert complaint(op_type, p=p)


def test_noise_has_a_width() -> None:
    assert "needs the attribute `std`" in complaint("noise")
    assert complaint("noise", std=-1)
    assert complaint("noise", std=1, training_only=1)
