"""A blueprint in the making: nodes with the parameters that they will own, each typed as it is added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esper_graph.compile.importer.values import Weight, Wire
from esper_graph.ir.specs import freeze
from esper_graph.ops import OPS
from esper_graph.ops.opdef import RuleError, settle
from esper_graph.ops.values import TensorType, ValueType


class CannotRaiseError(Exception):
    """A call of the exported program has no counterpart among our ops; says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the module tree a call was made.

    Attributes:
        path: Name of the module, such as `layer1.0.conv1`; empty for the whole.
        leaf: Whether that module has no modules inside.
    """

    path: str = ""
    leaf: bool = False


@dataclass(slots=True)
class DraftNode:
    """A node in the making.

    Attributes:
        inputs: What feeds each port, in order; None where an optional port is not fed.
        owned: Parameters by their name in the op.
        shares: Position of the node whose parameters it uses.
    """

    op_type: str
    inputs: tuple[Wire | None, ...]
    attributes: Mapping[str, Any]
    place: Place
    outputs: tuple[ValueType, ...]
    owned: Mapping[str, Weight] = field(default_factory=dict[str, Weight])
    shares: int | None = None
    name: str | None = None


class Draft:
    """Nodes in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[DraftNode] = []
        self._same: dict[str, int] = {}
        self._owners: dict[tuple[tuple[str, str], ...], int] = {}

    def type(self, wire: Wire) -> TensorType:
        """Return the type of a value."""
        found = self.nodes[wire.node].outputs[wire.port]
        assert isinstance(found, TensorType)
        return found

    def add(
        self,
        op_type: str,
        inputs: Sequence[Wire | None],
        attributes: Mapping[str, Any],
        place: Place,
        owned: Mapping[str, Weight] | None = None,
        name: str | None = None,
    ) -> Wire:
        """Add a node; a constant or another view that is there already is not added again.

        Raises:
            CannotRaiseError: Attributes, inputs or parameters do not fit the op.
        """
        op = OPS[op_type]
        try:
            attributes = freeze(attributes)
        except ValueError as error:
            raise CannotRaiseError(f"an argument cannot be written down: {error}") from None
        settled = settle(op, attributes)
        if settled.problems:
            raise CannotRaiseError(settled.problems[0].message)
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        owned = owned or {}
        key = repr((op_type, inputs, settled.text, sorted((n, w.name) for n, w in owned.items())))
        joined = op.family == "Shape" or op_type in ("constant", "parameter")
        if joined and key in self._same:
            return Wire(self._same[key])
        types: list[ValueType | None] = [None if wire is None else self.type(wire) for wire in inputs]
        types += [None] * (len(op.fixed) - len(types))
        try:
            outputs = op.infer(settled.values, types, [])
        except RuleError as error:
            raise CannotRaiseError(error.message) from None
        wanted = {parameter.name: parameter for parameter in settled.parameters}
        if wanted.keys() != owned.keys():
            raise CannotRaiseError(f"`{op_type}` owns {', '.join(wanted)}, not {', '.join(owned)}")
        for parameter in settled.parameters:
            shape = tuple(owned[parameter.name].tensor.shape)
            if shape != parameter.shape:
                raise CannotRaiseError(
                    f"`{owned[parameter.name].name}` is {list(shape)}, "
                    f"and `{op_type}` needs {list(parameter.shape)}"
                )
        node = DraftNode(op_type, tuple(inputs), attributes, place, outputs, owned, name=name)
        if owned:
            tensors = tuple(sorted((n, w.name) for n, w in owned.items()))
            node.shares = self._owners.setdefault(tensors, len(self.nodes))
            if node.shares == len(self.nodes):
                node.shares = None
        self.nodes.append(node)
        if joined:
            self._same[key] = len(self.nodes) - 1
        return Wire(len(self.nodes) - 1)

    def unknown(self, outputs: Sequence[TensorType], place: Place) -> list[Wire]:
        """Add a node that stands for what was refused, so that what depends on it can be looked at too."""
        self.nodes.append(DraftNode("unknown", (), {}, place, tuple(outputs)))
        return [Wire(len(self.nodes) - 1, port) for port in range(len(outputs))]

    def alive(self) -> list[int]:
        """List the positions of nodes that inputs and outputs need, in order."""
        waiting = [at for at, node in enumerate(self.nodes) if node.op_type in ("input", "output")]
        found: set[int] = set()
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            found.add(at)
            node = self.nodes[at]
            waiting += [wire.node for wire in node.inputs if wire is not None]
            if node.shares is not None:
                waiting.append(node.shares)
        return sorted(found)
