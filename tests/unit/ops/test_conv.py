from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from esper_graph.ops import OPS
from esper_graph.ops.opdef import RuleError
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

IMAGES = tensor("batch", 8, "height", "width")
SERIES = tensor("batch", 8, "length")
TRANSPOSED = {"in_channels": 8, "out_channels": 12}

CONV2D: list[dict[str, Any]] = [
    {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for kernel, stride, padding, dilation, groups in product(
        (1, [3, 5]), (1, [2, 3]), (0, [1, 2]), (1, [2, 1]), (1, 4)
    )
] + [
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 4, "padding": "same", "dilation": [1, 3]},
    {"kernel_size": 4, "padding": "valid", "bias": False},
    *(
        {"kernel_size": 5, "padding": [2, 1], "padding_mode": mode}
        for mode in ("reflect", "replicate", "circular")
    ),
    *({"kernel_size": 4, "padding": "same", "padding_mode": mode} for mode in ("reflect", "circular")),
]
CONV1D: list[dict[str, Any]] = [
    {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for kernel, stride, padding, dilation, groups in product((1, 4), (1, 3), (0, 2), (1, 3), (1, 4))
] + [
    {"kernel_size": 4, "padding": "same"},
    {"kernel_size": [5], "padding": [2], "padding_mode": "reflect", "bias": False},
]
TRANSPOSES: list[dict[str, Any]] = [
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": [3, 4], "stride": [2, 1], "padding": 1, "output_padding": [1, 0]},
    {"kernel_size": 3, "dilation": 2, "output_padding": 1, "groups": 4},
    {"kernel_size": 3, "stride": 3, "padding": [0, 1], "bias": False},
]


@pytest.mark.parametrize("settings", CONV2D, ids=str)
def test_conv2d_has_the_shape_the_work_and_the_parameters_of_torch(settings: dict[str, Any]) -> None:
    attributes = {"in_channels": 8, "out_channels": 12, **settings}
    with torch.device("meta"):
        module = nn.Conv2d(**attributes)
    assert_same_as_torch("conv2d", attributes, [IMAGES], module)
    assert_parameters_of("conv2d", attributes, module)


@pytest.mark.parametrize("settings", CONV1D, ids=str)
def test_conv1d_has_the_shape_the_work_and_the_parameters_of_torch(settings: dict[str, Any]) -> None:
    attributes = {"in_channels": 8, "out_channels": 12, **settings}
    with torch.device("meta"):
        module = nn.Conv1d(**attributes)
    assert_same_as_torch("conv1d", attributes, [SERIES], module)
    assert_parameters_of("conv1d", attributes, module)


@pytest.mark.parametrize("settings", TRANSPOSES, ids=str)
def test_conv_transpose2d_has_the_shape_the_work_and_the_parameters_of_torch(
    settings: dict[str, Any],
) -> None:
    attributes = {**TRANSPOSED, **settings}
    with torch.device("meta"):
        module = nn.ConvTranspose2d(**attributes)
    assert_same_as_torch("conv_transpose2d", attributes, [IMAGES], module)
    assert_parameters_of("conv_transpose2d", attributes, module)


def test_weights_start_as_those_of_torch_do() -> None:
    torch.manual_seed(0)
    grouped: dict[str, Any] = {"in_channels": 64, "out_channels": 2048, "kernel_size": 3, "groups": 4}
    assert_initialised_like("conv2d", grouped, nn.Conv2d(**grouped))
    assert_initialised_like("conv1d", grouped, nn.Conv1d(**grouped))
    assert_initialised_like("conv_transpose2d", grouped, nn.ConvTranspose2d(**grouped))


@pytest.mark.parametrize(
    "other",
    [
        {"kernel_size": [3, 3]},
        {"kernel_size": 3, "stride": 1, "padding": 0, "dilation": [1, 1], "groups": 1, "bias": True},
        {"kernel_size": 3, "padding": "valid"},
        {"kernel_size": 3, "padding_mode": "reflect"},
    ],
    ids=str,
)
def test_one_convolution_has_one_text(other: dict[str, Any]) -> None:
    channels = {"in_channels": 8, "out_channels": 8}
    assert text_of("conv2d", **channels, kernel_size=3) == text_of("conv2d", **channels, **other)


def test_same_padding_is_written_as_numbers_where_it_is_even() -> None:
    channels = {"in_channels": 8, "out_channels": 8}
    same = text_of("conv2d", **channels, kernel_size=[3, 4], dilation=[1, 2], padding="same")
    assert same == text_of("conv2d", **channels, kernel_size=[3, 4], dilation=[1, 2], padding=[1, 3])
    assert values_of("conv2d", {**channels, "kernel_size": [3, 4], "padding": "same"}).padding == "same"


def test_different_convolutions_have_different_texts() -> None:
    texts = [
        text_of("conv2d", in_channels=8, out_channels=8, kernel_size=3, **more)
        for more in (
            {},
            {"padding": 1},
            {"padding": 1, "padding_mode": "reflect"},
            {"bias": False},
            {"stride": [1, 2]},
        )
    ]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        ({"groups": 3}, ["groups", "in_channels=8"]),
        ({"kernel_size": 0}, ["kernel_size", "greater than or equal to 1"]),
        ({"kernel_size": [3, 3, 3]}, ["kernel_size", "at most 2"]),
        ({"kernel_size": True}, ["kernel_size"]),
        ({"padding": "sane"}, ["padding", "'sane'", "`same`"]),
        ({"padding": [1, -1]}, ["padding", "from 0"]),
        ({"padding": "same", "stride": 2}, ["padding", "stride 1", "(2, 2)"]),
        ({"padding_mode": "mirror"}, ["padding_mode", "mirror", "reflect"]),
        ({"dilatoin": 2}, ["dilatoin", "did you mean `dilation`"]),
    ],
    ids=str,
)
def test_wrong_attributes_are_refused_with_what_is_wrong(more: dict[str, Any], parts: list[str]) -> None:
    said = complaint("conv2d", **{"in_channels": 8, "out_channels": 8, "kernel_size": 3, **more})
    assert all(part in said for part in parts), said
    assert said.count("`conv2d`") == 1, said


def test_an_output_padding_as_large_as_the_stride_is_refused() -> None:
    said = complaint("conv_transpose2d", **TRANSPOSED, kernel_size=3, stride=2, output_padding=2)
    assert "output_padding=(2, 2)" in said
    assert "stride=(2, 2)" in said


def test_other_channels_are_refused_with_both_values() -> None:
    said = refusal("conv2d", {"in_channels": 16, "out_channels": 8, "kernel_size": 3}, IMAGES)
    assert "float32[batch, 8, height, width]" in said
    assert "in_channels=16" in said
    assert "set in_channels to 8" in said


def test_other_ranks_and_dtypes_are_refused_with_the_expected_layout() -> None:
    settings = {"in_channels": 8, "out_channels": 8, "kernel_size": 3}
    assert "[batch, channels, height, width], not float32[batch, 8, length]" in refusal(
        "conv2d", settings, SERIES
    )
    assert "[batch, channels, length], not" in refusal("conv1d", settings, IMAGES)
    assert "not int64[2, 8, 5, 5]" in refusal("conv2d", settings, tensor(2, 8, 5, 5, dtype="int64"))


@pytest.mark.parametrize("height", range(1, 8))
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 5, "padding": 1},
        {"kernel_size": 5, "padding": 2, "padding_mode": "reflect"},
        {"kernel_size": 5, "padding": 3, "padding_mode": "circular"},
        {"kernel_size": 3, "stride": 4, "dilation": 2},
    ],
    ids=str,
)
def test_an_axis_is_refused_or_assumed_away_exactly_where_torch_fails(
    settings: dict[str, Any], height: int
) -> None:
    attributes = {"in_channels": 1, "out_channels": 1, **settings}
    module = nn.Conv2d(**attributes)
    try:
        module(torch.zeros(1, 1, height, 9))
        works = True
    except RuntimeError:
        works = False
    _, assumptions = infer("conv2d", attributes, tensor(1, 1, "height", 9))
    assert (counterexample(assumptions, {"height": height}) is None) == works
    try:
        infer("conv2d", attributes, tensor(1, 1, height, 9))
        accepted = True
    except RuleError:
        accepted = False
    assert accepted == works


def test_a_bias_is_one_elementwise_addition_for_each_output() -> None:
    op = OPS["conv2d"]
    attributes = values_of("conv2d", {"in_channels": 8, "out_channels": 4, "kernel_size": 3})
    outputs = op.infer(attributes, [tensor(2, 8, 5, 5)], [])
    assert op.cost(attributes, [tensor(2, 8, 5, 5)], outputs).elementwise == 2 * 4 * 3 * 3
