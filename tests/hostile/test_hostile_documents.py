"""Hostile documents are refused with their own error; that nothing is stored is shown on the real engines."""

import re

import pytest

from esper_graph.errors import EsperGraphError
from esper_graph.ir.blueprint import BlueprintIR
from tests.hostile.cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_document_is_refused_by_its_own_error(case: Case) -> None:
    with pytest.raises(case.error) as caught:
        BlueprintIR.from_json(case.document()).validate()
    text = str(caught.value)
    for word in case.words:
        assert word in text, text[:500]
    assert caught.value.exit_code == 4
    assert len(text) < 20_000
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), "control characters reach the terminal"


def test_each_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 45


def test_the_document_that_the_cases_start_from_is_valid() -> None:
    from tests.hostile.cases import BASE

    blueprint = BlueprintIR.from_dict(BASE)
    assert blueprint.validate()
    assert not isinstance(blueprint, EsperGraphError)
