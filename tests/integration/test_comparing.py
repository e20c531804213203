"""Diff, merge, blame and bisect of registered blueprints, on each engine."""

from collections.abc import Iterator
from random import Random

import pytest

from esper_graph.config import Settings
from esper_graph.errors import (
    BlueprintNotFoundError,
    ConfigError,
    EvolutionError,
    LineageError,
    MergeConflictError,
)
from esper_graph.ir.edit import AddNode, Edit, RemoveNode, SetAttribute, apply_edits, edit_from
from esper_graph.ir.specs import NodeSpec
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.integration.commands import Commands
from tests.integration.test_concurrency import perceptron
from tests.random_edits import evolved, network

WIDER: list[Edit] = [SetAttribute(node_id="fc1", attribute="out_features", value=16)]
SMOOTHER: list[Edit] = [SetAttribute(node_id="act", attribute="type", value="gelu")]
ROUGHER: list[Edit] = [SetAttribute(node_id="act", attribute="type", value="tanh")]
DROPOUT = NodeSpec(id="drop", op_type="dropout", attributes={"p": 0.5})


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


@pytest.fixture
def family(registry: BlueprintRegistry) -> BlueprintRegistry:
    """mlp <- wide, smooth, rough."""
    registry.register(perceptron(4), actor="ann")
    for name, edits in (("wide", WIDER), ("smooth", SMOOTHER), ("rough", ROUGHER)):
        registry.evolve("mlp", edits, blueprint_id=name, actor=f"maker of {name}", reason="a try")
    return registry


@pytest.fixture
def commands(family: BlueprintRegistry, engine_settings: Settings) -> Commands:
    return Commands(engine_settings)


# ---------------------------------------------------------------- diff and merge


def test_stored_blueprints_are_compared(family: BlueprintRegistry) -> None:
    found = family.diff("wide", "smooth")
    outcome = apply_edits(family["wide"], found.edits)
    assert outcome.blueprint.fingerprint == family["smooth"].fingerprint
    with pytest.raises(BlueprintNotFoundError):
        family.diff("wide", "nothing")


def test_a_merge_is_recorded_with_both_parents_and_their_edits(family: BlueprintRegistry) -> None:
    merged = family.merge("wide", "smooth", actor="merger", reason="both helped")
    expected = apply_edits(family["mlp"], [*WIDER, *SMOOTHER]).blueprint
    assert family[merged].fingerprint == expected.fingerprint
    derivations = {one.parent: one for one in family.derivations(merged)}
    assert set(derivations) == {"wide", "smooth"}
    for parent, record in derivations.items():
        assert (record.kind, record.mutation_type, record.actor) == ("merge", "merge over mlp", "merger")
        again = apply_edits(family[parent], [edit_from(edit) for edit in record.edits], repair=False)
        assert again.blueprint.fingerprint == expected.fingerprint
    assert set(family.ancestor_ids(merged)) == {"mlp", "wide", "smooth"}
    assert family[merged].version == 3


def test_a_contradiction_stores_nothing(family: BlueprintRegistry) -> None:
    before = len(family)
    with pytest.raises(MergeConflictError) as caught:
        family.merge("smooth", "rough")
    assert (caught.value.left, caught.value.right, caught.value.base) == ("smooth", "rough", "mlp")
    assert "both sides change `type` of `act`" in str(caught.value)
    assert caught.value.exit_code == 6
    assert len(family) == before
    assert family.preview_merge("smooth", "rough").blueprint is None


def test_a_merge_that_adds_nothing_is_refused(family: BlueprintRegistry) -> None:
    for sides in (("mlp", "wide"), ("wide", "mlp"), ("wide", "wide")):
        with pytest.raises(EvolutionError, match="gives `wide` itself, so there is nothing to reg") as caught:
            family.merge(*sides)
        assert caught.value.hint == "go on with `wide`: it has all that either of them changed"


def test_the_base_is_the_nearest_common_ancestor(family: BlueprintRegistry) -> None:
    family.evolve("wide", [AddNode(node=DROPOUT, after="act")], blueprint_id="one")
    family.evolve("wide", [RemoveNode(node_id="act")], blueprint_id="other")
    assert family.merge_base("one", "other") == "wide"
    assert family.merge_base("one", "smooth") == "mlp"
    assert family.merge_base("one", "wide") == "wide"
    family.register(network(Random(1)).changed(id="stranger"))
    with pytest.raises(LineageError, match="no common ancestor"):
        family.merge("one", "stranger")
    first, second = family.merge("wide", "smooth"), family.merge("wide", "rough")
    family.register(perceptron(99, "criss"), parents=[first, second])
    family.register(perceptron(98, "cross"), parents=[first, second])
    with pytest.raises(LineageError, match="several nearest common ancestors"):
        family.merge_base("criss", "cross")


# ---------------------------------------------------------------- blame


def test_each_part_is_traced_through_a_merge(family: BlueprintRegistry) -> None:
    merged = family.merge("wide", "smooth", actor="merger")
    found = {(one.node, one.kind, one.subject): one for one in family.blame(merged)}
    width = found["fc1", "attribute", "out_features"]
    assert (width.blueprint, width.actor, width.parent) == ("wide", "maker of wide", "mlp")
    assert width.edit == {**WIDER[0].to_dict()}
    repaired = found["fc2", "attribute", "in_features"]
    assert (repaired.blueprint, repaired.edit and repaired.edit["type"]) == ("wide", "repair_attribute")
    assert found["act", "attribute", "type"].blueprint == "smooth"
    root = found["fc1", "node", None]
    assert (root.blueprint, root.edit, root.actor) == ("mlp", None, "ann")
    assert root.at is not None


def test_blame_agrees_with_the_origins_that_were_written(registry: BlueprintRegistry) -> None:
    random = Random(3)
    blueprint = network(random, 6).changed(id="g0")
    registry.register(blueprint)
    for number in range(1, 6):
        _, edits = evolved(random, registry[f"g{number - 1}"], 2, f"new{number}")
        registry.evolve(f"g{number - 1}", edits, blueprint_id=f"g{number}", repair=False)
    last = {
        one.node: max(
            other.blueprint
            for other in registry.blame("g5")
            if other.node == one.node and other.kind != "edge"
        )
        for one in registry.blame("g5")
    }
    written = {row["node_id"]: row["origin"] for row in registry.query("blueprint/origins", id="g5")}
    assert {node: origin.split("/")[0] for node, origin in written.items()} == last


# ---------------------------------------------------------------- bisect


def slower(registry: BlueprintRegistry, length: int, culprit: int) -> dict[str, float]:
    """A chain of which one link makes everything after it slow; return the true values."""
    registry.register(perceptron(1, "c0"))
    for number in range(1, length):
        edit = SetAttribute(node_id="fc1", attribute="out_features", value=number + 1)
        registry.evolve(f"c{number - 1}", [edit], blueprint_id=f"c{number}")
    return {f"c{number}": 1.0 + number / 100 + 5.0 * (number >= culprit) for number in range(length)}


def test_the_culprit_is_found_by_measuring_what_is_asked_for(registry: BlueprintRegistry) -> None:
    true = slower(registry, 9, 6)
    asked = 0
    while (found := registry.bisect("c0", "c8", "latency_ms", device="cpu")).next is not None:
        asked += 1
        assert asked <= 5
        registry.update_performance(found.next, {"latency_ms": true[found.next]}, device="cpu")
        if found.next not in ("c0", "c8"):
            registry.archive(found.next)
    assert (found.culprit, found.cleared) == ("c6", ("c5",))
    with pytest.raises(ConfigError):
        registry.bisect("c0", "c8", "no such metric")
    with pytest.raises(LineageError):
        registry.bisect("c8", "c0", "latency_ms", device="cpu")


def test_bisecting_where_the_metric_was_never_measured_names_where_it_was(
    commands: Commands, family: BlueprintRegistry
) -> None:
    asked = ("lineage", "bisect", "mlp", "wide", "--metric", "latency_ms")
    assert commands(*asked, "-q").lines == ["mlp"], "nothing was measured anywhere, so a first value is due"
    family.update_performance("mlp", {"latency_ms": 1.0}, device="cpu")
    family.update_performance("mlp", {"latency_ms": 1.0}, device="gpu_a100")
    family.update_performance("mlp", {"loss": 1.0}, device="gpu_v100")
    family.archive("mlp")
    elsewhere = commands(*asked)
    assert (elsewhere.code, elsewhere.stdout) == (2, "")
    assert "`latency_ms` was never measured on `default`" in elsewhere.stderr
    assert "hint: it was on cpu, gpu_a100;" in elsewhere.stderr
    mistyped = commands(*asked, "--device", "gpu_a10")
    assert (mistyped.code, mistyped.stdout) == (2, "")
    assert "there is no device `gpu_a10`" in mistyped.stderr
    assert "hint: did you mean `gpu_a100`" in mistyped.stderr
    assert commands(*asked, "--device", "cpu", "-q").lines == ["wide"]


# ---------------------------------------------------------------- commands


def test_the_command_line_compares_and_merges(commands: Commands, family: BlueprintRegistry) -> None:
    shown = commands.done("blueprint", "diff", "mlp", "smooth")
    assert shown.lines == ['~ act = activation(fc1, type="relu" -> "gelu")']
    for name, value in (("mlp", 2.0), ("smooth", 3.0)):
        family.update_performance(name, {"latency_ms": value}, device="cpu")
    told = commands.done("blueprint", "diff", "mlp", "smooth", "--cost", "--json").json
    assert told["cost"]["latency_ms@cpu"] == {"before": 2.0, "after": 3.0, "factor": 1.5}
    assert [edit["type"] for edit in told["edits"]] == ["modify_attribute"]
    assert "1.5 times" in commands.done("blueprint", "diff", "mlp", "smooth", "--cost").stdout

    conflict = commands("evolve", "merge", "smooth", "rough")
    assert conflict.code == 6
    assert "both sides change `type` of `act`" in conflict.stderr
    dry = commands.done("evolve", "merge", "wide", "smooth", "--dry-run")
    assert "4 -> 16" in dry.stdout
    merged = commands.done("evolve", "merge", "wide", "smooth", "--id", "both", "-q")
    assert merged.lines == ["both"]
    again = commands.done("evolve", "merge", "wide", "smooth", "--id", "again")
    assert (again.lines, "`again` is an alias of `both` now" in again.stderr) == (["both"], True)
    edited = commands.done("evolve", "apply", "mlp", "--set", "act.type=gelu", "--id", "soft")
    assert (edited.lines, "`soft` is an alias of `smooth` now" in edited.stderr) == (["smooth"], True)


def test_the_command_line_blames_and_bisects(commands: Commands, family: BlueprintRegistry) -> None:
    blamed = commands.done("lineage", "blame", "wide", "--node", "fc1")
    assert any("out_features" in line and "maker of wide" in line for line in blamed.lines)
    assert commands.done("lineage", "blame", "wide", "-q").lines == ["mlp", "wide"]

    asked = ("lineage", "bisect", "mlp", "wide", "--metric", "latency_ms", "--device", "cpu")
    assert '"threshold": null' in commands(*asked, "--json").stdout
    for expected in ("mlp", "wide"):
        step = commands(*asked, "-q")
        assert (step.code, step.lines) == (1, [expected])
        family.update_performance(expected, {"latency_ms": 1.0 if expected == "mlp" else 9.0}, device="cpu")
    found = commands.done(*asked)
    assert found.lines[0] == "culprit  wide"
    assert "modify_attribute: attribute=out_features, node_id=fc1, value=16" in found.stdout
