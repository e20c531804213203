"""Filters as parameters of the files in `cypher/search/`: values stay values, and no text becomes Cypher."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from esper_graph.config.manifest import Device
from esper_graph.search.fields import Field
from esper_graph.search.language import Filter, Term
from esper_graph.search.values import Interval, Span

Condition = dict[str, Any]
EVERYWHERE = Interval()
_BESIDE = frozenset({"link", "metric", "kind", "kernel"})  # about the nodes beside it


@dataclass(frozen=True, slots=True)
class Known:
    """What the store and the manifest say about the values of a filter, looked up before it runs.

    Attributes:
        families: For each id that is named, the ids that descend from it; not of the seed's.
        near: For each id that is named, the ids of what is nearly the same.
        signatures: For each term about shapes, whether signatures fit, as one text each.
        devices: The devices of the manifest by name.
        metrics: 1 where lower values of a metric are better, -1 where higher ones are.
    """

    families: Mapping[str, Iterable[str]]
    near: Mapping[str, Iterable[str]]
    signatures: tuple[tuple[str, ...], ...]
    devices: Mapping[str, Device]
    metrics: Mapping[str, int]


def conditions(filter_: Filter, known: Known, *, leaving_out: Iterable[Term] = ()) -> list[Condition]:
    """Write the terms of a filter as conditions: those about the blueprint itself first, which cost less.

    Args:
        leaving_out: Terms that hold anyway, by where the search begins or what it is ordered by.
    """
    left_out = list(leaving_out)
    shapes = [
        {"kind": "signature", "texts": dict.fromkeys(texts, True), "wanted": True}
        for texts in known.signatures
    ]
    written = shapes + [
        {**_condition(term, known), "wanted": not term.negated}
        for term in filter_.terms
        if not any(term is one for one in left_out) and (term.field is None or term.field.kind != "shape")
    ]
    return sorted(written, key=lambda one: one["kind"] in _BESIDE)


def has_value(field: Field, device: str | None, known: Known, *, wanted: bool) -> Condition:
    """Write the condition that blueprints have a value of what they are ordered by, or have none."""
    return {**_condition(Term(field, device, "=", ()), known), "wanted": wanted}


def intervals(values: Iterable[object], sign: int = 1) -> list[dict[str, float]]:
    """Write intervals; none at all is any number. A sign of -1 mirrors them."""
    found = [cast(Interval, value) for value in values] or [EVERYWHERE]
    pairs = [(one.least, one.most) if sign > 0 else (-one.most, -one.least) for one in found]
    return [{"least": least, "most": most} for least, most in pairs]


def _condition(term: Term, known: Known) -> Condition:
    if term.field is None:
        return {"kind": "part", "names": ["name", "id"], "values": _lower(term)}
    if term.operator == "~":
        return {"kind": "part", "names": [term.field.stored], "values": _lower(term)}
    return {"kind": term.field.condition, **_WRITERS[term.field.kind](term, known)}


def _lower(term: Term) -> list[str]:
    return [str(value).lower() for value in term.values]


def _number(term: Term, known: Known) -> Condition:
    return {"name": _stored(term), "intervals": intervals(term.values)}


def _metric(term: Term, known: Known) -> Condition:
    name = _stored(term)
    sign = known.metrics[name]
    return {
        "name": name,
        "device": term.device,
        "sign": float(sign),
        "intervals": intervals(term.values, sign),
    }


def _time(term: Term, known: Known) -> Condition:
    spans = [cast(Span, value) for value in term.values]
    written = [
        {
            "least": one.begin.isoformat() if one.begin else None,
            "most": one.end.isoformat() if one.end else None,
        }
        for one in spans or [Span()]
    ]
    return {"name": _stored(term), "intervals": written}


def _word(term: Term, known: Known) -> Condition:
    return {"name": _stored(term), "values": list(term.values) or None}


def _op(term: Term, known: Known) -> Condition:
    return {"values": list(term.values)}


def _link(term: Term, known: Known) -> Condition:
    return {"label": _stored(term), "values": list(term.values) or None}


def _kind(term: Term, known: Known) -> Condition:
    return {"values": list(term.values) or None}


def _family(term: Term, known: Known) -> Condition:
    return {"ids": {one: True for value in term.values for one in known.families[str(value)]}}


def _near(term: Term, known: Known) -> Condition:
    return {"ids": {one: True for value in term.values for one in known.near[str(value)]}}


def _kernel(term: Term, known: Known) -> Condition:
    return {"ready": bool(term.values)}


def _device(term: Term, known: Known) -> Condition:
    device = known.devices[str(term.values[0])]
    return {
        "gpu": device.gpu,
        "capability": device.compute_capability or 0.0,
        "features": list(device.features),
    }


def _stored(term: Term) -> str:
    assert term.field is not None, "bare words name no property"
    return term.field.stored


_WRITERS: Mapping[str, Callable[[Term, Known], Condition]] = MappingProxyType(
    {
        "number": _number,
        "metric": _metric,
        "time": _time,
        "word": _word,
        "op": _op,
        "link": _link,
        "kind": _kind,
        "family": _family,
        "near": _near,
        "kernel": _kernel,
        "device": _device,
    }
)
