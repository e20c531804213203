"""What the registry promises, on each engine."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from esper_graph.config import Settings
from esper_graph.errors import (
    BlueprintError,
    BlueprintNotFoundError,
    ConfigError,
    EvolutionError,
    IntegrityError,
    LimitExceededError,
    LineageCycleError,
    LineageError,
    ShapeMismatchError,
    UnknownParentError,
)
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.integration.statements import statement
from tests.integration.test_concurrency import perceptron


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


def widen(value: int) -> list[dict[str, object]]:
    return [{"type": "modify_attribute", "node_id": "fc1", "attribute": "out_features", "value": value}]


def deep(ops: int) -> BlueprintIR:
    b = Builder("deep", name="Deep")
    x = b.input([-1, 8])
    for _ in range(ops):
        x = b.abs(x)
    b.output(x)
    return b.finish()


# ---------------------------------------------------------------- registering and reading


def test_what_is_registered_comes_back_equal(registry: BlueprintRegistry) -> None:
    blueprint = perceptron(3).changed(
        tags=["b", "a"],
        author="Ann",
        description="x ≤ y",
        created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        min_compute_capability=7.5,
        requires_features=["avx512"],
    )
    assert registry.register(blueprint) == "mlp"
    assert registry["mlp"] == blueprint
    assert registry.get("nothing") is None
    assert "mlp" in registry
    assert list(registry) == ["mlp"]


def test_a_known_structure_keeps_its_first_id_and_the_new_one_becomes_an_alias(
    registry: BlueprintRegistry,
) -> None:
    registry.register(perceptron(3).changed(tags=["one"]))
    again = registry.register_one(perceptron(3, "copy", prefix="other_").changed(tags=["two"]))
    assert (again.id, again.created, again.alias) == ("mlp", False, "copy")
    assert registry["copy"].id == "mlp"
    assert registry["mlp"].tags == ("one", "two")
    assert len(registry) == 1
    assert registry.register(perceptron(3)) == "mlp"


def test_a_known_structure_with_another_parent_is_a_rediscovery(registry: BlueprintRegistry) -> None:
    registry.register_all([perceptron(1, "a"), perceptron(2, "b")])
    registry.register(perceptron(3, "c"), parents=["a"])
    registry.register(perceptron(3, "d"), parents=["b"], reason="found again")
    assert [one.id for one in registry.ancestors("c")] == ["a"]
    assert [one.id for one in registry.ancestors("c", include_rediscoveries=True)] == ["a", "b"]
    found = {(one.parent, one.rediscovery, one.reason) for one in registry.derivations("c")}
    assert found == {("a", False, None), ("b", True, "found again")}


def test_an_empty_id_is_made_of_name_and_fingerprint(registry: BlueprintRegistry) -> None:
    blueprint = perceptron(3).changed(id="", name="Simple MLP!")
    assert registry.register(blueprint) == f"simple_mlp_{blueprint.fingerprint[3:15]}"


def test_a_supplied_estimate_that_differs_is_a_warning(registry: BlueprintRegistry) -> None:
    found = registry.register_one(perceptron(3).changed(estimated_flops=1, estimated_parameters=35))
    assert len(found.warnings) == 1
    assert "estimated_flops is 1, computed is 60" in found.warnings[0]
    assert (registry["mlp"].estimated_flops, registry["mlp"].estimated_parameters) == (60, 35)


def test_repeating_an_operation_is_no_second_one(registry: BlueprintRegistry) -> None:
    for _ in range(2):
        registry.register(perceptron(3), operation_id="the-operation")
    assert [event.operation_id for event in registry.history("mlp")] == ["the-operation"]


def test_register_all_leaves_the_garbage_collector_as_it_was(registry: BlueprintRegistry) -> None:
    before, during = gc.get_threshold(), list[int]()
    registry.register_all([perceptron(3)], progress=lambda done, total: during.append(gc.get_threshold()[0]))
    with pytest.raises(BlueprintError):
        registry.register_all([perceptron(4, "fits"), Builder("empty").finish()])
    assert gc.get_threshold() == before
    assert during[0] > before[0]


def test_register_all_takes_parents_before_children_and_duplicates(registry: BlueprintRegistry) -> None:
    given = [perceptron(1 + number % 30, f"m{number}") for number in range(60)]
    given[5] = given[5].changed(parent_id="m4")
    seen: list[int] = []
    found = registry.register_all(given, progress=lambda done, total: seen.append(done))
    assert [one.id for one in found] == [f"m{number % 30}" for number in range(60)]
    assert [one.created for one in found] == [number < 30 for number in range(60)]
    assert len(registry) == 30
    assert [one.id for one in registry.ancestors("m5")] == ["m4"]
    assert seen[-1] == 60
    assert seen == sorted(seen)


def test_an_unknown_parent_is_refused_and_nothing_is_stored(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(1, "mlp_one"))
    with pytest.raises(UnknownParentError, match="`mlp_on` is not in this store") as caught:
        registry.register(perceptron(2), parents=["mlp_on"])
    assert caught.value.hint == "did you mean `mlp_one`?"
    assert len(registry) == 1


def test_an_external_parent_is_kept_as_a_name_and_filled_when_it_arrives(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(2), parents=["far_away"], external_parents=True)
    assert registry["mlp"].parents == ("far_away",)
    assert registry.ancestors("mlp") == ()
    registry.register(perceptron(1, "far_away"))
    assert [one.id for one in registry.ancestors("mlp")] == ["far_away"]


def test_a_raised_limit_is_stored_and_inherited(registry: BlueprintRegistry) -> None:
    with pytest.raises(LimitExceededError):
        registry.register(deep(101))
    registry.register(deep(101), max_depth=101)
    assert dict(registry["deep"].limits) == {"max_depth": 101}
    child = registry.evolve(
        "deep",
        [
            {"type": "add_node", "node": {"id": "end", "op_type": "neg"}, "on_edge": "e102"},
            {"type": "remove_node", "node_id": "abs"},
        ],
    )
    assert registry[child].graph.depth == 101


# ---------------------------------------------------------------- integrity


def test_an_attribute_changed_by_hand_is_noticed_by_get_and_doctor(registry: BlueprintRegistry) -> None:
    registry.register_all([perceptron(3), perceptron(4, "other")])
    assert registry.doctor() == ()
    tamper = statement(
        "MATCH (:Blueprint {id: 'mlp'})-[:CONTAINS]->(n:OpNode {node_id: 'fc1'}) "
        "SET n.out_features = 5 RETURN n.uid AS uid",
        access="write",
        returns="uid",
    )
    registry.engine.write(lambda transaction: transaction.run(tamper))
    with pytest.raises(IntegrityError, match="`mlp` was changed after registration"):
        registry.get("mlp")
    assert registry["other"].id == "other"
    assert {damage.subject for damage in registry.doctor()} == {"mlp"}


def test_a_deleted_edge_is_noticed_by_get_and_doctor(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3))
    tamper = statement(
        "MATCH (:Blueprint {id: 'mlp'})-[:CONTAINS]->()-[f:FEEDS {edge_id: 'e2'}]->() DELETE f",
        access="write",
    )
    registry.engine.write(lambda transaction: transaction.run(tamper))
    with pytest.raises(IntegrityError):
        registry.get("mlp")
    assert "mlp" in {damage.subject for damage in registry.doctor()}


def test_attributes_are_properties_of_their_own_names(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(700))
    query = statement(
        "MATCH (o:OpNode:Dense) WHERE o.out_features > 512 RETURN o.node_id AS node", returns="node"
    )
    assert registry.engine.read(query) == [{"node": "fc1"}]


# ---------------------------------------------------------------- families


def test_evolving_repairs_consumers_and_records_all_edits(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3))
    child = registry.evolve("mlp", widen(512), mutation_type="capacity_increase", reason="more room")
    assert child == f"mlp_{registry[child].fingerprint[3:15]}"
    assert registry[child].node("fc2").attributes["in_features"] == 512
    (derivation,) = registry.derivations(child)
    assert (derivation.parent, derivation.kind, derivation.mutation_type) == (
        "mlp",
        "mutation",
        "capacity_increase",
    )
    assert derivation.reason == "more room"
    assert [edit["type"] for edit in derivation.edits] == ["modify_attribute", "repair_attribute"]
    grandchild = registry.evolve(child, widen(600))
    assert grandchild.count("_") == child.count("_"), "ids do not grow"
    assert (registry[grandchild].version, registry.metadata(grandchild).generation) == (3, 2)
    assert [one.id for one in registry.get_lineage(grandchild)] == ["mlp", child, grandchild]
    assert [one.id for one in registry.get_descendants("mlp")] == [child, grandchild]
    with pytest.raises(ShapeMismatchError):
        registry.evolve("mlp", widen(99), repair=False)
    with pytest.raises(EvolutionError, match="nothing to register"):
        registry.evolve("mlp", widen(3))
    with pytest.raises(BlueprintNotFoundError):
        registry.evolve("nobody", widen(3))
    assert len(registry) == 3


def test_a_diamond_is_answered_once_and_completely(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(1, "root"))
    for number, name in ((2, "left"), (3, "right")):
        registry.register(perceptron(number, name), parents=["root"])
    registry.register(perceptron(4, "child"), parents=["left", "right"])
    found = registry.ancestors("child")
    assert [(one.id, one.generation) for one in found] == [("left", 1), ("right", 1), ("root", 2)]
    assert (found.complete, found.total, found.truncated_by, found.omitted_count) == (True, 3, None, 0)
    cut = registry.ancestors("child", max_generations=1)
    assert ([one.id for one in cut], cut.complete, cut.truncated_by) == (["left", "right"], False, "depth")
    limited = registry.descendants("root", limit=1)
    assert (len(limited), limited.complete, limited.truncated_by) == (1, False, "limit")
    assert registry["child"].derivations[0].kind == "crossover"
    assert registry["child"].parents == ("left", "right")
    assert [one.id for one in registry.get_lineage("child")] == ["root", "left", "right", "child"]
    assert [one.id for one in registry.roots("child")] == ["root"]
    path = registry.path("root", "child")
    assert path is not None
    assert [(step.child, step.parent) for step in path][-1][1] == "root"
    assert registry.path("left", "right") is None


def test_a_link_that_would_close_a_cycle_is_refused_with_its_path(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(1, "a"))
    registry.register(perceptron(2, "b"), parents=["a"])
    registry.register(perceptron(3, "c"), parents=["b"])
    with pytest.raises(LineageCycleError) as caught:
        registry.link("a", "c")
    assert caught.value.path == ("a", "c", "b", "a")
    with pytest.raises(LineageCycleError):
        registry.link("a", "a")
    registry.link("c", "a", reason="directly too")
    assert {one.parent for one in registry.derivations("c")} == {"a", "b"}
    assert registry.doctor() == ()


# ---------------------------------------------------------------- what may change


def test_tags_status_alias_note_archive_are_events_of_their_own(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3).changed(tags=["vision"]))
    registry.tag("mlp", "mobile", "new", reason="because")
    registry.untag("mlp", "vision", "absent")
    registry.set_status("mlp", "validated")
    registry.alias("mlp", "best")
    registry.note("mlp", "remember this", actor="Bo")
    registry.archive("mlp")
    assert registry["best"].tags == ("mobile", "new")
    assert registry.list() == ()
    assert registry.search_by_tags(["mobile"]) == ()
    registry.restore("mlp")
    assert [one.id for one in registry.list()] == ["mlp"]
    history = registry.history("mlp")
    assert [event.action for event in history] == [
        "blueprint.register",
        "blueprint.tag",
        "blueprint.untag",
        "blueprint.set_status",
        "blueprint.add_alias",
        "blueprint.note",
        "blueprint.archive",
        "blueprint.restore",
    ]
    assert history[1].reason == "because"
    assert history[5].actor == "Bo"
    assert [event.at for event in history] == sorted(event.at for event in history)


def test_only_leaves_can_be_purged_and_a_tombstone_stays(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(1, "a"))
    registry.register(perceptron(2, "b"), parents=["a"])
    with pytest.raises(LineageError, match="b"):
        registry.purge("a")
    registry.purge("b", reason="a mistake")
    assert registry.get("b") is None
    assert len(registry) == 1
    registry.purge("a")
    assert len(registry) == 0
    nodes = statement("MATCH (n:OpNode) RETURN count(n) AS nodes", returns="nodes")
    assert registry.engine.read(nodes) == [{"nodes": 0}]
    events = statement(
        "MATCH (e:Event {action: 'blueprint.purge'}) RETURN count(e) AS events", returns="events"
    )
    assert registry.engine.read(events) == [{"events": 2}]


# ---------------------------------------------------------------- searching and measuring


def test_tags_are_searched_by_any_or_all(registry: BlueprintRegistry) -> None:
    for number, tags in enumerate((["a"], ["a", "b"], ["b", "c"])):
        registry.register(perceptron(number + 1, f"m{number}").changed(tags=tags))

    def ids(tags: list[str], match_all: bool = False) -> set[str]:
        return {one.id for one in registry.search_by_tags(tags, match_all)}

    assert ids(["a"]) == {"m0", "m1"}
    assert ids(["a", "c"]) == {"m0", "m1", "m2"}
    assert ids(["a", "b"], match_all=True) == {"m1"}
    assert ids([]) == {"m0", "m1", "m2"}
    assert ids(["nothing"]) == set()
    assert ids(["a", "nothing"], match_all=True) == set()


def test_the_newest_value_of_each_device_counts_and_the_best_of_them_ranks(
    registry: BlueprintRegistry,
) -> None:
    registry.register_all([perceptron(1, "slow"), perceptron(2, "fast"), perceptron(3, "unmeasured")])
    registry.update_performance("slow", {"latency_ms": 1.0, "throughput": 10.0}, device="cpu")
    registry.update_performance("slow", {"latency_ms": 9.0}, device="cpu")
    registry.update_performance("slow", {"latency_ms": 7.0}, device="gpu_a100")
    registry.update_performance("fast", {"latency_ms": 2.0, "throughput": 99.0}, device="cpu")
    assert [one.id for one in registry.search_by_performance("latency_ms")] == ["fast", "slow"]
    assert [one.id for one in registry.search_by_performance("latency_ms", max_value=5.0)] == ["fast"]
    assert [one.id for one in registry.search_by_performance("throughput", min_value=1)] == ["fast", "slow"]
    ranked = registry.ranking("latency_ms")
    assert [(one.blueprint, one.value, one.device) for one in ranked] == [
        ("fast", 2.0, "cpu"),
        ("slow", 7.0, "gpu_a100"),
    ]
    assert [one.value for one in registry.ranking("latency_ms", device="cpu")] == [2.0, 9.0]
    assert registry.ranking("latency_ms", device="gpu_v100") == ()
    with pytest.raises(ConfigError, match="no device `gpu_h100`") as told:
        registry.search_by_performance("latency_ms", device="gpu_h100")
    assert told.value.hint == "did you mean `gpu_v100` or `gpu_a100`?"
    history = [one.value for one in registry.measurements("slow") if one.name == "latency_ms"]
    assert history == [1.0, 9.0, 7.0]
    assert registry.metadata("slow").benchmarks == {
        "cpu": {"latency_ms": 9.0, "throughput": 10.0},
        "gpu_a100": {"latency_ms": 7.0},
    }
    registry.update_performance("fast", {"latency_ms": 1.0}, device="rtx-4090 (left)", new_device=True)
    assert registry.metadata("fast").benchmarks["rtx-4090 (left)"] == {"latency_ms": 1.0}


@pytest.mark.parametrize(
    ("metrics", "device"),
    [
        ({"latency": 1.0}, "cpu"),
        ({"latency_ms": 1.0}, "cpuu"),
        ({"latency_ms": float("nan")}, "cpu"),
        ({"latency_ms": float("inf")}, "cpu"),
        ({"latency_ms": True}, "cpu"),
        ({"latency_ms": "1"}, "cpu"),
    ],
)
def test_a_measurement_that_is_none_is_refused(
    registry: BlueprintRegistry, metrics: dict[str, float], device: str
) -> None:
    registry.register(perceptron(3))
    with pytest.raises(ConfigError):
        registry.update_performance("mlp", metrics, device)
    assert registry.measurements("mlp") == ()


def test_measuring_what_is_not_there_is_an_error(registry: BlueprintRegistry) -> None:
    with pytest.raises(BlueprintNotFoundError):
        registry.update_performance("nobody", {"latency_ms": 1.0})


def test_references_may_be_short_when_they_mean_one_thing(registry: BlueprintRegistry) -> None:
    registry.register_all([perceptron(1, "alpha_one"), perceptron(2, "alpha_two"), perceptron(3, "beta")])
    assert registry.resolve("be") == "beta"
    assert registry.resolve("alpha_t") == "alpha_two"
    with pytest.raises(BlueprintNotFoundError, match="alpha"):
        registry.resolve("alpha")
    child = registry.evolve("beta", widen(50))
    assert registry.resolve("beta@latest") == child


def test_the_manifest_counts_and_averages(registry: BlueprintRegistry) -> None:
    registry.register_all(
        [perceptron(1, "a").changed(tags=["x"]), perceptron(2, "b").changed(tags=["x", "y"])]
    )
    registry.update_performance("a", {"latency_ms": 1.0}, device="cpu")
    registry.update_performance("b", {"latency_ms": 3.0}, device="cpu")
    manifest = registry.export_manifest()
    assert {one["id"]: one["tags"] for one in manifest["blueprints"]} == {"a": ["x"], "b": ["x", "y"]}
    statistics = manifest["statistics"]
    assert (statistics["total_blueprints"], statistics["total_tags"]) == (2, 2)


# ---------------------------------------------------------------- kernels


def test_a_compiled_kernel_is_recorded_with_its_checks_and_found_again(registry: BlueprintRegistry) -> None:
    import torch

    registry.register(perceptron(3))
    kernel = registry.compile("mlp", seed=7)
    record = registry.kernel(kernel.digest[:12])
    assert (record.digest, record.blueprint, record.seed, record.mode) == (kernel.digest, "mlp", 7, "infer")
    assert record.validation["passed"]
    assert registry.compile("mlp", seed=7).digest == kernel.digest
    assert [one.digest for one in registry.kernels("mlp")] == [kernel.digest]
    assert [one.outcome for one in registry.attempts("mlp")] == ["done"]
    module = kernel.load()
    assert module(torch.zeros(5, 8)).shape == (5, 2)
    assert registry.verify_kernel(kernel.digest).validation["passed"]
    assert registry.doctor() == ()
