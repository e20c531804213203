"""The three versions of a merge under common names: what is the same node is called the same.

Nodes of the base are called by their ids, nodes that a side added by `left/<id>` and `right/<id>`, which no
id can
be. *Twins* are nodes that both sides added in the same place; they are called alike.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from esper_graph.ir.diff_edits import FIELDS, Port, ports_of
from esper_graph.ir.matching import match, port_key
from esper_graph.ir.specs import NodeSpec

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

Consumer = tuple[str, int, int]
"""Name of a node that is fed, its input (or -1 where their order means nothing), and the output it takes."""


class Version:
    """One of the three blueprints.

    Attributes:
        names: What its nodes are called, by position.
        nodes: Positions by name.
        added: Names of the nodes that the base lacks, in topological order.
    """

    def __init__(self, blueprint: "BlueprintIR", names: Sequence[str], added: Sequence[str]) -> None:
        self.graph = blueprint.graph
        self.names = list(names)
        self.added = list(added)
        self.nodes = {name: place for place, name in enumerate(names)}

    def node(self, name: str) -> NodeSpec:
        """Return a node; what it shares is called by its common name."""
        node = self.graph.nodes[self.nodes[name]]
        if node.shares is None:
            return node
        return node.with_checked(shares=self.names[self.graph.position[node.shares]])

    def content(self, name: str) -> tuple[object, ...]:
        """Return what a node is, apart from its inputs, so that equal contents mean the same."""
        node = self.node(name)
        return (node.op_type, self.text(name), *[getattr(node, field) for field in (*FIELDS, "shares")])

    def text(self, name: str) -> str:
        """Return the attributes of a node with defaults filled in, as JSON."""
        return self.graph.texts[self.nodes[name]]

    def ports(self, name: str) -> list[Port]:
        """List what feeds a node."""
        return ports_of(self.graph, self.nodes[name], self.names)

    def consumers(self, name: str) -> set[Consumer]:
        """List what a node feeds."""
        return {
            (self.names[target], port_key(self.graph, target, feed.slot), feed.source_slot)
            for target, feed in self.graph.consumers[self.nodes[name]]
        }

    def rename(self, old: str, new: str) -> None:
        """Call a node something else."""
        place = self.nodes.pop(old)
        self.names[place] = new
        self.nodes[new] = place
        self.added[self.added.index(old)] = new


def versions(
    base: "BlueprintIR", left: "BlueprintIR", right: "BlueprintIR"
) -> tuple[Version, Version, Version]:
    """Name the nodes of all three."""
    return (
        Version(base, [node.id for node in base.nodes], ()),
        _side(base, left, "left"),
        _side(base, right, "right"),
    )


def _side(base: "BlueprintIR", side: "BlueprintIR", prefix: str) -> Version:
    back = match(base, side).back
    names = [
        base.nodes[back[place]].id if place in back else f"{prefix}/{node.id}"
        for place, node in enumerate(side.nodes)
    ]
    added = [names[place] for place in side.graph.order or () if place not in back]
    return Version(side, names, added)


class Twins:
    """Find the nodes that both sides added in the same place, and call the right side's like the left side's.

    Twins are the same op with the same attributes, fed by the same values, and feed something in common (or
    both nothing). The largest set of pairs of which this holds is what remains when pairs are struck off for
    which it does not.
    """

    def __init__(self, left: Version, right: Version) -> None:
        self.left, self.right = left, right
        self.pairs: dict[str, str] = {}
        for name in left.added:
            chosen = self._candidate(name)
            if chosen is not None:
                self.pairs[name] = chosen
        while True:
            wrong = [one for one, other in self.pairs.items() if not self._same_place(one, other)]
            if not wrong:
                break
            for name in wrong:
                del self.pairs[name]
        for one, other in self.pairs.items():
            right.rename(other, one)

    def _candidate(self, name: str) -> str | None:
        taken = set(self.pairs.values())
        alike = [
            other
            for other in self.right.added
            if other not in taken and self._alike(name, other) and self._fed_alike(name, other)
        ]
        ours = self.left.consumers(name)
        return max(alike, key=lambda other: (len(ours & self.right.consumers(other)), other), default=None)

    def _alike(self, one: str, other: str) -> bool:
        *ours, _ = self.left.content(one)  # the last is what it shares, which is looked at with its inputs
        *theirs, _ = self.right.content(other)
        return ours == theirs

    def _fed_alike(self, one: str, other: str) -> bool:
        back = {right: left for left, right in self.pairs.items()}
        ours = sorted([(port.key, port.source, port.source_slot) for port in self.left.ports(one)])
        theirs = [
            (port.key, back.get(port.source, port.source), port.source_slot)
            for port in self.right.ports(other)
        ]
        return ours == sorted(theirs) and self._shared(self.left, one) == back.get(
            self._shared(self.right, other), self._shared(self.right, other)
        )

    def _shared(self, side: Version, name: str) -> str:
        return side.node(name).shares or ""

    def _same_place(self, one: str, other: str) -> bool:
        if not self._fed_alike(one, other):
            return False
        back = {right: left for left, right in self.pairs.items()}
        ours = self.left.consumers(one)
        theirs = {(back.get(name, name), *rest) for name, *rest in self.right.consumers(other)}
        return bool(ours & theirs) or not (ours or theirs)
