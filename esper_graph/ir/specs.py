"""The values a blueprint is made of: nodes, edges and derivations, all immutable.

A spec can be built from anything that is well-formed; whether it makes sense (does the op exist, do the
shapes fit) is the business of `esper_graph.ir.check`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)

from esper_graph.errors import FormatError, Problem

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ID_CHARACTERS = "letters, digits, `.`, `_` and `-`, the first of which is a letter or a digit"
MAX_ID = 128
MAX_NAME = 200
MAX_NESTING = 8
MAX_INTEGER = 2**63 - 1
MAX_ATTRIBUTE_NAME = 64

DerivationKind = Literal["mutation", "crossover", "merge", "optimization", "generation", "import", "transfer"]
DERIVATION_KINDS: tuple[str, ...] = DerivationKind.__args__
ConnectionType = Literal["forward", "residual", "attention"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
Parallelism = Literal["data", "model", "pipeline"]


class FrozenDict(dict[str, Any]):
    """A dictionary that cannot be changed, so that it can be hashed and shared."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("attributes of a blueprint are immutable; make an edit instead")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType]

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


EMPTY = FrozenDict()


def freeze(value: object, depth: int = 0) -> Any:
    """Turn JSON-like data into immutable values: lists become tuples, dictionaries `FrozenDict`s.

    Raises:
        ValueError: It holds something JSON cannot say, a number that is not finite or beyond 64 bits, a key
            that is no attribute name, control characters, or more than eight levels.
    """
    kind = type(value)
    if kind is int:
        if not -MAX_INTEGER <= cast(int, value) <= MAX_INTEGER:
            raise ValueError("a number does not fit into 64 bits")
        return value
    if kind is bool or value is None:
        return value
    if kind is str:
        return printable(cast(str, value))
    if kind is float:
        if not isfinite(cast(float, value)):
            raise ValueError(f"{value} is not a finite number")
        return value
    if depth >= MAX_NESTING:
        raise ValueError(f"values nest deeper than {MAX_NESTING} levels")
    if isinstance(value, (list, tuple)):
        return tuple([freeze(item, depth + 1) for item in cast(Sequence[object], value)])
    if isinstance(value, Mapping):
        frozen: dict[str, Any] = {}
        for key, item in cast(Mapping[object, object], value).items():
            if not isinstance(key, str) or not _is_attribute_name(key):
                raise ValueError(f"{key!r} is not an attribute name (letters, digits and _, at most 64)")
            frozen[key] = freeze(item, depth + 1)
        return FrozenDict(frozen)
    raise ValueError(f"a value of type {kind.__name__} has no place in a blueprint")


def _is_attribute_name(text: str) -> bool:
    return text.isidentifier() and text.isascii() and len(text) <= MAX_ATTRIBUTE_NAME


def thaw(value: object) -> Any:
    """Turn frozen values back into plain lists and dictionaries."""
    if isinstance(value, tuple):
        return [thaw(item) for item in cast(tuple[object, ...], value)]
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in cast(Mapping[object, object], value).items()}
    return value


def printable(text: str) -> str:
    """Return the text, or raise ValueError when it holds control characters."""
    if not text.isprintable():
        raise ValueError("the text holds control characters")
    return text


def _attributes(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise ValueError("attributes are a mapping from names to values")
    return freeze(cast(object, value)) if value else EMPTY


def _edits(value: object) -> tuple[FrozenDict, ...]:
    items = cast(Sequence[object], value) if isinstance(value, list | tuple) else (None,)
    if not all(isinstance(item, Mapping) for item in items):
        raise ValueError("edits are a list of mappings from names to values")
    return freeze(items)


def as_tuple(value: object) -> object:
    """Accept any list where a tuple is kept."""
    return tuple(cast(Collection[object], value)) if isinstance(value, list | set | frozenset) else value


Id = Annotated[str, Field(pattern=f"^{ID_PATTERN}$", max_length=MAX_ID)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(printable)]
Tag = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]
Text = Annotated[str, Field(max_length=10_000), AfterValidator(printable)]
OpType = Annotated[str, Field(min_length=1, max_length=MAX_ID), AfterValidator(printable)]
DeclaredSize = Annotated[int, Field(ge=-1)] | Annotated[str, Field(max_length=500), AfterValidator(printable)]
if TYPE_CHECKING:  # what callers may give; what is kept is immutable
    DeclaredShape = Sequence[int | str]
    FrozenAttributes = Mapping[str, Any]
    Edits = Sequence[Mapping[str, Any]]
else:
    DeclaredShape = Annotated[tuple[DeclaredSize, ...], BeforeValidator(as_tuple), Field(max_length=16)]
    FrozenAttributes = Annotated[FrozenDict, PlainValidator(_attributes)]
    Edits = Annotated[tuple[FrozenDict, ...], PlainValidator(_edits)]
Port = Annotated[int, Field(ge=0, le=MAX_INTEGER)] | Id


def format_problems(error: ValidationError, root: str) -> list[Problem]:
    """Phrase what pydantic found as problems, one for each path below `root`.

    Where several types are accepted, pydantic says of each why it is not that one; what is wrong with a value
    of one of them is worth more than that it is none of another.
    """
    problems: dict[str, Problem] = {}
    for detail in error.errors():
        path = root
        for part in detail["loc"]:
            if isinstance(part, int):
                path += f"[{part}]"
            elif part.isidentifier() and part not in ("int", "str", "float", "bool"):
                path += f".{part}" if path else part
        if path in problems and detail["type"].endswith("_type"):
            continue
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "string_pattern_mismatch":  # only ids have a pattern here
            text = str(detail["input"])
            named = f"`{text}`" if text.isprintable() else "the text"
            message = f"{named} is not made of {ID_CHARACTERS}"
        facts = {"path": path, "value": detail.get("input")}
        problems[path] = Problem("format", message[:1].lower() + message[1:], path, facts=facts)
    return [*problems.values()]


class Value(BaseModel):
    """Base of the immutable values: exact types, no unknown fields, our own errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def __init__(self, **fields: Any) -> None:
        try:
            self.__pydantic_validator__.validate_python(fields, self_instance=self)
        except ValidationError as error:
            raise FormatError(*format_problems(error, type(self).__name__)) from None

    def with_checked(self, **fields: Any) -> Self:
        """Return a copy with fields whose values are known to be right; faster than `model_copy`."""
        copy = object.__new__(type(self))
        object.__setattr__(copy, "__dict__", {**self.__dict__, **fields})
        object.__setattr__(copy, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        object.__setattr__(copy, "__pydantic_extra__", None)
        object.__setattr__(copy, "__pydantic_private__", None)
        return copy

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked like a new value."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**fields, **changes})


class NodeSpec(Value):
    """One use of an op inside a blueprint.

    Attributes:
        id: Name within the blueprint.
        op_type: Key of the `OPS` table.
        attributes: Fixed settings of the op, as its attribute model names them.
        input_shape: Assertion about the first input; -1 matches any size.
        output_shape: Assertion about the first output.
        compute_intensity: Hint: work relative to a baseline.
        memory_bandwidth: Hint: memory traffic relative to a baseline.
        parallelism: Hint: how the node may be spread.
        requires_gpu: Requirement checked at compile and deployment.
        precision: Number format the node computes in; part of the blueprint's identity.
        shares: Id of the node whose parameters this one uses, instead of owning some.

    Raises:
        FormatError: A field is missing, unknown, or not of its type.

    Example:
        >>> sizes = {"in_features": 784, "out_features": 256}
        >>> NodeSpec(id="fc1", op_type="linear", attributes=sizes).estimate_flops()
        401408
    """

    id: Id
    op_type: OpType
    attributes: FrozenAttributes = EMPTY
    input_shape: DeclaredShape | None = None
    output_shape: DeclaredShape | None = None
    compute_intensity: float = 1.0
    memory_bandwidth: float = 1.0
    parallelism: Parallelism = "data"
    requires_gpu: bool = False
    precision: Precision = "fp32"
    shares: Id | None = None

    def validate(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Check op type and attributes.

        Returns:
            True.

        Raises:
            UnknownOpError: The op type is not in the table.
            BadAttributeError: Attributes are missing, unknown or wrong; all of them are named.
        """
        from esper_graph.ir.nodes import validate_node

        return validate_node(self)

    def estimate_flops(self) -> int:
        """Count the FLOPs of one call, two for each multiply-add.

        The input is `input_shape` with one for every open size; without it a linear node counts one row.

        Raises:
            ShapeMismatchError: The op's work depends on its input and no `input_shape` is declared.
            UnknownOpError: It is an op of torch, and nobody knows what that does inside.
        """
        from esper_graph.ir.nodes import estimate_node_flops

        return estimate_node_flops(self)


class EdgeSpec(Value):
    """A tensor that flows from one node to another.

    Attributes:
        id: Name within the blueprint.
        source: Id of the producing node.
        target: Id of the consuming node.
        tensor_shape: Assertion about the tensor; -1 matches any size.
        dtype: Assertion about its elements; None asserts nothing.
        connection_type: Role of the edge; `attention` leads to an attention node.
        transform: A shape transform to apply on the way; a blueprint turns it into a node.
        source_port: Output of the source, by name or number; None means the first.
        target_port: Input of the target, by name or number; None means the next one in edge order.
    """

    id: Id
    source: Id
    target: Id
    tensor_shape: DeclaredShape | None = None
    dtype: Annotated[str, Field(max_length=20)] | None = None
    connection_type: ConnectionType = "forward"
    transform: FrozenAttributes | None = None
    source_port: Port | None = None
    target_port: Port | None = None


class Derivation(Value):
    """That a blueprint came from a parent, and how.

    Attributes:
        parent_id: The blueprint it came from.
        kind: Closed list: mutation, crossover, merge, optimization, generation, import, transfer.
        mutation_type: Free text beside the kind.
        edits: The changes, as plain data.
        reason: Why, in a sentence.
    """

    parent_id: Id
    kind: DerivationKind = "mutation"
    mutation_type: Name | None = None
    edits: Edits = ()
    reason: Text | None = None


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Sort and remove repetitions."""
    return tuple(sorted(set(values)))


def sorted_names(value: object) -> object:
    """Accept any list of names, sort it and remove repetitions; what else it is, is told elsewhere."""
    if not isinstance(value, list | tuple | set | frozenset):
        return value
    names = cast(Collection[object], value)
    if not all(isinstance(name, str) for name in names):
        return tuple(names)
    return unique(cast(Collection[str], names))


def fresh_name(name: str, taken: Collection[str]) -> str:
    """Return the name, or the first of `name_2`, `name_3` … that is not taken.

    >>> fresh_name("linear", {"linear", "linear_2"})
    'linear_3'
    """
    number, fresh = 2, name
    while fresh in taken:
        fresh, number = f"{name}_{number}", number + 1
    return fresh


def duplicates(names: Sequence[str]) -> list[str]:
    """List names that occur more than once, each once, in order."""
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for name in names:
        if name in seen:
            twice[name] = None
        seen.add(name)
    return list(twice)
