"""What ops give for known tensors, computed with torch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.importer.onnx_ops.operator import Operator, axis_of, slice_parts
from esper_graph.compile.importer.onnx_ops.tensors import dtype_of
from esper_graph.compile.importer.onnx_ops.values import entries_of
from esper_graph.compile.importer.values import Known


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape that shapes are stretched to; raises RuntimeError where they do not fit."""
    return tuple(torch.broadcast_shapes(*shapes))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _tensor(op: Operator, at: int) -> Tensor:
    value = op.input(at)
    assert isinstance(value, Known)
    return value.tensor


def _ints(op: Operator, at: int) -> list[int]:
    value = op.input(at)
    if value is None:
        return []
    return [int(one) for one in entries_of(_tensor(op, at))]


def _axes(op: Operator) -> list[int]:
    return list(op["axes"]) if "axes" in op.arguments else _ints(op, 1)


def _div(op: Operator) -> Tensor:
    left, right = _tensor(op, 0), _tensor(op, 1)
    return left / right if left.is_floating_point() else torch.div(left, right, rounding_mode="trunc")


def _unsqueeze(op: Operator) -> Tensor:
    x, axes = _tensor(op, 0), _axes(op)
    rank = x.ndim + len(axes)
    for axis in sorted(axis_of(axis, rank) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _squeeze(op: Operator) -> Tensor:
    axes = _axes(op)
    return _tensor(op, 0).squeeze(tuple(axes)) if axes else _tensor(op, 0).squeeze()


def _slice(op: Operator) -> Tensor:
    x = _tensor(op, 0)
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


def _gather(op: Operator) -> Tensor:
    x, index = _tensor(op, 0), _tensor(op, 1)
    axis = axis_of(op.get("axis", 0), x.ndim)
    size = int(x.shape[axis])
    flat = torch.where(index < 0, index + size, index).flatten().long()
    return x.index_select(axis, flat).reshape([*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]])


def _cast(op: Operator) -> Tensor:
    return _tensor(op, 0).to(dtype_of(op["to"]))


def _reshape(op: Operator) -> Tensor:
    x, shape = _tensor(op, 0), list(op["shape"]) if "shape" in op.arguments else _ints(op, 1)
    if not op.get("allowzero", 0):
        shape = [x.shape[at] if size == 0 else size for at, size in enumerate(shape)]
    return x.reshape(shape)


def _reduced(function: Callable[[Tensor, int, bool], Tensor]) -> Callable[[Operator], Tensor]:
    def reduce(op: Operator) -> Tensor:
        x, axes = _tensor(op, 0), _axes(op)
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
    x = _tensor(op, 0)
    return x.expand(broadcast(x.shape, _ints(op, 1)))


def _split(op: Operator) -> list[Tensor]:
    x = _tensor(op, 0)
    axis: int = op.get("axis", 0)
    sizes = list(op["split"]) if "split" in op.arguments else _ints(op, 1)
    count = len(op.outputs)
    step = -(-int(x.shape[axis]) // count)
    return list(torch.split(x, sizes or step, axis))


def _cumsum(op: Operator) -> Tensor:
    x, axis = _tensor(op, 0), _ints(op, 1)[0]
    backwards = [axis] if op.get("reverse", 0) else []
    sums = x.flip(backwards).cumsum(axis, dtype=x.dtype)
    if op.get("exclusive", 0):
        first = sums.narrow(axis, 0, 1)
        sums = torch.cat([torch.zeros_like(first), sums.narrow(axis, 0, x.shape[axis] - 1)], axis)
    return sums.flip(backwards)


def _transpose(op: Operator) -> Tensor:
    x = _tensor(op, 0)
    return x.permute(op.get("perm") or [*reversed(range(x.ndim))])


def _trilu(op: Operator) -> Tensor:
    k = _ints(op, 1)
    return (torch.triu if op.get("upper", 1) else torch.tril)(_tensor(op, 0), k[0] if k else 0)


def _range(op: Operator) -> Tensor:
    start, limit, delta = (_tensor(op, at).item() for at in range(3))
    return torch.arange(start, limit, delta, dtype=_tensor(op, 0).dtype)


def _two(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Operator], Tensor]:
    return lambda op: function(_tensor(op, 0), _tensor(op, 1))


def _one(function: Callable[[Tensor], Tensor]) -> Callable[[Operator], Tensor]:
    return lambda op: function(_tensor(op, 0))


def _all(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Operator], Tensor]:
    def compute(op: Operator) -> Tensor:
        found = _tensor(op, 0)
        for at in range(1, len(op.inputs)):
            found = function(found, _tensor(op, at))
        return found

    return compute


TENSORS: Mapping[str, Callable[[Operator], Any]] = {
    "Add": _two(torch.add),
    "Sub": _two(torch.sub),
    "Mul": _two(torch.mul),
    "Div": _div,
    "Mod": lambda op: (torch.fmod if op.get("fmod", 0) else torch.remainder)(_tensor(op, 0), _tensor(op, 1)),
    "Pow": lambda op: torch.pow(_tensor(op, 0), _tensor(op, 1)).to(_tensor(op, 0).dtype),
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
            *("Sqrt", "Exp", "Log", "Neg", "Abs", "Sin", "Cos", "Tanh", "Sigmoid", "Reciprocal"),
            *("Floor", "Ceil", "Round", "Sign", "Erf"),
        )
    },
    "Where": lambda op: torch.where(_tensor(op, 0), _tensor(op, 1), _tensor(op, 2)),
    "Cast": _cast,
    "CastLike": lambda op: _tensor(op, 0).to(_tensor(op, 1).dtype),
    "Concat": lambda op: torch.cat([_tensor(op, at) for at in range(len(op.inputs))], op["axis"]),
    "ConstantOfShape": _constant_of_shape,
    "CumSum": _cumsum,
    "Expand": _expand,
    "Gather": _gather,
    "Range": _range,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": lambda op: _tensor(op, 0).tile(_ints(op, 1)),
    "Transpose": _transpose,
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
    "ReduceSum": _reduced(lambda x, axis, keep: x.sum(axis, keepdim=keep, dtype=x.dtype)),
    "ReduceProd": _reduced(lambda x, axis, keep: x.prod(axis, keepdim=keep, dtype=x.dtype)),
    "ReduceMax": _reduced(lambda x, axis, keep: x.amax(axis, keepdim=keep)),
    "ReduceMin": _reduced(lambda x, axis, keep: x.amin(axis, keepdim=keep)),
    "ReduceMean": _reduced(lambda x, axis, keep: x.mean(axis, keepdim=keep)),
}
