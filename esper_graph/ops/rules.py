"""What shape rules have in common: axes, checks on inputs, quotients that must come out even."""

from collections.abc import Sequence
from functools import lru_cache

from esper_graph.ops.dims import Dim, exact_quotient
from esper_graph.ops.opdef import Assumption, RuleError
from esper_graph.ops.values import TensorType, ValueType


def shown(shape: Sequence[Dim]) -> str:
    """Write a shape as `[batch, 3, 28, 28]`."""
    return f"[{', '.join(map(str, shape))}]"


@lru_cache(maxsize=4096)
def resolved_axis(axis: int, rank: int) -> int:
    """Turn an axis that may be negative into one that is not.

    Raises:
        RuleError: A tensor of this rank has no such axis.
    """
    if not -rank <= axis < rank:
        raise RuleError(f"axis {axis} does not exist in a tensor of rank {rank}", axis=axis, rank=rank)
    return axis % rank


def resolved_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Turn several axes into sorted ones that are not negative.

    Raises:
        RuleError: A tensor of this rank lacks one of them, or one is named twice.
    """
    found = sorted(resolved_axis(axis, rank) for axis in axes)
    if len(set(found)) < len(found):
        raise RuleError(
            f"the axes {shown(axes)} name one axis of a tensor of rank {rank} twice", axes=tuple(axes)
        )
    return tuple(found)


def tensor(value: ValueType | None, port: str) -> TensorType:
    """Return a port's value as a tensor type.

    Raises:
        RuleError: The port carries a tuple.
    """
    if not isinstance(value, TensorType):
        raise RuleError(f"port `{port}` takes a tensor, not {value}", port=port, actual=str(value))
    return value


def tensor_of(value: ValueType | None, port: str, *kinds: str) -> TensorType:
    """Return a port's value as a tensor type whose elements are of one of these kinds.

    Raises:
        RuleError: The port carries a tuple or elements of another kind.
    """
    found = tensor(value, port)
    if found.kind not in kinds:
        expected = " or ".join(kinds)
        raise RuleError(
            f"port `{port}` takes {expected} elements, not {found}",
            hint=None if found.kind == "complex" else f"insert `cast` to a dtype of kind {kinds[0]}",
            port=port,
            expected=expected,
            actual=str(found),
        )
    return found


def floating(value: ValueType | None, port: str) -> TensorType:
    """Return a port's value as a tensor of real floating-point numbers.

    Raises:
        RuleError: The port carries something else.
    """
    return tensor_of(value, port, "float")


def of_rank(x: TensorType, ranks: Sequence[int], layout: str, port: str = "input") -> TensorType:
    """Return the tensor if its rank is one of these.

    Raises:
        RuleError: It has another rank; the message shows the layout that is expected.
    """
    if x.rank not in ranks:
        raise RuleError(f"port `{port}` takes {layout}, not {x}", port=port, expected=layout, actual=str(x))
    return x


def one_dtype(tensors: Sequence[TensorType], what: str) -> str:
    """Return the dtype that all tensors have.

    Raises:
        RuleError: Two dtypes differ.
    """
    first = tensors[0].dtype
    for other in tensors[1:]:
        if other.dtype != first:
            raise RuleError(
                f"{what} of {first} and {other.dtype}",
                hint="insert `cast`",
                expected=first,
                actual=other.dtype,
            )
    return first


def positive(size: Dim, reason: str, assumptions: list[Assumption]) -> Dim:
    """Return the size, which must be at least 1; an expression is recorded as assumed to be.

    Raises:
        RuleError: It is a smaller number.
    """
    if isinstance(size, int):
        if size < 1:
            raise RuleError(f"{reason} has the size {size}", actual=size)
    else:
        assumptions.append(Assumption("positive", size, 1, reason))
    return size


def quotient(size: Dim, divisor: Dim, reason: str, assumptions: list[Assumption]) -> Dim:
    """Divide a size that must come out even.

    A remainder that only some values of the symbols leave is recorded as assumed away.

    Raises:
        RuleError: It leaves a remainder, or cannot be divided exactly.
    """
    exact = exact_quotient(size, divisor)
    if exact is not None:
        return exact
    if isinstance(size, int) or not isinstance(divisor, int):
        raise RuleError(
            f"{reason}: {size} is not a multiple of {divisor}", size=str(size), divisor=str(divisor)
        )
    assumptions.append(Assumption("divisible", size, divisor, reason))
    return size // divisor


def broadcast(left: Sequence[Dim], right: Sequence[Dim], what: str) -> tuple[Dim, ...]:
    """Align two shapes at their last axis; sizes must be equal, or one of them 1.

    Raises:
        RuleError: Two sizes differ and neither is 1.
    """
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    pad = len(longer) - len(shorter)
    shape = list(longer)
    for axis, size in enumerate(shorter, start=pad):
        if shape[axis] == 1:
            shape[axis] = size
        elif size not in (1, shape[axis]):
            raise RuleError(
                f"{what} of {shown(left)} and {shown(right)}: {shape[axis]} is not {size}",
                left=shown(left),
                right=shown(right),
            )
    return tuple(shape)
