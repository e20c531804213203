"""Expressions against plain integers at random bindings."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.ops.dims import (
    Dim,
    Expression,
    ceil_div,
    evaluate,
    exact_quotient,
    parse,
    product,
    substitute,
    symbol,
    symbols,
)

NAMES = ("batch", "d0_1", "n")
BINDINGS = st.fixed_dictionaries({name: st.integers(-20, 50) for name in NAMES})


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner),
        st.tuples(st.sampled_from(["//", "%", "ceil"]), inner, st.integers(1, 9)),
    )


FORMULAS = st.recursive(st.integers(-9, 9) | st.sampled_from(NAMES), _grown, max_leaves=6)
"""Formulas as nested tuples, to be read once as sizes and once as plain numbers."""


def worked_out(formula: Any, values: Any) -> Any:
    match formula:
        case int():
            return formula
        case str():
            return values[formula]
        case ("+", left, right):
            return worked_out(left, values) + worked_out(right, values)
        case ("-", left, right):
            return worked_out(left, values) - worked_out(right, values)
        case ("*", left, right):
            return worked_out(left, values) * worked_out(right, values)
        case ("//", left, divisor):
            return worked_out(left, values) // divisor
        case ("%", left, divisor):
            return worked_out(left, values) % divisor
        case (_, left, divisor):
            return -(-worked_out(left, values) // divisor)


def as_size(formula: Any) -> Dim:
    match formula:
        case ("ceil", left, divisor):
            return ceil_div(as_size(left), divisor)
        case (sign, left, right) if sign in ("//", "%"):
            return as_size(left) // right if sign == "//" else as_size(left) % right
        case (sign, left, right):
            return worked_out((sign, "left", "right"), {"left": as_size(left), "right": as_size(right)})
        case _:
            return worked_out(formula, {name: symbol(name) for name in NAMES})


@given(FORMULAS, BINDINGS)
def test_an_expression_has_the_value_of_the_same_formula_in_plain_integers(formula: Any, values: Any) -> None:
    assert evaluate(as_size(formula), values) == worked_out(formula, values)


@given(FORMULAS)
def test_parsing_the_text_of_a_size_gives_the_size(formula: Any) -> None:
    size = as_size(formula)
    if len(str(size)) <= 500:
        assert parse(str(size)) == size
        assert str(parse(str(size))) == str(size)


@given(FORMULAS, FORMULAS)
def test_an_exact_quotient_times_the_divisor_is_the_product(one: Any, other: Any) -> None:
    left, right = as_size(one), as_size(other)
    if right != 0:
        assert exact_quotient(left * right, right) == left


@given(FORMULAS, FORMULAS, BINDINGS)
def test_an_exact_quotient_never_leaves_a_remainder(one: Any, other: Any, values: Any) -> None:
    size, divisor = as_size(one), as_size(other)
    quotient = exact_quotient(size, divisor)
    if quotient is not None:
        assert evaluate(quotient, values) * evaluate(divisor, values) == evaluate(size, values)


@given(FORMULAS, FORMULAS, BINDINGS)
def test_substituting_then_evaluating_is_evaluating_with_the_value(one: Any, other: Any, values: Any) -> None:
    size, inner = as_size(one), as_size(other)
    expected = evaluate(size, {**values, "n": evaluate(inner, values)})
    assert evaluate(substitute(size, {"n": inner}), values) == expected


@given(FORMULAS, FORMULAS, FORMULAS)
def test_sums_and_products_do_not_depend_on_their_order(one: Any, two: Any, three: Any) -> None:
    a, b, c = as_size(one), as_size(two), as_size(three)
    assert a + b == b + a
    assert a * b == b * a
    assert a * (b + c) == a * b + a * c
    assert (a + b) + c == a + (b + c)
    assert hash((a + b,)) == hash((b + a,))


@given(FORMULAS, st.integers(1, 9), st.integers(1, 9), st.integers(-20, 20))
def test_whole_multiples_leave_a_floor_and_common_factors_cancel(
    formula: Any, first: int, second: int, shift: int
) -> None:
    size = as_size(formula)
    assert (size * first + shift * first) // first == size + shift
    assert (size * first) // (first * second) == size // second


@given(st.integers(1, 9), st.integers(1, 9), st.integers(-20, 20), st.integers(-20, 20))
def test_floors_of_floors_merge(first: int, second: int, inner: int, outer: int) -> None:
    n = symbol("n")
    for factor in range(1, 6):
        once = (factor * n + inner + outer * first) // (first * second)
        assert ((factor * n + inner) // first + outer) // second == once


@given(FORMULAS)
def test_a_size_without_symbols_is_a_plain_number(formula: Any) -> None:
    size = as_size(formula)
    assert isinstance(size, Expression) == bool(symbols(size))
    if isinstance(size, int):
        assert evaluate(size, {}) == size


def test_the_rules_of_the_module_hold_as_they_are_written() -> None:
    h = symbol("h")
    assert (4 * h + 3) // 2 == 2 * h + 1
    assert (2 * h + 5) // 4 == (h + 2) // 2
    assert str(((h + 1) // 2 + 3) // 4) == "(h + 7)//8"
    assert product((h, 2, h)) == 2 * h * h
    assert product(()) == 1


@pytest.mark.parametrize(
    "text", ["", "n/2", "n**2", "n//m", "n//0", "f(n)", "1.5", "True", "n if n else 2", "a" * 501]
)
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match=r"expression|characters"):
        parse(text)


def test_zero_divides_nothing() -> None:
    assert exact_quotient(symbol("n"), 0) is None
    with pytest.raises(ZeroDivisionError):
        assert symbol("n") // 0
