"""Ops that keep the elements and change how they are laid out; they cost nothing but `interpolate`."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from esper_graph.ops.attributes import (
    MAX_RANK,
    Attributes,
    Axis,
    DtypeName,
    NoAttributes,
    OpenSizeText,
    read_size,
)
from esper_graph.ops.dims import Dim, exact_quotient, product
from esper_graph.ops.interpolate import INTERPOLATE
from esper_graph.ops.opdef import Assumption, Inputs, OpDef, RuleError
from esper_graph.ops.rules import quotient, resolved_axis, shown, tensor
from esper_graph.ops.values import TensorType, ValueType

Sizes = Annotated[tuple[OpenSizeText, ...], Field(max_length=MAX_RANK)]


def infer_identity(a: NoAttributes, inputs: Inputs, assumptions: list[Assumption]) -> tuple[ValueType, ...]:
    """The value itself."""
    return (inputs[0],)


def infer_detach(a: NoAttributes, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The value itself; gradients end here."""
    return (tensor(inputs[0], "input"),)


class Cast(Attributes):
    """Conversion of the elements."""

    dtype: DtypeName


def infer_cast(a: Cast, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The same shape with another dtype; a complex number is never cut to its real part."""
    x = tensor(inputs[0], "input")
    result = TensorType(x.shape, a.dtype)
    if x.kind == "complex" and result.kind != "complex":
        raise RuleError(f"cast of {x} to {a.dtype} drops the imaginary parts", hint="use `ifft` or `abs`")
    return (result,)


def _one_open(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    if sizes.count(-1) > 1:
        raise ValueError("only one size can be -1")
    return sizes


class Reshape(Attributes):
    """A new shape for the same elements in the same order; one -1 is worked out."""

    shape: Sizes

    @model_validator(mode="after")
    def _check(self) -> "Reshape":
        _one_open(self.shape)
        return self


def _filled(
    sizes: Sequence[int | str], total: Dim, what: str, assumptions: list[Assumption]
) -> tuple[Dim, ...]:
    """Read sizes whose product is `total`, and work out the one that is -1."""
    known = [1 if size == -1 else read_size(size) for size in sizes]
    rest = product(tuple(known))
    if -1 not in sizes:
        if rest != total:
            raise RuleError(
                f"{what} into {shown(known)}: {total} elements are not {rest}",
                hint="write -1 for one of the sizes" if exact_quotient(total, rest) else None,
                expected=str(total),
                actual=str(rest),
            )
        return tuple(known)
    known[sizes.index(-1)] = quotient(total, rest, what, assumptions)
    return tuple(known)


def infer_reshape(a: Reshape, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """As many elements as before, for every size of the symbols."""
    x = tensor(inputs[0], "input")
    return (TensorType(_filled(a.shape, product(x.shape), f"reshape of {x}", assumptions), x.dtype),)


class Flatten(Attributes):
    """Merging of neighbouring axes, all but the first by default."""

    start_dim: Axis = 1
    end_dim: Axis = -1


def infer_flatten(a: Flatten, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """`[..., n, m, ...] -> [..., n*m, ...]`."""
    x = tensor(inputs[0], "input")
    start, end = resolved_axis(a.start_dim, x.rank), resolved_axis(a.end_dim, x.rank)
    if start > end:
        raise RuleError(f"flatten of {x} from axis {start} to axis {end}: the first comes after the last")
    merged = product(x.shape[start : end + 1])
    return (TensorType((*x.shape[:start], merged, *x.shape[end + 1 :]), x.dtype),)


class Unflatten(Attributes):
    """Splitting of one axis into several; one -1 is worked out."""

    sizes: Annotated[tuple[OpenSizeText, ...], Field(min_length=1, max_length=MAX_RANK)]
    dim: Axis = -1

    @model_validator(mode="after")
    def _check(self) -> "Unflatten":
        _one_open(self.sizes)
        return self


def infer_unflatten(a: Unflatten, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """`[..., n*m, ...] -> [..., n, m, ...]`."""
    x = tensor(inputs[0], "input")
    axis = resolved_axis(a.dim, x.rank)
    sizes = _filled(a.sizes, x.shape[axis], f"unflatten of axis {axis} of {x}", assumptions)
    return (TensorType((*x.shape[:axis], *sizes, *x.shape[axis + 1 :]), x.dtype),)


class Transpose(Attributes):
    """Exchange of two axes; their order does not matter and settles to ascending."""

    dim0: Axis
    dim1: Axis

    @model_validator(mode="after")
    def _sort(self) -> "Transpose":
        low, high = sorted((self.dim0, self.dim1))
        object.__setattr__(self, "dim0", low)
        object.__setattr__(self, "dim1", high)
        return self


def infer_transpose(a: Transpose, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The same elements with two axes exchanged."""
    x = tensor(inputs[0], "input")
    one, other = resolved_axis(a.dim0, x.rank), resolved_axis(a.dim1, x.rank)
    shape = list(x.shape)
    shape[one], shape[other] = shape[other], shape[one]
    return (TensorType(tuple(shape), x.dtype),)


class Permute(Attributes):
    """A new order of all axes; negative ones are counted from the last and settle to the others."""

    dims: Annotated[tuple[Axis, ...], Field(min_length=1, max_length=MAX_RANK)]

    @model_validator(mode="after")
    def _settle(self) -> "Permute":
        rank = len(self.dims)
        dims = tuple(axis + rank if axis < 0 else axis for axis in self.dims)
        if sorted(dims) != list(range(rank)):
            raise ValueError(f"{list(self.dims)} does not name each of {rank} axes once")
        object.__setattr__(self, "dims", dims)
        return self


def infer_permute(a: Permute, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The same elements with the axes in another order."""
    x = tensor(inputs[0], "input")
    if len(a.dims) != x.rank:
        raise RuleError(f"permute to {list(a.dims)} does not fit the {x.rank} axes of {x}", actual=str(x))
    return (TensorType(tuple(x.shape[axis] for axis in a.dims), x.dtype),)


class Expand(Attributes):
    """A larger shape: axes of size 1, and new leading ones, are repeated; -1 keeps a size."""

    shape: Sizes


def infer_expand(a: Expand, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The given shape."""
    x = tensor(inputs[0], "input")
    added = len(a.shape) - x.rank
    if added < 0:
        raise RuleError(f"expand of {x} to {shown_sizes(a.shape)} names too few axes", actual=str(x))
    shape: list[Dim] = []
    for axis, size in enumerate(a.shape):
        before: Dim = x.shape[axis - added] if axis >= added else 1
        wanted = before if size == -1 and axis >= added else read_size(size)
        if wanted == -1:
            raise RuleError(
                f"expand of {x} to {shown_sizes(a.shape)}: axis {axis} is new and has no size to keep"
            )
        if before not in (1, wanted):
            raise RuleError(f"expand of {x} to {shown_sizes(a.shape)}: {before} is neither 1 nor {wanted}")
        shape.append(wanted)
    return (TensorType(tuple(shape), x.dtype),)


def shown_sizes(sizes: Sequence[int | str]) -> str:
    """Write sizes as `[batch, -1]`."""
    return f"[{', '.join(map(str, sizes))}]"


OPS: tuple[OpDef, ...] = (
    OpDef("identity", "Shape", NoAttributes, ("input",), infer_identity),
    OpDef("detach", "Shape", NoAttributes, ("input",), infer_detach),
    OpDef("cast", "Shape", Cast, ("input",), infer_cast),
    OpDef("reshape", "Shape", Reshape, ("input",), infer_reshape, expressions=("shape",)),
    OpDef("flatten", "Shape", Flatten, ("input",), infer_flatten),
    OpDef("unflatten", "Shape", Unflatten, ("input",), infer_unflatten, expressions=("sizes",)),
    OpDef("transpose", "Shape", Transpose, ("input",), infer_transpose),
    OpDef("permute", "Shape", Permute, ("input",), infer_permute),
    OpDef("expand", "Shape", Expand, ("input",), infer_expand, expressions=("shape",)),
    INTERPOLATE,
)
