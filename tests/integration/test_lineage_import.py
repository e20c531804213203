"""Lineage records: blueprints of which only the lineage is known, imported on each engine."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import networkx as nx
import pytest

from esper_graph.config import Settings
from esper_graph.errors import (
    IdTakenError,
    LineageCycleError,
    LineageOnlyError,
    RecordsRefusedError,
)
from esper_graph.property_graph.kinship import Which
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.integration.commands import Commands, refused
from tests.integration.families import random_family
from tests.integration.statements import statement
from tests.integration.test_concurrency import perceptron

Record = dict[str, Any]

_ALL = statement(
    "MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN count(DISTINCT n) AS nodes, count(r) AS relationships",
    returns="nodes, relationships",
)
_EVENTS = statement(
    "MATCH (e:Event)-[:CONCERNS]->(b:Blueprint) RETURN e.id AS event, count(b) AS concerned",
    returns="event, concerned",
)


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


def record(record_id: str, *parents: str, **fields: Any) -> Record:
    derivations = [{"parent_id": parent} for parent in parents]
    return {"id": record_id, "name": f"name of {record_id}", "derivations": derivations, **fields}


def three() -> list[Record]:
    """A child before its parents."""
    return [
        record("c", "b", "a", tags=["vision", "small"]),
        record(
            "b", "a", metrics={"cpu": {"accuracy": 0.5, "latency_ms": 2}, "gpu_a100": {"latency_ms": 0.5}}
        ),
        record("a"),
    ]


def problems(registry: BlueprintRegistry, *records: Record | str) -> list[str]:
    """Import what is refused, and make sure that nothing is stored."""
    before = registry.engine.read(_ALL)
    with pytest.raises(RecordsRefusedError) as caught:
        registry.import_lineage(records)
    assert registry.engine.read(_ALL) == before
    return [f"{one.where}: {one.message}" for one in caught.value.problems]


# ---------------------------------------------------------------- what is written


def test_a_family_is_known_as_given_whatever_the_order_of_its_lines(
    registry: BlueprintRegistry,
) -> None:
    random = Random(5)
    graph = nx.DiGraph(random_family(random, 60))
    lines = [json.dumps(record(one, *graph.successors(one))) for one in graph]
    random.shuffle(lines)
    found = registry.import_lineage(lines)
    assert sorted(found.imported) == sorted(graph)
    assert found.derivations == graph.number_of_edges()
    place = {one: number for number, one in enumerate(found.imported)}
    assert all(place[parent] < place[child] for child, parent in graph.edges)
    for one in graph:
        assert set(registry.ancestor_ids(one)) == nx.descendants(graph, one)
        assert set(registry.descendant_ids(one)) == nx.ancestors(graph, one)
    longest: dict[str, int] = {}
    for one in reversed(list(nx.topological_sort(graph))):
        longest[one] = 1 + max((longest[parent] for parent in graph.successors(one)), default=-1)
    assert {one.id: one.generation for one in registry.list()} == longest
    assert {one.id: one.version for one in registry.list()} == {one: 1 + longest[one] for one in longest}
    assert registry.doctor() == ()


def test_what_a_record_says_is_found_again(registry: BlueprintRegistry) -> None:
    told = record(
        "x",
        author="Ann",
        description="a ≤ b",
        created_at="2026-01-02T03:04:05+02:00",
        tags=["vision"],
        metrics={"cpu": {"accuracy": 0.25}},
    )
    registry.import_lineage([told])
    (found,) = registry.list()
    assert (found.name, found.author, found.tags, found.status) == (
        "name of x",
        "Ann",
        ("vision",),
        "registered",
    )
    assert found.created_at == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert (found.fingerprint, found.op_count, found.parameters) == (None, None, None)
    (measured,) = registry.measurements("x")
    assert (measured.device, measured.name, measured.value) == ("cpu", "accuracy", 0.25)
    assert [one.measurements for one in registry.ranking("accuracy")] == [1]
    registry.update_performance("x", {"accuracy": 0.5}, "cpu", actor="Bob")
    registry.update_performance("x", {"accuracy": 0.75}, "cpu", actor="Bob")
    assert [one.value for one in registry.measurements("x")] == [0.25, 0.5, 0.75]
    assert registry.measurements("x")[0] == measured
    assert [one.measurements for one in registry.ranking("accuracy")] == [3]
    assert registry.import_lineage([told]).known == ("x",)
    assert registry.doctor() == ()
    assert registry.metadata("x").benchmarks == {"cpu": {"accuracy": 0.75}}
    assert registry.history("x")[0].action == "lineage.import"
    categories = registry.manifest.categories_of(["vision"])
    assert [one.id for one in registry.search(f"tag:vision category:{categories[0]}")] == ["x"]


def test_derivations_keep_what_they_say(registry: BlueprintRegistry) -> None:
    derivation = {
        "parent_id": "a",
        "kind": "merge",
        "mutation_type": "slerp",
        "reason": "to have both",
        "edits": [{"type": "note", "value": 1}],
    }
    registry.import_lineage([record("a"), {**record("b"), "derivations": [derivation]}], actor="Ann")
    (found,) = registry.parents("b")
    assert (found.kind, found.mutation_type, found.reason) == ("merge", "slerp", "to have both")
    assert (found.edits, found.actor) == (({"type": "note", "value": 1},), "Ann")


def test_two_derivations_of_one_kind_from_one_parent_are_two(registry: BlueprintRegistry) -> None:
    assert registry.import_lineage([record("a"), record("b", "a", "a")]).derivations == 2
    assert len(registry.parents("b")) == 2
    assert registry.import_lineage([record("b", "a", "a")]).known == ("b",)


def test_there_is_one_event_for_each_thousand(registry: BlueprintRegistry) -> None:
    told: list[tuple[int, int | None]] = []
    chain = [
        record(f"m{one:04}", *([f"m{one - 1:04}"] if one else []), metrics={"cpu": {"accuracy": one / 2_300}})
        for one in range(2_300)
    ]
    found = registry.import_lineage(chain[::-1], progress=lambda done, total: told.append((done, total)))
    assert len(found.imported) == 2_300
    assert told == [(1_000, 2_300), (2_000, 2_300), (2_300, 2_300)]
    events = registry.engine.read(_EVENTS)
    assert sorted(one["concerned"] for one in events) == [300, 1_000, 1_000]
    assert registry.metadata("m2299").generation == 2_299
    assert len(registry.ancestor_ids("m2299")) == 2_299
    assert len(registry.ranking("accuracy", min_value=0.5)) == 1_150


# ---------------------------------------------------------------- again, and beside others


def test_importing_again_changes_nothing(registry: BlueprintRegistry) -> None:
    registry.import_lineage(three())
    before = registry.engine.read(_ALL)
    found = registry.import_lineage(three())
    assert (found.imported, found.derivations) == ((), 0)
    assert sorted(found.known) == ["a", "b", "c"]
    assert registry.engine.read(_ALL) == before


def test_importing_again_changes_nothing_of_what_was_added_since(registry: BlueprintRegistry) -> None:
    registry.import_lineage([*three(), record("d")])
    registry.tag("c", "own")
    registry.update_performance("b", {"accuracy": 0.75}, "cpu")
    registry.link("d", "a", kind="merge")
    before = registry.engine.read(_ALL)
    assert sorted(registry.import_lineage([*three(), record("d")]).known) == ["a", "b", "c", "d"]
    assert registry.engine.read(_ALL) == before
    assert registry.ranking("accuracy")[0].value == 0.75


def test_new_records_are_added_to_known_ones(registry: BlueprintRegistry) -> None:
    registry.import_lineage(three())
    found = registry.import_lineage([*three(), record("d", "c")])
    assert (found.imported, found.derivations) == (("d",), 1)
    assert registry.metadata("d").generation == 3


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "other", "with the name 'name of b', not 'other'"),
        ("author", "Bob", "with the author 'system', not 'Bob'"),
        ("description", "new", "with the description '', not 'new'"),
        ("created_at", "2020-01-01T00:00:00+00:00", "not 2020-01-01T00:00:00+00:00"),
        ("tags", ["vision"], "without the tag `vision`"),
        ("metrics", {"cpu": {"accuracy": 0.9}}, "without a value 0.9 of accuracy on cpu"),
        ("derivations", [{"parent_id": "a", "kind": "merge"}], "without this merge from `a`"),
    ],
)
def test_a_record_that_differs_from_the_known_one_is_refused(
    registry: BlueprintRegistry, field: str, value: Any, said: str
) -> None:
    registry.import_lineage(three())
    (found,) = problems(registry, record("d"), {**record("b", "a"), field: value})
    assert found.startswith("line 2: `b` is known already, ")
    assert said in found


def test_records_derive_from_blueprints_and_blueprints_from_records(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3, "root"))
    registry.alias("root", "also")
    registry.import_lineage([record("a", "also")])
    registry.register(perceptron(4, "leaf"), parents=["a"])
    assert registry.ancestor_ids("leaf") == ("a", "root")
    assert registry["leaf"].version == 3
    assert registry.metadata("leaf").generation == 2
    assert registry.import_lineage([record("a", "also")]).known == ("a",)
    assert registry.doctor() == ()


def test_a_parent_that_is_numbered_anew_meanwhile_counts_with_its_new_number(
    registry: BlueprintRegistry,
) -> None:
    for hidden, parents in ((3, []), (4, ["mlp3"]), (5, ["mlp4"])):
        registry.register(perceptron(hidden, f"mlp{hidden}"), parents=parents)

    def link(done: int, total: int | None) -> None:
        if done == 1_000:
            registry.link("r0000", "mlp5", kind="import")

    records = [record(f"r{one:04}", *(["r0000"] if one else [])) for one in range(1_500)]
    registry.import_lineage(records, progress=link)
    assert {registry.metadata(one).generation for one in ("r0001", "r0500", "r1499")} == {4}
    assert registry.doctor() == ()


def test_an_id_that_is_taken_meanwhile_is_refused_and_what_was_written_before_stays(
    registry: BlueprintRegistry,
) -> None:
    def take(done: int, total: int | None) -> None:
        if done == 1_000:
            registry.register(perceptron(3, "r1200"))

    with pytest.raises(RecordsRefusedError, match="line 1201: the id `r1200` is that of a reg") as caught:
        registry.import_lineage([record(f"r{one:04}") for one in range(1_500)], progress=take)
    assert caught.value.stored == 1_000
    assert "1,000 before them were stored" in str(caught.value)
    assert len(registry) == 1_001
    assert registry.doctor() == ()


def test_the_same_records_that_another_import_writes_meanwhile_are_known(registry: BlueprintRegistry) -> None:
    records = [record(f"r{one:04}", *([f"r{one - 1:04}"] if one else [])) for one in range(1_500)]

    def overtake(done: int, total: int | None) -> None:
        if done == 1_000 and total == 1_500:
            registry.import_lineage(records[:1_300])

    found = registry.import_lineage(records, progress=overtake)
    assert (len(found.imported), found.derivations) == (1_200, 1_199)
    assert found.known == tuple(f"r{one:04}" for one in range(1_000, 1_300))
    assert len(registry.ancestor_ids("r1499")) == 1_499
    assert registry.doctor() == ()


def test_a_parent_that_arrives_meanwhile_is_derived_from(registry: BlueprintRegistry) -> None:
    def arrive(done: int, total: int | None) -> None:
        if done == 1_000:
            registry.register(perceptron(3, "mlp"))
            registry.alias("mlp", "elsewhere")
            registry.register(perceptron(4, "child"), parents=["r1100"], external_parents=True)

    records = [record(f"r{one:04}", *(["elsewhere"] if one > 1_000 else [])) for one in range(1_200)]
    found = registry.import_lineage(records, external_parents=True, progress=arrive)
    assert (found.derivations, found.external_parents) == (199, ())
    assert registry.ancestor_ids("r1001") == ("mlp",)
    assert registry.ancestor_ids("child") == ("mlp", "r1100")
    assert registry.metadata("child").generation == 2
    assert registry.doctor() == ()


def test_a_batch_whose_outcome_is_unknown_is_written_once(
    registry: BlueprintRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = registry.engine
    write = type(engine).write
    twice: list[str] = []

    def repeated(self: Any, work: Callable[..., Any], **options: Any) -> Any:
        if options.get("name") == "lineage.import":  # committed, and the answer was lost
            write(self, work, **options)
            twice.append("lineage.import")
        return write(self, work, **options)

    monkeypatch.setattr(type(engine), "write", repeated)
    assert registry.import_lineage(three()).derivations == 3
    assert twice
    assert len(registry) == 3
    assert len(registry.measurements("b")) == 3
    assert registry.doctor() == ()


# ---------------------------------------------------------------- what is refused


def test_ids_that_others_have_are_refused(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3, "mlp"))
    registry.alias("mlp", "also")
    assert problems(registry, record("new"), record("also"), record("mlp")) == [
        "line 2: the id `also` is an alias of `mlp`",
        "line 3: the id `mlp` is that of a registered blueprint",
    ]


def test_parents_that_are_nowhere_are_refused_all_of_them(registry: BlueprintRegistry) -> None:
    registry.import_lineage([record("a")])
    assert problems(registry, record("b", "a", "x"), record("c", "b", "y", "x")) == [
        "line 1: parent `x` of `b` is neither among the records nor in this store",
        "line 2: parent `y` of `c` is neither among the records nor in this store",
        "line 2: parent `x` of `c` is neither among the records nor in this store",
    ]


def test_circles_are_refused_with_the_path(registry: BlueprintRegistry) -> None:
    circle = [record("a", "c"), record("b", "a"), record("c", "b"), record("d", "c")]
    with pytest.raises(LineageCycleError) as caught:
        registry.import_lineage(circle)
    path = caught.value.path
    assert path[0] == path[-1]
    assert set(path) == {"a", "b", "c"}
    parents = {one["id"]: [parent["parent_id"] for parent in one["derivations"]] for one in circle}
    assert all(above in parents[one] for one, above in pairwise(path))
    with pytest.raises(LineageCycleError) as caught:
        registry.import_lineage([record("a", "a")])
    assert caught.value.path == ("a", "a")
    assert len(registry) == 0


# ---------------------------------------------------------------- parents from elsewhere


def test_parents_that_are_nowhere_can_be_kept_as_names_and_may_arrive(registry: BlueprintRegistry) -> None:
    found = registry.import_lineage([record("b", "a"), record("c", "b", "x")], external_parents=True)
    assert found.external_parents == ("a", "x")
    assert registry.ancestors("c").truncated_by == "external"
    assert registry.external_ancestors("c") == ("a", "x")
    again = registry.import_lineage([record("b", "a"), record("c", "b", "x")], external_parents=True)
    assert (again.known, again.external_parents) == (("b", "c"), ())

    registry.import_lineage([record("a")])
    registry.register(perceptron(3, "x"))
    assert registry.ancestors("c").complete
    assert registry.ancestor_ids("c") == ("a", "b", "x")
    assert registry.metadata("c").generation == 2
    assert registry.import_lineage([record("b", "a"), record("c", "b", "x")]).known == ("b", "c")
    assert registry.doctor() == ()


def test_a_record_that_its_own_ancestor_waits_for_is_refused(registry: BlueprintRegistry) -> None:
    registry.import_lineage([record("b", "a")], external_parents=True)
    with pytest.raises(LineageCycleError) as caught:
        registry.import_lineage([record("a", "b")])
    assert set(caught.value.path) == {"a", "b"}
    assert "a" not in registry
    assert registry.doctor() == ()


# ---------------------------------------------------------------- what other verbs say


def test_verbs_that_need_content_say_that_only_the_lineage_is_known(registry: BlueprintRegistry) -> None:
    registry.import_lineage(three())
    registry.register(perceptron(3, "mlp"))
    registry.register(perceptron(4, "child"), parents=["b"])
    verbs: list[Callable[[], object]] = [
        lambda: registry.get("c"),
        lambda: registry["c"],
        lambda: registry.diff("c", "mlp"),
        lambda: registry.diff("mlp", "c"),
        lambda: registry.blame("c"),
        lambda: registry.merge("mlp", "child", base="c"),
        lambda: registry.evolve("c", []),
        lambda: registry.compile("c"),
        lambda: registry.similar("c"),
        lambda: registry.near_duplicates("c"),
        lambda: registry.novelty("c"),
        lambda: registry.same_as("c"),
        lambda: registry.same_as("c", "fingerprint"),
    ]
    for number, verb in enumerate(verbs):
        with pytest.raises(LineageOnlyError, match="only the lineage of `c` is known") as caught:
            verb()
        assert caught.value.blueprint_id == "c", number
        assert "lineage link" in str(caught.value.hint)


def test_lists_of_content_say_that_they_leave_records_out(registry: BlueprintRegistry) -> None:
    registry.import_lineage(three())
    registry.register(perceptron(3, "mlp").changed(tags=["vision"]), parents=["c"])
    registry.update_performance("mlp", {"accuracy": 0.9}, "cpu")
    for found, total in (
        (registry.search_by_tags(["vision"]), 2),
        (registry.search_by_tags([]), 4),
        (registry.search_by_performance("accuracy"), 2),
        (registry.get_lineage("mlp"), 4),
        (registry.get_descendants("a"), 3),
    ):
        assert [one.id for one in found] == ["mlp"]
        assert (found.truncated_by, found.total, found.omitted_count) == ("lineage_only", total, total - 1)


def test_blame_begins_where_content_begins_and_says_so(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(2, "lost"))
    registry.import_lineage([record("a", "lost"), record("b", "a")])
    registry.register(perceptron(3, "first"), parents=["b"], actor="ann")
    edit = {"type": "modify_attribute", "node_id": "act", "attribute": "type", "value": "gelu"}
    registry.evolve("first", [edit], blueprint_id="second", actor="bob")
    found = registry.blame("second")
    assert (found.complete, found.truncated_by, found.omitted_count) == (False, "lineage_only", None)
    assert {one.blueprint: one.actor for one in found} == {"first": "ann", "second": "bob"}
    assert [one.subject for one in found if one.blueprint == "second"] == ["type"]
    assert all(one.at is not None for one in found)


def test_blame_says_that_a_family_goes_on_outside(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3, "first"), parents=["elsewhere"], external_parents=True)
    assert registry.blame("first").truncated_by == "external"
    registry.register(perceptron(2, "elsewhere"))
    assert registry.blame("first").complete


def test_similarity_counts_only_what_has_content(registry: BlueprintRegistry) -> None:
    registry.register(perceptron(3, "mlp"))
    registry.register(perceptron(4, "wide"))
    before = registry.novelty("mlp")
    registry.import_lineage(three())
    after = registry.novelty("mlp")
    assert (after.value, after.exact) == (before.value, before.exact)
    assert [one.id for one in registry.similar("mlp")] == ["wide"]
    assert [one.id for one in registry.same_as("mlp")] == ["mlp"]


def test_lineage_tags_metrics_and_status_work_as_with_blueprints(registry: BlueprintRegistry) -> None:
    registry.import_lineage(three())
    assert registry.resolve("c") == "c"
    assert {one.id for one in registry.tree("b")} == {"a", "b", "c"}
    assert [one.id for one in registry.roots("c")] == ["a"]
    assert [one.id for one in registry.descendants("a", which=Which(tags=("vision",)))] == ["c"]
    assert [one.child for one in registry.path("c", "a") or ()] == ["c"]
    assert {one["id"] for one in registry.export_lineage("a")["blueprints"]} == {"a", "b", "c"}
    assert [(one.blueprint, one.value) for one in registry.ranking("latency_ms")] == [("b", 0.5)]
    assert [one.id for one in registry.search("tag:vision")] == ["c"]
    assert [one.id for one in registry.search("accuracy@cpu>0.4")] == ["b"]
    assert [one.id for one in registry.search("params>0")] == []
    assert sorted(one.id for one in registry.search("", order="latency_ms")) == ["a", "b", "c"]
    registry.tag("a", "old")
    registry.set_status("a", "retired")
    registry.alias("a", "first")
    registry.note("a", "the base")
    registry.update_performance("a", {"accuracy": 0.1}, "cpu")
    assert [one.id for one in registry.list(tags=["old"], status="retired")] == ["a"]
    assert registry.ancestor_ids("b") == ("a",)
    registry.archive("c")
    assert "c" not in {one.id for one in registry.list()}
    registry.restore("c")
    registry.purge("c")
    assert {one.id for one in registry.list()} == {"a", "b"}
    assert {one["id"] for one in registry.export_manifest()["blueprints"]} == {"a", "b"}
    assert registry.doctor() == ()


def test_migrating_leaves_records_alone(registry: BlueprintRegistry) -> None:
    registry.import_lineage(three())
    done = registry.migrate()
    assert (done.renewed, done.described) == ((), ())
    assert registry.doctor() == ()


def test_a_blueprint_cannot_take_the_id_of_a_record_but_can_be_linked_to_it(
    registry: BlueprintRegistry,
) -> None:
    registry.import_lineage(three())
    with pytest.raises(IdTakenError, match="only the lineage is known") as caught:
        registry.register(perceptron(3, "a"))
    assert caught.value.held is None
    assert "lineage link" in str(caught.value.hint)
    with pytest.raises(IdTakenError):
        registry.register_all([perceptron(3, "a")])
    registry.register(perceptron(3, "a-graph"))
    with pytest.raises(IdTakenError):
        registry.alias("a-graph", "a")
    registry.link("a-graph", "a", kind="import")
    assert registry.ancestor_ids("a-graph") == ("a",)
    assert registry.doctor() == ()


# ---------------------------------------------------------------- the command


def test_files_and_standard_input_are_imported(
    engine: Engine, engine_settings: Settings, tmp_path: Path
) -> None:
    run = Commands(engine_settings)
    lines = "".join(json.dumps(one) + "\n" for one in three())
    (tmp_path / "hub.jsonl").write_text(lines, encoding="utf-8")
    first = run.done("lineage", "import", str(tmp_path / "hub.jsonl"), "--reason", "from the hub")
    assert first.stdout == "3 imported, 0 known already, 3 derivations\n"
    again = run.done("lineage", "import", "-", "--json", stdin=lines)
    assert (again.json["imported"], sorted(again.json["known"])) == ([], ["a", "b", "c"])
    more = json.dumps(record("d", "c", "elsewhere"))
    refused(run("lineage", "import", "-", stdin=more), 4, "line 1", "`elsewhere`", "--external-parent")
    added = run.done("lineage", "import", "-", "-q", "--external-parent", stdin=more)
    assert added.lines == ["d"]
    assert "outside of this store: elsewhere" in added.stderr
    refused(run("lineage", "import", "-", stdin='{"id": "x"}\n\n{'), 4, "line 1", "line 3")
    refused(run("lineage", "import", str(tmp_path / "nothing.jsonl")), 2, "nothing.jsonl")
    refused(run("blueprint", "show", "c"), 3, "only the lineage of `c` is known")
    assert run.done("blueprint", "list", "-q").lines[-1:] != []
    assert "vision" in run.done("blueprint", "list").stdout
    assert run.done("lineage", "tree", "d").stdout
