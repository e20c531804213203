"""Features and their scores do not depend on how a blueprint is written, and weigh what is shared."""

from collections.abc import Callable, Mapping
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.features import features, near_duplicate, same_family
from tests.random_blueprints import blueprints
from tests.shuffled import shuffled

SLOW = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
Counts = Mapping[str, int]
COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), max_size=6)
SCORES = [same_family, near_duplicate]


@SLOW
@given(blueprints(), st.randoms(use_true_random=False))
def test_a_blueprint_written_anew_has_the_same_features(blueprint: BlueprintIR, random: Random) -> None:
    assert list(features(blueprint).items()) == list(features(shuffled(blueprint, random)).items())


@SLOW
@given(blueprints())
def test_there_is_a_feature_for_each_edge_and_each_node(blueprint: BlueprintIR) -> None:
    found = features(blueprint)
    ties = len({node.shares for node in blueprint.nodes if node.shares is not None})
    shared = sum(node.shares is not None for node in blueprint.nodes) + ties
    edges = sum(count for key, count in found.items() if key.startswith("e1:"))
    nodes = sum(count for key, count in found.items() if key.startswith("w1:"))
    assert (edges, nodes) == (len(blueprint.edges) + shared, len(blueprint.nodes) + ties)
    assert list(found) == sorted(found)


@pytest.mark.parametrize("score", SCORES)
@given(one=COUNTS, other=COUNTS)
def test_a_score_is_symmetric_between_0_and_1_and_1_only_for_the_same(
    score: Callable[[Counts, Counts], float], one: dict[str, int], other: dict[str, int]
) -> None:
    found = score(one, other)
    assert found == score(other, one)
    assert 0 <= found <= 1
    assert (found == 1) == (one == other)
    assert (found == 0) == (one.keys().isdisjoint(other) and bool(one or other))


@given(COUNTS, COUNTS)
def test_raw_counts_weigh_multisets_as_they_are(one: dict[str, int], other: dict[str, int]) -> None:
    ours = {(key, number) for key, count in one.items() for number in range(count)}
    theirs = {(key, number) for key, count in other.items() for number in range(count)}
    union = ours | theirs
    assert near_duplicate(one, other) == (len(ours & theirs) / len(union) if union else 1.0)


def test_repetition_counts_less_for_a_family() -> None:
    deep, flat = {"block": 50, "stem": 1}, {"block": 8, "stem": 1}
    assert near_duplicate(deep, flat) < 0.2
    assert same_family(deep, flat) > 0.5
