"""Numbers, times and ranges as a filter writes them: all become closed or half-open intervals."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import inf, isnan, nextafter

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MONTH = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from `least` to `most`, both included."""

    least: float = -inf
    most: float = inf


@dataclass(frozen=True, slots=True)
class Span:
    """Times from `begin` on and before `end`; None is open."""

    begin: datetime | None = None
    end: datetime | None = None


def interval(operator: str, text: str) -> Interval:
    """Read a number, a range `a..b` with both ends included and either left out, or `*` for any number.

    Raises:
        ValueError: It is none, or the range is empty.

    Example:
        >>> interval("<", "5").most < 5, interval(":", "1e3..5e6")
        (True, Interval(least=1000.0, most=5000000.0))
    """
    if text == "*" and operator in ":=":
        return Interval()
    if ".." in text:
        low, high = _ends(operator, text)
        found = Interval(_number(low) if low else -inf, _number(high) if high else inf)
        if found.least > found.most:
            raise ValueError(f"the range `{text}` is empty")
        return found
    value = _number(text)
    match operator:
        case "<":
            return Interval(most=nextafter(value, -inf))
        case "<=":
            return Interval(most=value)
        case ">":
            return Interval(least=nextafter(value, inf))
        case ">=":
            return Interval(least=value)
        case _:
            return Interval(value, value)


def span(operator: str, text: str) -> Span:
    """Read a time, a day or a month, UTC where no zone is named, a range of these, or `*`.

    A day or a month stands for all of it: `>` means after its end, `>=` from its beginning on.

    Raises:
        ValueError: It is none, or the range is empty.

    Example:
        >>> str(span(">", "2026-01-01").begin)
        '2026-01-02 00:00:00+00:00'
    """
    if text == "*" and operator in ":=":
        return Span()
    if ".." in text:
        low, high = _ends(operator, text)
        found = Span(_moments(low)[0] if low else None, _moments(high)[1] if high else None)
        if found.begin and found.end and found.begin >= found.end:
            raise ValueError(f"the range `{text}` is empty")
        return found
    begin, end = _moments(text)
    match operator:
        case "<":
            return Span(end=begin)
        case "<=":
            return Span(end=end)
        case ">":
            return Span(begin=end)
        case ">=":
            return Span(begin=begin)
        case _:
            return Span(begin, end)


def _ends(operator: str, text: str) -> tuple[str, str]:
    """The two ends of a range, of which one may be left out."""
    if operator not in ":=":
        raise ValueError(f"a range cannot be compared with `{operator}`; write `:` before it")
    low, _, high = text.partition("..")
    if not (low or high):
        raise ValueError(f"the range `{text}` is empty")
    return low, high


def _number(text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else inf
    if isnan(value) or abs(value) == inf:
        raise ValueError(f"`{text}` is not a finite number")
    return value


def _moments(text: str) -> tuple[datetime, datetime]:
    """The beginning of what a text names, and the first moment after it."""
    try:
        if _MONTH.fullmatch(text):
            first = date.fromisoformat(f"{text}-01")
            after = (first + timedelta(days=31)).replace(day=1)
            return _midnight(first), _midnight(after)
        if len(text) == len("2026-01-01"):
            day = date.fromisoformat(text)
            return _midnight(day), _midnight(day + timedelta(days=1))
        found = datetime.fromisoformat(text)
        moment = found.replace(tzinfo=UTC) if found.utcoffset() is None else found.astimezone(UTC)
        return moment, moment + timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(f"`{text}` is no time; write it like 2026-11-25 or 2026-11-25T12:00Z") from None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
