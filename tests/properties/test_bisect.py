"""A planted culprit is found in every DAG of derivations, on chains with few measurements."""

from itertools import pairwise
from math import ceil, log2
from random import Random

import pytest

from esper_graph.errors import LineageError, QueryError
from esper_graph.ir.bisect import bisect

Parents = dict[str, list[str]]


def family(random: Random, count: int) -> Parents:
    """Each blueprint derives from none to three that were there before; names do not tell the order."""
    names = [f"b{number:03}" for number in range(count)]
    random.shuffle(names)
    return {
        name: random.sample(names[:place], min(place, random.choice([0, 1, 1, 1, 2, 2, 3])))
        for place, name in enumerate(names)
    }


def ancestors(parents: Parents, name: str) -> set[str]:
    """With itself; the plain way."""
    found, waiting = {name}, [name]
    while waiting:
        for parent in parents[waiting.pop()]:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def search(parents: Parents, good: str, bad: str, culprit: str, random: Random, sign: int) -> int:
    """Measure what is asked for until the culprit is named, and return how many measurements it took."""

    def measured(name: str) -> float:
        worse = culprit in ancestors(parents, name)
        return sign * ((5.0 if worse else 1.0) + random.uniform(-1, 1))

    values = {good: measured(good), bad: measured(bad)}
    asked = 0
    while True:
        found = bisect(
            parents, good, bad, values, direction="lower" if sign > 0 else "higher", threshold=3.0 * sign
        )
        assert culprit in found.suspects
        if found.next is None:
            assert found.culprit == culprit
            assert set(found.cleared) == set(parents[culprit])
            return asked
        assert found.next not in values
        values[found.next] = measured(found.next)
        asked += 1


def plant(seed: int) -> int | None:
    random = Random(seed)
    parents = family(random, random.randint(2, 40))
    bad = max(parents, key=lambda name: (len(ancestors(parents, name)), random.random()))
    above = sorted(ancestors(parents, bad))
    culprit = random.choice(above)
    goods = [name for name in above if culprit not in ancestors(parents, name)]
    if not goods:
        return None
    return search(parents, random.choice(goods), bad, culprit, random, random.choice([1, -1]))


def test_the_planted_culprit_is_found_in_random_families() -> None:
    found = [plant(seed) for seed in range(150)]
    assert sum(one is not None for one in found) > 100


@pytest.mark.full
def test_the_planted_culprit_is_found_in_a_thousand_random_families() -> None:
    found = [plant(seed) for seed in range(1_000, 2_400)]
    assert sum(one is not None for one in found) >= 1_000


@pytest.mark.parametrize("length", [2, 3, 10, 100, 1_000])
def test_on_a_chain_a_logarithm_of_measurements_is_enough(length: int) -> None:
    random = Random(length)
    names = [f"c{number}" for number in range(length)]
    parents: Parents = {names[0]: [], **{child: [parent] for parent, child in pairwise(names)}}
    for culprit in {1, length - 1, random.randrange(1, length)}:
        asked = search(parents, names[0], names[-1], names[culprit], random, 1)
        assert asked <= max(ceil(log2(length)), 0)
        assert asked <= 2 * log2(length)


CHAIN: Parents = {"a": [], "b": ["a"], "c": ["b"], "d": ["c"], "other": []}


def test_both_ends_are_measured_first() -> None:
    assert bisect(CHAIN, "a", "d", {}).next == "a"
    assert bisect(CHAIN, "a", "d", {"a": 1.0}).next == "d"
    assert bisect(CHAIN, "a", "d", {"a": 1.0}).threshold is None


@pytest.mark.parametrize(
    ("good", "bad", "values", "words"),
    [
        ("other", "d", {"other": 1.0, "d": 2.0}, "no ancestor"),
        ("d", "a", {"a": 1.0, "d": 2.0}, "no ancestor"),
        ("a", "a", {"a": 1.0}, "no ancestor"),
        ("a", "d", {"a": 2.0, "d": 1.0}, "not better"),
        ("a", "d", {"a": 1.0, "d": 1.0}, "not better"),
        ("a", "d", {"a": 1.0, "b": 9.0, "c": 1.0, "d": 9.0}, "`b` is bad, and `c`, which descends"),
    ],
)
def test_what_cannot_be_bisected_is_refused(
    good: str, bad: str, values: dict[str, float], words: str
) -> None:
    with pytest.raises(LineageError, match=words):
        bisect(CHAIN, good, bad, values)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
@pytest.mark.parametrize("values", [{}, {"a": 1.0, "d": 9.0}])
def test_a_threshold_that_is_no_finite_number_is_refused(threshold: float, values: dict[str, float]) -> None:
    with pytest.raises(QueryError, match="no finite number"):
        bisect(CHAIN, "a", "d", values, threshold=threshold)


def test_what_cannot_be_measured_is_not_asked_for_and_stays_under_suspicion() -> None:
    values = {"a": 1.0, "d": 9.0}
    found = bisect(CHAIN, "a", "d", values, unmeasurable={"b"})
    assert found.next == "c"
    found = bisect(CHAIN, "a", "d", {**values, "c": 9.0}, unmeasurable={"b"})
    assert (found.next, found.culprit, found.suspects) == (None, None, ("b", "c"))
