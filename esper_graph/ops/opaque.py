"""Ops of torch that a blueprint keeps as they are, where no op of ours stands for them.

They are called `aten.<name>.<overload>`, and their definitions are made when they are asked for. Nothing here
knows torch, so a node says all about its call itself: which argument each input is, every other argument, and
the types that go in and come out. The compiler compares that with what torch says of the op, and refuses what
torch does not have, what is written in another way, and what is not a pure function of its arguments.

>>> opaque("aten.cumprod.default").family
'Custom'
>>> opaque("aten.cumprod") is None
True
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, cast

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from esper_graph.ops.attributes import MAX_RANK, Attributes, DtypeName, SizeText, read_size, size_text
from esper_graph.ops.dims import Dim
from esper_graph.ops.opdef import Assumption, Inputs, OpDef, RuleError, unknown_cost
from esper_graph.ops.rules import positive
from esper_graph.ops.values import TensorType

OP_TYPE = r"aten\.[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*"
"""Written as torch does: `aten.cumprod.default`, `aten.div.Tensor_mode`."""
_OP_TYPE = re.compile(rf"{OP_TYPE}\Z", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_]{0,64}\Z", re.ASCII)
_LONGEST_OP_TYPE = 128
_MOST = 1000

Argument = Any
"""None, a truth value, a number, a word such as `floor` or `float32`, or a list of these."""


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Entries of one list argument stand side by side and count upwards."""
    last: dict[str, int] = {}
    for before, name in zip(("", *names), names, strict=False):
        argument, _, entry = name.partition(".")
        if argument in last and not (
            entry and int(entry) > last[argument] >= 0 and before.partition(".")[0] == argument
        ):
            raise ValueError(f"the argument `{argument}` stands twice, or its entries are not in order")
        last[argument] = int(entry) if entry else -1
    return names


def _settled_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _argument(name, given[name]) for name in sorted(given)}


def _argument(name: str, value: Any, *, inside: bool = False) -> Argument:
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str and _WORD.match(value):
        return value
    if isinstance(value, tuple) and not inside:
        return tuple(_argument(name, one, inside=True) for one in cast("tuple[Any, ...]", value))
    raise ValueError(
        f"the argument `{name}` is {value!r}, which is no number, truth value or word, nor a list"
    )


def _settled_sizes(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _size(name, given[name]) for name in sorted(given)}


def _size(name: str, value: Any, *, inside: bool = False) -> Any:
    """Bring a whole number that may depend on sizes into its canonical form."""
    if type(value) is int:
        return value
    if type(value) is str:
        return size_text(value)
    if isinstance(value, tuple) and not inside:
        return tuple(_size(name, one, inside=True) for one in cast("tuple[Any, ...]", value))
    raise ValueError(
        f"the argument `{name}` is {value!r}, which is no whole number or expression, nor a list"
    )


_PLAIN_SCHEMA: list[dict[str, Any]] = [
    {"type": ["null", "boolean", "number"]},
    {"type": "string", "pattern": r"^[A-Za-z0-9_]{0,64}$(?!\n)"},
]
_SIZE_SCHEMA: list[dict[str, Any]] = [{"type": "integer"}, {"type": "string", "maxLength": 500}]


def _one_or_list(schema: list[dict[str, Any]]) -> dict[str, Any]:
    entries = {"type": "array", "items": {"anyOf": schema}}
    return {
        "type": "object",
        "propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_]{0,63}$(?!\n)"},
        "additionalProperties": {"anyOf": [*schema, entries]},
    }


Shape = Annotated[tuple[SizeText, ...], Field(max_length=MAX_RANK)]
TensorName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}(\.(0|[1-9][0-9]{0,2}))?$")]


class OpaqueCall(Attributes):
    """A call of an op of torch, with all of its arguments.

    Attributes:
        tensors: For each input, the argument that it is, in the order of torch's schema: `self`, or
            `indices.1` for the second entry of a list. Entries that are left out are None.
        arguments: Every other argument by name, those with their default value too; dtypes and modes are
            words. Where tensors are placed, and how they lie in memory, is not among them.
        sizes: Those arguments that depend on sizes: whole numbers and expressions, or lists of them.
        input_shapes: Shape of each input.
        input_dtypes: Type of its elements.
        output_shapes: Shape of each result.
        output_dtypes: Type of its elements.
        stochastic: Whether it draws random numbers, as torch says.
    """

    tensors: Annotated[tuple[TensorName, ...], Field(max_length=_MOST), AfterValidator(_in_order)] = ()
    arguments: Annotated[
        Mapping[str, Any], AfterValidator(_settled_arguments), WithJsonSchema(_one_or_list(_PLAIN_SCHEMA))
    ] = Field(default_factory=dict[str, Any])
    sizes: Annotated[
        Mapping[str, Any], AfterValidator(_settled_sizes), WithJsonSchema(_one_or_list(_SIZE_SCHEMA))
    ] = Field(default_factory=dict[str, Any])
    input_shapes: Annotated[tuple[Shape, ...], Field(max_length=_MOST)] = ()
    input_dtypes: Annotated[tuple[DtypeName, ...], Field(max_length=_MOST)] = ()
    output_shapes: Annotated[tuple[Shape, ...], Field(min_length=1, max_length=_MOST)]
    output_dtypes: Annotated[tuple[DtypeName, ...], Field(min_length=1, max_length=_MOST)]
    stochastic: bool = False

    @property
    def training_only(self) -> bool:
        """Random numbers are drawn in evaluation too."""
        return False

    @model_validator(mode="after")
    def _check(self) -> "OpaqueCall":
        if not len(self.tensors) == len(self.input_shapes) == len(self.input_dtypes):
            raise ValueError("`tensors`, `input_shapes` and `input_dtypes` have one entry for each input")
        if len(self.output_shapes) != len(self.output_dtypes):
            raise ValueError("`output_shapes` and `output_dtypes` have one entry for each result")
        fed = [name.partition(".")[0] for name in self.tensors]
        twice = (self.arguments.keys() & self.sizes.keys()) | ({*fed} & {*self.arguments, *self.sizes})
        if twice:
            raise ValueError(f"the argument `{min(twice)}` is given twice")
        # An argument that depends on no size is a plain one; one of the two must be the written form.
        fixed = {name: value for name, value in self.sizes.items() if not _depends(value)}
        if fixed:
            merged = {**self.arguments, **fixed}
            object.__setattr__(self, "arguments", {name: merged[name] for name in sorted(merged)})
            left = {name: value for name, value in self.sizes.items() if name not in fixed}
            object.__setattr__(self, "sizes", left)
        return self


def _depends(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, tuple) and any(isinstance(one, str) for one in value))  # pyright: ignore[reportUnknownVariableType]


def recorded(shapes: tuple[Any, ...], dtypes: tuple[str, ...]) -> tuple[TensorType, ...]:
    """Return the types that a node has recorded for its inputs or its results."""
    return tuple(
        TensorType(tuple(read_size(size) for size in shape), dtype)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    )


def infer_opaque(a: OpaqueCall, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The recorded results, for inputs of the recorded types only: nothing is known about others."""
    if len(inputs) != len(a.tensors):
        raise RuleError(
            f"it takes {len(a.tensors)} inputs, and {len(inputs)} are fed",
            expected=len(a.tensors),
            actual=len(inputs),
        )
    known: set[Dim] = set()
    for number, (given, wanted) in enumerate(
        zip(inputs, recorded(a.input_shapes, a.input_dtypes), strict=True)
    ):
        if given != wanted:
            raise RuleError(
                f"its call was recorded with {wanted} as `{a.tensors[number]}`, and is given {given}",
                hint="what it gives for other inputs is not known: import the network again",
                port=f"inputs.{number}",
                expected=str(wanted),
                actual=str(given),
            )
        known.update(wanted.shape)
    results = recorded(a.output_shapes, a.output_dtypes)
    for result in results:
        for axis, size in enumerate(result.shape):
            if size not in known:
                positive(size, f"axis {axis} of its result", assumptions)
    return results


def outputs_opaque(a: OpaqueCall) -> tuple[str, ...]:
    """`output`, or `outputs.0`, `outputs.1` … in torch's order."""
    count = len(a.output_shapes)
    return ("output",) if count == 1 else tuple(f"outputs.{number}" for number in range(count))


@lru_cache(maxsize=1024)
def opaque(op_type: str) -> OpDef | None:
    """Return the definition of an op of torch, or None where the text is not of that form.

    Whether torch has such an op is not known here. Only pure functions compile, so passes may merge equal
    ones and leave out those that nothing uses, unless they are `stochastic`; no pass knows more of them.
    """
    if len(op_type) > _LONGEST_OP_TYPE or not _OP_TYPE.match(op_type):
        return None
    return OpDef(
        op_type,
        "Custom",
        OpaqueCall,
        ("inputs*",),
        infer_opaque,
        unknown_cost,
        outputs=outputs_opaque,
        least=0,
        stochastic=True,
        expressions=("sizes", "input_shapes", "output_shapes"),
    )
