"""What an op is: one `OpDef` says all that the IR needs to know about an op type.

An op's *rules* are plain functions of its attribute values and of the types at its input ports. They
know nothing of graphs, stores or torch. A rule that finds its inputs unfit raises `RuleError`; the IR
turns it into a `Problem` that names the node.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from re import findall
from typing import Any, NamedTuple

from pydantic import ValidationError

from esper_graph.errors import close_names, suggestion
from esper_graph.ops.attributes import Attributes, sizes_in
from esper_graph.ops.dims import Dim, parse, symbols
from esper_graph.ops.values import ValueType

FAMILIES = frozenset(
    {
        "Boundary",
        "Dense",
        "Conv",
        "Norm",
        "Attention",
        "Activation",
        "Pooling",
        "Embedding",
        "Recurrent",
        "Elementwise",
        "Shape",
        "Reduction",
        "Random",
        "Spectral",
        "Routing",
        "Effect",
        "Block",
        "Custom",
    }
)


class RuleError(Exception):
    """A rule's inputs do not fit; becomes a problem of kind `shape_mismatch` at the node concerned."""

    def __init__(self, message: str, *, hint: str | None = None, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts


class Assumption(NamedTuple):
    """Something a rule relied on that only holds for some values of the symbols.

    `positive`: `size` is at least 1. `divisible`: `size` is a multiple of `by`.
    """

    kind: str
    size: Dim
    by: Dim
    reason: str


@dataclass(frozen=True, slots=True)
class Uniform:
    """Initial values drawn evenly from [-bound, bound)."""

    bound: float


@dataclass(frozen=True, slots=True)
class Normal:
    """Initial values drawn from a normal distribution around zero."""

    std: float


@dataclass(frozen=True, slots=True)
class Fill:
    """Initial values that are all the same."""

    value: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor that a node owns.

    Attributes:
        name: Name within the node, such as `weight`.
        shape: Sizes of its axes, outermost first.
        init: How its first values are drawn.
        trainable: False for a buffer, such as a running mean; buffers are not counted as parameters.
    """

    name: str
    shape: tuple[int, ...]
    init: Uniform | Normal | Fill
    trainable: bool = True

    @property
    def size(self) -> int:
        """Number of elements."""
        total = 1
        for axis in self.shape:
            total *= axis
        return total


class Cost(NamedTuple):
    """Work of one node for one call.

    Attributes:
        macs: Multiply-adds of products and convolutions; each counts as two FLOPs.
        elementwise: Other arithmetic, one for each element computed (a softmax, a norm or an activation
            counts each of its output elements once); never part of `flops`.
        known: False where nobody knows what the op does inside; both figures are 0 then.
    """

    macs: Dim = 0
    elementwise: Dim = 0
    known: bool = True

    @property
    def flops(self) -> Dim:
        """Floating-point operations of the multiply-adds: two for each."""
        return self.macs * 2


Inputs = Sequence[Any]
"""Value types at the input ports, in port order; None where an optional port is not fed."""

InferRule = Callable[[Any, Inputs, list[Assumption]], tuple[ValueType, ...]]
CostRule = Callable[[Any, Inputs, Sequence[Any]], Cost]
ParameterRule = Callable[[Any], tuple[Parameter, ...]]


def no_cost(attributes: object, inputs: Inputs, outputs: Sequence[Any]) -> Cost:
    """Cost rule of ops that move or name values without arithmetic."""
    return Cost()


def unknown_cost(attributes: object, inputs: Inputs, outputs: Sequence[Any]) -> Cost:
    """Cost rule of ops whose work is not known."""
    return Cost(known=False)


def no_parameters(attributes: object) -> tuple[Parameter, ...]:
    """Parameter rule of ops that own no tensors."""
    return ()


@dataclass(frozen=True)
class OpDef:
    """Everything the IR knows of an op type.

    Attributes:
        op_type: Name in blueprints, `lower_snake`.
        family: Label of its nodes in the property graph; one of `FAMILIES`.
        attributes: Model of its fixed settings.
        inputs: Port names in order. `name?` may stay unfed; `name*` (last) takes any number of values and
            its ports are called `name.0`, `name.1`, ...
        infer: Types of the outputs from attributes and input types.
        cost: Work of one call.
        parameters: Tensors the node owns.
        outputs: Output port names, or a function of the attributes that gives them.
        least: How many values `name*` needs.
        commutative: The order of the values at `name*` does not matter.
        stochastic: Two equal nodes may give different values; never merged or folded.
        stateful: A call may change buffers.
        effect: Does something besides its outputs; a root for dead-code elimination.
        expressions: Attributes whose entries may be written as size expressions.
        fixed: Names of the ports before `name*`.
        variadic: `name` of `name*`, or None.
        required: For each fixed port, whether it must be fed.
        slots: Positions of ports by name: of the fixed ones, and of the first few of `name*`.
        needed: How many ports there are at least, those that may stay unfed included.
        known: What `settle` found out, by the text of the attributes.
    """

    op_type: str
    family: str
    attributes: type[Attributes]
    inputs: tuple[str, ...]
    infer: InferRule
    cost: CostRule = no_cost
    parameters: ParameterRule = no_parameters
    outputs: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = ("output",)
    least: int = 1
    commutative: bool = False
    stochastic: bool = False
    stateful: bool = False
    effect: bool = False
    expressions: tuple[str, ...] = ()
    fixed: tuple[str, ...] = field(init=False)
    variadic: str | None = field(init=False)
    required: tuple[bool, ...] = field(init=False)
    slots: Mapping[str | int | None, int] = field(init=False, hash=False, repr=False)
    needed: int = field(init=False)
    known: "dict[str, Settled]" = field(
        init=False, default_factory=dict[str, "Settled"], compare=False, repr=False
    )

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(
                f"`{self.family}` is not a family; the families are {', '.join(sorted(FAMILIES))}"
            )
        names = [name for name in self.inputs if not name.endswith("*")]
        starred = [name.rstrip("*") for name in self.inputs if name.endswith("*")]
        object.__setattr__(self, "fixed", tuple(name.rstrip("?") for name in names))
        object.__setattr__(self, "required", tuple(not name.endswith("?") for name in names))
        object.__setattr__(self, "variadic", starred[0] if starred else None)
        first = range(len(self.fixed) + (_REMEMBERED if starred else 0))
        object.__setattr__(self, "slots", {self.port_name(slot): slot for slot in first})
        object.__setattr__(self, "needed", len(names) + (self.least if starred else 0))

    def output_names(self, values: Any) -> tuple[str, ...]:
        """Name the output ports under these attribute values."""
        return self.outputs(values) if callable(self.outputs) else self.outputs

    def port_name(self, slot: int) -> str | None:
        """Name the input port at a position, or None where the op has none there.

        >>> from esper_graph.ops import OPS
        >>> OPS["attention"].port_name(1), OPS["concat"].port_name(1), OPS["linear"].port_name(1)
        ('key', 'inputs.1', None)
        """
        if slot < len(self.fixed):
            return self.fixed[slot]
        return f"{self.variadic}.{slot - len(self.fixed)}" if self.variadic else None

    def port_slot(self, port: str | int) -> int | None:
        """Find the position of an input port given by name or number, or None where there is none."""
        if isinstance(port, int):
            return port if port >= 0 and self.port_name(port) else None
        if port in self.slots:
            return self.slots[port]
        if self.variadic:
            head, _, number = port.rpartition(".")
            if head == self.variadic and number.isascii() and number.isdigit() and str(int(number)) == number:
                return len(self.fixed) + int(number)
        return None


def attribute_names(op: OpDef) -> tuple[str, ...]:
    """List the names of all attributes that an op may have, whatever its `type`.

    >>> from esper_graph.ops import OPS
    >>> attribute_names(OPS["linear"])
    ('in_features', 'out_features', 'bias')
    """
    forms = getattr(op.attributes, "forms", {})
    models = [op.attributes, *forms.values()]
    return tuple(dict.fromkeys(name for model in models for name in model.model_fields))


class AttributeProblem(NamedTuple):
    """One thing that is wrong with a node's attributes."""

    attribute: str
    message: str
    hint: str | None
    facts: dict[str, object]


@dataclass(frozen=True, eq=False, slots=True)
class Settled:
    """An op with its attributes settled: what a node is, apart from its place among others.

    There is one for all nodes that have the op and the attributes in common, so that what follows from it can
    be kept, see `inferred`.

    Attributes:
        op: The op.
        values: The attribute model with defaults filled in, or None where there are problems.
        text: Canonical JSON of the values; equal text means equal attributes.
        problems: What is wrong; empty when `values` is there.
        outputs: Names of the output ports.
        symbols: Names of the symbols in its size expressions, each with the attribute that it stands in.
        parameters: The tensors that a node with these attributes owns.
        trainable: Numbers in those that are trained.
        buffers: Numbers in the others.
    """

    op: OpDef
    values: Any
    text: str
    problems: tuple[AttributeProblem, ...]
    outputs: tuple[str, ...] = ()
    symbols: tuple[tuple[str, str], ...] = ()
    parameters: tuple[Parameter, ...] = ()
    trainable: int = 0
    buffers: int = 0


_REMEMBERED = 8
"""How many ports of `name*` are found by name without reading it."""

MEMO = 65_536
"""How many answers each rule's memo keeps; those that were not asked for longest are forgotten."""


def settle(op: OpDef, attributes: Mapping[str, object]) -> Settled:
    """Check attributes against the op's model and fill in the defaults.

    Results are kept by the attributes' *text*, because equal values of different types (1 and True, 0.0
    and -0.0) are different attributes.
    """
    text = repr(attributes)
    found = op.known.get(text)
    if found is None:
        if len(op.known) >= MEMO:
            op.known.clear()
        found = op.known[text] = _settle(op, attributes)
    return found


def _settle(op: OpDef, attributes: Mapping[str, object]) -> Settled:
    try:
        values = op.attributes.model_validate(dict(attributes))
    except ValidationError as error:
        problems = tuple(_problem(op, attributes, detail) for detail in error.errors())
        return Settled(op, None, "", problems)
    owned = op.parameters(values)
    trainable = sum(one.size for one in owned if one.trainable)
    buffers = sum(one.size for one in owned if not one.trainable)
    names = op.output_names(values)
    used = tuple([(name, one) for name in op.expressions for one in _symbols_in(getattr(values, name))])
    return Settled(op, values, values.model_dump_json(), (), names, used, owned, trainable, buffers)


def _symbols_in(entry: Any) -> list[str]:
    return sorted({name for size in sizes_in(entry) for name in symbols(parse(size))})


@lru_cache(maxsize=MEMO)
def inferred(
    settled: Settled, inputs: tuple[ValueType | None, ...]
) -> tuple[tuple[ValueType, ...], tuple[Assumption, ...]]:
    """Apply the op's shape rule; answers are kept.

    Args:
        settled: An op with attributes that have no problems.
        inputs: Types at the input ports, None where an optional port is not fed.

    Returns:
        The types of the outputs, and what they rely on.

    Raises:
        RuleError: The inputs do not fit.
    """
    assumptions: list[Assumption] = []
    outputs = settled.op.infer(settled.values, inputs, assumptions)
    return tuple(outputs), tuple(assumptions)


def _problem(op: OpDef, attributes: Mapping[str, object], detail: Any) -> AttributeProblem:
    location = [part for part in detail["loc"] if not (isinstance(part, str) and "[" in part)]
    name = str(location[0]) if location else ""
    facts: dict[str, object] = {"op_type": op.op_type, "attribute": name}
    known = tuple(op.attributes.model_fields)
    if detail["type"] == "missing":
        return AttributeProblem(name, f"`{op.op_type}` needs the attribute `{name}`", None, facts)
    if detail["type"] == "extra_forbidden":
        hint = suggestion(close_names(name, known)) or (
            f"its attributes are {', '.join(known)}" if known else f"`{op.op_type}` has no attributes"
        )
        return AttributeProblem(name, f"`{op.op_type}` has no attribute `{name}`", hint, facts)
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if not name:
        return AttributeProblem("", f"the attributes of `{op.op_type}` do not fit: {message}", None, facts)
    value = facts["value"] = attributes.get(name)
    hint = None
    if detail["type"] == "literal_error":
        hint = suggestion(close_names(str(value), findall("'([^']*)'", detail["ctx"]["expected"])))
    return AttributeProblem(name, f"`{name}` of `{op.op_type}` is {_shown(value)}: {message}", hint, facts)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
