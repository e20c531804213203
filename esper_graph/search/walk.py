"""Walk along an index that has the order of the page: it ends where the page is full.

Where many blueprints meet a filter this looks at few of them. Metrics on a device have such an index in both
directions, parameters have one upwards, and times of registration have one from the newest on.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil, floor, inf
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from esper_graph.property_graph.places import AFTER_ALL, BEFORE_ALL, place
from esper_graph.search.language import Filter, Term
from esper_graph.search.order import Order, bounds, hull
from esper_graph.search.page_token import Place
from esper_graph.search.values import Interval, Span

_LARGEST = (1 << 63) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Walk(NamedTuple):
    """A way along an index.

    Attributes:
        query: The file in `cypher/search/`.
        asked: Its parameters that say from where to where.
        held: The terms that hold for all on the way.
    """

    query: str
    asked: Mapping[str, Any]
    held: tuple[Term, ...]


def walk(filter_: Filter, order: Order, after: Place | None, metrics: Mapping[str, int]) -> Walk | None:
    """Find the way along an index that an order has, or None where it has none.

    Args:
        after: The last blueprint of the page before.
        metrics: 1 where lower values of a metric are better, -1 where higher ones are.
    """
    if order.field.kind == "metric" and order.device is not None:
        return _places(filter_, order, after, metrics[order.field.stored])
    way = _WAYS.get((order.field.name, order.descending))
    return None if way is None else way(filter_, order, after)


def _places(filter_: Filter, order: Order, after: Place | None, sign: int) -> Walk:
    metric, device, turn = order.field.stored, order.device, -1 if order.descending else 1
    assert device is not None
    terms = bounds(filter_, order)
    between = hull(terms, sign * turn)
    beyond = place(metric, device, between.least, BEFORE_ALL)
    if after is not None:
        assert isinstance(after.key, int | float)
        beyond = max(beyond, place(metric, device, after.key * turn, after.id))
    asked = {
        "beyond": beyond,
        "most": place(metric, device, between.most, AFTER_ALL),
        "sign": float(sign),
        "shown": [metric],
    }
    query = "search/walk_places" if sign * turn > 0 else "search/walk_places_from_top"
    return Walk(query, asked, _exact(terms))


def _parameters(filter_: Filter, order: Order, after: Place | None) -> Walk:
    terms = bounds(filter_, order)
    least, most = _whole(hull(terms, 1))
    return Walk("search/walk_parameters", _numbers(least, most, after, 1), _exact(terms))


def _newest(filter_: Filter, order: Order, after: Place | None) -> Walk:
    terms = bounds(filter_, order)
    turned = [
        replace(one, values=tuple(_from_newest(cast(Span, value)) for value in one.values)) for one in terms
    ]
    least, most = _whole(hull(turned, 1))
    return Walk("search/walk_newest", _numbers(least, most, after, -1), _exact(terms))


_WAYS: Mapping[tuple[str, bool], Callable[[Filter, Order, Place | None], Walk]] = MappingProxyType(
    {("parameters", False): _parameters, ("registered", True): _newest}
)
"""By the name of the field, and whether the largest come first."""


def _numbers(least: int, most: int, after: Place | None, sign: int) -> dict[str, Any]:
    """From where to where in an index of whole numbers and ids, in which keys stand times a sign."""
    after_id = None
    if after is not None:
        assert isinstance(after.key, int)
        if after.key * sign >= least:
            least, after_id = after.key * sign, after.id
    return {"least": least, "most": most, "after_id": after_id, "shown": list[str]()}


def _exact(terms: list[Term]) -> tuple[Term, ...]:
    """The terms that the bounds of the walk stand for; several intervals leave gaps between them."""
    return tuple(term for term in terms if len(term.values) <= 1)


def _whole(between: Interval) -> tuple[int, int]:
    """The whole numbers in an interval, as far as a store can hold them."""
    least = ceil(between.least) if between.least > -_LARGEST else -_LARGEST
    most = floor(between.most) if between.most < _LARGEST else _LARGEST
    return min(least, _LARGEST), max(most, -_LARGEST)


def _from_newest(span: Span) -> Interval:
    """Turn times into `newest_first`: whole numbers, which floats hold exactly until the year 2255."""
    least = -inf if span.end is None else 1 - _microseconds(span.end)
    most = inf if span.begin is None else -_microseconds(span.begin)
    return Interval(least, most)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
