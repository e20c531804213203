from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from esper_graph.errors import BlueprintError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.listing import listing
from esper_graph.ir.listing_reader import read_listing
from tests.random_blueprints import blueprints


@given(blueprints())
def test_reading_a_listing_gives_the_same_structure_and_the_same_listing(blueprint: BlueprintIR) -> None:
    text = listing(blueprint)
    read = read_listing(text)
    assert read.fingerprint == blueprint.fingerprint
    assert listing(read) == text
    assert {node.id for node in read.nodes} == {node.id for node in blueprint.nodes}


@given(blueprints(most=5), st.data())
def test_a_damaged_listing_is_read_or_refused_by_an_error_of_our_own(
    blueprint: BlueprintIR, data: st.DataObject
) -> None:
    text = listing(blueprint)
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(len(text), at + 3)))
    damaged = text[:at] + data.draw(st.text('(),=:.[]{}"\\ \n#ab10é\u2028\0', max_size=2)) + text[until:]
    with suppress(BlueprintError):
        assert isinstance(read_listing(damaged), BlueprintIR)
