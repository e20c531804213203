"""Find the smallest values of symbols for which something does not hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, islice

from esper_graph.ir.bounds import Ranges

Binding = dict[str, int]
_LOWERED = 64
"""How many values of one symbol are tried below the one that was found."""


def by_total(names: frozenset[str] | set[str], ranges: Ranges) -> Iterator[Binding]:
    """List the values of symbols, least total first; of equal totals, those with early names small first.

    Example:
        >>> [tuple(one.values()) for one in islice(by_total({"a", "b"}, {"a": (1, None), "b": (4, 5)}), 5)]
        [(1, 4), (1, 5), (2, 4), (2, 5), (3, 4)]
    """
    ordered = sorted(names)
    spans = [None if high is None else high - low for low, high in (ranges[name] for name in ordered)]
    for total in count():
        above = None
        for above in _parts(total, spans):
            yield {name: ranges[name][0] + step for name, step in zip(ordered, above, strict=True)}
        if above is None:  # there are no values left
            return


def _parts(total: int, spans: Sequence[int | None]) -> Iterator[tuple[int, ...]]:
    """Split a number into one part for each span, none longer than its span."""
    if not spans:
        if not total:
            yield ()
        return
    for first in range(min(total, total if spans[0] is None else spans[0]) + 1):
        for rest in _parts(total - first, spans[1:]):
            yield (first, *rest)


def smallest(
    breaks: Callable[[Binding], bool], found: Mapping[str, int], ranges: Ranges, limit: int
) -> Binding:
    """Return the values of the least total that break something; values that do are known.

    Beyond `limit` tries the known ones are lowered instead, one after another, as long as they break it.

    Example:
        >>> ranges = {"a": (1, None), "b": (2, 9)}
        >>> smallest(lambda one: one["a"] * one["b"] % 7 == 6, {"a": 10, "b": 2}, ranges, limit=100)
        {'a': 2, 'b': 3}
    """
    for binding in islice(by_total(set(found), ranges), limit):
        if breaks(binding):
            return binding
    lowered = dict(found)
    for name, value in found.items():
        low = ranges[name][0]
        for tried in range(low, min(value, low + _LOWERED)):
            if breaks({**lowered, name: tried}):
                lowered[name] = tried
                break
    return lowered
