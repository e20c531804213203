"""What the client and the command line say about lineage: refusals, filters, times, folding, streams."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from esper_graph.bridges import lineage_to_networkx
from esper_graph.config import Settings
from esper_graph.errors import BlueprintNotFoundError, ConfigError, QueryError
from esper_graph.property_graph.kinship import Which
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import folding, kinship, lineage, paths
from esper_graph.store.engines import Engine
from esper_graph.store.reach import Reach, View
from tests.integration.commands import Commands, refused
from tests.integration.families import ladder, plant
from tests.integration.large_families import Edge, Plan, moment, write
from tests.integration.stock import network
from tests.integration.test_cli import commands

__all__ = ["commands"]  # a fixture

Registry = BlueprintRegistry
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001, what is refused


@pytest.fixture
def registry(engine_settings: Settings) -> Any:
    """root <- left, right <- last; alone. `left` is tagged and measured."""
    with BlueprintRegistry(settings=engine_settings) as found:
        found.register(network("root", 4))
        found.register(network("alone", 8))
        found.register(network("left", 5, ("root",)), actor="ada")
        found.register(network("right", 6, ("root",)), actor="bob")
        found.register(network("last", 7, ("left", "right")), actor="ada")
        found.tag("left", "fast", "small")
        found.update_performance("left", {"latency_ms": 2.0}, device="cpu")
        found.update_performance("last", {"latency_ms": 5.0}, device="cpu")
        yield found


def ids(found: Any) -> list[str]:
    return [one.id for one in found]


def test_each_verb_of_the_client_answers_and_takes_aliases(registry: Registry) -> None:
    registry.alias("last", "newest")
    assert ids(registry.common_ancestors("left", "right", nearest=True)) == ["root"]
    assert ids(registry.common_ancestors("newest", "left", nearest=True)) == ["left"]
    assert ids(registry.siblings("left")) == ["right"]
    assert ids(registry.leaves("root")) == ["last"]
    assert ids(registry.leaves()) == ["alone", "last"]
    assert ids(registry.orphans()) == ["alone"]
    found = registry.paths("newest", "root")
    assert ([[one.parent for one in way] for way in found], found.total) == (
        [["left", "root"], ["right", "root"]],
        2,
    )
    depth = registry.depth("left")
    assert (depth.nearest_root, depth.farthest_leaf, depth.ancestors, depth.descendants) == (1, 1, 1, 1)
    assert registry.would_cycle("root", "newest") in (
        ("root", "last", "left", "root"),
        ("root", "last", "right", "root"),
    )
    assert registry.would_cycle("last", "root") is None
    assert sorted(one.id for one in registry.stream_descendants("root")) == ["last", "left", "right"]
    assert sorted(one.id for one in registry.stream_ancestors("newest")) == ["left", "right", "root"]
    assert [one.parent for one in registry.parents("newest")] == ["left", "right"]
    assert [one.child for one in registry.children("root")] == ["left", "right"]


def test_relatives_are_narrowed_by_how_they_came_to_be_tags_times_and_metrics(registry: Registry) -> None:
    def below(**which: Any) -> list[str]:
        return ids(registry.descendants("root", which=Which(**which)))

    assert below() == ["left", "right", "last"]
    assert below(actor="ada") == ["left", "last"]
    assert below(actor="bob") == ["right"]
    assert below(kind="crossover") == ids(
        one
        for one in registry.descendants("root")
        if any(d.kind == "crossover" for d in registry.parents(one.id))
    )
    assert below(tags=("fast", "small")) == ["left"]
    assert below(tags=("fast", "fast")) == ["left"]
    assert below(tags=("fast", "large")) == []
    assert below(metric="latency_ms") == ["left", "last"]
    assert below(metric="latency_ms", most=3.0) == ["left"]
    assert below(metric="latency_ms", least=3.0, device="cpu") == ["last"]
    assert below(metric="latency_ms", device="gpu_v100") == []
    with pytest.raises(ConfigError, match="no device `cuda:0`"):
        below(metric="latency_ms", device="cuda:0")
    now = datetime.now(UTC)
    assert below(since=now + timedelta(days=1)) == []
    assert below(until=now + timedelta(days=1)) == ["left", "right", "last"]
    some = registry.descendants("root", which=Which(actor="ada"), limit=1)
    assert (ids(some), some.truncated_by, some.total, some.omitted_count) == (["left"], "limit", 2, 1)


def test_the_client_returns_families_as_graphs(registry: Registry) -> None:
    graph = registry.lineage_graph("left")
    assert set(graph.edges) == {("left", "root"), ("right", "root"), ("last", "left"), ("last", "right")}
    assert [one["actor"] for one in graph.edges["left", "root"]["derivations"]] == ["ada"]
    assert (graph.graph["complete"], graph.graph["total"]) == (True, 4)
    assert set(lineage_to_networkx(registry.descendants("root"))) == {"root", "left", "right", "last"}
    with pytest.raises(BlueprintNotFoundError):
        registry.lineage_graph("nobody")


def test_the_family_as_of_a_time_lacks_what_came_later(registry: Registry) -> None:
    known = {one.id: one.registered_at for one in registry.list()}
    then = known["right"]
    assert ids(registry.descendants("root", as_of=then)) == ["left", "right"]
    assert ids(registry.leaves("root", as_of=then)) == ["left", "right"]
    registry.link("alone", "root", kind="transfer")
    assert ids(registry.descendants("root", as_of=then)) == ["left", "right"]
    assert "alone" in ids(registry.descendants("root"))
    assert registry.path("alone", "root", as_of=then) is None
    assert registry.path("alone", "root") is not None
    assert ids(registry.tree("root", as_of=then)) == ["root", "left", "right"]
    with pytest.raises(QueryError, match="`last` was not known at"):
        registry.ancestors("last", as_of=then)


BAD: dict[str, tuple[type[Exception], Callable[[Registry], object]]] = {
    "unknown common": (BlueprintNotFoundError, lambda store: store.common_ancestors("root", "nobody")),
    "no common": (QueryError, lambda store: store.common_ancestors()),
    "unknown siblings": (BlueprintNotFoundError, lambda store: store.siblings("nobody")),
    "unknown leaves": (BlueprintNotFoundError, lambda store: store.leaves("nobody")),
    "unknown depth": (BlueprintNotFoundError, lambda store: store.depth("nobody")),
    "unknown paths": (BlueprintNotFoundError, lambda store: store.paths("root", "nobody")),
    "unknown parents": (BlueprintNotFoundError, lambda store: store.parents("nobody")),
    "unknown children": (BlueprintNotFoundError, lambda store: store.children("nobody")),
    "unknown cycle": (BlueprintNotFoundError, lambda store: store.would_cycle("nobody", "root")),
    "unknown export": (BlueprintNotFoundError, lambda store: store.export_lineage("root", "nobody")),
    "no export": (QueryError, lambda store: store.export_lineage()),
    "unknown folded": (BlueprintNotFoundError, lambda store: store.folded_tree("nobody")),
    "unknown stream": (BlueprintNotFoundError, lambda store: list(store.stream_ancestors("nobody"))),
    "limit of common": (QueryError, lambda store: store.common_ancestors("root", limit=0)),
    "limit of siblings": (QueryError, lambda store: store.siblings("root", limit=0)),
    "limit of leaves": (QueryError, lambda store: store.leaves(limit=-1)),
    "limit of orphans": (QueryError, lambda store: store.orphans(limit=0)),
    "limit of paths": (QueryError, lambda store: store.paths("last", "root", limit=0)),
    "limit of export": (QueryError, lambda store: store.export_lineage("root", limit=0)),
    "limit of a tree": (QueryError, lambda store: store.folded_tree("root", limit=0)),
    "fold of a tree": (QueryError, lambda store: store.folded_tree("root", most_children=0)),
    "limit of ancestors": (QueryError, lambda store: store.ancestors("root", limit=-1)),
    "time without zone": (QueryError, lambda store: store.ancestors("root", as_of=NAIVE)),
    "time before": (QueryError, lambda store: store.tree("root", as_of=datetime(2020, 1, 1, tzinfo=UTC))),
    "leaves of all then": (QueryError, lambda store: store.leaves(as_of=datetime.now(UTC))),
    "roots of all then": (QueryError, lambda store: store.roots(as_of=datetime.now(UTC))),
    "unknown kind": (QueryError, lambda _: Which(kind="mutations")),
    "since without zone": (QueryError, lambda _: Which(since=NAIVE)),
    "since after until": (
        QueryError,
        lambda _: Which(since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 1, tzinfo=UTC)),
    ),
    "bound without metric": (QueryError, lambda _: Which(most=3.0)),
    "bound that is no number": (QueryError, lambda _: Which(metric="latency_ms", most=float("nan"))),
    "bounds the wrong way": (QueryError, lambda _: Which(metric="latency_ms", least=2.0, most=1.0)),
    "unknown metric": (ConfigError, lambda store: store.ancestors("root", which=Which(metric="beauty"))),
}


def test_what_makes_no_sense_is_refused(registry: Registry) -> None:
    for name, (error, ask) in BAD.items():
        with pytest.raises(error) as caught:
            ask(registry)
        assert str(caught.value), name


def test_a_blueprint_and_itself(registry: Registry) -> None:
    assert registry.would_cycle("root", "root") == ("root", "root")
    assert tuple(registry.paths("root", "root")) == ((),)
    first = registry.common_ancestors("last", "last")[0]
    assert (first.id, first.generations) == ("last", (0,))
    with pytest.raises(BlueprintNotFoundError):
        registry.would_cycle("nobody", "nobody")


def test_asking_whether_a_cycle_would_close_writes_nothing(registry: Registry) -> None:
    before = (registry.query("browse/overview"), len(registry.history("root")))
    registry.would_cycle("root", "last")
    assert (registry.query("browse/overview"), len(registry.history("root"))) == before


# ---------------------------------------------------------------- large families


def test_the_paths_of_sixty_diamonds_are_counted_and_few_are_made(engine: Engine) -> None:
    plant(engine, ladder(60))
    found = paths.paths(engine, "rung000", "rung060", limit=3)
    assert (len(found), found.total, found.truncated_by) == (3, 2**60, "limit")
    assert found.omitted_count == 2**60 - 3
    assert all(len(way) == 120 for way in found)
    assert [one.parent for one in found[0] if one.parent.endswith("right")] == []
    assert [one.parent for one in found[1] if one.parent.endswith("right")] == ["rung000-right"]
    assert [one.parent for one in found[2] if one.parent.endswith("right")] == ["rung001-right"]


def test_a_large_family_is_folded_but_never_the_way_to_who_was_asked_about(engine: Engine) -> None:
    hub = [Edge(f"child{number:03}", "hub", number) for number in range(300)]
    below = [Edge("asked", "child299", 400), Edge("other", "child000", 400), Edge("asked", "child298", 400)]
    edges = [*hub, *below]
    write(engine, Plan({"hub": 0, **{edge.child: edge.at for edge in edges}}, edges))
    found = folding.folded_tree(engine, "asked", most_children=3, limit=10)
    assert ids(found) == ["hub", "child000", "child001", "child298", "asked", "other"]
    assert (found.truncated_by, found.total, found.omitted_count) == ("limit", 303, 297)
    top, first, _, way, asked, _ = found
    assert (top.children, top.descendants, top.folded) == (300, 302, 297)
    assert (first.children, first.descendants, first.folded) == (1, 1, 0)
    assert asked.parents == ("child298", "child299")
    assert (way.id, way.folded) == ("child298", 0)
    near = folding.folded_tree(engine, "hub", most_children=500, limit=500, max_generations=1)
    assert (len(near), near.truncated_by, near.omitted_count) == (301, "depth", 2)


def test_a_hub_has_its_siblings_counted_and_its_stream_closed_early(engine: Engine) -> None:
    edges = [Edge(f"child{number:04}", "hub", number) for number in range(2_000)]
    write(engine, Plan({"hub": 0, **{edge.child: edge.at for edge in edges}}, edges))
    found = kinship.siblings(engine, "child0000", limit=5)
    assert (ids(found), found.total) == ([f"child{number:04}" for number in range(1, 6)], 1_999)
    members = kinship.stream(engine, "hub", upwards=False)
    next(members)
    members.close()
    assert len(list(kinship.stream(engine, "hub", upwards=False))) == 2_000
    assert len(lineage.descendants(engine, "hub", Reach(view=View(as_of=moment(99))))) == 100
    assert kinship.depth(engine, "child0000", view=View(as_of=moment(0))).ancestors == 1


# ---------------------------------------------------------------- the command line


@pytest.fixture
def family(registry: Registry, commands: Commands) -> Commands:
    assert len(registry) == 5
    return commands


def test_the_command_line_answers_each_question(family: Commands, tmp_path: Path) -> None:
    assert family.done("lineage", "common", "left", "right", "-q").lines == ["root"]
    assert family.done("lineage", "common", "last", "left", "--nearest", "--json").json["items"][0] == {
        "id": "left",
        "name": "left",
        "generations": [1, 0],
        "nearest": True,
    }
    found = family.done("lineage", "paths", "last", "root", "--limit", "1", "--json").json
    assert (len(found["items"]), found["total"], found["omitted_count"]) == (1, 2, 1)
    assert family.done("lineage", "paths", "last", "root", "-q").lines == [
        "last left root",
        "last right root",
    ]
    assert "2  last -" in family.done("lineage", "paths", "last", "root").stdout
    assert family("lineage", "paths", "left", "right").code == 1
    assert family.done("lineage", "siblings", "left", "-q").lines == ["right"]
    assert family.done("lineage", "leaves", "-q").lines == ["alone", "last"]
    assert family.done("lineage", "leaves", "left", "-q").lines == ["last"]
    assert family.done("lineage", "orphans", "-q").lines == ["alone"]
    assert family.done("lineage", "depth", "left", "--json").json["farthest_root"] == 1
    assert family.done("lineage", "parents", "last", "-q").lines == ["left", "right"]
    assert family.done("lineage", "children", "root", "-q").lines == ["left", "right"]
    assert family.done("lineage", "would-cycle", "last", "root").stdout == ""
    ran = family("lineage", "would-cycle", "root", "left")
    assert (ran.code, ran.lines) == (1, ["root -> left -> root"])
    assert family.done("lineage", "descendants", "root", "--by", "ada", "-q").lines == ["left", "last"]
    assert family.done("lineage", "descendants", "root", "--tag", "fast", "-q").lines == ["left"]
    assert family.done("lineage", "descendants", "root", "--tag", "none").stderr == "nothing found\n"
    few = ("--metric", "latency_ms", "--device", "cpu", "--max", "3")
    assert family.done("lineage", "descendants", "root", *few, "-q").lines == ["left"]
    *rows, last = map(json.loads, family.done("lineage", "descendants", "root", "--stream").lines)
    ids = family.done("lineage", "descendants", "root", "--stream", "-q").lines
    assert sorted(ids) == sorted(row["id"] for row in rows)
    assert sorted(row["id"] for row in rows) == ["last", "left", "right"]
    assert last == {"complete": True, "truncated_by": None, "count": 3}
    tree = family.done("lineage", "tree", "left", "--fold", "1").stdout.splitlines()
    assert tree[:2] == ["root", "├── left  <-"]
    assert tree[-1] == "└── ... 1 more (2 children, 3 descendants in all)"
    assert "right" in family.done("lineage", "tree", "left", "--unfold").stdout
    file = tmp_path / "family.json"
    family.done("lineage", "export", "left", "-o", str(file))
    document = json.loads(file.read_text(encoding="utf-8"))
    assert [one["id"] for one in document["blueprints"]] == ["last", "left", "right", "root"]
    assert len(document["derivations"]) == 4
    only = family.done("lineage", "export", "left", "root", "--only").json
    assert [(one["child"], one["parent"]) for one in only["derivations"]] == [("left", "root")]


def test_the_command_line_refuses_what_makes_no_sense(family: Commands) -> None:
    refused(family("lineage", "common", "left", "nobody"), 3, "nobody")
    refused(family("lineage", "descendants", "root", "--as-of", "2020-01-01T00:00Z"), 2, "was not known")
    refused(family("lineage", "descendants", "root", "--min", "3"), 2, "metric")
    refused(family("lineage", "descendants", "root", "--metric", "beauty"), 2, "beauty")
    refused(
        family("lineage", "descendants", "root", "--since", "2026-02-01T00Z", "--until", "2026-01-01T00Z"), 2
    )
    for arguments, word in (
        (("descendants", "root", "--as-of", "yesterday"), "is no time"),
        (("descendants", "root", "--as-of", "2026-01-01"), "no time zone"),
        (("descendants", "root", "--stream", "--limit", "3"), "--stream"),
        (("paths", "last", "root", "--limit", "0"), "--limit"),
        (("common",), "ID..."),
    ):
        ran = family("lineage", *arguments)
        assert (ran.code, ran.stdout) == (2, "")
        assert word in ran.stderr
