"""Compute what does not depend on the inputs, and what depends on their sizes only."""

import math
from typing import Any, cast

import numpy as np
from torch import Tensor

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.fold_sizes import SIZES
from esper_graph.compile.importer.onnx_ops.fold_tensors import TENSORS, broadcast
from esper_graph.compile.importer.onnx_ops.operator import Operator
from esper_graph.compile.importer.onnx_ops.values import Sizes, entries_of, listed, settled
from esper_graph.compile.importer.values import Known, Spread
from esper_graph.ops.dims import product


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
        compute = SIZES.get(kind)
        return None if compute is None else compute(op)
    compute = TENSORS.get(kind)
    if compute is None:
        return None
    budget.take(_bound(kind, inputs))
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


def _bound(kind: str, inputs: list[Known]) -> int:
    """Return how many elements a result has at most."""
    counts = [one.tensor.numel() for one in inputs]
    if kind in ("Expand", "ConstantOfShape", "Tile"):
        sizes = math.prod(abs(int(size)) + 1 for size in entries_of(inputs[-1].tensor))
        return sizes if kind == "ConstantOfShape" else sizes * counts[0]
    if kind == "Range":
        start, limit, delta = (one.tensor.item() for one in inputs)
        return abs(int((limit - start) / delta)) + 1 if delta else 1
    if kind in ("Concat", "Split", "Slice", "Reshape", "Transpose", "Cast", "Unsqueeze", "Squeeze"):
        return sum(counts)
    if kind in ("Gather", "MatMul"):
        return counts[0] * counts[1]
    try:
        return math.prod(broadcast(*[one.tensor.shape for one in inputs]))
    except RuntimeError:
        return sum(counts)


def _shape(op: Operator, kind: str) -> Any:
    value = op.input(0)
    if value is None:
        return None
    shape = op.type(value).shape
    if kind == "Size":
        return settled(np.array(product(shape), dtype=object))
    start, end = op.get("start", 0), op.get("end")
    return listed(shape[start:end])


def _unsqueezed_spread(op: Operator) -> Any:
    value = op.input(0)
    rank = len(value.shape)
    for axis in sorted(axis % (rank + 1) for axis in op.axes(1) or []):
        shape = (*value.shape[:axis], 1, *value.shape[axis:])
        value = Spread(Known(value.known.tensor.unsqueeze(axis)), shape)
    return value
