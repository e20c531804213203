"""Lineage records: blueprints of which only the lineage is known, such as the models of another hub."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

from pydantic import BeforeValidator, PlainValidator

from esper_graph.config import Manifest
from esper_graph.errors import ConfigError, FormatError, Problem, RecordsRefusedError
from esper_graph.ir.codec import read_json, read_spec, read_specs
from esper_graph.ir.specs import (
    EMPTY,
    MAX_NAME,
    Derivation,
    FrozenDict,
    Id,
    Name,
    Tag,
    Text,
    Value,
    as_tuple,
    sorted_names,
)


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a point in time is written as 2026-11-24T08:30:00+00:00") from None
    if value is not None and not isinstance(value, datetime):
        raise ValueError("a point in time is a datetime, or text such as 2026-11-24T08:30:00+00:00")
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _metrics(value: object) -> FrozenDict:
    """Keep newest values by device and metric; whether there are such, the manifest says."""
    if not isinstance(value, Mapping):
        raise ValueError("metrics are a mapping from devices to values by name of metric")
    devices: dict[str, FrozenDict] = {}
    for device, values in cast(Mapping[object, object], value).items():
        if not isinstance(device, str) or not 0 < len(device) <= MAX_NAME or not device.isprintable():
            raise ValueError(f"{device!r} is no name of a device")
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in cast(Any, values)):
            raise ValueError(f"the metrics on `{device}` are a mapping from names to values")
        devices[device] = FrozenDict(cast(Mapping[str, object], values))
    return FrozenDict(devices)


if TYPE_CHECKING:
    Metrics = Mapping[str, Mapping[str, float]]
else:
    Metrics = Annotated[FrozenDict, PlainValidator(_metrics)]


class LineageRecord(Value):
    """A blueprint of which only the lineage is known: who it is and what it derives from, but no graph.

    Attributes:
        id: Name in the store; it shares its space with the ids and aliases of all blueprints.
        name: Name for people.
        description: What it is.
        author: Who made it.
        created_at: When, by the author's clock; None means when it is imported.
        tags: Words to find it by, sorted.
        derivations: What it derives from; parents are records of the same import, in any order, or blueprints
            of the store.
        metrics: Values by device and name of metric, in the manifest's units.

    Raises:
        FormatError: A field is missing, unknown, or not of its type.

    Example:
        >>> base = LineageRecord(id="bert-base", name="BERT", metrics={"cpu": {"latency_ms": 12.5}})
        >>> tuned = LineageRecord(id="qa", name="QA", derivations=[Derivation(parent_id=base.id)])
        >>> tuned.derivations[0].kind
        'mutation'
    """

    id: Id
    name: Name
    description: Text = ""
    author: Name = "system"
    created_at: Annotated[datetime | None, PlainValidator(_moment)] = None
    tags: Annotated[tuple[Tag, ...], BeforeValidator(sorted_names)] = ()
    derivations: Annotated[tuple[Derivation, ...], BeforeValidator(as_tuple)] = ()
    metrics: Metrics = EMPTY


class Placed(NamedTuple):
    """A record, and the number of its line."""

    line: int
    record: LineageRecord


def read_records(
    items: Iterable[LineageRecord | Mapping[str, Any] | str | bytes],
    manifest: Manifest,
    *,
    new_device: bool = False,
) -> dict[str, Placed]:
    """Read lineage records strictly.

    Args:
        items: Records, plain data, or JSON documents, such as the lines of a file; blank lines are skipped.
        manifest: Says which metrics and devices there are.
        new_device: Accept devices that the manifest does not name.

    Returns:
        The records by id, in their order.

    Raises:
        RecordsRefusedError: Some are not as they must be; all problems are named, each with its line,
            counted from 1.

    Example:
        >>> from esper_graph.config import load_manifest
        >>> lines = ['{"id": "base", "name": "Base"}', '{"id": "base", "name": 3}']
        >>> read_records(lines, load_manifest())
        Traceback (most recent call last):
        ...
        esper_graph.errors.RecordsRefusedError: these lineage records have 1 problem, and none was stored
          line 2 $.name: input should be a valid string
        <BLANKLINE>
        hint: mend these lines and import all of them again
    """
    found: dict[str, Placed] = {}
    problems: list[Problem] = []
    for line, item in enumerate(items, start=1):
        if isinstance(item, str | bytes) and not item.strip():
            continue
        try:
            record = _record(item)
        except FormatError as error:
            problems += [_at(line, one) for one in error.problems]
            continue
        problems += [_at(line, one) for one in _unmeasurable(record, manifest, new_device=new_device)]
        first = found.setdefault(record.id, Placed(line, record))
        if first.line != line:
            problems.append(problem_of(line, f"the id `{record.id}` stands in line {first.line} already"))
    if problems:
        raise RecordsRefusedError(problems)
    return found


def problem_of(line: int, message: str, hint: str | None = None) -> Problem:
    """Say what is wrong with the record of a line."""
    return Problem("format", message, f"line {line}", hint, {"line": line})


def _record(item: LineageRecord | Mapping[str, Any] | str | bytes) -> LineageRecord:
    if isinstance(item, LineageRecord):
        return item
    data: object = read_json(item) if isinstance(item, str | bytes) else item
    if not isinstance(data, Mapping):
        return read_spec(LineageRecord, data, "$")  # which says what it is instead
    fields = cast(Mapping[str, object], data)
    problems: list[Problem] = []
    if "derivations" in fields:  # by themselves, so that each has its path
        read: list[Derivation] = []
        try:
            read = read_specs(Derivation, fields["derivations"], "$.derivations")
        except FormatError as error:
            problems += error.problems
        fields = {**fields, "derivations": read}
    try:
        record = read_spec(LineageRecord, fields, "$")
    except FormatError as error:
        problems += error.problems
    else:
        if not problems:
            return record
    raise FormatError(*problems)


def _unmeasurable(record: LineageRecord, manifest: Manifest, *, new_device: bool) -> Iterator[Problem]:
    """Name devices and metrics that there are none of, and values that cannot be."""
    for device, values in record.metrics.items():
        path = f"$.metrics.{device}"
        if not new_device:
            try:
                manifest.device(device)
            except ConfigError as error:
                yield Problem("format", error.message, path, error.hint)
        for name, value in values.items():
            try:
                manifest.metric(name).require(value)
            except ConfigError as error:
                yield Problem("format", error.message, f"{path}.{name}", error.hint)


def _at(line: int, problem: Problem) -> Problem:
    where = f"line {line} {problem.where.removeprefix('line 1 ')}".rstrip()
    return Problem(problem.kind, problem.message, where, problem.hint, problem.facts)
