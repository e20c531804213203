"""Decide what holds of sizes for all values of their symbols, exactly.

Sizes are polynomials over symbols and floor quotients (`esper_graph.ops.dims`); each symbol takes every whole
number of its range. The rules, tried in this order, prove or refute; none of them guesses:

- *corner*: a size that grows or shrinks with each symbol alone is least at one corner of the ranges.
- *shift*: a polynomial whose coefficients are not negative once each symbol counts from its lowest value is
  least where all are lowest.
- *slack*: `n//d` lies between `(n - d + 1)/d` and `n/d`; with these bounds a size becomes a polynomial.
- *residues*: with `n = lowest + residue + period*m` every quotient becomes a polynomial in `m`, one for each
  residue; that decides all sizes in one symbol without products, and most others.
- *values*: where there are few values, each is tried.
- *far*: a size that falls for ever is below 1 somewhere on the way; that refutes only.

    >>> from esper_graph.ops.dims import symbol
    >>> n = symbol("n")
    >>> at_least_one((n - 7) // 2 + 1, {"n": (7, None)}), at_least_one((n - 7) // 2 + 1, {"n": (1, None)})
    (Verdict(rule='corner', witness=None), Verdict(rule='corner', witness={'n': 1}))
    >>> multiple_of((n // 2) * 2 - n, 2, {"n": (1, None)})
    Verdict(rule='residues', witness={'n': 1})
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from math import lcm, prod
from typing import NamedTuple

from esper_graph.ops.dims import Dim, Expression, Monomial, Quotient, evaluate, substitute, symbol, symbols

Range = tuple[int, int | None]
"""The lowest and the highest value of a symbol, both included; None has no highest."""
Ranges = Mapping[str, Range]

CASES = 1024
"""How many residues, or values, are tried at most."""
_FURTHEST = 48
"""Powers of two, from the lowest value of a symbol, at which a falling size is looked at."""


class Verdict(NamedTuple):
    """What a rule found out.

    Attributes:
        rule: Which one decided.
        witness: Values for which it does not hold, or None where it holds for all.
    """

    rule: str
    witness: Mapping[str, int] | None = None


def at_least_one(size: Dim, ranges: Ranges) -> Verdict | None:
    """Decide whether a size is at least 1 for all values of its symbols; None where no rule decides."""
    if isinstance(size, int):
        return Verdict("number", None if size >= 1 else {})
    names = symbols(size)
    found = _corner_verdict(size, ranges) or _shift_verdict(size, ranges)
    if found is not None:
        return found
    if _slack_is_positive(size, ranges):
        return Verdict("slack")
    return (
        _by_residues(size, _periods(size), ranges)
        or _by_values(size, names, ranges)
        or _far(size, names, ranges)
    )


def multiple_of(size: Dim, divisor: int, ranges: Ranges) -> Verdict | None:
    """Decide whether a size is a multiple of a number for all values of its symbols; None where unknown.

    Raises:
        ZeroDivisionError: The divisor is not positive.
    """
    rest = size % divisor
    if isinstance(rest, int):
        return Verdict("number" if isinstance(size, int) else "canonical form", None if not rest else {})
    periods = _periods(rest)
    for values, binding in _residues(rest, periods, ranges):
        left = substitute(rest, values)
        if not isinstance(left, int):
            return None
        if left:
            return Verdict("residues", binding)
    counts = prod(_cases(ranges[name], period) for name, period in periods.items())
    return Verdict("residues") if counts <= CASES else _multiple_by_values(rest, ranges)


def candidates(
    names: frozenset[str] | set[str], ranges: Ranges, limit: int = CASES
) -> Iterator[dict[str, int]]:
    """List values to try in search of a counter-example: near both ends of the ranges, small ones first.

    All symbols rise together, in step and each one step ahead of another; then one at a time, the others at
    their lowest; then they take all combinations, `limit` in all.
    """
    tried = {name: _interesting(*ranges[name]) for name in sorted(names)}
    lowest = {name: values[0] for name, values in tried.items()}
    seen: set[tuple[int, ...]] = set()

    def fresh(binding: dict[str, int]) -> bool:
        key = tuple(binding.values())
        known = key in seen
        seen.add(key)
        return not known

    turns = max(map(len, tried.values()), default=0)
    for turn, ahead in product(range(turns), (0, 1, -1)):
        steps = range(turn, turn + ahead * len(tried), ahead) if ahead else (turn,) * len(tried)
        binding = {
            name: values[step % len(values)]
            for (name, values), step in zip(tried.items(), steps, strict=True)
        }
        if fresh(binding):
            yield binding
    for name, values in tried.items():
        for value in values:
            if fresh(binding := {**lowest, name: value}):
                yield binding
    for combination in product(*tried.values()):
        if len(seen) >= limit:
            return
        if fresh(binding := dict(zip(tried, combination, strict=True))):
            yield binding


def _interesting(low: int, high: int | None) -> list[int]:
    steps = (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 15, 16, 31, 64, 127, 1000, 4095)
    if high is None:
        return [low + step for step in steps]
    near_low = [low + step for step in steps if low + step <= high]
    return list(dict.fromkeys([*near_low, *[high - step for step in (0, 1, 2, 3) if high - step >= low]]))


# ---------------------------------------------------------------- one corner


def trends(size: Dim, ranges: Ranges) -> dict[str, int] | None:
    """Say for each symbol whether the size grows (1) or shrinks (-1) with it; None where neither is seen."""
    found: dict[str, int] = {}
    if isinstance(size, int):
        return found
    for monomial, coefficient in size.terms:
        several = sum(power for _, power in monomial) > 1
        for atom, _ in monomial:
            if isinstance(atom, str):
                if several and ranges[atom][0] < 0:
                    return None
                inner = {atom: 1}
            else:
                inner = trends(atom.numerator, ranges)
                if inner is None or (several and _least_quotient(atom, inner, ranges) < 0):
                    return None
            for name, trend in inner.items():
                signed = trend if coefficient > 0 else -trend
                if found.setdefault(name, signed) != signed:
                    return None
    return found


def _least_quotient(atom: Quotient, directions: Mapping[str, int], ranges: Ranges) -> int:
    corner = _corner(directions, ranges)
    return -1 if corner is None else evaluate(atom.numerator, corner) // atom.divisor


def _corner(directions: Mapping[str, int], ranges: Ranges) -> dict[str, int] | None:
    corner: dict[str, int] = {}
    for name, trend in directions.items():
        end = ranges[name][0] if trend > 0 else ranges[name][1]
        if end is None:
            return None
        corner[name] = end
    return corner


def _corner_verdict(size: Dim, ranges: Ranges) -> Verdict | None:
    directions = trends(size, ranges)
    corner = None if directions is None else _corner(directions, ranges)
    if corner is None:
        return None
    return Verdict("corner", None if evaluate(size, corner) >= 1 else corner)


def _shift_verdict(size: Dim, ranges: Ranges) -> Verdict | None:
    """Count each symbol from its lowest value and look at the corner of what results."""
    names = symbols(size)
    counted = substitute(size, {name: symbol(name) + ranges[name][0] for name in names})
    shifted = {name: _shifted(ranges[name]) for name in names}
    found = Verdict("number") if isinstance(counted, int) else _corner_verdict(counted, shifted)
    if found is None or (isinstance(counted, int) and counted < 1):
        return None
    return _moved_back(Verdict("shift", found.witness), ranges)


def _shifted(interval: Range) -> Range:
    low, high = interval
    return (0, None if high is None else high - low)


def _moved_back(found: Verdict, ranges: Ranges) -> Verdict:
    if found.witness is None:
        return found
    return Verdict(found.rule, {name: ranges[name][0] + step for name, step in found.witness.items()})


# ---------------------------------------------------------------- quotients with slack

_Polynomial = dict[Monomial, Fraction]


def _slack_is_positive(size: Dim, ranges: Ranges) -> bool:
    """Whether the polynomial below the size has no negative coefficient and a positive constant."""
    names = symbols(size)
    counted = substitute(size, {name: symbol(name) + ranges[name][0] for name in names})
    below = _relaxed(counted, upwards=False)
    if below is None:
        return False
    return below.get((), Fraction(0)) > 0 and all(coefficient >= 0 for coefficient in below.values())


def _relaxed(size: Dim, *, upwards: bool) -> _Polynomial | None:
    """A polynomial above or below a size whose symbols are not negative; None where products hide one."""
    if isinstance(size, int):
        return {(): Fraction(size)}
    total: _Polynomial = {}
    for monomial, coefficient in size.terms:
        quotients = [atom for atom, _ in monomial if isinstance(atom, Quotient)]
        if not quotients:
            total[monomial] = total.get(monomial, Fraction(0)) + coefficient
            continue
        if len(quotients) > 1 or (quotients[0], 1) not in monomial:
            return None
        (atom,) = quotients
        rest = tuple(factor for factor in monomial if factor[0] != atom)
        up = upwards == (coefficient > 0)
        inner = _relaxed(atom.numerator if up else atom.numerator - (atom.divisor - 1), upwards=up)
        if inner is None:
            return None
        for factors, share in inner.items():
            powers: dict[object, int] = dict(rest)
            for name, power in factors:
                powers[name] = powers.get(name, 0) + power
            key: Monomial = tuple(sorted(powers.items(), key=str))  # pyright: ignore[reportAssignmentType]
            total[key] = total.get(key, Fraction(0)) + share * coefficient / atom.divisor
    return total


# ---------------------------------------------------------------- residues and values


def _periods(size: Dim) -> dict[str, int]:
    """For each symbol inside quotients, a step over which they all change by a polynomial."""
    periods: dict[str, int] = {}
    if isinstance(size, int):
        return periods
    for monomial, _ in size.terms:
        for atom, _ in monomial:
            if isinstance(atom, Quotient):
                inner = _periods(atom.numerator)
                for name in symbols(atom.numerator):
                    step = inner.get(name, 1) * atom.divisor
                    periods[name] = lcm(periods.get(name, 1), step)
    return periods


def _cases(interval: Range, period: int) -> int:
    low, high = interval
    return period if high is None else min(period, high - low + 1)


def _residues(
    size: Expression, periods: Mapping[str, int], ranges: Ranges
) -> Iterator[tuple[dict[str, Dim], dict[str, int]]]:
    """List for each combination of residues what to put for the symbols, and the values it starts from."""
    names = list(periods)
    counts = [_cases(ranges[name], periods[name]) for name in names]
    if prod(counts) > CASES:
        return
    others = {name: ranges[name][0] for name in symbols(size) if name not in periods}
    for residues in product(*map(range, counts)):
        starts = {name: ranges[name][0] + rest for name, rest in zip(names, residues, strict=True)}
        yield (
            {name: symbol(name) * periods[name] + start for name, start in starts.items()},
            {**others, **starts},
        )


def _by_residues(size: Expression, periods: Mapping[str, int], ranges: Ranges) -> Verdict | None:
    if not periods:
        return None
    settled = False
    for values, starts in _residues(size, periods, ranges):
        inner = dict(ranges)
        for name, period in periods.items():
            high = ranges[name][1]
            inner[name] = (0, None if high is None else (high - starts[name]) // period)
        case = substitute(size, values)
        found = (
            Verdict("number", None if case >= 1 else {})
            if isinstance(case, int)
            else _corner_verdict(case, inner) or _shift_verdict(case, inner)
        )
        if found is None:
            return None
        if found.witness is not None:
            steps = {name: found.witness.get(name, inner[name][0]) for name in symbols(size)}
            return Verdict(
                "residues",
                {
                    name: starts[name] + periods[name] * step if name in periods else step
                    for name, step in steps.items()
                },
            )
        settled = True
    return Verdict("residues") if settled else None


def _values(names: frozenset[str], ranges: Ranges) -> Iterator[dict[str, int]] | None:
    """All values there are, or None where there are too many."""
    spans: list[range] = []
    for name in sorted(names):
        low, high = ranges[name]
        if high is None:
            return None
        spans.append(range(low, high + 1))
    if prod(map(len, spans)) > CASES:
        return None
    return (dict(zip(sorted(names), values, strict=True)) for values in product(*spans))


def _by_values(size: Expression, names: frozenset[str], ranges: Ranges) -> Verdict | None:
    values = _values(names, ranges)
    if values is None:
        return None
    return Verdict("values", next((binding for binding in values if evaluate(size, binding) < 1), None))


def _far(size: Expression, names: frozenset[str], ranges: Ranges) -> Verdict | None:
    lowest = {name: ranges[name][0] for name in names}
    for name in sorted(names):
        low, high = ranges[name]
        for power in range(_FURTHEST):
            value = low + 2**power
            if high is not None and value > high:
                break
            if evaluate(size, {**lowest, name: value}) < 1:
                return Verdict("far", {**lowest, name: value})
    return None


def _multiple_by_values(rest: Expression, ranges: Ranges) -> Verdict | None:
    values = _values(symbols(rest), ranges)
    if values is None:
        return None
    return Verdict("values", next((binding for binding in values if evaluate(rest, binding)), None))
