"""Blueprints that use blueprints: stored folded, read back whole, and never without their definitions."""

from collections.abc import Iterator

import pytest

from esper_graph.config import Settings
from esper_graph.errors import IntegrityError, LineageError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.fold import fold
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.integration.statements import statement
from tests.unit.ir.test_blocks import layer, tower


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


@pytest.fixture
def nested() -> BlueprintIR:
    return tower(2, tower(2)).changed(id="nested")


def test_a_blueprint_comes_back_with_the_definitions_of_its_blocks(
    registry: BlueprintRegistry, nested: BlueprintIR
) -> None:
    found = registry.register_one(nested)
    assert found.id == "nested"
    assert found.created
    read = registry["nested"]
    assert read.content_digest == nested.content_digest
    assert read.fingerprint == nested.fingerprint
    assert read.expanded.fingerprint == nested.expanded.fingerprint
    assert read.cost().parameters == nested.cost().parameters
    assert len(registry) == 3, "the two definitions are blueprints themselves"
    assert registry.doctor() == ()
    assert registry.register_one(nested.changed(id="again")).alias == "again"
    assert len(registry) == 3


def test_a_definition_that_is_known_is_the_one_that_is_used(
    registry: BlueprintRegistry, nested: BlueprintIR
) -> None:
    registry.register(layer().changed(id="my_layer"))
    registry.register(nested)
    (pair,) = registry["nested"].blocks.values()
    assert [one.id for one in pair.blocks.values()] == ["my_layer"]


def test_definitions_of_a_folded_network_are_called_after_the_network_and_the_part(
    registry: BlueprintRegistry,
) -> None:
    b = Builder(name="Res Net")
    x = b.input([-1, 4])
    for stage in range(2):
        for place in range(2):
            x = b.linear(x, in_features=4, out_features=4, id=f"layer{stage}.{place}.fc", bias=stage == 0)
            x = b.activation(x, type="relu", id=f"layer{stage}.{place}.relu")
    b.output(x)
    registry.register(fold(b.finish()).changed(id="folded"))
    ids = [one.id for one in registry.search_by_tags([])]
    stems = sorted(name.rpartition("_")[0] for name in ids if name != "folded")
    assert stems == ["res_net.layer0", "res_net.layer0.0", "res_net.layer1", "res_net.layer1.0"]
    assert registry.doctor() == ()


def test_many_are_registered_with_their_definitions_once(registry: BlueprintRegistry) -> None:
    done: list[tuple[int, int | None]] = []
    found = registry.register_all(
        [tower(count).changed(id=f"tower_{count}") for count in range(1, 6)],
        progress=lambda *counts: done.append(counts),
    )
    assert [one.id for one in found] == [f"tower_{count}" for count in range(1, 6)]
    assert done[-1] == (5, 5)
    assert len(registry) == 6
    assert registry["tower_4"].expanded.fingerprint == tower(4).expanded.fingerprint


def test_what_is_used_cannot_be_purged(registry: BlueprintRegistry, nested: BlueprintIR) -> None:
    registry.register(layer().changed(id="my_layer"))
    registry.register(nested)
    with pytest.raises(LineageError, match="cannot be purged"):
        registry.purge("my_layer")
    registry.purge("nested")
    assert registry.doctor() == ()


@pytest.mark.parametrize("what", ["uses", "definition"])
def test_a_lost_definition_is_an_integrity_error(
    registry: BlueprintRegistry, engine: Engine, nested: BlueprintIR, what: str
) -> None:
    registry.register(layer().changed(id="my_layer"))
    registry.register(nested)
    text = {
        "uses": "MATCH (:Blueprint)-[u:USES]->(:Blueprint {id: 'my_layer'}) DELETE u",
        "definition": "MATCH (o:OpNode {uid: 'my_layer/fc'}) SET o.in_features = 5",
    }[what]
    engine.write(lambda transaction: transaction.run(statement(text, access="write"), {}), name="damage")
    with pytest.raises(IntegrityError):
        _ = registry["nested"]
    assert {one.subject for one in registry.doctor()} >= ({"nested"} if what == "uses" else {"my_layer"})


def test_a_blueprint_with_blocks_compiles(registry: BlueprintRegistry, nested: BlueprintIR) -> None:
    registry.register(nested)
    kernel = registry.compile("nested")
    record = registry.kernel(kernel.digest)
    assert record.fingerprint == nested.fingerprint
    assert record.validation["passed"]
