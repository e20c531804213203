"""Ops that join, cut and move parts of tensors along an axis, and compute nothing.

Where an op takes one axis, the attribute is `dim`, and its default is the last one.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from esper_graph.ops.attributes import (
    MAX_RANK,
    Attributes,
    Axis,
    Count,
    Number,
    Size,
    Whole,
)
from esper_graph.ops.dims import Dim, ceil_div
from esper_graph.ops.opdef import Assumption, Inputs, OpDef, RuleError
from esper_graph.ops.rules import one_dtype, positive, quotient, resolved_axis, shown, tensor, tensor_of
from esper_graph.ops.values import TensorType


class OneAxis(Attributes):
    """An axis; the last one by default."""

    dim: Axis = -1


def infer_concat(a: OneAxis, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Sizes along `dim` add up; all others are equal."""
    tensors = [tensor(value, f"inputs.{slot}") for slot, value in enumerate(inputs)]
    axis = resolved_axis(a.dim, tensors[0].rank)
    total: Dim = 0
    for other in tensors:
        if other.rank != tensors[0].rank or any(
            size != expected
            for place, (size, expected) in enumerate(zip(other.shape, tensors[0].shape, strict=True))
            if place != axis
        ):
            raise RuleError(
                f"concat along axis {axis} of {tensors[0]} and {other}: other axes differ",
                expected=str(tensors[0]),
                actual=str(other),
            )
        total = total + other.shape[axis]
    dtype = one_dtype(tensors, "concat")
    return (TensorType((*tensors[0].shape[:axis], total, *tensors[0].shape[axis + 1 :]), dtype),)


def infer_stack(a: OneAxis, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Equal shapes along a new axis, at position `dim` of the result."""
    tensors = [tensor(value, f"inputs.{slot}") for slot, value in enumerate(inputs)]
    first = tensors[0]
    for other in tensors:
        if other.shape != first.shape:
            raise RuleError(f"stack of {first} and {other}", expected=str(first), actual=str(other))
    axis = resolved_axis(a.dim, first.rank + 1)
    shape = (*first.shape[:axis], len(tensors), *first.shape[axis:])
    return (TensorType(shape, one_dtype(tensors, "stack")),)


class Split(Attributes):
    """Parts along one axis, each at an output port of its own.

    Attributes:
        sizes: Sizes of the parts.
        chunks: Number of equal parts; either this or `sizes`.
        dim: The axis.
    """

    sizes: Annotated[tuple[Size, ...] | None, Field(min_length=1, max_length=1000)] = None
    chunks: Annotated[int | None, Field(ge=1, le=1000)] = None
    dim: Axis = -1

    @model_validator(mode="after")
    def _check(self) -> "Split":
        if (self.sizes is None) == (self.chunks is None):
            raise ValueError("either `sizes` or `chunks` must be set")
        return self

    @property
    def count(self) -> int:
        """Number of parts."""
        return self.chunks if self.sizes is None else len(self.sizes)  # pyright: ignore[reportReturnType]


def split_ports(a: Split) -> tuple[str, ...]:
    """`outputs.0`, `outputs.1`, ..."""
    return tuple(f"outputs.{part}" for part in range(a.count))


def infer_split(a: Split, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Parts whose sizes add up to the axis."""
    x = tensor(inputs[0], "input")
    axis = resolved_axis(a.dim, x.rank)
    sizes: Sequence[Dim]
    if a.sizes is None:
        part = quotient(x.shape[axis], a.count, f"split of {x} along axis {axis} into {a.count}", assumptions)
        sizes = [part] * a.count
    else:
        sizes = a.sizes
        if sum(a.sizes) != x.shape[axis]:
            raise RuleError(
                f"split of {x} along axis {axis} into {shown(sizes)}: {sum(a.sizes)} is not {x.shape[axis]}",
                expected=str(x.shape[axis]),
                actual=sum(a.sizes),
            )
    return tuple(TensorType((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in sizes)


class Slice(Attributes):
    """Every `step`-th position from `start` up to but without `end`; negative ones count from the end.

    Positions beyond the axis are refused, not cut off.
    """

    dim: Axis = -1
    start: Whole = 0
    end: Whole | None = None
    step: Size = 1


def infer_slice(a: Slice, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """At least one position must be left."""
    x = tensor(inputs[0], "input")
    axis = resolved_axis(a.dim, x.rank)
    size = x.shape[axis]
    written = f"slice [{a.start}:{'' if a.end is None else a.end}:{a.step}] of axis {axis} of {x}"
    start = a.start if a.start >= 0 else size + a.start
    end: Dim = size if a.end is None else a.end if a.end >= 0 else size + a.end
    for position, written_out in ((start, a.start != 0), (end, a.end is not None)):
        for within in (position, size - position) if written_out else ():  # from 0 to the size, both included
            if not isinstance(within, int):
                positive(within + 1, written, assumptions)
            elif within < 0:
                raise RuleError(f"{written} reaches beyond the axis", size=str(size), actual=str(position))
    positive(end - start, written, assumptions)
    return (TensorType((*x.shape[:axis], ceil_div(end - start, a.step), *x.shape[axis + 1 :]), x.dtype),)


class Pad(Attributes):
    """New positions at both ends of axes.

    Attributes:
        padding: Before and after the last axis, then before and after the one in front of it, and so on, as
            torch orders them; pairs of zeros at the end are left out when settled.
        mode: What the new positions hold: `value`, the mirrored inside, the edge, or the other end.
        value: Filling of the mode `constant`.
    """

    padding: Annotated[tuple[Count, ...], Field(min_length=2, max_length=2 * MAX_RANK)]
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: Number = 0.0

    @model_validator(mode="after")
    def _settle(self) -> "Pad":
        if len(self.padding) % 2:
            raise ValueError("`padding` has two numbers an axis")
        if self.mode != "constant" and self.value != 0.0:
            raise ValueError(f"`value` belongs to the mode constant, not to {self.mode}")
        padding = self.padding
        while padding and padding[-2:] == (0, 0):
            padding = padding[:-2]
        object.__setattr__(self, "padding", padding)
        return self


_LEAST_MARGIN = {"constant": None, "replicate": None, "reflect": 1, "circular": 0}


def infer_pad(a: Pad, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Sizes grow by both paddings; mirrored and repeated ones are no longer than the axis."""
    x = tensor(inputs[0], "input")
    pairs = len(a.padding) // 2
    if pairs > x.rank:
        raise RuleError(f"`padding` has {pairs} pairs, {x} has {x.rank} axes", actual=str(x))
    if x.kind in ("bool", "int") and not a.value.is_integer():
        raise RuleError(
            f"pad of {x} with {a.value}, which is not a whole number", actual=str(x), value=a.value
        )
    if a.mode != "constant":
        tensor_of(x, "input", "float")
        if x.rank not in (2, 3, 4, 5) or pairs > min(3, x.rank - 1):
            raise RuleError(
                f"{a.mode} pads up to three last axes of a tensor of rank 2 to 5, not {pairs} of {x}"
            )
    shape = list(x.shape)
    margin = _LEAST_MARGIN[a.mode]
    for pair in range(pairs):
        axis = x.rank - 1 - pair
        before, after = a.padding[2 * pair : 2 * pair + 2]
        if margin is not None and max(before, after):
            longest = max(before, after)
            reason = f"{a.mode} of {longest} on axis {axis} of {x}"
            positive(x.shape[axis] - longest - margin + 1, reason, assumptions)
        shape[axis] = x.shape[axis] + before + after
    return (TensorType(tuple(shape), x.dtype),)


def infer_gather(a: OneAxis, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """For each element of `index` the element of `input` at that position along `dim`."""
    x, index = tensor(inputs[0], "input"), tensor(inputs[1], "index")
    if index.dtype != "int64":
        raise RuleError(f"port `index` takes int64, not {index}", hint="insert `cast`", actual=str(index))
    axis = resolved_axis(a.dim, x.rank)
    if index.rank != x.rank:
        raise RuleError(f"gather from {x} by {index}: the ranks differ", expected=x.rank, actual=index.rank)
    for place, (size, wanted) in enumerate(zip(x.shape, index.shape, strict=True)):
        if place == axis or size == wanted:
            continue
        if not (isinstance(size, int) and isinstance(wanted, int) and wanted < size):
            raise RuleError(f"gather from {x} by {index}: axis {place} has {size}, not {wanted}")
    return (TensorType(index.shape, x.dtype),)


def _as_tuple(value: object) -> object:
    return (value,) if type(value) is int else value


class Roll(Attributes):
    """A rotation along axes; what leaves at one end comes back at the other."""

    shifts: Annotated[tuple[Whole, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    dim: Annotated[tuple[Axis, ...], BeforeValidator(_as_tuple), Field(min_length=1)] = (-1,)

    @model_validator(mode="after")
    def _sort(self) -> "Roll":
        if len(self.shifts) != len(self.dim):
            raise ValueError(f"{len(self.shifts)} shifts do not fit {len(self.dim)} axes")
        pairs = sorted(zip(self.dim, self.shifts, strict=True))
        object.__setattr__(self, "dim", tuple(axis for axis, _ in pairs))
        object.__setattr__(self, "shifts", tuple(shift for _, shift in pairs))
        return self


def infer_roll(a: Roll, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The same type."""
    x = tensor(inputs[0], "input")
    for axis in a.dim:
        resolved_axis(axis, x.rank)
    return (x,)


OPS: tuple[OpDef, ...] = (
    OpDef("concat", "Shape", OneAxis, ("inputs*",), infer_concat),
    OpDef("stack", "Shape", OneAxis, ("inputs*",), infer_stack),
    OpDef("split", "Shape", Split, ("input",), infer_split, outputs=split_ports),
    OpDef("slice", "Shape", Slice, ("input",), infer_slice),
    OpDef("pad", "Shape", Pad, ("input",), infer_pad),
    OpDef("gather", "Shape", OneAxis, ("input", "index"), infer_gather),
    OpDef("roll", "Shape", Roll, ("input",), infer_roll),
)
