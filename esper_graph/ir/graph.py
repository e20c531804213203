"""A blueprint as index arrays: who feeds whom, in which order, and what is wrong with the wiring.

Analyses (shapes, costs, fingerprint, passes) work on these arrays rather than on ids.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from esper_graph.errors import Problem, close_names, suggestion
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
        values: Attribute values of each node with defaults filled in, None where they are wrong.
        texts: Canonical JSON of those values.
        settled: Both, with the parameters that follow from them; None where the op is unknown.
        feeds: What arrives at each node, by input slot.
        problems: What is wrong with ids, ops, attributes and wiring; shapes are not looked at.
    """

    def __init__(self, nodes: Sequence[NodeSpec], edges: Sequence[EdgeSpec]) -> None:
        self.nodes = nodes
        self.edges = edges
        self.position: Mapping[str, int] = {node.id: place for place, node in enumerate(nodes)}
        self.ops: list[OpDef | None] = []
        self.values: list[Any] = []
        self.texts: list[str] = []
        self.settled: list[Settled | None] = []
        self.problems: list[Problem] = []
        self._check_ids()
        self._settle_nodes()
        self.feeds: list[list[Feed]] = [[] for _ in nodes]
        self._wire()

    @cached_property
    def consumers(self) -> list[list[tuple[int, Feed]]]:
        """For each node, the nodes it feeds and how."""
        consumers: list[list[tuple[int, Feed]]] = [[] for _ in self.nodes]
        for target, feeds in enumerate(self.feeds):
            for feed in feeds:
                consumers[feed.source].append((target, feed))
        return consumers

    @cached_property
    def order(self) -> tuple[int, ...] | None:
        """Positions in topological order, earlier listing first; None when there is a cycle."""
        if all(feed.source < target for target, feeds in enumerate(self.feeds) for feed in feeds):
            return tuple(range(len(self.nodes)))
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

    @cached_property
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

    @cached_property
    def depth(self) -> int:
        """Number of ops on the longest path; boundary nodes (input, output, constants) do not count."""
        if self.order is None:
            return 0
        depths = [0] * len(self.nodes)
        for place in self.order:
            op = self.ops[place]
            counts = 0 if op is not None and op.family == "Boundary" else 1
            depths[place] = counts + max((depths[feed.source] for feed in self.feeds[place]), default=0)
        return max(depths, default=0)

    def of_type(self, op_type: str) -> list[int]:
        """List positions of the nodes of an op type; inputs and outputs by their index."""
        places = [place for place, node in enumerate(self.nodes) if node.op_type == op_type]
        if op_type in ("input", "output"):
            places.sort(key=lambda place: (self.nodes[place].attributes.get("index") or 0, place))
        return places

    def input_types(
        self, outputs: Sequence[tuple[ValueType, ...] | None], place: int
    ) -> list[ValueType | None] | None:
        """Collect the types at a node's input ports from those of all nodes' outputs.

        Returns:
            Types in port order, None where an optional port is not fed; None where a type that is needed is
            not known.
        """
        op, feeds = self.ops[place], self.feeds[place]
        width = max(len(op.fixed) if op else 0, feeds[-1].slot + 1 if feeds else 0)
        inputs: list[ValueType | None] = [None] * width
        for feed in feeds:
            source = outputs[feed.source]
            if source is None or feed.source_slot >= len(source):
                return None
            inputs[feed.slot] = source[feed.source_slot]
        if op is not None:
            for slot, value in enumerate(inputs):
                if value is None and (slot >= len(op.fixed) or op.required[slot]):
                    return None
            if op.variadic and len(inputs) < len(op.fixed) + op.least:
                return None
        return inputs

    def _problem(self, kind: str, message: str, where: str, hint: str | None = None, **facts: object) -> None:
        self.problems.append(Problem(kind, message, where, hint, facts))

    def _check_ids(self) -> None:
        for what, items in (("node", self.nodes), ("edge", self.edges)):
            if len({item.id for item in items}) < len(items):
                for name in duplicates([item.id for item in items]):
                    self._problem(
                        "format", f"two {what}s are called `{name}`", f"{what} `{name}`", **{what: name}
                    )

    def _settle_nodes(self) -> None:
        for node in self.nodes:
            op = OPS.get(node.op_type)
            self.ops.append(op)
            if op is None:
                close = close_names(node.op_type, OPS)
                hint = suggestion(close) or "see `esper-graph blueprint ops`"
                facts = {"node": node.id, "op_type": node.op_type, "close": close}
                self._problem(
                    "unknown_op", f"`{node.op_type}` is not an op", f"node `{node.id}`", hint, **facts
                )
                self.settled.append(None)
                self.values.append(None)
                self.texts.append("")
                continue
            settled = settle(op, node.attributes)
            self.settled.append(settled)
            self.values.append(settled.values)
            self.texts.append(settled.text)
            for problem in settled.problems:
                self._problem(
                    "bad_attribute",
                    problem.message,
                    f"node `{node.id}`",
                    problem.hint,
                    node=node.id,
                    **problem.facts,
                )

    def _wire(self) -> None:
        for number, edge in enumerate(self.edges):
            source, target = self.position.get(edge.source), self.position.get(edge.target)
            for end, place in ((edge.source, source), (edge.target, target)):
                if place is None:
                    self._problem(
                        "dangling_edge",
                        f"edge `{edge.id}` names the node `{end}`, which does not exist",
                        f"edge `{edge.id}`",
                        suggestion(close_names(end, self.position)),
                        edge=edge.id,
                        node=end,
                    )
            if source is None or target is None:
                continue
            slot, source_slot = self._input_slot(edge, target), self._output_slot(edge, source)
            if slot is not None and source_slot is not None:
                self.feeds[target].append(Feed(slot, source, source_slot, number))
        for place, op in enumerate(self.ops):
            if len(self.feeds[place]) > 1:
                self.feeds[place].sort()
            if op is not None:
                self._check_ports(place, op)

    def _input_slot(self, edge: EdgeSpec, target: int) -> int | None:
        op = self.ops[target]
        if op is None:
            return 0
        if edge.target_port is not None:
            slot = op.port_slot(edge.target_port)
            if slot is not None:
                return slot
            message = f"`{edge.target}` ({op.op_type}) has no input port `{edge.target_port}`"
        else:
            message = f"`{edge.target}` ({op.op_type}) has no port left for edge `{edge.id}`"
        ports = [*op.fixed, *([f"{op.variadic}.0 ..."] if op.variadic else [])]
        hint = f"its input ports are {', '.join(ports)}" if ports else f"`{op.op_type}` takes no input"
        self._problem("dangling_edge", message, f"edge `{edge.id}`", hint, edge=edge.id, node=edge.target)
        return None

    def _output_slot(self, edge: EdgeSpec, source: int) -> int | None:
        op, values = self.ops[source], self.values[source]
        if op is None or values is None:
            return 0
        names = op.output_names(values)
        if edge.source_port is None and names:
            return 0
        if edge.source_port in names:
            return names.index(edge.source_port)
        if isinstance(edge.source_port, int) and edge.source_port < len(names):
            return edge.source_port
        message = f"`{edge.source}` ({op.op_type}) has no output port `{edge.source_port or 0}`"
        hint = f"its output ports are {', '.join(names)}" if names else f"`{op.op_type}` gives no output"
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
        needed = len(op.fixed) + (op.least if op.variadic else 0)
        last = max(slots, default=-1) + 1
        for slot in range(max(needed, last)):
            optional = slot < len(op.fixed) and not op.required[slot]
            if slot not in fed and not optional:
                self._problem(
                    "dangling_edge",
                    f"port `{op.port_name(slot)}` of `{node.id}` ({op.op_type}) is not fed",
                    f"node `{node.id}`",
                    node=node.id,
                    port=op.port_name(slot),
                )
