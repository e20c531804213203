"""A blueprint survives the way to networkx and back, and networkx says of it what the IR says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.bridges import from_networkx, lineage_to_networkx, to_networkx
from esper_graph.errors import BlueprintError, FormatError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import Derivation, EdgeSpec, NodeSpec
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.records import Relative
from esper_graph.templates import create_transformer_block
from tests.random_blueprints import blueprints
from tests.unit.ir.test_blocks import tower

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.json"))


def same(one: BlueprintIR, other: BlueprintIR) -> None:
    assert other == one
    assert other.content_digest == one.content_digest
    assert other.fingerprint == one.fingerprint


@given(blueprints(), st.randoms(use_true_random=False))
def test_any_blueprint_comes_back_from_networkx_the_same(blueprint: BlueprintIR, random: Any) -> None:
    graph = to_networkx(blueprint)
    same(blueprint, from_networkx(graph))
    as_json = json.loads(json.dumps(nx.node_link_data(graph, edges="edges")))
    again: Any = nx.node_link_graph(as_json, edges="edges")
    same(blueprint, from_networkx(again))
    edges: Any = list(graph.edges(keys=True, data=True))
    random.shuffle(edges)
    rebuilt: nx.MultiDiGraph[str] = nx.MultiDiGraph(**graph.graph)
    rebuilt.add_nodes_from(graph.nodes(data=True))
    rebuilt.add_edges_from(edges)
    same(blueprint, from_networkx(rebuilt))


@given(blueprints())
def test_networkx_sees_the_graph_that_the_ir_sees(blueprint: BlueprintIR) -> None:
    graph = to_networkx(blueprint)
    position = {blueprint.nodes[place].id: rank for rank, place in enumerate(blueprint.graph.order or ())}
    assert all(position[source] < position[target] for source, target in graph.edges())
    boundary = {name for name, family in graph.nodes(data="family") if family == "Boundary"}
    weights = {(source, target): int(target not in boundary) for source, target in graph.edges()}
    simple = nx.DiGraph(graph)
    nx.set_edge_attributes(simple, weights, "weight")
    assert nx.dag_longest_path_length(simple) == blueprint.graph.depth
    for edge in blueprint.edges:
        said = graph.edges[edge.source, edge.target, edge.id]
        assert (said["source_port"], said["target_port"]) == (edge.source_port, edge.target_port)
        assert said["type"] in graph.nodes[edge.source]["types"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_real_architectures_come_back_the_same(path: Path) -> None:
    blueprint = BlueprintIR.from_json(path.read_bytes())
    same(blueprint, from_networkx(to_networkx(blueprint)))


def test_blocks_derivations_and_all_other_fields_come_back() -> None:
    folded = tower(3)
    assert folded.blocks
    full = folded.changed(
        derivations=[Derivation(parent_id="a", kind="crossover", edits=[{"type": "x"}], reason="why")],
        tags=["t"],
        requires_features=["fp8"],
        limits={"max_nodes": 5000},
        estimated_flops=7,
    )
    same(full, from_networkx(to_networkx(full)))


def _unnamed_edges(graph: Any) -> Any:
    plain: nx.MultiDiGraph[str] = nx.MultiDiGraph(name="x", metadata={"created_at": "2026-11-25T12:00:00Z"})
    plain.add_nodes_from(graph.nodes(data=True))
    plain.add_edges_from((a, b, said) for a, b, said in graph.edges(data=True))
    return plain


def test_edges_without_ids_get_ids_and_keep_their_order() -> None:
    blueprint = create_transformer_block(d_model=8, n_heads=2, d_ff=32)
    found = from_networkx(_unnamed_edges(to_networkx(blueprint)))
    assert found.fingerprint == blueprint.fingerprint
    assert [edge.target for edge in found.edges] == [edge.target for edge in blueprint.edges]
    assert len({edge.id for edge in found.edges}) == len(found.edges)


REFUSED: dict[str, Callable[[Any], Any]] = {
    "a graph without directions": nx.MultiGraph,
    "a graph with one edge between two nodes": nx.DiGraph,
    "a node without an op type": lambda graph: graph.add_node("new") or graph,
    "a node that is no text": lambda graph: graph.add_node(7, op_type="output") or graph,
    "an unknown field": lambda graph: graph.add_node("x", op_type="output", weight=1) or graph,
    "an edge whose key is no id": lambda graph: graph.add_edge("input", "output", ("a", 1)) and graph,
    "a node with two ids": lambda graph: graph.add_node("x", op_type="output", id="y") or graph,
    "an edge with a place that is no number": lambda graph: (
        graph.add_edge("input", "output", "e", listing="1") and graph
    ),
    "an unknown attribute of the graph": lambda graph: graph.graph.update(colour="red") or graph,
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_graphs_that_are_no_blueprint_are_refused(change: Callable[[Any], Any]) -> None:
    graph = change(to_networkx(create_transformer_block(d_model=8, n_heads=2, d_ff=32)))
    with pytest.raises(FormatError):
        from_networkx(graph)


def test_nothing_is_lost_silently_where_ids_are_doubled_or_unknown() -> None:
    node = NodeSpec(id="x", op_type="input", attributes={"shape": [-1, 4]})
    with pytest.raises(BlueprintError):
        to_networkx(BlueprintIR(name="twice", nodes=[node, node], edges=[]))
    with pytest.raises(BlueprintError):
        to_networkx(
            BlueprintIR(name="loose", nodes=[node], edges=[EdgeSpec(id="e", source="x", target="nobody")])
        )


def test_an_answer_about_a_family_becomes_a_graph_that_knows_whether_it_is_complete() -> None:
    members = [Relative("b", "B", 1, ("a",)), Relative("d", "D", 2, ("b",))]
    graph = lineage_to_networkx(Answer(members, truncated_by="limit", total=9))
    assert set(graph.edges) == {("b", "a"), ("d", "b")}
    assert graph.nodes["d"] == {"name": "D", "generation": 2}
    assert graph.graph == {"complete": False, "truncated_by": "limit", "omitted_count": 7, "total": 9}
