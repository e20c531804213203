"""Edits: typed changes of a blueprint, as values. An edit never touches its input.

>>> from esper_graph.ir.build import Builder
>>> b = Builder("mlp", name="MLP")
>>> hidden = b.linear(b.input([-1, 8]), in_features=8, out_features=4, id="fc1")
>>> _ = b.output(b.linear(hidden, in_features=4, out_features=2, id="fc2"))
>>> outcome = apply_edits(b.finish(), [SetAttribute(node_id="fc1", attribute="out_features", value=16)])
>>> outcome.blueprint.node("fc2").attributes["in_features"], [edit.type for edit in outcome.edits]
(16, ['modify_attribute', 'repair_attribute'])
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from esper_graph.errors import BlueprintError, EvolutionError, FormatError, close_names, suggestion
from esper_graph.ir.blocks import BLOCK
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.repair import repairs
from esper_graph.ir.specs import EdgeSpec, NodeSpec, freeze, fresh_name, thaw

_NAMES = ("node_id", "edge_id", "after", "on_edge", "attribute", "field", "source", "target")
_FIELDS = tuple(name for name in NodeSpec.model_fields if name not in ("id", "op_type", "attributes"))
_Parts = tuple[list[NodeSpec], list[EdgeSpec]]


@dataclass(frozen=True, kw_only=True)
class Edit(ABC):
    """One change. `type` is its name in stored edits; the fields are its other keys."""

    type: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `edit_from` reads back."""
        found: dict[str, Any] = {"type": self.type}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, BlueprintIR):
                value = value.to_json(indent=None)  # as text: edits nest less deep than blueprints do
            elif isinstance(value, NodeSpec | EdgeSpec):
                kind = type(value)
                value = {
                    name: thaw(getattr(value, name))
                    for name, field in kind.model_fields.items()
                    if getattr(value, name) != field.get_default(call_default_factory=True)
                }
            if value is not None or one.default is MISSING:
                found[one.name] = thaw(value)
        return found

    @abstractmethod
    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """Return the changed nodes and edges.

        Raises:
            EvolutionError: It does not fit this blueprint.
        """


@dataclass(frozen=True, kw_only=True)
class SetAttribute(Edit):
    """Give one attribute of a node another value."""

    type = "modify_attribute"
    node_id: str
    attribute: str
    value: Any

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        place = _place(nodes, self.node_id)
        attributes = dict(nodes[place].attributes)
        attributes[self.attribute] = self.value
        nodes[place] = nodes[place].replace(attributes=attributes)
        return nodes, edges


@dataclass(frozen=True, kw_only=True)
class UnsetAttribute(Edit):
    """Leave an attribute of a node to its default."""

    type = "remove_attribute"
    node_id: str
    attribute: str

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        place = _place(nodes, self.node_id)
        attributes = dict(nodes[place].attributes)
        if self.attribute not in attributes:
            raise EvolutionError(
                f"`{self.node_id}` has no attribute `{self.attribute}` of its own",
                hint=suggestion(close_names(self.attribute, attributes)),
            )
        del attributes[self.attribute]
        nodes[place] = nodes[place].replace(attributes=attributes)
        return nodes, edges


@dataclass(frozen=True, kw_only=True)
class SetField(Edit):
    """Give a field of a node besides its op and attributes another value, such as `precision` or `shares`."""

    type = "modify_field"
    node_id: str
    field: str
    value: Any

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        place = _place(nodes, self.node_id)
        if self.field not in _FIELDS:
            raise EvolutionError(
                f"`{self.field}` is not a field that can be set",
                hint=suggestion(close_names(self.field, _FIELDS)) or f"they are {', '.join(_FIELDS)}",
            )
        nodes[place] = nodes[place].replace(**{self.field: self.value})
        return nodes, edges


@dataclass(frozen=True, kw_only=True)
class RepairAttribute(SetAttribute):
    """The same, made by us so that a consumer fits what an edit changed before it."""

    type = "repair_attribute"


@dataclass(frozen=True, kw_only=True)
class SetNode(Edit):
    """Put another node in the place of one; id and edges stay."""

    type = "replace_node"
    node_id: str
    node: NodeSpec

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        place = _place(nodes, self.node_id)
        if self.node.id != self.node_id:
            raise EvolutionError(
                f"`{self.node.id}` cannot stand in the place of `{self.node_id}`: ids stay",
                hint=f"give the node the id `{self.node_id}`",
            )
        nodes[place] = self.node
        return nodes, edges


@dataclass(frozen=True, kw_only=True)
class AddNode(Edit):
    """Add a node.

    With `after` it is put into all edges that leave that node (ports are kept), with `on_edge` into one
    edge, without either it stands alone until edges are added.
    """

    type = "add_node"
    node: NodeSpec
    after: str | None = None
    on_edge: str | None = None

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        if any(node.id == self.node.id for node in nodes):
            raise EvolutionError(
                f"a node is called `{self.node.id}` already", hint="give the new node another id"
            )
        if self.after is not None and self.on_edge is not None:
            raise EvolutionError("a node goes `after` a node or `on_edge` into an edge, not both")
        if self.after is not None:
            place = _place(nodes, self.after)
            touched = [edge for edge in edges if edge.source == self.after]
            if not touched:
                raise EvolutionError(
                    f"nothing follows `{self.after}`, so nothing can be inserted after it",
                    hint="add the node without `after`, and then edges",
                )
            ports = {edge.source_port for edge in touched}
            if len(ports) > 1:
                shown = ", ".join(sorted(str(port) for port in ports))
                raise EvolutionError(
                    f"`{self.after}` is used at several outputs ({shown}): say which edge is meant",
                    hint="use `on_edge`",
                )
        elif self.on_edge is not None:
            touched = [edge for edge in edges if edge.id == self.on_edge]
            if not touched:
                raise _no_edge(edges, self.on_edge)
            place = _place(nodes, touched[0].source)
        else:
            return [*nodes, self.node], edges
        nodes.insert(place + 1, self.node)
        first = touched[0]
        feeding = EdgeSpec(
            id=fresh_name(f"{first.source}_{self.node.id}", {edge.id for edge in edges}),
            source=first.source,
            source_port=first.source_port,
            target=self.node.id,
        )
        moved = {edge.id: _rewired(edge, source=self.node.id) for edge in touched}
        changed = [moved.get(edge.id, edge) for edge in edges]
        changed.insert(min(edges.index(edge) for edge in touched), feeding)
        return nodes, changed


@dataclass(frozen=True, kw_only=True)
class RemoveNode(Edit):
    """Remove a node; what fed its first input feeds its consumers instead."""

    type = "remove_node"
    node_id: str

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        place = _place(nodes, self.node_id)
        entering = [edge for edge in edges if edge.target == self.node_id]
        leaving = {edge.id for edge in edges if edge.source == self.node_id}
        if leaving and not entering:
            raise EvolutionError(
                f"`{self.node_id}` has consumers and no input that could take its place",
                hint="remove or rewire its consumers first",
            )
        sharers = [node.id for node in nodes if node.shares == self.node_id]
        if sharers:
            raise EvolutionError(
                f"`{self.node_id}` owns parameters that {', '.join(f'`{name}`' for name in sharers)} share",
                hint="remove those first",
            )
        del nodes[place]
        gone = {edge.id for edge in entering}
        kept = [edge for edge in edges if edge.id not in gone]
        if entering:
            source = entering[0]
            kept = [
                _rewired(edge, source=source.source, source_port=source.source_port)
                if edge.id in leaving
                else edge
                for edge in kept
            ]
        return nodes, kept


@dataclass(frozen=True, kw_only=True)
class AddEdge(Edit):
    """Add an edge; without `target_port` it feeds the next free input."""

    type = "add_edge"
    edge: EdgeSpec

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        if any(edge.id == self.edge.id for edge in edges):
            raise EvolutionError(
                f"an edge is called `{self.edge.id}` already", hint="give the new edge another id"
            )
        for end in (self.edge.source, self.edge.target):
            _place(nodes, end)
        return nodes, [*edges, self.edge]


@dataclass(frozen=True, kw_only=True)
class RemoveEdge(Edit):
    """Remove an edge."""

    type = "remove_edge"
    edge_id: str

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        del edges[_edge_place(edges, self.edge_id)]
        return nodes, edges


@dataclass(frozen=True, kw_only=True)
class RewireEdge(Edit):
    """Let an edge come from another value or lead to another input; what is left out stays.

    Another source is taken at `source_port` (None means its first output), another target at `target_port`
    (None means its next free input).
    """

    type = "rewire_edge"
    edge_id: str
    source: str | None = None
    source_port: str | int | None = None
    target: str | None = None
    target_port: str | int | None = None

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        place = _edge_place(edges, self.edge_id)
        edge = edges[place]
        if self.source is not None or self.source_port is not None:
            edge = _rewired(edge, source=self.source or edge.source, source_port=self.source_port)
        if self.target is not None or self.target_port is not None:
            edge = edge.replace(target=self.target or edge.target, target_port=self.target_port)
        for end in (edge.source, edge.target):
            _place(nodes, end)
        edges[place] = edge
        return nodes, edges


@dataclass(frozen=True, kw_only=True)
class SetEdge(Edit):
    """Put another edge in the place of one; the id stays."""

    type = "replace_edge"
    edge_id: str
    edge: EdgeSpec

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """See `Edit.apply`."""
        place = _edge_place(edges, self.edge_id)
        if self.edge.id != self.edge_id:
            raise EvolutionError(
                f"`{self.edge.id}` cannot stand in the place of `{self.edge_id}`: ids stay",
                hint=f"give the edge the id `{self.edge_id}`",
            )
        for end in (self.edge.source, self.edge.target):
            _place(nodes, end)
        edges[place] = self.edge
        return nodes, edges


@dataclass(frozen=True, kw_only=True)
class DefineBlock(Edit):
    """Bring the definition of a block that nodes of later edits use; as plain data it is a JSON document."""

    type = "define_block"
    definition: BlueprintIR

    def apply(self, nodes: list[NodeSpec], edges: list[EdgeSpec]) -> _Parts:
        """Change no node and no edge: definitions stand beside them, see `apply_edits`."""
        return nodes, edges


EDITS: Mapping[str, type[Edit]] = MappingProxyType(
    {
        kind.type: kind
        for kind in (
            *(SetAttribute, UnsetAttribute, SetField, RepairAttribute),
            *(SetNode, AddNode, RemoveNode),
            *(AddEdge, RemoveEdge, RewireEdge, SetEdge),
            DefineBlock,
        )
    }
)


class Outcome(NamedTuple):
    """What edits made of a blueprint.

    Attributes:
        blueprint: The changed blueprint: without id, lineage and estimates, which belonged to the old one.
        edits: The edits in order, repairs included: applied without repair they give the same again.
    """

    blueprint: BlueprintIR
    edits: tuple[Edit, ...]


def edit_from(data: Mapping[str, Any]) -> Edit:
    """Read an edit from plain data, such as the mutations that `evolve` takes.

    Raises:
        EvolutionError: The type is unknown, or a field is missing, unknown or ill-typed.

    Example:
        >>> edit_from({"type": "remove_node", "node_id": "dropout"})
        RemoveNode(node_id='dropout')
    """
    found = dict(data)
    name = found.pop("type", None)
    kind = EDITS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise EvolutionError(
            f"{name!r} is not a type of edit",
            hint=suggestion(close_names(str(name), EDITS)) or f"the types are {', '.join(EDITS)}",
        )
    known = {one.name for one in fields(kind)}
    for key in found:
        if key not in known:
            raise EvolutionError(
                f"the edit `{name}` has no field `{key}`",
                hint=suggestion(close_names(key, known)) or f"its fields are {', '.join(sorted(known))}",
            )
    try:
        for key, spec in (("node", NodeSpec), ("edge", EdgeSpec)):
            if isinstance(found.get(key), Mapping):
                found[key] = spec(**found[key])
            elif key in found and not isinstance(found[key], spec):
                raise EvolutionError(f"the field `{key}` of the edit `{name}` is no {spec.__name__}")
        if isinstance(found.get("definition"), str):
            found["definition"] = BlueprintIR.from_json(found["definition"])
        elif "definition" in found and not isinstance(found["definition"], BlueprintIR):
            raise EvolutionError(f"the field `definition` of the edit `{name}` is no document")
        if "value" in found:
            found["value"] = freeze(found["value"])
        for key, value in found.items():
            if key in _NAMES and not isinstance(value, str):
                raise EvolutionError(f"the field `{key}` of the edit `{name}` is {value!r}, not a name")
        return kind(**found)
    except TypeError:
        missing = sorted(one.name for one in fields(kind) if one.name not in found and one.default is MISSING)
        raise EvolutionError(f"the edit `{name}` lacks {', '.join(f'`{key}`' for key in missing)}") from None
    except (FormatError, ValueError) as error:
        raise EvolutionError(f"the edit `{name}` cannot be read: {error}") from None


def apply_edits(
    blueprint: BlueprintIR,
    edits: Iterable[Edit | Mapping[str, Any]],
    *,
    repair: bool = True,
    limits: Mapping[str, int] | None = None,
) -> Outcome:
    """Apply edits one after the other.

    Definitions of blocks that nobody uses any more are left out.

    Args:
        edits: Edits, or the plain data of edits.
        repair: Adjust attributes of consumers whose input changed, such as `in_features`; the adjustments
            become edits of their own.
        limits: Raised limits of the result, instead of the blueprint's own.

    Raises:
        EvolutionError: An edit does not fit; it is named by number.
        BlueprintError: The result is not valid.
    """
    applied: list[Edit] = []
    nodes, edges = list(blueprint.nodes), list(blueprint.edges)
    around = blueprint if limits is None else blueprint.changed(limits=dict(limits))
    blocks = dict(blueprint.blocks)
    for number, given in enumerate(edits, start=1):
        try:
            edit = given if isinstance(given, Edit) else edit_from(given)
            nodes, edges = edit.apply(list(nodes), list(edges))
            if isinstance(edit, DefineBlock):
                blocks[edit.definition.fingerprint] = edit.definition
        except EvolutionError as error:
            raise EvolutionError(
                error.message, where=[f"edit {number}", *error.where], hint=error.hint
            ) from None
        except BlueprintError as error:
            raise EvolutionError(error.message, where=[f"edit {number}"], hint=error.hint) from None
        applied.append(edit)
    if not applied:
        raise EvolutionError("no edits were given, so nothing would change")
    changed = _successor(around, nodes, edges, blocks)
    if repair:
        for change in repairs(changed):
            mend = RepairAttribute(
                node_id=change.node_id, attribute=change.attribute, value=freeze(change.value)
            )
            nodes, edges = mend.apply(list(nodes), list(edges))
            applied.append(mend)
        if isinstance(applied[-1], RepairAttribute):
            changed = _successor(around, nodes, edges, blocks)
    changed.validate()
    return Outcome(changed, tuple(applied))


def _successor(
    blueprint: BlueprintIR,
    nodes: Sequence[NodeSpec],
    edges: Sequence[EdgeSpec],
    blocks: Mapping[str, BlueprintIR],
) -> BlueprintIR:
    used = {node.attributes.get("blueprint") for node in nodes if node.op_type == BLOCK}
    return BlueprintIR(
        name=blueprint.name,
        nodes=nodes,
        edges=edges,
        blocks={name: definition for name, definition in blocks.items() if name in used},
        tags=blueprint.tags,
        author=blueprint.author,
        description=blueprint.description,
        min_compute_capability=blueprint.min_compute_capability,
        requires_features=blueprint.requires_features,
        limits=blueprint.limits,
    )


def _place(nodes: Sequence[NodeSpec], node_id: str) -> int:
    for place, node in enumerate(nodes):
        if node.id == node_id:
            return place
    known = [node.id for node in nodes]
    raise EvolutionError(
        f"there is no node `{node_id}`",
        hint=suggestion(close_names(node_id, known)) or f"the nodes are {', '.join(known[:20])}",
    )


def _edge_place(edges: Sequence[EdgeSpec], edge_id: str) -> int:
    for place, edge in enumerate(edges):
        if edge.id == edge_id:
            return place
    raise _no_edge(edges, edge_id)


def _no_edge(edges: Sequence[EdgeSpec], edge_id: str) -> EvolutionError:
    return EvolutionError(
        f"there is no edge `{edge_id}`",
        hint=suggestion(close_names(edge_id, [edge.id for edge in edges]))
        or "list the edges with `esper-graph blueprint show`",
    )


def _rewired(edge: EdgeSpec, *, source: str, source_port: str | int | None = None) -> EdgeSpec:
    """The edge from another source; what it asserted about the tensor belonged to the old one."""
    return edge.replace(source=source, source_port=source_port, tensor_shape=None, dtype=None)
