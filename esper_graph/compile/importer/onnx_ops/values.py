"""What an ONNX value can stand for besides a wire, a known tensor or a parameter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.values import Known, Wire
from esper_graph.ops.dims import Dim, Expression

_TERMS, _DEGREE, _LARGEST = 32, 16, 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """A tensor of whole numbers, some of which are sizes that are not fixed.

    Attributes:
        entries: Numbers and sizes, as objects.
    """

    entries: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Part of GELU, which ONNX writes with the error function: there is no op for that alone.

    The value is `factor` times `erf(x/√2)` (step 0), `1 + erf(x/√2)` (1), or `x * (1 + erf(x/√2))` (2).
    """

    x: Wire
    step: int
    factor: float


def printable(text: str) -> str:
    """Return a text without what a description must not hold."""
    return "".join(one for one in text if one.isprintable()).strip()[:200]


def entries_of(tensor: Tensor) -> list[Any]:
    """List the elements of a tensor."""
    return cast("list[Any]", tensor.flatten().tolist())  # pyright: ignore[reportUnknownMemberType]


def bounded(sizes: Iterable[Any]) -> None:
    """Refuse sizes that have grown too long to be computed with.

    Raises:
        CannotRaiseError: One has.
    """
    for size in sizes:
        if isinstance(size, Expression):
            degree = max(sum(power for _, power in monomial) for monomial, _ in size.terms)
            largest = max(abs(coefficient) for _, coefficient in size.terms)
            if len(size.terms) > _TERMS or degree > _DEGREE or largest > _LARGEST:
                raise CannotRaiseError("it computes a size that is too long to be written down")
        elif isinstance(size, int) and abs(size) > _LARGEST:
            raise CannotRaiseError(f"it computes the size {size:.3g}")


def sizes_of(value: Any) -> NDArray[Any] | None:
    """Return whole numbers as objects that compute with sizes, or None where the value is no such tensor."""
    if isinstance(value, Sizes):
        return value.entries
    if isinstance(value, Known) and value.tensor.numel() <= 4096:
        return np.array(entries_of(value.tensor), dtype=object).reshape(value.tensor.shape)
    return None


def settled(entries: Any) -> Known | Sizes:
    """Return a tensor of sizes; where all are fixed it is known."""
    array = np.asarray(entries, dtype=object)
    flat = array.ravel().tolist()
    bounded(flat)
    if all(isinstance(entry, bool | np.bool_) for entry in flat) and flat:
        return Known(torch.tensor(array.astype(bool)))
    if all(isinstance(entry, int | np.integer) for entry in flat):
        return Known(torch.tensor(array.astype(np.int64)))
    return Sizes(array)


def listed(shape: Sequence[Dim]) -> Known | Sizes:
    """Return a shape as a value.

    >>> listed((2, 3)).tensor.tolist()
    [2, 3]
    """
    array = np.empty(len(shape), dtype=object)
    array[:] = shape
    return settled(array)
