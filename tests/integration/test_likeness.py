"""Features and edit keys are written with every blueprint, whoever races, and leave with it."""

import multiprocessing
from typing import Any

import pytest

from esper_graph.config import Settings
from esper_graph.errors import StoreError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.property_graph.likeness import VERSION, likeness
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import doctor, schema
from esper_graph.store import likeness as stored_likeness
from esper_graph.store.engines import Engine
from tests.integration.commands import Commands
from tests.integration.statements import statement
from tests.integration.stock import network, stock
from tests.integration.stored import change, save

KEYS = statement("MATCH (f:Feature) RETURN f.key AS key ORDER BY key", returns="key")
LEFT = statement(
    "MATCH (k:EditKey) WITH count(k) AS keys "
    "OPTIONAL MATCH (:Blueprint)-[h:HAS_FEATURE]->() RETURN keys, count(h) AS features",
    returns="keys, features",
)
TOTALS = statement(
    "MATCH (b:Blueprint) RETURN b.id AS id, b.feature_count AS count, b.feature_weight AS weight, "
    "b.feature_version AS version ORDER BY id",
    returns="id, count, weight, version",
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
        assert (row["count"], row["version"]) == (found[row["id"]].count, VERSION)
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


def test_an_older_store_gets_features_by_a_migration(engine: Engine, engine_settings: Settings) -> None:
    stock(engine)
    change(engine, "MATCH (k:EditKey) DELETE k")
    change(engine, "MATCH (f:Feature) DETACH DELETE f")
    change(engine, "MATCH (b:Blueprint) REMOVE b.feature_count, b.feature_weight, b.feature_version")
    with pytest.raises(StoreError, match="features of `last` are missing"):
        stored_likeness.refuse_stale(engine)
    assert doctor.examine(engine) == [], "what was never written is not damaged"
    commands = Commands(engine_settings)
    assert "features of 4 blueprints written" in commands.done("store", "migrate").stderr
    assert commands.done("store", "migrate", "--json").json["described"] == []
    stored_likeness.refuse_stale(engine)
    names = {"root": 4, "left": 5, "right": 6, "last": 7}
    assert stored_likeness.stored(engine, list(names)) == {
        name: likeness(network(name, hidden)) for name, hidden in names.items()
    }
    assert doctor.examine(engine) == []


def test_features_of_another_version_are_replaced(engine: Engine, engine_settings: Settings) -> None:
    stock(engine)
    change(engine, "MATCH (b:Blueprint {id: 'left'}) SET b.feature_version = 'e0:w0:k0:'")
    change(engine, "MATCH (k:EditKey {blueprint: 'left'}) SET k.key = 'k0:' + k.key")
    with BlueprintRegistry(settings=engine_settings) as registry:
        assert registry.migrate().described == ("left",)
        assert registry.migrate().described == ()
    assert stored_likeness.stored(engine, ["left"]) == {"left": likeness(network("left", 5))}
    assert doctor.examine(engine) == []


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
