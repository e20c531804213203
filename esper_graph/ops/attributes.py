"""Building blocks of attribute models: exact types that bring equal meanings into one written form.

>>> class Window(Attributes):
...     kernel_size: per_axis(2, Size)
>>> Window(kernel_size=3) == Window(kernel_size=(3, 3))
True
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from esper_graph.ops.dims import Dim, highest, parse, substitute

LARGEST = 2**31 - 1
"""The largest size of an axis, and of any whole number in attributes."""
MAX_RANK = 16
MAX_TEXT = 500


class Attributes(BaseModel):
    """Base of all attribute models: exact types, no unknown names, finite numbers, immutable."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        protected_namespaces=(),
    )


class NoAttributes(Attributes):
    """Nothing to set."""


Size = Annotated[int, Field(ge=1, le=LARGEST)]
"""A positive number of features, channels, heads and the like."""
Count = Annotated[int, Field(ge=0, le=LARGEST)]
"""A size that may be zero, such as a padding."""
Whole = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
"""A whole number of either sign, such as a position counted from either end."""
Axis = Annotated[int, Field(ge=-MAX_RANK, le=MAX_RANK - 1)]
"""An axis of a tensor; negative ones count from the last."""
Number = float
"""A finite number; whole numbers are accepted. -0.0 stays itself: it is another number than 0.0."""
Positive = Annotated[float, Field(gt=0.0)]
"""A finite number above zero."""
Probability = Annotated[Number, Field(ge=0.0, le=1.0)]
"""A number from 0 to 1."""
DtypeName = Literal[
    "bool", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"
]
"""A key of `DTYPES`."""


def per_axis(count: int, entry: Any) -> Any:
    """Return the type of `count` entries, one an axis, that may be written as a single one."""

    def spread(value: object) -> object:
        return cast(object, value) if isinstance(value, tuple) else (value,) * count

    return Annotated[tuple[(entry,) * count], BeforeValidator(spread)]


def axes_of(value: object) -> object:
    """Write one axis or several as a sorted tuple; None stays None."""
    if isinstance(value, tuple):
        axes = cast(tuple[Any, ...], value)
        return tuple(sorted(axes)) if all(type(axis) is int for axis in axes) else axes
    return (value,) if type(value) is int else value


def size_text(value: object) -> object:
    """Bring a size into its canonical form: a whole number, or the text of an expression.

    Raises:
        ValueError: It is neither, not positive, or too long.
    """
    if type(value) is int:
        if not 1 <= value <= LARGEST:
            raise ValueError(f"a size lies between 1 and {LARGEST}")
        return value
    if not isinstance(value, str):
        raise ValueError("a size is a whole number, or an expression such as 'batch*4'")
    size = parse(value)
    if isinstance(size, int):
        return size_text(size)
    text = str(size)
    if len(text) > MAX_TEXT:
        raise ValueError(f"an expression has at most {MAX_TEXT} characters when its products are written out")
    most = highest(size)
    if most is not None and most < 1:
        raise ValueError(f"the expression {text} is never more than {most}, and a size is at least 1")
    return text


def _open_size_text(value: object) -> object:
    return -1 if type(value) is int and value == -1 else size_text(value)


SizeText = Annotated[int | str, BeforeValidator(size_text)]
"""A size of at least 1, or an expression over the sizes of the blueprint's inputs."""
OpenSizeText = Annotated[int | str, BeforeValidator(_open_size_text)]
"""A size, an expression, or -1 for what the op works out itself."""


def read_size(entry: int | str) -> Dim:
    """Return a validated `SizeText` as a size."""
    return parse(entry) if isinstance(entry, str) else entry


def map_sizes(entry: Any, change: Callable[[str], object]) -> Any:
    """Return the value of an attribute in `OpDef.expressions` with each expression changed.

    >>> map_sizes(("batch", 4), lambda text: f"2*{text}")
    ('2*batch', 4)
    """
    if isinstance(entry, tuple):
        return tuple([map_sizes(one, change) for one in cast("tuple[Any, ...]", entry)])
    if isinstance(entry, Mapping):
        named = cast("Mapping[str, Any]", entry)
        kind: Any = type(named)
        return kind({name: map_sizes(one, change) for name, one in named.items()})
    return change(entry) if isinstance(entry, str) else entry


def bound_sizes(entry: Any, values: Mapping[str, Dim]) -> Any:
    """Replace symbols in the value of such an attribute by sizes; symbols without a value stay.

    >>> bound_sizes(("batch", "n + 1"), {"n": 3})
    ('batch', 4)
    """

    def bound(text: str) -> int | str:
        size = substitute(parse(text), values)
        return size if isinstance(size, int) else str(size)

    return map_sizes(entry, bound) if values else entry


def sizes_in(entry: Any) -> Iterator[str]:
    """List the expressions in the value of such an attribute.

    >>> [*sizes_in((("batch", 4), {"size": "n + 1"}))]
    ['batch', 'n + 1']
    """
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, Mapping):
        yield from sizes_in(tuple(cast("Mapping[str, Any]", entry).values()))
    elif isinstance(entry, tuple):
        for one in cast("tuple[Any, ...]", entry):
            yield from sizes_in(one)
