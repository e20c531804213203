"""Lineage records are read strictly, and all that is wrong is named with its line."""

import json
from datetime import UTC, datetime

import pytest

from esper_graph.config import load_manifest
from esper_graph.errors import FormatError, RecordsRefusedError
from esper_graph.ir.specs import Derivation
from esper_graph.property_graph.lineage_record import LineageRecord, read_records

MANIFEST = load_manifest()


def problems(*items: object, **options: bool) -> list[str]:
    with pytest.raises(RecordsRefusedError) as caught:
        read_records(items, MANIFEST, **options)  # pyright: ignore[reportArgumentType]
    return [f"{one.where}: {one.message}" for one in caught.value.problems]


def test_text_data_and_values_are_read_alike() -> None:
    data = {
        "id": "tuned",
        "name": "Tuned",
        "description": "x ≤ y",
        "author": "Ann",
        "created_at": "2026-01-02T03:04:05+00:00",
        "tags": ["b", "a", "b"],
        "derivations": [{"parent_id": "base", "kind": "merge", "reason": "to have both"}],
        "metrics": {"cpu": {"latency_ms": 2}},
    }
    value = LineageRecord(
        id="tuned",
        name="Tuned",
        description="x ≤ y",
        author="Ann",
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        tags=("a", "b"),
        derivations=(Derivation(parent_id="base", kind="merge", reason="to have both"),),
        metrics={"cpu": {"latency_ms": 2}},
    )
    for item in (data, json.dumps(data), json.dumps(data).encode(), value):
        (placed,) = read_records(["\n", item], MANIFEST).values()
        assert (placed.line, placed.record) == (2, value)


def test_every_problem_of_every_line_is_named() -> None:
    found = problems(
        '{"id": "a", "name": "A"}',
        '{"id": "-a", "name": "", "parent": 1}',
        "",
        "{nope",
        '{"id": "a", "name": "again"}',
        '{"id": "b", "name": "B", "id": "c"}',
        '{"id": "d", "name": "D", "derivations": [{"parent_id": "a", "kind": "fork"}, {"parent_id": 3}]}',
        '{"id": "e", "name": "E", "metrics": {"moon": {"speed": 1, "latency_ms": -1}}}',
        '{"id": "f", "name": "F", "created_at": "today", "tags": [1]}',
        '{"id": "g", "name": "G", "metrics": {"cpu": {"accuracy": NaN}}}',
        "[]",
        '{"id": "h", "name": "H", "metrics": {"cpu": 3}}',
    )
    lines = [one.partition(":")[0] for one in found]
    assert lines == [
        *("line 2 $.id", "line 2 $.name", "line 2 $.parent"),
        "line 4 column 2",
        "line 5",
        "line 6 $.id",
        *("line 7 $.derivations[0].kind", "line 7 $.derivations[1].parent_id"),
        *("line 8 $.metrics.moon", "line 8 $.metrics.moon.speed", "line 8 $.metrics.moon.latency_ms"),
        *("line 9 $.created_at", "line 9 $.tags[0]"),
        "line 10 $.metrics.cpu.accuracy",
        "line 11 $",
        "line 12 $.metrics",
    ]
    assert found[4] == "line 5: the id `a` stands in line 1 already"


@pytest.mark.parametrize("device", ["", "a\nb", "x" * 201])
def test_a_new_device_has_a_name_that_can_be_printed(device: str) -> None:
    record = {"id": "a", "name": "A", "metrics": {device: {"latency_ms": 1.0}}}
    assert len(problems(record, new_device=True)) == 1
    fine = {"id": "a", "name": "A", "metrics": {"moon": {"latency_ms": 1.0}}}
    assert read_records([fine], MANIFEST, new_device=True)["a"].record.metrics == {
        "moon": {"latency_ms": 1.0}
    }


def test_values_that_are_no_numbers_are_refused() -> None:
    for value in (True, "1", None, float("inf"), [1.0]):
        record = {"id": "a", "name": "A", "metrics": {"cpu": {"latency_ms": value}}}
        assert problems(record) == [
            f"line 1 $.metrics.cpu.latency_ms: `latency_ms` must be a finite number, not {value!r}"
        ]


def test_many_problems_are_counted_and_the_first_twenty_are_shown() -> None:
    with pytest.raises(RecordsRefusedError) as caught:
        read_records(["{"] * 50, MANIFEST)
    assert len(caught.value.problems) == 50
    assert "50 problems" in str(caught.value)
    assert str(caught.value).count("line ") == 20
    assert "and 30 more" in str(caught.value)


def test_a_record_cannot_be_changed() -> None:
    record = LineageRecord(id="a", name="A", metrics={"cpu": {"latency_ms": 1.0}})
    with pytest.raises(TypeError):
        record.metrics["cpu"]["latency_ms"] = 2.0  # pyright: ignore[reportIndexIssue]
    with pytest.raises(FormatError):
        LineageRecord(id="", name="A")
