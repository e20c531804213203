"""Run filters: begin with the fewest blueprints, or along the order, and keep those that meet the rest."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from esper_graph.config.manifest import Device
from esper_graph.property_graph.found import Facet, Hit, Page
from esper_graph.property_graph.rows import summary_from
from esper_graph.search import page_token
from esper_graph.search.begin import Begin, Read, fewest, named
from esper_graph.search.conditions import Known, conditions, has_value, intervals
from esper_graph.search.fields import Field
from esper_graph.search.language import Filter, Term
from esper_graph.search.order import Order, bounds
from esper_graph.search.page_token import Place
from esper_graph.search.shapes import Tensor, fits
from esper_graph.search.walk import Walk, walk

FACETS = ("tag", "category", "op", "status", "author", "device", "signature")
_ALWAYS_THERE = frozenset({"id", "registered"})
_SAMPLE, _LEAST_SHARE = 64, 1 / 8


@dataclass(frozen=True, slots=True)
class Search:
    """A filter that is ready to run.

    Attributes:
        named: What it names to begin with.
        archived: Whether archived ones count.
    """

    filter: Filter
    known: Known
    named: Begin | None
    archived: bool

    def begin(self, read: Read, *, besides: Sequence[Term] = ()) -> Begin:
        """Decide where to begin; terms about metrics `besides` are not looked at."""
        return self.named or fewest(read, self.filter, besides=besides)

    def parameters(self, begin: Begin, *further: Term) -> dict[str, Any]:
        """The parameters of a file that begins there; `further` terms are left out of the conditions."""
        return {
            "seed": begin.seed,
            "values": list(begin.values),
            **self.conditions((*begin.held, *further)),
        }

    def conditions(self, held: Iterable[Term]) -> dict[str, Any]:
        """The parameters that all files share, without the terms that hold anyway."""
        return {
            "archived": self.archived,
            "conditions": conditions(self.filter, self.known, leaving_out=held),
        }


def prepare(
    read: Read,
    filter_: Filter,
    *,
    metrics: Mapping[str, int],
    devices: Mapping[str, Device],
    resolve: Callable[[str], str],
    near: Callable[[str], Iterable[str]],
    archived: bool = False,
) -> Search:
    """Look up what a filter refers to.

    Args:
        resolve: The id behind an id or alias.
        near: The ids of what is nearly the same as one.
        archived: Whether archived ones count; asking for their status does the same.

    Raises:
        BlueprintNotFoundError: The filter refers to one that does not exist.
    """
    ids = {str(value): resolve(str(value)) for term in filter_.of("family") for value in term.values}
    close = {str(value): tuple(near(str(value))) for term in filter_.of("near") for value in term.values}
    first = named(filter_, ids, close)
    held = () if first is None else first.held
    families = {
        text: _descendants(read, one)
        for text, one in ids.items()
        if any(
            text in term.values and not any(term is other for other in held) for term in filter_.of("family")
        )
    }
    archived = archived or any(
        term.field is not None
        and term.field.name == "status"
        and "archived" in term.values
        and not term.negated
        for term in filter_.terms
    )
    known = Known(families, close, (), devices, metrics)
    found = Search(filter_, known, first, archived)
    if not filter_.of("shape"):
        return found
    texts = tuple(one.value for one in facets(read, found, ["signature"]) if _fits(filter_, one.value))
    return replace(found, known=replace(known, signatures=(texts,)))


def page(read: Read, search: Search, order: Order, *, limit: int, token: str | None = None) -> Page:
    """Return one page. Blueprints without a value of what they are ordered by come last, by id.

    Raises:
        FilterError: The token is damaged, or of another query.
    """
    query = repr((sorted(map(repr, search.filter.terms)), order, search.archived))
    after = None if token is None else page_token.read(token, query)
    rows: list[dict[str, Any]] = []
    valued = None if after is None or after.key is None else after
    way = walk(search.filter, order, valued, search.known.metrics)
    start = search.begin(read, besides=() if way is None else way.held)
    if after is None or after.key is not None:
        if way is not None and _pays(read, search, way, start):
            rows = read(way.query, {**search.conditions(way.held), **way.asked, "limit": limit + 1})
        else:
            rows = _collected(read, search, start, order, limit + 1, after)
        after = None
    if len(rows) <= limit and not _surely_valued(search, order):
        rows += _without_value(read, search, start, order, limit + 1 - len(rows), after)
    more, rows = len(rows) > limit, rows[:limit]
    last = Place(rows[-1]["key"], rows[-1]["properties"]["id"]) if more else None
    return Page(
        (_hit(row, order, search.known.metrics) for row in rows),
        next_page=None if last is None else page_token.write(last, query),
        truncated_by=None if token is None else "limit",
    )


def count(read: Read, search: Search) -> int:
    """Count what a filter keeps."""
    return read("search/count", search.parameters(search.begin(read)))[0]["total"]


def facets(read: Read, search: Search, wanted: Sequence[str]) -> list[Facet]:
    """Count what a filter keeps by tag, category and so on, most frequent first."""
    rows = read("search/facets", {**search.parameters(search.begin(read)), "facets": list(wanted)})
    return [Facet(**row) for row in rows]


def values(
    read: Read, search: Search, figures: Sequence[tuple[Field, str | None, int]]
) -> list[tuple[str, str, tuple[float | None, ...]]]:
    """Return id, name and figures of all that a filter keeps, times -1 where larger ones are better."""
    asked = [
        {"name": field.stored, "measured": field.kind == "metric", "device": device, "sign": float(sign)}
        for field, device, sign in figures
    ]
    rows = read("search/values", {**search.parameters(search.begin(read)), "figures": asked})
    return [(row["id"], row["name"], tuple(row["figures"])) for row in rows]


def _descendants(read: Read, blueprint_id: str) -> list[str]:
    (row,) = read("lineage/descendant_ids", {"id": blueprint_id})
    return [one for one in row["ids"] if one != blueprint_id]


def _fits(filter_: Filter, text: str) -> bool:
    inputs, _, outputs = text.partition(" -> ")
    signature = (inputs, outputs)

    def asked(name: str, *, negated: bool) -> list[Sequence[Sequence[Tensor]]]:
        return [
            cast("Sequence[Sequence[Tensor]]", term.values)
            for term in filter_.of("shape")
            if term.field is not None and term.field.name == name and term.negated == negated
        ]

    for given in asked("input", negated=False) or [()]:
        for made in asked("output", negated=False) or [()]:
            if not fits(given, made, signature):
                return False
    return not any(fits(given, (), signature) for given in asked("input", negated=True)) and not any(
        fits((), made, signature) for made in asked("output", negated=True)
    )


# ---------------------------------------------------------------- one page


def _pays(read: Read, search: Search, way: Walk, start: Begin) -> bool:
    """Tell whether to walk: where those to begin with are many, and not too few of a sample meet the rest."""
    if start.few or start.seed == "all":
        return not start.few
    rest = search.conditions((*way.held, *start.held))
    if not rest["conditions"]:
        return True
    asked = {"seed": start.seed, "values": list(start.values), "limit": _SAMPLE}
    ids = [one for row in read("search/some", asked) for one in row["ids"]]
    kept = read("search/count", {"seed": "id", "values": ids, **rest})[0]["total"]
    return kept >= _LEAST_SHARE * len(ids)


def _collected(
    read: Read, search: Search, begin: Begin, order: Order, limit: int, after: Place | None
) -> list[dict[str, Any]]:
    """Order all that is found."""
    common = {
        "after": None if after is None else after.key,
        "after_id": None if after is None else after.id,
        "shown": _shown(order),
        "limit": limit,
    }
    if order.field.kind != "metric":
        asked = {
            "order": order.field.stored,
            "is_time": order.field.kind == "time",
            "descending": order.descending,
        }
        return read("search/page", {**search.parameters(begin), **common, **asked})
    sign = search.known.metrics[order.field.stored]
    ranges = bounds(search.filter, order)
    asked = {
        "metric": order.field.stored,
        "taken_on": order.device,
        "sign": float(sign),
        "descending": order.descending,
        "ranges": [{"intervals": intervals(term.values, sign)} for term in ranges],
    }
    return read("search/page_by_metric", {**search.parameters(begin, *ranges), **common, **asked})


def _without_value(
    read: Read, search: Search, begin: Begin, order: Order, limit: int, after: Place | None
) -> list[dict[str, Any]]:
    parameters = search.parameters(begin)
    without = has_value(order.field, order.device, search.known, wanted=False)
    parameters["conditions"].append(without)
    asked = {
        "order": "id",
        "is_time": False,
        "descending": False,
        "after": None if after is None else after.id,
        "after_id": None if after is None else after.id,
        "shown": list[str](),
        "limit": limit,
    }
    return [{**row, "key": None} for row in read("search/page", {**parameters, **asked})]


def _surely_valued(search: Search, order: Order) -> bool:
    if order.field.name in _ALWAYS_THERE:
        return True
    return order.field.kind in {"metric", "number", "time"} and bool(bounds(search.filter, order))


def _shown(order: Order) -> list[str]:
    return [order.field.stored] if order.field.kind == "metric" else []


def _hit(row: dict[str, Any], order: Order, metrics: Mapping[str, int]) -> Hit:
    found = summary_from(row)
    if row["key"] is None:
        return Hit(found)
    if order.field.kind == "metric":
        value = row["key"] * metrics[order.field.stored]
        devices = sorted(
            one["device"]
            for one in row["measured"]
            if one["value"] == value and (order.device is None or one["device"] == order.device)
        )
        return Hit(found, value, devices[0] if devices else None)
    return Hit(found, row["properties"][order.field.stored])
