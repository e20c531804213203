"""Which signatures fit between given shapes: exact matching of symbolic sizes.

The sizes of a signature are free: `float32[batch, 3, height, width]` takes what any values of its symbols
give. The symbols that are asked for stand for any size at all, so that only a free symbol can be one. Sizes
are bound from the axes that are one symbol or a multiple of one; an expression that is left over, such as
`(height + 1)//2`, must equal what is asked, or be solved for its only symbol.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from esper_graph.ops.dims import Dim, evaluate, exact_quotient, parse, substitute, symbol, symbols
from esper_graph.ops.values import DTYPES

ANY_SIZE = "?"
_MOST_TENSORS, _LARGEST = 16, 1 << 20
_ASKED = re.compile(r"(?:(?P<dtype>[a-z]+\d*)?\[(?P<inside>[^\[\]]*)\]|(?P<bare>[^\[\]+]*))")
_WRITTEN = re.compile(r"([a-z]+\d*)\[([^\[\]]*)\]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Tensor(NamedTuple):
    """What is asked of one input or output.

    Attributes:
        dims: Outermost first; None is any size.
        dtype: None is any.
    """

    dims: tuple[Dim | None, ...]
    dtype: str | None = None


def read_shapes(text: str) -> tuple[Tensor, ...]:
    """Read shapes as a filter writes them: `Bx3x224x224`, `int64[B, S]`, `Bx128+Bx64` for two tensors.

    Sizes are numbers, names that stand for any size, or `?` where the size does not matter.

    Raises:
        ValueError: It is none.

    Example:
        >>> [tensor.dims for tensor in read_shapes("?x3+int64[B, 4]")]
        [(None, 3), (<B>, 4)]
    """
    tensors = tuple(_tensor(part.strip(), text) for part in text.split("+"))
    if len(tensors) > _MOST_TENSORS:
        raise ValueError(f"at most {_MOST_TENSORS} tensors can be asked for")
    return tensors


def _tensor(part: str, text: str) -> Tensor:
    found = _ASKED.fullmatch(part)
    if found is None or not part:
        raise ValueError(f"`{text}` is no shape")
    dtype, inside = found["dtype"], found["inside"]
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"`{dtype}` is no dtype; there are {', '.join(DTYPES)}")
    sizes = (
        re.split(r"[x,]", found["bare"] if inside is None else inside) if (inside or found["bare"]) else []
    )
    return Tensor(tuple(_size(size.strip(), text) for size in sizes), dtype)


def _size(size: str, text: str) -> Dim | None:
    if size == ANY_SIZE:
        return None
    if size.isascii() and size.isdigit() and 1 <= int(size) < 1 << 31:
        return int(size)
    if _NAME.fullmatch(size):
        return symbol(size)
    raise ValueError(f"`{size}` in the shape `{text}` is no size")


def fits(
    inputs: Sequence[Sequence[Tensor]], outputs: Sequence[Sequence[Tensor]], signature: tuple[str, str]
) -> bool:
    """Say whether a signature fits one of the inputs and, with the same sizes, one of the outputs.

    Args:
        inputs: Alternatives; none at all fits every input.
        outputs: The same for outputs.
        signature: Inputs and outputs as the store writes them.

    Example:
        >>> images = ("float32[batch, 3, h, h]", "float32[batch, 1000]")
        >>> fits([read_shapes("Bx3x224x224")], [read_shapes("Bx1000")], images)
        True
        >>> fits([read_shapes("Bx3x224x224")], [read_shapes("Cx1000")], images)
        False
    """
    given, made = (_written(text) for text in signature)
    if given is None or made is None:
        return False
    for asked_in in inputs or [None]:
        for asked_out in outputs or [None]:
            equations = [*_equations(given, asked_in), *_equations(made, asked_out)]
            if None not in equations and _solvable([one for one in equations if one is not None], {}):
                return True
    return False


@lru_cache(maxsize=4096)
def _written(text: str) -> tuple[Tensor, ...] | None:
    """The tensors of a signature, with symbols like none that is asked for; None where there is more."""
    found = [Tensor(_free(inside), dtype) for dtype, inside in _WRITTEN.findall(text)]
    return tuple(found) if ", ".join(f"{d}[{i}]" for d, i in _WRITTEN.findall(text)) == text else None


def _free(inside: str) -> tuple[Dim, ...]:
    dims = [parse(size) for size in inside.split(",")] if inside.strip() else []
    return tuple(substitute(dim, {name: symbol(f"{name}'") for name in symbols(dim)}) for dim in dims)


def _equations(have: Sequence[Tensor], asked: Sequence[Tensor] | None) -> list[tuple[Dim, Dim] | None]:
    """What must be equal; None among them where ranks, dtypes or numbers of tensors differ."""
    if asked is None:
        return []
    if len(have) != len(asked):
        return [None]
    found: list[tuple[Dim, Dim] | None] = []
    for mine, wanted in zip(have, asked, strict=True):
        if len(mine.dims) != len(wanted.dims) or wanted.dtype not in {None, mine.dtype}:
            return [None]
        found += [
            (size, want)
            for size, want in zip(mine.dims, wanted.dims, strict=True)
            if size is not None and want is not None
        ]
    return found


def _solvable(equations: Sequence[tuple[Dim, Dim]], known: Mapping[str, Dim]) -> bool:
    left: list[tuple[Dim, Dim]] = []
    for have, want in equations:
        size = substitute(have, known)
        free = _unbound(size)
        if not free:
            if size != want:
                return False
        elif len(free) == 1:
            (name,) = free
            value = _linear(size, want, name)
            if value is not None:
                positive = not isinstance(value, int) or value >= 1
                return positive and _solvable(equations, {**known, name: value})
            left.append((size, want))
        else:
            left.append((size, want))
    for size, want in left:
        free = _unbound(size)
        if len(free) == 1 and isinstance(want, int) and symbols(size) == free:
            (name,) = free
            return any(_solvable(equations, {**known, name: value}) for value in _whole(size, name, want))
    return not left


def _unbound(size: Dim) -> frozenset[str]:
    return frozenset(name for name in symbols(size) if name.endswith("'"))


def _linear(size: Dim, want: Dim, name: str) -> Dim | None:
    """Solve `factor * name + rest = want` exactly, or return None."""
    rest = substitute(size, {name: 0})
    factor = substitute(size, {name: 1}) - rest
    if factor == 0 or substitute(symbol(name) * factor, {}) + rest != size:
        return None
    return exact_quotient(want - rest, factor)


def _whole(size: Dim, name: str, want: int) -> range:
    """The sizes that give what is wanted, for expressions that grow with their symbol."""

    def first(least: int) -> int:
        low, high = 1, _LARGEST
        while low < high:
            middle = (low + high) // 2
            if evaluate(size, {name: middle}) >= least:
                high = middle
            else:
                low = middle + 1
        return low

    begin = first(want)
    return range(begin, first(want + 1)) if evaluate(size, {name: begin}) == want else range(0)
