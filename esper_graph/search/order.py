"""What a page is ordered by, and between which values of it a filter keeps anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from esper_graph.search.conditions import intervals
from esper_graph.search.fields import Field
from esper_graph.search.language import Filter, Term
from esper_graph.search.values import Interval


@dataclass(frozen=True, slots=True)
class Order:
    """What a page is ordered by.

    Attributes:
        device: Of a metric; None takes the best value of each blueprint.
        descending: Whether the largest come first, or of a metric the worst.
    """

    field: Field
    device: str | None
    descending: bool


def bounds(filter_: Filter, order: Order) -> list[Term]:
    """List the terms about what is ordered by: whoever meets one of them has a value of it."""
    return [
        term
        for term in filter_.terms
        if term.field == order.field and term.device == order.device and not term.negated
    ]


def hull(terms: Sequence[Term], sign: int) -> Interval:
    """Find the interval outside of which no value meets all terms.

    Args:
        sign: -1 mirrors it.

    Example:
        >>> from esper_graph.search.language import METRICS, parse
        >>> hull(parse("params:5..9,20 params<50 params>=7", METRICS).terms, 1)
        Interval(least=7.0, most=20.0)
    """
    found = [intervals(term.values, sign) for term in terms]
    least = [min(one["least"] for one in term) for term in found]
    most = [max(one["most"] for one in term) for term in found]
    return Interval(max(least, default=-inf), min(most, default=inf))
