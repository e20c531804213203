"""Every file of the catalogue runs on every engine, as its header says that people can try it."""

import re
from typing import Any

import pytest

from esper_graph.property_graph.catalogue import NamedQuery, get, names
from esper_graph.store import kernels
from esper_graph.store.engines import Engine, Row, Transaction
from tests.integration.statements import statement
from tests.integration.stock import network, operation, stock
from tests.integration.stored import save
from tests.integration.test_store_kernels import made

_TRY = re.compile(r":param (\w+) => (.+)")


class _UndoneError(Exception):
    """Rolls a transaction back once it has done what was to be seen."""


def tried(query: NamedQuery) -> dict[str, str]:
    """The values of a header's `try` lines, as Cypher."""
    found = [_TRY.fullmatch(line) for line in query.examples]
    assert all(found), query.examples
    return {line[1]: line[2] for line in found if line}


@pytest.fixture
def populated(engine: Engine) -> Engine:
    """A store that holds what the headers speak of."""
    stock(engine)
    save(engine, network("simple_mlp", 8, ("root",)), network("simple_mlp_wide", 9, ("simple_mlp",)))
    attempt = kernels.begin_attempt(
        engine, "simple_mlp", mode="infer", backend="script", profile="default", operation=operation()
    )
    kernels.record_kernel(
        engine, made("simple_mlp", "0123" + "0" * 60), attempt_id=attempt.id, operation=operation()
    )
    return engine


@pytest.mark.parametrize("name", names())
def test_a_header_has_a_value_to_try_for_each_parameter(name: str) -> None:
    query = get(name)
    assert set(tried(query)) == {parameter.name for parameter in query.parameters}


def test_every_file_runs_with_what_its_header_says_to_try(populated: Engine) -> None:
    failed: dict[str, str] = {}
    for name in names():
        if name.startswith("schema/embedded/") and populated.name != "embedded":
            continue
        try:
            _run(populated, get(name))
        except Exception as error:  # noqa: BLE001, all of them are listed
            failed[name] = str(error)
    assert not failed, "\n".join(f"{name}: {error}" for name, error in failed.items())


def _run(engine: Engine, query: NamedQuery) -> None:
    """Run a query, and take back what it wrote; the engine compares the columns with the header's."""
    parameters = _parameters(engine, query)
    if query.access == "schema":
        engine.schema(query, parameters)
        return
    if query.access == "read":
        _compare(engine.read(query, parameters), query)
        return

    def work(transaction: Transaction) -> None:
        _compare(transaction.run(query, parameters), query)
        raise _UndoneError

    with pytest.raises(_UndoneError):
        engine.write(work)


def _compare(rows: list[Row], query: NamedQuery) -> None:
    assert all(tuple(row) == query.returns for row in rows)


def _parameters(engine: Engine, query: NamedQuery) -> dict[str, Any]:
    values = tried(query)
    if not values:
        return {}
    echo = statement(
        "RETURN " + ", ".join(f"{value} AS {name}" for name, value in values.items()),
        returns=", ".join(values),
    )
    (row,) = engine.read(echo)
    return row


def test_no_read_query_writes(populated: Engine) -> None:
    before = populated.read(get("browse/overview"))
    for name in names():
        query = get(name)
        if query.access == "read":
            populated.read(query, _parameters(populated, query))
    assert populated.read(get("browse/overview")) == before
