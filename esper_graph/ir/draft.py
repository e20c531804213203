"""A blueprint while edits change it: nodes and edges that need not fit together yet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from esper_graph.errors import EvolutionError, close_names, suggestion
from esper_graph.ir.specs import EdgeSpec, NodeSpec

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

_SHOWN = 20


class Draft:
    """Nodes, edges and definitions of blocks, to be changed in place.

    Whoever asks for a node or an edge that is not there gets an `EvolutionError` with the names that are.

    Attributes:
        nodes: In listing order.
        edges: In listing order.
        blocks: Definitions by fingerprint; some may have no use any more.
    """

    def __init__(self, blueprint: "BlueprintIR") -> None:
        self.nodes: list[NodeSpec] = list(blueprint.nodes)
        self.edges: list[EdgeSpec] = list(blueprint.edges)
        self.blocks: dict[str, BlueprintIR] = dict(blueprint.blocks)

    def node(self, node_id: str) -> NodeSpec:
        """Return the node of this id."""
        return self.nodes[self._place(self.nodes, "node", node_id)]

    def edge(self, edge_id: str) -> EdgeSpec:
        """Return the edge of this id."""
        return self.edges[self._place(self.edges, "edge", edge_id)]

    def entering(self, node_id: str) -> list[EdgeSpec]:
        """List the edges that lead to a node."""
        return [edge for edge in self.edges if edge.target == node_id]

    def leaving(self, node_id: str) -> list[EdgeSpec]:
        """List the edges that leave a node."""
        return [edge for edge in self.edges if edge.source == node_id]

    def set_node(self, node: NodeSpec) -> None:
        """Put a node in the place of the one that has its id."""
        self.nodes[self._place(self.nodes, "node", node.id)] = node

    def set_edge(self, edge: EdgeSpec) -> None:
        """Put an edge in the place of the one that has its id; both of its ends must be there."""
        place = self._place(self.edges, "edge", edge.id)
        self._check_ends(edge)
        self.edges[place] = edge

    def add_node(self, node: NodeSpec, *, after: str | None = None) -> None:
        """Add a node whose id is new, at the end or behind another one."""
        self._check_new(self.nodes, "node", node.id)
        place = len(self.nodes) if after is None else 1 + self._place(self.nodes, "node", after)
        self.nodes.insert(place, node)

    def add_edge(self, edge: EdgeSpec, *, before: EdgeSpec | None = None) -> None:
        """Add an edge whose id is new, at the end or in front of another one."""
        self._check_new(self.edges, "edge", edge.id)
        self._check_ends(edge)
        self.edges.insert(len(self.edges) if before is None else self.edges.index(before), edge)

    def remove_node(self, node_id: str) -> None:
        """Remove a node, and leave its edges dangling."""
        del self.nodes[self._place(self.nodes, "node", node_id)]

    def remove_edge(self, edge_id: str) -> None:
        """Remove an edge."""
        del self.edges[self._place(self.edges, "edge", edge_id)]

    def _check_ends(self, edge: EdgeSpec) -> None:
        for end in (edge.source, edge.target):
            self.node(end)

    def _check_new(self, items: Sequence[NodeSpec | EdgeSpec], what: str, name: str) -> None:
        if any(item.id == name for item in items):
            article = "an" if what == "edge" else "a"
            raise EvolutionError(
                f"{article} {what} is called `{name}` already", hint=f"give the new {what} another id"
            )

    def _place(self, items: Sequence[NodeSpec | EdgeSpec], what: str, name: str) -> int:
        for place, item in enumerate(items):
            if item.id == name:
                return place
        known = [item.id for item in items]
        listed = ", ".join(known[:_SHOWN]) + (" …" if len(known) > _SHOWN else "")
        raise EvolutionError(
            f"there is no {what} `{name}`",
            hint=suggestion(close_names(name, known)) or f"the {what}s are {listed or 'none'}",
        )
