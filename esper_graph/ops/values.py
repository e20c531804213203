"""What travels along an edge: tensors with exact shapes, or named tuples of them.

>>> from esper_graph.ops.dims import symbol
>>> print(TensorType((symbol("batch"), 784)))
float32[batch, 784]
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from esper_graph.ops.dims import Dim


class Dtype(NamedTuple):
    """Kind (`bool`, `int`, `float`, `complex`) and width of a tensor's elements."""

    kind: str
    bytes: int


DTYPES: Mapping[str, Dtype] = MappingProxyType(
    {
        "bool": Dtype("bool", 1),
        "int8": Dtype("int", 1),
        "int32": Dtype("int", 4),
        "int64": Dtype("int", 8),
        "float16": Dtype("float", 2),
        "bfloat16": Dtype("float", 2),
        "float32": Dtype("float", 4),
        "float64": Dtype("float", 8),
        "complex64": Dtype("complex", 8),
        "complex128": Dtype("complex", 16),
    }
)
_KINDS = ("bool", "int", "float", "complex")
_COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}
_REAL_OF = {complex_: real for real, complex_ in _COMPLEX_OF.items()}


class TensorType(NamedTuple):
    """Shape and dtype of a tensor; the shape's axes are sizes or expressions, outermost first."""

    shape: tuple[Dim, ...]
    dtype: str = "float32"

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def kind(self) -> str:
        """Kind of the elements: `bool`, `int`, `float` or `complex`."""
        return DTYPES[self.dtype].kind

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class TupleType:
    """A named tuple of tensors that travels along one edge."""

    name: str
    fields: tuple[tuple[str, TensorType], ...]

    def __getitem__(self, field: str) -> TensorType:
        return dict(self.fields)[field]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}: {tensor}' for name, tensor in self.fields)})"


ValueType = TensorType | TupleType


def promote(*dtypes: str) -> str:
    """Return the dtype that an elementwise operation on these dtypes yields.

    The higher kind wins; within a kind the wider; `float16` with `bfloat16` gives `float32`. A complex
    number and a `float64` give `complex128`.
    """
    result = dtypes[0]
    for dtype in dtypes[1:]:
        if dtype == result:
            continue
        pair = {result, dtype}
        if pair == {"float16", "bfloat16"}:
            result = "float32"
        elif pair == {"complex64", "float64"}:
            result = "complex128"
        else:
            result = max(
                result, dtype, key=lambda name: (_KINDS.index(DTYPES[name].kind), DTYPES[name].bytes)
            )
    return result


def complex_of(dtype: str) -> str | None:
    """Return the complex dtype with parts of this dtype, or None where there is none."""
    return dtype if dtype in _REAL_OF else _COMPLEX_OF.get(dtype)


def real_of(dtype: str) -> str:
    """Return the dtype of the real part."""
    return _REAL_OF.get(dtype, dtype)
