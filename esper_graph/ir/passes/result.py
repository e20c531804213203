"""What a pass returns, and the one way in which passes rewrite."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes.weight_edits import WeightEdit
from esper_graph.ir.specs import EdgeSpec, NodeSpec, fresh_name
from esper_graph.ops import OPS


class PassResult(NamedTuple):
    """The blueprint after a pass, the very same object where nothing changed, and what was done.

    Attributes:
        notes: One sentence for each change.
        weight_edits: What has to be done to parameters before the blueprint computes the same; only passes
            for inference have some.
    """

    blueprint: BlueprintIR
    changed: bool
    notes: tuple[str, ...] = ()
    weight_edits: tuple[WeightEdit, ...] = ()


class Wire(NamedTuple):
    """A value: the id of a node and the number of one of its outputs."""

    node: str
    slot: int = 0


_NOWHERE: Mapping[int, Wire] = MappingProxyType({})


class Change(NamedTuple):
    """What becomes of one node.

    Attributes:
        note: What is done, as a sentence.
        node: The node that takes its place under the same id; None removes it.
        inputs: What the new node takes, by input slot; None keeps the inputs.
        instead: For a removed node, what takes the place of each of its outputs.
    """

    note: str
    node: NodeSpec | None = None
    inputs: Mapping[int, Wire] | None = None
    instead: Mapping[int, Wire] = _NOWHERE


def rewritten(
    blueprint: BlueprintIR, changes: Mapping[str, Change], places: Mapping[str, str] | None = None
) -> BlueprintIR:
    """Apply changes.

    The result lists its nodes in the order in which those of the given blueprint run. Random numbers are
    drawn in that order, so the nodes that are left draw one after the other as before.

    Args:
        changes: By node id.
        places: Nodes that take the place of another one in the order, by id.
    """
    graph = blueprint.graph
    assert graph.order is not None, "only valid blueprints get here"
    moved = places or {}
    listed = [graph.nodes[place] for place in graph.order]
    if moved:
        at = {node.id: place for place, node in enumerate(listed)}
        listed.sort(key=lambda node: at[moved.get(node.id, node.id)])
    nodes: list[NodeSpec] = []
    for node in listed:
        change = changes.get(node.id)
        found = node if change is None else change.node
        if found is not None:
            nodes.append(found)
    return blueprint.replace(
        id="",
        nodes=nodes,
        edges=_edges(blueprint, changes),
        derivations=(),
        estimated_flops=None,
        estimated_parameters=None,
        estimated_memory_mb=None,
    )


def until_settled(blueprint: BlueprintIR, sweep: Callable[[BlueprintIR], Mapping[str, Change]]) -> PassResult:
    """Rewrite until a sweep over the blueprint finds nothing more to change."""
    found, notes = blueprint, list[str]()
    while changes := sweep(found):
        found = rewritten(found, changes)
        notes += [change.note for change in changes.values()]
    return PassResult(found, bool(notes), tuple(notes))


def _edges(blueprint: BlueprintIR, changes: Mapping[str, Change]) -> list[EdgeSpec]:
    graph = blueprint.graph
    slots = {feed.edge: feed.source_slot for feeds in graph.feeds for feed in feeds}
    entering: dict[str, list[tuple[EdgeSpec, Wire]]] = {}
    for number, edge in enumerate(blueprint.edges):
        wire = Wire(edge.source, slots[number])
        entering.setdefault(edge.target, []).append((edge, wire))
    taken = {edge.id for edge in blueprint.edges}
    edges: list[EdgeSpec] = []
    for target, old in entering.items():
        change = changes.get(target)
        if change is not None and change.node is None:
            continue
        if change is None or change.inputs is None:
            for edge, wire in old:
                source = _followed(wire, changes)
                if source is not None:
                    edges.append(edge if source == wire else _from(blueprint, edge, source))
            continue
        edges += _new_edges(blueprint, change, old, changes, taken)
    return edges


def _new_edges(
    blueprint: BlueprintIR,
    change: Change,
    old: list[tuple[EdgeSpec, Wire]],
    changes: Mapping[str, Change],
    taken: set[str],
) -> Iterable[EdgeSpec]:
    """The edges into a node whose inputs are given; an edge that brought the same value before is kept."""
    node = change.node
    assert node is not None
    op = OPS[node.op_type]
    left = list(old)
    for slot, wire in sorted((change.inputs or {}).items()):
        source = _followed(wire, changes)
        assert source is not None, "a node that is used is not removed without something in its place"
        same = next((pair for pair in left if pair[1] == wire), None)
        port = op.port_name(slot)
        if same is not None:
            left.remove(same)
            edge = same[0] if source == wire else _from(blueprint, same[0], source)
            yield edge.with_checked(target_port=port)
            continue
        name = fresh_name(f"{source.node}_{node.id}"[:120], taken)
        taken.add(name)
        yield EdgeSpec(
            id=name,
            source=source.node,
            source_port=_port(blueprint, source),
            target=node.id,
            target_port=port,
        )


def _followed(wire: Wire, changes: Mapping[str, Change]) -> Wire | None:
    """Where a value comes from once nodes are gone; None where nothing takes its place."""
    found: Wire | None = wire
    while found is not None and (change := changes.get(found.node)) is not None and change.node is None:
        found = change.instead.get(found.slot)
    return found


def _from(blueprint: BlueprintIR, edge: EdgeSpec, source: Wire) -> EdgeSpec:
    """The edge from another source; what it asserted about the tensor belonged to the old one."""
    return edge.replace(
        source=source.node, source_port=_port(blueprint, source), tensor_shape=None, dtype=None
    )


def _port(blueprint: BlueprintIR, wire: Wire) -> str | None:
    settled = blueprint.graph.settled[blueprint.graph.position[wire.node]]
    names = settled.outputs if settled is not None else ()
    return names[wire.slot] if len(names) > 1 else None
