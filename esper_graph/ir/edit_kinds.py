"""The kinds of edit: each says what it changes, as fields, and changes a draft."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar

from esper_graph.errors import EvolutionError, close_names, suggestion
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.draft import Draft
from esper_graph.ir.specs import EdgeSpec, NodeSpec, fresh_name, thaw

_FIELDS = tuple(name for name in NodeSpec.model_fields if name not in ("id", "op_type", "attributes"))


@dataclass(frozen=True, kw_only=True)
class Edit(ABC):
    """One change. `type` is its name in stored edits; the fields are its other keys."""

    type: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `edit_from` reads back."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        required = {one.name for one in fields(self) if one.default is MISSING}
        return {
            "type": self.type,
            **{
                name: _plain(value) for name, value in values.items() if value is not None or name in required
            },
        }

    @abstractmethod
    def apply(self, draft: Draft) -> None:
        """Change the draft; where it does not fit, the draft may be left half changed.

        Raises:
            EvolutionError: It does not fit this draft.
        """


@dataclass(frozen=True, kw_only=True)
class SetAttribute(Edit):
    """Give one attribute of a node another value."""

    type = "modify_attribute"
    node_id: str
    attribute: str
    value: Any

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        node = draft.node(self.node_id)
        draft.set_node(node.replace(attributes={**node.attributes, self.attribute: self.value}))


@dataclass(frozen=True, kw_only=True)
class RepairAttribute(SetAttribute):
    """The same, made by us so that a consumer fits what an edit changed before it."""

    type = "repair_attribute"


@dataclass(frozen=True, kw_only=True)
class UnsetAttribute(Edit):
    """Leave an attribute of a node to its default."""

    type = "remove_attribute"
    node_id: str
    attribute: str

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        node = draft.node(self.node_id)
        if self.attribute not in node.attributes:
            raise EvolutionError(
                f"`{self.node_id}` has no attribute `{self.attribute}` of its own",
                hint=suggestion(close_names(self.attribute, node.attributes)),
            )
        kept = {name: value for name, value in node.attributes.items() if name != self.attribute}
        draft.set_node(node.replace(attributes=kept))


@dataclass(frozen=True, kw_only=True)
class SetField(Edit):
    """Give a field of a node besides its op and attributes another value, such as `precision` or `shares`."""

    type = "modify_field"
    node_id: str
    field: str
    value: Any

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        node = draft.node(self.node_id)
        if self.field not in _FIELDS:
            raise EvolutionError(
                f"`{self.field}` is not a field that can be set",
                hint=suggestion(close_names(self.field, _FIELDS)) or f"they are {', '.join(_FIELDS)}",
            )
        draft.set_node(node.replace(**{self.field: self.value}))


@dataclass(frozen=True, kw_only=True)
class SetNode(Edit):
    """Put another node in the place of one; id and edges stay."""

    type = "replace_node"
    node_id: str
    node: NodeSpec

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        draft.node(self.node_id)
        _check_same_id("node", self.node_id, self.node.id)
        draft.set_node(self.node)


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

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        if self.after is not None and self.on_edge is not None:
            raise EvolutionError("a node goes `after` a node or `on_edge` into an edge, not both")
        if self.after is None and self.on_edge is None:
            draft.add_node(self.node)
            return
        divided = self._divided(draft)
        first = divided[0]
        draft.add_node(self.node, after=first.source)
        feeding = EdgeSpec(
            id=fresh_name(f"{first.source}_{self.node.id}", {edge.id for edge in draft.edges}),
            source=first.source,
            source_port=first.source_port,
            target=self.node.id,
        )
        draft.add_edge(feeding, before=first)
        for edge in divided:
            draft.set_edge(_from_source(edge, self.node.id))

    def _divided(self, draft: Draft) -> list[EdgeSpec]:
        """The edges that the node goes into; they come from one output."""
        if self.on_edge is not None:
            return [draft.edge(self.on_edge)]
        assert self.after is not None, "the caller looked"
        draft.node(self.after)
        leaving = draft.leaving(self.after)
        if not leaving:
            raise EvolutionError(
                f"nothing follows `{self.after}`, so nothing can be inserted after it",
                hint="add the node without `after`, and then edges",
            )
        ports = {edge.source_port for edge in leaving}
        if len(ports) > 1:
            shown = ", ".join(sorted(str(port) for port in ports))
            raise EvolutionError(
                f"`{self.after}` is used at several outputs ({shown}): say which edge is meant",
                hint="use `on_edge`",
            )
        return leaving


@dataclass(frozen=True, kw_only=True)
class RemoveNode(Edit):
    """Remove a node; what fed its first input feeds its consumers instead."""

    type = "remove_node"
    node_id: str

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        draft.node(self.node_id)
        entering = draft.entering(self.node_id)
        if draft.leaving(self.node_id) and not entering:
            raise EvolutionError(
                f"`{self.node_id}` has consumers and no input that could take its place",
                hint="remove or rewire its consumers first",
            )
        sharers = [node.id for node in draft.nodes if node.shares == self.node_id]
        if sharers:
            raise EvolutionError(
                f"`{self.node_id}` owns parameters that {', '.join(f'`{name}`' for name in sharers)} share",
                hint="remove those first",
            )
        for edge in entering:
            draft.remove_edge(edge.id)
        for edge in draft.leaving(self.node_id):
            draft.set_edge(_from_source(edge, entering[0].source, entering[0].source_port))
        draft.remove_node(self.node_id)


@dataclass(frozen=True, kw_only=True)
class AddEdge(Edit):
    """Add an edge; without `target_port` it feeds the next free input."""

    type = "add_edge"
    edge: EdgeSpec

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        draft.add_edge(self.edge)


@dataclass(frozen=True, kw_only=True)
class RemoveEdge(Edit):
    """Remove an edge."""

    type = "remove_edge"
    edge_id: str

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        draft.remove_edge(self.edge_id)


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

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        edge = draft.edge(self.edge_id)
        if self.source is not None or self.source_port is not None:
            edge = _from_source(edge, self.source or edge.source, self.source_port)
        if self.target is not None or self.target_port is not None:
            edge = edge.replace(target=self.target or edge.target, target_port=self.target_port)
        draft.set_edge(edge)


@dataclass(frozen=True, kw_only=True)
class SetEdge(Edit):
    """Put another edge in the place of one; the id stays."""

    type = "replace_edge"
    edge_id: str
    edge: EdgeSpec

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        draft.edge(self.edge_id)
        _check_same_id("edge", self.edge_id, self.edge.id)
        draft.set_edge(self.edge)


@dataclass(frozen=True, kw_only=True)
class DefineBlock(Edit):
    """Bring the definition of a block that nodes of later edits use; as plain data it is a JSON document."""

    type = "define_block"
    definition: BlueprintIR

    def apply(self, draft: Draft) -> None:
        """See `Edit.apply`."""
        draft.blocks[self.definition.fingerprint] = self.definition


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


def _check_same_id(what: str, known: str, offered: str) -> None:
    if offered != known:
        raise EvolutionError(
            f"`{offered}` cannot stand in the place of `{known}`: ids stay",
            hint=f"give the {what} the id `{known}`",
        )


def _from_source(edge: EdgeSpec, source: str, source_port: str | int | None = None) -> EdgeSpec:
    """The edge from another source; what it asserted about the tensor belonged to the old one."""
    return edge.replace(source=source, source_port=source_port, tensor_shape=None, dtype=None)


def _plain(value: object) -> Any:
    if isinstance(value, BlueprintIR):
        return value.to_json(indent=None)  # as text: edits nest less deep than blueprints do
    if isinstance(value, NodeSpec | EdgeSpec):
        return {
            name: thaw(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if getattr(value, name) != field.get_default(call_default_factory=True)
        }
    return thaw(value)
