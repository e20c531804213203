"""Edits are values; they never touch their input, and repairs are recorded."""

import pytest

from esper_graph.errors import EvolutionError, GraphCycleError, ShapeMismatchError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, residual
from esper_graph.ir.edit import (
    EDITS,
    AddNode,
    RemoveNode,
    RepairAttribute,
    SetAttribute,
    apply_edits,
    edit_from,
)
from esper_graph.ir.specs import NodeSpec


def network() -> BlueprintIR:
    """Two linear layers around an activation that is used twice."""
    b = Builder("net", name="Net", tags=["t"])
    x = b.input([-1, 8])
    h = b.activation(b.linear(x, in_features=8, out_features=4, id="fc1"), type="relu", id="relu")
    g = b.linear(h, in_features=4, out_features=4, id="fc2")
    b.output(b.add(g, residual(h), id="sum"))
    return b.finish()


DROPOUT = NodeSpec(id="drop", op_type="dropout", attributes={"p": 0.5})


def test_the_input_stays_as_it_is() -> None:
    before = network()
    text = before.to_json()
    apply_edits(
        before, [SetAttribute(node_id="relu", attribute="type", value="gelu"), RemoveNode(node_id="fc2")]
    )
    assert before.to_json() == text


def test_a_node_after_another_goes_into_all_its_edges() -> None:
    after = apply_edits(network(), [AddNode(node=DROPOUT, after="relu")]).blueprint
    sources = {edge.target: edge.source for edge in after.edges if edge.target in ("fc2", "drop")}
    assert sources == {"fc2": "drop", "drop": "relu"}
    skip = next(edge for edge in after.edges if edge.connection_type == "residual")
    assert (skip.source, skip.target, skip.target_port) == ("drop", "sum", "inputs.1")


def test_a_node_on_an_edge_goes_into_that_edge_only() -> None:
    before = network()
    edge = next(edge for edge in before.edges if edge.target == "fc2")
    after = apply_edits(before, [AddNode(node=DROPOUT, on_edge=edge.id)]).blueprint
    assert {edge.source for edge in after.edges if edge.target in ("fc2", "sum")} == {"drop", "fc2", "relu"}


def test_removing_a_node_joins_its_input_to_its_consumers() -> None:
    after = apply_edits(network(), [RemoveNode(node_id="relu")]).blueprint
    assert {edge.target for edge in after.edges if edge.source == "fc1"} == {"fc2", "sum"}


def test_inserting_and_removing_gives_the_same_structure_back() -> None:
    before = network()
    after = apply_edits(before, [AddNode(node=DROPOUT, after="relu"), RemoveNode(node_id="drop")]).blueprint
    assert after.fingerprint == before.fingerprint


def test_consumers_are_repaired_where_attributes_can_say_it() -> None:
    b = Builder("cnn", name="CNN")
    x = b.conv2d(b.input([-1, 3, 32, 32]), in_channels=3, out_channels=8, kernel_size=3, id="c1")
    x = b.normalization(x, type="batch_norm", num_features=8, id="bn")
    x = b.conv2d(x, in_channels=8, out_channels=8, kernel_size=3, groups=8, id="depthwise")
    b.output(b.conv2d(x, in_channels=8, out_channels=4, kernel_size=1, id="c2"))
    change = SetAttribute(node_id="c1", attribute="out_channels", value=12)
    outcome = apply_edits(b.finish(), [change])
    repaired = {
        (edit.node_id, edit.attribute): edit.value
        for edit in outcome.edits[1:]
        if isinstance(edit, RepairAttribute)
    }
    assert repaired == {
        ("bn", "num_features"): 12,
        ("depthwise", "in_channels"): 12,
        ("depthwise", "out_channels"): 12,
        ("depthwise", "groups"): 12,
        ("c2", "in_channels"): 12,
    }
    again = apply_edits(b.finish(), outcome.edits, repair=False)
    assert again.blueprint.fingerprint == outcome.blueprint.fingerprint


def test_what_cannot_be_repaired_is_refused_with_both_shapes() -> None:
    with pytest.raises(ShapeMismatchError, match="add"):
        apply_edits(network(), [SetAttribute(node_id="fc2", attribute="out_features", value=5)])
    with pytest.raises(ShapeMismatchError, match="in_features=4"):
        apply_edits(network(), [SetAttribute(node_id="fc1", attribute="out_features", value=5)], repair=False)


def test_edits_survive_as_plain_data() -> None:
    edits = [
        {"type": "modify_attribute", "node_id": "relu", "attribute": "type", "value": "gelu"},
        {
            "type": "add_node",
            "node": {"id": "drop", "op_type": "dropout", "attributes": {"p": 0.5}},
            "after": "relu",
        },
        {"type": "remove_node", "node_id": "fc2"},
        {"type": "add_edge", "edge": {"id": "new", "source": "fc1", "target": "sum"}},
        {"type": "remove_edge", "edge_id": "new"},
        {"type": "replace_node", "node_id": "relu", "node": {"id": "relu", "op_type": "abs"}},
        {"type": "remove_attribute", "node_id": "fc1", "attribute": "bias"},
        {"type": "modify_field", "node_id": "fc1", "field": "precision", "value": "bf16"},
        {"type": "rewire_edge", "edge_id": "e1", "source": "split", "source_port": 1},
        {"type": "replace_edge", "edge_id": "e1", "edge": {"id": "e1", "source": "a", "target": "b"}},
        {"type": "define_block", "definition": network().to_json(indent=None)},
    ]
    for data in edits:
        assert edit_from(data).to_dict() == data
        assert edit_from(edit_from(data).to_dict()) == edit_from(data)
    assert {data["type"] for data in edits} | {"repair_attribute"} == set(EDITS)
    none = {"type": "modify_attribute", "node_id": "a", "attribute": "dim", "value": None}
    assert edit_from(none).to_dict() == none


@pytest.mark.parametrize(
    ("edit", "words", "hint"),
    [
        ({"type": "modify_atribute"}, "'modify_atribute' is not a type", "modify_attribute"),
        ({"node_id": "a"}, "None is not a type", "the types are"),
        ({"type": "remove_node", "node": "a"}, "no field `node`", "node_id"),
        ({"type": "remove_node"}, "lacks `node_id`", None),
        ({"type": "remove_node", "node_id": 3}, "is 3, not a name", None),
        ({"type": "remove_node", "node_id": "fc3"}, "no node `fc3`", "`fc1`"),
        ({"type": "remove_edge", "edge_id": "e99"}, "no edge `e99`", None),
        (
            {"type": "add_node", "node": {"id": "fc1", "op_type": "abs"}, "after": "fc1"},
            "called `fc1` already",
            None,
        ),
        ({"type": "add_node", "node": {"id": "a b", "op_type": "abs"}}, "cannot be read", None),
        (
            {"type": "add_node", "node": {"id": "x", "op_type": "abs"}, "after": "output"},
            "nothing follows",
            None,
        ),
        (
            {"type": "add_node", "node": {"id": "x", "op_type": "abs"}, "after": "a", "on_edge": "b"},
            "not both",
            None,
        ),
        ({"type": "remove_node", "node_id": "input"}, "no input that could take its place", None),
        (
            {"type": "modify_attribute", "node_id": "fc1", "attribute": "bias", "value": float("nan")},
            "finite",
            None,
        ),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(edit: dict[str, object], words: str, hint: str | None) -> None:
    with pytest.raises(EvolutionError) as caught:
        apply_edits(network(), [edit])
    assert words in str(caught.value)
    if hint:
        assert hint in (caught.value.hint or "")


def test_no_edits_and_edits_that_close_a_cycle_are_refused() -> None:
    with pytest.raises(EvolutionError, match="no edits"):
        apply_edits(network(), [])
    with pytest.raises(GraphCycleError):
        apply_edits(network(), [{"type": "add_edge", "edge": {"id": "x", "source": "sum", "target": "sum"}}])
