"""Import lineage records: blueprints of which only the lineage is known.

Everything is looked up and compared first, so that what is refused leaves nothing behind. Then the records
are written in batches, parents before their children: each in one transaction with one event, under the
lineage lock, so that nobody numbers their parents anew meanwhile. While one batch is written, the next is
made. Where somebody took an id meanwhile, what is left is looked up and compared again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any, cast

from esper_graph.config import Manifest
from esper_graph.errors import LineageCycleError, Problem, RecordsRefusedError
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.lineage_record import LineageRecord, Placed, problem_of
from esper_graph.property_graph.records import LineageImport, Operation
from esper_graph.property_graph.rows import derivations_from
from esper_graph.store.engines import Engine, Row
from esper_graph.store.filling import filled
from esper_graph.store.lineage_batch import Batch, TakenError, height, states
from esper_graph.store.lineage_rows import Surroundings

_AT_ONCE = 5_000
_ADDS = "an import adds records and changes none: see `tag`, `update_performance` and `link`"

Progress = Callable[[int, int], None]


def import_records(
    engine: Engine,
    placed: Mapping[str, Placed],
    make_operation: Callable[[], Operation],
    manifest: Manifest,
    *,
    external_parents: bool = False,
    progress: Progress | None = None,
) -> LineageImport:
    """Write lineage records that are not there yet; those that are there must be the same.

    Args:
        placed: The records by id, with their lines.
        make_operation: Makes the operation of one batch.
        manifest: Says which categories the tags lead to.
        external_parents: Keep parents that are nowhere as names only.
        progress: Called with how many are written and how many there are to write.

    Raises:
        RecordsRefusedError: Ids are taken, parents are nowhere, or records that are there are others. Nothing
            is written; only where somebody took an id meanwhile, the batches before it are.
        LineageCycleError: Records would be their own ancestors; nothing is written. Where a record arrives as
            the parent that its own ancestor waits for, the batches before it are.
    """
    outside = {one.parent_id for _, record in placed.values() for one in record.derivations} - placed.keys()
    imported: dict[str, Placed] = {}
    derivations = 0
    while True:
        found = _states(engine, [*placed, *sorted(outside)])
        rest = {name: one for name, one in placed.items() if name not in imported}
        known, problems = _known(engine, rest, found)
        external = outside - found.keys()
        if not external_parents:
            problems += _unknown_parents(rest, external)
        if problems:
            raise RecordsRefusedError(sorted(problems, key=_line), stored=len(imported))
        new = [rest[name] for name in _parents_first(placed) if name in rest and name not in known]
        around = Surroundings(
            heights={one["id"]: height(one) for one in found.values()},
            ids={name: one["id"] for name, one in found.items() if name != one["id"]},
            external=external,
            manifest=manifest,
        )
        total = len(imported) + len(new)
        try:
            for batch, count in _written(engine, filled(new, partial(_begin, make_operation, around))):
                imported |= {one.record.id: one for one in batch.placed}
                derivations += count
                if progress is not None:
                    progress(len(imported), total)
        except TakenError:
            continue  # by the same record, perhaps, which another import wrote
        break
    parents = {one.parent_id for _, record in imported.values() for one in record.derivations}
    return LineageImport(
        imported=tuple(imported),
        known=tuple(name for name in placed if name in known),
        derivations=derivations,
        external_parents=tuple(sorted(parents & around.external)),
    )


def _begin(make_operation: Callable[[], Operation], around: Surroundings) -> Batch:
    return Batch(make_operation(), around)


def _written(engine: Engine, batches: Iterable[Batch]) -> Iterator[tuple[Batch, int]]:
    """Write the batches, and yield each that is written with the number of its derivations."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="esper-graph-write") as writer:
        before: tuple[Batch, Future[int]] | None = None
        for batch in batches:
            if before is not None:
                yield before[0], before[1].result()
            before = (batch, writer.submit(batch.save, engine))
        if before is not None:
            yield before[0], before[1].result()


# ---------------------------------------------------------------- looking before


def _states(engine: Engine, names: list[str]) -> dict[str, Row]:
    return {row["name"]: row for part in _parts(names) for row in states(engine, part)}


def _parts(names: list[str]) -> Iterator[list[str]]:
    return (names[begin : begin + _AT_ONCE] for begin in range(0, len(names), _AT_ONCE))


def _known(
    engine: Engine, placed: Mapping[str, Placed], states: Mapping[str, Row]
) -> tuple[set[str], list[Problem]]:
    """Find the records that are there already; ids that others have and records that differ are problems."""
    known = placed.keys() & states.keys()
    problems: list[Problem] = []
    records: list[str] = []
    for name in sorted(known):
        line, state = placed[name].line, states[name]
        if state["id"] != name:
            problems.append(problem_of(line, f"the id `{name}` is an alias of `{state['id']}`"))
        elif not state["record"]:
            hint = "leave the record out: a registered blueprint has a lineage of its own"
            problems.append(problem_of(line, f"the id `{name}` is that of a registered blueprint", hint))
        else:
            records.append(name)
    for part in _parts(records):
        for row in engine.read(get("lineage/imported"), {"ids": part}):
            line, record = placed[row["properties"]["id"]]
            problems += [
                problem_of(line, f"`{record.id}` is known already, {difference}", _ADDS)
                for difference in _differences(record, row, states)
            ]
    return known, problems


def _differences(record: LineageRecord, row: Row, states: Mapping[str, Row]) -> Iterator[str]:
    """Say what a record says that the one in the store does not."""
    held: Mapping[str, Any] = row["properties"]
    for name in ("name", "description", "author"):
        if held.get(name, "") != getattr(record, name):
            yield f"with the {name} {held.get(name, '')!r}, not {getattr(record, name)!r}"
    if record.created_at is not None and held["created_at"] != record.created_at:
        yield f"created at {held['created_at'].isoformat()}, not {record.created_at.isoformat()}"
    derivations = derivations_from(row["derivations"])
    for one in record.derivations:
        parent = states[one.parent_id]["id"] if one.parent_id in states else one.parent_id
        if one.replace(parent_id=parent) not in derivations:
            yield f"without this {one.kind} from `{one.parent_id}`"
    for tag in record.tags:
        if tag not in row["tags"]:
            yield f"without the tag `{tag}`"
    measured = {(one["device"], one["name"], one["value"]) for one in row["measured"]}
    for device, values in record.metrics.items():
        for name, value in values.items():
            if (device, name, float(value)) not in measured:
                yield f"without a value {value!r} of {name} on {device}"


def _unknown_parents(placed: Mapping[str, Placed], unknown: AbstractSet[str]) -> Iterator[Problem]:
    for line, record in placed.values():
        for parent in dict.fromkeys(one.parent_id for one in record.derivations):
            if parent in unknown:
                yield problem_of(
                    line,
                    f"parent `{parent}` of `{record.id}` is neither among the records nor in this store",
                    "import or register the parents too, or pass `--external-parent` to keep names only",
                )


def _line(problem: Problem) -> int:
    return cast(int, problem.facts["line"])


def _parents_first(placed: Mapping[str, Placed]) -> list[str]:
    """Order the records so that parents stand before their children.

    Raises:
        LineageCycleError: There is no such order.
    """
    above = {
        name: [one.parent_id for one in record.derivations if one.parent_id in placed]
        for name, (_, record) in placed.items()
    }
    try:
        return list(TopologicalSorter(above).static_order())
    except CycleError as error:
        ids: list[str] = list(reversed(error.args[1]))
        raise LineageCycleError(ids[0], ids[1], ids) from None
