"""Derivations between blueprints that exist: no cycle, whoever races, and generations stay right."""

import threading
from datetime import UTC, datetime
from random import Random
from typing import Any

import networkx as nx
import pytest

from esper_graph.errors import (
    BlueprintNotFoundError,
    FormatError,
    LineageCycleError,
    QueryError,
    UnknownParentError,
)
from esper_graph.property_graph.identifiers import new_id
from esper_graph.property_graph.records import Operation
from esper_graph.store import lineage, schema
from esper_graph.store.engines import Engine
from tests.integration.families import chain, ladder, plant, random_family
from tests.integration.races import Meeting, before_links
from tests.integration.statements import statement

STATE = statement(
    "MATCH (b:Blueprint) RETURN b.id AS id, b.generation AS generation ORDER BY id", returns="id, generation"
)
EVENTS = statement(
    "MATCH (e:Event) OPTIONAL MATCH (e)-[:CONCERNS]->(b) WITH e, b.id AS id ORDER BY id "
    "RETURN e.operation_id AS operation, e.actor AS actor, e.action AS action, e.reason AS reason, "
    "collect(id) AS concerns ORDER BY operation",
    returns="operation, actor, action, reason, concerns",
)


@pytest.fixture
def store(engine: Engine) -> Engine:
    schema.ensure(engine)
    return engine


def operation() -> Operation:
    return Operation(new_id(), "tester", datetime.now(UTC), "lineage.link", "because")


def generations(engine: Engine) -> dict[str, int]:
    return {row["id"]: row["generation"] for row in engine.read(STATE)}


def by_networkx(graph: "nx.DiGraph[str]") -> dict[str, int]:
    """The longest way up, for each member: children point to parents."""
    found: dict[str, int] = {}
    for member in reversed(list(nx.topological_sort(graph))):
        found[member] = 1 + max((found[parent] for parent in graph.successors(member)), default=-1)
    return found


def test_a_derivation_is_written_with_its_facts_and_one_event(store: Engine) -> None:
    plant(store, alone=["a", "b"])
    asked = operation()
    assert lineage.link(
        store, "b", "a", kind="merge", mutation_type="weights", edits=[{"op": "x"}], operation=asked
    )
    (found,) = lineage.parents(store, "b")
    assert (found.child, found.parent, found.kind, found.mutation_type) == ("b", "a", "merge", "weights")
    assert (found.actor, found.reason, found.registered_at) == ("tester", "because", asked.at)
    assert found.edits == ({"op": "x"},)
    assert not found.rediscovery
    assert store.read(EVENTS) == [
        {
            "operation": asked.id,
            "actor": "tester",
            "action": "lineage.link",
            "reason": "because",
            "concerns": ["a", "b"],
        }
    ]
    assert generations(store) == {"a": 0, "b": 1}


def test_repeating_a_link_changes_nothing(store: Engine) -> None:
    plant(store, alone=["a", "b"])
    asked = operation()
    assert lineage.link(store, "b", "a", kind="merge", operation=asked)
    before = lineage.parents(store, "b")
    assert lineage.link(store, "b", "a", kind="merge", operation=asked)  # the same operation: it did write it
    assert not lineage.link(store, "b", "a", kind="merge", operation=operation())
    assert lineage.parents(store, "b") == before
    assert len(store.read(EVENTS)) == 1


def test_a_derivation_that_registration_wrote_is_not_written_again(store: Engine) -> None:
    plant(store, [("b", "a")])
    assert not lineage.link(store, "b", "a", kind="mutation", operation=operation())
    assert lineage.link(store, "b", "a", kind="crossover", operation=operation())
    assert [one.kind for one in lineage.parents(store, "b")] == ["mutation", "crossover"]
    assert [one.id for one in lineage.ancestors(store, "b")] == ["a"]


def test_a_cycle_is_refused_with_its_path_in_order_and_nothing_is_written(store: Engine) -> None:
    plant(store, [("b", "a"), ("c", "b"), ("d", "c")])
    with pytest.raises(LineageCycleError) as caught:
        lineage.link(store, "a", "d", kind="merge", operation=operation())
    assert caught.value.path == ("a", "d", "c", "b", "a")
    assert lineage.parents(store, "a") == ()
    assert store.read(EVENTS) == []


def test_nobody_is_his_own_parent(store: Engine) -> None:
    plant(store, alone=["a"])
    with pytest.raises(LineageCycleError) as caught:
        lineage.link(store, "a", "a", kind="merge", operation=operation())
    assert caught.value.path == ("a", "a")


def test_unknown_ends_and_kinds_are_named(store: Engine) -> None:
    plant(store, alone=["a"])
    with pytest.raises(BlueprintNotFoundError, match="nobody"):
        lineage.link(store, "nobody", "a", kind="merge", operation=operation())
    with pytest.raises(UnknownParentError, match="nobody"):
        lineage.link(store, "a", "nobody", kind="merge", operation=operation())
    with pytest.raises(QueryError, match="mutatoin") as caught:
        lineage.link(store, "a", "a", kind="mutatoin", operation=operation())
    assert caught.value.hint == "did you mean `mutation`?"


@pytest.mark.parametrize(
    "said",
    [{"mutation_type": ""}, {"mutation_type": "x" * 201}, {"mutation_type": "a\tb"}, {"reason": "a\nb"}],
)
def test_what_could_not_be_read_again_is_refused(store: Engine, said: dict[str, Any]) -> None:
    plant(store, alone=["a", "b"])
    with pytest.raises(FormatError, match="|".join(said)):
        lineage.link(store, "a", "b", kind="merge", operation=operation(), **said)
    assert lineage.parents(store, "a") == ()
    assert store.read(EVENTS) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_random_links_generations_are_those_of_networkx(store: Engine, seed: int) -> None:
    random = Random(seed)
    graph = plant(store, random_family(random, 25))
    members = sorted(graph)
    refused = 0
    for _ in range(30):
        child, parent = random.sample(members, 2)
        if not nx.has_path(graph, parent, child):
            lineage.link(store, child, parent, kind="merge", operation=operation())
            graph.add_edge(child, parent)
            continue
        with pytest.raises(LineageCycleError) as caught:
            lineage.link(store, child, parent, kind="merge", operation=operation())
        path = caught.value.path
        assert (path[0], path[1], path[-1]) == (child, parent, child)
        assert nx.is_path(graph, path[1:])
        refused += 1
    assert generations(store) == by_networkx(graph)
    assert 0 < refused < 30


@pytest.mark.parametrize("family", [ladder(40), chain(2_008)], ids=["ladder", "chain"])
def test_a_link_above_a_large_family_numbers_all_of_it_anew(
    store: Engine, family: list[tuple[str, str]]
) -> None:
    graph = plant(store, [*family, ("step", "start")])
    root = min(member for member in graph if not graph.out_degree(member) and member != "start")
    assert lineage.link(store, root, "step", kind="merge", operation=operation())
    graph.add_edge(root, "step")
    assert generations(store) == by_networkx(graph)
    numbered = by_networkx(graph)
    last = max(numbered, key=lambda member: numbered[member])
    with pytest.raises(LineageCycleError) as caught:
        lineage.link(store, "start", last, kind="merge", operation=operation())
    assert len(caught.value.path) == nx.shortest_path_length(graph, last, "start") + 2


def race(store: Engine, rounds: int, meeting: Meeting) -> dict[int, list[LineageCycleError]]:
    """Two writers close cycles of two halves, each of which is allowed alone; return who was refused."""
    plant(store, [pair for number in range(rounds) for pair in halves(number)[2:]])
    refusals: dict[int, list[LineageCycleError]] = {number: [] for number in range(rounds)}
    failures: list[BaseException] = []

    def write(side: int) -> None:
        try:
            for number in range(rounds):
                child, parent = halves(number)[side]
                meeting.enter(number, side)
                try:
                    lineage.link(store, child, parent, kind="merge", operation=operation())
                except LineageCycleError as error:
                    refusals[number].append(error)
                meeting.leave()
        except BaseException as error:  # noqa: BLE001, told to the test below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(side,)) for side in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    return refusals


def halves(number: int) -> list[tuple[str, str]]:
    """Two derivations that close a cycle, and the two that are there before, as child and parent."""
    x1, x2, y1, y2 = (f"{number:03}-{name}" for name in ("x1", "x2", "y1", "y2"))
    return [(x1, y2), (y1, x2), (x2, x1), (y2, y1)]


@pytest.mark.parametrize("rounds", [50, pytest.param(200, marks=pytest.mark.full)])
def test_of_two_who_would_close_a_cycle_together_one_is_refused(
    store: Engine, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = Meeting(bytearray(2 * rounds))
    before_links(meeting.look_up, monkeypatch)
    for number, found in race(store, rounds, meeting).items():
        (refusal,) = found
        (x1, y2), (y1, x2), *_ = halves(number)
        assert refusal.path in {(x1, y2, y1, x2, x1), (y1, x2, x1, y2, y1)}
        later = {x1, x2, y1, y2}.intersection(lineage.ancestor_ids(store, refusal.parent))
        assert refusal.child in later
        assert refusal.parent not in later


def test_without_lock_and_numbering_the_same_two_close_every_cycle(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Numbering writes on the blueprints below, so that the two meet there too: another guard.
    monkeypatch.setattr("esper_graph.store.link.renumber", lambda *_arguments, **_options: None)
    meeting = Meeting(bytearray(2 * 10), patience=300)
    before_links(meeting.look_up, monkeypatch, locked=False)
    assert race(store, 10, meeting) == {number: [] for number in range(10)}
