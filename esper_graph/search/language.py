r"""Read filters: `tag:transformer -tag:draft params<5e6 latency_ms@cpu<5 "encoder block"`.

A filter is a row of terms, and a blueprint must meet all of them. A term is a field, an operator and a value;
`-` before it negates it, and commas in the value give alternatives: `tag:small,tiny`. Quotes hold what has
spaces, commas or quotes in it, with `\"` for a quote and `\\` for a backslash inside. A bare word is looked
for in name and id. That is the whole language; what is between two terms is always "and".
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esper_graph.errors import FilterError, close_names, suggestion
from esper_graph.ir.specs import DerivationKind
from esper_graph.ops import OPS
from esper_graph.search.fields import FIELDS, NAMES, Field, metric_field
from esper_graph.search.shapes import Tensor, read_shapes
from esper_graph.search.values import Interval, Span, interval, span

Value = str | Interval | Span | tuple[Tensor, ...]
ANY = "*"
_LONGEST, _MOST_TERMS = 4_000, 64
_HEAD = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_-]*)(?:@(?P<device>[^\s:=<>~\",]+))?(?P<operator><=|>=|[:=<>~])"
)
_BARE = re.compile(r'[^\s,"]+')
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
_OPERATORS = frozenset(":=<>~@")
_CONNECTIVES = frozenset({"AND", "OR", "NOT"})


@dataclass(frozen=True, slots=True)
class Term:
    """One condition.

    Attributes:
        field: What it asks about; None for a bare word.
        device: Of a metric; None is the best value on any.
        operator: What stands between name and value.
        values: The alternatives; none means that there must be any value at all.
        negated: Whether it must not be so.
        text: As it was written.
        column: Where it begins, from 1.
    """

    field: Field | None
    device: str | None
    operator: str
    values: tuple[Value, ...]
    negated: bool = False
    text: str = dataclasses.field(default="", compare=False, repr=False)
    column: int = dataclasses.field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Filter:
    """Terms that all must hold.

    Example:
        >>> from esper_graph.config import load_manifest
        >>> parsed = parse("tag:small,tiny -status:draft params<5e6", METRICS)
        >>> [term.values for term in parsed.terms][:2], parsed.terms[1].negated
        ([('small', 'tiny'), ('draft',)], True)
    """

    terms: tuple[Term, ...] = ()
    text: str = dataclasses.field(default="", compare=False)

    def of(self, kind: str) -> tuple[Term, ...]:
        """The terms whose field is of this kind."""
        return tuple(term for term in self.terms if term.field is not None and term.field.kind == kind)


METRICS: Mapping[str, int] = {"latency_ms": 1, "accuracy": -1}
"""Metrics for examples: 1 where lower values are better."""


def parse(text: str, metrics: Mapping[str, int]) -> Filter:
    """Read a filter.

    Args:
        metrics: The metrics of the registry, with 1 where lower values are better and -1 where higher ones.

    Raises:
        FilterError: It is not as a filter must be; names the column, and close names for an unknown field.

    Example:
        >>> parse("paramters<5e6", METRICS)
        Traceback (most recent call last):
        ...
        esper_graph.errors.FilterError: there is no field `paramters`
          column 1
          paramters<5e6
          ^
        <BLANKLINE>
        hint: did you mean `parameters` or `params`?
    """
    if len(text) > _LONGEST:
        raise FilterError(
            f"a filter has at most {_LONGEST:,} characters, and this one {len(text):,}", text[:80]
        )
    terms: list[Term] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        term, place = _term(text, place, metrics)
        terms.append(term)
    if len(terms) > _MOST_TERMS:
        raise FilterError(f"a filter has at most {_MOST_TERMS} terms, and this one {len(terms)}", text)
    return Filter(tuple(terms), text)


def _term(text: str, begin: int, metrics: Mapping[str, int]) -> tuple[Term, int]:
    negated = text[begin] == "-"
    place = begin + negated
    head = _HEAD.match(text, place)
    if head is None:
        words, end = _items(text, place)
        if len(words) > 1:
            raise FilterError(
                "alternatives need a field before them", text, place + 1, hint=f"write name~{','.join(words)}"
            )
        if text[place] != '"':
            _require_word(words[0], text, place)
        return Term(None, None, "~", tuple(words), negated, text[begin:end], begin + 1), end
    found = _field(head["name"], head["device"], text, place, metrics)
    operator = head["operator"]
    if operator not in found.operators:
        raise FilterError(
            f"`{head['name']}` cannot be compared with `{operator}`",
            text,
            head.start("operator") + 1,
            hint=f"it takes {' '.join(found.operators)}",
        )
    items, end = _items(text, head.end())
    try:
        values = _values(found, "=" if operator == ":" else operator, items)
    except ValueError as error:
        raise FilterError(str(error), text, head.end() + 1, hint=f"such as {found.example}") from None
    term = Term(
        found,
        head["device"],
        "=" if operator == ":" else operator,
        values,
        negated,
        text[begin:end],
        begin + 1,
    )
    return term, end


def _require_word(word: str, text: str, place: int) -> None:
    """Refuse what was meant as part of a term, which would be looked for in names and never be found."""
    if word in _CONNECTIVES:
        raise FilterError(
            f"`{word}` is no term",
            text,
            place + 1,
            hint="all terms must hold; `-` before one negates it, and commas in it give alternatives",
        )
    if not _OPERATORS.isdisjoint(word):
        raise FilterError(
            f"`{word}` is no term",
            text,
            place + 1,
            hint="field, operator and value have no spaces between them; quote a text to look for",
        )


def _items(text: str, place: int) -> tuple[list[str], int]:
    """Read alternatives from a place on; returns them and where they end."""
    items: list[str] = []
    while True:
        if text[place : place + 1] == '"':
            found = _QUOTED.match(text, place)
            if found is None:
                raise FilterError("this quote is never closed", text, place + 1, hint='end it with `"`')
            items.append(re.sub(r"\\(.)", r"\1", found[1]))
        else:
            found = _BARE.match(text, place)
            if found is None:
                raise FilterError(
                    "a value is missing here", text, place + 1, hint='empty texts are written `""`'
                )
            items.append(found[0])
        place = found.end()
        if text[place : place + 1] != ",":
            break
        place += 1
    if place < len(text) and not text[place].isspace():
        raise FilterError("a space is missing here", text, place + 1, hint="terms are separated by spaces")
    return items, place


def _field(name: str, device: str | None, text: str, place: int, metrics: Mapping[str, int]) -> Field:
    if device is None and name in NAMES:
        return NAMES[name]
    if name in metrics:
        return metric_field(name)
    known = [*metrics] if device is not None else [*NAMES, *metrics]
    raise FilterError(
        f"there is no {'metric' if device is not None else 'field'} `{name}`",
        text,
        place + 1,
        hint=suggestion(close_names(name, known))
        or f"there are {', '.join(dict.fromkeys([*FIELDS, *metrics]))}",
    )


def _values(found: Field, operator: str, items: Sequence[str]) -> tuple[Value, ...]:
    if items == [ANY] and operator == "=" and found.kind not in {"family", "near", "shape", "device", "op"}:
        return ()
    match found.kind:
        case "number" | "metric":
            return tuple(interval(operator, item) for item in items)
        case "time":
            return tuple(span(operator, item) for item in items)
        case "op":
            for item in items:
                if item not in OPS and "." not in item:  # kept calls of other systems have a point in them
                    close = suggestion(close_names(item, OPS))
                    raise ValueError(f"there is no op `{item}`{f'; {close}' if close else ''}")
            return tuple(items)
        case "kind":
            for item in items:
                if item not in DerivationKind.__args__:
                    raise ValueError(
                        f"there is no kind `{item}`; there are {', '.join(DerivationKind.__args__)}"
                    )
            return tuple(items)
        case "shape":
            return tuple(read_shapes(item) for item in items)
        case "device" if len(items) > 1:
            raise ValueError("one device at a time; what runs on two devices is two terms")
        case "kernel" if items != ["ready"]:
            raise ValueError(f"a kernel is `ready` or `{ANY}`, not `{','.join(items)}`")
        case _:
            return tuple(items)


def order_field(text: str, metrics: Mapping[str, int]) -> tuple[Field, str | None]:
    """Read what to order by: a number, a time, `name`, `id`, or `METRIC@DEVICE`.

    Raises:
        FilterError: It is none of these.
    """
    name, at, device = text.partition("@")
    found = _field(name, device if at else None, text, 0, metrics)
    if at and not device:
        raise FilterError("a device is missing here", text, len(text) + 1, hint=f"such as {name}@cpu")
    if found.kind not in {"number", "time", "metric"} and found.name not in {"name", "id"}:
        raise FilterError(
            f"`{name}` has no order", text, 1, hint="order by a number, a time, a metric or a name"
        )
    return found, device or None
