from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from esper_graph.ops import OPS
from tests.unit.ops.nn_oracle import (
    assert_parameters_of,
    assert_same_as_torch,
    complaint,
    counterexample,
    infer,
    refusal,
    settled,
    tensor,
    text_of,
    values_of,
)

ROWS = tensor("batch", "length", 8)

MODULES: dict[str, nn.Module] = {
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "selu": nn.SELU(),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "sigmoid": nn.Sigmoid(),
    "hardsigmoid": nn.Hardsigmoid(),
    "hardswish": nn.Hardswish(),
    "tanh": nn.Tanh(),
    "softsign": nn.Softsign(),
    "tanhshrink": nn.Tanhshrink(),
    "logsigmoid": nn.LogSigmoid(),
    "leaky_relu": nn.LeakyReLU(),
    "elu": nn.ELU(),
    "celu": nn.CELU(),
    "gelu": nn.GELU(),
    "hardtanh": nn.Hardtanh(),
    "softplus": nn.Softplus(),
    "softshrink": nn.Softshrink(),
    "hardshrink": nn.Hardshrink(),
    "threshold": nn.Threshold(0.1, 2.0),
    "glu": nn.GLU(),
    "prelu": nn.PReLU(),
    "softmax": nn.Softmax(dim=-1),
    "log_softmax": nn.LogSoftmax(dim=-1),
}
NEEDED: dict[str, dict[str, Any]] = {"threshold": {"threshold": 0.1, "value": 2}}


def test_every_kind_has_a_module_to_be_compared_with() -> None:
    assert set(OPS["activation"].attributes.forms) == set(MODULES)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("kind", MODULES)
def test_a_kind_has_the_shape_and_the_parameters_of_torch(kind: str) -> None:
    attributes = {"type": kind, **NEEDED.get(kind, {})}
    module = MODULES[kind].to("meta")
    assert_same_as_torch("activation", attributes, [ROWS], module)
    assert_parameters_of("activation", attributes, module)


@pytest.mark.parametrize("kind", MODULES)
def test_the_defaults_of_a_kind_are_those_of_torch(kind: str) -> None:
    values = values_of("activation", {"type": kind, **NEEDED.get(kind, {})})
    for name, value in values.model_dump().items():
        if name not in ("type", "temperature", "hard"):
            assert getattr(MODULES[kind], name) == value


def test_prelu_starts_with_its_slope_and_may_have_one_for_each_channel() -> None:
    attributes = {"type": "prelu", "num_parameters": 8, "init": 0.5}
    module = nn.PReLU(8, init=0.5)
    (weight,) = OPS["activation"].parameters(values_of("activation", attributes))
    assert torch.full(weight.shape, weight.init.value).equal(module.weight.detach())  # pyright: ignore[reportAttributeAccessIssue]
    assert_same_as_torch("activation", attributes, [tensor("batch", 8, "length")], module.to("meta"))
    assert "num_parameters=8" in refusal("activation", attributes, tensor("batch", 9, 8))
    assert "float32[8]" in refusal("activation", attributes, tensor(8))


def test_glu_halves_any_axis_and_says_when_it_cannot() -> None:
    attributes = {"type": "glu", "dim": 0}
    assert_same_as_torch("activation", attributes, [tensor("2*batch", 3)], lambda x: functional.glu(x, 0))
    _, assumptions = infer("activation", {"type": "glu"}, tensor("batch", "length"))
    assert counterexample(assumptions, {"length": 7}) is not None
    assert counterexample(assumptions, {"length": 8}) is None
    assert "7 is not a multiple of 2" in refusal("activation", {"type": "glu"}, tensor("batch", 7))


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("softmax", {"dim": 3}),
        ("activation", {"type": "softmax", "dim": 3}),
        ("activation", {"type": "log_softmax", "dim": -4}),
        ("activation", {"type": "glu", "dim": 3}),
    ],
    ids=str,
)
def test_an_axis_that_is_not_there_is_refused(op_type: str, attributes: dict[str, Any]) -> None:
    assert f"axis {attributes['dim']} does not exist in a tensor of rank 3" in refusal(
        op_type, attributes, ROWS
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": "swish"}, {"type": "silu"}),
        ({"type": "gelu"}, {"type": "gelu", "approximate": "none"}),
        ({"type": "softmax"}, {"type": "softmax", "dim": -1, "temperature": 1, "hard": False}),
        ({"type": "leaky_relu"}, {"type": "leaky_relu", "negative_slope": 0.01}),
    ],
    ids=str,
)
def test_one_activation_has_one_text(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert text_of("activation", **one) == text_of("activation", **other)


def test_a_text_holds_the_attributes_of_its_kind_and_no_others() -> None:
    assert text_of("activation", type="elu") == '{"type":"elu","alpha":1.0}'
    assert text_of("activation", type="relu") == '{"type":"relu"}'


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        ({}, ["needs the attribute `type`"]),
        ({"type": "rellu"}, ["'rellu'", "did you mean `relu`"]),
        ({"type": "nonsense"}, ["'nonsense'", "the kinds are celu, elu, gelu"]),
        ({"type": 3}, ["`type`", "3"]),
        (
            {"type": "relu", "negative_slope": 0.1},
            ["`negative_slope`", "the type relu has no such attribute"],
        ),
        ({"type": "leaky_relu", "negative_slop": 0.1}, ["did you mean `negative_slope`"]),
        ({"type": "gelu", "approximate": True}, ["`approximate`", "True", "'tanh'"]),
        ({"type": "softmax", "temperature": 0}, ["`temperature`", "greater than 0"]),
        ({"type": "log_softmax", "hard": True}, ["`hard`", "its attributes are dim, temperature"]),
        ({"type": "hardtanh", "min_val": 1.0}, ["min_val=1.0", "max_val=1.0"]),
        ({"type": "celu", "alpha": 0}, ["`alpha`", "0"]),
        ({"type": "threshold", "value": 1}, ["needs the attribute `threshold`"]),
        ({"type": "elu", "alpha": float("nan")}, ["`alpha`", "nan"]),
    ],
    ids=str,
)
def test_wrong_attributes_are_refused_with_what_is_wrong(
    attributes: dict[str, Any], parts: list[str]
) -> None:
    said = complaint("activation", **attributes)
    assert all(part in said for part in parts), said


def test_all_problems_of_a_node_are_told_at_once() -> None:
    problems = settled("activation", {"type": "softmax", "temperature": -1, "dim": 1.5, "slope": 1}).problems
    assert {problem.attribute for problem in problems} == {"temperature", "dim", "slope"}


def test_whole_numbers_and_complex_ones_are_refused() -> None:
    assert "int64[4]" in refusal("activation", {"type": "relu"}, tensor(4, dtype="int64"))
    assert "complex64[4]" in refusal("softmax", {}, tensor(4, dtype="complex64"))


def test_only_a_hard_softmax_draws_numbers() -> None:
    assert OPS["activation"].stochastic
    assert OPS["softmax"].stochastic
    assert values_of("softmax", {"hard": True}).stochastic
    assert values_of("activation", {"type": "softmax", "hard": True}).stochastic
    assert not values_of("softmax", {}).stochastic
    assert not values_of("activation", {"type": "relu"}).stochastic


def test_the_json_schema_tells_the_kinds_apart() -> None:
    schema = OPS["activation"].attributes.model_json_schema()
    kinds = [kind for choice in schema["oneOf"] for kind in choice["properties"]["type"]["enum"]]
    assert len(kinds) == len(set(kinds))
    assert {*MODULES, "swish"} <= set(kinds)
    (elu,) = [choice for choice in schema["oneOf"] if choice["properties"]["type"]["enum"] == ["elu"]]
    assert set(elu["properties"]) == {"type", "alpha"}
    assert elu["additionalProperties"] is False
