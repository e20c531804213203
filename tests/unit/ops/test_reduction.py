from collections.abc import Callable
from typing import Any

import pytest
import torch

from esper_graph.ops import OPS
from esper_graph.ops.values import DTYPES, TensorType
from tests.unit.ops.nn_oracle import (
    assert_same_as_torch,
    complaint,
    infer,
    refusal,
    tensor,
    text_of,
    values_of,
)

X = tensor("batch", "length", 4)
Axes = int | list[int] | None


def _product(x: torch.Tensor, dim: Axes, keepdim: bool) -> torch.Tensor:
    if dim is None:
        return x.prod()
    for axis in sorted((dim,) if isinstance(dim, int) else dim, reverse=True):
        x = x.prod(axis, keepdim=True)
    axes = (dim,) if isinstance(dim, int) else tuple(dim)
    return x if keepdim else x.squeeze(axes)


def _all_axes(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda x, dim, keepdim: function(x) if dim is None else function(x, dim=dim, keepdim=keepdim)


def _spread(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda x, dim, keepdim: function(x, dim=dim, correction=0, keepdim=keepdim and dim is not None)


REDUCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "mean": _all_axes(torch.mean),
    "sum": _all_axes(torch.sum),
    "max": _all_axes(torch.amax),
    "min": _all_axes(torch.amin),
    "std": _spread(torch.std),
    "var": _spread(torch.var),
    "norm": _all_axes(torch.linalg.vector_norm),
    "prod": _product,
    "argmax": _all_axes(torch.argmax),
    "argmin": _all_axes(torch.argmin),
    "any": _all_axes(torch.any),
    "all": _all_axes(torch.all),
}
ACCEPTED = {
    "mean": ("float", "complex"),
    "sum": ("float", "complex", "int", "bool"),
    "prod": ("float", "complex", "int", "bool"),
    "max": ("float", "int", "bool"),
    "min": ("float", "int", "bool"),
    "argmax": ("float", "int"),
    "argmin": ("float", "int"),
    "std": ("float",),
    "var": ("float",),
    "norm": ("float", "complex"),
    "any": ("bool",),
    "all": ("bool",),
}


@pytest.mark.parametrize("operation", REDUCTIONS)
@pytest.mark.parametrize("dim", [None, -1, 0, [1], [0, -1]])
@pytest.mark.parametrize("keepdim", [True, False])
def test_reduce_is_that_of_torch(operation: str, dim: Axes, keepdim: bool) -> None:
    if operation.startswith("arg") and isinstance(dim, list):
        if len(dim) > 1:
            assert "one axis or all" in complaint("reduce", operation=operation, dim=dim)
            return
        dim = dim[0]
    x = TensorType(X.shape, "bool") if operation in ("any", "all") else X
    attributes = {"operation": operation, "dim": dim, "keepdim": keepdim}
    assert_same_as_torch("reduce", attributes, [x], lambda value: REDUCTIONS[operation](value, dim, keepdim))


@pytest.mark.parametrize("operation", REDUCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dtype_is_accepted_where_the_statistic_has_a_meaning(operation: str, dtype: str) -> None:
    x = tensor(2, 3, dtype=dtype)
    attributes = {"operation": operation, "dim": -1}
    if DTYPES[dtype].kind not in ACCEPTED[operation]:
        assert f"{dtype}[2, 3]" in refusal("reduce", attributes, x)
        return
    ((found,), _) = infer("reduce", attributes, x)
    assert isinstance(found, TensorType)
    result = REDUCTIONS[operation](torch.ones(2, 3, dtype=getattr(torch, dtype)), -1, True)
    assert result.dtype == getattr(torch, found.dtype), "on a CPU too"


def test_statistics_of_rows_can_be_joined() -> None:
    columns = [
        infer("reduce", {"operation": name, "dim": -1}, tensor("batch", 9))[0][0]
        for name in ("mean", "std", "max")
    ]
    assert infer("concat", {"dim": -1}, *columns)[0] == (tensor("batch", 3),)


@pytest.mark.parametrize("order", [1, 2.0, 0.5, "inf"])
def test_a_norm_has_an_order(order: float | str) -> None:
    attributes = {"operation": "norm", "dim": 1, "ord": order}
    assert_same_as_torch(
        "reduce", attributes, [X], lambda x: torch.linalg.vector_norm(x, float(order), dim=1, keepdim=True)
    )


def test_equal_reductions_are_one_text() -> None:
    assert text_of("reduce", operation="mean", dim=-1) == text_of(
        "reduce", operation="mean", dim=[-1], keepdim=True
    )
    assert text_of("reduce", operation="sum", dim=[2, 1]) == text_of("reduce", operation="sum", dim=[1, 2])
    assert text_of("reduce", operation="mean") == text_of("reduce", operation="mean", dim=None, keepdim=False)
    assert text_of("reduce", operation="norm", ord=2) == text_of("reduce", operation="norm")
    assert text_of("reduce", operation="mean", dim=-1) != text_of(
        "reduce", operation="mean", dim=-1, keepdim=False
    )


def test_other_reductions_are_refused() -> None:
    assert "`mean`" in complaint("reduce", operation="meen")
    assert complaint("reduce", operation="mean", dim=[])
    assert complaint("reduce", operation="mean", dim=True)
    assert complaint("reduce", operation="norm", ord=0)
    assert "`ord` belongs" in complaint("reduce", operation="mean", ord=1)
    assert "axis 3 does not exist" in refusal("reduce", {"operation": "mean", "dim": 3}, X)
    assert "twice" in refusal("reduce", {"operation": "mean", "dim": [-1, 2]}, X)


@pytest.mark.parametrize("dim", [-1, 1])
@pytest.mark.parametrize("keepdim", [True, False])
def test_entropy_goes_over_one_axis(dim: int, keepdim: bool) -> None:
    def run(x: torch.Tensor) -> torch.Tensor:
        return torch.special.entr(x).sum(dim, keepdim=keepdim)

    assert_same_as_torch("entropy", {"dim": dim, "keepdim": keepdim}, [X], run)


def test_entropy_is_of_probabilities_along_the_last_axis() -> None:
    assert infer("entropy", {}, X)[0] == (tensor("batch", "length", 1),)
    assert "int64[2, 3]" in refusal("entropy", {}, tensor(2, 3, dtype="int64"))
    assert "axis -1 does not exist" in refusal("entropy", {}, tensor())


@pytest.mark.parametrize(("op_type", "attributes"), [("reduce", {"operation": "mean"}), ("entropy", {})])
def test_one_operation_is_counted_for_each_element_read(op_type: str, attributes: dict[str, Any]) -> None:
    cost = OPS[op_type].cost(values_of(op_type, attributes), [X], infer(op_type, attributes, X)[0])
    assert (cost.macs, str(cost.elementwise)) == (0, "4*batch*length")


def test_cumsum_keeps_the_shape_and_counts_whole_numbers_in_the_widest() -> None:
    assert infer("cumsum", {}, tensor("batch", 3))[0] == (tensor("batch", 3),)
    assert infer("cumsum", {"dim": 0}, tensor(4, dtype="bool"))[0] == (tensor(4, dtype="int64"),)
    assert "axis 2 does not exist" in refusal("cumsum", {"dim": 2}, tensor("batch", 3))
