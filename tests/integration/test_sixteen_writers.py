"""Sixteen processes derive, link, tag and measure around the same parents: nothing is lost or doubled.

Each writer tells what the registry acknowledged; what is then in the store must be exactly that.
"""

import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import networkx as nx
import pytest

from esper_graph.config import Settings
from esper_graph.errors import LineageCycleError
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.integration.statements import statement
from tests.integration.stored import perceptron

WRITERS, PARENTS = 16, 6
TAGS, DEVICES = ("fast", "small", "odd"), ("cpu", "gpu_a100")
_DERIVATIONS = statement(
    "MATCH (c:Blueprint)-[d:DERIVED_FROM]->(p:Blueprint) "
    "RETURN c.id AS child, d.kind AS kind, p.id AS parent",
    returns="child, kind, parent",
)
_LISTED = {
    "tags": statement(
        "MATCH (b:Blueprint)-[:TAGGED]->(t:Tag) RETURN b.id AS id, t.name AS name", returns="id, name"
    ),
    "events": statement(
        "MATCH (e:Event)-[:CONCERNS]->(b:Blueprint) RETURN e.action AS id, b.id AS name", returns="id, name"
    ),
    "operations": statement("MATCH (e:Event) RETURN e.operation_id AS id, '' AS name", returns="id, name"),
}


@dataclass
class Done:
    """What one writer was told is done.

    Attributes:
        derived: Child, kind and parent of each derivation that was acknowledged.
        refused: Child and parent of each link that would have closed a cycle.
        tagged: Blueprint and tag.
        measured: Blueprint, device and value.
        events: How many changes there were in all.
    """

    derived: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    refused: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    tagged: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    measured: list[tuple[str, str, float]] = field(default_factory=list[tuple[str, str, float]])
    events: int = 0


def parent(number: int) -> str:
    return f"parent_{number}"


def _write(settings: Settings, writer: int, seconds: float, start: Any, told: Any) -> None:
    random, done = Random(writer), Done()
    own: list[str] = []
    try:
        with BlueprintRegistry(settings=settings) as registry:
            registry.engine  # noqa: B018 -- opens it
            start.wait()
            deadline = time.monotonic() + seconds
            number = 0
            while time.monotonic() < deadline:
                number += 1
                _one_change(registry, random, writer, number, own, done)
    except BaseException as error:  # noqa: BLE001, told to the test
        told.put((writer, repr(error)))
    else:
        told.put((writer, done))


def _one_change(
    registry: BlueprintRegistry, random: Random, writer: int, number: int, own: list[str], done: Done
) -> None:
    shared = parent(random.randrange(PARENTS))
    what = random.choice(["derive", "derive", "link", "close", "tag", "measure"])
    if what == "derive":
        child = f"w{writer:02}_{number:05}"
        above = [shared, *random.sample(own, min(len(own), random.randrange(3)))]
        registry.register(perceptron(10 + WRITERS * number + writer, child), parents=above, kind="crossover")
        done.derived += [(child, "crossover", one) for one in above]
        own.append(child)
    elif what in {"link", "close"}:
        # Half of the links are among the shared parents, in any direction: many of them would close a cycle.
        pair = (random.choice(own), shared) if what == "link" and own else (shared, parent(number % PARENTS))
        kind = random.choice(["merge", "transfer"])
        try:
            registry.link(*pair, kind=kind)
        except LineageCycleError as error:
            done.refused.append(error.path)
            return
        done.derived.append((pair[0], kind, pair[1]))
    elif what == "tag":
        one, tag = random.choice([shared, *own[-1:]]), random.choice(TAGS)
        registry.tag(one, tag)
        done.tagged.append((one, tag))
    else:
        device, value = random.choice(DEVICES), float(1 + writer + WRITERS * number)
        registry.update_performance(shared, {"latency_ms": value}, device=device)
        done.measured.append((shared, device, value))
    done.events += 1


def _all_at_once(settings: Settings, seconds: float) -> list[Done]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not by each of the sixteen
    start, told = context.Barrier(WRITERS, timeout=300), context.Queue()
    writers = [
        context.Process(target=_write, args=(settings, writer, seconds, start, told))
        for writer in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    answers = dict(told.get(timeout=seconds + 300) for _ in writers)
    for writer in writers:
        writer.join()
    failures = {writer: answer for writer, answer in answers.items() if not isinstance(answer, Done)}
    assert not failures
    return [answers[writer] for writer in range(WRITERS)]


@pytest.mark.parametrize(
    "seconds", [5, pytest.param(60, marks=[pytest.mark.full, pytest.mark.timeout(1200)])]
)
def test_sixteen_writers_around_the_same_parents_lose_and_double_nothing(
    engine: Engine, engine_settings: Settings, seconds: float
) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register_all([perceptron(1 + number, parent(number)) for number in range(PARENTS)])
        before = len(engine.read(_LISTED["operations"]))
        done = _all_at_once(engine_settings, seconds)

        acknowledged = {one for answer in done for one in answer.derived}
        stored = Counter(tuple(row.values()) for row in engine.read(_DERIVATIONS))
        assert stored == Counter(acknowledged), "each derivation that was acknowledged is there once"
        graph: nx.DiGraph[str] = nx.DiGraph((child, above) for child, _, above in acknowledged)
        assert nx.is_directed_acyclic_graph(graph)
        children = {child for child, kind, _ in acknowledged if kind == "crossover"}
        assert len(registry) == PARENTS + len(children)

        _same_pairs(engine, "tags", {one for answer in done for one in answer.tagged})
        _same_measurements(registry, done)
        _same_events(engine, before, done)
        assert registry.doctor() == (), "generations too"
        assert any(answer.refused for answer in done)
        for path in (path for answer in done for path in answer.refused):
            assert path[0] == path[-1]


def _same_pairs(engine: Engine, what: str, expected: set[tuple[str, str]]) -> None:
    rows = [(row["id"], row["name"]) for row in engine.read(_LISTED[what])]
    assert len(rows) == len(set(rows))
    assert set(rows) == expected


def _same_measurements(registry: BlueprintRegistry, done: Sequence[Done]) -> None:
    expected = Counter(one for answer in done for one in answer.measured)
    for number in range(PARENTS):
        one = parent(number)
        history = registry.measurements(one)
        assert Counter((one, m.device, m.value) for m in history) == Counter(
            {key: count for key, count in expected.items() if key[0] == one}
        )
        latest = {device: [m for m in history if m.device == device] for device in DEVICES}
        for device, known in latest.items():
            newest = registry.metadata(one).benchmarks.get(device, {})
            if not known:
                assert not newest
                continue
            last = max(m.measured_at for m in known)
            assert newest["latency_ms"] in {m.value for m in known if m.measured_at == last}


def _same_events(engine: Engine, before: int, done: Sequence[Done]) -> None:
    operations = [row["id"] for row in engine.read(_LISTED["operations"])]
    assert len(operations) == len(set(operations))
    changes = sum(answer.events for answer in done)
    assert len(operations) - before <= changes, "a change that was made before writes no second event"
    kinds = Counter(row["id"] for row in engine.read(_LISTED["events"]))
    assert kinds["metric.record"] == sum(len(answer.measured) for answer in done)
