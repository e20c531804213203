"""A child is registered in the moment in which its parent gets another generation: both come out right."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from esper_graph.property_graph.catalogue import NamedQuery
from esper_graph.store import lineage, schema
from esper_graph.store.engines import Engine, Row, Transaction
from tests.integration.statements import statement
from tests.integration.stored import operation, perceptron, save

GENERATIONS = statement(
    "MATCH (b:Blueprint) RETURN b.id AS id, b.generation AS generation", returns="id, generation"
)
_LONG_ENOUGH = 1.5  # seconds in which the other writer is done, unless it waits for a lock


class Interrupted:
    """An engine whose first transaction pauses after one query, so that another writer can come between."""

    def __init__(self, engine: Engine, query: str, between: Callable[[], object]) -> None:
        self._engine, self._query = engine, query
        self._other = threading.Thread(target=self._run, args=(between,))
        self._failures: list[BaseException] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def write(self, work: Callable[[Transaction], Any], **options: Any) -> Any:
        return self._engine.write(lambda transaction: work(_Pausing(transaction, self._pause)), **options)

    def finish(self) -> None:
        assert self._other.ident is not None, f"{self._query} was never run"
        self._other.join(timeout=60)
        assert not self._other.is_alive()
        assert not self._failures

    def _pause(self, query: NamedQuery) -> None:
        if query.name == self._query and self._other.ident is None:
            self._other.start()
            self._other.join(timeout=_LONG_ENOUGH)

    def _run(self, between: Callable[[], object]) -> None:
        try:
            between()
        except BaseException as error:  # noqa: BLE001, told to the test by `finish`
            self._failures.append(error)


class _Pausing(Transaction):
    def __init__(self, transaction: Transaction, pause: Callable[[NamedQuery], None]) -> None:
        self._transaction, self._pause = transaction, pause

    def run(self, query: NamedQuery, parameters: Mapping[str, object] | None = None) -> list[Row]:
        rows = self._transaction.run(query, parameters or {})
        self._pause(query)
        return rows


@pytest.fixture
def store(engine: Engine) -> Engine:
    """`mother`, to be found under `root`; nothing derives from anything yet."""
    schema.ensure(engine)
    save(
        engine, perceptron(1, "root"), perceptron(2, "mother"), perceptron(3, "daughter", parents=("mother",))
    )
    return engine


def generations(engine: Engine) -> dict[str, int]:
    return {row["id"]: row["generation"] for row in engine.read(GENERATIONS)}


def link(engine: Any, child: str, parent: str) -> None:
    lineage.link(engine, child, parent, kind="merge", operation=operation("lineage.link"))


def test_a_parent_that_sinks_while_its_child_is_written_takes_the_child_with_it(store: Engine) -> None:
    engine: Any = Interrupted(store, "blueprint/parents", lambda: link(store, "mother", "root"))
    save(engine, perceptron(4, "son", parents=("mother",)))
    engine.finish()
    assert generations(store) == {"root": 0, "mother": 1, "daughter": 2, "son": 2}


def test_a_child_that_comes_while_its_parent_is_numbered_anew_is_numbered_with_it(store: Engine) -> None:
    child = perceptron(4, "son", parents=("daughter",))
    engine: Any = Interrupted(store, "lineage/generations_below", lambda: save(store, child))
    link(engine, "mother", "root")
    engine.finish()
    assert generations(store) == {"root": 0, "mother": 1, "daughter": 2, "son": 3}


def test_a_parent_inside_the_same_batch_is_held_too_where_the_store_knows_it(store: Engine) -> None:
    engine: Any = Interrupted(store, "blueprint/parents", lambda: link(store, "mother", "root"))
    save(engine, perceptron(2, "again"), perceptron(4, "son", parents=("again",)))
    engine.finish()
    assert generations(store) == {"root": 0, "mother": 1, "daughter": 2, "son": 2}
