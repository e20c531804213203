"""Merge what two blueprints made of a common ancestor, or say where they contradict each other.

Both sides are matched with the base by structure (see `matching`), so ids mean nothing here either. Whatever
one side left as it was in the base is taken from the other one; whatever both changed must be the same, else
it is a *conflict*. Nodes that both sides added in the same place are one node.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from esper_graph.ir.align import align
from esper_graph.ir.diff import diff
from esper_graph.ir.diff_edits import FIELDS, Port, edits_between, pair_ports
from esper_graph.ir.edit import Edit
from esper_graph.ir.matching import Matching
from esper_graph.ir.merge_conflicts import Conflict, Conflicts
from esper_graph.ir.merge_sides import Twins, Version, versions
from esper_graph.ir.repair import repairs
from esper_graph.ir.specs import EdgeSpec, NodeSpec, fresh_name, thaw

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

_ABSENT = "absent"


class Merge(NamedTuple):
    """The outcome of a merge.

    Attributes:
        blueprint: What both sides make together, without id and lineage; None where there are conflicts.
        conflicts: Where they contradict each other; empty where they do not.
        repaired: Attributes that were adjusted so that nodes of one side fit what the other side changed, as
            (node id, attribute).
        left_edits: What turns the left side into the result; none without a result. Likewise `right_edits`.
    """

    blueprint: "BlueprintIR | None"
    conflicts: tuple[Conflict, ...]
    repaired: tuple[tuple[str, str], ...] = ()
    left_edits: tuple[Edit, ...] = ()
    right_edits: tuple[Edit, ...] = ()


def merge(base: "BlueprintIR", left: "BlueprintIR", right: "BlueprintIR", *, repair: bool = True) -> Merge:
    """Combine what two blueprints changed of a third one.

    Args:
        base: What both came from. Ids of its nodes are kept.
        repair: Adjust attributes of consumers whose input changed on the other side, such as `in_features`.

    Raises:
        BlueprintError: One of the three is not valid.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> def mlp(width: int, kind: str) -> "BlueprintIR":
        ...     b = Builder("mlp", name="MLP")
        ...     x = b.linear(b.input([-1, 8]), in_features=8, out_features=width, id="fc1")
        ...     x = b.activation(x, type=kind, id="act")
        ...     b.output(b.linear(x, in_features=width, out_features=2, id="fc2"))
        ...     return b.finish()
        >>> merged = merge(mlp(4, "relu"), mlp(16, "relu"), mlp(4, "gelu"))
        >>> merged.blueprint.fingerprint == mlp(16, "gelu").fingerprint
        True
        >>> for conflict in merge(mlp(4, "relu"), mlp(4, "silu"), mlp(4, "gelu")).conflicts:
        ...     print(conflict)
        both sides change `type` of `act`: "relu" became "silu" and "gelu"
    """
    for blueprint in (base, left, right):
        blueprint.validate()
    if right.fingerprint in (base.fingerprint, left.fingerprint):
        return _whole(left, left, right)
    if left.fingerprint == base.fingerprint:
        return _whole(right, left, right)
    merging = _Merging(base, align(left, base), align(right, base))
    found = merging.outcome(repair=repair)
    if found.blueprint is None:
        return found
    edits = [
        merging.edits_from(version, side, found.blueprint)
        for version, side in ((merging.left, left), (merging.right, right))
    ]
    return found._replace(left_edits=edits[0], right_edits=edits[1])


def _whole(content: "BlueprintIR", left: "BlueprintIR", right: "BlueprintIR") -> Merge:
    """One side alone, where the other changed nothing or the same."""
    merged = _as_new(content, left, right)
    return Merge(merged, (), left_edits=diff(left, merged).edits, right_edits=diff(right, merged).edits)


def _as_new(content: "BlueprintIR", left: "BlueprintIR", right: "BlueprintIR") -> "BlueprintIR":
    return content.changed(
        id="", version=1, name=left.name, derivations=(), tags=[*left.tags, *right.tags], **_NO_ESTIMATES
    )


_NO_ESTIMATES: dict[str, Any] = dict.fromkeys(
    ("estimated_flops", "estimated_parameters", "estimated_memory_mb"), None
)


class _Merging:
    def __init__(self, base: "BlueprintIR", left: "BlueprintIR", right: "BlueprintIR") -> None:
        self.base, self.blueprints = base, (left, right)
        self.origin, self.left, self.right = versions(base, left, right)
        self.twins = Twins(self.left, self.right)
        self.conflicts = Conflicts()
        self.nodes: dict[str, NodeSpec] = {}
        self.edges: list[EdgeSpec] = []
        self.ids: dict[str, str] = {}
        self.edge_ids: set[str] = {edge.id for edge in base.edges}

    def outcome(self, *, repair: bool) -> Merge:
        for name in self.origin.nodes:
            node = self._node(name)
            if node is not None:
                self.nodes[name] = node
        for side in (self.left, self.right):
            for name in side.added:
                if name not in self.nodes:
                    self.nodes[name] = side.node(name)
        for name in self.nodes:
            self.edges += self._edges(name)
        if self.conflicts:
            return Merge(None, tuple(self.conflicts))
        return self._finished(repair=repair)

    def _finished(self, *, repair: bool) -> Merge:
        ids = self.ids = self._ids()
        nodes = [
            node.replace(id=ids[name], shares=ids.get(node.shares, node.shares) if node.shares else None)
            for name, node in self.nodes.items()
        ]
        edges = [edge.replace(source=ids[edge.source], target=ids[edge.target]) for edge in self.edges]
        left, right = self.blueprints
        known = {**self.base.blocks, **left.blocks, **right.blocks}
        used = {node.attributes.get("blueprint") for node in nodes if node.op_type == "block"}
        limits = {
            name: max(one.limits.get(name, 0) for one in self.blueprints)
            for one in self.blueprints
            for name in one.limits
        }
        merged = _as_new(left, left, right).replace(
            nodes=nodes,
            edges=edges,
            blocks={name: one for name, one in known.items() if name in used},
            limits=limits,
        )
        repaired: list[tuple[str, str]] = []
        if repair:
            for change in repairs(merged):
                repaired.append((change.node_id, change.attribute))
                place = merged.graph.position[change.node_id]
                attributes = {**nodes[place].attributes, change.attribute: change.value}
                nodes[place] = nodes[place].replace(attributes=attributes)
            if repaired:
                merged = merged.replace(nodes=nodes)
        conflicts = [
            Conflict(
                "not_valid",
                _node_of(problem.facts.get("node")),
                None,
                f"together they are not valid: {problem}",
            )
            for problem in merged.problems
        ]
        return Merge(None if conflicts else merged, tuple(conflicts), tuple(repaired))

    def edits_from(self, version: Version, side: "BlueprintIR", merged: "BlueprintIR") -> tuple[Edit, ...]:
        """Write what turns one side into the result; which node is which is known from the merge."""
        position = merged.graph.position
        places = tuple(position[self.ids[name]] if name in self.ids else None for name in version.names)
        edits, _ = edits_between(side, align(merged, side), Matching(places, complete=False))
        return edits

    def _ids(self) -> dict[str, str]:
        """Ids of the result: those of the base, and for what was added its own, made unique."""
        ids = {name: name for name in self.nodes if name in self.origin.nodes}
        taken = set(ids)
        for name in self.nodes:
            if name not in ids:
                ids[name] = fresh_name(self._own_id(name), taken)
                taken.add(ids[name])
        return ids

    def _own_id(self, name: str) -> str:
        if name in self.origin.nodes:
            return name
        side = self.left if name in self.left.nodes else self.right
        return side.graph.nodes[side.nodes[name]].id if name in side.nodes else name

    # ------------------------------------------------------------ nodes

    def _node(self, name: str) -> NodeSpec | None:
        base, sides = self.origin.node(name), (self.left, self.right)
        present = [name in side.nodes for side in sides]
        if not any(present):
            return None
        if not all(present):
            kept = sides[present.index(True)]
            what = self._touched(name, kept)
            if what is not None:
                remover, changer = ("left", "right") if present[1] else ("right", "left")
                message = f"the {remover} side removes `{name}`, the {changer} side {what}"
                self.conflicts.append(Conflict("removed_and_changed", name, None, message))
            return None
        left, right = self.left.node(name), self.right.node(name)
        if left.op_type == right.op_type == base.op_type:
            attributes = self._attributes(name, base, left, right)
        else:
            return self._chosen_op(name, base, left, right)
        fields: dict[str, Any] = {}
        for field in (*FIELDS, "shares"):
            values = [getattr(node, field) for node in (base, left, right)]
            fields[field] = values[self.conflicts.choose(name, field, [_text(value) for value in values])]
        shares = fields.pop("shares")
        # What it shares may have no id of the result yet.
        return base.replace(attributes=attributes, shares=None, **fields).with_checked(shares=shares)

    def _touched(self, name: str, side: Version) -> str | None:
        """What a side did to a node that the other one removed."""
        if side.content(name) != self.origin.content(name):
            return "changes it"
        if _fed(side.ports(name)) != _fed(self.origin.ports(name)):
            return "rewires its inputs"
        used = side.consumers(name) - self.origin.consumers(name)
        if used:
            target, *_ = min(used)
            return f"uses it for `{self._own_id(target)}`"
        return None

    def _chosen_op(self, name: str, base: NodeSpec, left: NodeSpec, right: NodeSpec) -> NodeSpec:
        contents = [one.content(name) for one in (self.origin, self.left, self.right)]
        if contents[1] == contents[0] or contents[1] == contents[2]:
            return right.with_checked(id=name)
        if contents[2] != contents[0]:
            texts = [node.op_type for node in (base, left, right)]
            message = f"both sides make `{name}` ({texts[0]}) something else: {texts[1]} and {texts[2]}"
            self.conflicts.append(Conflict("op", name, None, message, *texts))
        return left.with_checked(id=name)

    def _attributes(self, name: str, base: NodeSpec, left: NodeSpec, right: NodeSpec) -> dict[str, Any]:
        given = [node.attributes for node in (base, left, right)]
        meant = [json.loads(one.text(name)) for one in (self.origin, self.left, self.right)]
        attributes: dict[str, Any] = {}
        for key in dict.fromkeys([key for one in (*given, *meant) for key in one]):
            texts = [json.dumps(one[key], ensure_ascii=False) if key in one else _ABSENT for one in meant]
            winner = given[self.conflicts.choose(name, key, texts)]
            if key in winner:
                attributes[key] = winner[key]
        return attributes

    # ------------------------------------------------------------ edges

    def _edges(self, name: str) -> Iterator[EdgeSpec]:
        """The inputs of one node of the result."""
        if name in self.origin.nodes:
            found = self._inputs(name)
        else:
            side = self.left if name in self.left.nodes else self.right
            found = [self._new(port) for port in side.ports(name)]
        taken: dict[int, Port] = {}
        following = 0
        ordered = sorted(found, key=lambda port: (port.key, port.slot))
        fixed = {port.slot for port in ordered if port.key >= 0}
        for port in ordered:
            slot = port.slot
            if port.key < 0:
                while following in fixed or following < self._fixed(name):
                    following += 1
                slot, following = following, following + 1
            if slot in taken:
                self._clash(name, slot, "", taken[slot].source, port.source)
                continue
            taken[slot] = port
            if port.source not in self.nodes:
                if self.conflicts:
                    continue  # it follows from what is said already
                message = f"`{name}` is fed by `{self._own_id(port.source)}`, which one side removes"
                self.conflicts.append(Conflict("removed_and_changed", name, self._port(name, slot), message))
                continue
            yield port.edge.with_checked(source=port.source, target=name, target_port=self._port(name, slot))

    def _inputs(self, name: str) -> list[Port]:
        base = self.origin.ports(name)
        pairs = [pair_ports(base, side.ports(name)) for side in (self.left, self.right)]
        partner = [{one.edge.id: other for one, other in found if one is not None} for found in pairs]
        merged: list[Port] = []
        for port in base:
            one, other = (found.get(port.edge.id) for found in partner)
            left, right = (_value(side) for side in (one, other))
            if left == _value(port):
                chosen = other if right != _value(port) else (other or port)
            elif right in (_value(port), left):
                chosen = one
            elif one is not None and other is not None and left is not None and right is not None:
                chosen = self._both(name, port, one, other)
            else:
                self._clash(name, port.slot, port.source, _shown(one), _shown(other))
                chosen = port
            if chosen is not None:
                hints = self._hints(name, port, one, other) if _value(port) == _value(chosen) else {}
                merged.append(chosen._replace(edge=chosen.edge.replace(id=port.edge.id, **hints)))
        added = [[other for one, other in found if one is None and other is not None] for found in pairs]
        known = Counter(_value(port) for port in added[0])
        merged += [self._new(port) for port in added[0]]
        for port in added[1]:
            if known[_value(port)]:
                known[_value(port)] -= 1
            else:
                merged.append(self._new(port))
        return merged

    def _new(self, port: Port) -> Port:
        """An input that the base lacks, with an edge id that is free."""
        edge_id = fresh_name(port.edge.id, self.edge_ids)
        self.edge_ids.add(edge_id)
        return port._replace(edge=port.edge.replace(id=edge_id))

    def _hints(self, name: str, base: Port, left: Port | None, right: Port | None) -> dict[str, Any]:
        """What the edge asserts, where both sides left it where it was."""
        if left is None or right is None:
            return {}
        hints: dict[str, Any] = {}
        for field in ("tensor_shape", "dtype"):
            values = [getattr(port.edge, field) for port in (base, left, right)]
            hints[field] = values[self.conflicts.choose(name, field, [_text(value) for value in values])]
        return hints

    def _both(self, name: str, base: Port, left: Port, right: Port) -> Port:
        """Both sides changed one input: the source may come from one side, the port from the other."""
        sources = [(port.source, port.source_slot) for port in (base, left, right)]
        slots = [port.slot if port.key >= 0 else -1 for port in (base, left, right)]
        clash = (sources[1] != sources[0] != sources[2] != sources[1]) or (
            slots[1] != slots[0] != slots[2] != slots[1]
        )
        if clash:
            self._clash(name, base.slot, base.source, left.source, right.source)
        by_source = left if sources[1] != sources[0] else right
        by_slot = left if slots[1] != slots[0] else right
        return by_source._replace(slot=by_slot.slot, key=by_slot.key)

    def _clash(self, name: str, slot: int, base: str, left: str, right: str) -> None:
        port = self._port(name, slot) or str(slot)
        shown = [self._own_id(one) if one else one for one in (base, left, right)]
        before = f" (`{shown[0]}`)" if shown[0] else ""
        message = (
            f"both sides rewire `{port}` of `{self._own_id(name)}`{before}: to {shown[1]} and to {shown[2]}"
        )
        self.conflicts.append(Conflict("port", name, port, message, *shown))

    def _fixed(self, name: str) -> int:
        op = self._op(name)
        return len(op.fixed) if op is not None else 0

    def _port(self, name: str, slot: int) -> str | None:
        op = self._op(name)
        return op.port_name(slot) if op is not None else None

    def _op(self, name: str) -> Any:
        from esper_graph.ops import OPS

        return OPS.get(self.nodes[name].op_type)


def _value(port: Port | None) -> tuple[Any, ...] | None:
    if port is None:
        return None
    return (port.source, port.source_slot, port.key, port.edge.connection_type)


def _fed(ports: Sequence[Port]) -> Counter[tuple[Any, ...] | None]:
    return Counter(_value(port) for port in ports)


def _shown(port: Port | None) -> str:
    return port.source if port is not None else "nothing"


def _text(value: object) -> str:
    return json.dumps(thaw(value), ensure_ascii=False)


def _node_of(name: object) -> str | None:
    return name if isinstance(name, str) else None
