"""One node as rules see it: its attributes, the types around it, where its inputs come from."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.graph import Graph
from esper_graph.ir.passes.result import Change, Wire
from esper_graph.ir.specs import EMPTY, FrozenDict, NodeSpec, freeze
from esper_graph.ops import OPS
from esper_graph.ops.attributes import MAX_TEXT
from esper_graph.ops.dims import Dim
from esper_graph.ops.opdef import RuleError, inferred, settle
from esper_graph.ops.values import TensorType, ValueType

PLAIN = "fp32"
"""The precision that asks for nothing; a node with another one rounds, so no rule touches it."""


class Site:
    """One node of a valid blueprint."""

    def __init__(self, blueprint: BlueprintIR, place: int) -> None:
        self.blueprint = blueprint
        self.graph: Graph = blueprint.graph
        self.place = place
        self.node = self.graph.nodes[place]
        self.values: Any = self.graph.values[place]

    @cached_property
    def inputs(self) -> tuple[Any, ...]:
        """Types at the input ports."""
        return self.blueprint.inference.inputs[self.place] or ()

    @property
    def outputs(self) -> tuple[Any, ...]:
        """Types at the output ports."""
        return self.blueprint.inference.outputs[self.place] or ()

    @cached_property
    def wires(self) -> Mapping[int, Wire]:
        """Where the inputs come from, by slot."""
        nodes = self.graph.nodes
        return {
            feed.slot: Wire(nodes[feed.source].id, feed.source_slot) for feed in self.graph.feeds[self.place]
        }

    def producer(self, slot: int = 0) -> "Site":
        """The node that an input comes from."""
        return Site(self.blueprint, self.graph.position[self.wires[slot].node])

    @property
    def only_used_once(self) -> bool:
        """Whether a single input takes its value."""
        return len(self.graph.consumers[self.place]) == 1

    def number(self, slot: int) -> float | bool | None:
        """The number that all elements of an input are known to have, or None."""
        source = self.producer(slot)
        if source.node.op_type != "constant" or isinstance(source.values.value, tuple):
            return None
        return source.values.value

    # ---------------------------------------------------------------- changes

    def gone(self, note: str, slot: int = 0) -> Change:
        """Let the consumers take one of the inputs."""
        return Change(f"`{self.node.id}` {note}", instead={0: self.wires[slot]})

    def replaced(
        self,
        note: str,
        op_type: str,
        attributes: Mapping[str, Any],
        inputs: Mapping[int, Wire],
        types: Sequence[ValueType | None],
    ) -> Change | None:
        """Let another op take its place, or nothing where that would not have the same type.

        Args:
            types: Types of the new inputs.
        """
        if not fits(op_type, attributes, types, self.outputs):
            return None
        node = renewed(self.node, op_type, attributes)
        kept = dict(inputs) == dict(self.wires)
        if not kept:  # what it asserted about its input belonged to the old one
            node = node.with_checked(input_shape=None)
        return Change(f"`{self.node.id}` {note}", node, None if kept else inputs)


def renewed(node: NodeSpec, op_type: str, attributes: Mapping[str, Any]) -> NodeSpec:
    """The node with another op."""
    frozen: FrozenDict = freeze(dict(attributes)) if attributes else EMPTY
    return node.with_checked(op_type=op_type, attributes=frozen)


def fits(
    op_type: str,
    attributes: Mapping[str, Any],
    inputs: Sequence[ValueType | None],
    outputs: Sequence[ValueType],
) -> bool:
    """Tell whether an op accepts inputs and gives exactly these types."""
    settled = settle(OPS[op_type], freeze(dict(attributes)))
    if settled.values is None:
        return False
    try:
        return inferred(settled, tuple(inputs))[0] == tuple(outputs)
    except RuleError:
        return False


def written(size: Dim) -> int | str:
    """A size as attributes have it."""
    return size if isinstance(size, int) else str(size)


def reshape_attributes(before: TensorType, after: TensorType) -> Mapping[str, Any] | None:
    """Attributes of the `reshape` from one type to another: all sizes named, one left open where it must be.

    Returns:
        None where no reshape is known to do it.
    """
    sizes = [written(size) for size in after.shape]
    if any(isinstance(size, str) and len(size) > MAX_TEXT for size in sizes):
        return None
    forms = [sizes, *([*sizes[:axis], -1, *sizes[axis + 1 :]] for axis in range(len(sizes)))]
    for form in forms:
        if fits("reshape", {"shape": form}, (before,), (after,)):
            return {"shape": form}
    return None
