"""Verdicts about sizes, against trying values."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esper_graph.ir.bounds import Range, Ranges, Verdict, at_least_one, candidates, multiple_of
from esper_graph.ops.dims import Dim, evaluate, parse, symbol, symbols

NAMES = ("n", "m")
POSITIVE: Ranges = {"n": (1, None), "m": (1, None)}


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Range]:
    found: dict[str, Range] = {}
    for name in NAMES:
        low = draw(st.integers(1, 9))
        span = draw(st.none() | st.integers(0, 40))
        found[name] = (low, None if span is None else low + span)
    return found


@st.composite
def sizes(draw: st.DrawFn, names: tuple[str, ...] = NAMES, *, products: bool = True) -> Dim:
    """Sums, differences, quotients and products of symbols, as shape rules make them."""
    size: Dim = symbol(draw(st.sampled_from(names)))
    for _ in range(draw(st.integers(0, 4))):
        step = draw(st.sampled_from(["scale", "shift", "divide", "add", "subtract", "multiply"]))
        other = symbol(draw(st.sampled_from(names)))
        if step == "scale":
            size = size * draw(st.integers(1, 4))
        elif step == "shift":
            size = size + draw(st.integers(-9, 9))
        elif step == "divide":
            size = size // draw(st.integers(2, 4))
        elif step == "add":
            size = size + other // draw(st.integers(1, 3))
        elif step == "subtract":
            size = size - other // draw(st.integers(1, 3))
        elif products:
            size = size * other
    return size


def tried(size: Dim, within: Ranges) -> list[dict[str, int]]:
    """All values near the low end of the ranges, and some far away."""
    names = sorted(symbols(size))
    values: list[list[int]] = []
    for name in names:
        low, high = within[name]
        last = low + 25 if high is None else min(high, low + 25)
        far = [low + 97, low + 1000] if high is None else [high]
        values.append(sorted({*range(low, last + 1), *far}))
    return [dict(zip(names, combination, strict=True)) for combination in product(*values)]


def check_verdict(verdict: Verdict | None, size: Dim, within: Ranges, *, divisor: int = 0) -> None:
    def fits(binding: dict[str, int]) -> bool:
        value = evaluate(size, binding)
        return value % divisor == 0 if divisor else value >= 1

    if verdict is None:
        return
    if verdict.witness is None:
        assert all(fits(binding) for binding in tried(size, within))
        return
    witness = dict(verdict.witness)
    for name in symbols(size):
        witness.setdefault(name, within[name][0])
    for name, value in witness.items():
        low, high = within[name]
        assert low <= value
        assert high is None or value <= high
    assert not fits(witness)


@given(sizes(), ranges())
def test_a_size_said_to_be_positive_is_and_a_witness_is_a_value_for_which_it_is_not(
    size: Dim, within: Ranges
) -> None:
    check_verdict(at_least_one(size, within), size, within)


@given(sizes(), st.integers(1, 6), ranges())
def test_a_size_said_to_be_a_multiple_is_and_a_witness_leaves_a_rest(
    size: Dim, divisor: int, within: Ranges
) -> None:
    check_verdict(multiple_of(size, divisor, within), size, within, divisor=divisor)


@given(sizes(("n",), products=False), ranges())
def test_every_size_in_one_symbol_without_products_is_decided(size: Dim, within: Ranges) -> None:
    verdict = at_least_one(size, within)
    assert verdict is not None
    check_verdict(verdict, size, within)


@settings(max_examples=50)
@given(sizes(), st.integers(1, 6), ranges())
def test_divisibility_is_always_decided_for_small_divisors(size: Dim, divisor: int, within: Ranges) -> None:
    verdict = multiple_of(size, divisor, within)
    if verdict is None:  # only where nested quotients have too many residues
        assert "//" in str(size)


@pytest.mark.parametrize(
    ("size", "verdict"),
    [
        pytest.param("(n - 1)//2 + 1", Verdict("corner"), id="convolution"),
        pytest.param("n - 6", Verdict("corner", {"n": 1}), id="image too small"),
        pytest.param("n*n - n + 1", Verdict("shift"), id="polynomial"),
        pytest.param("n - n//2", Verdict("slack"), id="the larger half"),
        pytest.param("1_000_000 - n", Verdict("far", {"n": 1_048_577}), id="falling"),
        pytest.param("n//2 + (n + 1)//2", Verdict("corner"), id="both halves"),
        pytest.param("2*(n//2) - n + 2", Verdict("slack"), id="what halving loses"),
        pytest.param("2*(n//2) - n + 1", Verdict("residues", {"n": 1}), id="odd sizes"),
        pytest.param("3*(n//3) - 2*((n + 1)//2) - n + 2*((n + 1)//2) + 3", Verdict("slack"), id="cancelling"),
        pytest.param("4*((n + 3)//4) - n + 1", Verdict("slack"), id="rounded up"),
        pytest.param("6*((n + 5)//6) - 5*((n + 4)//5) + 5", None, id="not decided here by hand"),
    ],
)
def test_rules_by_name(size: str, verdict: Verdict | None) -> None:
    found = at_least_one(parse(size), POSITIVE)
    if verdict is None:
        check_verdict(found, parse(size), POSITIVE)
        assert found is not None
    else:
        assert found == verdict


def test_a_size_that_falls_for_ever_is_below_one_far_away() -> None:
    size = symbol("n") - symbol("m") + 5
    assert at_least_one(size, POSITIVE) == Verdict("far", {"m": 9, "n": 1})
    assert at_least_one(size, {"n": (1, None), "m": (1, 5)}) == Verdict("corner")


def test_few_values_are_all_tried() -> None:
    size = parse("n*m - n*n - m + 9")
    assert at_least_one(size, {"n": (1, 3), "m": (1, 4)}) == Verdict("values")
    assert at_least_one(size, {"n": (1, 4), "m": (1, 4)}) == Verdict("values", {"m": 1, "n": 4})


@given(ranges())
def test_candidates_are_in_their_ranges_and_each_once(within: Ranges) -> None:
    found = [tuple(one.items()) for one in candidates(set(within), within, 200)]
    assert len(found) == len(set(found))
    assert dict(found[0]) == {name: low for name, (low, _) in within.items()}
    for one in found:
        assert all(within[name][0] <= value for name, value in one)
        assert all(high is None or value <= high for name, value in one for high in [within[name][1]])


def test_a_product_of_sizes_that_may_be_negative_is_not_judged_by_its_corner() -> None:
    size = parse("((n - 5)//2)*((m - 5)//2)")  # 4 where both are lowest, 0 where one of them is 5
    verdict = at_least_one(size, POSITIVE)
    assert verdict is None or verdict.witness
    check_verdict(verdict, size, POSITIVE)


def test_quotients_inside_of_quotients_have_longer_periods() -> None:
    size = parse("(n + (n + 1)//3)//2")
    verdict = multiple_of(size, 2, POSITIVE)
    assert verdict is not None
    assert verdict.rule == "residues"
    check_verdict(verdict, size, POSITIVE, divisor=2)
