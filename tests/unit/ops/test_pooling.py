from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from esper_graph.ops import OPS
from esper_graph.ops.opdef import Cost, RuleError
from tests.unit.ops.nn_oracle import (
    assert_same_as_torch,
    complaint,
    counterexample,
    infer,
    refusal,
    tensor,
    text_of,
    values_of,
)

IMAGES = tensor("batch", 4, "height", "width")
SERIES = tensor("batch", 4, "length")
CLASSES: dict[str, type[nn.Module]] = {
    "max_pool1d": nn.MaxPool1d,
    "max_pool2d": nn.MaxPool2d,
    "avg_pool1d": nn.AvgPool1d,
    "avg_pool2d": nn.AvgPool2d,
    "adaptive_avg_pool1d": nn.AdaptiveAvgPool1d,
    "adaptive_max_pool1d": nn.AdaptiveMaxPool1d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "adaptive_max_pool2d": nn.AdaptiveMaxPool2d,
}
BOTH: list[dict[str, Any]] = [
    {"kernel_size": kernel, **stride, "padding": padding, "ceil_mode": ceil}
    for kernel, stride, padding, ceil in product(
        (2, 5), ({}, {"stride": 1}, {"stride": 3}, {"stride": 7}), (0, 1), (False, True)
    )
]
CASES: list[dict[str, Any]] = [
    *({"type": kind, **settings} for kind in list(CLASSES)[:4] for settings in BOTH),
    {"type": "max_pool2d", "kernel_size": [3, 4], "stride": [2, 3], "dilation": [2, 1], "padding": [1, 2]},
    {"type": "max_pool1d", "kernel_size": [3], "dilation": [3], "ceil_mode": True},
    {"type": "avg_pool2d", "kernel_size": [3, 2], "padding": [1, 0], "count_include_pad": False},
    {"type": "avg_pool2d", "kernel_size": 2, "divisor_override": 3},
    *({"type": kind, "output_size": 1} for kind in list(CLASSES)[4:]),
    *({"type": kind, "output_size": [5, 40]} for kind in list(CLASSES)[6:]),
    {"type": "adaptive_avg_pool2d", "output_size": [None, 3]},
]


def module_of(attributes: dict[str, Any]) -> nn.Module:
    settings = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in attributes.items()
        if name != "type"
    }
    return CLASSES[attributes["type"]](**settings)


def test_every_kind_has_a_module_to_be_compared_with() -> None:
    assert set(OPS["pooling"].attributes.forms) == set(CLASSES)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("attributes", CASES, ids=str)
def test_pooling_has_the_shape_of_torch(attributes: dict[str, Any]) -> None:
    x = SERIES if attributes["type"].endswith("1d") else IMAGES
    assert_same_as_torch("pooling", attributes, [x], module_of(attributes))


@pytest.mark.parametrize("kind", ["max_pool1d", "avg_pool1d"])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (2, 1), (3, 1), (5, 2)])
@pytest.mark.parametrize("stride", [1, 2, 3, 6])
def test_a_rounded_up_length_is_that_of_torch_for_every_small_input(
    kind: str, kernel: int, padding: int, stride: int
) -> None:
    attributes = {
        "type": kind,
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "ceil_mode": True,
    }
    module = module_of(attributes)
    _, assumptions = infer("pooling", attributes, tensor(1, 1, "length"))
    for length in range(1, 16):
        try:
            produced = tuple(module(torch.zeros(1, 1, length)).shape)
        except RuntimeError:
            produced = None
        assert (counterexample(assumptions, {"length": length}) is None) == (produced is not None)
        try:
            (found,), _ = infer("pooling", attributes, tensor(1, 1, length))
            assert found.shape == produced  # pyright: ignore[reportAttributeAccessIssue]
        except RuleError:
            assert produced is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"type": "max_pool2d", "kernel_size": 2},
            {
                "type": "max_pool2d",
                "kernel_size": [2, 2],
                "stride": 2,
                "padding": 0,
                "dilation": 1,
                "ceil_mode": False,
            },
        ),
        (
            {"type": "avg_pool2d", "kernel_size": 2},
            {"type": "avg_pool2d", "kernel_size": 2, "stride": None, "count_include_pad": False},
        ),
        (
            {"type": "adaptive_avg_pool2d", "output_size": 1},
            {"type": "adaptive_avg_pool2d", "output_size": [1, 1]},
        ),
    ],
    ids=str,
)
def test_one_pooling_has_one_text(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert text_of("pooling", **one) == text_of("pooling", **other)


def test_whether_padding_counts_is_kept_where_there_is_padding() -> None:
    padded = {"type": "avg_pool1d", "kernel_size": 3, "padding": 1}
    assert text_of("pooling", **padded) != text_of("pooling", **padded, count_include_pad=False)


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        ({"type": "max_pool3d", "kernel_size": 2}, ["'max_pool3d'", "did you mean `max_pool2d`"]),
        ({"type": "max_pool2d"}, ["needs the attribute `kernel_size`"]),
        ({"type": "max_pool2d", "kernel_size": 0}, ["`kernel_size`", "greater than or equal to 1"]),
        (
            {"type": "max_pool2d", "kernel_size": 2, "padding": 2},
            ["`padding`", "2: it is more than half of kernel_size=(2, 2)"],
        ),
        (
            {"type": "max_pool2d", "kernel_size": 2, "count_include_pad": True},
            ["max_pool2d has no such attribute"],
        ),
        (
            {"type": "adaptive_avg_pool2d", "output_size": 1, "kernel_size": 2},
            ["its attributes are output_size"],
        ),
        ({"type": "adaptive_avg_pool2d", "output_size": [1, 0]}, ["`output_size`"]),
    ],
    ids=str,
)
def test_wrong_attributes_are_refused_with_what_is_wrong(
    attributes: dict[str, Any], parts: list[str]
) -> None:
    said = complaint("pooling", **attributes)
    assert all(part in said for part in parts), said
    assert said.count("`pooling`") == 1, said


def test_inputs_that_do_not_fit_are_refused_with_both_values() -> None:
    attributes = {"type": "max_pool2d", "kernel_size": 5}
    assert "[batch, channels, height, width], not float32[batch, 4, length]" in refusal(
        "pooling", attributes, SERIES
    )
    assert "an axis of 3 under a window that covers 5" in refusal("pooling", attributes, tensor(1, 4, 3, 9))
    assert "not int64" in refusal("pooling", attributes, tensor(1, 4, 9, 9, dtype="int64"))


def test_pooling_costs_one_elementwise_operation_for_each_output() -> None:
    op, attributes = OPS["pooling"], values_of("pooling", {"type": "avg_pool2d", "kernel_size": 2})
    outputs = op.infer(attributes, [tensor(2, 4, 6, 8)], [])
    assert op.cost(attributes, [tensor(2, 4, 6, 8)], outputs) == Cost(0, 2 * 4 * 3 * 4)
