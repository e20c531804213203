"""The sizes that refute a blueprint are the smallest ones, against trying all sizes in small ranges."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.bounds import Ranges
from esper_graph.ir.build import Builder
from esper_graph.ir.prove import Proved, Refuted, Undecided, prove_shapes
from esper_graph.ir.smallest import by_total, smallest
from tests.properties.test_prove import numbered

SIZES = ("a", "b", "2*a", "a + 1", "2*b + 1", "a*b", "a*a", "(a + 1)//2", "b//2 + 1", 3, 4)
RANGES = st.fixed_dictionaries(
    {
        name: st.integers(1, 4).flatmap(lambda low: st.tuples(st.just(low), st.integers(low, 6)))
        for name in "ab"
    }
)


@st.composite
def mismatches(draw: st.DrawFn) -> BlueprintIR:
    """Two values whose last axes have sizes of their own meet in one op that needs them to be equal."""
    left, right = draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES))
    b = Builder("meeting")
    named = b.input([-1, "a", "b"], id="named")
    one, other = b.input(["batch", left], id="one"), b.input(["batch", right], id="other")
    met = {
        "add": lambda: b.add(one, other, id="met"),
        "concat": lambda: b.concat(one, other, dim=0, id="met"),
        "matmul": lambda: b.matmul(one, b.transpose(other, dim0=0, dim1=1), id="met"),
        "reshape": lambda: b.reshape(one, shape=["batch", right], id="met"),
    }[draw(st.sampled_from(["add", "concat", "matmul", "reshape"]))]()
    b.output(met, id="met_output")
    b.output(named, id="named_output")
    return b.finish()


def bindings(ranges: Ranges) -> Iterator[dict[str, int]]:
    """All sizes in bounded ranges."""
    spans = [range(low, high + 1) for low, high in ranges.values() if high is not None]
    for values in product(*spans):
        yield dict(zip(ranges, values, strict=True))


def fails(blueprint: BlueprintIR, binding: Mapping[str, int]) -> bool:
    return bool(numbered(blueprint, binding).problems)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(mismatches(), RANGES)
def test_the_smallest_sizes_that_differ_are_found_among_all(
    blueprint: BlueprintIR, given_ranges: dict[str, Any]
) -> None:
    proof = prove_shapes(blueprint, {**given_ranges, "batch": (1, 2)})
    event(proof.verdict)
    failing = [one for one in bindings(proof.ranges) if fails(blueprint, one)]
    if isinstance(proof, Refuted):
        assert proof.binding in failing
        assert sum(proof.binding.values()) == min(sum(one.values()) for one in failing)
    else:
        assert isinstance(proof, Proved | Undecided)
        assert not failing


@settings(deadline=None)
@given(RANGES, st.sets(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1), st.data())
def test_smallest_is_the_least_total_however_the_values_are_spread(
    ranges: dict[str, Any], wrong: set[tuple[int, int]], data: st.DataObject
) -> None:
    every = [*bindings(ranges)]
    listed = [*by_total({"a", "b"}, ranges)]
    assert len(listed) == len(every)
    assert all(one in listed for one in every)
    totals = [sum(one.values()) for one in listed]
    assert totals == sorted(totals)
    failing = [one for one in every if (one["a"], one["b"]) in wrong]
    assume(failing)
    known = data.draw(st.sampled_from(failing))
    found = smallest(lambda one: one in failing, known, ranges, limit=100)
    assert sum(found.values()) == min(sum(one.values()) for one in failing)
    lowered = smallest(lambda one: one in failing, known, ranges, limit=0)
    assert lowered in failing
    assert all(lowered[name] <= known[name] for name in known)
