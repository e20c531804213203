"""A merge takes from each side what it changed, and names what both changed differently."""

from collections import Counter
from random import Random

import pytest

from esper_graph.errors import EvolutionError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.edit import (
    AddEdge,
    AddNode,
    Edit,
    RemoveNode,
    RewireEdge,
    SetAttribute,
    SetField,
    SetNode,
    apply_edits,
)
from esper_graph.ir.merge import Merge, merge
from esper_graph.ir.merge_conflicts import CONFLICTS
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from tests.random_edits import evolved, network
from tests.shuffled import shuffled


def made(base: BlueprintIR, *edits: Edit) -> BlueprintIR:
    return apply_edits(base, edits).blueprint


def print_of(found: Merge) -> str:
    assert found.blueprint is not None, [str(one) for one in found.conflicts]
    return found.blueprint.fingerprint


def kinds(found: Merge) -> Counter[str]:
    return Counter(one.kind for one in found.conflicts)


def family(seed: int) -> tuple[Random, BlueprintIR, BlueprintIR, BlueprintIR]:
    random = Random(seed)
    base = network(random, random.randint(3, 10))
    left, _ = evolved(random, base, random.randint(1, 3), "l")
    right, _ = evolved(random, base, random.randint(1, 3), "r")
    return random, base, left, right


def one_sided(seed: int) -> None:
    random, base, left, _ = family(seed)
    anew = shuffled(left, random)
    assert print_of(merge(base, shuffled(base, random), anew)) == left.fingerprint
    assert print_of(merge(base, anew, shuffled(base, random))) == left.fingerprint
    assert print_of(merge(base, left, anew)) == left.fingerprint


def both_ways(seed: int) -> str:
    _, base, left, right = family(seed)
    one, other = merge(base, left, right), merge(base, right, left)
    assert kinds(one) == kinds(other)
    if one.conflicts:
        assert one.blueprint is None
        assert {conflict.kind for conflict in one.conflicts} <= set(CONFLICTS)
        return "conflict"
    assert print_of(one) == print_of(other)
    assert one.blueprint is not None
    assert not one.blueprint.problems
    for side, edits in ((left, one.left_edits), (right, one.right_edits)):
        again = apply_edits(side, edits, repair=False).blueprint if edits else side
        assert again.fingerprint == one.blueprint.fingerprint
    return "merged"


def disjoint(seed: int) -> None:
    """Edits of different places, applied one after the other or merged, give the same."""
    random = Random(seed)
    base = network(random, 10, ops="da")
    names = [f"n{number}" for number in range(10)]
    random.shuffle(names)
    # Every other node of the chain, so that no two places touch.
    places = sorted(names, key=lambda name: int(name[1:]))[:: random.choice([2, 3])]
    random.shuffle(places)
    half = len(places) // 2
    one = [change(random, base, place, "l") for place in places[:half]]
    other = [change(random, base, place, "r") for place in places[half:]]
    left, right = made(base, *one), made(base, *other)
    expected = made(left, *other).fingerprint
    assert made(right, *one).fingerprint == expected
    assert print_of(merge(base, left, right)) == expected
    assert print_of(merge(base, shuffled(left, random), shuffled(right, random))) == expected


def change(random: Random, base: BlueprintIR, place: str, prefix: str) -> Edit:
    node = base.node(place)
    attribute = "p" if node.op_type == "dropout" else "negative_slope"
    fresh = NodeSpec(id=f"{prefix}-{place}", op_type="dropout", attributes={"p": random.random()})
    into = next(edge.id for edge in base.edges if edge.target == place)
    return random.choice(
        [
            SetAttribute(node_id=place, attribute=attribute, value=random.random()),
            SetField(node_id=place, field="precision", value="bf16"),
            AddNode(node=fresh, on_edge=into),
        ]
    )


def test_one_side_alone_is_taken_as_it_is() -> None:
    for seed in range(40):
        one_sided(seed)


def test_left_and_right_are_equal() -> None:
    outcomes = Counter(both_ways(seed) for seed in range(120))
    assert min(outcomes["merged"], outcomes["conflict"]) > 15


def test_edits_of_different_places_are_combined() -> None:
    for seed in range(60):
        disjoint(seed)


@pytest.mark.full
def test_merges_of_many_families() -> None:
    for seed in range(10_000, 11_500):
        one_sided(seed)
        both_ways(seed)
        disjoint(seed)


# ---------------------------------------------------------------- one case each


def base() -> BlueprintIR:
    b = Builder("net", name="Net", tags=["base"])
    x = b.input([-1, 8], id="x")
    h = b.activation(b.linear(x, in_features=8, out_features=4, id="fc1"), type="relu", id="act")
    h = b.dropout(h, p=0.1, id="drop")
    b.output(b.add(b.linear(h, in_features=4, out_features=8, id="fc2"), x, id="sum"), id="y")
    return b.finish()


def edge(source: str, target: str) -> str:
    return next(one.id for one in base().edges if (one.source, one.target) == (source, target))


def node(name: str, op_type: str = "abs", **attributes: object) -> NodeSpec:
    return NodeSpec(id=name, op_type=op_type, attributes=attributes)


@pytest.mark.parametrize(
    ("left", "right", "kind", "words"),
    [
        (
            SetAttribute(node_id="drop", attribute="p", value=0.2),
            SetAttribute(node_id="drop", attribute="p", value=0.3),
            "attribute",
            "both sides change `p` of `drop`: 0.1 became 0.2 and 0.3",
        ),
        (
            SetField(node_id="fc1", field="precision", value="bf16"),
            SetField(node_id="fc1", field="precision", value="fp16"),
            "attribute",
            "`precision` of `fc1`",
        ),
        (
            RemoveNode(node_id="drop"),
            SetAttribute(node_id="drop", attribute="p", value=0.3),
            "removed_and_changed",
            "the left side removes `drop`, the right side changes it",
        ),
        (
            RemoveNode(node_id="drop"),
            AddEdge(edge=EdgeSpec(id="new", source="drop", target="probe")),
            "removed_and_changed",
            "the right side uses it for `probe`",
        ),
        (
            AddNode(node=node("l"), on_edge=edge("drop", "fc2")),
            AddNode(node=node("r", "neg"), on_edge=edge("drop", "fc2")),
            "port",
            "both sides rewire `input` of `fc2` (`drop`): to l and to r",
        ),
        (
            RewireEdge(edge_id=edge("drop", "fc2"), source="fc1"),
            RewireEdge(edge_id=edge("drop", "fc2"), source="act"),
            "port",
            "to fc1 and to act",
        ),
        (
            SetNode(node_id="act", node=node("act", "abs")),
            SetNode(node_id="act", node=node("act", "exp")),
            "op",
            "both sides make `act` (activation) something else: abs and exp",
        ),
    ],
)
def test_a_contradiction_is_named(left: Edit, right: Edit, kind: str, words: str) -> None:
    started = base()
    if "probe" in words:
        b = Builder("net", name="Net")
        x = b.input([-1, 8], id="x")
        h = b.dropout(b.activation(x, type="relu", id="act"), p=0.1, id="drop")
        b.output(b.linear(h, in_features=8, out_features=8, id="fc2"), id="y")
        b.output(b.add(x, x, id="probe"), id="z")
        started = b.finish()
    found = merge(started, made(started, left), made(started, right))
    assert found.blueprint is None
    assert [one.kind for one in found.conflicts] == [kind]
    assert words in str(found.conflicts[0])
    mirrored = merge(started, made(started, right), made(started, left))
    assert [one.kind for one in mirrored.conflicts] == [kind]


def test_what_does_not_fit_together_is_a_conflict() -> None:
    left = made(base(), AddNode(node=node("more", "add", scalar=1.0), on_edge=edge("fc2", "sum")))
    wider = made(base(), SetAttribute(node_id="fc1", attribute="out_features", value=16))
    assert print_of(merge(base(), left, wider))
    b = Builder("two", name="Two")
    b.output(b.abs(b.input([-1, 8], id="x"), id="a"), id="y")
    two = b.finish()
    outputs = [
        made(
            two,
            AddNode(node=node(name, op_type)),
            AddEdge(edge=EdgeSpec(id=f"{name}1", source="a", target=name)),
            AddNode(node=node(f"{name}y", "output", index=1)),
            AddEdge(edge=EdgeSpec(id=f"{name}2", source=name, target=f"{name}y")),
        )
        for name, op_type in (("l", "neg"), ("r", "exp"))
    ]
    found = merge(two, *outputs)
    assert {one.kind for one in found.conflicts} == {"not_valid"}
    assert "indices of the outputs" in str(found.conflicts[0])


def test_the_same_change_on_both_sides_is_made_once() -> None:
    insertion = AddNode(node=node("new", "dropout", p=0.7), on_edge=edge("fc2", "sum"))
    left = made(base(), insertion, SetAttribute(node_id="drop", attribute="p", value=0.2))
    right = made(base(), insertion, SetAttribute(node_id="act", attribute="type", value="gelu"))
    expected = made(left, SetAttribute(node_id="act", attribute="type", value="gelu"))
    assert print_of(merge(base(), left, right)) == expected.fingerprint
    assert (
        print_of(merge(base(), shuffled(left, Random(1)), shuffled(right, Random(2)))) == expected.fingerprint
    )


def test_what_one_side_widened_is_repaired_in_what_the_other_side_added() -> None:
    wider = made(base(), SetAttribute(node_id="fc1", attribute="out_features", value=16))
    normed = made(
        base(),
        AddNode(node=node("norm", "normalization", type="layer_norm", normalized_shape=4), after="fc1"),
    )
    found = merge(base(), wider, normed)
    assert found.repaired == (("norm", "normalized_shape"),)
    assert found.blueprint is not None
    assert found.blueprint.node("norm").attributes["normalized_shape"] == (16,)
    assert kinds(merge(base(), wider, normed, repair=False)) == Counter({"not_valid": 1})


def test_edits_that_cannot_follow_one_another_are_no_silent_loss() -> None:
    left = made(base(), RemoveNode(node_id="drop"))
    right_edit = SetAttribute(node_id="drop", attribute="p", value=0.9)
    with pytest.raises(EvolutionError):
        made(left, right_edit)
    assert merge(base(), left, made(base(), right_edit)).conflicts
