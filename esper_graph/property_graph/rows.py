"""How a blueprint is written as rows for the database, and read back from them.

Attributes of a node become properties of their own names, so that Cypher can ask for `n.out_features > 512`.
What a property cannot hold (null, nested, empty or mixed lists) becomes JSON text under the same name, and
that name stands in the node's `json_attributes`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, cast

from esper_graph.errors import BlueprintError, IntegrityError, LineageOnlyError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.cost import Costs
from esper_graph.ir.passes import normal_fingerprint_or_none
from esper_graph.ir.specs import Derivation, EdgeSpec, NodeSpec, freeze, thaw
from esper_graph.property_graph.records import Summary

RESERVED = frozenset(
    {
        *("uid", "node_id", "name", "op_type", "position", "origin", "hints", "precision", "shares"),
        *("input_shape", "output_shape", "requires_gpu", "json_attributes"),
    }
)
"""Properties of an `OpNode` that are no attributes; no op may call an attribute so."""

Row = dict[str, Any]

NO_BLOCKS: Mapping[str, BlueprintIR] = MappingProxyType({})

_HINTS = ("compute_intensity", "memory_bandwidth", "parallelism")
_DEFAULTS = {name: NodeSpec.model_fields[name].default for name in _HINTS}
_SHAPES = ("input_shape", "output_shape")
_ESTIMATES = {
    "estimated_flops": "flops",
    "estimated_parameters": "parameters",
    "estimated_memory_mb": "memory_mb",
}
_CONTENT = ("op_count", "parameters", "flops", "macs", "memory_mb", "fingerprint")
_SCALARS = frozenset({str, int, float, bool})
_LAST = 1 << 30  # derivations that were added later stand behind those of the registration


def node_uid(blueprint_id: str, node_id: str) -> str:
    """Name a node of a blueprint in the whole store.

    Example:
        >>> node_uid("mlp", "fc1")
        'mlp/fc1'
    """
    return f"{blueprint_id}/{node_id}"


def derivation_key(child: str, kind: str, parent: str, number: int = 0) -> str:
    """Name a derivation.

    Args:
        number: Counts derivations of the same kind between the same two, from 0.

    Example:
        >>> derivation_key("wide", "mutation", "mlp"), derivation_key("wide", "mutation", "mlp", 1)
        ('wide|mutation|mlp', 'wide|mutation|mlp|1')
    """
    key = f"{child}|{kind}|{parent}"
    return f"{key}|{number}" if number else key


# ---------------------------------------------------------------- writing


def save_row(
    blueprint: BlueprintIR, costs: Costs, *, operation_id: str, categories: Iterable[str] = ()
) -> Row:
    """Write a valid blueprint as one row of `blueprint/save`.

    Derivations are left out: their parents must be looked up first.

    Args:
        costs: At the registry's reference sizes.
        operation_id: The operation that registers it.
        categories: What its tags lead to.
    """
    graph = blueprint.graph
    assert graph.order is not None, "only valid blueprints are saved"
    position = [0] * len(graph.nodes)
    for rank, place in enumerate(graph.order):
        position[place] = rank
    expanded = blueprint.expanded
    properties: Row = {
        "id": blueprint.id,
        "content_digest": blueprint.content_digest,
        "normal_fingerprint": normal_fingerprint_or_none(blueprint),
        "name": blueprint.name,
        "version": blueprint.version,
        "description": blueprint.description,
        "author": blueprint.author,
        "status": "registered",
        "generation": 0,
        "op_count": len(blueprint.nodes),
        "edge_count": len(blueprint.edges),
        "depth": expanded.graph.depth,
        "parameters": costs.parameters,
        "flops": costs.flops,
        "macs": costs.macs,
        "memory_mb": costs.memory_mb,
        "reference_binding": _json(dict(costs.binding)),
        "input_signature": _signature(blueprint, "input"),
        "output_signature": _signature(blueprint, "output"),
        "op_types": sorted({node.op_type for node in expanded.nodes}),
        "operation_id": operation_id,
    }
    if costs.uncounted:
        properties["uncounted"] = len(costs.uncounted)
    if any(node.requires_gpu for node in expanded.nodes):
        properties["requires_gpu"] = True
    if blueprint.min_compute_capability is not None:
        properties["min_compute_capability"] = float(blueprint.min_compute_capability)
    if blueprint.requires_features:
        properties["requires_features"] = list(blueprint.requires_features)
    estimates = [field for field in _ESTIMATES if getattr(blueprint, field) is not None]
    if estimates:
        properties["estimates"] = estimates  # given by its author; what comes back is the computed value
    if blueprint.limits:
        properties["limits"] = _json(dict(blueprint.limits))
    if list(graph.order) != sorted(graph.order):
        properties["listing"] = list(graph.order)
    families: dict[str, list[Row]] = {}
    for place, node in enumerate(blueprint.nodes):
        op = graph.ops[place]
        assert op is not None
        families.setdefault(op.family, []).append(_node_row(blueprint.id, node, position[place]))
    return {
        "id": blueprint.id,
        "fingerprint": blueprint.fingerprint,
        "properties": properties,
        "created_at": blueprint.created_at.isoformat(),
        "nodes": families,
        "feeds": [
            {
                "source": position[graph.position[edge.source]],
                "target": position[graph.position[edge.target]],
                "properties": _edge_row(edge, listing),
            }
            for listing, edge in enumerate(blueprint.edges)
        ],
        "tags": list(blueprint.tags),
        "categories": sorted(categories),
        "names": [blueprint.id],
        "derivations": [],
        "rediscoveries": [],
        "external": [],
        "uses": list(blueprint.blocks),
    }


def derivation_properties(derivation: Derivation, number: int, actor: str) -> Row:
    """Write a derivation as properties of its relationship.

    Args:
        number: Its place among the derivations of its child.
    """
    properties = {
        "kind": derivation.kind,
        "mutation_type": derivation.mutation_type,
        "edits": json.dumps([thaw(edit) for edit in derivation.edits], sort_keys=True, ensure_ascii=False),
        "reason": derivation.reason,
        "actor": actor,
        "number": number,
    }
    return {name: value for name, value in properties.items() if value is not None}


def _node_row(blueprint_id: str, node: NodeSpec, position: int) -> Row:
    uid = node_uid(blueprint_id, node.id)
    row: Row = {
        "uid": uid,
        "node_id": node.id,
        "name": node.id,
        "op_type": node.op_type,
        "position": position,
        "origin": uid,
        "precision": node.precision,
        "requires_gpu": node.requires_gpu,
    }
    hints = {name: getattr(node, name) for name in _HINTS}
    if any(_differs(hints[name], _DEFAULTS[name]) for name in _HINTS):
        row["hints"] = _json(hints)
    if node.shares is not None:
        row["shares"] = node.shares
    for name in _SHAPES:
        shape = getattr(node, name)
        if shape is not None:
            row[name] = _property(shape)
    texts: list[str] = []
    for name, value in node.attributes.items():
        assert name not in RESERVED, f"an attribute cannot be called {name}"
        plain = _property(value)
        if _is_text_of(plain, value):
            texts.append(name)
        row[name] = plain
    if texts:
        row["json_attributes"] = sorted(texts)
    return row


def _edge_row(edge: EdgeSpec, listing: int) -> Row:
    row: Row = {"edge_id": edge.id, "connection_type": edge.connection_type, "listing": listing}
    for name in ("source_port", "target_port", "dtype"):
        if getattr(edge, name) is not None:
            row[name] = getattr(edge, name)
    if edge.tensor_shape is not None:
        row["tensor_shape"] = _property(edge.tensor_shape)
    return row


def _property(value: object) -> Any:
    """Return what a property can hold: the value itself, else its JSON text."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, tuple):
        items = list(cast(tuple[object, ...], value))
        kinds = {type(item) for item in items}
        if len(kinds) == 1 and kinds <= _SCALARS:
            return items
    return _json(thaw(cast(object, value)))


def _is_text_of(plain: object, value: object) -> bool:
    return type(plain) is str and type(value) is not str


def _differs(value: object, default: object) -> bool:
    return type(value) is not type(default) or value != default


def _signature(blueprint: BlueprintIR, op_type: str) -> str:
    graph, outputs = blueprint.graph, blueprint.inference.outputs
    values: list[str] = []
    for place in graph.of_type(op_type):
        types = outputs[place] if op_type == "input" else None
        if types is None:  # an output node has its type at its port
            feed = graph.feeds[place][0]
            types = (outputs[feed.source] or ())[feed.source_slot : feed.source_slot + 1]
        values += map(str, types)
    return ", ".join(values)


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


# ---------------------------------------------------------------- reading


def blueprint_from(row: Mapping[str, Any], blocks: Mapping[str, BlueprintIR] = NO_BLOCKS) -> BlueprintIR:
    """Build a blueprint from what `blueprint/read` returns, and compare its digest with the recorded one.

    Args:
        row: `properties` of the blueprint, `nodes` and `feeds`, `tags`, `derivations`.
        blocks: Definitions of the blocks that it uses, by fingerprint, and maybe others.

    Raises:
        IntegrityError: It cannot be read, or its content is no longer what was registered.
        LineageOnlyError: It has no content: it was imported as a lineage record.
    """
    properties: Mapping[str, Any] = row["properties"]
    if properties.get("lineage_only"):
        raise LineageOnlyError(str(properties.get("id")))
    name, recorded = str(properties.get("id")), str(properties.get("content_digest"))
    try:
        blueprint = _blueprint(row, properties, blocks)
        found = blueprint.content_digest
    except (BlueprintError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        reason = error.message if isinstance(error, BlueprintError) else f"{type(error).__name__}: {error}"
        raise IntegrityError(name, f"it cannot be read any more ({reason})", recorded=recorded) from error
    if found != recorded:
        raise IntegrityError(
            name, "its content does not have the recorded digest", recorded=recorded, found=found
        )
    return blueprint


def summary_from(row: Mapping[str, Any]) -> Summary:
    """Make the summary of a blueprint from its `properties` and `tags`."""
    properties: Mapping[str, Any] = row["properties"]
    known = not properties.get("lineage_only")
    taken = {name: properties[name] for name in Summary.__slots__ if name not in _CONTENT and name != "tags"}
    taken |= {name: properties[name] if known else None for name in _CONTENT}
    return Summary(**taken, tags=tuple(sorted(row["tags"])))


def blocks_in(row: Mapping[str, Any]) -> list[str]:
    """List the fingerprints of the blocks that the nodes of a row use, sorted."""
    return sorted({node["blueprint"] for node in row["nodes"] if node.get("op_type") == "block"})


def _blueprint(
    row: Mapping[str, Any], properties: Mapping[str, Any], blocks: Mapping[str, BlueprintIR]
) -> BlueprintIR:
    nodes = sorted(cast(Sequence[Row], row["nodes"]), key=lambda node: node["position"])
    listing = cast("Sequence[int] | None", properties.get("listing"))
    if listing is not None:
        places = dict(zip(listing, nodes, strict=True))
        nodes = [places[place] for place in range(len(nodes))]
    feeds = sorted(cast(Sequence[Row], row["feeds"]), key=lambda feed: feed["properties"]["listing"])
    fields: Row = {
        name: properties[name] for name in ("id", "name", "version", "description", "author", "created_at")
    }
    for field in properties.get("estimates", ()):
        fields[field] = properties[_ESTIMATES[field]]
    if "min_compute_capability" in properties:
        fields["min_compute_capability"] = properties["min_compute_capability"]
    if "limits" in properties:
        fields["limits"] = json.loads(properties["limits"])
    used = blocks_in(row)
    missing = [name for name in used if name not in blocks]
    if missing:
        raise ValueError(f"its block {missing[0]} is not in the store")
    blueprint = BlueprintIR(
        **fields,
        blocks={name: blocks[name] for name in used},
        nodes=[_node_from(node) for node in nodes],
        edges=[_edge_from(feed) for feed in feeds],
        tags=row["tags"],
        requires_features=properties.get("requires_features", []),
        derivations=derivations_from(row["derivations"]),
    )
    if len(blueprint.nodes) != len(nodes) or len(blueprint.edges) != len(feeds):
        raise ValueError("its edges hold transforms")
    return blueprint


def derivations_from(rows: Iterable[Row]) -> list[Derivation]:
    """Build the derivations of one blueprint, in their order, from `parent` and `properties` of each."""
    ordered = sorted(
        rows,
        key=lambda row: (
            row["properties"].get("number", _LAST),
            _instant(row["properties"].get("registered_at")),
            row["properties"].get("key", ""),
        ),
    )
    return [
        Derivation(
            parent_id=row["parent"],
            kind=row["properties"]["kind"],
            mutation_type=row["properties"].get("mutation_type"),
            edits=tuple(freeze(edit) for edit in json.loads(row["properties"].get("edits") or "[]")),
            reason=row["properties"].get("reason"),
        )
        for row in ordered
    ]


def _node_from(row: Row) -> NodeSpec:
    texts = frozenset(cast(Sequence[str], row.get("json_attributes", ())))
    if texts & RESERVED or not texts <= row.keys():
        raise ValueError(f"node `{row['node_id']}` lacks an attribute that it names")
    fields: Row = {name: row[name] for name in ("op_type", "precision", "requires_gpu")}
    fields["id"] = row["node_id"]
    if "shares" in row:
        fields["shares"] = row["shares"]
    if "hints" in row:
        hints: Row = json.loads(row["hints"])
        fields |= {name: hints[name] for name in _HINTS}
    for name in _SHAPES:
        if name in row:
            fields[name] = _shape_from(row[name])
    fields["attributes"] = {
        name: json.loads(value) if name in texts else value
        for name, value in row.items()
        if name not in RESERVED
    }
    return NodeSpec(**fields)


def _edge_from(feed: Row) -> EdgeSpec:
    properties: Row = feed["properties"]
    fields: Row = {"id": properties["edge_id"], "source": feed["source"], "target": feed["target"]}
    for name in ("source_port", "target_port", "dtype", "connection_type"):
        if name in properties:
            fields[name] = properties[name]
    if "tensor_shape" in properties:
        fields["tensor_shape"] = _shape_from(properties["tensor_shape"])
    return EdgeSpec(**fields)


def _shape_from(value: object) -> list[int | str]:
    return json.loads(value) if isinstance(value, str) else cast(list[int | str], value)


def _instant(value: object) -> datetime:
    return value if isinstance(value, datetime) else datetime.max.replace(tzinfo=UTC)
