"""Fold parts of a blueprint that repeat into blocks, guided by the dots in the ids of its nodes.

The nodes `layer1.0.conv`, `layer1.0.norm` … are a part of their own, called `layer1.0`, and so is everything
in `layer1`. A part becomes a block where another one has the same structure, or where it holds several blocks
itself, so that a deep network reads as its stages. Expanding gives the same structure back. A definition is
called after the network and the first part that it stands for: `resnet18.layer1.0`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esper_graph.errors import BlueprintError
from esper_graph.ir.blocks import BLOCK, symbols_of
from esper_graph.ir.specs import MAX_NAME, EdgeSpec, FrozenDict, NodeSpec, fresh_name
from esper_graph.ops import OPS
from esper_graph.ops.attributes import map_sizes
from esper_graph.ops.boundary import BATCH
from esper_graph.ops.dims import Dim, parse, substitute, symbol, symbols
from esper_graph.ops.values import TensorType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.ir.graph import Graph

_Value = tuple[int, int]
"""Position of a node, and which of its outputs."""


def fold(blueprint: "BlueprintIR") -> "BlueprintIR":
    """Write parts that repeat as blocks; the blueprint itself where there are none.

    Raises:
        BlueprintError: The blueprint is not valid.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder(name="tower")
        >>> x = b.input([-1, 4])
        >>> for layer in range(3):
        ...     x = b.linear(x, in_features=4, out_features=4, id=f"layer.{layer}.fc")
        ...     x = b.activation(x, type="relu", id=f"layer.{layer}.relu")
        >>> b.output(x)
        >>> tower = b.finish()
        >>> [node.id for node in fold(tower).nodes]
        ['input', 'layer', 'output']
        >>> [definition.name for definition in fold(tower).blocks.values()]
        ['tower.layer']
        >>> fold(tower).expanded.fingerprint == tower.fingerprint
        True
    """
    if blueprint.graph.problems or blueprint.inference.problems:
        blueprint.validate()
    deepest = max((node.id.count(".") for node in blueprint.nodes), default=0)
    for length in range(deepest, 0, -1):
        blueprint = _fold_level(blueprint, length)
    return blueprint


@dataclass(frozen=True, slots=True)
class _Part:
    """Nodes that can be written as one, and the blueprint that they make.

    Attributes:
        places: Their positions in topological order.
        definition: What they are by themselves.
        arguments: The values that flow in, in the order of its inputs.
        results: The values that are used outside, in the order of its outputs.
        bindings: Sizes around it for its symbols, in their order.
    """

    name: str
    places: tuple[int, ...]
    definition: "BlueprintIR"
    arguments: tuple[_Value, ...]
    results: tuple[_Value, ...]
    bindings: tuple[str, ...]


class _UnfitError(Exception):
    """These nodes cannot be written as one."""


def _fold_level(blueprint: "BlueprintIR", length: int) -> "BlueprintIR":
    """Fold the parts whose names have this many steps."""
    alike: dict[str, list[_Part]] = {}
    for part in _parts(blueprint, length):
        alike.setdefault(part.definition.fingerprint, []).append(part)
    for same in alike.values():
        if len(same) > 1 or _holds_blocks(same[0]):
            names = {part.name for part in same}
            again = list(_parts(blueprint, length, names))
            folded = _replaced(blueprint, again)
            if folded.graph.order is not None:  # else parts that are fine by themselves feed each other
                blueprint = folded
    return blueprint


def _parts(blueprint: "BlueprintIR", length: int, names: set[str] | None = None) -> Iterator[_Part]:
    """Cut out what can be: all parts whose names have this many steps, or those of the given names."""
    groups: dict[str, list[int]] = {}
    for place, node in enumerate(blueprint.nodes):
        steps = node.id.split(".")
        if len(steps) > length and node.op_type not in ("input", "output"):
            groups.setdefault(".".join(steps[:length]), []).append(place)
    for name, places in groups.items():
        wanted = name in names if names is not None else len(places) > 1
        if wanted and name not in blueprint.graph.position:
            try:
                yield _cut(blueprint, name, frozenset(places))
            except (_UnfitError, BlueprintError):
                continue


def _holds_blocks(part: _Part) -> bool:
    return len(part.definition.graph.of_type(BLOCK)) > 1


def _cut(blueprint: "BlueprintIR", name: str, places: frozenset[int]) -> _Part:
    """Make a blueprint of some nodes.

    Raises:
        _UnfitError: A way leads out of them and in again, they share parameters with others, or a value
            that is no tensor crosses their border.
    """
    graph, outputs = blueprint.graph, blueprint.inference.outputs
    order = [place for place in graph.order or () if place in places]
    _refuse_ways_out_and_in(graph, places)
    _refuse_shared_parameters(graph, places)
    arguments, results = _border(graph, order, places)
    names: dict[Dim, str] = {}
    shapes: list[tuple[list[int | str], str]] = []
    for index, (place, slot) in enumerate(arguments):
        kind = (outputs[place] or ())[slot]
        if not isinstance(kind, TensorType):
            raise _UnfitError
        shapes.append((_named_shape(kind, index, names), kind.dtype))
    inner_names = {place: _inner_id(graph.nodes[place].id, name) for place in order}
    taken = set(inner_names.values())
    nodes: list[NodeSpec] = []
    edges: list[EdgeSpec] = []
    sources: dict[_Value, tuple[str, Any]] = {}
    for index, (value, (shape, dtype)) in enumerate(zip(arguments, shapes, strict=True)):
        entry = fresh_name("input", taken)
        taken.add(entry)
        attributes = FrozenDict(shape=tuple(shape), dtype=dtype, index=index)
        nodes.append(NodeSpec(id=entry, op_type="input", attributes=attributes))
        sources[value] = (entry, None)
    within = _Renaming(names, {graph.nodes[place].id: inner for place, inner in inner_names.items()})
    for place in order:
        nodes.append(within.node(graph.nodes[place]))
        for feed in graph.feeds[place]:
            edge = graph.edges[feed.edge]
            outside = sources.get((feed.source, feed.source_slot))
            source, port = outside or (inner_names[feed.source], edge.source_port)
            edges.append(
                edge.with_checked(
                    id=f"e{len(edges) + 1}",
                    source=source,
                    source_port=port,
                    target=inner_names[place],
                    tensor_shape=within.shape(edge.tensor_shape),
                )
            )
    for index, value in enumerate(results):
        entry = fresh_name("output", taken)
        taken.add(entry)
        nodes.append(NodeSpec(id=entry, op_type="output", attributes=FrozenDict(index=index)))
        source = inner_names[value[0]]
        edges.append(
            EdgeSpec(
                id=f"e{len(edges) + 1}",
                source=source,
                target=entry,
                source_port=_port(graph, value),
                target_port="input",
            )
        )
    used = {one.attributes.get("blueprint") for one in nodes if one.op_type == BLOCK}
    definition = type(blueprint)(
        name=f"{blueprint.name[: MAX_NAME - len(name) - 1]}.{name}",
        nodes=nodes,
        edges=edges,
        blocks={one: block for one, block in blueprint.blocks.items() if one in used},
        created_at=blueprint.created_at,
        author=blueprint.author,
    )
    if any(problem.kind != "limit_exceeded" for problem in definition.problems):  # limits hold for the whole
        raise _UnfitError
    around = {inner: str(size) for size, inner in names.items()}
    bindings = tuple(around[name] for name in symbols_of(definition))
    return _Part(name, tuple(order), definition, arguments, results, bindings)


def _refuse_ways_out_and_in(graph: "Graph", places: frozenset[int]) -> None:
    behind: set[int] = set()
    for place in graph.order or ():
        for feed in graph.feeds[place]:
            if place in places:
                if feed.source in behind:
                    raise _UnfitError
            elif feed.source in places or feed.source in behind:
                behind.add(place)


def _refuse_shared_parameters(graph: "Graph", places: frozenset[int]) -> None:
    inside = {graph.nodes[place].id for place in places}
    for node in graph.nodes:
        if node.shares is not None and (node.id in inside) != (node.shares in inside):
            raise _UnfitError


def _border(
    graph: "Graph", order: list[int], places: frozenset[int]
) -> tuple[tuple[_Value, ...], tuple[_Value, ...]]:
    """List the values that flow in and those that flow out, each once, in the order of their first use."""
    feeds = [feed for place in order for feed in graph.feeds[place] if feed.source not in places]
    arguments = dict.fromkeys((feed.source, feed.source_slot) for feed in feeds)
    results = dict.fromkeys(
        (place, feed.source_slot)
        for place in order
        for target, feed in graph.consumers[place]
        if target not in places
    )
    if not results:
        raise _UnfitError
    return tuple(arguments), tuple(results)


def _named_shape(kind: TensorType, index: int, names: dict[Dim, str]) -> list[int | str]:
    """Write the sizes around as sizes of an input; equal ones get the same name."""
    shape: list[int | str] = []
    for axis, size in enumerate(kind.shape):
        if not isinstance(size, int) and size not in names:
            names[size] = BATCH if size == symbol(BATCH) else f"d{index}_{axis}"
        shape.append(size if isinstance(size, int) else names[size])
    return shape


def _inner_id(node_id: str, name: str) -> str:
    return node_id.removeprefix(f"{name}.")


def _port(graph: "Graph", value: _Value) -> str | None:
    settled = graph.settled[value[0]]
    assert settled is not None
    return settled.outputs[value[1]] if len(settled.outputs) > 1 else None


class _Renaming:
    """Writes sizes and ids around a part as those inside of it."""

    def __init__(self, names: Mapping[Dim, str], ids: Mapping[str, str]) -> None:
        self.names, self.ids = names, ids
        self.symbols: dict[str, Dim] = {
            str(size): symbol(inner) for size, inner in names.items() if str(size).isidentifier()
        }

    def node(self, node: NodeSpec) -> NodeSpec:
        attributes = dict(node.attributes)
        for name in OPS[node.op_type].expressions:
            if name in attributes:
                attributes[name] = self.sizes(attributes[name])
        return node.with_checked(
            id=self.ids[node.id],
            attributes=FrozenDict(attributes),
            shares=self.ids[node.shares] if node.shares is not None else None,
            input_shape=self.shape(node.input_shape),
            output_shape=self.shape(node.output_shape),
        )

    def shape(self, shape: Any) -> Any:
        return None if shape is None else self.sizes(tuple(shape))

    def sizes(self, entry: Any) -> Any:
        return map_sizes(entry, self.size)

    def size(self, text: str) -> str:
        size = parse(text)
        if size in self.names:
            return self.names[size]
        if not symbols(size) <= self.symbols.keys():
            raise _UnfitError
        return str(substitute(size, self.symbols))


def _replaced(blueprint: "BlueprintIR", parts: list[_Part]) -> "BlueprintIR":
    """Put one node in the place of each part."""
    graph = blueprint.graph
    inside = {place for part in parts for place in part.places}
    ending = {part.places[-1]: part for part in parts}
    moved = {
        value: (part.name, f"outputs.{index}" if len(part.results) > 1 else None)
        for part in parts
        for index, value in enumerate(part.results)
    }
    nodes: list[NodeSpec] = []
    edges: list[EdgeSpec] = []
    for place in graph.order or ():
        if place in ending:
            part = ending[place]
            nodes.append(_use(part))
            for slot, value in enumerate(part.arguments):
                source, port = moved.get(value, (graph.nodes[value[0]].id, _port(graph, value)))
                edges.append(
                    EdgeSpec(
                        id=f"{part.name}.e{slot + 1}",
                        source=source,
                        target=part.name,
                        source_port=port,
                        target_port=f"inputs.{slot}",
                    )
                )
        elif place not in inside:
            nodes.append(graph.nodes[place])
            for feed in graph.feeds[place]:
                edge = graph.edges[feed.edge]
                source, port = moved.get((feed.source, feed.source_slot), (edge.source, edge.source_port))
                edges.append(edge.with_checked(source=source, source_port=port))
    blocks = dict(blueprint.blocks)
    for part in parts:
        blocks.setdefault(part.definition.fingerprint, part.definition)
    used = {node.attributes["blueprint"] for node in nodes if node.op_type == BLOCK}
    kept = {name: block for name, block in blocks.items() if name in used}
    taken: set[str] = set()
    renamed: list[EdgeSpec] = []
    for edge in edges:
        edge_id = fresh_name(edge.id, taken)
        taken.add(edge_id)
        renamed.append(edge if edge_id == edge.id else edge.with_checked(id=edge_id))
    return blueprint.replace(nodes=nodes, edges=renamed, blocks=kept)


def _use(part: _Part) -> NodeSpec:
    attributes: dict[str, Any] = {"blueprint": part.definition.fingerprint}
    if part.bindings:
        attributes["bindings"] = part.bindings
    if len(part.results) > 1:
        attributes["outputs"] = len(part.results)
    return NodeSpec(id=part.name, op_type=BLOCK, attributes=FrozenDict(attributes))
