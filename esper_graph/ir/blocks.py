"""Blocks: blueprints that are used as nodes of another one, and the same network with all written out.

A node of op type `block` names its definition by fingerprint; the definition stands in the `blocks` of the
blueprint around. Everything that is computed (types, costs, kernels) is computed from the expansion; what is
shown and stored is the folded form.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from esper_graph.errors import BlueprintError, LimitExceededError, Problem
from esper_graph.ir.specs import MAX_ID, EdgeSpec, FrozenDict, NodeSpec, fresh_name
from esper_graph.ops import OPS
from esper_graph.ops.attributes import bound_sizes, read_size
from esper_graph.ops.dims import Dim, substitute
from esper_graph.ops.values import TensorType, ValueType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.ir.shapes import Inference

BLOCK = "block"
MOST = 100_000


class Place(NamedTuple):
    """One value: the position of the node that gives it, and which of its outputs it is."""

    node: int
    slot: int


class Argument(NamedTuple):
    """What a use of a block expects at one of its inputs, and what it gets there."""

    node: int
    slot: int
    expected: ValueType
    given: Place


@dataclass(frozen=True, slots=True)
class Expansion:
    """A blueprint with its blocks written out.

    Attributes:
        blueprint: The same network without blocks. The nodes of a use `b` are called `b.<id in definition>`.
        owners: For each node of it, the position of the folded node that it belongs to.
        results: For each folded node, where its outputs come from in the expansion.
        arguments: What the uses of blocks expect, where places are those of the expansion.
    """

    blueprint: "BlueprintIR"
    owners: tuple[int, ...]
    results: tuple[tuple[Place, ...], ...]
    arguments: tuple[Argument, ...]


class _Wire(NamedTuple):
    """A value by the id of its node, and the output port as it is written on an edge."""

    node: str
    port: int | str | None
    slot: int


def expand(blueprint: "BlueprintIR") -> Expansion:
    """Write out all blocks, those inside of blocks too.

    Raises:
        BlueprintError: A definition is missing, is not the named one, or does not fit its use.
        LimitExceededError: It would have more than `MOST` nodes.
    """
    _refuse_huge(blueprint)
    problems = [*blueprint.graph.problems, *block_problems(blueprint)]
    if problems:
        raise BlueprintError.of(problems, blueprint.id or blueprint.name)
    return _Expander(blueprint).expansion()


def _refuse_huge(blueprint: "BlueprintIR") -> None:
    count, _ = size_of(blueprint)
    if count > MOST:
        message = f"with its blocks written out the blueprint has {count} nodes, at most {MOST} can be"
        raise LimitExceededError(Problem("limit_exceeded", message), blueprint_id=blueprint.id)


def size_of(blueprint: "BlueprintIR") -> tuple[int, int]:
    """Count the nodes and edges that the expansion has at most, without making it."""
    known: dict[str, tuple[int, int]] = {}

    def count(one: "BlueprintIR") -> tuple[int, int]:
        nodes, edges = len(one.nodes), len(one.edges)
        for node in one.nodes:
            definition = definition_of(one, node)
            if definition is not None:
                name = str(node.attributes["blueprint"])
                if name not in known:
                    known[name] = count(definition)
                nodes, edges = nodes + known[name][0] - 1, edges + known[name][1]
        return nodes, edges

    return count(blueprint)


def definition_of(blueprint: "BlueprintIR", node: NodeSpec) -> "BlueprintIR | None":
    """Return the definition that a node uses; None for other ops, and where it is missing."""
    name = node.attributes.get("blueprint") if node.op_type == BLOCK else None
    return blueprint.blocks.get(name) if isinstance(name, str) else None


def definitions(blueprint: "BlueprintIR") -> "dict[str, BlueprintIR]":
    """Collect all definitions by fingerprint, those inside of definitions too, inner ones first."""
    found: dict[str, BlueprintIR] = {}
    for name, definition in blueprint.blocks.items():
        if name not in found:
            found |= {inner: one for inner, one in definitions(definition).items() if inner not in found}
            found[name] = definition
    return found


def infer_folded(blueprint: "BlueprintIR") -> "Inference":
    """Infer the types at the folded nodes from those in the expansion.

    Raises:
        LimitExceededError: The expansion would have more than `MOST` nodes.
    """
    from esper_graph.ir.shapes import Inference, defined_symbols

    _refuse_huge(blueprint)
    graph = blueprint.graph
    if graph.problems or graph.order is None or block_problems(blueprint):
        unknown = (None,) * len(graph.nodes)
        return Inference(unknown, unknown, (), (), tuple(block_problems(blueprint)))
    expansion = blueprint.expansion
    inner = expansion.blueprint.inference
    outputs: list[tuple[ValueType, ...] | None] = []
    for places in expansion.results:
        types = [_type_at(inner, place) for place in places]
        known = [value for value in types if value is not None]
        outputs.append(tuple(known) if len(known) == len(types) else None)
    inputs = tuple(graph.input_types(outputs, place) for place in range(len(graph.nodes)))
    assumptions = tuple((expansion.owners[place], one) for place, one in inner.assumptions)
    problems = [*inner.problems, *_unfit_arguments(blueprint, expansion)]
    names, _ = defined_symbols(graph, outputs)
    return Inference(inputs, tuple(outputs), assumptions, names, tuple(problems))


def block_problems(blueprint: "BlueprintIR") -> list[Problem]:
    """List what keeps the blocks of a blueprint from being written out."""
    return [*_definition_problems(blueprint), *_use_problems(blueprint)]


def _type_at(inference: "Inference", place: Place) -> ValueType | None:
    types = inference.outputs[place.node]
    return types[place.slot] if types is not None and place.slot < len(types) else None


def _definition_problems(blueprint: "BlueprintIR") -> Iterator[Problem]:
    used = {node.attributes.get("blueprint") for node in blueprint.nodes if node.op_type == BLOCK}
    for name, definition in blueprint.blocks.items():
        where = f"blocks `{name[:15]}` ({definition.name})"
        if name not in used:
            yield Problem("format", f"`{name}` is defined, but no node uses it", where, "remove it")
            continue
        # The limits hold for the expansion as a whole.
        problems = [one for one in definition.problems if one.kind != "limit_exceeded"]
        for one in problems:
            yield Problem(one.kind, one.message, f"{where}  {one.where}".rstrip(), one.hint, one.facts)
        if not problems and definition.fingerprint != name:
            yield Problem(
                "format",
                f"the definition under `{name}` has the fingerprint `{definition.fingerprint}`",
                where,
                "name it by its fingerprint",
                {"named": name, "found": definition.fingerprint},
            )


def _use_problems(blueprint: "BlueprintIR") -> Iterator[Problem]:
    graph = blueprint.graph
    for place in graph.of_type(BLOCK):
        node, values = graph.nodes[place], graph.values[place]
        if values is None:
            continue
        where, facts = f"node `{node.id}`", {"node": node.id, "blueprint": values.blueprint}
        definition = blueprint.blocks.get(values.blueprint)
        if definition is None:
            message = f"`{node.id}` uses the blueprint `{values.blueprint}`, which `blocks` does not define"
            yield Problem("dangling_edge", message, where, "put its definition into `blocks`", facts)
            continue
        inner = definition.graph
        for what, given, wanted in (
            ("inputs", len(graph.feeds[place]), len(inner.of_type("input"))),
            ("outputs", values.outputs, len(inner.of_type("output"))),
        ):
            if given != wanted:
                message = f"`{node.id}` has {given} {what}, but `{definition.name}` has {wanted}"
                yield Problem("dangling_edge", message, where, None, facts)
        known = symbols_of(definition)
        if len(values.bindings) != len(known):
            message = (
                f"`{node.id}` has {len(values.bindings)} bindings, `{definition.name}` has {len(known)} sizes"
            )
            hint = f"its sizes are {', '.join(known)}" if known else "leave `bindings` out"
            yield Problem("bad_attribute", message, where, hint, facts)
        if node.shares is not None and node.shares in graph.position:
            owner = graph.nodes[graph.position[node.shares]]
            if owner.attributes.get("blueprint") != values.blueprint:
                message = f"`{node.id}` shares the parameters of `{owner.id}`, no use of the same block"
                yield Problem("bad_attribute", message, where, None, facts)


def symbols_of(definition: "BlueprintIR") -> tuple[str, ...]:
    """Name the sizes that the inputs of a definition leave open, in the order of the `bindings` of a use."""
    return definition.inference.symbols


def _unfit_arguments(blueprint: "BlueprintIR", expansion: Expansion) -> Iterator[Problem]:
    inference = expansion.blueprint.inference
    for node, slot, expected, place in expansion.arguments:
        given = _type_at(inference, place)
        if given is None or given == expected:
            continue
        name = blueprint.nodes[node].id
        yield Problem(
            "shape_mismatch",
            f"`{name}` takes {expected} at its input {slot}, but gets {given}",
            f"node `{name}`",
            "`bindings` say which sizes the symbols of the block have here",
            {"node": name, "expected": str(expected), "actual": str(given)},
        )


class _Expander:
    """Walks the folded nodes in topological order and collects what they stand for."""

    def __init__(self, blueprint: "BlueprintIR") -> None:
        self.blueprint, self.graph = blueprint, blueprint.graph
        self.nodes: list[NodeSpec] = []
        self.edges: list[EdgeSpec] = []
        self.owners: list[int] = []
        self.results: list[tuple[_Wire, ...]] = [()] * len(self.graph.nodes)
        self.arguments: list[tuple[int, int, ValueType, _Wire]] = []
        self.node_ids = {node.id for node in self.graph.nodes if node.op_type != BLOCK}
        self.edge_ids = {edge.id for edge in self.graph.edges}
        self.inner_ids: dict[str, dict[str, str]] = {}
        for node in self.graph.nodes:
            definition = definition_of(blueprint, node)
            if definition is not None:
                names = self.inner_ids[node.id] = {}
                for inner in definition.expanded.nodes:
                    names[inner.id] = _fresh(node.id, inner.id, self.node_ids)

    def expansion(self) -> Expansion:
        order = self.graph.order
        if order is None:
            self.blueprint.validate()
        for place in order or ():
            node = self.graph.nodes[place]
            arriving = [self.results[feed.source][feed.source_slot] for feed in self.graph.feeds[place]]
            definition = definition_of(self.blueprint, node)
            if definition is None:
                self._keep(place, node, arriving)
            else:
                self._inline(place, node, definition.expanded, arriving)
        position = {node.id: number for number, node in enumerate(self.nodes)}
        expanded = self.blueprint.replace(nodes=self.nodes, edges=self.edges, blocks={})
        return Expansion(
            expanded,
            tuple(self.owners),
            tuple(tuple(Place(position[one.node], one.slot) for one in wires) for wires in self.results),
            tuple(
                Argument(node, slot, expected, Place(position[wire.node], wire.slot))
                for node, slot, expected, wire in self.arguments
            ),
        )

    def _keep(self, place: int, node: NodeSpec, arriving: list[_Wire]) -> None:
        settled = self.graph.settled[place]
        assert settled is not None
        names = settled.outputs
        self.nodes.append(node)
        self.owners.append(place)
        self.results[place] = tuple(
            _Wire(node.id, name if len(names) > 1 else None, slot) for slot, name in enumerate(names)
        )
        for feed, wire in zip(self.graph.feeds[place], arriving, strict=True):
            edge = self.graph.edges[feed.edge]
            if edge.source != wire.node:
                edge = edge.with_checked(source=wire.node, source_port=wire.port)
            self.edges.append(edge)

    def _inline(self, place: int, node: NodeSpec, inner: "BlueprintIR", arriving: list[_Wire]) -> None:
        names, graph = self.inner_ids[node.id], inner.graph
        around = [read_size(size) for size in node.attributes.get("bindings", ())]
        sizes: dict[str, Dim] = dict(zip(symbols_of(inner), around, strict=True))
        shared = self.inner_ids[node.shares] if node.shares is not None else {}
        wires: dict[tuple[int, int], _Wire] = {}
        for slot, (entry, wire) in enumerate(zip(graph.of_type("input"), arriving, strict=True)):
            wires[entry, 0] = wire
            (declared,) = inner.inference.outputs[entry] or (None,)
            assert isinstance(declared, TensorType)
            shape = tuple(substitute(size, sizes) for size in declared.shape)
            self.arguments.append((place, slot, TensorType(shape, declared.dtype), wire))
        results: dict[int, _Wire] = {}
        for entry in graph.order or ():
            one, settled = graph.nodes[entry], graph.settled[entry]
            if one.op_type == "input":
                continue
            if one.op_type == "output":
                (feed,) = graph.feeds[entry]
                results[entry] = wires[feed.source, feed.source_slot]
                continue
            assert settled is not None
            owner = one.shares or one.id
            of_other = shared[owner] if shared and settled.parameters else None
            of_own = names[one.shares] if one.shares is not None else None
            self.nodes.append(_bound(one, sizes, id=names[one.id], shares=of_other or of_own))
            self.owners.append(place)
            for slot, name in enumerate(settled.outputs):
                port = name if len(settled.outputs) > 1 else None
                wires[entry, slot] = _Wire(names[one.id], port, slot)
            for feed in graph.feeds[entry]:
                edge, wire = graph.edges[feed.edge], wires[feed.source, feed.source_slot]
                self.edges.append(
                    edge.with_checked(
                        id=_fresh(node.id, edge.id, self.edge_ids),
                        source=wire.node,
                        source_port=wire.port,
                        target=names[edge.target],
                        tensor_shape=_bound_shape(edge.tensor_shape, sizes),
                    )
                )
        self.results[place] = tuple(results[entry] for entry in graph.of_type("output"))


def _fresh(outer: str, inner: str, taken: set[str]) -> str:
    """Name what is inside of a use, and take the name."""
    name = f"{outer}.{inner}"
    if len(name) > MAX_ID:
        digits = sha256(name.encode()).hexdigest()[:12]
        name = f"{name[: MAX_ID - 13]}_{digits}"
    name = fresh_name(name, taken)
    taken.add(name)
    return name


def _bound(node: NodeSpec, sizes: Mapping[str, Dim], **changes: Any) -> NodeSpec:
    """Write the sizes of a definition as those around it."""
    attributes = dict(node.attributes)
    for name in OPS[node.op_type].expressions:
        if name in attributes:
            attributes[name] = bound_sizes(attributes[name], sizes)
    return node.with_checked(
        attributes=FrozenDict(attributes),
        input_shape=_bound_shape(node.input_shape, sizes),
        output_shape=_bound_shape(node.output_shape, sizes),
        **changes,
    )


def _bound_shape(shape: Any, sizes: Mapping[str, Dim]) -> Any:
    return None if shape is None else bound_sizes(tuple(shape), sizes)
