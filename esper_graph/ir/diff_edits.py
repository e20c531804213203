"""Write the edits that turn one blueprint into another one, given which node is which.

Whatever the matching, they give exactly the other blueprint; a better matching gives fewer of them.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from esper_graph.ir.blocks import BLOCK, definitions
from esper_graph.ir.edit import (
    AddEdge,
    AddNode,
    DefineBlock,
    Edit,
    RemoveEdge,
    RemoveNode,
    RewireEdge,
    SetAttribute,
    SetEdge,
    SetField,
    SetNode,
    UnsetAttribute,
)
from esper_graph.ir.graph import Graph
from esper_graph.ir.matching import Matching, port_key, ties
from esper_graph.ir.specs import EdgeSpec, NodeSpec, fresh_name
from esper_graph.ops.opdef import OpDef, settle

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

FIELDS = tuple(
    name for name in NodeSpec.model_fields if name not in ("id", "op_type", "attributes", "shares")
)
"""Fields of a node that stand for themselves."""


def edits_between(
    before: "BlueprintIR", after: "BlueprintIR", matching: Matching
) -> tuple[tuple[Edit, ...], dict[str, str]]:
    """Write the edits; sizes of both must be called alike, see `align`.

    Returns:
        The edits, and for each node of the second blueprint its id in the result.
    """
    writer = _Writer(before, after, matching)
    edits = [
        *_definitions(before, after),
        *writer.added(),
        *writer.changed(),
        *writer.wired(),
        *writer.removed(),
    ]
    return tuple(edits), dict(zip([node.id for node in after.nodes], writer.names, strict=True))


def _definitions(before: "BlueprintIR", after: "BlueprintIR") -> Iterator[Edit]:
    if after.graph.of_type(BLOCK):
        known = definitions(before)
        for name, definition in after.blocks.items():
            if name not in known or name not in before.blocks:
                yield DefineBlock(definition=definition)


class Port(NamedTuple):
    """One input of a node: where its value comes from.

    Attributes:
        key: The slot, or -1 where the order of the inputs means nothing.
        slot: Which input it is.
        source: Id of the node that feeds it.
        source_slot: Which output of that node.
        edge: The edge as it is written.
    """

    key: int
    slot: int
    source: str
    source_slot: int
    edge: EdgeSpec


def ports_of(graph: Graph, place: int, names: Sequence[str | None]) -> list[Port]:
    """List what feeds a node, by slot; sources without a name are called by nothing that exists."""
    return [
        Port(
            port_key(graph, place, feed.slot),
            feed.slot,
            names[feed.source] or f"?{feed.source}",
            feed.source_slot,
            graph.edges[feed.edge],
        )
        for feed in graph.feeds[place]
    ]


_ALIKE: tuple[Callable[[Port], tuple[object, ...]], ...] = (
    lambda port: (port.key, port.source, port.source_slot, port.slot),
    lambda port: (port.key, port.source, port.source_slot),
    lambda port: (port.source, port.source_slot),
    lambda port: (port.key, port.slot),
    lambda port: (port.key,),
)
"""What two inputs may have in common, surest first."""


def pair_ports(ours: Sequence[Port], theirs: Sequence[Port]) -> list[tuple[Port | None, Port | None]]:
    """Pair the inputs of a node with those of its counterpart: the same value first, then the same port.

    Returns:
        Each input of either side once, with None where it has no counterpart; the other side's in order.
    """
    left, right = list(ours), list(theirs)
    pairs: list[tuple[Port | None, Port | None]] = []
    for alike in _ALIKE:
        for port in list(right):
            found = next((one for one in left if alike(one) == alike(port)), None)
            if found is not None:
                left.remove(found)
                right.remove(port)
                pairs.append((found, port))
    pairs += [(None, port) for port in right]
    pairs.sort(key=lambda pair: pair[1].slot if pair[1] is not None else 0)
    return pairs + [(port, None) for port in left]


class _Writer:
    def __init__(self, before: "BlueprintIR", after: "BlueprintIR", matching: Matching) -> None:
        self.a, self.b, self.matching = before.graph, after.graph, matching
        self.back = matching.back
        taken = {node.id for node in before.nodes}
        self.names: list[str] = [""] * len(after.nodes)
        for place, ours in self.back.items():
            self.names[place] = before.nodes[ours].id
        for place, node in enumerate(after.nodes):
            if place not in self.back:
                self.names[place] = fresh_name(node.id, taken)
                taken.add(self.names[place])
        self.edge_ids = {edge.id for edge in before.edges}
        self.kept_ties = self._kept_ties()

    def _kept_ties(self) -> set[str]:
        """Ids of the nodes that share parameters with the same others on both sides."""
        ours = {frozenset(self.a.nodes[place].id for place in members) for members in ties(self.a)}
        theirs = {frozenset(self.names[place] for place in members) for members in ties(self.b)}
        return {name for members in ours & theirs for name in members}

    def _shares(self, place: int) -> str | None:
        """Whose parameters a node of the result uses."""
        if self.names[place] in self.kept_ties:
            return self.a.nodes[self.a.position[self.names[place]]].shares
        owner = self.b.nodes[place].shares
        return None if owner is None else self.names[self.b.position[owner]]

    def _op(self, place: int) -> OpDef:
        op = self.b.ops[place]
        assert op is not None, "only valid blueprints get here"
        return op

    def added(self) -> Iterator[Edit]:
        """Nodes that only the result has, without edges yet."""
        for place in self.b.order or ():
            if place not in self.back:
                yield AddNode(
                    node=self.b.nodes[place].replace(id=self.names[place], shares=self._shares(place))
                )

    def changed(self) -> Iterator[Edit]:
        """What matched nodes are."""
        for place in self.b.order or ():
            if place not in self.back:
                continue
            name, ours, theirs = self.names[place], self.a.nodes[self.back[place]], self.b.nodes[place]
            shares = self._shares(place)
            if ours.op_type != theirs.op_type:
                yield SetNode(node_id=name, node=theirs.replace(id=name, shares=shares))
                continue
            yield from attribute_edits(name, self._op(place), ours.attributes, theirs.attributes)
            for field in FIELDS:
                if getattr(ours, field) != getattr(theirs, field):
                    yield SetField(node_id=name, field=field, value=getattr(theirs, field))
            if ours.shares != shares:
                yield SetField(node_id=name, field="shares", value=shares)

    def wired(self) -> Iterator[Edit]:
        """The inputs of all nodes of the result."""
        ours: list[str | None] = [
            node.id if place is not None else None
            for node, place in zip(self.a.nodes, self.matching.places, strict=True)
        ]
        for place in self.b.order or ():
            held = ports_of(self.a, self.back[place], ours) if place in self.back else []
            wanted = ports_of(self.b, place, list(self.names))
            pairs = pair_ports(held, wanted)
            for one, port in pairs:
                if port is None and one is not None:
                    yield RemoveEdge(edge_id=one.edge.id)
            slots = _slots(pairs)
            for one, port in pairs:
                if port is not None:
                    yield from self._edge(place, one, port, slots[port.slot])

    def _edge(self, place: int, held: Port | None, port: Port, slot: int) -> Iterator[Edit]:
        target_port = self._op(place).port_name(slot)
        wanted = port.edge.replace(
            id=held.edge.id if held is not None else fresh_name(port.edge.id, self.edge_ids),
            source=port.source,
            target=self.names[place],
            target_port=target_port,
        )
        if held is None:
            self.edge_ids.add(wanted.id)
            yield AddEdge(edge=wanted)
            return
        edge = held.edge
        same_source = edge.source == port.source and self._output(edge, port) == port.source_slot
        rewired = edge
        change: dict[str, Any] = {}
        if not same_source:
            change |= {"source": port.source, "source_port": wanted.source_port}
            rewired = rewired.replace(
                source=port.source, source_port=wanted.source_port, tensor_shape=None, dtype=None
            )
        if edge.target_port != target_port:
            change["target_port"] = target_port
            rewired = rewired.replace(target_port=target_port)
        if same_source:
            wanted = wanted.replace(source_port=edge.source_port)
        if rewired != wanted:
            yield SetEdge(edge_id=edge.id, edge=wanted)
        elif change:
            yield RewireEdge(edge_id=edge.id, **change)

    def _output(self, edge: EdgeSpec, port: Port) -> int | None:
        """Which output of the source, as it is in the result, an edge means as it is written."""
        settled = self.b.settled[self.b.position[port.edge.source]]
        names = settled.outputs if settled is not None else ()
        if edge.source_port is None or isinstance(edge.source_port, int):
            return edge.source_port or 0
        return names.index(edge.source_port) if edge.source_port in names else None

    def removed(self) -> Iterator[Edit]:
        """Nodes that the result lacks: consumers before what feeds them, so that none has consumers left."""
        gone = {place for place, other in enumerate(self.matching.places) if other is None}
        order = [place for place in reversed(self.a.order or ()) if place in gone]
        rank = {self.a.nodes[place].id: number for number, place in enumerate(order)}
        for number, place in enumerate(order):
            owner = self.a.nodes[place].shares
            if owner is not None and rank.get(owner, number) < number:
                yield SetField(node_id=self.a.nodes[place].id, field="shares", value=None)
        for place in order:
            yield RemoveNode(node_id=self.a.nodes[place].id)


def attribute_edits(name: str, op: OpDef, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Edit]:
    """Write the edits that give a node other attributes; none where both mean the same."""
    wanted = settle(op, theirs).text
    before = settle(op, ours).text
    if before == wanted:
        return []
    old, new = json.loads(before), json.loads(wanted)
    edits: list[Edit] = []
    found = dict(ours)
    for key, value in theirs.items():
        if key not in new or key not in old or repr(old[key]) != repr(new[key]):
            edits.append(SetAttribute(node_id=name, attribute=key, value=value))
            found[key] = value
    for key in ours:
        if key not in theirs and (key not in new or key not in old or repr(old[key]) != repr(new[key])):
            edits.append(UnsetAttribute(node_id=name, attribute=key))
            del found[key]
    if settle(op, found).text == wanted:
        return edits
    edits = [
        SetAttribute(node_id=name, attribute=key, value=value)
        for key, value in theirs.items()
        if key not in ours or repr(ours[key]) != repr(value)
    ]
    return edits + [UnsetAttribute(node_id=name, attribute=key) for key in ours if key not in theirs]


def _slots(pairs: Sequence[tuple[Port | None, Port | None]]) -> dict[int, int]:
    """For each input of the other side its slot in the result: where order means nothing, slots are kept."""
    wanted = [(one, port) for one, port in pairs if port is not None]
    slots = {port.slot: port.slot for _, port in wanted if port.key >= 0}
    free = {port.slot for _, port in wanted if port.key < 0}
    for one, port in wanted:
        if port.key < 0 and one is not None and one.slot in free:
            slots[port.slot] = one.slot
            free.remove(one.slot)
    for _, port in wanted:
        if port.slot not in slots:
            slots[port.slot] = min(free)
            free.remove(slots[port.slot])
    return slots
