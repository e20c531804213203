from typing import Any

import pytest
import torch
from torch import nn

from esper_graph.ops import OPS
from esper_graph.ops.values import TensorType
from tests.unit.ops.nn_oracle import (
    assert_initialised_like,
    assert_parameters_of,
    assert_same_as_torch,
    complaint,
    counterexample,
    infer,
    refusal,
    tensor,
    text_of,
    values_of,
)

ROWS = tensor("batch", "length", 8)
IMAGES = tensor("batch", 8, "height", "width")
Case = tuple[dict[str, Any], TensorType, type[nn.Module]]
CASES: list[Case] = [
    ({"type": "layer_norm", "normalized_shape": [8]}, ROWS, nn.LayerNorm),
    ({"type": "layer_norm", "normalized_shape": [6, 8], "bias": False}, tensor("batch", 6, 8), nn.LayerNorm),
    (
        {"type": "layer_norm", "normalized_shape": 8, "elementwise_affine": False, "eps": 0.1},
        ROWS,
        nn.LayerNorm,
    ),
    ({"type": "rms_norm", "normalized_shape": [8]}, ROWS, nn.RMSNorm),
    ({"type": "rms_norm", "normalized_shape": [8], "elementwise_affine": False}, ROWS, nn.RMSNorm),
    ({"type": "group_norm", "num_groups": 2, "num_channels": 8}, IMAGES, nn.GroupNorm),
    ({"type": "group_norm", "num_groups": 4, "num_channels": 8, "affine": False}, IMAGES, nn.GroupNorm),
    ({"type": "batch_norm", "num_features": 8}, IMAGES, nn.BatchNorm2d),
    ({"type": "batch_norm", "num_features": 8}, tensor("batch", 8), nn.BatchNorm1d),
    (
        {"type": "batch_norm", "num_features": 8, "affine": False},
        tensor("batch", 8, "length"),
        nn.BatchNorm1d,
    ),
    ({"type": "batch_norm", "num_features": 8, "track_running_stats": False}, IMAGES, nn.BatchNorm2d),
    ({"type": "batch_norm", "num_features": 8, "momentum": None, "bias": False}, IMAGES, nn.BatchNorm2d),
    ({"type": "instance_norm", "num_features": 8}, IMAGES, nn.InstanceNorm2d),
    (
        {"type": "instance_norm", "num_features": 8, "affine": True, "track_running_stats": True},
        tensor("batch", 8, "length"),
        nn.InstanceNorm1d,
    ),
]


def module_of(attributes: dict[str, Any], kind: type[nn.Module]) -> nn.Module:
    return kind(**{name: value for name, value in attributes.items() if name != "type"})


@pytest.mark.parametrize(("attributes", "x", "kind"), CASES, ids=str)
def test_a_norm_has_the_shape_and_the_parameters_of_torch(
    attributes: dict[str, Any], x: TensorType, kind: type[nn.Module]
) -> None:
    module = module_of(attributes, kind)
    assert_parameters_of("normalization", attributes, module)
    assert_initialised_like("normalization", attributes, module)
    assert_same_as_torch("normalization", attributes, [x], module.eval().to("meta"))


@pytest.mark.parametrize(("attributes", "x", "kind"), CASES, ids=str)
def test_the_defaults_of_a_norm_are_those_of_torch(
    attributes: dict[str, Any], x: TensorType, kind: type[nn.Module]
) -> None:
    module = module_of(attributes, kind)
    values = values_of("normalization", attributes)
    for name in ("eps", "affine", "elementwise_affine", "track_running_stats"):
        if hasattr(module, name) and not (name == "eps" and attributes["type"] == "rms_norm"):
            assert getattr(values, name) == getattr(module, name)
    if getattr(module, "track_running_stats", False):
        assert values.momentum == module.momentum


def test_rms_norm_takes_by_default_what_torch_takes_when_eps_is_open() -> None:
    assert (
        values_of("normalization", {"type": "rms_norm", "normalized_shape": 8}).eps
        == torch.finfo(torch.float32).eps
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"type": "layer_norm", "normalized_shape": 8},
            {"type": "layer_norm", "normalized_shape": [8], "eps": 1e-5},
        ),
        (
            {"type": "layer_norm", "normalized_shape": 8, "elementwise_affine": False},
            {"type": "layer_norm", "normalized_shape": 8, "elementwise_affine": False, "bias": False},
        ),
        (
            {"type": "batch_norm", "num_features": 8, "track_running_stats": False},
            {"type": "batch_norm", "num_features": 8, "track_running_stats": False, "momentum": 0.3},
        ),
        (
            {"type": "instance_norm", "num_features": 8},
            {"type": "instance_norm", "num_features": 8, "bias": False},
        ),
    ],
    ids=str,
)
def test_one_norm_has_one_text(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert text_of("normalization", **one) == text_of("normalization", **other)


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        ({"type": "layernorm", "normalized_shape": 8}, ["'layernorm'", "did you mean `layer_norm`"]),
        ({"type": "layer_norm"}, ["needs the attribute `normalized_shape`"]),
        ({"type": "layer_norm", "normalized_shape": []}, ["`normalized_shape`", "at least 1"]),
        (
            {"type": "layer_norm", "normalized_shape": 8, "num_features": 8},
            ["layer_norm has no such attribute"],
        ),
        ({"type": "batch_norm", "num_features": 8, "eps": 0}, ["`eps`", "greater than 0"]),
        ({"type": "batch_norm", "num_features": 8, "momentum": 2}, ["`momentum`", "less than or equal to 1"]),
        ({"type": "batch_norm", "num_features": True}, ["`num_features`", "True"]),
        ({"type": "group_norm", "num_groups": 3, "num_channels": 8}, ["num_channels=8", "num_groups=3"]),
    ],
    ids=str,
)
def test_wrong_attributes_are_refused_with_what_is_wrong(
    attributes: dict[str, Any], parts: list[str]
) -> None:
    said = complaint("normalization", **attributes)
    assert all(part in said for part in parts), said


@pytest.mark.parametrize(
    ("attributes", "x", "parts"),
    [
        (
            {"type": "layer_norm", "normalized_shape": 16},
            ROWS,
            ["last axis", "float32[batch, length, 8]", "normalized_shape=[16]"],
        ),
        ({"type": "layer_norm", "normalized_shape": [8, 8]}, ROWS, ["last 2 axes", "[8, 8]"]),
        (
            {"type": "batch_norm", "num_features": 8},
            ROWS,
            ["num_features=8", "float32[batch, length, 8]", "permute"],
        ),
        (
            {"type": "batch_norm", "num_features": 8},
            tensor(8),
            ["batch_norm takes [batch, channels, ...]", "float32[8]"],
        ),
        (
            {"type": "instance_norm", "num_features": 8},
            tensor("batch", 8),
            ["3 to 5 axes", "float32[batch, 8]"],
        ),
        ({"type": "instance_norm", "num_features": 8}, tensor("batch", 8, 1, 1), ["two values a channel"]),
        ({"type": "group_norm", "num_groups": 2, "num_channels": 4}, IMAGES, ["num_channels=4", "axis 1"]),
        ({"type": "layer_norm", "normalized_shape": 8}, tensor(2, 8, dtype="int64"), ["not int64[2, 8]"]),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit_are_refused_with_both_values(
    attributes: dict[str, Any], x: TensorType, parts: list[str]
) -> None:
    said = refusal("normalization", attributes, x)
    assert all(part in said for part in parts), said


def test_an_instance_of_one_value_is_assumed_away() -> None:
    _, assumptions = infer("normalization", {"type": "instance_norm", "num_features": 8}, IMAGES)
    assert counterexample(assumptions, {"batch": 1, "height": 1, "width": 1}) is not None
    assert counterexample(assumptions, {"batch": 1, "height": 1, "width": 2}) is None


def test_only_norms_that_track_statistics_keep_state() -> None:
    assert OPS["normalization"].stateful
    assert values_of("normalization", {"type": "batch_norm", "num_features": 8}).stateful
    assert not values_of(
        "normalization", {"type": "batch_norm", "num_features": 8, "track_running_stats": False}
    ).stateful
    assert not values_of("normalization", {"type": "layer_norm", "normalized_shape": 8}).stateful
