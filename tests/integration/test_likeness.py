"""Features and edit keys are written with every blueprint, whoever races, and leave with it."""

import multiprocessing
from typing import Any

import pytest

from esper_graph.config import Settings
from esper_graph.errors import StoreError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.property_graph.likeness import PRESENT, likeness
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import doctor, migration, renewal, schema
from esper_graph.store import likeness as stored_likeness
from esper_graph.store.engines import Engine
from esper_graph.store.likeness import LIKENESS
from esper_graph.store.normal import NORMAL
from tests.integration.commands import Commands
from tests.integration.statements import statement
from tests.integration.stock import network, stock
from tests.integration.stored import change, operation, save
from tests.integration.test_generation_races import Interrupted

KEYS = statement("MATCH (f:Feature) RETURN f.key AS key ORDER BY key", returns="key")
LEFT = statement(
    "MATCH (k:EditKey) WITH count(k) AS keys "
    "OPTIONAL MATCH (:Blueprint)-[h:HAS_FEATURE]->() RETURN keys, count(h) AS features",
    returns="keys, features",
)
TOTALS = statement(
    "MATCH (b:Blueprint) RETURN b.id AS id, b.feature_count AS count, b.feature_weight AS weight ORDER BY id",
    returns="id, count, weight",
)


def stacked(name: str, kind: str, depth: int) -> BlueprintIR:
    """One activation many times in a row: few features that are there often."""
    b = Builder(name, name=name)
    x = b.input([-1, 8])
    for _ in range(depth):
        x = b.activation(x, type=kind)
    b.output(x)
    return b.finish()


def test_what_is_written_is_what_the_content_says(engine: Engine) -> None:
    schema.ensure(engine)
    given = [network("small", 4), stacked("deep", "relu", 30), stacked("deeper", "gelu", 60)]
    save(engine, *given)
    found = stored_likeness.stored(engine, [one.id for one in given])
    assert found == {one.id: likeness(one) for one in given}
    assert not found["deeper"].edit_keys, "it has more than 64 nodes and edges"
    for row in engine.read(TOTALS):
        assert row["count"] == found[row["id"]].count
        assert row["weight"] == pytest.approx(found[row["id"]].weight, rel=1e-12)


def test_a_structure_that_is_known_gets_no_second_features(engine: Engine) -> None:
    stock(engine)
    before = engine.read(LEFT)
    save(engine, network("root", 4), network("other_name", 4), network("left", 5))
    assert engine.read(LEFT) == before


def test_purging_a_blueprint_removes_what_is_written_of_it_and_nothing_else(
    engine: Engine, engine_settings: Settings
) -> None:
    stock(engine)
    (before,) = engine.read(LEFT)
    gone, stays = likeness(network("last", 7)), likeness(network("left", 5))
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.purge("last")
        assert not registry.doctor()
    (after,) = engine.read(LEFT)
    assert before["keys"] - after["keys"] == len(gone.edit_keys)
    assert before["features"] - after["features"] == len(gone.features)
    assert stored_likeness.stored(engine, ["left", "last"]) == {"left": stays}


def stale(engine: Engine) -> list[str]:
    return renewal.stale(engine, LIKENESS)


def test_an_older_store_gets_features_by_a_migration(engine: Engine, engine_settings: Settings) -> None:
    stock(engine)
    change(engine, "MATCH (k:EditKey) DELETE k")
    change(engine, "MATCH (f:Feature) DETACH DELETE f")
    change(engine, "MATCH (b:Blueprint) REMOVE b.feature_count, b.feature_weight, b.normal_fingerprint")
    change(engine, "MATCH (v:SchemaVersion) SET v.version = 1")
    schema.ensure(engine)
    names = {"root": 4, "left": 5, "right": 6, "last": 7}
    assert stale(engine) == renewal.stale(engine, NORMAL) == sorted(names)
    for what in (LIKENESS, NORMAL):
        with pytest.raises(StoreError, match=f"has no {what.name} of the present version"):
            renewal.refuse_stale(engine, what)
    assert doctor.examine(engine) == [], "what was never written is not damaged"
    commands = Commands(engine_settings)
    assert "features of 4 blueprints written" in commands.done("store", "migrate").stderr
    again = commands.done("store", "migrate", "--json").json
    assert again["described"] == again["renewed"] == []
    for what in (LIKENESS, NORMAL):
        renewal.refuse_stale(engine, what)
    assert stored_likeness.stored(engine, list(names)) == {
        name: likeness(network(name, hidden)) for name, hidden in names.items()
    }
    assert doctor.examine(engine) == []
    assert all(row["key"].startswith(PRESENT) for row in engine.read(KEYS))


@pytest.mark.parametrize("old", ["d9:", "e0:", "f1:", "w0:", "w10:", "x1:"])
def test_features_of_another_version_are_replaced(
    engine: Engine, engine_settings: Settings, old: str
) -> None:
    stock(engine)
    assert stale(engine) == []
    change(
        engine,
        "MATCH (b:Blueprint {id: 'left'})-[h:HAS_FEATURE]->(f:Feature {key: 'e1:linear 0>0 output'}) "
        f"DELETE h CREATE (b)-[:HAS_FEATURE {{count: 1}}]->(:Feature {{key: '{old}linear 0>0 output'}})",
    )
    assert stale(engine) == ["left"]
    with BlueprintRegistry(settings=engine_settings) as registry:
        with pytest.raises(StoreError, match="`left` has no features of the present version, e1:w1:k1:"):
            registry.similar("root")
        assert registry.migrate().described == ("left",)
        assert registry.migrate().described == ()
    assert stored_likeness.stored(engine, ["left"]) == {"left": likeness(network("left", 5))}
    assert doctor.examine(engine) == []
    assert f"{old}linear 0>0 output" not in {row["key"] for row in engine.read(KEYS)}


@pytest.mark.parametrize("old", ["j9:", "k0:", "k10:", "l1:"])
def test_edit_keys_of_another_version_are_replaced(
    engine: Engine, engine_settings: Settings, old: str
) -> None:
    stock(engine)
    change(engine, f"MATCH (k:EditKey {{blueprint: 'left'}}) SET k.key = '{old}' + k.key")
    assert stale(engine) == ["left"]
    assert doctor.examine(engine) == [], "what is of another version is not damaged"
    with BlueprintRegistry(settings=engine_settings) as registry:
        assert registry.migrate().described == ("left",)
    assert stored_likeness.stored(engine, ["left"]) == {"left": likeness(network("left", 5))}
    assert stale(engine) == []


def test_an_old_feature_that_nobody_has_is_of_no_account(engine: Engine) -> None:
    stock(engine)
    change(engine, "CREATE (:Feature {key: 'e0:linear 0>0 output'})")
    assert stale(engine) == []


def test_what_an_older_version_writes_beside_a_migration_is_told(
    engine: Engine, engine_settings: Settings
) -> None:
    stock(engine)
    change(engine, "MATCH (k:EditKey {blueprint: 'left'}) SET k.key = 'k0:' + k.key")
    late = "MATCH (k:EditKey {blueprint: 'root'}) SET k.key = 'k0:' + k.key"
    interrupted: Any = Interrupted(engine, "similarity/forget", lambda: change(engine, late))
    assert migration.migrate(interrupted, operation("store.migrate")).described == ("left",)
    interrupted.finish()
    assert stale(engine) == ["root"]


def test_a_store_of_the_first_schema_gets_the_new_rules_when_it_is_opened(engine: Engine) -> None:
    schema.ensure(engine)
    engine.schema(statement("DROP CONSTRAINT feature_key_unique IF EXISTS", access="schema"))
    change(engine, "MATCH (v:SchemaVersion) SET v.version = 1")
    schema.ensure(engine)
    assert schema.version(engine) == schema.VERSION
    constraints = statement(
        "SHOW CONSTRAINTS YIELD labelsOrTypes, properties RETURN labelsOrTypes AS labels, properties",
        returns="labels, properties",
    )
    assert {"labels": ["Feature"], "properties": ["key"]} in engine.read(constraints)


def _new_features(arguments: tuple[Settings, int, Any, Any]) -> None:
    """Register in batches what has features that all others register at the same moment."""
    settings, worker, rounds, gate = arguments
    kinds = ("relu", "gelu", "silu", "tanh", "sigmoid")
    with BlueprintRegistry(settings=settings) as registry:
        registry.engine  # noqa: B018 -- opens it
        for number in range(rounds):
            gate.wait()
            registry.register_all(
                [stacked(f"w{worker}_{kind}_{number}", kind, 1 + number * 8 + worker) for kind in kinds]
            )
            registry.register(network(f"w{worker}_{number}", 100 + number * 8 + worker))


def test_writers_who_race_for_the_same_new_features_lose_and_double_nothing(
    engine: Engine, engine_settings: Settings
) -> None:
    schema.ensure(engine)
    processes, rounds = 4, 4
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(processes, timeout=300)
    writers = [
        context.Process(target=_new_features, args=((engine_settings, worker, rounds, gate),))
        for worker in range(processes)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * processes
    with BlueprintRegistry(settings=engine_settings) as registry:
        ids = list(registry)
        assert len(ids) == processes * rounds * 6
        wanted = {name: likeness(registry[name]) for name in ids}
        assert stored_likeness.stored(engine, ids) == wanted
        keys = [row["key"] for row in engine.read(KEYS)]
        assert len(keys) == len(set(keys))
        assert set(keys) == {key for one in wanted.values() for key in one.features}
        assert registry.doctor() == ()
