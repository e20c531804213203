"""What a lowering is given: one node of a program that is being written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from esper_graph.compile.job import Mode
from esper_graph.compile.lowering.source import Writer, call, dtype, expression, integer, key
from esper_graph.errors import LoweringError
from esper_graph.ops.dims import Dim
from esper_graph.ops.opdef import Parameter
from esper_graph.ops.values import TensorType, ValueType

Fields = Mapping[str, str]
"""The variables of a named tuple's tensors."""
Lowered = str | Fields
"""The variable that holds a tensor, or those of a named tuple."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A tensor of the kernel module.

    Attributes:
        name: Name in the module, such as `p3_weight`.
        node: The node that owns it.
        origin: What its first values are drawn by.
    """

    name: str
    node: str
    origin: str
    parameter: Parameter


class Tap(NamedTuple):
    """A tensor of zeros that was added to a value, so that its gradient is that of the value.

    Attributes:
        name: Of the attribute of the module that holds it.
        key: Written name of the metric.
        measure: Source of an expression over the gradient `g` that gives the metric.
    """

    name: str
    key: str
    measure: str


@dataclass
class State:
    """What a program keeps in its module besides parameters.

    Attributes:
        taps: Gradient taps.
        counters: Names of integers that count calls.
        constants: By name: nested numbers and their dtype.
    """

    taps: list[Tap] = field(default_factory=list[Tap])
    counters: list[str] = field(default_factory=list[str])
    constants: dict[str, tuple[Any, str]] = field(default_factory=dict[str, tuple[Any, str]])


@dataclass
class Site:
    """One node, with the variables at its input ports and the means to write statements.

    Attributes:
        node: Its id.
        place: Its position in the listing.
        a: Attribute values.
        inputs: What is at each input port; None where an optional port is not fed.
        types: Types at the input ports.
        outputs: Types at the output ports.
        mode: Of the kernel.
        writer: Where statements go.
        symbols: The variable of each symbol.
        slots: The node's tensors by parameter name; those of the node that it shares with.
        state: Of the whole program.
        device: Source of the device that new tensors go to.
    """

    node: str
    op_type: str
    place: int
    a: Any
    inputs: Sequence[Lowered | None]
    types: Sequence[ValueType | None]
    outputs: Sequence[ValueType]
    mode: Mode
    writer: Writer
    symbols: Mapping[str, str]
    slots: Mapping[str, Slot]
    state: State
    device: str

    def tensor(self, slot: int = 0) -> str:
        """Return the variable at an input port."""
        found = self.inputs[slot]
        assert isinstance(found, str), "inference has refused tuples at tensor ports"
        return found

    def optional(self, slot: int) -> str | None:
        """Return the variable at an input port, or None where it is not fed."""
        return self.tensor(slot) if slot < len(self.inputs) and self.inputs[slot] is not None else None

    def tensors(self, start: int = 0) -> list[str]:
        """Return the variables at all input ports from one on."""
        return [self.tensor(slot) for slot in range(start, len(self.inputs))]

    def fields(self, slot: int = 0) -> Fields:
        """Return the variables of the named tuple at an input port."""
        found = self.inputs[slot]
        assert found is not None
        assert not isinstance(found, str), "inference has refused tensors at tuple ports"
        return found

    def type(self, slot: int = 0) -> TensorType:
        """Return the type at an input port."""
        found = self.types[slot]
        assert isinstance(found, TensorType), "inference has refused tuples at tensor ports"
        return found

    def output(self, slot: int = 0) -> TensorType:
        """Return the type at an output port."""
        found = self.outputs[slot]
        assert isinstance(found, TensorType)
        return found

    @property
    def training(self) -> bool:
        """Whether the kernel is one for training."""
        return self.mode == "train"

    def let(self, value: str) -> str:
        """Add a statement that keeps a value, and return its variable."""
        return self.writer.let(value)

    def call(self, op: str, *arguments: str, **named: str) -> str:
        """Add the call of an aten op, and return the variable of its result."""
        return self.writer.let(call(op, *arguments, **named))

    def unpack(self, value: str, count: int) -> list[str]:
        """Add a statement that takes a tuple apart, and return the variables."""
        return self.writer.unpack(value, count)

    def cast(self, value: str, held: str, wanted: str) -> str:
        """Return a value as a dtype; itself where it has it."""
        return value if held == wanted else self.let(f"{value}.to({dtype(wanted)})")

    def size(self, size: Dim) -> str:
        """Write a size."""
        return expression(size, self.symbols)

    def sizes(self, sizes: Sequence[Dim]) -> str:
        """Write a list of sizes."""
        return f"[{', '.join(self.size(size) for size in sizes)}]"

    def parameter(self, name: str) -> str:
        """Write one of the node's tensors."""
        return f"self.{self.slots[name].name}"

    def optional_parameter(self, name: str) -> str:
        """Write one of the node's tensors, or `None` where it has no such tensor."""
        return self.parameter(name) if name in self.slots else "None"

    def in_training(self, value: str, instead: str) -> str:
        """Keep `value`, but `instead` while a training kernel trains."""
        if not self.training:
            return value
        result = self.let(value)
        with self.writer.block("if self.training:"):
            self.writer.line(f"{result} = {instead}")
        return result

    def metric(self, name: str, value: str) -> None:
        """Add a metric of the training kernel; must stand inside a `probe` block."""
        self.writer.line(f"metrics[{key(self.node, name)}] = {value}")

    def constant(self, value: Any) -> str:
        """Add a tensor of nested numbers to the module, of the dtype of the node's output, and write it."""
        name = f"k{integer(self.place)}"
        self.state.constants[name] = (value, self.output().dtype)
        return self.let(f"self.{name}")

    def counter(self) -> str:
        """Add an integer to the module that lasts from call to call, and write it."""
        name = f"c{integer(self.place)}"
        self.state.counters.append(name)
        return f"self.{name}"

    def refuse(self, why: str, hint: str | None = None) -> LoweringError:
        """Make the error that says why this node cannot be lowered."""
        return LoweringError(
            f"`{self.node}` cannot be compiled: {why}", where=[f"node  {self.node} ({self.op_type})"], hint=hint
        )


Lowering = Callable[[Site], tuple[Lowered, ...]]
"""Writes the statements of one node and returns what holds its outputs."""
