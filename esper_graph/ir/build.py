"""Write a blueprint as a program: each call adds a node and returns the wire that carries its result.

>>> b = Builder("mlp", name="MLP", tags=["example"])
>>> x = b.input([-1, 784])
>>> h = b.activation(b.linear(x, in_features=784, out_features=784, id="fc1"), type="relu")
>>> b.output(b.linear(b.add(h, residual(x)), in_features=784, out_features=10, id="fc2"))
>>> mlp = b.finish()
>>> [node.id for node in mlp.nodes]
['input', 'fc1', 'activation', 'add', 'fc2', 'output']
>>> mlp.cost().parameters
623290
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn, cast

from esper_graph.errors import (
    BadAttributeError,
    DanglingEdgeError,
    FormatError,
    Problem,
    UnknownOpError,
    close_names,
    suggestion,
)
from esper_graph.ir.blocks import symbols_of
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import ConnectionType, EdgeSpec, NodeSpec, fresh_name
from esper_graph.ops import OPS
from esper_graph.ops.opdef import OpDef, settle

NODE_FIELDS = tuple(name for name in NodeSpec.model_fields if name not in ("id", "op_type", "attributes"))
"""Keywords of a call that set fields of the node rather than attributes of its op; `id` is another."""


@dataclass(frozen=True)
class Wire:
    """A value that a node of a builder gives.

    Attributes:
        builder: What it belongs to.
        node_id: The node.
        ports: Its output ports.
        port: The one that the value comes from; None means the first.
        connection_type: Role of the edges that this wire will make.
    """

    builder: "Builder"
    node_id: str
    ports: tuple[str, ...]
    port: str | None = None
    connection_type: ConnectionType = "forward"

    def __getitem__(self, port: str | int) -> "Wire":
        """Return the wire from another output port, by name or number.

        Raises:
            DanglingEdgeError: The node has no such port.
        """
        if isinstance(port, int) and 0 <= port < len(self.ports):
            port = self.ports[port]
        if port not in self.ports:
            hint = (
                suggestion(close_names(str(port), self.ports))
                or f"its output ports are {', '.join(self.ports)}"
            )
            facts = {"node": self.node_id, "port": port}
            _dangling(f"`{self.node_id}` has no output port `{port}`", f"node `{self.node_id}`", hint, facts)
        return replace(self, port=port)

    def __iter__(self) -> Iterator["Wire"]:
        """Return a wire from each output port, so that they can be unpacked."""
        return iter([self[port] for port in self.ports])

    def __repr__(self) -> str:
        return f"<Wire {self.node_id if self.port is None else f'{self.node_id}.{self.port}'}>"


def residual(wire: Wire) -> Wire:
    """Return the same wire as a shortcut: its edges get the connection type `residual`."""
    return replace(wire, connection_type="residual")


def attention(wire: Wire) -> Wire:
    """Return the same wire as an attention input: its edges get the connection type `attention`."""
    return replace(wire, connection_type="attention")


class Builder:
    """A blueprint in the making.

    Each op type is a method. Wires given by position feed the input ports in order (None leaves an optional
    one unfed), wires given by name feed the port of that name, a list of wires a port that takes any number.
    Every other keyword is an attribute of the op, except `id` and the fields of the node: `precision`,
    `shares` (a node or its wire), `requires_gpu` and the hints. Ops without inputs take their first attribute
    by position.

    Nodes without an `id` are called by their op type: `linear`, `linear_2`, ...; edges `e1`, `e2`, ...

    Args:
        id: Id of the blueprint; may stay empty.
        name: Name for people; the id, when it is left out.
        metadata: Other fields of `BlueprintIR`.
    """

    def __init__(self, id: str = "", *, name: str | None = None, **metadata: Any) -> None:
        self._metadata: dict[str, Any] = {"id": id, "name": name or id or "unnamed", **metadata}
        self._nodes: dict[str, NodeSpec] = {}
        self._edges: list[EdgeSpec] = []
        self._blocks: dict[str, BlueprintIR] = dict(self._metadata.pop("blocks", {}))

    def __getattr__(self, op_type: str) -> Callable[..., Wire]:
        if op_type.startswith("_"):
            raise AttributeError(op_type)
        return partial(self.node, _known(op_type).op_type)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *OPS]

    def node(self, op_type: str, /, *inputs: Any, id: str | None = None, **settings: Any) -> Wire:
        """Add a node; `b.linear(x, ...)` is short for `b.node("linear", x, ...)`.

        Raises:
            UnknownOpError: The op type is not in the table.
            BadAttributeError: Attributes are missing, unknown or wrong; all of them are named.
            DanglingEdgeError: A wire leads to a port that does not exist, or comes from another builder.
            FormatError: The id is taken or no id, or a value has no place in a blueprint.
        """
        op = _known(op_type)
        node_id = fresh_name(op_type, self._nodes) if id is None else id
        if node_id in self._nodes:
            hint = f"`{fresh_name(node_id, self._nodes)}` is free; without `id` it is made from the op type"
            problem = Problem(
                "format", f"two nodes are called `{node_id}`", f"node `{node_id}`", hint, {"node": node_id}
            )
            raise FormatError(problem)
        if not op.inputs and len(inputs) == 1 and not isinstance(inputs[0], Wire):
            settings = {next(iter(op.attributes.model_fields)): inputs[0], **settings}
            inputs = ()
        fed = _fed(op, node_id, inputs, settings)
        fields: dict[str, Any] = {name: settings.pop(name) for name in NODE_FIELDS if name in settings}
        shares = fields.get("shares")
        if isinstance(shares, Wire):
            fields["shares"] = shares.node_id
        fields["attributes"] = settings
        node = NodeSpec(id=node_id, op_type=op_type, **fields)
        settled = settle(op, node.attributes)
        if settled.problems:
            where = f"node `{node_id}`"
            raise BadAttributeError(
                *[
                    Problem("bad_attribute", one.message, where, one.hint, {"node": node_id, **one.facts})
                    for one in settled.problems
                ]
            )
        edges = [self._edge(node_id, port, wire, number) for number, (port, wire) in enumerate(fed)]
        self._nodes[node_id] = node
        self._edges += edges
        return Wire(self, node_id, op.output_names(settled.values))

    def block(
        self,
        definition: BlueprintIR,
        /,
        *inputs: Wire,
        bindings: Mapping[str, int | str] | None = None,
        id: str | None = None,
        **settings: Any,
    ) -> Wire:
        """Use another blueprint as one node, fed in the order of its inputs.

        Args:
            bindings: Which sizes the symbols of the definition have here; those left out keep their names.
            settings: `shares` names another use of the same definition whose parameters this one uses.

        Raises:
            BlueprintError: The definition is not valid.
            BadAttributeError: The definition has no such symbol.
            DanglingEdgeError: A wire comes from another builder.
        """
        definition.validate()
        name, known, bound = definition.fingerprint, symbols_of(definition), bindings or {}
        for one in bound:
            if one not in known:
                hint = suggestion(close_names(one, known)) or f"its sizes are {', '.join(known) or 'none'}"
                message = f"`{definition.name}` has no size `{one}` to bind"
                raise BadAttributeError(Problem("bad_attribute", message, "", hint, {"symbol": one}))
        self._blocks[name] = definition
        attributes = {
            "blueprint": name,
            "bindings": [bound.get(one, one) for one in known],
            "outputs": len(definition.graph.of_type("output")),
        }
        return self.node("block", *inputs, id=id, **attributes, **settings)

    def output(self, value: Wire, /, *, id: str | None = None, **settings: Any) -> None:
        """Add an output: a result of the kernel, in the order in which outputs are added."""
        self.node("output", value, id=id, **settings)

    def finish(self) -> BlueprintIR:
        """Return the blueprint; whether it is valid is said by its `validate`."""
        return BlueprintIR(
            nodes=list(self._nodes.values()), edges=list(self._edges), blocks=self._blocks, **self._metadata
        )

    def _edge(self, target: str, port: str, wire: Wire, number: int) -> EdgeSpec:
        where, facts = f"node `{target}`", {"node": target, "port": port, "source": wire.node_id}
        if wire.builder is not self:
            message = f"port `{port}` of `{target}` is fed by `{wire.node_id}` of another builder"
            _dangling(message, where, "add the node to this builder too", facts)
        if not wire.ports:
            message = f"port `{port}` of `{target}` is fed by `{wire.node_id}`, which gives no output"
            _dangling(message, where, None, facts)
        return EdgeSpec(
            id=f"e{len(self._edges) + number + 1}",
            source=wire.node_id,
            target=target,
            source_port=wire.port,
            target_port=port,
            connection_type=wire.connection_type,
        )


def _known(op_type: str) -> OpDef:
    op = OPS.get(op_type)
    if op is None:
        close = close_names(op_type, OPS)
        hint = suggestion(close) or "see `esper-graph blueprint ops`"
        facts = {"op_type": op_type, "close": close}
        raise UnknownOpError(Problem("unknown_op", f"`{op_type}` is not an op", "", hint, facts))
    return op


def _fed(op: OpDef, node_id: str, inputs: Sequence[Any], settings: dict[str, Any]) -> list[tuple[str, Wire]]:
    """Pair ports with the wires that feed them; wires given by name are taken out of the settings."""
    fed: list[tuple[str, Wire]] = []
    for slot, wire in enumerate(inputs):
        port = op.port_name(slot)
        if port is None:
            _no_port(op, node_id, f"{len(inputs)} values", "")
        if wire is not None and not isinstance(wire, Wire):
            message = f"port `{port}` of `{node_id}` ({op.op_type}) is fed by {wire!r}, which is no wire"
            known = tuple(op.attributes.model_fields)
            hint = f"give attributes by name; `{op.op_type}` has {', '.join(known) or 'none'}"
            _dangling(message, f"node `{node_id}`", hint, {"node": node_id, "port": port})
        if wire is not None:
            fed.append((port, wire))
    for name in list(settings):
        value = settings[name]
        several = cast("list[Any]", value) if isinstance(value, list | tuple) else []
        if isinstance(value, Wire) and name != "shares":
            slot = op.port_slot(name)
            if slot is None:
                _no_port(op, node_id, f"`{name}`", name)
            fed.append((name, settings.pop(name)))
        elif several and all(isinstance(wire, Wire) for wire in several):
            if name != op.variadic:
                _no_port(op, node_id, f"`{name}`", name)
            fed += [(f"{name}.{number}", wire) for number, wire in enumerate(settings.pop(name))]
        elif value is None and name in op.fixed and name not in op.attributes.model_fields:
            del settings[name]
    return fed


def _no_port(op: OpDef, node_id: str, given: str, name: str) -> NoReturn:
    ports = [*op.fixed, *([f"{op.variadic}.0 ..."] if op.variadic else [])]
    hint = suggestion(close_names(name, op.fixed)) or (
        f"its input ports are {', '.join(ports)}" if ports else f"`{op.op_type}` takes no input"
    )
    facts = {"node": node_id, "op_type": op.op_type, "port": name}
    _dangling(f"`{node_id}` ({op.op_type}) has no input port for {given}", f"node `{node_id}`", hint, facts)


def _dangling(message: str, where: str, hint: str | None, facts: Mapping[str, object]) -> NoReturn:
    raise DanglingEdgeError(Problem("dangling_edge", message, where, hint, facts))
