"""What an attack on a fresh clone found broken, each as a test of the promise."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from esper_graph.config import Settings, load_settings
from esper_graph.errors import (
    ConfigError,
    FormatError,
    LimitExceededError,
    LineageCycleError,
    LineageError,
    OperationTakenError,
    StoreError,
)
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine, embedded
from esper_graph.templates import create_moe_layer, create_squeezenet_fire, create_transformer_block
from tests.integration.statements import statement
from tests.integration.test_concurrency import perceptron


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings, tmp_path: Path) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=replace(engine_settings, kernels=str(tmp_path / "kernels"))) as opened:
        yield opened


def chain(length: int, blueprint_id: str = "chain") -> BlueprintIR:
    b = Builder(blueprint_id, name="chain")
    x = b.input([-1, 4])
    for _ in range(length):
        x = b.abs(x)
    b.output(x)
    return b.finish()


def ladder(rungs: int) -> BlueprintIR:
    """Three nodes a rung, each of which feeds two."""
    b = Builder("ladder", name="ladder")
    x = b.input([-1, 4])
    for _ in range(rungs):
        left = b.abs(x)
        x = b.add(left, b.neg(left))
    b.output(x)
    return b.finish()


def edit(engine: Engine, text: str) -> None:
    damage = statement(text, access="write")
    engine.write(lambda transaction: transaction.run(damage), name="damage")


def test_the_first_registrations_of_a_new_store_may_come_at_once(tmp_path: Path) -> None:
    settings = load_settings({"uri": f"embedded:{tmp_path / 'graph'}"}, environ={})
    made = [
        create_transformer_block(16, 4, 32),
        create_moe_layer(8, 8),
        create_squeezenet_fire(),
        perceptron(3),
    ]
    failed: list[BaseException] = []
    ready = threading.Barrier(len(made))
    try:
        with BlueprintRegistry(settings=settings) as registry:
            registry.engine  # noqa: B018 -- opens it

            def register(blueprint: BlueprintIR) -> None:
                ready.wait()
                try:
                    registry.register(blueprint)
                except BaseException as error:  # noqa: BLE001 -- told to the test
                    failed.append(error)

            threads = [threading.Thread(target=register, args=(one,)) for one in made]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not failed
            assert len(registry) == len(made)
    finally:
        embedded.stop(settings)


def test_a_blueprint_as_large_as_the_limits_allow_is_stored(registry: BlueprintRegistry) -> None:
    large = ladder(332)
    assert len(large.nodes) == 998
    registry.register(large, max_depth=1000)
    assert registry["ladder"].fingerprint == large.fingerprint


def test_limits_that_were_raised_are_stored_and_inherited(registry: BlueprintRegistry) -> None:
    registry.register(chain(105), max_depth=200)
    assert registry["chain"].limits == {"max_depth": 200}
    child = registry.evolve(
        "chain", [{"type": "add_node", "after": "abs", "node": {"id": "new", "op_type": "neg"}}]
    )
    assert registry[child].limits == {"max_depth": 200}
    inheriting = chain(150, "later").changed(parent_id="chain")
    assert [one.id for one in registry.register_all([inheriting])] == ["later"]
    with pytest.raises(LimitExceededError):
        registry.register_all([chain(151, "alone")])


def test_a_changed_list_of_nodes_is_another_structure() -> None:
    before, after = perceptron(3), perceptron(4)
    assert before.validate()
    assert before.fingerprint != after.fingerprint
    assert before.changed(nodes=after.nodes).fingerprint == after.fingerprint


@pytest.mark.parametrize("what", ["fingerprint = 'f1:00'", "parameters = 1", "flops = 1"])
def test_what_was_computed_at_registration_is_looked_after(
    registry: BlueprintRegistry, engine: Engine, what: str
) -> None:
    registry.register(perceptron(3))
    edit(engine, f"MATCH (b:Blueprint {{id: 'mlp'}}) SET b.{what}")
    (damage,) = registry.doctor()
    assert (damage.check, damage.subject) == ("content", "mlp")
    assert what.partition(" ")[0] in damage.message


def test_tampered_bytes_of_a_kernel_are_damage(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3))
    digest = registry.compile("mlp").digest
    place = Path(registry.load_kernel(digest).place)
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)
    assert [(one.check, one.subject) for one in registry.doctor()] == [("kernel_bytes", digest)]


def test_an_alias_fills_what_waited_for_its_name(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3, "kid"), parents=["ghost"], external_parents=True)
    registry.register(perceptron(4, "grandkid"), parents=["kid"])
    with pytest.raises(LineageCycleError):
        registry.alias("grandkid", "ghost")
    registry.register(perceptron(5, "real"))
    registry.alias("real", "ghost")
    assert [one.id for one in registry.ancestors("kid")] == ["real"]
    assert registry.doctor() == ()


def test_a_family_that_goes_on_outside_of_the_store_is_not_called_complete(
    registry: BlueprintRegistry,
) -> None:
    registry.register(perceptron(3, "kid"), parents=["ghost"], external_parents=True)
    registry.register(perceptron(4, "grandkid"), parents=["kid"])
    registry.register(perceptron(5, "other"))
    for answer in (
        registry.ancestors("grandkid"),
        registry.ancestors("kid"),
        registry.ancestor_ids("grandkid"),
        registry.roots("grandkid"),
        registry.get_lineage("grandkid"),
    ):
        assert (answer.complete, answer.truncated_by, answer.omitted_count) == (False, "external", None)
    assert registry.external_ancestors("grandkid") == ("ghost",)
    assert registry.ancestors("other").complete
    assert registry.descendants("kid").complete
    registry.register(perceptron(6, "ghost"))
    assert registry.ancestors("grandkid").complete
    assert registry.external_ancestors("grandkid") == ()


def test_a_rediscovery_does_not_keep_a_leaf_from_being_purged(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3, "first"))
    registry.register(perceptron(4, "second"), parents=["first"])
    registry.register(perceptron(3, "again"), parents=["second"])
    registry.purge("second")
    assert list(registry) == ["first"]
    assert registry.doctor() == ()


def test_the_words_of_a_duplicate_are_not_dropped_in_silence(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3))
    words = {"name": "another name", "description": "says more", "author": "somebody else"}
    found = registry.register_one(perceptron(3, "other").changed(**words))
    for what, text in words.items():
        assert any(f"the {what} {text!r} is not kept" in warning for warning in found.warnings)
    assert registry.register_one(perceptron(3, "third").changed(name="mlp")).warnings == ()


def test_the_id_of_an_operation_is_not_taken_for_another_blueprint(registry: BlueprintRegistry) -> None:
    for _ in range(2):
        registry.register(perceptron(3), operation_id="once")
    registry.register(perceptron(4, "other"), operation_id="twice")
    with pytest.raises(OperationTakenError) as caught:
        registry.register(perceptron(5, "third"), operation_id="once")
    assert perceptron(3).fingerprint in caught.value.held
    assert sorted(registry) == ["mlp", "other"]


def test_what_is_no_blueprint_and_no_list_of_parents_is_refused(registry: BlueprintRegistry) -> None:
    wrong: Any = perceptron(3).to_dict()
    with pytest.raises(FormatError, match="this is a dict"):
        registry.register(wrong)
    with pytest.raises(FormatError, match="this is a dict"):
        registry.register_all([perceptron(3), wrong])
    registry.register(perceptron(3))
    with pytest.raises(LineageError, match="this is the text 'mlp'"):
        registry.register(perceptron(4, "other"), parents="mlp")
    assert list(registry) == ["mlp"]


def test_a_closed_registry_says_so(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3))
    registry.close()
    registry.close()
    with pytest.raises(StoreError, match="closed"):
        registry.get("mlp")


def test_a_kernel_that_was_not_compared_is_compared_when_that_is_asked_for(
    registry: BlueprintRegistry,
) -> None:
    registry.register(perceptron(3))
    digest = registry.compile("mlp", validate=False).digest
    assert not registry.kernel(digest).validation
    assert registry.compile("mlp").digest == digest
    assert registry.kernel(digest).validation["passed"]


@pytest.mark.parametrize("text", ["\x1b[2J", "\x00", "x" * 10_001])
def test_texts_that_cannot_be_printed_are_refused(registry: BlueprintRegistry, text: str) -> None:
    registry.register(perceptron(3))
    changes = (
        lambda: registry.note("mlp", text),
        lambda: registry.tag("mlp", "a", reason=text),
        lambda: registry.tag("mlp", "a", actor=text),
    )
    for change in changes:
        with pytest.raises(ConfigError, match="printed"):
            change()
    assert len(registry.history("mlp")) == 1
