"""What both engines promise to the store, on each of them."""

import multiprocessing
import os
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from neo4j._sync.io._bolt import Bolt  # no public door shows what the driver asks its connections

from esper_graph.config import Secret, Settings
from esper_graph.errors import EsperGraphError, QueryError, StoreUnavailableError
from esper_graph.property_graph.catalogue import get, names
from esper_graph.store.engines import ConflictError, Engine, Transaction, embedded, open_engine
from tests.integration.statements import statement

ONE = statement("RETURN 1 AS one", returns="one")
COUNT = statement("MATCH (n:Thing) RETURN count(n) AS things", returns="things")
CREATE = statement(
    "CREATE (:Thing {key: $key})", access="write", parameters={"key": "STRING"}, name="tests/create"
)
MERGE = statement(
    "MERGE (t:Thing {key: $key}) ON CREATE SET t.seen = 0 SET t.seen = t.seen + 1 RETURN t.seen AS seen",
    access="write",
    returns="seen",
    parameters={"key": "STRING"},
)
UNIQUE = statement(
    "CREATE CONSTRAINT thing_key_unique IF NOT EXISTS FOR (t:Thing) REQUIRE t.key IS UNIQUE", access="schema"
)
DROP = statement("DROP CONSTRAINT thing_key_unique IF EXISTS", access="schema")


@pytest.fixture
def unique(engine: Engine) -> Iterator[Engine]:
    engine.schema(UNIQUE)
    yield engine
    engine.schema(DROP)


# ---------------------------------------------------------------- values


def test_times_come_back_aware_and_at_the_same_instant(engine: Engine) -> None:
    moment = datetime(2026, 11, 24, 6, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    engine.write(
        lambda transaction: transaction.run(
            statement("CREATE (:Thing {at: datetime($at)})", access="write", parameters={"at": "STRING"}),
            {"at": moment.isoformat()},
        )
    )
    (row,) = engine.read(
        statement(
            "MATCH (t:Thing) RETURN t.at AS at, [t.at] AS list, {at: t.at} AS map", returns="at, list, map"
        )
    )
    assert row["at"] == row["list"][0] == row["map"]["at"] == moment
    assert type(row["at"]) is datetime
    assert row["at"].utcoffset() is not None


def test_a_local_time_is_taken_as_universal_time(engine: Engine) -> None:
    query = statement("RETURN localdatetime('2026-01-02T03:04:05') AS at", returns="at")
    assert engine.read(query) == [{"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}]


def test_dates_and_durations_are_plain_python(engine: Engine) -> None:
    query = statement("RETURN date('2026-01-02') AS day, duration('P1DT2H') AS long", returns="day, long")
    assert engine.read(query) == [{"day": date(2026, 1, 2), "long": "P1DT2H"}]


def test_nodes_relationships_and_paths_are_dicts_without_engine_ids(engine: Engine) -> None:
    engine.write(
        lambda transaction: transaction.run(
            statement("CREATE (:Thing {key: 'a'})-[:FEEDS {port: 1}]->(:Thing {key: 'b'})", access="write")
        )
    )
    query = statement("MATCH p = (a:Thing {key: 'a'})-[r:FEEDS]->(b) RETURN a, r, p", returns="a, r, p")
    first = {"labels": ["Thing"], "properties": {"key": "a"}}
    second = {"labels": ["Thing"], "properties": {"key": "b"}}
    feeds = {"type": "FEEDS", "properties": {"port": 1}}
    assert engine.read(query) == [
        {"a": first, "r": feeds, "p": {"nodes": [first, second], "relationships": [feeds]}}
    ]


NUMBERS = [0, -(2**63), 2**63 - 1, 0.1, -0.0, True, None]
TEXTS = ["", "Ünïcodé 🧠 \u2028", "' \" ` \\u0060"]
COLLECTIONS = [[1, 2], ["a", "b"], {"a": {"b": [None]}}]


@pytest.mark.parametrize("value", [*NUMBERS, *TEXTS, *COLLECTIONS])
def test_a_value_comes_back_as_it_was_sent(engine: Engine, value: object) -> None:
    echo = statement("RETURN $value AS value", returns="value", parameters={"value": "ANY?"})
    ((_, returned),) = engine.read(echo, {"value": value})[0].items()
    assert repr(returned) == repr(value)


# ---------------------------------------------------------------- what is refused before and after sending


def test_missing_and_unknown_parameters_are_all_named(engine: Engine) -> None:
    query = statement("RETURN $a + $b AS sum", returns="sum", parameters={"a": "INTEGER", "b": "INTEGER"})
    with pytest.raises(QueryError) as caught:
        engine.read(query, {"b": 1, "c": 2, "d": 3})
    assert caught.value.where == ("missing  a", "unknown  c", "unknown  d")


@pytest.mark.parametrize("value", [object(), 2**63, {1: "a"}, {"a": {1, 2}}])
def test_a_value_that_cannot_be_sent_is_refused_and_the_engine_stays_usable(
    engine: Engine, value: Any
) -> None:
    echo = statement("RETURN $value AS value", returns="value", parameters={"value": "ANY"})
    with pytest.raises(QueryError, match="tests/statement"):
        engine.read(echo, {"value": value})
    assert engine.read(ONE) == [{"one": 1}]


def test_a_write_is_not_run_as_a_read_nor_a_schema_statement_in_a_transaction(engine: Engine) -> None:
    for attempt in (
        lambda: engine.read(CREATE, {"key": "a"}),
        lambda: list(engine.stream(CREATE, {"key": "a"})),
        lambda: engine.schema(CREATE, {"key": "a"}),
        lambda: engine.write(lambda transaction: transaction.run(UNIQUE)),
    ):
        with pytest.raises(QueryError, match="has access"):
            attempt()
    assert engine.read(COUNT) == [{"things": 0}]


def test_columns_must_be_the_declared_ones(engine: Engine) -> None:
    with pytest.raises(QueryError) as caught:
        engine.read(statement("RETURN 1 AS one, 2 AS two", returns="two, one"))
    assert caught.value.where == ("declared  two, one", "returned  one, two")


def test_a_statement_that_the_engine_cannot_read_is_a_query_error_with_its_name(engine: Engine) -> None:
    with pytest.raises(QueryError) as caught:
        engine.read(statement("MATCH (n RETURN n", returns="n", name="tests/broken"))
    assert "tests/broken" in str(caught.value)
    assert "\n" not in caught.value.message


# ---------------------------------------------------------------- transactions


def test_a_transaction_sees_its_own_writes_and_a_failed_one_leaves_nothing(engine: Engine) -> None:
    def work(transaction: Transaction) -> list[dict[str, Any]]:
        transaction.run(CREATE, {"key": "a"})
        transaction.run(CREATE, {"key": "b"})
        return transaction.run(COUNT)

    assert engine.write(work) == [{"things": 2}]

    def failing(transaction: Transaction) -> None:
        transaction.run(CREATE, {"key": "c"})
        raise KeyError("c")

    with pytest.raises(KeyError):
        engine.write(failing)
    assert engine.read(COUNT) == [{"things": 2}]


def test_a_second_node_with_the_same_key_is_a_conflict(unique: Engine) -> None:
    def create(transaction: Transaction) -> None:
        transaction.run(CREATE, {"key": "a"})

    unique.write(create)
    with pytest.raises(ConflictError) as caught:
        unique.write(create)
    assert caught.value.query == "tests/create"
    assert unique.read(COUNT) == [{"things": 1}]


def test_a_conflict_is_tried_five_times_when_asked(unique: Engine) -> None:
    attempts: list[int] = []

    def create(transaction: Transaction) -> None:
        attempts.append(1)
        transaction.run(CREATE, {"key": "a"})

    unique.write(create)
    with pytest.raises(ConflictError):
        unique.write(create, retry_conflicts=True)
    assert len(attempts) == 1 + 5


def test_a_connection_is_left_alone_once_it_was_given_back(
    unique: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may hold it by then, and would wait for ever where both ask it whether it lives."""
    asked: list[bool] = []
    defunct = Bolt.defunct

    def watched(connection: Bolt) -> bool:
        asked.append(connection.in_use)
        return defunct(connection)

    monkeypatch.setattr(Bolt, "defunct", watched)
    unique.write(lambda transaction: transaction.run(CREATE, {"key": "a"}))
    with pytest.raises(ConflictError):
        unique.write(lambda transaction: transaction.run(CREATE, {"key": "a"}))
    with pytest.raises(QueryError):
        unique.read(statement("RETURN 1 / 0 AS wrong", returns="wrong"))
    assert asked
    assert all(asked)


def test_writers_in_turn_wait_where_the_engine_would_let_them_fail(unique: Engine) -> None:
    """On a server they need no turns: it locks what they both touch."""
    events: list[str] = []
    inside, other_is_done = threading.Event(), threading.Event()

    def first(transaction: Transaction) -> None:
        transaction.run(MERGE, {"key": "first"})
        inside.set()
        other_is_done.wait(0.5 if unique.name == "embedded" else 60)
        events.append("first")

    def second(transaction: Transaction) -> None:
        transaction.run(MERGE, {"key": "second"})
        events.append("second")

    def run_second() -> None:
        inside.wait(60)
        unique.write(second, in_turn=True)
        other_is_done.set()

    other = threading.Thread(target=run_second)
    other.start()
    unique.write(first, in_turn=True)
    other.join()
    assert events == (["first", "second"] if unique.name == "embedded" else ["second", "first"])
    assert unique.read(COUNT) == [{"things": 2}]


def test_threads_that_merge_the_same_keys_make_each_once_and_lose_no_update(unique: Engine) -> None:
    errors: list[EsperGraphError] = []

    def merge_all() -> None:
        try:
            for number in range(25):
                unique.write(
                    lambda transaction, key=f"k{number}": transaction.run(MERGE, {"key": key}),
                    retry_conflicts=True,
                )
        except EsperGraphError as error:
            errors.append(error)

    threads = [threading.Thread(target=merge_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    (row,) = unique.read(
        statement("MATCH (t:Thing) RETURN count(t) AS things, sum(t.seen) AS seen", returns="things, seen")
    )
    assert row == {"things": 25, "seen": 8 * 25}


def test_a_constraint_that_is_there_already_is_no_error_even_when_processes_race(
    engine: Engine, engine_settings: Settings
) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        pool.map(_make_constraint, [engine_settings] * 8, chunksize=1)
    query = statement(
        "SHOW CONSTRAINTS YIELD labelsOrTypes, properties RETURN labelsOrTypes AS labels, properties",
        returns="labels, properties",
    )
    found = [row for row in engine.read(query) if row["labels"] == ["Thing"]]
    engine.schema(DROP)
    assert found == [{"labels": ["Thing"], "properties": ["key"]}]


def _make_constraint(settings: Settings) -> None:
    with open_engine(settings) as engine:
        engine.schema(UNIQUE)


def test_another_engine_reads_at_once_what_was_written(engine: Engine, engine_settings: Settings) -> None:
    with open_engine(engine_settings) as other:
        for number in range(1, 6):
            engine.write(lambda transaction: transaction.run(CREATE, {"key": "a"}))
            assert other.read(COUNT) == [{"things": number}]


def test_a_forked_process_can_use_the_engine_of_its_parent(engine: Engine) -> None:
    engine.write(lambda transaction: transaction.run(CREATE, {"key": "parent"}))
    pid = os.fork()
    if not pid:
        try:
            engine.write(lambda transaction: transaction.run(CREATE, {"key": "child"}))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert engine.read(COUNT) == [{"things": 2}]


# ---------------------------------------------------------------- large answers


def test_a_long_answer_streams_and_may_be_left_early(engine: Engine) -> None:
    numbers = statement("UNWIND range(1, $last) AS n RETURN n", returns="n", parameters={"last": "INTEGER"})
    assert sum(row["n"] for row in engine.stream(numbers, {"last": 20_000})) == 20_000 * 20_001 // 2
    early = engine.stream(numbers, {"last": 900_000})
    assert isinstance(early, Generator)
    with closing(early) as rows:
        assert [next(rows), next(rows)] == [{"n": 1}, {"n": 2}]
    assert engine.read(ONE) == [{"one": 1}]


def test_a_stream_that_fails_at_its_start_is_a_query_error(engine: Engine) -> None:
    with pytest.raises(QueryError):
        next(iter(engine.stream(statement("RETURN 1 / 0 AS n", returns="n"))))


def test_parameters_of_twenty_mebibytes_arrive(engine: Engine) -> None:
    rows = [{"text": "x" * 1000} for _ in range(20_000)]
    query = statement(
        "UNWIND $rows AS row RETURN sum(size(row.text)) AS characters",
        returns="characters",
        parameters={"rows": "LIST<MAP>"},
    )
    assert engine.read(query, {"rows": rows}) == [{"characters": 20_000_000}]


# ---------------------------------------------------------------- capabilities and refusals of the engine


def test_capabilities_are_the_engine_s_own_words(engine: Engine) -> None:
    capabilities = engine.capabilities
    assert capabilities is engine.capabilities
    assert capabilities.agent.startswith("Neo4j/")
    if engine.name == "embedded":
        assert not capabilities.read_only_sessions
    else:
        assert capabilities.read_only_sessions
        assert "db.labels" in capabilities.procedures


def test_a_wrong_password_is_named_as_such(engine: Engine, engine_settings: Settings) -> None:
    if engine.name == "embedded":
        wrong = replace(
            engine_settings, uri=_uri_of_embedded(engine_settings), username="root", database="esper"
        )
    else:
        wrong = engine_settings
    with (
        open_engine(replace(wrong, password=Secret("not the password"))) as stranger,
        pytest.raises(StoreUnavailableError, match=f"refused the login of `{wrong.username}`") as caught,
    ):
        stranger.read(ONE)
    assert caught.value.exit_code == 5
    assert caught.value.hint is not None
    assert "NEO4J_PASSWORD" in caught.value.hint
    assert "not the password" not in str(caught.value)


def test_a_wrong_database_is_named_as_such(engine: Engine, engine_settings: Settings) -> None:
    if engine.name == "embedded":
        engine_settings = replace(
            engine_settings,
            uri=_uri_of_embedded(engine_settings),
            username="root",
            password=Secret(embedded.password(engine_settings)),
        )
    with (
        open_engine(replace(engine_settings, database="nowhere")) as stranger,
        pytest.raises(StoreUnavailableError, match="no database `nowhere`"),
    ):
        stranger.read(ONE)


def _uri_of_embedded(settings: Settings) -> str:
    running = embedded.status(settings)
    assert running is not None
    return running.uri


def test_a_runaway_query_is_stopped_after_the_time_set(
    engine: Engine, engine_settings: Settings, tmp_path: Path
) -> None:
    impatient = replace(engine_settings, query_timeout_seconds=1.0)
    if engine.name == "embedded":  # its time-out is set when it starts, so this takes one of its own
        impatient = replace(impatient, uri=f"embedded:{tmp_path}", idle_seconds=1.0)
    endless = statement(
        "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b WITH a * b AS c RETURN sum(c) AS s",
        returns="s",
    )
    with open_engine(impatient) as other:
        with pytest.raises(QueryError, match="longer than 1 seconds"):
            other.read(endless)
        assert other.read(ONE) == [{"one": 1}]
    if engine.name == "embedded":
        assert embedded.stop(impatient)


@pytest.mark.parametrize("name", names())
def test_every_read_query_without_parameters_of_the_catalogue_runs(engine: Engine, name: str) -> None:
    query = get(name)
    if query.access == "read" and not query.parameters:
        assert isinstance(engine.read(query), list)
