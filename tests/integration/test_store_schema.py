"""The schema: made once, whoever races; not touched where it is right; refused where it is not ours."""

import multiprocessing
import threading
from dataclasses import replace

import pytest

from esper_graph.config import Settings
from esper_graph.errors import IdTakenError, SchemaVersionError
from esper_graph.property_graph.catalogue import NamedQuery, get
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import changes, metrics, schema
from esper_graph.store.engines import ConflictError, Engine, open_engine
from tests.integration.facts import populate
from tests.integration.statements import statement
from tests.integration.stored import change, operation, perceptron, save
from tests.unit.ir.test_blocks import tower

RULES = statement(
    "SHOW CONSTRAINTS YIELD labelsOrTypes, properties RETURN labelsOrTypes AS labels, properties",
    returns="labels, properties",
)
INDEXES = statement(
    "SHOW INDEXES YIELD labelsOrTypes, properties RETURN labelsOrTypes AS labels, properties",
    returns="labels, properties",
)
FOREIGN = statement("CREATE (n:Customer {name: 'Ann'})", access="write")
NEWER = statement(
    "MERGE (v:SchemaVersion {name: 'esper_graph'}) SET v.version = 99 RETURN v.version AS version",
    access="write",
    returns="version",
)
KERNELS = statement("MATCH (k:Kernel) RETURN count(k) AS kernels", returns="kernels")
VALIDATED = statement(
    "MATCH (b:Blueprint)<-[:COMPILED_FROM]-(:Kernel {validated: true}) RETURN b.id AS id", returns="id"
)
UNIQUE = {
    *(
        ("Named", "handle"),
        ("Blueprint", "id"),
        ("Blueprint", "fingerprint"),
        ("OpNode", "uid"),
        ("Tag", "name"),
    ),
    *(
        ("Category", "name"),
        ("Event", "id"),
        ("Event", "operation_id"),
        ("Metric", "key"),
        ("Device", "name"),
    ),
    *(("Kernel", "digest"), ("CompileAttempt", "id"), ("ExternalParent", "id"), ("SchemaVersion", "name")),
    *(("LineageLock", "name"), ("DERIVED_FROM", "key"), ("REDISCOVERED_FROM", "key")),
}


def _pairs(engine: Engine, query: NamedQuery) -> set[tuple[str, str]]:
    found = [row for row in engine.read(query) if row["labels"]]
    return {(row["labels"][0], row["properties"][0]) for row in found if len(row["properties"]) == 1}


def test_every_key_has_its_constraint_and_every_lookup_its_index(engine: Engine) -> None:
    schema.ensure(engine)
    assert _pairs(engine, RULES) >= UNIQUE
    looked_up = {("Blueprint", name) for name in ("content_digest", "name", "registered_at")}
    assert _pairs(engine, INDEXES) >= looked_up
    assert schema.version(engine) == schema.VERSION
    before = len(engine.read(RULES)), len(engine.read(INDEXES))
    schema.ensure(engine)
    assert (len(engine.read(RULES)), len(engine.read(INDEXES))) == before


def test_a_right_schema_costs_one_read_and_no_write(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.ensure(engine)
    reads: list[str] = []
    read = engine.read

    def counted(query: NamedQuery, *arguments: object) -> object:
        reads.append(query.name)
        return read(query, *arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(engine, "read", counted)
    monkeypatch.setattr(engine, "write", None)
    monkeypatch.setattr(engine, "schema", None)
    schema.ensure(engine)
    assert len(reads) == 1


def test_a_newer_schema_is_refused_and_stays(engine: Engine) -> None:
    schema.ensure(engine)
    engine.write(lambda transaction: transaction.run(NEWER))
    for adopt in (False, True):
        with pytest.raises(SchemaVersionError, match="99"):
            schema.ensure(engine, adopt=adopt)
    assert schema.version(engine) == 99


def test_foreign_data_is_refused_unless_adopted(engine: Engine) -> None:
    engine.write(lambda transaction: transaction.run(FOREIGN))
    with pytest.raises(SchemaVersionError, match="not esper_graph's") as caught:
        schema.ensure(engine)
    assert "Customer" in str(caught.value)
    assert caught.value.hint is not None
    assert "--adopt" in caught.value.hint
    assert schema.version(engine) is None
    schema.ensure(engine, adopt=True)
    schema.ensure(engine)
    assert schema.version(engine) == schema.VERSION


def test_processes_that_race_all_get_the_schema(engine: Engine, engine_settings: Settings) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        found = pool.map(_ensure, [replace(engine_settings)] * 8, chunksize=1)
    assert found == [schema.VERSION] * 8
    count = statement("MATCH (v:SchemaVersion) RETURN count(v) AS n", returns="n")
    assert engine.read(count) == [{"n": 1}]


def _ensure(settings: Settings) -> int | None:
    with open_engine(settings) as engine:
        schema.ensure(engine)
        return schema.version(engine)


@pytest.mark.parametrize("first", ["Alias", "Blueprint"])
def test_ids_and_aliases_are_one_namespace(engine: Engine, first: str) -> None:
    schema.ensure(engine)
    alias = statement("CREATE (:Alias:Named {id: 'x', handle: 'x'})", access="write")
    blueprint = statement(
        "CREATE (:Blueprint:Named {id: 'x', handle: 'x', fingerprint: 'f'})", access="write"
    )
    taken, taking = (alias, blueprint) if first == "Alias" else (blueprint, alias)
    engine.write(lambda transaction: transaction.run(taken))
    with pytest.raises(ConflictError):
        engine.write(lambda transaction: transaction.run(taking))


def test_threads_that_race_for_one_id_never_share_it(engine: Engine) -> None:
    """Half of them want it as an id, half as an alias: one structure gets it, all others are told."""
    schema.ensure(engine)
    save(engine, perceptron(2))
    outcomes: list[str] = []
    errors: list[BaseException] = []
    gate = threading.Barrier(8)

    def take(number: int) -> None:
        try:
            gate.wait()
            if number % 2:
                save(engine, perceptron(3 + number, "wanted"))
            else:
                changes.add_alias(engine, "mlp_2", operation("blueprint.add_alias"), alias="wanted")
            outcomes.append("alias" if number % 2 == 0 else f"mlp {3 + number}")
        except IdTakenError:
            pass
        except BaseException as error:  # noqa: BLE001, what a thread raises would be lost
            errors.append(error)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(outcomes)) == 1
    holders = statement("MATCH (n:Named {id: 'wanted'}) RETURN count(n) AS n", returns="n")
    assert engine.read(holders) == [{"n": 1}]


def test_what_an_older_version_did_not_write_is_written(engine: Engine, engine_settings: Settings) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register(tower(2, tower(2)).changed(id="outer"))
    for value, device in ((1.5, "cpu"), (-2.0, "gpu")):
        metrics.record(engine, "outer", {"loss": value}, device, operation("metric.record"))
    facts = statement(
        "MATCH (b:Blueprint) OPTIONAL MATCH (m:Metric)-[:MEASURES]->(b) "
        "RETURN b.id AS id, b.op_types AS ops, b.newest_first AS newest, m.place AS place, "
        "m.place_from_top AS top ORDER BY id, place",
        returns="id, ops, newest, place, top",
    )
    before = engine.read(facts)
    assert sum(row["place"] is not None for row in before) == 2
    assert all(row["newest"] < 0 for row in before)
    for text in (
        "MATCH (v:SchemaVersion) SET v.version = 1",
        "MATCH (b:Blueprint) REMOVE b.op_types, b.newest_first",
        "MATCH (m:Metric) SET m.place = 'loss|cpu' REMOVE m.place_from_top",
    ):
        change(engine, text)
    schema.ensure(engine)
    assert [{**row, "ops": sorted(row["ops"])} for row in engine.read(facts)] == before
    assert schema.version(engine) == schema.VERSION


def test_older_kernels_are_told_apart_by_what_their_validation_says(engine: Engine) -> None:
    facts = populate(engine, 12)
    ready = {one.id for one in facts if one.ready}
    assert ready
    assert len(ready) < sum(one["kernels"] for one in engine.read(KERNELS))
    change(engine, "MATCH (k:Kernel) REMOVE k.validated")
    change(engine, "MATCH (v:SchemaVersion) SET v.version = 3")
    assert engine.read(VALIDATED) == []
    schema.ensure(engine)
    assert {row["id"] for row in engine.read(VALIDATED)} == ready
    assert engine.read(get("schema/kernels_without_verdict")) == []
