"""Blueprints as rows and back, without a database."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.errors import IntegrityError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import Derivation, EdgeSpec, FrozenDict, NodeSpec, freeze, thaw
from esper_graph.ops import OPS
from esper_graph.property_graph import rows
from esper_graph.property_graph.rows import (
    RESERVED,
    blueprint_from,
    derivation_key,
    derivation_properties,
    save_row,
)
from esper_graph.store.engines.values import message_bytes
from tests.unit.ir.test_blocks import tower


def blueprint(**fields: Any) -> BlueprintIR:
    fields = {"id": "mlp", "name": "MLP", "tags": ["b", "a"], **fields}
    settings = {"in_features": 8, "out_features": 2, "bias": False}
    shape = [-1, "time*2", 8]
    return BlueprintIR(
        nodes=[
            NodeSpec(id="out", op_type="output"),
            NodeSpec(
                id="fc",
                op_type="linear",
                attributes={"in_features": 8, "out_features": 2, "bias": False},
                shares="twin",
            ),
            NodeSpec(id="twin", op_type="linear", attributes=settings),
            NodeSpec(id="in", op_type="input", attributes={"shape": shape}, output_shape=shape),
            NodeSpec(id="sum", op_type="add", compute_intensity=3.5, precision="bf16"),
        ],
        edges=[
            EdgeSpec(id="e9", source="sum", target="out", tensor_shape=[-1, -1, 2], dtype="float32"),
            EdgeSpec(id="e1", source="in", target="fc"),
            EdgeSpec(id="e2", source="in", target="twin", source_port="output"),
            EdgeSpec(id="e3", source="fc", target="sum"),
            EdgeSpec(id="e4", source="twin", target="sum", connection_type="residual"),
        ],
        **fields,
    )


def stored(value: BlueprintIR) -> dict[str, Any]:
    """What a database that keeps everything would answer."""
    row = save_row(value, value.cost(), operation_id="op")
    nodes = [node for family in row["nodes"].values() for node in family]
    by_position = {node["position"]: node["node_id"] for node in nodes}
    return {
        "properties": {**row["properties"], "created_at": datetime.fromisoformat(row["created_at"])},
        "nodes": list(reversed(nodes)),
        "feeds": [
            {
                "source": by_position[feed["source"]],
                "target": by_position[feed["target"]],
                "properties": feed["properties"],
            }
            for feed in reversed(row["feeds"])
        ],
        "tags": list(row["tags"]),
        "derivations": [
            {"parent": one.parent_id, "properties": derivation_properties(one, number, "me")}
            for number, one in enumerate(value.derivations)
        ][::-1],
    }


def test_everything_comes_back() -> None:
    derivations = [
        Derivation(
            parent_id="p", kind="crossover", reason="r", edits=[{"op": "x", "to": [1, None, {"a": 2.0}]}]
        ),
        Derivation(parent_id="a", kind="merge", mutation_type="by hand"),
    ]
    value = blueprint(
        derivations=derivations,
        description="long",
        min_compute_capability=7.5,
        requires_features=["y", "x"],
        limits={"max_nodes": 2000},
        estimated_flops=blueprint().cost().flops,
        estimated_memory_mb=blueprint().cost().memory_mb,
        created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2))),
    )
    found = blueprint_from(stored(value))
    assert found.to_dict() == value.to_dict()


def test_a_row_holds_only_what_a_property_can_hold() -> None:
    row = save_row(blueprint(), blueprint().cost(), operation_id="op")
    everything = [row["properties"], *(node for nodes in row["nodes"].values() for node in nodes)]
    everything += [feed["properties"] for feed in row["feeds"]]
    for properties in everything:
        for value in properties.values():
            items = value if isinstance(value, list) else [value]
            assert items, "an empty list has no type"
            assert len({type(item) for item in items}) == 1
            assert type(items[0]) in {str, int, float, bool}


def test_positions_are_topological_and_every_feed_goes_forward() -> None:
    row = save_row(blueprint(), blueprint().cost(), operation_id="op")
    position = {node["node_id"]: node["position"] for nodes in row["nodes"].values() for node in nodes}
    assert sorted(position.values()) == list(range(5))
    for feed, edge in zip(row["feeds"], blueprint().edges, strict=True):
        assert feed["source"] < feed["target"]
        assert (feed["source"], feed["target"]) == (position[edge.source], position[edge.target])


def test_counts_and_costs_stand_on_the_record() -> None:
    value = blueprint()
    properties = save_row(value, value.cost(), operation_id="op")["properties"]
    assert properties["parameters"] == 16
    assert properties["flops"] == 2 * properties["macs"] == 2 * 2 * 16 * 256
    assert json.loads(properties["reference_binding"]) == {"batch": 1, "time": 128}
    assert (properties["op_count"], properties["edge_count"], properties["depth"]) == (5, 5, 2)
    assert properties["input_signature"] == "float32[batch, 2*time, 8]"
    assert properties["output_signature"] == "float32[batch, 2*time, 2]"


def test_op_types_and_the_need_of_a_gpu_are_those_of_the_blocks_too() -> None:
    value = tower(2)
    properties = save_row(value, value.cost(), operation_id="op")["properties"]
    assert properties["op_types"] == sorted({node.op_type for node in value.expanded.nodes})
    assert "block" not in properties["op_types"]
    assert "requires_gpu" not in properties
    nodes = [node.model_copy(update={"requires_gpu": True}) for node in value.expanded.nodes]
    heavy = value.expanded.changed(nodes=nodes)
    assert save_row(heavy, heavy.cost(), operation_id="op")["properties"]["requires_gpu"] is True


def test_no_op_has_an_attribute_with_a_reserved_name() -> None:
    for op_type in OPS:
        assert not RESERVED & OPS[op_type].attributes.model_fields.keys(), op_type


def _node(row: dict[str, Any]) -> dict[str, Any]:
    return next(node for node in row["nodes"] if node["node_id"] == "fc")


_HINTS = '{"compute_intensity":9.0,"memory_bandwidth":1.0,"parallelism":"data"}'
_DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "attribute": lambda row: _node(row).update(out_features=3),
    "type": lambda row: _node(row).update(bias=0),
    "new attribute": lambda row: _node(row).update(extra=True),
    "hint": lambda row: _node(row).update(hints=_HINTS),
    "shared parameters": lambda row: _node(row).pop("shares"),
    "time": lambda row: _node(row).update(bias=datetime(2026, 1, 1, tzinfo=UTC)),
    "no JSON": lambda row: _node(row).update(json_attributes=["bias"]),
    "reserved name": lambda row: _node(row).update(json_attributes=["uid"]),
    "node": lambda row: row["nodes"].remove(_node(row)),
    "edge": lambda row: row["feeds"].pop(),
    "port": lambda row: row["feeds"][0]["properties"].update(target_port="b"),
    "connection": lambda row: row["feeds"][0]["properties"].update(connection_type="sideways"),
    "order": lambda row: row["properties"].update(listing=[0, 1, 2, 3, 4]),
    "name": lambda row: row["properties"].update(name="another"),
    "limits": lambda row: row["properties"].update(limits="[not json"),
    "author": lambda row: row["properties"].pop("author"),
}


@pytest.mark.parametrize("what", _DAMAGE)
def test_any_difference_is_an_integrity_error(what: str) -> None:
    row = stored(blueprint())
    assert blueprint_from(row) == blueprint(created_at=row["properties"]["created_at"])
    _DAMAGE[what](row)
    with pytest.raises(IntegrityError) as caught:
        blueprint_from(row)
    assert caught.value.blueprint_id == "mlp"
    assert caught.value.recorded == blueprint().content_digest
    assert caught.value.found != caught.value.recorded


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
_SCALARS |= st.text(st.characters(categories=("L", "N", "P"))).filter(str.isprintable)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"\A[a-z]{1,5}\Z"), inner, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = st.from_regex(r"\A[a-z_]{1,8}\Z").filter(lambda name: name not in RESERVED)


@given(st.dictionaries(_NAMES, _VALUES, max_size=5))
def test_attributes_of_any_kind_survive_exactly(attributes: dict[str, Any]) -> None:
    node = NodeSpec(id="n", op_type="anything", attributes=attributes)
    row = rows._node_row("b", node, 0)
    back = rows._node_from(row)
    assert isinstance(back.attributes, FrozenDict)
    assert json.dumps(thaw(back.attributes), sort_keys=True) == json.dumps(
        thaw(freeze(attributes)), sort_keys=True
    )


def test_keys_of_derivations_differ_by_all_they_name() -> None:
    keys = {
        derivation_key("a", "merge", "b"),
        derivation_key("b", "merge", "a"),
        derivation_key("a", "mutation", "b"),
        derivation_key("a", "merge", "b", 1),
    }
    assert len(keys) == 4


def test_the_estimate_of_a_message_is_an_upper_bound() -> None:
    from neo4j._codec.packstream._common import PackableBuffer
    from neo4j._codec.packstream.v1 import Packer

    row = save_row(blueprint(), blueprint().cost(), operation_id="op")
    buffer = PackableBuffer()
    Packer(buffer).pack(row)
    assert len(buffer.data) <= message_bytes(row) < 6 * len(buffer.data)
