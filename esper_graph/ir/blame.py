"""Say of each part of a blueprint which ancestor introduced or last changed it, by which edit.

Parts are nodes (as uses of an op), their attributes and fields, and edges. A part that some parent has in the
same form comes from where that parent's comes from; a part that no parent has was made by this blueprint.
Which node of a parent is which is said by the edits of the derivation, which are replayed; where there are
none, or they do not lead to the blueprint, nodes are matched by structure (see `matching`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

from esper_graph.errors import BlueprintError, EvolutionError, LineageError
from esper_graph.ir.diff import diff
from esper_graph.ir.diff_edits import FIELDS
from esper_graph.ir.draft import Draft
from esper_graph.ir.edit import Edit, apply_edits, edit_from
from esper_graph.ir.graph import Feed
from esper_graph.ir.matching import port_key
from esper_graph.ir.specs import EdgeSpec, NodeSpec, thaw

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR


KINDS = ("node", "attribute", "field", "edge")


@dataclass(frozen=True)
class Step:
    """One derivation.

    Attributes:
        child: Id of the blueprint that came out.
        parent: Id of the blueprint it came from.
        edits: The changes, as values or as plain data; may be empty.
        actor: Who made it.
        at: When.
    """

    child: str
    parent: str
    edits: Sequence[Edit | Mapping[str, Any]] = ()
    actor: str | None = None
    at: datetime | None = None
    kind: str = "mutation"
    mutation_type: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Family:
    """Blueprints and the derivations between them.

    Attributes:
        blueprints: By id.
        steps: The derivations; of several from one child the first counts most.
        registered: Who registered a blueprint, and when: for those that derive from nothing.
    """

    blueprints: Mapping[str, "BlueprintIR"]
    steps: Sequence[Step]
    registered: Mapping[str, tuple[str | None, datetime | None]]


@dataclass(frozen=True)
class Origin:
    """Where one part of a blueprint comes from.

    Attributes:
        kind: One of `KINDS`.
        node: Id of the node in the blueprint that was asked about; of an edge, the node that it feeds.
        subject: The attribute or field, or the input port of an edge; None for nodes.
        value: What it is: the op type, the value, or the node and output that an edge comes from.
        blueprint: The ancestor (or the blueprint itself) that introduced or last changed it.
        part: Id of the node in that ancestor.
        edit: The edit that did it, as plain data; None where it came with a root.
        parent: The parent from which that ancestor was derived; None for roots.
        actor: Who.
        at: When.
    """

    kind: str
    node: str
    subject: str | None
    value: Any
    blueprint: str
    part: str
    edit: Mapping[str, Any] | None = None
    parent: str | None = None
    actor: str | None = None
    at: datetime | None = None


_DEFAULTS = {name: NodeSpec.model_fields[name].default for name in (*FIELDS, "shares")}
Key = tuple[str, str, str | None]
"""A part: its kind, the id of its node (for an edge: of the edge), its subject."""


def blame(family: Family, blueprint_id: str) -> tuple[Origin, ...]:
    """Tell where every part of a blueprint comes from: nodes in order of computation, each with what it has.

    Args:
        family: At least the blueprint and all its ancestors. A parent that is not among the blueprints
            counts for nothing.

    Raises:
        LineageError: The blueprint is not in the family.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> from esper_graph.ir.edit import SetAttribute
        >>> b = Builder("mlp", name="MLP")
        >>> b.output(b.activation(b.input([-1, 8]), type="relu", id="act"))
        >>> mlp = b.finish()
        >>> edit = SetAttribute(node_id="act", attribute="type", value="gelu")
        >>> family = Family(
        ...     {"mlp": mlp, "child": apply_edits(mlp, [edit]).blueprint},
        ...     [Step("child", "mlp", [edit], actor="ann")], {})
        >>> for one in blame(family, "child"):
        ...     if one.node == "act":
        ...         print(one.kind, one.subject, one.value, one.blueprint, one.actor)
        node None activation mlp None
        attribute type gelu child ann
        edge input input mlp None
    """
    if blueprint_id not in family.blueprints:
        raise LineageError(f"`{blueprint_id}` is not in this family")
    steps: dict[str, list[Step]] = {}
    for step in family.steps:
        if step.parent in family.blueprints and step.child != step.parent:
            steps.setdefault(step.child, []).append(step)
    above: dict[str, list[str]] = {}
    waiting = [blueprint_id]
    while waiting:
        name = waiting.pop()
        if name not in above:
            above[name] = [step.parent for step in steps.get(name, ())]
            waiting += above[name]
    tables: dict[str, dict[Key, _Made]] = {}
    left = Counter(parent for parents in above.values() for parent in set(parents))
    for name in TopologicalSorter(above).static_order():
        tables[name] = _table(family, name, steps.get(name, ()), tables)
        for parent in set(above[name]):  # long lineages: what is not needed any more is let go
            left[parent] -= 1
            if not left[parent]:
                del tables[parent]
    return _origins(family.blueprints[blueprint_id], tables[blueprint_id])


class _Made(NamedTuple):
    """What made a part what it is."""

    blueprint: str
    part: str
    edit: Edit | None
    parent: str | None
    actor: str | None
    at: datetime | None


def _table(
    family: Family, name: str, steps: Sequence[Step], tables: Mapping[str, Mapping[Key, _Made]]
) -> dict[Key, _Made]:
    """What made each part of one blueprint, given the same for its parents."""
    blueprint = family.blueprints[name]
    parts = parts_of(blueprint.nodes, blueprint.edges)
    found: dict[Key, _Made] = {}
    changed: dict[Key, tuple[Edit | None, Step]] = {}
    for step in steps:
        replay = _Replay(family.blueprints[step.parent], blueprint, step)
        for key in parts:
            if key not in found:
                old = replay.kept(key)
                if old is not None:
                    found[key] = tables[step.parent][old]
            if key not in found and (key not in changed or changed[key][0] is None):
                changed[key] = (replay.edit_of(key), step)
    actor, at = family.registered.get(name, (None, None))
    for key, value in parts.items():
        if key not in found:
            edit, step = changed.get(key, (None, None))
            part = value[2] if key[0] == "edge" else key[1]
            if step is None:
                found[key] = _Made(name, part, None, None, actor, at)
            else:
                found[key] = _Made(name, part, edit, step.parent, step.actor, step.at)
    return found


def parts_of(nodes: Iterable[NodeSpec], edges: Iterable[EdgeSpec]) -> dict[Key, Any]:
    """List the parts of a blueprint with what each is."""
    parts: dict[Key, Any] = {}
    for node in nodes:
        parts["node", node.id, None] = node.op_type
        for attribute, value in node.attributes.items():
            parts["attribute", node.id, attribute] = value
        for field, default in _DEFAULTS.items():
            value = getattr(node, field)
            if value != default:
                parts["field", node.id, field] = value
    for edge in edges:
        parts["edge", edge.id, None] = (edge.source, edge.source_port, edge.target, edge.target_port)
    return parts


class _Replay:
    """The edits of a derivation, applied one by one, and how what comes out corresponds to the child."""

    def __init__(self, parent: "BlueprintIR", child: "BlueprintIR", step: Step) -> None:
        self.before = parts_of(parent.nodes, parent.edges)
        self.same_ids = self._leads_to(parent, child, _read(step.edits))
        if self.same_ids:
            return
        edits = _read(step.edits)
        replayed = _replayed(parent, edits)
        if replayed is None or replayed.fingerprint != child.fingerprint:
            edits = list(diff(parent, child).edits)
            replayed = _replayed(parent, edits)
        assert replayed is not None, "a diff leads to the blueprint it was made for"
        self.names, self.edges = _correspondence(child, replayed)
        self._walk(parent, edits)

    def _leads_to(self, parent: "BlueprintIR", child: "BlueprintIR", edits: Sequence[Edit]) -> bool:
        """Whether the edits give the child just as it is written; then there is nothing to match."""
        try:
            draft = self._walk(parent, edits)
        except EvolutionError:
            return False
        for ours, theirs in ((draft.nodes, child.nodes), (draft.edges, child.edges)):
            if {one.id: one for one in ours} != {one.id: one for one in theirs}:
                return False
        return True

    def _walk(self, parent: "BlueprintIR", edits: Sequence[Edit]) -> Draft:
        """Note for each part the last edit that gave it the value it ends with."""
        draft = Draft(parent)
        self.changed_by: dict[Key, Edit] = {}
        parts = self.before
        for edit in edits:
            edit.apply(draft)
            following = parts_of(draft.nodes, draft.edges)
            other_node = {
                name
                for kind, name, _ in following
                if kind == "node" and parts.get(("node", name, None)) != following["node", name, None]
            }
            for key, value in following.items():
                replaced = key[0] != "edge" and key[1] in other_node
                if replaced or key not in parts or _different(parts[key], value):
                    self.changed_by[key] = edit
            for key in parts.keys() - following.keys():
                self.changed_by.pop(key, None)
            parts = following
        self.after = parts
        return draft

    def _key(self, key: Key) -> Key | None:
        """The same part in what the edits made."""
        if self.same_ids:
            return key
        kind, name, subject = key
        found = self.edges.get(name) if kind == "edge" else self.names.get(name)
        return None if found is None else (kind, found, subject)

    def kept(self, key: Key) -> Key | None:
        """The same part in the parent, where that has it in the same form."""
        found = self._key(key)
        return (
            found if found in self.before and found in self.after and found not in self.changed_by else None
        )

    def edit_of(self, key: Key) -> Edit | None:
        """The edit that made the part what it is."""
        found = self._key(key)
        return None if found is None else self.changed_by.get(found)


_UNLIMITED = {"max_nodes": 10**6, "max_edges": 10**6, "max_depth": 10**6}


def _read(given: Sequence[Edit | Mapping[str, Any]]) -> list[Edit]:
    try:
        return [one if isinstance(one, Edit) else edit_from(one) for one in given]
    except EvolutionError:
        return []  # written by a newer version, or by hand: then the structure says what happened


def _replayed(parent: "BlueprintIR", edits: Sequence[Edit]) -> "BlueprintIR | None":
    if not edits:
        return parent
    try:
        return apply_edits(parent, edits, repair=False, limits=_UNLIMITED).blueprint
    except (EvolutionError, BlueprintError):
        return None


def _correspondence(child: "BlueprintIR", replayed: "BlueprintIR") -> tuple[dict[str, str], dict[str, str]]:
    """For each node and each edge of the child, the id it has in what the edits made."""
    matched = diff(child, replayed).matched
    edges: dict[str, str] = {}
    waiting: dict[tuple[Any, ...], list[str]] = {}
    for target, feeds in enumerate(replayed.graph.feeds):
        for feed in feeds:
            waiting.setdefault(_ends(replayed, target, feed, None), []).append(replayed.edges[feed.edge].id)
    for target, feeds in enumerate(child.graph.feeds):
        for feed in feeds:
            others = waiting.get(_ends(child, target, feed, matched))
            if others:
                edges[child.edges[feed.edge].id] = others.pop(0)
    return dict(matched), edges


def _ends(
    blueprint: "BlueprintIR", target: int, feed: Feed, names: Mapping[str, str] | None
) -> tuple[Any, ...]:
    ends = [blueprint.nodes[place].id for place in (feed.source, target)]
    called = ends if names is None else [names.get(name) for name in ends]
    return (*called, feed.source_slot, port_key(blueprint.graph, target, feed.slot))


def _different(one: Any, other: Any) -> bool:
    # 1, 1.0 and True are equal, and different attributes.
    return one is not other and (one != other or repr(thaw(one)) != repr(thaw(other)))


def _origins(blueprint: "BlueprintIR", table: Mapping[Key, _Made]) -> tuple[Origin, ...]:
    graph = blueprint.graph
    places = graph.order if graph.order is not None else range(len(graph.nodes))
    rank = {graph.nodes[place].id: number for number, place in enumerate(places)}
    found = [
        _origin(key, value, table[key]) for key, value in parts_of(blueprint.nodes, blueprint.edges).items()
    ]
    return tuple(sorted(found, key=lambda one: (rank[one.node], KINDS.index(one.kind), one.subject or "")))


def _origin(key: Key, value: Any, made: _Made) -> Origin:
    kind, node, subject = key
    if kind == "edge":
        source, source_port, node, subject = value
        value = source if source_port is None else f"{source}.{source_port}"
    edit = made.edit.to_dict() if made.edit is not None else None
    return Origin(
        kind=kind,
        node=node,
        subject=None if subject is None else str(subject),
        value=thaw(value),
        blueprint=made.blueprint,
        part=made.part,
        edit=edit,
        parent=made.parent,
        actor=made.actor,
        at=made.at,
    )
