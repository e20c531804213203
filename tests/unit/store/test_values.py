"""What a driver hands out becomes plain Python, wherever it stands."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from neo4j.time import DateTime

from esper_graph.store.engines.values import plain

_ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=3)
    | st.just(DateTime(2026, 11, 25, tzinfo=UTC))
)
_VALUES = st.recursive(
    _ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def converted(value: Any) -> Any:
    """One by one, without looking at what stands beside."""
    if isinstance(value, DateTime):
        return datetime(2026, 11, 25, tzinfo=UTC)
    if isinstance(value, list):
        return [converted(one) for one in value]
    if isinstance(value, dict):
        return {name: converted(one) for name, one in value.items()}
    return value


@given(_VALUES)
def test_values_are_converted_however_deep_they_stand(value: Any) -> None:
    assert plain(value) == converted(value)


@given(st.lists(st.lists(st.lists(_ATOMS, max_size=2), max_size=3), max_size=3))
def test_lists_of_lists_are_converted_like_any_other(value: list[list[list[Any]]]) -> None:
    assert plain(value) == converted(value)
