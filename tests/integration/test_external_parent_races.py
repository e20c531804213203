"""A parent known by name only arrives while others write about it: it is found, with right generations."""

from typing import Any

import pytest

from esper_graph.store import lineage, schema
from esper_graph.store.engines import Engine
from tests.integration.statements import statement
from tests.integration.stored import perceptron, save
from tests.integration.test_generation_races import Interrupted, generations

_AWAITED = statement("MATCH (x:ExternalParent) RETURN x.id AS id ORDER BY id", returns="id")


@pytest.fixture
def store(engine: Engine) -> Engine:
    schema.ensure(engine)
    save(engine, perceptron(1, "root"), perceptron(2, "stem", parents=("root",)))
    return engine


def awaiting(engine: Any, hidden: int, name: str, *parents: str) -> None:
    save(engine, perceptron(hidden, name, parents=parents), external_parents=True)


def parents(engine: Engine, name: str) -> list[str]:
    return [one.parent for one in lineage.parents(engine, name)]


@pytest.mark.parametrize("query", ["blueprint/parents", "blueprint/save", "blueprint/join"])
def test_a_parent_that_arrives_while_its_child_is_written_is_its_parent(store: Engine, query: str) -> None:
    engine: Any = Interrupted(store, query, lambda: save(store, perceptron(3, "far", parents=("stem",))))
    awaiting(engine, 4, "kid", "far")
    engine.finish()
    assert parents(store, "kid") == ["far"]
    assert store.read(_AWAITED) == []
    assert generations(store) == {"root": 0, "stem": 1, "far": 2, "kid": 3}


@pytest.mark.parametrize("query", ["blueprint/save", "blueprint/join"])
def test_a_child_that_is_written_while_its_parent_arrives_gets_it(store: Engine, query: str) -> None:
    engine: Any = Interrupted(store, query, lambda: awaiting(store, 4, "kid", "far"))
    save(engine, perceptron(3, "far", parents=("stem",)))
    engine.finish()
    assert parents(store, "kid") == ["far"]
    assert store.read(_AWAITED) == []
    assert generations(store) == {"root": 0, "stem": 1, "far": 2, "kid": 3}


@pytest.mark.parametrize("query", ["blueprint/parents", "blueprint/save", "blueprint/join"])
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
