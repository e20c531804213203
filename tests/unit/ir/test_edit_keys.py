"""Who shares an edit key with whom."""

import pytest

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.edit import (
    AddEdge,
    AddNode,
    Edit,
    RemoveNode,
    RewireEdge,
    SetAttribute,
    SetNode,
    apply_edits,
)
from esper_graph.ir.edit_keys import MOST, edit_keys
from esper_graph.ir.specs import EdgeSpec, NodeSpec


def network() -> BlueprintIR:
    b = Builder("net", name="Net")
    x = b.input([-1, 16])
    y = b.activation(b.linear(x, in_features=16, out_features=32, id="up"), type="relu", id="act")
    z = b.add(b.linear(y, in_features=32, out_features=16, id="down"), x, id="sum")
    b.output(b.concat(z, b.activation(x, type="silu", id="gate"), b.softmax(z, id="soft"), id="cat"))
    return b.finish()


def node(op_type: str, name: str = "new", **attributes: object) -> NodeSpec:
    return NodeSpec(id=name, op_type=op_type, attributes=attributes)


@pytest.mark.parametrize(
    "edits",
    [
        [SetAttribute(node_id="up", attribute="out_features", value=8)],
        [SetAttribute(node_id="act", attribute="type", value="gelu")],
        [SetNode(node_id="act", node=node("softmax", "act"))],
        [AddNode(node=node("dropout"), after="act")],
        [AddNode(node=node("dropout"), after="sum")],
        [AddNode(node=node("dropout"), on_edge="e5")],
        [RemoveNode(node_id="act")],
        [RemoveNode(node_id="sum")],
        [RemoveNode(node_id="soft")],
        [AddEdge(edge=EdgeSpec(id="more", source="gate", target="sum"))],
        [AddEdge(edge=EdgeSpec(id="more", source="gate", target="cat"))],
        [RewireEdge(edge_id="e7", source="input")],
    ],
    ids=repr,
)
def test_one_edit_leaves_a_key_in_common(edits: list[Edit]) -> None:
    one = network()
    other = apply_edits(one, edits).blueprint
    assert other.fingerprint != one.fingerprint
    assert not set(edit_keys(one)).isdisjoint(edit_keys(other))


def test_a_layer_made_wider_is_one_edit_though_its_consumer_is_repaired() -> None:
    outcome = apply_edits(network(), [SetAttribute(node_id="up", attribute="out_features", value=8)])
    assert [edit.type for edit in outcome.edits] == ["modify_attribute", "repair_attribute"]
    assert not set(edit_keys(network())).isdisjoint(edit_keys(outcome.blueprint))


def test_many_edits_leave_none() -> None:
    changes = [SetAttribute(node_id=name, attribute="type", value="tanh") for name in ("act", "gate")] + [
        SetNode(node_id="soft", node=node("dropout", "soft"))
    ]
    other = apply_edits(network(), changes).blueprint
    assert set(edit_keys(network())).isdisjoint(edit_keys(other))


def chain(length: int) -> BlueprintIR:
    b = Builder("chain", name="Chain")
    x = b.input([-1, 16])
    for _ in range(length):
        x = b.activation(x, type="relu")
    b.output(x)
    return b.finish()


def test_blueprints_up_to_a_size_have_keys() -> None:
    least_too_large = next(length for length in range(99) if 2 * (length + 2) - 1 > MOST)
    assert edit_keys(chain(least_too_large)) == ()
    largest = edit_keys(chain(least_too_large - 1))
    assert largest
    assert all(key.startswith("k1:") for key in largest)
    assert list(largest) == sorted(set(largest))


def joined(op_type: str, *order: int, count: int = 3) -> BlueprintIR:
    """Some values, different from one another, that one node takes in an order."""
    b = Builder("joined", name="Joined")
    x = b.input([-1, 16])
    kinds = ["relu", "silu", "tanh"][:count]
    values = [b.activation(b.softmax(x), type=kind) for kind in kinds]
    for value in values:
        b.output(value)
    b.output(b.node(op_type, *[values[place] for place in order]))
    return b.finish()


def test_an_input_less_in_the_middle_is_one_edit() -> None:
    assert not set(edit_keys(joined("concat", 0, 1, 2))).isdisjoint(edit_keys(joined("concat", 0, 2)))
    assert set(edit_keys(joined("concat", 0, 1, 2))).isdisjoint(edit_keys(joined("concat", 2, 0)))


def test_another_op_may_see_its_inputs_in_another_order() -> None:
    one, exchanged, unordered = joined("sub", 0, 1), joined("sub", 1, 0), joined("add", 0, 1)
    assert len({one.fingerprint, exchanged.fingerprint, unordered.fingerprint}) == 3
    for other in (exchanged, unordered):
        assert not set(edit_keys(one)).isdisjoint(edit_keys(other))


def test_keys_that_were_stored_are_found_by_later_versions() -> None:
    """Where this fails, keys mean something else: raise the number in `PREFIX`, and write the new values."""
    assert edit_keys(chain(1)) == (
        "k1:015c387f8444e00665885a81",
        "k1:1978a1d1cdfde16fb3d4d878",
        "k1:4e2f194c2dbbea34b38c89b1",
        "k1:7019b91e2b24720092d0a0d4",
        "k1:86497b749e2c6ffcf58ec971",
        "k1:afa6175c8a83b4e487513d39",
        "k1:f3f3206f7188cc6d955b8847",
    )
