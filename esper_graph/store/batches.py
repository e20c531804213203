"""Save many blueprints: while one batch is being written, the next is prepared and its rows are made."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

from esper_graph.config import Manifest
from esper_graph.property_graph.records import Operation, Registration
from esper_graph.property_graph.registration import Prepared
from esper_graph.store.blueprints import parents_of_new
from esper_graph.store.collecting import seldom_collected
from esper_graph.store.engines import Engine
from esper_graph.store.filling import filled
from esper_graph.store.saving import Batch

BATCH_BLUEPRINTS = 100

Progress = Callable[[int], None]


def register_all(
    engine: Engine,
    prepared: Iterable[Prepared],
    make_operation: Callable[[], Operation],
    manifest: Manifest,
    *,
    external_parents: bool = False,
    progress: Progress | None = None,
) -> list[Registration]:
    """Save blueprints in batches, each in one transaction with one operation.

    Blueprints with parents get the version 1 + the largest of theirs.

    Args:
        prepared: May be computed as it is read: that happens beside the writes.
        make_operation: Makes the operation of one batch.
        progress: Called with the number of blueprints that are written.

    Returns:
        What became of each, in the order given.
    """
    done: list[Registration] = []
    versions: dict[str, int] = {}

    def finish(writing: Future[list[Registration]] | None) -> None:
        if writing is not None:
            done.extend(writing.result())
            if progress is not None:
                progress(len(done))

    def begin() -> Batch:
        return Batch(make_operation(), manifest, external_parents=external_parents)

    with (
        seldom_collected(),
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="esper-graph-write") as writer,
    ):
        writing: Future[list[Registration]] | None = None
        try:
            for some in _some(prepared, BATCH_BLUEPRINTS):
                for batch in filled(_versioned(engine, some, versions), begin):
                    finish(writing)
                    writing = None
                    writing = writer.submit(batch.save, engine)
        except BaseException:
            if writing is not None:
                writing.result()  # what fails after a batch leaves that batch written
            raise
        finish(writing)
    return done


def _some(prepared: Iterable[Prepared], most: int) -> Iterator[list[Prepared]]:
    source = iter(prepared)
    while some := list(islice(source, most)):
        yield some


def _versioned(engine: Engine, batch: list[Prepared], versions: dict[str, int]) -> list[Prepared]:
    """Give children the version that follows from their parents', in the store, before, or in the batch."""
    unknown = {name for one in batch for name in one.blueprint.parents} - versions.keys()
    if unknown:
        versions.update({name: found.version for name, found in parents_of_new(engine, unknown).items()})
    waiting = list(range(len(batch)))
    inside = {one.blueprint.id for one in batch}
    ready = list(batch)
    settled: set[str] = set()
    while waiting:
        later: list[int] = []
        for place in waiting:
            blueprint = ready[place].blueprint
            beside = inside.intersection(blueprint.parents) - {blueprint.id}
            if not beside <= settled:
                later.append(place)
                continue
            above = [versions[name] for name in blueprint.parents if name in versions]
            version = 1 + max(above) if above else blueprint.version
            if version != blueprint.version:
                ready[place] = replace(ready[place], blueprint=blueprint.changed(version=version))
            versions[blueprint.id] = version
            settled.add(blueprint.id)
        if len(later) == len(waiting):  # parents in a circle: `save` refuses them
            break
        waiting = later
    return ready
