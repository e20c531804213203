"""For users of py2neo: blueprints as subgraphs, the catalogue on their `Graph`, and classes of its OGM.

py2neo reached its end of life in 2023. It speaks Bolt 4.3 at most, which present servers still accept.
Nothing of esper_graph itself goes through it. Install it with `pip install "esper-graph[py2neo]"`.
"""

# py2neo has no types.
# pyright: reportMissingTypeStubs=false, reportMissingModuleSource=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUntypedBaseClass=false

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from esper_graph.errors import (
    ConfigError,
    FormatError,
    Problem,
    QueryError,
    QueryFailedError,
    StoreUnavailableError,
)
from esper_graph.ir.blocks import definitions
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.registration import id_of_name
from esper_graph.property_graph.rows import (
    blocks_in,
    blueprint_from,
    derivation_key,
    derivation_properties,
    save_row,
)

try:
    import pytz  # comes with py2neo
    from py2neo import Graph, Node, Relationship, Subgraph
    from py2neo.errors import (
        ConnectionBroken,
        ConnectionUnavailable,
        Neo4jError,
        ProtocolError,
        ServiceUnavailable,
    )
    from py2neo.ogm import Model, Property, RelatedFrom, RelatedTo
    from py2neo.wiring import WireError
except ImportError as missing:
    raise ConfigError(
        "the package `py2neo` is not installed", hint='install it with `pip install "esper-graph[py2neo]"`'
    ) from missing

_KEYS = {"Blueprint": "id", "OpNode": "uid", "Tag": "name", "Category": "name"}


# ---------------------------------------------------------------- blueprints


def to_subgraph(blueprint: BlueprintIR) -> Subgraph:
    """View a valid blueprint as py2neo nodes and relationships, with the properties that the store writes.

    The blueprint and the definitions of its blocks have their `OpNode`s and `FEEDS`, tags, and `DERIVED_FROM`
    to parents, of which only the id is there. What registration adds is left out: status, generation, events.
    To store a blueprint, register it. `Graph.create` writes the subgraph into a graph of your own;
    `Graph.merge` would take two tensors between the same two nodes for one.

    Raises:
        BlueprintError: It is not valid.

    Example:
        >>> from esper_graph.templates import create_expert_network
        >>> subgraph = to_subgraph(create_expert_network(input_dim=8, output_dim=8))
        >>> sorted(subgraph.types())
        ['CONTAINS', 'FEEDS', 'TAGGED']
    """
    blueprint.validate()
    drawn = _Drawing()
    users = {**definitions(blueprint), "": blueprint}
    tops = {name: drawn.blueprint(one) for name, one in users.items()}
    for name, user in users.items():
        for block in user.blocks:
            drawn.relate(tops[name], "USES", tops[block])
    return Subgraph(drawn.nodes.values(), drawn.relationships)


class _Drawing:
    """Nodes, each once, and relationships of a subgraph in the making."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, str], Node] = {}
        self.relationships: list[Relationship] = []

    def node(self, key: str, /, *labels: str, **properties: Any) -> Node:
        found: Any = self.nodes.get((labels[0], key))
        if found is None:
            found = self.nodes[labels[0], key] = Node(*labels, **{_KEYS[labels[0]]: key})
            found.__primarylabel__, found.__primarykey__ = labels[0], _KEYS[labels[0]]
        found.add_label(labels[-1])
        found.update(properties)
        return found

    def relate(self, start: Node, kind: str, end: Node, /, **properties: Any) -> None:
        self.relationships.append(Relationship(start, kind, end, **properties))

    def blueprint(self, blueprint: BlueprintIR) -> Node:
        if not blueprint.id:
            blueprint = blueprint.changed(id=id_of_name(blueprint.name, blueprint.fingerprint))
        row = save_row(blueprint, blueprint.cost(), operation_id="")
        left_out = ("operation_id", "status", "generation")
        said = {name: value for name, value in row["properties"].items() if name not in left_out}
        said |= {"handle": blueprint.id, "fingerprint": row["fingerprint"]}
        # py2neo cannot send times with an offset of Python's own; nor negative offsets at all.
        said["created_at"] = blueprint.created_at.astimezone(pytz.utc)
        top = self.node(blueprint.id, "Blueprint", "Named", **said)
        ops: dict[int, Node] = {}
        for family, nodes in row["nodes"].items():
            for one in nodes:
                ops[one["position"]] = self.node(one["uid"], "OpNode", family, **one)
                self.relate(top, "CONTAINS", ops[one["position"]])
        for feed in row["feeds"]:
            self.relate(ops[feed["source"]], "FEEDS", ops[feed["target"]], **feed["properties"])
        for tag in row["tags"]:
            self.relate(top, "TAGGED", self.node(tag, "Tag"))
        for number, derivation in enumerate(blueprint.derivations):
            said = derivation_properties(derivation, number, blueprint.author)
            said["key"] = derivation_key(blueprint.id, derivation.kind, derivation.parent_id, number)
            self.relate(top, "DERIVED_FROM", self.node(derivation.parent_id, "Blueprint"), **said)
        return top


def from_subgraph(subgraph: Subgraph, blueprint_id: str | None = None) -> BlueprintIR:
    """Read a blueprint from a subgraph, such as `to_subgraph` makes or a query of your own returns.

    Args:
        subgraph: It may hold the same node several times, as py2neo returns them, and other things besides.
        blueprint_id: Which one, where there are several.

    Raises:
        FormatError: There is no such blueprint in it, or several.
        IntegrityError: Its content is not what its digest says.

    Example:
        >>> from esper_graph.templates import create_expert_network
        >>> expert = create_expert_network(input_dim=8, output_dim=8)
        >>> from_subgraph(to_subgraph(expert)) == expert
        True
    """
    found = _Found(subgraph)
    whole = [one for one in found.blueprints if one in found.contents and one not in found.used]
    if blueprint_id is not None:
        whole = [blueprint_id] if blueprint_id in found.contents else []
    if len(whole) != 1:
        named = ", ".join(f"`{one}`" for one in sorted(whole)) or "none"
        raise FormatError(
            Problem(
                "format", f"one blueprint is wanted, and there is {named}", "subgraph", "name one by its id"
            )
        )
    return found.blueprint(whole[0], ())


class _Found:
    """What a subgraph holds, by ids of blueprints."""

    def __init__(self, subgraph: Subgraph) -> None:
        self.blueprints = {one["id"]: _plain(one) for one in subgraph.nodes if one.has_label("Blueprint")}
        self.contents: dict[str, dict[str, Node]] = {}
        self.feeds: dict[str, dict[str, dict[str, Any]]] = {}
        self.tags: dict[str, set[str]] = {}
        self.derivations: dict[str, dict[str, dict[str, Any]]] = {}
        self.used: set[str] = set()
        self._owner: dict[str, str] = {}
        by_type: dict[str, list[Any]] = {}
        for one in subgraph.relationships:
            by_type.setdefault(type(one).__name__, []).append(one)
        for one in by_type.get("CONTAINS", ()):
            owner, node = one.start_node["id"], one.end_node
            self._owner[node["uid"]] = owner
            self.contents.setdefault(owner, {})[node["uid"]] = node
        for one in by_type.get("FEEDS", ()):
            owner = self._owner.get(one.start_node["uid"], "")
            ends = {"source": one.start_node["node_id"], "target": one.end_node["node_id"]}
            self.feeds.setdefault(owner, {})[one["edge_id"]] = {**ends, "properties": _plain(one)}
        for one in by_type.get("TAGGED", ()):
            self.tags.setdefault(one.start_node["id"], set()).add(one.end_node["name"])
        for one in (*by_type.get("DERIVED_FROM", ()), *by_type.get("DERIVED_FROM_EXTERNAL", ())):
            derivation = {"parent": one.end_node["id"], "properties": _plain(one)}
            self.derivations.setdefault(one.start_node["id"], {})[one["key"]] = derivation
        for one in by_type.get("USES", ()):
            self.used.add(one.end_node["id"])

    def blueprint(self, name: str, around: tuple[str, ...]) -> BlueprintIR:
        row = {
            "properties": self.blueprints[name],
            "nodes": [_plain(node) for node in self.contents[name].values()],
            "feeds": list(self.feeds.get(name, {}).values()),
            "tags": sorted(self.tags.get(name, ())),
            "derivations": list(self.derivations.get(name, {}).values()),
        }
        ids = {said.get("fingerprint"): one for one, said in self.blueprints.items() if one in self.contents}
        blocks = {
            used: self.blueprint(ids[used], (*around, name))
            for used in blocks_in(row)
            if used in ids and ids[used] not in around
        }
        return blueprint_from(row, blocks)


# ---------------------------------------------------------------- queries


def run(graph: Graph, name: str, /, **parameters: object) -> Answer[dict[str, Any]]:
    """Run a query of the catalogue that reads on a py2neo `Graph`.

    Returns:
        Its rows as `BlueprintRegistry.query` returns them, but nodes, relationships and paths are py2neo's.

    Raises:
        QueryError: There is no such query, it does not read, or the parameters are wrong.
        QueryFailedError: The server refuses it.
        StoreUnavailableError: The server does not answer.

    Example:
        run(Graph("bolt://localhost:7687"), "lineage/ancestor_ids", id="mlp")
    """
    query = get(name)
    if query.access != "read":
        raise QueryError(
            f"query `{name}` writes", hint="change the store through BlueprintRegistry, which records events"
        )
    query.require(parameters)
    try:
        cursor: Any = graph.query(query.text, parameters)
        return Answer([_plain(record) for record in cursor])
    except Neo4jError as error:
        raise QueryFailedError(f"the server refuses `{name}`: {error.message}") from error
    except (ConnectionBroken, ConnectionUnavailable, ServiceUnavailable, ProtocolError, WireError) as error:
        raise StoreUnavailableError(f"no answer to `{name}`: {error}") from error


def _plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _time(value) for name, value in dict(mapping).items()}


def _time(value: Any) -> Any:
    """Make a time of Python, with its offset, of one of py2neo's, wherever it stands."""
    if isinstance(value, list):
        return [_time(item) for item in value]
    if isinstance(value, dict):
        return _plain(value)
    native = getattr(value, "to_native", None)
    if native is None:
        return value
    moment = native()
    if not isinstance(moment, datetime):
        return moment
    # It loses a nanosecond, and so would cut off a microsecond: .001318 comes as .001317999.
    microseconds = (round(value.second % 1 * 1e9) + 1) // 1000
    return moment.replace(microsecond=0).astimezone(UTC) + timedelta(microseconds=microseconds)


# ---------------------------------------------------------------- classes of the OGM, for reading

_PROPERTIES = {  # by label; the first one is the key
    "Blueprint": (
        *("id", "name", "version", "description", "author", "status", "created_at", "registered_at"),
        *("fingerprint", "normal_fingerprint", "content_digest", "generation", "depth", "op_count"),
        *("edge_count", "parameters", "flops", "macs", "memory_mb", "reference_binding"),
        *("input_signature", "output_signature", "lineage_only"),
    ),
    "OpNode": ("uid", "node_id", "name", "op_type", "position", "origin", "precision"),
    "ExternalParent": ("id",),
    "Alias": ("id",),
    "Tag": ("name",),
    "Category": ("name",),
    "Device": ("name",),
    "Metric": ("key", "name", "device", "value", "measured_at", "actor"),
    "Measurement": ("id", "value", "measured_at", "actor", "samples", "spread", "tool", "kernel"),
    "CompileAttempt": (
        *("id", "mode", "backend", "profile", "outcome", "reason", "started_at", "finished_at"),
    ),
    "Kernel": (
        *("digest", "mode", "backend", "profile", "precision", "seed", "torch_version", "compiled_at"),
    ),
    "Weights": ("digest",),
    "Event": ("id", "operation_id", "at", "actor", "action", "reason", "detail"),
}

_RELATIONSHIPS = (  # from where, what leads there is called here, type, to where, what leads back is called
    ("Blueprint", "nodes", "CONTAINS", "OpNode", "blueprint"),
    ("OpNode", "feeds", "FEEDS", "OpNode", "fed_by"),
    ("Blueprint", "parents", "DERIVED_FROM", "Blueprint", "children"),
    ("Blueprint", "external_parents", "DERIVED_FROM_EXTERNAL", "ExternalParent", "children"),
    ("Blueprint", "rediscovered", "REDISCOVERED_FROM", "Blueprint", "rediscoveries"),
    ("Blueprint", "blocks", "USES", "Blueprint", "users"),
    ("Alias", "blueprint", "NAMES", "Blueprint", "aliases"),
    ("Blueprint", "tags", "TAGGED", "Tag", "blueprints"),
    ("Blueprint", "categories", "IN_CATEGORY", "Category", "blueprints"),
    ("Metric", "blueprint", "MEASURES", "Blueprint", "metrics"),
    ("Metric", "taken_on", "TAKEN_ON", "Device", "metrics"),
    ("Measurement", "metric", "REFINES", "Metric", "measurements"),
    ("CompileAttempt", "blueprint", "COMPILES", "Blueprint", "attempts"),
    ("Kernel", "attempt", "BUILT_BY", "CompileAttempt", "kernels"),
    ("Kernel", "blueprint", "COMPILED_FROM", "Blueprint", "kernels"),
    ("Kernel", "weights", "HOLDS", "Weights", "kernels"),
    ("Event", "blueprints", "CONCERNS", "Blueprint", "events"),
)


def _model(label: str) -> Any:
    """Make the class of a label, with its properties and what leads along its relationships."""
    members: dict[str, Any] = {name: Property() for name in _PROPERTIES[label]}
    members |= {name: RelatedTo(end, kind) for start, name, kind, end, _ in _RELATIONSHIPS if start == label}
    members |= {
        name: RelatedFrom(start, kind) for start, _, kind, end, name in _RELATIONSHIPS if end == label
    }
    # Related classes are looked for by name in the module of the class.
    return type(label, (Model,), {"__module__": __name__, "__primarykey__": _PROPERTIES[label][0], **members})


Blueprint, OpNode, ExternalParent = _model("Blueprint"), _model("OpNode"), _model("ExternalParent")
Alias, Tag, Category = _model("Alias"), _model("Tag"), _model("Category")
Device, Metric, Measurement = _model("Device"), _model("Metric"), _model("Measurement")
CompileAttempt, Kernel, Weights = _model("CompileAttempt"), _model("Kernel"), _model("Weights")
Event = _model("Event")
