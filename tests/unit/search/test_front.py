"""The Pareto front against its definition."""

from hypothesis import given
from hypothesis import strategies as st

from esper_graph.search.front import pareto_front

FIGURES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.tuples(*[st.integers(0, 4)] * width), max_size=40)
)


@given(FIGURES)
def test_the_front_is_what_no_other_dominates(figures: list[tuple[int, ...]]) -> None:
    points = list(enumerate(figures))
    expected = {
        name
        for name, mine in points
        if not any(
            other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in figures
        )
    }
    found = pareto_front([(name, tuple(map(float, mine))) for name, mine in points])
    assert {name for name, _ in found} == expected
    assert [mine for _, mine in found] == sorted(mine for _, mine in found)
