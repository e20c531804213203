"""Find the derivation that made a metric worse, with as few measurements as possible.

The derivations between a good and a bad blueprint form a DAG. One of its blueprints, the *culprit*, is taken
to have brought the change, and everything that descends from it to have inherited it: a measured bad
blueprint leaves only itself and its ancestors under suspicion, a good one clears itself and its ancestors.
What is measured next splits the suspects as evenly as can be.

Source: the search in a DAG is that of `git bisect`; see J. Courtiel, P. Dorbec and R. Lecoq, "Theoretical
analysis of git bisect", Algorithmica 86 (2024), pages 1365 to 1399.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from math import isfinite
from typing import Literal

from esper_graph.errors import LineageError, QueryError

Direction = Literal["lower", "higher"]
"""Which values of the metric are better."""


@dataclass(frozen=True)
class Bisection:
    """Where a bisection stands.

    Attributes:
        next: The blueprint to measure next; None when the culprit is found, or no suspect can be measured.
        culprit: The blueprint that brought the change, or None while several are under suspicion.
        suspects: All that may be the culprit, sorted.
        steps: How many further measurements may be needed, about.
        good: Blueprints that count as good by what was measured, sorted; likewise `bad`.
        threshold: Values beyond it count as bad; None while neither it nor both ends are known.
        cleared: Parents of the culprit, none of which has the change; its derivations from them did it.
    """

    next: str | None
    culprit: str | None
    suspects: tuple[str, ...]
    steps: int
    good: tuple[str, ...]
    bad: tuple[str, ...]
    threshold: float | None
    cleared: tuple[str, ...] = ()


def bisect(
    parents: Mapping[str, Collection[str]],
    good: str,
    bad: str,
    values: Mapping[str, float],
    *,
    direction: Direction = "lower",
    threshold: float | None = None,
    unmeasurable: Collection[str] = (),
) -> Bisection:
    """Say which blueprint to measure next, or which one is the culprit.

    Args:
        parents: Parents of each blueprint: at least of `bad` and all its ancestors.
        good: A blueprint from before the change; an ancestor of `bad`.
        bad: A blueprint that has it.
        values: What was measured so far, by blueprint; others than these two help too.
        direction: Whether lower or higher values are better.
        threshold: The worst value that is still good; None takes the middle between good and bad.
        unmeasurable: Blueprints that must not be asked for.

    Raises:
        LineageError: `good` is no ancestor of `bad`, its value is not better, or what was measured cannot
            come from one change that all descendants inherit.
        QueryError: The threshold is no finite number.

    Example:
        >>> chain = {"a": [], "b": ["a"], "c": ["b"], "d": ["c"], "e": ["d"]}
        >>> bisect(chain, "a", "e", {"a": 1.0, "e": 9.0}).next
        'c'
        >>> found = bisect(chain, "a", "e", {"a": 1.0, "c": 1.1, "d": 8.7, "e": 9.0})
        >>> found.culprit, found.cleared
        ('d', ('c',))
    """
    if threshold is not None and not isfinite(threshold):
        raise QueryError(
            f"the threshold {threshold} is no finite number", hint="leave it out for the middle between both"
        )
    above = _Ancestry(parents, bad)
    if good not in above.number or good == bad:
        raise LineageError(
            f"`{good}` is no ancestor of `{bad}`, so no derivations lead from one to the other",
            hint=f"see `esper-graph lineage ancestors {bad}`",
        )
    missing = [name for name in (good, bad) if name not in values]
    sign = 1.0 if direction == "lower" else -1.0
    if missing:
        if missing[0] in unmeasurable:
            raise LineageError(f"`{missing[0]}` has no value, and cannot be measured")
        suspects = above.names(above.upto(bad) & ~above.upto(good))
        return Bisection(missing[0], None, suspects, len(missing) + _steps(len(suspects)), (), (), threshold)
    if threshold is None:
        threshold = (values[good] + values[bad]) / 2
    is_bad = {name: sign * value > sign * threshold for name, value in values.items() if name in above.number}
    if sign * values[good] >= sign * values[bad] or is_bad[good] or not is_bad[bad]:
        raise LineageError(
            f"`{good}` ({values[good]:g}) is not better than `{bad}` ({values[bad]:g}) "
            f"by the threshold {threshold:g}; {direction} values are better",
            hint="exchange the two, or give another threshold",
        )
    suspects = above.upto(bad)
    for name, worse in is_bad.items():
        suspects &= above.upto(name) if worse else ~above.upto(name)
    if not suspects:
        raise LineageError(
            "no single change explains what was measured: "
            + _contradiction(above, [name for name in is_bad if is_bad[name]], is_bad),
            hint="measure those again, or choose the threshold so that noise does not cross it",
        )
    bads = tuple(sorted(name for name, worse in is_bad.items() if worse))
    goods = tuple(sorted(name for name, worse in is_bad.items() if not worse))
    names = above.names(suspects)
    if len(names) == 1:
        culprit = names[0]
        cleared = tuple(sorted(parents.get(culprit, ())))
        return Bisection(None, culprit, names, 0, goods, bads, threshold, cleared)
    following = _most_even(above, suspects, names, {*values, *unmeasurable})
    return Bisection(following, None, names, _steps(len(names)), goods, bads, threshold)


class _Ancestry:
    """The ancestors of one blueprint, as sets of bits."""

    def __init__(self, parents: Mapping[str, Collection[str]], bad: str) -> None:
        inside: dict[str, Sequence[str]] = {}
        waiting = [bad]
        while waiting:
            name = waiting.pop()
            if name not in inside:
                inside[name] = sorted(parents.get(name, ()))
                waiting += inside[name]
        self.order = list(TopologicalSorter(inside).static_order())
        self.number = {name: place for place, name in enumerate(self.order)}
        self.above: list[int] = []
        for name in self.order:
            found = 1 << self.number[name]
            for parent in inside[name]:
                found |= self.above[self.number[parent]]
            self.above.append(found)

    def upto(self, name: str) -> int:
        """The blueprint and all its ancestors."""
        return self.above[self.number[name]]

    def names(self, found: int) -> tuple[str, ...]:
        return tuple(sorted(name for place, name in enumerate(self.order) if found >> place & 1))


def _most_even(above: _Ancestry, suspects: int, names: Sequence[str], known: Collection[str]) -> str | None:
    """The suspect that leaves fewest suspects in the worse case; the first by name among equals."""
    total = len(names)
    best: tuple[int, str] | None = None
    for name in names:
        if name in known:
            continue
        inside = (above.upto(name) & suspects).bit_count()
        rank = (max(inside, total - inside), name)
        if inside < total and (best is None or rank < best):
            best = rank
    return best[1] if best else None


def _contradiction(above: _Ancestry, bads: Sequence[str], is_bad: Mapping[str, bool]) -> str:
    for bad in sorted(bads):
        for name in sorted(is_bad):
            if not is_bad[name] and above.upto(bad) & ~above.upto(name) == 0:
                return f"`{bad}` is bad, and `{name}`, which descends from it, is good"
    return f"{', '.join(f'`{name}`' for name in sorted(bads))} are bad, but share no suspect"


def _steps(suspects: int) -> int:
    return max(suspects - 1, 0).bit_length()
