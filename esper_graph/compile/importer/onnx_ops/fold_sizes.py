"""What ops give for sizes that are not fixed: numbers and symbols, in arrays of numpy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import Operator, slice_parts
from esper_graph.compile.importer.onnx_ops.tensors import dtype_of
from esper_graph.compile.importer.onnx_ops.values import Sizes, settled, sizes_of
from esper_graph.compile.importer.values import Known, Spread
from esper_graph.ops.dims import Dim, exact_quotient, product


def _sizes(op: Operator, at: int) -> Any:
    found = sizes_of(op.input(at))
    if found is None:
        raise CannotRaiseError("it computes with sizes that are not fixed")
    return found


def _with(function: Callable[[Any, Any], Any]) -> Callable[[Operator], Any]:
    return lambda op: settled(np.frompyfunc(function, 2, 1)(_sizes(op, 0), _sizes(op, 1)))


def _quotient(left: Any, right: Any) -> Any:
    exact = exact_quotient(left, right)
    if exact is not None:
        return exact
    if isinstance(right, int) and right > 0:
        return left // right
    raise CannotRaiseError(f"it divides the size {left} by {right}")


def _equal(left: Any, right: Any) -> bool:
    if left == right:
        return True
    known = [one for one in (left, right) if isinstance(one, int)]
    if len(known) == 2 or (known and known[0] < 1):
        return False
    raise CannotRaiseError(f"it asks whether the size {left} is {right}")


def _sized(function: Callable[[Operator, Any], Any]) -> Callable[[Operator], Any]:
    return lambda op: settled(function(op, _sizes(op, 0)))


def _sizes_gather(op: Operator) -> Any:
    if not isinstance(op.input(1), Known):
        raise CannotRaiseError("it picks at a size that is not fixed")
    return settled(np.take(_sizes(op, 0), op.input(1).tensor.numpy(), axis=op.get("axis", 0)))


def _sizes_slice(op: Operator) -> Any:
    if not isinstance(op.input(0), Sizes):
        raise CannotRaiseError("it cuts at a size that is not fixed")
    x = _sizes(op, 0)
    starts, ends, axes, steps = slice_parts(op)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        x = x[(slice(None),) * axis + (slice(start, end, step),)]
    return settled(x)


def _sizes_concat(op: Operator) -> Any:
    return settled(np.concatenate([_sizes(op, at) for at in range(len(op.inputs))], axis=op["axis"]))


def _sizes_where(op: Operator) -> Any:
    if not isinstance(op.input(0), Known):
        raise CannotRaiseError("it chooses by a size that is not fixed")
    return settled(np.where(op.input(0).tensor.numpy(), _sizes(op, 1), _sizes(op, 2)))


def _sizes_cast(op: Operator) -> Any:
    if dtype_of(op["to"]) not in (torch.int64, torch.int32, torch.float32):
        raise CannotRaiseError("it makes a size that is not fixed into something else")
    return op.input(0)


def _sizes_product(op: Operator) -> Any:
    found = product(tuple(_sizes(op, 0).ravel().tolist()))
    return settled(np.array([found] if op.get("keepdims", 1) else found, dtype=object))


def _spread_of(op: Operator) -> Any:
    """A known tensor stretched along axes that are not fixed."""
    if op.kind == "ConstantOfShape":
        value = op.get("value")
        tensor = torch.zeros(1) if value is None else value
        shape: list[Dim] = _sizes(op, 0).tolist()
        one = tensor.reshape([1] * len(shape))
        return Spread(Known(one), tuple(shape))
    x = op.input(0)
    if not isinstance(x, Known):
        raise CannotRaiseError("it computes with sizes that are not fixed")
    target: list[Dim] = _sizes(op, 1).tolist()
    given = (1,) * (len(target) - x.tensor.ndim) + tuple(x.tensor.shape)
    shape = [one if size == 1 else size for size, one in zip(given, target, strict=True)]
    return Spread(Known(x.tensor.reshape(given)), tuple(shape))


SIZES: Mapping[str, Callable[[Operator], Any]] = {
    "Add": _with(lambda a, b: a + b),
    "Sub": _with(lambda a, b: a - b),
    "Mul": _with(lambda a, b: a * b),
    "Div": _with(_quotient),
    "Equal": _with(_equal),
    "Cast": _sizes_cast,
    "Floor": lambda op: op.input(0),
    "Concat": _sizes_concat,
    "Gather": _sizes_gather,
    "Slice": _sizes_slice,
    "Where": _sizes_where,
    "ReduceProd": _sizes_product,
    "Squeeze": _sized(lambda op, x: np.squeeze(x, tuple(op.axes(1) or range(x.ndim)))),
    "Unsqueeze": _sized(lambda op, x: np.expand_dims(x, tuple(op.axes(1) or []))),
    "Reshape": _sized(lambda op, x: x.reshape(op.fixed(1, "shape"))),
    "ConstantOfShape": _spread_of,
    "Expand": _spread_of,
}
