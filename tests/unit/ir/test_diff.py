"""A diff says what a person would say, whatever nodes are called."""

import re
from random import Random

import pytest

from esper_graph.errors import BlueprintError, LimitExceededError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, residual
from esper_graph.ir.diff import diff
from esper_graph.ir.edit import (
    AddNode,
    Edit,
    RemoveNode,
    RewireEdge,
    SetAttribute,
    SetField,
    SetNode,
    apply_edits,
)
from esper_graph.ir.specs import NodeSpec
from tests.shuffled import shuffled


def network(width: int = 8) -> BlueprintIR:
    """Two linear layers around an activation, with a shortcut."""
    b = Builder("net", name="Net")
    x = b.input([-1, 8], id="x")
    h = b.linear(x, in_features=8, out_features=width, id="fc1")
    h = b.activation(h, type="relu", id="act")
    h = b.linear(h, in_features=width, out_features=8, id="fc2")
    b.output(b.softmax(b.add(h, residual(x), id="sum"), dim=-1, id="soft"), id="y")
    return b.finish()


def evolved(*edits: Edit) -> BlueprintIR:
    return apply_edits(network(), edits).blueprint


INTO_SUM = next(edge.id for edge in network().edges if (edge.source, edge.target) == ("fc2", "sum"))
DROPOUT = NodeSpec(id="drop", op_type="dropout", attributes={"p": 0.25})


@pytest.mark.parametrize(
    ("edits", "lines", "types"),
    [
        (
            [SetAttribute(node_id="act", attribute="type", value="gelu")],
            ['~ act = activation(fc1, type="relu" -> "gelu")'],
            ["modify_attribute"],
        ),
        (
            [SetAttribute(node_id="fc1", attribute="out_features", value=16)],
            [
                "~ fc1 = linear(x, in_features=8, out_features=8 -> 16)",
                "~ fc2 = linear(act, in_features=8 -> 16, out_features=8)",
            ],
            ["modify_attribute", "modify_attribute"],
        ),
        (
            [AddNode(node=DROPOUT, after="act")],
            [
                "+ drop = dropout(act, p=0.25)",
                "~ fc2 = linear(act -> drop, in_features=8, out_features=8)",
            ],
            ["add_node", "add_edge", "rewire_edge"],
        ),
        (
            [RemoveNode(node_id="act")],
            [
                '- act = activation(fc1, type="relu")',
                "~ fc2 = linear(act -> fc1, in_features=8, out_features=8)",
            ],
            ["rewire_edge", "remove_node"],
        ),
        (
            [SetNode(node_id="act", node=NodeSpec(id="act", op_type="abs"))],
            ['~ act = activation -> abs(fc1, type="relu" -> nothing)'],
            ["replace_node"],
        ),
        (
            [SetField(node_id="fc2", field="shares", value="fc1")],
            ["~ fc2 = linear(act, in_features=8, out_features=8, shares=nothing -> fc1)"],
            ["modify_field"],
        ),
        (
            [SetField(node_id="fc2", field="precision", value="bf16")],
            ['~ fc2 = linear(act, in_features=8, out_features=8, precision=nothing -> "bf16")'],
            ["modify_field"],
        ),
        (
            [SetField(node_id="fc2", field="compute_intensity", value=2.0)],
            ["~ fc2 = linear(act, in_features=8, out_features=8, compute_intensity=nothing -> 2.0)"],
            ["modify_field"],
        ),
        (
            [RewireEdge(edge_id=INTO_SUM, source="fc1")],
            ["~ sum = add(fc2 -> fc1, residual(x))"],
            ["rewire_edge"],
        ),
    ],
)
def test_one_change_is_told_as_one_change(edits: list[Edit], lines: list[str], types: list[str]) -> None:
    changed = evolved(*edits)
    for seed in range(3):
        found = diff(network(), shuffled(changed, Random(seed)))
        (added,) = set(found.names.values()) - set(network().graph.position) or {"nothing added"}
        shown = [re.sub(rf"\b{added}\b", "drop", line) for line in found.lines]
        assert shown == lines
        assert [edit.type for edit in found.edits] == types


def test_names_of_sizes_do_not_matter() -> None:
    def sized(size: str) -> BlueprintIR:
        b = Builder("net", name="Net")
        b.output(b.reshape(b.input([size, "t", 8]), shape=[f"{size}*t", 8]))
        return b.finish()

    assert not diff(sized("n"), sized("m")).edits
    b = Builder("net", name="Net")
    b.output(b.abs(b.reshape(b.input(["m", "q", 8]), shape=["m*q", 8])))
    found = diff(sized("n"), b.finish())
    assert [edit.type for edit in found.edits] == ["add_node", "add_edge", "rewire_edge"]


def test_of_equal_branches_the_one_of_the_same_name_is_the_one_that_changed() -> None:
    b = Builder("branches", name="Branches")
    x = b.input([-1, 4])
    b.output(b.add(*[b.activation(x, type="relu", id=f"branch{number}") for number in range(4)]))
    before = b.finish()
    change = SetAttribute(node_id="branch2", attribute="type", value="gelu")
    assert diff(before, apply_edits(before, [change]).blueprint).edits == (change,)


def test_definitions_of_blocks_come_with_the_edits() -> None:
    inner = Builder("inner", name="Inner")
    inner.output(inner.abs(inner.input([-1, 8])))
    definition = inner.finish()
    b = Builder("outer", name="Outer")
    x = b.input([-1, 8])
    b.output(b.block(definition, b.neg(x)))
    plain = Builder("plain", name="Plain")
    plain.output(plain.neg(plain.input([-1, 8])))
    found = diff(plain.finish(), b.finish())
    assert found.edits[0].type == "define_block"
    outcome = apply_edits(plain.finish(), found.edits)
    assert outcome.blueprint.fingerprint == b.finish().fingerprint
    back = diff(b.finish(), plain.finish())
    assert apply_edits(b.finish(), back.edits).blueprint.fingerprint == plain.finish().fingerprint


def test_a_blueprint_beyond_the_limits_is_reached_with_its_own() -> None:
    b = Builder("deep", name="Deep", limits={"max_depth": 200})
    x = b.input([-1, 8], id="x")
    for _ in range(120):
        x = b.abs(x)
    b.output(x)
    deep = b.finish()
    edits = diff(network(), deep).edits
    with pytest.raises(LimitExceededError):
        apply_edits(network(), edits)
    assert apply_edits(network(), edits, limits=deep.limits).blueprint.fingerprint == deep.fingerprint


def test_costs_are_compared() -> None:
    changes = diff(network(8), network(16)).cost()
    assert (changes["parameters"].before, changes["parameters"].after) == (
        network(8).cost().parameters,
        network(16).cost().parameters,
    )
    assert changes["flops"].factor == network(16).cost().flops / network(8).cost().flops


def test_what_is_not_valid_is_refused() -> None:
    broken = network().replace(edges=network().edges[1:])
    with pytest.raises(BlueprintError):
        diff(network(), broken)
