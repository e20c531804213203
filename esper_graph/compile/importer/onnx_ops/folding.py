"""Compute what does not depend on the inputs, and what depends on their sizes only."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import Operator, axis_of
from esper_graph.compile.importer.onnx_ops.tensors import dtype_of
from esper_graph.compile.importer.onnx_ops.values import Sizes, entries_of, listed, settled, sizes_of
from esper_graph.compile.importer.values import Known, Spread, Wire
from esper_graph.ops.dims import Dim, exact_quotient, product


class Budget:
    """How many elements may still be computed while a file is read."""

    def __init__(self, given: int) -> None:
        self.left = 8 * given + (1 << 26)

    def take(self, count: int) -> None:
        """Spend.

        Raises:
            CannotRaiseError: Nothing is left.
        """
        self.left -= count
        if self.left < 0:
            raise CannotRaiseError("what is computed from constants alone is too large")


def folded(op: Operator, kind: str, budget: Budget) -> Any:
    """Return what a node gives that depends on no data, or None."""
    if kind in ("Shape", "Size"):
        return _shape(op, kind)
    inputs = [one for one in op.inputs if one is not None]
    if kind == "Unsqueeze" and isinstance(op.input(0), Spread) and len(op.axes(1) or []) == 1:
        return _unsqueezed_spread(op)
    if not inputs or any(not isinstance(one, Known | Sizes) for one in inputs):
        return None
    if any(isinstance(one, Sizes) for one in inputs):
        compute = _WITH_SIZES.get(kind)
        return None if compute is None else compute(op)
    compute = _KNOWN.get(kind)
    if compute is None:
        return None
    budget.take(_bound(op, kind, inputs))
    try:
        found = compute(op)
    except (RuntimeError, IndexError, ValueError, TypeError, OverflowError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CannotRaiseError(f"it cannot be computed: {text}") from None
    if isinstance(found, list):
        return [Known(one) for one in cast("list[Tensor]", found)]
    result = Known(found)
    if kind == "Transpose":
        op.file.turn(inputs[0], result)
    return result


def _bound(op: Operator, kind: str, inputs: list[Known]) -> int:
    """Return how many elements a result has at most."""
    counts = [one.tensor.numel() for one in inputs]
    if kind in ("Expand", "ConstantOfShape", "Tile"):
        sizes = entries_of(inputs[-1].tensor)
        return math.prod(abs(int(size)) + 1 for size in sizes) * (
            counts[0] if kind != "ConstantOfShape" else 1
        )
    if kind == "Range":
        start, limit, delta = (one.tensor.item() for one in inputs)
        return abs(int((limit - start) / delta)) + 1 if delta else 1
    if kind == "Pad":
        pads = sum(abs(int(one)) for one in entries_of(inputs[1].tensor))
        return math.prod(size + pads for size in inputs[0].tensor.shape)
    if kind == "Gather":
        return counts[0] * counts[1]
    if kind in ("Concat", "Split", "Slice", "Reshape", "Transpose", "Cast", "Unsqueeze", "Squeeze"):
        return sum(counts)
    if kind in ("MatMul", "Gemm"):
        return counts[0] * counts[1]
    try:
        return math.prod(_broadcast(*[one.tensor.shape for one in inputs]))
    except RuntimeError:
        return sum(counts)


def _broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    return tuple(torch.broadcast_shapes(*shapes))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _shape(op: Operator, kind: str) -> Any:
    value = op.input(0)
    if value is None:
        return None
    shape = op.type(value).shape
    if kind == "Size":
        return settled(np.array(product(shape), dtype=object))
    start, end = op.get("start", 0), op.get("end")
    return listed(shape[start:end])


# ---------------------------------------------------------------- known tensors


def _t(op: Operator, at: int) -> Tensor:
    value = op.input(at)
    assert isinstance(value, Known)
    return value.tensor


def _ints(op: Operator, at: int) -> list[int]:
    value = op.input(at)
    if value is None:
        return []
    return [int(one) for one in entries_of(_t(op, at))]


def _axes(op: Operator, at: int = 1) -> list[int]:
    return list(op["axes"]) if "axes" in op.arguments else _ints(op, at)


def _div(op: Operator) -> Tensor:
    left, right = _t(op, 0), _t(op, 1)
    return left / right if left.is_floating_point() else torch.div(left, right, rounding_mode="trunc")


def _unsqueeze(op: Operator) -> Tensor:
    x, axes = _t(op, 0), _axes(op)
    rank = x.ndim + len(axes)
    for axis in sorted(axis_of(axis, rank) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _squeeze(op: Operator) -> Tensor:
    axes = _axes(op)
    return _t(op, 0).squeeze(tuple(axes)) if axes else _t(op, 0).squeeze()


def _slice(op: Operator) -> Tensor:
    x = _t(op, 0)
    starts, ends, axes, steps = slice_parts(op)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = x.shape[axis]
        low, high, by = (
            slice(start, end, step).indices(size) if step > 0 else _backwards(start, end, step, size)
        )
        x = x.index_select(
            axis, torch.arange(low, high, by) if (high - low) * by > 0 else torch.zeros(0, dtype=torch.int64)
        )
    return x


def _backwards(start: int, end: int, step: int, size: int) -> tuple[int, int, int]:
    start, end = (one + size if one < 0 else one for one in (start, end))
    return min(max(start, 0), size - 1), min(max(end, -1), size - 1), step


def slice_parts(op: Operator) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return starts, ends, axes and steps of a slice.

    Raises:
        CannotRaiseError: Some are sizes that are not fixed.
    """
    if "starts" in op.arguments:
        starts, ends = list(op["starts"]), list(op["ends"])
        axes, steps = op.get("axes"), None
    else:
        starts, ends = op.fixed(1, "start") or [], op.fixed(2, "end") or []
        axes, steps = op.fixed(3, "axes"), op.fixed(4, "steps")
    axes = list(range(len(starts))) if axes is None else list(axes)
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise CannotRaiseError("its starts, ends, axes and steps do not fit together")
    rank = op.type(op.input(0)).rank
    if any(not -rank <= axis < rank for axis in axes):
        raise CannotRaiseError(f"its axes {axes} are not all axes of a tensor of rank {rank}")
    return starts, ends, [axis % rank for axis in axes], steps


def _gather(op: Operator) -> Tensor:
    x, index = _t(op, 0), _t(op, 1)
    axis = axis_of(op.get("axis", 0), x.ndim)
    size = int(x.shape[axis])
    flat = torch.where(index < 0, index + size, index).flatten().long()
    return x.index_select(axis, flat).reshape([*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]])


def _cast(op: Operator) -> Tensor:
    return _t(op, 0).to(dtype_of(op["to"]))


def _reshape(op: Operator) -> Tensor:
    x, shape = _t(op, 0), list(op["shape"]) if "shape" in op.arguments else _ints(op, 1)
    if not op.get("allowzero", 0):
        shape = [x.shape[at] if size == 0 else size for at, size in enumerate(shape)]
    return x.reshape(shape)


def _reduced(function: Callable[[Tensor, int, bool], Tensor]) -> Callable[[Operator], Tensor]:
    def reduce(op: Operator) -> Tensor:
        x, axes = _t(op, 0), _axes(op)
        if not axes:
            if op.get("noop_with_empty_axes", 0):
                return x
            axes = list(range(x.ndim))
        for axis in sorted((axis_of(axis, x.ndim) for axis in axes), reverse=True):
            x = function(x, axis, bool(op.get("keepdims", 1)))
        return x

    return reduce


def _constant_of_shape(op: Operator) -> Tensor:
    value = op.get("value")
    value = torch.zeros(1) if value is None else value
    return value.reshape(()).expand(_ints(op, 0)).clone()


def _expand(op: Operator) -> Tensor:
    x = _t(op, 0)
    return x.expand(_broadcast(x.shape, _ints(op, 1)))


def _split(op: Operator) -> list[Tensor]:
    x = _t(op, 0)
    axis: int = op.get("axis", 0)
    sizes = list(op["split"]) if "split" in op.arguments else _ints(op, 1)
    count = len(op.outputs)
    step = -(-int(x.shape[axis]) // count)
    return list(torch.split(x, sizes or step, axis))


def _trilu(op: Operator) -> Tensor:
    k = _ints(op, 1)
    return (torch.triu if op.get("upper", 1) else torch.tril)(_t(op, 0), k[0] if k else 0)


def _range(op: Operator) -> Tensor:
    start, limit, delta = (_t(op, at).item() for at in range(3))
    return torch.arange(start, limit, delta, dtype=_t(op, 0).dtype)


def _two(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Operator], Tensor]:
    return lambda op: function(_t(op, 0), _t(op, 1))


def _one(function: Callable[[Tensor], Tensor]) -> Callable[[Operator], Tensor]:
    return lambda op: function(_t(op, 0))


def _all(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Operator], Tensor]:
    def compute(op: Operator) -> Tensor:
        found = _t(op, 0)
        for at in range(1, len(op.inputs)):
            found = function(found, _t(op, at))
        return found

    return compute


_KNOWN: Mapping[str, Callable[[Operator], Any]] = {
    "Add": _two(torch.add),
    "Sub": _two(torch.sub),
    "Mul": _two(torch.mul),
    "Div": _div,
    "Mod": lambda op: (torch.fmod if op.get("fmod", 0) else torch.remainder)(_t(op, 0), _t(op, 1)),
    "Pow": lambda op: torch.pow(_t(op, 0), _t(op, 1)).to(_t(op, 0).dtype),
    "MatMul": _two(torch.matmul),
    "Max": _all(torch.maximum),
    "Min": _all(torch.minimum),
    "Equal": _two(torch.eq),
    "Greater": _two(torch.gt),
    "GreaterOrEqual": _two(torch.ge),
    "Less": _two(torch.lt),
    "LessOrEqual": _two(torch.le),
    "And": _two(torch.logical_and),
    "Or": _two(torch.logical_or),
    "Xor": _two(torch.logical_xor),
    "Not": _one(torch.logical_not),
    **{
        name: _one(getattr(torch, name.lower()))
        for name in (
            "Sqrt",
            "Exp",
            "Log",
            "Neg",
            "Abs",
            "Sin",
            "Cos",
            "Floor",
            "Ceil",
            "Round",
            "Sign",
            "Erf",
        )
    },
    "Tanh": _one(torch.tanh),
    "Sigmoid": _one(torch.sigmoid),
    "Reciprocal": _one(torch.reciprocal),
    "Where": lambda op: torch.where(_t(op, 0), _t(op, 1), _t(op, 2)),
    "Cast": _cast,
    "CastLike": lambda op: _t(op, 0).to(_t(op, 1).dtype),
    "Concat": lambda op: torch.cat([_t(op, at) for at in range(len(op.inputs))], op["axis"]),
    "ConstantOfShape": _constant_of_shape,
    "CumSum": lambda op: (
        torch.cumsum(_t(op, 0), _ints(op, 1)[0], dtype=_t(op, 0).dtype)
        if not op.get("exclusive", 0) and not op.get("reverse", 0)
        else None
    ),
    "Expand": _expand,
    "Gather": _gather,
    "Range": _range,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": lambda op: _t(op, 0).tile(_ints(op, 1)),
    "Transpose": lambda op: _t(op, 0).permute(op.get("perm") or list(reversed(range(_t(op, 0).ndim)))),
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
    "ReduceSum": _reduced(lambda x, axis, keep: x.sum(axis, keepdim=keep, dtype=x.dtype)),
    "ReduceProd": _reduced(lambda x, axis, keep: x.prod(axis, keepdim=keep, dtype=x.dtype)),
    "ReduceMax": _reduced(lambda x, axis, keep: x.amax(axis, keepdim=keep)),
    "ReduceMin": _reduced(lambda x, axis, keep: x.amin(axis, keepdim=keep)),
    "ReduceMean": _reduced(lambda x, axis, keep: x.mean(axis, keepdim=keep)),
}

# ---------------------------------------------------------------- sizes that are not fixed


def _s(op: Operator, at: int) -> Any:
    found = sizes_of(op.input(at))
    if found is None:
        raise CannotRaiseError("it computes with sizes that are not fixed")
    return found


def _with(function: Callable[[Any, Any], Any]) -> Callable[[Operator], Any]:
    return lambda op: settled(np.frompyfunc(function, 2, 1)(_s(op, 0), _s(op, 1)))


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
    return lambda op: settled(function(op, _s(op, 0)))


def _sizes_gather(op: Operator) -> Any:
    if not isinstance(op.input(1), Known):
        raise CannotRaiseError("it picks at a size that is not fixed")
    return settled(np.take(_s(op, 0), op.input(1).tensor.numpy(), axis=op.get("axis", 0)))


def _sizes_slice(op: Operator) -> Any:
    if not isinstance(op.input(0), Sizes):
        raise CannotRaiseError("it cuts at a size that is not fixed")
    x = _s(op, 0)
    starts, ends, axes, steps = slice_parts(op)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        x = x[(slice(None),) * axis + (slice(start, end, step),)]
    return settled(x)


def _sizes_concat(op: Operator) -> Any:
    return settled(np.concatenate([_s(op, at) for at in range(len(op.inputs))], axis=op["axis"]))


def _sizes_where(op: Operator) -> Any:
    if not isinstance(op.input(0), Known):
        raise CannotRaiseError("it chooses by a size that is not fixed")
    return settled(np.where(op.input(0).tensor.numpy(), _s(op, 1), _s(op, 2)))


def _sizes_cast(op: Operator) -> Any:
    if dtype_of(op["to"]) not in (torch.int64, torch.int32, torch.float32):
        raise CannotRaiseError("it makes a size that is not fixed into something else")
    return op.input(0)


def _sizes_product(op: Operator) -> Any:
    found = product(tuple(_s(op, 0).ravel().tolist()))
    return settled(np.array([found] if op.get("keepdims", 1) else found, dtype=object))


def _unsqueezed_spread(op: Operator) -> Any:
    value = op.input(0)
    rank = len(value.shape)
    for axis in sorted(axis % (rank + 1) for axis in op.axes(1) or []):
        shape = (*value.shape[:axis], 1, *value.shape[axis:])
        value = Spread(Known(value.known.tensor.unsqueeze(axis)), shape)
    return value


def _spread_of(op: Operator) -> Any:
    """A known tensor stretched along axes that are not fixed."""
    if op.kind == "ConstantOfShape":
        value = op.get("value")
        tensor = torch.zeros(1) if value is None else value
        shape: list[Dim] = _s(op, 0).tolist()
        one = tensor.reshape([1] * len(shape))
        return Spread(Known(one), tuple(shape))
    x = op.input(0)
    if not isinstance(x, Known):
        raise CannotRaiseError("it computes with sizes that are not fixed")
    target: list[Dim] = _s(op, 1).tolist()
    given = (1,) * (len(target) - x.tensor.ndim) + tuple(x.tensor.shape)
    shape = [one if size == 1 else size for size, one in zip(given, target, strict=True)]
    return Spread(Known(x.tensor.reshape(given)), tuple(shape))


_WITH_SIZES: Mapping[str, Callable[[Operator], Any]] = {
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
__all__ = ["Budget", "Wire", "folded", "slice_parts"]
