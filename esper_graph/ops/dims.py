"""Exact sizes: integers and integer expressions over named symbols.

A `Dim` is an `int`, or an `Expression`: a polynomial with integer coefficients over symbols
(`batch`, `d0_1`) and floor quotients (`(d0_1 + 1)//2`). Expressions are kept in one canonical form, so
two that are built differently but agree through the rules below compare equal with `==`:

- whole multiples leave a quotient:  `(4*h + 3)//2  ->  2*h + 1 + 1//2  ->  2*h + 1`
- common factors cancel:             `(2*h + 5)//4  ->  (h + 2)//2  ->  h//2 + 1`
- nested quotients merge:            `((h + 1)//2 + 3)//4  ->  (h + 7)//8`, `(3*h//2)//2  ->  3*h//4`

Write sizes with ordinary arithmetic; plain integers stay plain integers.

    >>> height = symbol("height")
    >>> str((height + 2 * 1 - 3) // 2 + 1)
    '(height + 1)//2'
    >>> evaluate((height + 1) // 2, {"height": 28})
    14
"""

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache, reduce
from math import gcd
from typing import NamedTuple


class Quotient(NamedTuple):
    """The atom `numerator // divisor`, where the divisor is at least 2."""

    numerator: "Expression"
    divisor: int

    def __str__(self) -> str:
        text = str(self.numerator)
        return f"{text}//{self.divisor}" if text.isidentifier() else f"({text})//{self.divisor}"


Atom = str | Quotient
Monomial = tuple[tuple[Atom, int], ...]
_ONE: Monomial = ()


def _atom_key(factor: tuple[Atom, int]) -> tuple[bool, str]:
    return (not isinstance(factor[0], str), str(factor[0]))


class Expression:
    """An integer polynomial that is not a constant; immutable, hashable, canonical.

    Attributes:
        terms: Pairs of monomial and non-zero coefficient, in a fixed order.
    """

    __slots__ = ("_hash", "terms")
    terms: tuple[tuple[Monomial, int], ...]

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms
        self._hash = hash(terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self._hash == other._hash and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: "Dim") -> "Dim":
        total = dict(self.terms)
        for monomial, coefficient in _terms(other):
            total[monomial] = total.get(monomial, 0) + coefficient
        return _canonical(total)

    __radd__ = __add__

    def __neg__(self) -> "Dim":
        return Expression(tuple((monomial, -coefficient) for monomial, coefficient in self.terms))

    def __sub__(self, other: "Dim") -> "Dim":
        return self + (-other)

    def __rsub__(self, other: int) -> "Dim":
        return -self + other

    def __mul__(self, other: "Dim") -> "Dim":
        if isinstance(other, int):
            return Expression(tuple([(one, other * count) for one, count in self.terms])) if other else 0
        total: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                monomial = _times(left, right)
                total[monomial] = total.get(monomial, 0) + a * b
        return _canonical(total)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> "Dim":
        return _floor(self, divisor)

    def __mod__(self, divisor: int) -> "Dim":
        return self - _floor(self, divisor) * divisor

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in self.terms:
            sign = "-" if coefficient < 0 else "+"
            text += f" {sign} " if text else ("-" if coefficient < 0 else "")
            term = _monomial_text(monomial, abs(coefficient))
            # `-n//2` would be read as the floor of -n.
            text += f"({term})" if text == "-" and coefficient == -1 and "//" in term else term
        return text

    def __repr__(self) -> str:
        return f"<{self}>"


Dim = int | Expression


def symbol(name: str) -> Expression:
    """Return the size called `name`, an identifier."""
    return Expression(((((name, 1),), 1),))


def ceil_div(size: Dim, divisor: int) -> Dim:
    """Return `size / divisor` rounded up."""
    return (size + divisor - 1) // divisor


def product(sizes: "tuple[Dim, ...]") -> Dim:
    """Multiply sizes; 1 for none."""
    number, rest = 1, None
    for size in sizes:
        if isinstance(size, int):
            number *= size
        else:
            rest = size if rest is None else rest * size
    return number if rest is None else rest * number


def highest(size: Dim) -> int | None:
    """Return the largest value of a size that can only fall when its symbols, which are at least 1, grow.

    >>> n = symbol("n")
    >>> highest(5 - n), highest(-2 * n), highest(n)
    (4, -2, None)
    """
    if isinstance(size, int):
        return size
    for monomial, coefficient in size.terms:
        if monomial and (coefficient > 0 or any(isinstance(atom, Quotient) for atom, _ in monomial)):
            return None
    return sum(coefficient for _, coefficient in size.terms)


@lru_cache(maxsize=65_536)
def symbols(size: Dim) -> frozenset[str]:
    """Name the symbols that a size depends on."""
    return frozenset(_symbol_names(size))


def substitute(size: Dim, values: Mapping[str, Dim]) -> Dim:
    """Replace symbols by sizes; symbols without a value stay.

    >>> str(substitute(symbol("n") * 4, {"n": symbol("m") + 1}))
    '4*m + 4'
    """
    if isinstance(size, int):
        return size
    total: Dim = 0
    for monomial, coefficient in size.terms:
        term: Dim = coefficient
        for atom, power in monomial:
            if isinstance(atom, str):
                base = values[atom] if atom in values else symbol(atom)
            else:
                base = substitute(atom.numerator, values) // atom.divisor
            for _ in range(power):
                term = term * base
        total = total + term
    return total


def evaluate(size: Dim, values: Mapping[str, int]) -> int:
    """Return the size under a value for each of its symbols.

    Raises:
        KeyError: A symbol has no value.
    """
    if isinstance(size, int):
        return size
    total = 0
    for monomial, coefficient in size.terms:
        term = coefficient
        for atom, power in monomial:
            value = (
                values[atom] if isinstance(atom, str) else evaluate(atom.numerator, values) // atom.divisor
            )
            term *= value**power
        total += term
    return total


def exact_quotient(size: Dim, divisor: Dim) -> Dim | None:
    """Divide without remainder for all values of the symbols, or return None.

    Multivariate polynomial long division in lexicographic order; quotient atoms count as variables.

    >>> batch, length = symbol("batch"), symbol("length")
    >>> str(exact_quotient(batch * length * 512, length * 64))
    '8*batch'
    """
    if divisor == 0:
        return None
    if isinstance(size, int) and isinstance(divisor, int):
        return size // divisor if size % divisor == 0 else None
    lead, lead_coefficient = _leading(divisor)
    quotient: Dim = 0
    rest = size
    while rest != 0:
        monomial, coefficient = _leading(rest)
        factor = _divided(monomial, lead)
        if factor is None or coefficient % lead_coefficient:
            return None
        term = _canonical({factor: coefficient // lead_coefficient})
        quotient = quotient + term
        rest = rest - term * divisor
    return quotient


@lru_cache(maxsize=4096)
def parse(text: str) -> Dim:
    """Read a size such as `"4*batch + 1"` or `"(d0_1 + 1)//2"`; the inverse of `str`.

    Raises:
        ValueError: The text is not an integer expression over names.
    """
    if len(text) > 500:
        raise ValueError("a size is written in at most 500 characters")
    try:
        return _read(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError, ZeroDivisionError) as error:
        raise ValueError(f"`{text}` is not an integer expression") from error


def _read(tree: ast.expr) -> Dim:
    match tree:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read(operand)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _read(left) + _read(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _read(left) - _read(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _read(left) * _read(right)
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=ast.Constant(value=int(divisor))) if divisor > 0:
            return _read(left) // divisor
        case _:
            raise ValueError(f"`{ast.unparse(tree)}` is not part of an integer expression")


def _terms(size: Dim) -> tuple[tuple[Monomial, int], ...]:
    return size.terms if isinstance(size, Expression) else ((_ONE, size),)


def _canonical(total: dict[Monomial, int]) -> Dim:
    terms = [(monomial, coefficient) for monomial, coefficient in total.items() if coefficient]
    if not terms:
        return 0
    if len(terms) == 1:
        return terms[0][1] if terms[0][0] == _ONE else Expression(tuple(terms))
    # Longest products first and the constant last, as people write polynomials.
    terms.sort(key=lambda term: (-sum(power for _, power in term[0]), _monomial_text(term[0], 1)))
    return Expression(tuple(terms))


def _times(left: Monomial, right: Monomial) -> Monomial:
    if not left or not right:
        return left or right
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=_atom_key))


def _divided(monomial: Monomial, by: Monomial) -> Monomial | None:
    powers = dict(monomial)
    for atom, power in by:
        left = powers.get(atom, 0) - power
        if left < 0:
            return None
        powers[atom] = left
    return tuple(sorted(((atom, power) for atom, power in powers.items() if power), key=_atom_key))


def _leading(size: Dim) -> tuple[Monomial, int]:
    atoms = sorted({factor[0] for monomial, _ in _terms(size) for factor in monomial}, key=str)
    return max(_terms(size), key=lambda term: [dict(term[0]).get(atom, 0) for atom in atoms])


def _floor(size: Dim, divisor: int) -> Dim:
    if divisor < 1:
        raise ZeroDivisionError("sizes are divided by positive integers only")
    if isinstance(size, int):
        return size // divisor
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, coefficient in size.terms:
        whole[monomial], rest[monomial] = divmod(coefficient, divisor)
    constant = rest.pop(_ONE, 0)
    rest = {monomial: coefficient for monomial, coefficient in rest.items() if coefficient}
    if not rest:
        return _canonical(whole)
    common = reduce(gcd, rest.values(), divisor)
    rest = {monomial: coefficient // common for monomial, coefficient in rest.items()}
    constant, divisor = constant // common, divisor // common
    numerator = _canonical({**rest, _ONE: constant})
    assert isinstance(numerator, Expression)
    if divisor == 1:
        return _canonical(whole) + numerator
    for monomial, coefficient in numerator.terms:
        inner, power = monomial[0] if len(monomial) == 1 else ("", 0)
        if coefficient == power == 1 and isinstance(inner, Quotient):
            others = numerator - Expression(((monomial, 1),))
            merged = others * inner.divisor + inner.numerator
            return _canonical(whole) + _floor(merged, divisor * inner.divisor)
    return _canonical(whole) + Expression(((((Quotient(numerator, divisor), 1),), 1),))


def _monomial_text(monomial: Monomial, coefficient: int) -> str:
    factors = [
        str(atom) if isinstance(atom, str) else f"({atom})" for atom, power in monomial for _ in range(power)
    ]
    if len(factors) == 1 and coefficient == 1:
        return str(monomial[0][0])
    return "*".join(factors if coefficient == 1 and factors else [str(coefficient), *factors])


def _symbol_names(size: Dim) -> Iterator[str]:
    if isinstance(size, Expression):
        for monomial, _ in size.terms:
            for atom, _power in monomial:
                if isinstance(atom, str):
                    yield atom
                else:
                    yield from _symbol_names(atom.numerator)
