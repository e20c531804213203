"""A parent known by name only arrives while others write about it: it is found, with right generations."""

from collections.abc import Callable
from typing import Any

import pytest

from esper_graph.errors import LineageCycleError
from esper_graph.store import changes, doctor, lineage, schema
from esper_graph.store.engines import Engine
from tests.integration.statements import statement
from tests.integration.stored import operation, perceptron, save
from tests.integration.test_generation_races import Interrupted, generations

_AWAITED = statement("MATCH (x:ExternalParent) RETURN x.id AS id ORDER BY id", returns="id")
CHILD = ("blueprint/parents", "blueprint/save", "blueprint/claim", "blueprint/join")
"""What is run for a child that awaits a parent, in this order."""


@pytest.fixture
def store(engine: Engine) -> Engine:
    schema.ensure(engine)
    save(engine, perceptron(1, "root"), perceptron(2, "stem", parents=("root",)))
    return engine


def awaiting(engine: Any, hidden: int, name: str, *parents: str) -> None:
    save(engine, perceptron(hidden, name, parents=parents), external_parents=True)


def parents(engine: Engine, name: str) -> list[str]:
    return [one.parent for one in lineage.parents(engine, name)]


@pytest.mark.parametrize("query", CHILD)
def test_a_parent_that_arrives_while_its_child_is_written_is_its_parent(store: Engine, query: str) -> None:
    engine: Any = Interrupted(store, query, lambda: save(store, perceptron(3, "far", parents=("stem",))))
    awaiting(engine, 4, "kid", "far")
    engine.finish()
    assert parents(store, "kid") == ["far"]
    assert store.read(_AWAITED) == []
    assert generations(store) == {"root": 0, "stem": 1, "far": 2, "kid": 3}


def alias(engine: Any) -> None:
    changes.add_alias(engine, "stem", operation("blueprint.alias"), alias="far")


def another_name(engine: Any) -> None:
    save(engine, perceptron(2, "far"))


@pytest.mark.parametrize("arrive", [alias, another_name])
@pytest.mark.parametrize("query", CHILD)
def test_a_parent_that_gets_the_awaited_name_while_its_child_is_written_is_its_parent(
    store: Engine, query: str, arrive: Callable[[Any], None]
) -> None:
    engine: Any = Interrupted(store, query, lambda: arrive(store))
    awaiting(engine, 4, "kid", "far")
    engine.finish()
    assert parents(store, "kid") == ["stem"]
    assert store.read(_AWAITED) == []
    assert generations(store) == {"root": 0, "stem": 1, "kid": 2}


@pytest.mark.parametrize(
    ("arrive", "query"),
    [(alias, "blueprint/add_alias"), (another_name, "blueprint/save"), (another_name, "blueprint/join")],
)
def test_a_child_that_is_written_while_its_parent_gets_the_awaited_name_gets_it(
    store: Engine, arrive: Callable[[Any], None], query: str
) -> None:
    engine: Any = Interrupted(store, query, lambda: awaiting(store, 4, "kid", "far"))
    arrive(engine)
    engine.finish()
    assert parents(store, "kid") == ["stem"]
    assert store.read(_AWAITED) == []
    assert generations(store) == {"root": 0, "stem": 1, "kid": 2}


@pytest.mark.parametrize("query", ["blueprint/save", "blueprint/claim", "blueprint/join"])
def test_two_who_await_each_other_at_once_are_no_circle(store: Engine, query: str) -> None:
    refused: list[LineageCycleError] = []

    def other() -> None:
        try:
            awaiting(store, 5, "hen", "egg")
        except LineageCycleError as error:
            refused.append(error)

    engine: Any = Interrupted(store, query, other)
    try:
        awaiting(engine, 4, "egg", "hen")
    except LineageCycleError as error:
        refused.append(error)
    engine.finish()
    assert len(refused) == 1
    assert doctor.examine(store) == []


def test_names_that_were_awaited_are_free_afterwards(store: Engine) -> None:
    awaiting(store, 4, "kid", "far", "further")
    awaiting(store, 5, "other", "further", "far")
    save(store, perceptron(6, "further"))
    alias(store)
    assert set(parents(store, "kid")) == set(parents(store, "other")) == {"stem", "further"}
    assert doctor.examine(store) == []


@pytest.mark.parametrize("query", ["blueprint/save", "blueprint/join"])
def test_a_child_that_is_written_while_its_parent_arrives_gets_it(store: Engine, query: str) -> None:
    engine: Any = Interrupted(store, query, lambda: awaiting(store, 4, "kid", "far"))
    save(engine, perceptron(3, "far", parents=("stem",)))
    engine.finish()
    assert parents(store, "kid") == ["far"]
    assert store.read(_AWAITED) == []
    assert generations(store) == {"root": 0, "stem": 1, "far": 2, "kid": 3}


@pytest.mark.parametrize("query", CHILD)
def test_two_children_that_await_the_same_parent_at_once_both_get_it(store: Engine, query: str) -> None:
    engine: Any = Interrupted(store, query, lambda: awaiting(store, 5, "other", "far"))
    awaiting(engine, 4, "kid", "far")
    engine.finish()
    assert [row["id"] for row in store.read(_AWAITED)] == ["far"]
    save(store, perceptron(3, "far", parents=("stem",)))
    assert parents(store, "kid") == parents(store, "other") == ["far"]
    assert generations(store) == {"root": 0, "stem": 1, "far": 2, "kid": 3, "other": 3}


@pytest.mark.parametrize(
    "query",
    ["lineage/lock", "blueprint/awaiting", "lineage/path", "lineage/link", "lineage/generations_below"],
)
def test_a_grandchild_that_comes_while_the_parent_arrives_is_numbered_with_it(
    store: Engine, query: str
) -> None:
    awaiting(store, 4, "kid", "root", "far")
    save(store, perceptron(5, "elder", parents=("kid",)))
    engine: Any = Interrupted(store, query, lambda: save(store, perceptron(6, "younger", parents=("kid",))))
    save(engine, perceptron(3, "far", parents=("stem",)))
    engine.finish()
    assert generations(store) == {"root": 0, "stem": 1, "far": 2, "kid": 3, "elder": 4, "younger": 4}
