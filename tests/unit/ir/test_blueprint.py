"""What a blueprint is as a value."""

import pickle
from datetime import UTC, datetime, timezone

import pytest

from esper_graph.errors import FormatError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import Derivation, EdgeSpec, NodeSpec


def mlp(**changes: object) -> BlueprintIR:
    fields = {
        "id": "mlp",
        "name": "MLP",
        "nodes": [
            NodeSpec(id="input", op_type="input", attributes={"shape": [-1, 8]}),
            NodeSpec(id="fc", op_type="linear", attributes={"in_features": 8, "out_features": 2}),
            NodeSpec(id="output", op_type="output"),
        ],
        "edges": [
            EdgeSpec(id="e1", source="input", target="fc"),
            EdgeSpec(id="e2", source="fc", target="output"),
        ],
    }
    return BlueprintIR(**{**fields, **changes})


def test_ports_and_indices_are_explicit_after_construction() -> None:
    blueprint = mlp()
    assert [edge.target_port for edge in blueprint.edges] == ["input", "input"]
    assert [blueprint.node(name).attributes["index"] for name in ("input", "output")] == [0, 0]


def test_inputs_without_ports_are_taken_in_the_order_of_the_edges() -> None:
    nodes = [
        NodeSpec(id="a", op_type="input", attributes={"shape": [-1, 8]}),
        NodeSpec(id="b", op_type="input", attributes={"shape": [-1, 8]}),
        NodeSpec(id="difference", op_type="sub"),
        NodeSpec(id="output", op_type="output"),
    ]
    edges = [
        EdgeSpec(id="e1", source="b", target="difference"),
        EdgeSpec(id="e2", source="a", target="difference"),
        EdgeSpec(id="e3", source="difference", target="output"),
    ]
    swapped = [edges[1], edges[0], edges[2]]
    one, other = (BlueprintIR(name="x", nodes=nodes, edges=listed) for listed in (edges, swapped))
    assert one.fingerprint != other.fingerprint
    assert [feed.source for feed in one.graph.feeds[2]] == [1, 0]


def test_a_transform_on_an_edge_becomes_a_node() -> None:
    edges = [
        EdgeSpec(id="e1", source="input", target="fc", transform={"type": "flatten"}),
        EdgeSpec(id="e2", source="fc", target="output"),
    ]
    blueprint = mlp(edges=edges)
    assert [node.op_type for node in blueprint.nodes] == ["input", "linear", "output", "flatten"]
    assert all(edge.transform is None for edge in blueprint.edges)
    assert blueprint.problems == ()


def test_an_unknown_transform_is_refused_with_the_close_names() -> None:
    edges = [EdgeSpec(id="e1", source="input", target="fc", transform={"type": "reshap"})]
    with pytest.raises(FormatError, match="'reshap' is not one of") as caught:
        mlp(edges=edges)
    assert caught.value.hint == "did you mean `reshape`?"


def test_parent_and_mutation_type_are_the_short_form_of_one_derivation() -> None:
    blueprint = mlp(parent_id="old", mutation_type="capacity_increase")
    assert blueprint.derivations == (
        Derivation(parent_id="old", kind="mutation", mutation_type="capacity_increase"),
    )
    assert (blueprint.parent_id, blueprint.mutation_type) == ("old", "capacity_increase")
    assert mlp(parent_id="old", mutation_type="crossover").derivations[0].kind == "crossover"
    assert (mlp().parent_id, mlp().mutation_type) == (None, None)


def test_several_parents_stay_in_order_and_the_first_is_the_parent() -> None:
    derivations = [Derivation(parent_id=name, kind="crossover") for name in ("b", "a")]
    blueprint = mlp(derivations=derivations)
    assert (blueprint.parent_id, blueprint.parents) == ("b", ("b", "a"))
    with pytest.raises(FormatError, match="first derivation names 'b'"):
        mlp(derivations=derivations, parent_id="a")


def test_a_mutation_type_beside_derivations_repeats_the_first_one() -> None:
    wider = Derivation(parent_id="old", kind="mutation", mutation_type="widen")
    crossed = Derivation(parent_id="other", kind="crossover")
    assert mlp(derivations=[wider], mutation_type="widen").derivations == (wider,)
    assert mlp(derivations=[crossed, wider], mutation_type="crossover").mutation_type == "crossover"
    for other in ("crossover", "mutation", 1.0):
        with pytest.raises(FormatError, match="first derivation names 'widen'") as caught:
            mlp(derivations=[wider], parent_id="old", mutation_type=other)
        assert caught.value.problems[0].where == "BlueprintIR.mutation_type"


def test_a_mutation_type_without_a_parent_is_refused() -> None:
    with pytest.raises(FormatError, match="there is no `parent_id`"):
        mlp(mutation_type="crossover")


def test_nothing_can_be_changed_in_place() -> None:
    blueprint = mlp()
    with pytest.raises(Exception, match="frozen"):
        blueprint.name = "other"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError, match="immutable"):
        blueprint.nodes[0].attributes["shape"] = (1,)  # pyright: ignore[reportIndexIssue]


def test_a_naive_time_is_universal_time_and_an_aware_one_keeps_its_offset() -> None:
    assert mlp(created_at=datetime(2026, 1, 2)).created_at == datetime(2026, 1, 2, tzinfo=UTC)  # noqa: DTZ001
    assert mlp().created_at.tzinfo == timezone.utc  # noqa: UP017


def test_a_pickled_blueprint_is_equal_and_has_the_same_identity() -> None:
    blueprint = mlp()
    fingerprint = blueprint.fingerprint
    again = pickle.loads(pickle.dumps(blueprint))
    assert (again, hash(again), again.fingerprint) == (blueprint, hash(blueprint), fingerprint)


def test_changing_metadata_keeps_what_follows_from_the_structure() -> None:
    blueprint = mlp()
    assert blueprint.validate()
    renamed = blueprint.changed(name="Other", tags=["b", "a", "b"])
    assert renamed.graph is blueprint.graph
    assert renamed.tags == ("a", "b")
    assert renamed.content_digest != blueprint.content_digest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "../etc/passwd"),
        ("id", "a b"),
        ("id", "-a"),
        ("id", "a" * 129),
        ("name", ""),
        ("name", "a\x1b[31m"),
        ("version", 0),
        ("version", True),
        ("tags", ["a\nb"]),
        ("tags", [1]),
        ("limits", {"max_nodes": True}),
        ("limits", {"max_width": 3}),
        ("estimated_flops", float("nan")),
        ("estimated_flops", 1.5),
        ("unknown", 1),
    ],
)
def test_a_field_that_is_not_as_it_must_be_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(FormatError) as caught:
        mlp(**{field: value})
    assert field in caught.value.problems[0].where


def test_estimates_follow_the_convention() -> None:
    estimate = mlp().estimate_performance()
    assert estimate["parameters"] == 8 * 2 + 2
    assert estimate["flops"] == 2 * estimate["macs"] == 2 * 8 * 2
    assert estimate["memory_mb"] == pytest.approx((18 * 4 + (8 + 2) * 4) / 1e6)


def test_a_node_alone_counts_its_flops() -> None:
    node = NodeSpec(id="fc", op_type="linear", attributes={"in_features": 784, "out_features": 256})
    assert node.estimate_flops() == 2 * 784 * 256
    assert node.replace(input_shape=[32, 784]).estimate_flops() == 32 * 2 * 784 * 256
