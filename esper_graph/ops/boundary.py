"""Where values come from and go to: input, output, constant, parameter."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import Field, model_validator

from esper_graph.ops.attributes import (
    MAX_RANK,
    Attributes,
    Count,
    DtypeName,
    Number,
    OpenSizeText,
    Size,
    SizeText,
    read_size,
)
from esper_graph.ops.dims import Dim, symbol
from esper_graph.ops.opdef import Assumption, Fill, Inputs, Normal, OpDef, Parameter
from esper_graph.ops.rules import positive, tensor
from esper_graph.ops.values import DTYPES, TensorType

BATCH = "batch"
"""The size of axis 0 of every input that leaves it open."""


def open_size(index: int, axis: int) -> str:
    """Name the size of an axis that an input leaves open.

    >>> open_size(0, 0), open_size(0, 1)
    ('batch', 'd0_1')
    """
    return BATCH if axis == 0 else f"d{index}_{axis}"


class Input(Attributes):
    """An argument of the kernel.

    Attributes:
        shape: A size an axis; -1 leaves it open and names it `batch` (axis 0) or `d<index>_<axis>`.
        dtype: Type of the elements.
        index: Position among the kernel's arguments.
    """

    shape: Annotated[tuple[OpenSizeText, ...], Field(max_length=MAX_RANK)]
    dtype: DtypeName = "float32"
    index: Count = 0

    @model_validator(mode="after")
    def _name_open_sizes(self) -> "Input":
        # The name says the same as -1; one of the two must be the written form.
        named = tuple(
            open_size(self.index, axis) if size == -1 else size for axis, size in enumerate(self.shape)
        )
        object.__setattr__(self, "shape", named)
        return self


def infer_input(a: Input, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The declared type."""
    shape = tuple(read_size(size) for size in a.shape)
    for axis, size in enumerate(shape):
        if not isinstance(size, int) and size != symbol(str(size)):
            positive(size, f"axis {axis} of the input", assumptions)
    return (TensorType(shape, a.dtype),)


class Output(Attributes):
    """A result of the kernel.

    Attributes:
        index: Position among the kernel's results.
    """

    index: Count = 0


def infer_output(a: Output, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Nothing flows on; a result is one tensor."""
    tensor(inputs[0], "input")
    return ()


_LARGEST_VALUE: Mapping[str, float] = {
    "int8": 127,
    "int32": 2**31 - 1,
    "int64": 2**63 - 1,
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38,
}


class Constant(Attributes):
    """A tensor that is part of the blueprint.

    A nested list gives all elements; a single number with `shape` fills a tensor with it. A list whose
    elements are all the same settles to the second form.

    Attributes:
        value: Nested lists of numbers, or one number.
        dtype: Type of the elements.
        shape: Sizes, which may be expressions where `value` is one number; default: the nesting of `value`.
    """

    value: Any
    dtype: DtypeName = "float32"
    shape: Annotated[tuple[SizeText, ...], Field(max_length=MAX_RANK)] = ()

    @model_validator(mode="before")
    @classmethod
    def _settle(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or "value" not in given:
            return cast("object", given)
        fields: dict[str, Any] = dict(cast("Mapping[str, Any]", given))
        dtype = fields.get("dtype", "float32")
        kind = DTYPES[dtype].kind if isinstance(dtype, str) and dtype in DTYPES else "float"
        if kind == "complex":
            raise ValueError("a constant is real; build a complex value with `cast`")
        value = _typed(fields["value"], kind, _LARGEST_VALUE.get(dtype))
        shape = _nesting(value)
        if shape and "shape" in fields:
            if fields["shape"] != shape:
                raise ValueError(f"`value` is nested as {list(shape)}, `shape` is {fields['shape']}")
        elif not shape:
            shape = fields.get("shape", ())
        return {**fields, "value": _uniform(value), "shape": shape}


def _typed(value: object, kind: str, largest: float | None) -> Any:
    """Bring nested numbers into the kind's own Python type."""
    if isinstance(value, tuple):
        return tuple(_typed(item, kind, largest) for item in cast("tuple[object, ...]", value))
    if kind == "bool":
        if type(value) is not bool:
            raise ValueError(f"{value!r} is not true or false")
        return value
    if type(value) not in ((int, float) if kind == "float" else (int,)):
        raise ValueError(f"{value!r} is not {'a number' if kind == 'float' else 'a whole number'}")
    number = cast("int | float", value)
    if largest is not None and not -largest - (kind == "int") <= number <= largest:
        raise ValueError(f"{number} is beyond the largest value of its dtype, {largest}")
    return float(number) if kind == "float" else number


def _nesting(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple):
        return ()
    items = cast("tuple[object, ...]", value)
    if not items:
        raise ValueError("a constant has at least one element")
    inner = {_nesting(item) for item in items}
    if len(inner) > 1:
        raise ValueError("the nested lists differ in length")
    return (len(items), *inner.pop())


def _uniform(value: Any) -> Any:
    """Return the one value that all elements have, or the nested value where they differ."""
    texts: set[str] = set()
    last: Any = value

    def visit(item: Any) -> None:
        nonlocal last
        if isinstance(item, tuple):
            for inner in cast("tuple[Any, ...]", item):
                visit(inner)
        else:
            texts.add(repr(item))  # by text: 0.0 and -0.0 are two values
            last = item

    visit(value)
    return last if len(texts) == 1 else value


def infer_constant(a: Constant, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The shape of the value."""
    shape: tuple[Dim, ...] = tuple(
        positive(read_size(size), f"axis {axis} of the constant", assumptions)
        for axis, size in enumerate(a.shape)
    )
    return (TensorType(shape, a.dtype),)


class ParameterTensor(Attributes):
    """A tensor that is learned by itself, such as a class token, a table of positions or a scale.

    Attributes:
        shape: Sizes of its axes.
        value: First value of all elements, where `std` is 0.
        std: Standard deviation of the first values, which are drawn around zero; 0 fills it with `value`.
        trainable: False for a table that is kept but not learned.
    """

    shape: Annotated[tuple[Size, ...], Field(max_length=MAX_RANK)] = ()
    value: Number = 0.0
    std: Annotated[Number, Field(ge=0.0)] = 0.0
    trainable: bool = True

    @model_validator(mode="after")
    def _check(self) -> "ParameterTensor":
        if self.std and self.value:
            raise ValueError("either `value` or `std` must be 0")
        return self


def infer_parameter(
    a: ParameterTensor, inputs: Inputs, assumptions: list[Assumption]
) -> tuple[TensorType, ...]:
    """The declared shape, of single precision."""
    return (TensorType(a.shape, "float32"),)


def parameters_parameter(a: ParameterTensor) -> tuple[Parameter, ...]:
    """The tensor itself."""
    init = Normal(a.std) if a.std else Fill(a.value)
    return (Parameter("value", a.shape, init, trainable=a.trainable),)


OPS: tuple[OpDef, ...] = (
    OpDef("input", "Boundary", Input, (), infer_input),
    OpDef("output", "Boundary", Output, ("input",), infer_output, outputs=()),
    OpDef("constant", "Boundary", Constant, (), infer_constant, expressions=("shape",)),
    OpDef(
        "parameter",
        "Boundary",
        ParameterTensor,
        (),
        infer_parameter,
        parameters=parameters_parameter,
    ),
)
