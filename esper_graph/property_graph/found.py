"""What searches are answered with: immutable records, and answers that know more than their items."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from esper_graph.property_graph.answer import Answer, Limit
from esper_graph.property_graph.records import KernelRecord, Summary


@dataclass(frozen=True, slots=True)
class Hit:
    """One blueprint that was found.

    Attributes:
        blueprint: What it is.
        value: What it is ordered by; None where it has no such value, so that it comes last.
        device: Where that was measured, if it is a metric.
    """

    blueprint: Summary
    value: float | str | datetime | None = None
    device: str | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return self.blueprint.id


class Page(Answer[Hit]):
    """One page of what was found. A page is complete when it holds all there is.

    Attributes:
        next_page: What leads to the page after it, with the same filter and order; None after the last one.

    Example:
        >>> Page([], next_page="x", total=3).omitted_count
        3
    """

    next_page: str | None

    def __new__(  # noqa: D102, described by the class
        cls,
        items: Iterable[Hit] = (),
        *,
        next_page: str | None = None,
        truncated_by: Limit | None = None,
        total: int | None = None,
    ) -> Self:
        page = super().__new__(cls, items, truncated_by="limit" if next_page else truncated_by, total=total)
        page.next_page = next_page
        return page


@dataclass(frozen=True, slots=True)
class Facet:
    """How many blueprints share a value.

    Attributes:
        facet: `tag`, `category`, `op`, `status`, `author`, `device` or `signature`.
    """

    facet: str
    value: str
    blueprints: int


@dataclass(frozen=True, slots=True)
class Point:
    """One blueprint of a Pareto front.

    Attributes:
        values: Its figures, in the order in which they were asked for.
    """

    id: str
    name: str
    values: tuple[float, ...]


class Front(Answer[Point]):
    """A Pareto front.

    Attributes:
        considered: How many blueprints the filter keeps.
        without_values: How many of them were left out for want of one of the figures.
    """

    considered: int
    without_values: int

    def __new__(  # noqa: D102, described by the class
        cls,
        items: Iterable[Point] = (),
        *,
        considered: int,
        without_values: int,
        truncated_by: Limit | None = None,
        total: int | None = None,
    ) -> Self:
        front = super().__new__(cls, items, truncated_by=truncated_by, total=total)
        front.considered = considered
        front.without_values = without_values
        return front


@dataclass(frozen=True, slots=True)
class Choice:
    """The best blueprint that meets all conditions.

    Attributes:
        hit: The blueprint, with the value that made it the best.
        kernel: Its newest kernel that is validated and whose bytes are here; None where none was asked for.
        filter: The conditions as one filter.
    """

    hit: Hit
    kernel: KernelRecord | None
    filter: str

    @property
    def id(self) -> str:
        """Id of the blueprint."""
        return self.hit.id
