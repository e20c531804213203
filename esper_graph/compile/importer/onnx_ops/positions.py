"""Positions along an axis that is not fixed: good for picking each sample's own elements, and no more.

Transformers build their masks so: an index that counts the samples, one that is known, and `GatherND`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import Operator, axis_of
from esper_graph.compile.importer.onnx_ops.values import sizes_of
from esper_graph.compile.importer.raisers.indexing import picked
from esper_graph.compile.importer.raisers.shape import stretched
from esper_graph.compile.importer.values import Known, Spread, Wire
from esper_graph.ops.dims import Dim
from esper_graph.ops.rules import broadcast
from esper_graph.ops.values import TensorType


@dataclass(frozen=True, slots=True)
class Counting:
    """Elements that are their own positions along one axis; with no axis, only the shape is known."""

    shape: tuple[Dim, ...]
    axis: int | None

    @property
    def type(self) -> TensorType:
        """Its type."""
        return TensorType(self.shape, "int64")


@dataclass(frozen=True, slots=True)
class Indices:
    """Positions in several axes at once, side by side along a last axis."""

    parts: tuple[Counting | Spread | Known, ...]


def positioned(op: Operator, kind: str) -> Any:
    """Return what an op gives that is about positions, or None.

    Raises:
        CannotRaiseError: It computes with them in another way.
    """
    if kind == "Range":
        return _range(op)
    if not any(isinstance(one, Counting | Indices) for one in op.inputs) or kind == "Shape":
        return None
    take = _TAKERS.get(kind)
    if take is None:
        raise CannotRaiseError("it computes with positions along an axis that is not fixed")
    return take(op)


def _range(op: Operator) -> Counting | None:
    start, limit, step = (sizes_of(one) for one in op.inputs)
    if start is None or limit is None or step is None:
        return None
    size = limit.ravel()[0]
    if isinstance(size, int):
        return None
    if start.ravel()[0] != 0 or step.ravel()[0] != 1:
        raise CannotRaiseError("it counts along an axis that is not fixed, from elsewhere or with steps")
    return Counting((size,), 0)


def _unsqueezed(op: Operator) -> Any:
    value = op.input(0)
    if not isinstance(value, Counting):
        raise CannotRaiseError("it computes with positions along an axis that is not fixed")
    axes = op.axes(1) or []
    rank = len(value.shape) + len(axes)
    new = {axis_of(axis, rank) for axis in axes}
    sizes = iter(value.shape)
    shape = tuple(1 if at in new else next(sizes) for at in range(rank))
    kept = [at for at in range(rank) if at not in new]
    return Counting(shape, None if value.axis is None else kept[value.axis])


def _common(op: Operator) -> Counting:
    """Return what has the shape that several tensors have together: it is asked for its shape alone."""
    shape: tuple[Dim, ...] = ()
    for one in op.inputs:
        shape = broadcast(shape, one.shape if isinstance(one, Counting) else op.type(one).shape, "positions")
    return Counting(shape, None)


def _expanded(op: Operator) -> Any:
    value, target = op.input(0), op.numbers(1, "shape")
    if not isinstance(value, Counting) or target is None:
        raise CannotRaiseError("it computes with positions along an axis that is not fixed")
    shape = broadcast(value.shape, tuple(target), "expand")
    moved = len(shape) - len(value.shape)
    return Counting(shape, None if value.axis is None else value.axis + moved)


def _side_by_side(op: Operator) -> Any:
    axis = op["axis"]
    parts: list[Any] = []
    for one in op.inputs:
        shape = one.shape if isinstance(one, Counting) else op.type(one).shape
        if (
            not isinstance(one, Counting | Spread | Known)
            or shape[-1] != 1
            or axis % len(shape) != len(shape) - 1
        ):
            raise CannotRaiseError("it joins positions along an axis that is not fixed with others")
        parts.append(one)
    return Indices(tuple(parts))


def _gather_nd(op: Operator) -> Any:
    """Each axis of the table is counted whole or picked at known positions, along an axis of its own."""
    indices = op.input(1)
    if not isinstance(indices, Indices) or op.get("batch_dims", 0):
        raise CannotRaiseError("it computes with positions along an axis that is not fixed")
    x: Wire = op.x()
    before, target = op.items(x), _shape_of(indices.parts[0])[:-1]
    along: list[int] = []
    for at, part in enumerate(indices.parts):
        if _shape_of(part)[:-1] != target:
            raise CannotRaiseError("its positions are not of one shape")
        if isinstance(part, Counting):
            if part.axis is None or part.axis >= len(target) or target[part.axis] != before[at]:
                raise CannotRaiseError("it counts a part of an axis that is not fixed")
            along.append(part.axis)
            continue
        tensor = part.known.tensor if isinstance(part, Spread) else part.tensor
        varying = [axis for axis, size in enumerate(tensor.shape) if size != 1]
        if len(varying) != 1:
            raise CannotRaiseError("its known positions do not vary along one axis")
        flat = tensor.flatten()
        if flat.numel() != before[at] or not bool((flat == torch.arange(flat.numel())).all()):
            x = picked(op, x, at, Known(flat))
        along.append(varying[0])
    if sorted(set(along)) != along or len(along) != len(before):
        raise CannotRaiseError("its positions are in another order than the axes of the table")
    sizes: list[Dim] = [1] * len(target)
    for axis in along:
        sizes[axis] = target[axis]
    return stretched(op, op.reshape(x, sizes), target)


def _shape_of(part: Counting | Spread | Known) -> tuple[Dim, ...]:
    return tuple(part.tensor.shape) if isinstance(part, Known) else part.shape


_TAKERS: Mapping[str, Callable[[Operator], Any]] = {
    "Unsqueeze": _unsqueezed,
    "Max": _common,
    "Expand": _expanded,
    "Concat": _side_by_side,
    "GatherND": _gather_nd,
    "Cast": lambda op: op.input(0),
    "Identity": lambda op: op.input(0),
}
