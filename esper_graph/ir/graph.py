"""A blueprint as index arrays: who feeds whom, in which order, and what is wrong with the wiring.

Analyses (shapes, costs, fingerprint, passes) work on these arrays rather than on ids.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from esper_graph.errors import Problem, close_names, suggestion
from esper_graph.ir.kept import kept
from esper_graph.ir.specs import EdgeSpec, NodeSpec, duplicates
from esper_graph.ops import OPS
from esper_graph.ops.opdef import OpDef, Settled, settle
from esper_graph.ops.values import ValueType


class Feed(NamedTuple):
    """One value at an input port: where it comes from, by positions in the listing."""

    slot: int
    source: int
    source_slot: int
    edge: int


class Graph:
    """Nodes and edges of one blueprint, indexed.

    Attributes:
        nodes: The nodes in listing order; positions below refer to it.
        edges: The edges in listing order.
        position: Position of each node id.
        ops: Op definition of each node, None where unknown.
        settled: Op and attribute values of each node, with what follows from them; None where the op is
            unknown.
        by_type: Positions of the nodes of each op type, in listing order.
        feeds: What arrives at each node, by input slot.
        problems: What is wrong with ids, ops, attributes and wiring; shapes are not looked at.
        order: Positions in topological order, earlier listing first; None when there is a cycle.
    """

    def __init__(self, nodes: Sequence[NodeSpec], edges: Sequence[EdgeSpec]) -> None:
        self.nodes = nodes
        self.edges = edges
        self.position: Mapping[str, int] = {node.id: place for place, node in enumerate(nodes)}
        self.by_type: dict[str, list[int]] = {}
        self.ops: list[OpDef | None] = []
        self.settled: list[Settled | None] = []
        self.problems: list[Problem] = []
        self._check_ids()
        self._settle()
        self.feeds: list[list[Feed]] = [[] for _ in nodes]
        self._uneven: set[int] = set()
        self.order = tuple(range(len(nodes))) if self._wire() else self._sorted()

    @kept
    def values(self) -> list[Any]:
        """Attribute values of each node with defaults filled in, None where they are wrong."""
        return [settled.values if settled is not None else None for settled in self.settled]

    @kept
    def texts(self) -> list[str]:
        """Canonical JSON of those values."""
        return [settled.text if settled is not None else "" for settled in self.settled]

    @kept
    def consumers(self) -> list[list[tuple[int, Feed]]]:
        """For each node, the nodes it feeds and how."""
        consumers: list[list[tuple[int, Feed]]] = [[] for _ in self.nodes]
        for target, feeds in enumerate(self.feeds):
            for feed in feeds:
                consumers[feed.source].append((target, feed))
        return consumers

    @kept
    def cycle(self) -> tuple[str, ...]:
        """Node ids along one cycle, the first repeated at the end; empty when there is none."""
        if self.order is not None:
            return ()
        waiting = [len(feeds) for feeds in self.feeds]
        ready = [place for place, count in enumerate(waiting) if not count]
        while ready:
            for target, _ in self.consumers[ready.pop()]:
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
        # Whatever still waits has a predecessor that waits too: walking backwards must come round.
        place = next(place for place, count in enumerate(waiting) if count)
        walked: dict[int, int] = {}
        path: list[int] = []
        while place not in walked:
            walked[place] = len(path)
            path.append(place)
            place = next(feed.source for feed in self.feeds[place] if waiting[feed.source])
        loop = [*path[walked[place] :], place]
        return tuple(self.nodes[step].id for step in reversed(loop))

    @kept
    def depth(self) -> int:
        """Number of ops on the longest path; boundary nodes (input, output, constants) do not count."""
        if self.order is None:
            return 0
        depths = [0] * len(self.nodes)
        for place in self.order:
            deepest = 0
            for feed in self.feeds[place]:
                deepest = max(deepest, depths[feed.source])
            op = self.ops[place]
            depths[place] = deepest if op is not None and op.family == "Boundary" else deepest + 1
        return max(depths, default=0)

    def upstream(self, places: Iterable[int]) -> set[int]:
        """Collect nodes and all that they depend on."""
        return _reached(places, lambda place: [feed.source for feed in self.feeds[place]])

    def downstream(self, places: Iterable[int]) -> set[int]:
        """Collect nodes and all that depends on them."""
        return _reached(places, lambda place: [target for target, _ in self.consumers[place]])

    def of_type(self, op_type: str) -> list[int]:
        """List positions of the nodes of an op type; inputs and outputs by their index."""
        places = self.by_type.get(op_type, [])
        if len(places) > 1 and op_type in ("input", "output"):
            return sorted(places, key=lambda place: (self.nodes[place].attributes.get("index") or 0, place))
        return list(places)

    def input_types(
        self, outputs: Sequence[tuple[ValueType, ...] | None], place: int
    ) -> tuple[ValueType | None, ...] | None:
        """Collect the types at a node's input ports from those of all nodes' outputs.

        Returns:
            Types in port order, None where an optional port is not fed; None where a type that is needed is
            not known.
        """
        feeds = self.feeds[place]
        arriving: list[ValueType] = []
        for _, source, source_slot, _ in feeds:
            types = outputs[source]
            if types is None or source_slot >= len(types):
                return None
            arriving.append(types[source_slot])
        if place not in self._uneven or (op := self.ops[place]) is None:
            return tuple(arriving)
        fed = {feed.slot: value for feed, value in zip(feeds, arriving, strict=True)}
        inputs = [fed.get(slot) for slot in range(max(op.needed, 1 + max(fed, default=-1)))]
        for slot, value in enumerate(inputs):
            if value is None and (slot >= len(op.fixed) or op.required[slot]):
                return None
        return tuple(inputs)

    def _problem(self, kind: str, message: str, where: str, hint: str | None = None, **facts: object) -> None:
        self.problems.append(Problem(kind, message, where, hint, facts))

    def _check_ids(self) -> None:
        if len(self.position) < len(self.nodes):
            self._check_names("node", [node.id for node in self.nodes])
        if len({edge.id for edge in self.edges}) < len(self.edges):
            self._check_names("edge", [edge.id for edge in self.edges])

    def _check_names(self, what: str, names: Sequence[str]) -> None:
        for name in duplicates(names):
            self._problem("format", f"two {what}s are called `{name}`", f"{what} `{name}`", **{what: name})

    def _settle(self) -> None:
        by_type, ops, all_settled = self.by_type, self.ops, self.settled
        for place, node in enumerate(self.nodes):
            op_type = node.op_type
            if op_type in by_type:
                by_type[op_type].append(place)
            else:
                by_type[op_type] = [place]
            op = OPS.get(op_type)
            settled = settle(op, node.attributes) if op is not None else None
            ops.append(op)
            all_settled.append(settled)
            if settled is None or settled.problems:
                self._check_node(node, settled)

    def _check_node(self, node: NodeSpec, settled: Settled | None) -> None:
        where = f"node `{node.id}`"
        if settled is None:
            close = close_names(node.op_type, OPS)
            hint = suggestion(close) or "see `esper-graph blueprint ops`"
            facts = {"node": node.id, "op_type": node.op_type, "close": close}
            self._problem("unknown_op", f"`{node.op_type}` is not an op", where, hint, **facts)
            return
        for one in settled.problems:
            self._problem("bad_attribute", one.message, where, one.hint, node=node.id, **one.facts)

    def _wire(self) -> bool:
        """Collect what arrives at each node, and tell whether all of it is listed before the node."""
        position, feeds, ops, settled = self.position, self.feeds, self.ops, self.settled
        uneven = self._uneven  # all other nodes are fed at their first ports, in order, each port once
        in_order = True
        for number, edge in enumerate(self.edges):
            source, target = position.get(edge.source), position.get(edge.target)
            if source is None or target is None:
                self._check_ends(edge)
                continue
            op, giving, source_slot = ops[target], settled[source], 0
            slot = op.slots.get(edge.target_port) if op is not None else 0
            if slot is None:
                slot = self._input_slot(edge, target)
            if edge.source_port is not None or giving is None or not giving.outputs:
                source_slot = self._output_slot(edge, source)
            if slot is None or source_slot is None:
                continue
            arriving = feeds[target]
            if slot != len(arriving):
                uneven.add(target)
                if self._is_beyond(edge, target, slot):
                    continue
            arriving.append(Feed(slot, source, source_slot, number))
            if source >= target:
                in_order = False
        for target in uneven:
            feeds[target].sort()
        for place, (op, arriving) in enumerate(zip(ops, feeds, strict=True)):
            if op is not None and len(arriving) < op.needed:
                uneven.add(place)
        for place in sorted(uneven):
            op = ops[place]
            if op is not None:
                self._check_ports(place, op)
        return in_order

    def _sorted(self) -> tuple[int, ...] | None:
        waiting = [len(feeds) for feeds in self.feeds]
        ready = [place for place, count in enumerate(waiting) if not count]
        heapify(ready)
        order: list[int] = []
        while ready:
            place = heappop(ready)
            order.append(place)
            for target, _ in self.consumers[place]:
                waiting[target] -= 1
                if not waiting[target]:
                    heappush(ready, target)
        return tuple(order) if len(order) == len(self.nodes) else None

    @kept
    def _arriving(self) -> Mapping[str, int]:
        return Counter(edge.target for edge in self.edges)

    def _is_beyond(self, edge: EdgeSpec, target: int, slot: int) -> bool:
        """Refuse a port with so high a number that not all before it can be fed: there may be billions."""
        op = self.ops[target]
        if op is None or slot < len(op.fixed) + self._arriving[edge.target]:
            return False
        self._problem(
            "dangling_edge",
            f"edge `{edge.id}` feeds port `{op.port_name(slot)}` of `{edge.target}` ({op.op_type}), "
            f"and {self._arriving[edge.target]} edges cannot feed all ports before it",
            f"edge `{edge.id}`",
            "number the ports from 0 without gaps",
            edge=edge.id,
            node=edge.target,
        )
        return True

    def _check_ends(self, edge: EdgeSpec) -> None:
        for end in (edge.source, edge.target):
            if end not in self.position:
                self._problem(
                    "dangling_edge",
                    f"edge `{edge.id}` names the node `{end}`, which does not exist",
                    f"edge `{edge.id}`",
                    suggestion(close_names(end, self.position)),
                    edge=edge.id,
                    node=end,
                )

    def _input_slot(self, edge: EdgeSpec, target: int) -> int | None:
        op, port = self.ops[target], edge.target_port
        if op is None:
            return 0
        if port is not None:
            slot = op.port_slot(port)
            if slot is not None:
                return slot
            message = f"`{edge.target}` ({op.op_type}) has no input port `{port}`"
        else:
            message = f"`{edge.target}` ({op.op_type}) has no port left for edge `{edge.id}`"
        ports = [*op.fixed, *([f"{op.variadic}.0 ..."] if op.variadic else [])]
        hint = f"its input ports are {', '.join(ports)}" if ports else f"`{op.op_type}` takes no input"
        self._problem("dangling_edge", message, f"edge `{edge.id}`", hint, edge=edge.id, node=edge.target)
        return None

    def _output_slot(self, edge: EdgeSpec, source: int) -> int | None:
        settled, port = self.settled[source], edge.source_port
        if settled is None or settled.values is None:
            return 0
        names = settled.outputs
        if port is None and names:
            return 0
        if port in names:
            return names.index(port)
        if isinstance(port, int) and port < len(names):
            return port
        op_type = settled.op.op_type
        message = f"`{edge.source}` ({op_type}) has no output port `{port or 0}`"
        hint = f"its output ports are {', '.join(names)}" if names else f"`{op_type}` gives no output"
        self._problem("dangling_edge", message, f"edge `{edge.id}`", hint, edge=edge.id, node=edge.source)
        return None

    def _check_ports(self, place: int, op: OpDef) -> None:
        node = self.nodes[place]
        slots = [feed.slot for feed in self.feeds[place]]
        fed = set(slots)
        if len(fed) < len(slots):
            for slot in sorted(slot for slot in fed if slots.count(slot) > 1):
                edges = [self.edges[feed.edge].id for feed in self.feeds[place] if feed.slot == slot]
                self._problem(
                    "dangling_edge",
                    f"port `{op.port_name(slot)}` of `{node.id}` is fed by {len(edges)} edges: "
                    f"{', '.join(edges)}",
                    f"node `{node.id}`",
                    node=node.id,
                    edges=tuple(edges),
                )
        last = max(slots, default=-1) + 1
        for slot in range(max(op.needed, last)):
            optional = slot < len(op.fixed) and not op.required[slot]
            if slot not in fed and not optional:
                self._problem(
                    "dangling_edge",
                    f"port `{op.port_name(slot)}` of `{node.id}` ({op.op_type}) is not fed",
                    f"node `{node.id}`",
                    node=node.id,
                    port=op.port_name(slot),
                )


def _reached(places: Iterable[int], following: Callable[[int], list[int]]) -> set[int]:
    waiting, found = [*places], set[int]()
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += following(place)
    return found
