"""Where a search begins: with the fewest blueprints among which all that it finds must be.

In this order: what is near, ids that are named, a family, a name, a tag or category that few have, a metric
that few have in the range, and else the rarest tag or category, or all blueprints.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from esper_graph.property_graph.places import AFTER_ALL, BEFORE_ALL, place
from esper_graph.search.language import Filter, Term
from esper_graph.search.values import Interval

Read = Callable[[str, Mapping[str, object]], list[dict[str, Any]]]
"""Runs a query of the catalogue by name; the registry fills it."""

FEW = 1_000
FEW_LINKED = 2_500
"""As many of a tag or category are put in order as fast as a page is found along an index of 100,000."""


class Begin(NamedTuple):
    """Where a search begins.

    Attributes:
        seed: The branch of the files in `cypher/search/`.
        values: What it begins from.
        held: The terms that hold for all that it begins with.
        few: Whether these are few, or were named.
    """

    seed: str
    values: tuple[str, ...] = ()
    held: tuple[Term, ...] = ()
    few: bool = True


def named(filter_: Filter, ids: Mapping[str, str], near: Mapping[str, tuple[str, ...]]) -> Begin | None:
    """Begin with what the filter names: something near, ids, a family or a name.

    Args:
        ids: For each id or alias of a family that the filter names, the id.
        near: For each id or alias that the filter names, the ids of what is nearly the same.
    """
    terms = _usable(filter_)
    for term in terms:
        if _is(term, "near"):
            return Begin("id", tuple(one for value in term.values for one in near[str(value)]), (term,))
    for name in ("id", "derived-from", "name"):
        for term in terms:
            if term.field is not None and term.field.name == name and term.operator == "=":
                texts = tuple(map(str, term.values))
                if name == "derived-from":
                    return Begin("family", tuple(ids[text] for text in texts), (term,))
                return Begin(name, texts, (term,))
    return None


def fewest(read: Read, filter_: Filter, *, besides: Sequence[Term] = ()) -> Begin:
    """Begin with the rarest tag or category, with a metric that few have in the range, or with all.

    Args:
        besides: Terms about metrics that are not looked at.
    """
    terms = _usable(filter_)
    rarest = min(_sizes(read, [term for term in terms if _is(term, "link")]), default=None, key=_size)
    if rarest is None or rarest[0] >= FEW_LINKED:
        for term in terms:
            if _is(term, "metric") and not any(term is one for one in besides):
                found = _measured(read, term)
                if found is not None:
                    return Begin("id", found)
    if rarest is None:
        return Begin("all", few=False)
    size, term = rarest
    assert term.field is not None
    return Begin(term.field.name, tuple(map(str, term.values)), (term,), few=size < FEW_LINKED)


def _usable(filter_: Filter) -> list[Term]:
    return [term for term in filter_.terms if term.field and not term.negated and term.values]


def _size(pair: tuple[int, Term]) -> int:
    return pair[0]


def _is(term: Term, kind: str) -> bool:
    return term.field is not None and term.field.kind == kind


def _sizes(read: Read, links: Sequence[Term]) -> list[tuple[int, Term]]:
    """How many have a tag or category, counted up to a limit."""
    if not links:
        return []
    asked = [
        {"number": number, "seed": term.field.name if term.field else "", "values": list(term.values)}
        for number, term in enumerate(links)
    ]
    rows = read("search/size", {"terms": asked, "limit": FEW_LINKED})
    return [(row["size"], links[row["number"]]) for row in rows]


def _measured(read: Read, term: Term) -> tuple[str, ...] | None:
    """The blueprints with a newest value in the range, or None where there are many."""
    assert term.field is not None
    found: set[str] = set()
    for device in [term.device] if term.device is not None else _devices(read, term.field.stored):
        for value in term.values:
            one = cast(Interval, value)
            asked = {
                "least": place(term.field.stored, device, one.least, BEFORE_ALL),
                "most": place(term.field.stored, device, one.most, AFTER_ALL),
                "limit": FEW + 1,
            }
            found.update(read("search/measured", asked)[0]["ids"])
            if len(found) > FEW:
                return None
    return tuple(sorted(found))


def _devices(read: Read, metric: str) -> list[str]:
    """The devices that a metric was measured on."""
    return [row["name"] for row in read("metric/devices", {"metric": metric})]
