"""The edits of a diff give the other blueprint, whatever both are and however they are written."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.diff import Diff, diff
from esper_graph.ir.edit import apply_edits, edit_from
from tests.random_blueprints import blueprints, cluttered
from tests.shuffled import shuffled
from tests.sized_blueprints import sized_blueprints

RANDOMS = st.randoms(use_true_random=False)
TWO = [HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.too_slow]
"""Two blueprints together are at times more than hypothesis wants to draw; those are left out."""


def holds(before: BlueprintIR, after: BlueprintIR) -> Diff:
    """Check that the edits, also as plain data, turn the first into the second."""
    found = diff(before, after)
    result = before
    if found.edits:
        read = [edit_from(edit.to_dict()) for edit in found.edits]
        assert read == list(found.edits)
        result = apply_edits(before, read, repair=False).blueprint
        assert not diff(result, after).edits or result.fingerprint == after.fingerprint
    assert result.fingerprint == after.fingerprint
    assert {found.names[new] for new in found.matched.values()} == set(found.matched)
    assert str(found)
    return found


@given(blueprints(most=7), blueprints(most=7), RANDOMS)
@settings(max_examples=25, deadline=None, suppress_health_check=TWO)
def test_edits_turn_any_blueprint_into_any_other(
    one: BlueprintIR, other: BlueprintIR, random: Random
) -> None:
    holds(one, shuffled(other, random))


@given(cluttered(most=7), cluttered(most=7), RANDOMS)
@settings(max_examples=25, deadline=None, suppress_health_check=TWO)
def test_edits_turn_cluttered_blueprints_into_one_another(
    one: BlueprintIR, other: BlueprintIR, random: Random
) -> None:
    holds(one, shuffled(other, random))


@given(sized_blueprints(), sized_blueprints(), RANDOMS)
@settings(max_examples=25, deadline=None, suppress_health_check=TWO)
def test_edits_turn_blueprints_of_open_sizes_into_one_another(
    one: BlueprintIR, other: BlueprintIR, random: Random
) -> None:
    if not one.problems and not other.problems:
        holds(one, shuffled(other, random))


@given(st.one_of(blueprints(), cluttered()), RANDOMS)
@settings(max_examples=25, deadline=None, suppress_health_check=TWO)
def test_a_blueprint_written_anew_needs_no_edits(one: BlueprintIR, random: Random) -> None:
    found = holds(one, shuffled(one, random))
    assert found.isomorphic
    structural = [edit for edit in found.edits if edit.type not in ("modify_field", "replace_edge")]
    assert not structural


@pytest.mark.full
@given(st.one_of(blueprints(), cluttered(most=24)), st.one_of(blueprints(), cluttered(most=24)), RANDOMS)
@settings(max_examples=1_000, deadline=None, suppress_health_check=TWO)
def test_edits_turn_many_blueprints_into_one_another(
    one: BlueprintIR, other: BlueprintIR, random: Random
) -> None:
    holds(one, shuffled(other, random))
