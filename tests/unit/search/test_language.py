"""Filters are read strictly: every mistake has its column, and what is quoted is a value."""

from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.errors import FilterError
from esper_graph.search.fields import FIELDS, help_lines, table_of_fields
from esper_graph.search.language import METRICS, Filter, order_field, parse
from esper_graph.search.values import Interval, Span, interval, span


def read(text: str) -> Filter:
    return parse(text, METRICS)


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_the_example_of_each_field_is_a_filter(field: object) -> None:
    example = getattr(field, "example")  # noqa: B009, of one of the table's rows
    (term,) = read(example).terms
    assert term.field is field


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("tag:small paramters<5", 11, "no field `paramters`"),
        ("latency@cpu<5", 1, "no metric `latency`"),
        ("params~5", 7, "cannot be compared with `~`"),
        ("tag<5", 4, "cannot be compared with `<`"),
        ("params<many", 8, "`many` is not a finite number"),
        ("params<nan", 8, "`nan` is not a finite number"),
        ("params<inf", 8, "`inf` is not a finite number"),
        ("params<1e999", 8, "`1e999` is not a finite number"),
        ("params<0x10", 8, "`0x10` is not a finite number"),
        ("params<1_000", 8, "`1_000` is not a finite number"),
        ("params:5..1", 8, "the range `5..1` is empty"),
        ("params:..", 8, "the range `..` is empty"),
        ("params<1..5", 8, "a range cannot be compared with `<`"),
        ("params<*", 8, "`*` is not a finite number"),
        ("registered>yesterday", 12, "`yesterday` is no time"),
        ("registered>2026-13-01", 12, "`2026-13-01` is no time"),
        ("tag:", 5, "a value is missing here"),
        ("tag:a,", 7, "a value is missing here"),
        ("tag:a, b", 7, "a value is missing here"),
        ('tag:"a', 5, "this quote is never closed"),
        ('tag:"a"b', 8, "a space is missing here"),
        ("-", 2, "a value is missing here"),
        ("a,b", 1, "alternatives need a field"),
        ("params < 5e6", 8, "`<` is no term"),
        ("tag:a -tag :b", 12, "`:b` is no term"),
        ("--tag:a", 2, "`-tag:a` is no term"),
        ("latency_ms@<5", 1, "`latency_ms@<5` is no term"),
        ("tag:a OR tag:b", 7, "`OR` is no term"),
        ("op:lineer", 4, "no op `lineer`; did you mean `linear`"),
        ("kind:copy", 6, "there is no kind `copy`"),
        ("kernel:fast", 8, "a kernel is `ready` or `*`"),
        ("runs-on:cpu,gpu", 9, "one device at a time"),
        ("input:Bx-3", 7, "`-3` in the shape `Bx-3` is no size"),
        ("input:float99[B]", 7, "`float99` is no dtype"),
        ("input:0x3", 7, "`0` in the shape"),
    ],
)
def test_a_mistake_has_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(FilterError) as told:
        read(text)
    assert told.value.column == column
    assert says in told.value.message
    assert told.value.hint


def test_quoted_texts_may_look_like_terms() -> None:
    assert [term.values for term in read('"params < 5" "OR" or').terms] == [("params < 5",), ("OR",), ("or",)]


def test_close_fields_and_metrics_are_named() -> None:
    with pytest.raises(FilterError) as told:
        read("latency_m<5")
    assert told.value.hint == "did you mean `latency_ms`?"


def test_long_filters_are_refused() -> None:
    with pytest.raises(FilterError, match="at most 64 terms"):
        read("a " * 65)
    with pytest.raises(FilterError, match=r"at most 4,000 characters"):
        read("a" * 4_001)


def test_a_filter_is_the_same_however_it_is_spaced_and_abbreviated() -> None:
    assert read(" params<5e6   tag:a ") == read('parameters<5000000 tag="a"')
    assert read("params<5") != read("params<=5")
    assert read("-tag:a") != read("tag:a")


def test_a_cost_is_computed_and_a_metric_on_a_device_measured() -> None:
    metrics = {**METRICS, "memory_mb": 1}
    computed, measured = parse("memory_mb<5 memory_mb@cpu<5", metrics).terms
    assert computed.field is FIELDS["memory_mb"]
    assert measured.field is not None
    assert (measured.field.kind, measured.device) == ("metric", "cpu")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str) -> None:
    try:
        read(text)
    except FilterError as error:
        column = error.column
    else:
        column = None
    assert column is None or 1 <= column <= len(text) + 1


@given(st.text(min_size=1, max_size=40))
def test_any_text_can_be_quoted(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    (term,) = read(f"tag:{quoted}").terms
    assert term.values == ((text,) if text != "*" else ())
    (word,) = read(quoted).terms
    assert word.values == (text,)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_an_interval_holds_what_the_comparison_says(value: float, bound: float) -> None:
    text = repr(bound)

    def holds(one: Interval) -> bool:
        return one.least <= value <= one.most

    assert holds(interval("<", text)) == (value < bound)
    assert holds(interval("<=", text)) == (value <= bound)
    assert holds(interval(">", text)) == (value > bound)
    assert holds(interval(">=", text)) == (value >= bound)
    assert holds(interval("=", text)) == (value == bound)
    assert holds(interval("=", f"{text}..")) == (value >= bound)


def test_open_ranges_and_any_value() -> None:
    assert interval("=", "*") == Interval(-inf, inf)
    assert interval("=", "..5") == Interval(-inf, 5)
    assert span("=", "*") == Span(None, None)


def test_a_day_and_a_month_stand_for_all_of_it() -> None:
    day, after = datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    assert span(":", "2026-02-28") == Span(day, after)
    assert span(">", "2026-02-28") == span(">=", "2026-03-01") == Span(after, None)
    assert span("<=", "2026-02") == span("<", "2026-03") == Span(None, after)
    assert span(":", "2026-02-27..2026-02") == Span(day - timedelta(days=1), after)
    moment = datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert span(">", "2026-02-28T13:00+01:00") == Span(moment + timedelta(microseconds=1), None)


def test_an_order_is_a_number_a_time_a_metric_or_a_name() -> None:
    assert order_field("params", METRICS) == (FIELDS["parameters"], None)
    assert order_field("latency_ms@cpu", METRICS)[1] == "cpu"
    for wrong in ("tag", "paramz", "latency_ms@", "params desc", "", "author"):
        with pytest.raises(FilterError):
            order_field(wrong, METRICS)


def test_help_lists_every_field() -> None:
    assert [line.split(",")[0].split()[0] for line in help_lines()] == [*FIELDS, "METRIC@DEVICE"]


def test_the_page_shows_the_table_of_fields() -> None:
    page = (Path(__file__).parents[3] / "docs" / "search.md").read_text(encoding="utf-8")
    assert f"<!-- fields -->\n{table_of_fields()}\n<!-- /fields -->" in page
