import pytest
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


@pytest.mark.parametrize(("op_type", "attributes"), [("dropout", {"p": 0.5}), ("noise", {"std": 0.1})])
def test_random_ops_keep_the_type_and_are_never_folded(op_type: str, attributes: dict[str, float]) -> None:
    op = OPS[op_type]
    assert op.stochastic
    for dtype in DTYPES:
        x = tensor("batch", dtype=dtype)
        if DTYPES[dtype].kind == "float":
            assert infer(op_type, attributes, x)[0] == (x,)
        else:
            assert str(x) in refusal(op_type, attributes, x)
    cost = op.cost(values_of(op_type, attributes), [X], [X])
    assert (cost.macs, str(cost.elementwise)) == (0, "8*batch*length")


def test_dropout_is_that_of_torch() -> None:
    assert_same_as_torch("dropout", {"p": 0.5}, [X], functional.dropout)


def test_defaults_are_one_text_with_what_they_stand_for() -> None:
    assert text_of("dropout") == text_of("dropout", p=0.5)
    assert text_of("dropout", p=1) == text_of("dropout", p=1.0)
    assert text_of("noise", std=1) == text_of("noise", std=1.0, training_only=True)
    assert text_of("noise", std=1) != text_of("noise", std=1, training_only=False)


@pytest.mark.parametrize("p", [-0.1, 1.1, "0.5", True, None])
def test_p_is_a_probability(p: object) -> None:
    assert complaint("dropout", p=p)


def test_noise_has_a_width() -> None:
    assert "needs the attribute `std`" in complaint("noise")
    assert complaint("noise", std=-1)
    assert complaint("noise", std=1, training_only=1)
