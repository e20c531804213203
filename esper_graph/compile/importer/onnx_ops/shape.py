"""Raise ops that move elements."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from esper_graph.compile.importer.call import dtype_name
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.conv import padded
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator, axis_of, slice_parts
from esper_graph.compile.importer.onnx_ops.tensors import dtype_of
from esper_graph.compile.importer.raisers.indexing import picked
from esper_graph.compile.importer.raisers.shape import cut, stretched
from esper_graph.compile.importer.values import Known, Spread, Wire
from esper_graph.ops.dims import Dim, exact_quotient, product
from esper_graph.ops.rules import broadcast
from esper_graph.ops.values import DTYPES

_LARGEST = 2**31


def _identity(op: Operator) -> Any:
    value = op.input(0)
    return op.file.rename(value, op.outputs[0]) if isinstance(value, Known) else value


def _reshape(op: Operator) -> Any:
    x = op.x()
    before = op.items(x)
    shape = list(op["shape"]) if "shape" in op.arguments else op.numbers(1, "shape")
    assert shape is not None
    if not op.get("allowzero", 0):
        if any(size == 0 for size in shape[len(before) :]):
            raise CannotRaiseError(f"its shape {shape} keeps an axis that is not there")
        shape = [before[at] if size == 0 else size for at, size in enumerate(shape)]
    if shape.count(-1) > 1:
        raise CannotRaiseError(f"its shape {shape} leaves two axes open")
    if -1 in shape:
        rest = exact_quotient(product(before), product(tuple(size for size in shape if size != -1)))
        if rest is None:
            raise CannotRaiseError(f"the axis that it leaves open in {shape} has no whole size")
        shape[shape.index(-1)] = rest
    return op.reshape(x, shape)


def _flatten(op: Operator) -> Any:
    x = op.x()
    shape = op.items(x)
    axis = op.get("axis", 1)
    axis = len(shape) if axis == len(shape) else axis_of(axis, len(shape))
    return op.reshape(x, (product(shape[:axis]), product(shape[axis:])))


def _transpose(op: Operator) -> Any:
    x = op.x()
    rank = op.draft.type(x).rank
    order = list(op.get("perm") or reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise CannotRaiseError(f"its order {order} is none of {rank} axes")
    return op.permute(x, order)


def _squeeze(op: Operator) -> Any:
    x, axes = op.x(), op.axes(1)
    shape = op.items(x)
    if axes is None:
        axes = [at for at, size in enumerate(shape) if size == 1]
    dropped = {axis_of(axis, len(shape)) for axis in axes}
    if any(shape[axis] != 1 for axis in dropped):
        raise CannotRaiseError(f"it drops axes of {[str(shape[axis]) for axis in sorted(dropped)]} elements")
    return op.reshape(x, [size for at, size in enumerate(shape) if at not in dropped])


def _unsqueeze(op: Operator) -> Any:
    x, axes = op.x(), op.axes(1) or []
    shape: list[Dim] = list(op.items(x))
    rank = len(shape) + len(axes)
    for axis in sorted(axis_of(axis, rank) for axis in axes):
        shape.insert(axis, 1)
    return op.reshape(x, shape)


def _concat(op: Operator) -> Any:
    given = [one for one in op.inputs if 0 not in op.type(one).shape]
    wires = [op.wire(one) for one in given]
    return wires[0] if len(wires) == 1 else op.add("concat", *wires, dim=op["axis"])


def _split(op: Operator) -> Any:
    x, count = op.x(), len(op.outputs)
    axis: int = op.get("axis", 0)
    size = op.items(x)[axis]
    sizes = list(op["split"]) if "split" in op.arguments else op.fixed(1, "sizes")
    if count == 1:
        return [x]
    if sizes is not None:
        parts = op.add("split", x, sizes=sizes, dim=axis)
    elif isinstance(size, int) and size % count:
        step = -(-size // count)
        parts = op.add("split", x, sizes=[*[step] * (count - 1), size - step * (count - 1)], dim=axis)
    else:
        parts = op.add("split", x, chunks=count, dim=axis)
    return [Wire(parts.node, at) for at in range(count)]


def _slice(op: Operator) -> Any:
    """Backwards only over a whole axis."""
    value = op.input(0)
    starts, ends, axes, steps = slice_parts(op)
    if isinstance(value, Spread):
        return _slice_spread(value, starts, ends, axes, steps)
    x = op.wire(value)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = op.items(x)[axis]
        if step < 0:
            if not isinstance(size, int) or step != -1 or start not in (-1, size - 1) or end > -size:
                raise CannotRaiseError("it goes backwards over a part of an axis")
            x = picked(op, x, axis, Known(torch.arange(size - 1, -1, -1)))
        else:
            x = cut(op, x, axis, start, None if end >= _LARGEST - 1 else end, step)
    return x


def _slice_spread(
    value: Spread, starts: list[int], ends: list[int], axes: list[int], steps: list[int]
) -> Spread:
    shape, tensor = list(value.shape), value.known.tensor
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = shape[axis]
        if not isinstance(size, int) or step < 0:
            raise CannotRaiseError("it cuts an axis that is not fixed")
        indices = range(*slice(start, end, step).indices(size))
        shape[axis] = len(indices)
        if tensor.shape[axis] != 1:
            tensor = tensor.index_select(axis, torch.tensor(list(indices), dtype=torch.int64))
    return Spread(Known(tensor), tuple(shape))


def _pad(op: Operator) -> Any:
    x, mode = op.x(), op.get("mode", "constant")
    rank = op.draft.type(x).rank
    pads = list(op["pads"]) if "pads" in op.arguments else op.fixed(1, "pads")
    axes = op.fixed(3, "axes")
    value = op.get("value", 0.0) if op.input(2) is None else op.known(2, "filling").item()
    assert pads is not None
    if axes is not None:
        before, after = [0] * rank, [0] * rank
        for at, axis in enumerate(axes):
            before[axis], after[axis] = pads[at], pads[at + len(axes)]
    else:
        before, after = pads[:rank], pads[rank:]
    if len(before) != rank or len(after) != rank:
        raise CannotRaiseError(f"{len(pads)} sizes do not fit {rank} axes")
    first = next((at for at in range(rank) if before[at] or after[at]), rank)
    if first == rank:
        return x
    before, after = before[first:], after[first:]
    if mode == "constant":
        return padded(op, x, before, after, float(value))
    ours = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}.get(mode)
    if ours is None or min(*before, *after) < 0:
        raise CannotRaiseError(f"it pads by the rule `{mode}`")
    sizes = [size for pair in zip(reversed(before), reversed(after), strict=True) for size in pair]
    return op.add("pad", x, padding=sizes, mode=ours)


def _expand(op: Operator) -> Any:
    x, shape = op.x(), op.numbers(1, "shape")
    assert shape is not None
    return stretched(op, x, broadcast(op.items(x), tuple(shape), "expand"))


def _tile(op: Operator) -> Any:
    """Each axis several times over: a new axis before it, stretched, then merged."""
    x, repeats = op.x(), op.numbers(1, "repeats")
    shape = op.items(x)
    if repeats is None or len(repeats) != len(shape) or any(one == 0 for one in repeats):
        raise CannotRaiseError("its repeats do not fit its input")
    inner: list[Dim] = []
    outer: list[Dim] = []
    for count, size in zip(repeats, shape, strict=True):
        if count != 1:
            inner.append(1)
            outer.append(count)
        inner.append(size)
        outer.append(size)
    y = stretched(op, op.reshape(x, inner), outer)
    return op.reshape(y, [count * size for count, size in zip(repeats, shape, strict=True)])


def _gather(op: Operator) -> Any:
    """Rows of a known table are an embedding."""
    table, index = op.input(0), op.input(1)
    rank = op.type(table).rank
    axis = axis_of(op.get("axis", 0), rank)
    is_table = isinstance(table, Known) and rank == 2 and axis == 0 and table.tensor.dtype == torch.float32
    if is_table and isinstance(index, Wire):
        rows, width = table.tensor.shape
        owned = {"weight": op.own(0, "table")}
        return op.add("embedding", index, owned=owned, num_embeddings=rows, embedding_dim=width)
    x = op.wire(table)
    if not isinstance(index, Known):
        return picked(op, x, axis, index)
    size = op.items(x)[axis]
    chosen = index.tensor
    if chosen.numel() == 1:
        at = int(chosen.item())
        shape = op.items(x)
        part = cut(op, x, axis, at, None if at == -1 else at + 1, 1)
        return op.reshape(part, (*shape[:axis], *chosen.shape, *shape[axis + 1 :]))
    if bool((chosen < 0).any()):
        if not isinstance(size, int):
            raise CannotRaiseError("it counts from the end of an axis that is not fixed")
        chosen = torch.where(chosen < 0, chosen + size, chosen)
    return picked(op, x, axis, Known(chosen))


def _gather_elements(op: Operator) -> Any:
    return op.add("gather", op.x(), op.wire(op.input(1), "int64"), dim=op.get("axis", 0))


def _cast(op: Operator) -> Any:
    return _as_type(op, dtype_name(dtype_of(op["to"])))


def _as_type(op: Operator, wanted: str) -> Any:
    x = op.x()
    held = op.draft.type(x)
    if held.dtype == wanted:
        return x
    if DTYPES[wanted].kind == "bool":
        return op.add("compare", x, operation="ne", scalar=0)
    return op.add("cast", x, dtype=wanted)


def _constant(op: Operator) -> Any:
    for name, dtype in (
        ("value", None),
        ("value_float", torch.float32),
        ("value_floats", torch.float32),
        ("value_int", torch.int64),
        ("value_ints", torch.int64),
    ):
        if name in op.arguments:
            value = op[name]
            return Known(value if dtype is None else torch.tensor(value, dtype=dtype))
    raise CannotRaiseError("its value has no place in a blueprint")


def _trilu(op: Operator) -> Any:
    """A triangle of a value: what is outside becomes zero."""
    x = op.x()
    k = 0 if op.input(1) is None else int(op.known(1, "diagonal").item())
    sizes: Sequence[Dim] = op.items(x)[-2:]
    if not all(isinstance(size, int) for size in sizes):
        raise CannotRaiseError("it cuts a triangle out of axes that are not fixed")
    ones = torch.ones([int(str(size)) for size in sizes], dtype=torch.bool)
    kept = torch.triu(ones, k) if op.get("upper", 1) else torch.tril(ones, k)
    zero = Known(torch.zeros((), dtype=getattr(torch, op.draft.type(x).dtype)))
    return op.add("where", op.wire(Known(kept)), x, op.wire(zero))


RAISERS: Mapping[str, OnnxRaiser] = {
    "Identity": _identity,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Cast": _cast,
    "CastLike": lambda op: _as_type(op, op.type(op.input(1)).dtype),
    "Constant": _constant,
    "Trilu": _trilu,
}
