"""Edit distances of arbitrary blueprints, against all ways to pair their nodes."""

from collections import Counter
from itertools import permutations
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.edit_distance import edit_distance, outline
from esper_graph.ir.labels import labelled_structure
from tests.graph_families import isomorphic
from tests.properties.test_fingerprint import written_out
from tests.random_blueprints import blueprints
from tests.shuffled import shuffled

SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
MOST = 5


def by_force(one: BlueprintIR, other: BlueprintIR) -> int:
    """The fewest edits: nodes and edges changed, added or removed, whichever nodes are paired."""
    (labels, arcs), (other_labels, other_arcs) = labelled_structure(one), labelled_structure(other)
    size = max(len(labels), len(other_labels))
    labels += [""] * (size - len(labels))
    other_labels += [""] * (size - len(other_labels))
    theirs = Counter((source, target) for source, target, _ in other_arcs)
    theirs_with_ports = Counter(other_arcs)
    least = 10**9
    for order in permutations(range(size)):
        ours = [(order[source], order[target], ports) for source, target, ports in arcs]
        joined = Counter((source, target) for source, target, _ in ours)
        kept = Counter(ours) & theirs_with_ports
        same = Counter((source, target) for source, target, _ in kept.elements())
        edits = sum(
            max(joined[ends], theirs[ends]) - same[ends] for ends in joined.keys() | theirs.keys()
        ) + sum(labels[place] != other_labels[order[place]] for place in range(size))
        least = min(least, edits)
    return least


@SLOW
@given(blueprints(most=2), blueprints(most=2))
def test_no_fewer_edits_are_counted_than_are_needed(one: BlueprintIR, other: BlueprintIR) -> None:
    assume(max(len(labelled_structure(side)[0]) for side in (one, other)) <= MOST)
    found = edit_distance(outline(one), outline(other))
    assert found.cost >= by_force(one, other)
    assert (found.cost == 0) == isomorphic(written_out(one), written_out(other))


@SLOW
@given(blueprints(), blueprints(), st.randoms(use_true_random=False))
def test_neither_direction_nor_writing_matters(one: BlueprintIR, other: BlueprintIR, random: Random) -> None:
    found = edit_distance(outline(one), outline(other))
    assert found == edit_distance(outline(other), outline(one))
    assert found == edit_distance(outline(shuffled(one, random)), outline(shuffled(other, random)))


@SLOW
@given(blueprints(), st.randoms(use_true_random=False))
def test_a_blueprint_is_not_apart_from_itself(blueprint: BlueprintIR, random: Random) -> None:
    assert edit_distance(outline(blueprint), outline(shuffled(blueprint, random))).cost == 0
