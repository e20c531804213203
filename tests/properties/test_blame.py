"""Blame names the blueprint and the edit that made each part, against families whose history is known."""

from collections import Counter
from random import Random
from typing import Any, NamedTuple

import pytest

from esper_graph.errors import BlueprintError, EvolutionError, LineageError
from esper_graph.ir.blame import Family, Origin, Step, blame
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.diff import diff
from esper_graph.ir.edit import Edit, apply_edits
from esper_graph.ir.merge import merge
from tests.random_edits import network, random_edit
from tests.shuffled import shuffled_with_names

Made = tuple[str, str | None]  # blueprint, and type of the edit
Truth = dict[tuple[str, str, str | None], Made]  # kind, node or edge, attribute


class Member(NamedTuple):
    blueprint: BlueprintIR
    truth: Truth


def given(blueprint: BlueprintIR, made: Made) -> Truth:
    """Everything in a blueprint came with it."""
    truth: Truth = {}
    for node in blueprint.nodes:
        truth["node", node.id, None] = made
        truth |= {("attribute", node.id, name): made for name in node.attributes}
        for field in ("compute_intensity", "precision"):
            if getattr(node, field) != type(node).model_fields[field].default:
                truth["field", node.id, field] = made
    truth |= {("edge", edge.id, None): made for edge in blueprint.edges}
    return truth


def follow(truth: Truth, before: BlueprintIR, after: BlueprintIR, edit: Edit, name: str) -> Truth:
    """Bring the known history forward by one edit: told by what each type of edit is for."""
    made: Made = (name, edit.type)
    data: dict[str, Any] = edit.to_dict()
    touched: set[str] = set()
    if edit.type in ("modify_attribute", "repair_attribute"):
        truth = truth | {("attribute", data["node_id"], data["attribute"]): made}
    elif edit.type == "modify_field":
        truth = truth | {("field", data["node_id"], data["field"]): made}
    elif edit.type == "replace_node":
        replaced = data["node_id"]
        old, new = before.node(replaced), after.node(replaced)
        now = {key: made for key in given(after, made) if key[0] != "edge" and key[1] == replaced}
        if old.op_type == new.op_type:
            kept = {name for name, value in new.attributes.items() if old.attributes.get(name) == value}
            now = {key: truth[key] if key[2] in kept or key[0] == "node" else made for key in now}
        truth = {key: value for key, value in truth.items() if key[0] == "edge" or key[1] != replaced} | now
    elif edit.type in ("add_node", "remove_node"):
        old_ends = {edge.id: (edge.source, edge.source_port) for edge in before.edges}
        touched = {
            edge.id for edge in after.edges if old_ends.get(edge.id) != (edge.source, edge.source_port)
        }
    elif edit.type in ("add_edge", "rewire_edge"):
        touched = {data["edge_id"] if "edge_id" in data else data["edge"]["id"]}
    there = given(after, made)
    truth = {key: truth.get(key, made) for key in there}
    return truth | {("edge", edge, None): made for edge in touched}


def grown(random: Random, family: dict[str, Member], name: str) -> Step:
    """Add a child of some member, written anew, and return its derivation."""
    parent_id = random.choice(list(family))
    parent = family[parent_id]
    blueprint, truth, edits = parent.blueprint, parent.truth, list[Edit]()
    wanted = random.randint(1, 3)
    while len(edits) < wanted:
        edit = random_edit(random, blueprint, f"{name}-{len(edits)}")
        try:
            outcome = apply_edits(blueprint, [edit], repair=False)
        except (BlueprintError, EvolutionError):
            continue
        if not _changes(blueprint, outcome.blueprint):
            continue
        truth = follow(truth, blueprint, outcome.blueprint, edit, name)
        blueprint = outcome.blueprint
        edits.append(edit)
    written, nodes, edges = shuffled_with_names(blueprint, random)
    named = {
        (kind, edges[one] if kind == "edge" else nodes[one], subject): made
        for (kind, one, subject), made in truth.items()
    }
    family[name] = Member(written, named)
    return Step(name, parent_id, [edit.to_dict() for edit in edits])


def _changes(before: BlueprintIR, after: BlueprintIR) -> bool:
    """Whether an edit does something, hints included."""
    return before.nodes != after.nodes or before.edges != after.edges


def told(origin: Origin) -> Made:
    return origin.blueprint, None if origin.edit is None else origin.edit["type"]


def verify(seed: int) -> None:
    random = Random(seed)
    root = network(random, random.randint(3, 8), ops="da")
    members = {"root": Member(root, given(root, ("root", None)))}
    steps = [grown(random, members, f"m{number}") for number in range(random.randint(2, 8))]
    family = Family({name: one.blueprint for name, one in members.items()}, steps, {"root": ("ann", None)})
    for name, member in members.items():
        ends = {edge.id: (edge.target, edge.source) for edge in member.blueprint.edges}
        expected = Counter(
            (kind, *(ends[one] if kind == "edge" else (one, subject)), made)
            for (kind, one, subject), made in member.truth.items()
        )
        found = Counter(
            (one.kind, one.node, one.value if one.kind == "edge" else one.subject, told(one))
            for one in blame(family, name)
        )
        assert found == expected, (seed, name)
        assert {one.actor for one in blame(family, name) if one.edit is None} <= {"ann"}


def test_every_part_is_traced_to_the_edit_that_made_it() -> None:
    for seed in range(20):
        verify(seed)


@pytest.mark.full
def test_every_part_is_traced_to_the_edit_that_made_it_in_a_thousand_families() -> None:
    for seed in range(1_000, 2_000):
        verify(seed)


def numbers(blueprint: BlueprintIR) -> dict[float, str]:
    """The random numbers in the attributes, each of which was drawn once, and their nodes."""
    return {
        value: node.id
        for node in blueprint.nodes
        for value in node.attributes.values()
        if isinstance(value, float)
    }


def merged_family(seed: int) -> int:
    """Check that each number is traced to the blueprint that drew it, through merges."""
    random = Random(seed)
    root = network(random, random.randint(3, 6), ops="da")
    blueprints, steps, merges = {"root": root}, list[Step](), 0
    truth = dict.fromkeys(numbers(root), "root")

    def grow(parent: str, name: str) -> bool:
        members = {parent: Member(blueprints[parent], given(blueprints[parent], (parent, None)))}
        step = grown(random, members, name)
        child = members[name].blueprint
        if child.fingerprint in {blueprint.fingerprint for blueprint in blueprints.values()}:
            return False
        blueprints[name] = child
        truth.update(dict.fromkeys(numbers(child).keys() - truth.keys(), name))
        steps.append(step)
        return True

    for number in range(3):
        base = random.choice(list(blueprints))
        sides = [f"{side}{number}" for side in ("left", "right")]
        if False in [grow(base, side) for side in sides]:
            continue
        outcome = merge(*[blueprints[name] for name in (base, *sides)])
        if outcome.blueprint is not None:
            merges += 1
            blueprints[f"merged{number}"] = shuffled_with_names(outcome.blueprint, random)[0]
            edits = (outcome.left_edits, outcome.right_edits)
            steps += [Step(f"merged{number}", *made) for made in zip(sides, edits, strict=True)]
    family = Family(blueprints, steps, {})
    for name, blueprint in blueprints.items():
        found = {
            one.value: one.blueprint
            for one in blame(family, name)
            if one.kind == "attribute" and isinstance(one.value, float)
        }
        assert found == {value: truth[value] for value in numbers(blueprint)}, (seed, name)
    return merges


def test_what_was_drawn_once_is_traced_to_who_drew_it_through_merges() -> None:
    assert sum(merged_family(seed) for seed in range(12)) > 10


@pytest.mark.full
def test_what_was_drawn_once_is_traced_to_who_drew_it_in_many_families() -> None:
    assert sum(merged_family(seed) for seed in range(1_000, 1_400)) > 100


def test_edits_that_do_not_lead_to_the_child_are_not_believed() -> None:
    random = Random(1)
    root = network(random, 4, ops="da")
    members = {"root": Member(root, {})}
    grown(random, members, "child")
    child = members["child"].blueprint
    wrong = Step("child", "root", [{"type": "remove_node", "node_id": "nothing"}, {"type": "unheard of"}])
    believed = blame(Family({"root": root, "child": child}, [wrong], {}), "child")
    alone = blame(Family({"root": root, "child": child}, [Step("child", "root")], {}), "child")
    assert [told(one) for one in believed] == [told(one) for one in alone]
    edits = [edit.type for edit in diff(root, child).edits]
    assert {one.edit["type"] for one in alone if one.edit is not None} <= set(edits)


def test_a_blueprint_outside_of_the_family_is_refused() -> None:
    with pytest.raises(LineageError, match="`x` is not in this family"):
        blame(Family({}, [], {}), "x")
