"""What a lowering is given: one node of a program that is being written."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

from esper_graph.compile.job import Mode
from esper_graph.compile.lowering.source import Writer, call, dtype, expression, integer
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


OnRows = Callable[[int, str], str]
"""Writes what an input port stands for, computed on some rows only; see `Site.on_rows`."""
Region = Literal["main", "probe", "gradient"]
"""Where a node is computed: on the way to an output, only for a metric, or after `backward`."""


@dataclass
class State:
    """What a program keeps in its module besides parameters.

    Attributes:
        taps: Names of the tensors of zeros that are added to values, so that their gradients are the values'.
        metrics: Names of metrics, by the name of the module's text that holds each: text of a blueprint is
            data of a kernel, never code.
        constants: By name: nested numbers and their dtype.
        counts_calls: Whether the module counts its calls, because some metrics are not wanted at every one.
    """

    taps: list[str] = field(default_factory=list[str])
    metrics: dict[str, str] = field(default_factory=dict[str, str])
    constants: dict[str, tuple[Any, str]] = field(default_factory=dict[str, tuple[Any, str]])
    counts_calls: bool = False

    def metric(self, wanted: str, node: str) -> str:
        """Keep the name of a metric, told apart from others by the node where need be; return where it is."""
        name = wanted
        while name in self.metrics.values():
            name = f"{name}.{node}"
        place = f"n{len(self.metrics)}"
        self.metrics[place] = name
        return place


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
        region: Where the node is computed.
        consumed: Whether some node takes its outputs.
        on_rows: Where the node chooses rows of its inputs, and some of these need not be computed on all rows
            (`inputs` has None for them): takes an input port and the variable of row numbers, adds the
            statements that compute these rows, and returns their variable. Rows lie along the first axis of
            the result; any other axis that told rows apart has the size 1.
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
    region: Region
    consumed: bool
    on_rows: OnRows | None = None

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

    def probe(self) -> AbstractContextManager[None]:
        """Indent what is added inside under the condition that metrics are wanted."""
        return self.writer.block("if probe:") if self.region == "main" else nullcontext()

    def metric(self, value: str, part: str = "") -> None:
        """Add a metric of the training kernel, called after the node; must stand inside `probe`."""
        wanted = self.a.metric_name if self.op_type == "telemetry" else self.node
        place = self.state.metric(f"{wanted}.{part}" if part else wanted, self.node)
        self.writer.line(f"metrics[self.{place}] = {value}")

    def constant(self, value: Any) -> str:
        """Add a tensor of nested numbers to the module, of the dtype of the node's output, and write it."""
        name = f"k{integer(self.place)}"
        self.state.constants[name] = (value, self.output().dtype)
        return self.let(f"self.{name}")

    def refuse(self, why: str, hint: str | None = None) -> LoweringError:
        """Make the error that says why this node cannot be lowered."""
        return LoweringError(
            f"`{self.node}` cannot be compiled: {why}",
            where=[f"node  {self.node} ({self.op_type})"],
            hint=hint,
        )


Lowering = Callable[[Site], tuple[Lowered, ...]]
"""Writes the statements of one node and returns what holds its outputs."""
