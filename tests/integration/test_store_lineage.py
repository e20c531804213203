"""Lineage on every engine, against networkx."""

import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import Any

import networkx as nx
import pytest

from esper_graph.errors import BlueprintNotFoundError, IntegrityError, QueryError
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.kinship import Which
from esper_graph.property_graph.records import Relative
from esper_graph.store import folding, kinship, lineage, paths
from esper_graph.store.engines import Engine
from esper_graph.store.engines.bolt import BoltEngine
from esper_graph.store.reach import Reach, View
from tests.integration.families import chain, ladder, plant, random_family
from tests.integration.statements import statement


def relatives(graph: "nx.DiGraph[str]", start: str) -> list[Relative]:
    """What can be reached along the edges, by networkx: nearest first, then by id."""
    distance = nx.single_source_shortest_path_length(graph, start)
    return [
        Relative(member, f"name of {member}", generation)
        for member, generation in sorted(distance.items(), key=lambda item: (item[1], item[0]))
        if member != start
    ]


def bare(answer: Answer[Relative]) -> list[Relative]:
    return [Relative(one.id, one.name, one.generation) for one in answer]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ancestors_and_descendants_are_those_of_networkx(engine: Engine, seed: int) -> None:
    graph = plant(engine, random_family(Random(seed), 40), alone=["nobody"])
    upside_down = graph.reverse()
    for member in [*Random(seed).sample(sorted(graph), 12), "nobody"]:
        for found, expected in (
            (lineage.ancestors(engine, member), relatives(graph, member)),
            (lineage.descendants(engine, member), relatives(upside_down, member)),
        ):
            assert bare(found) == expected
            assert (found.complete, found.total, found.omitted_count) == (True, len(expected), 0)
            inside = {member, *(one.id for one in found)}
            for one in found:
                assert one.parents == tuple(sorted(inside.intersection(graph.successors(one.id))))
        assert set(lineage.ancestor_ids(engine, member)) == nx.descendants(graph, member)
        assert set(lineage.descendant_ids(engine, member)) == nx.ancestors(graph, member)


@pytest.mark.parametrize("seed", [4, 5])
def test_parents_children_roots_and_trees_are_those_of_networkx(engine: Engine, seed: int) -> None:
    graph = plant(engine, random_family(Random(seed), 40), alone=["nobody"])
    every_root = sorted(member for member in graph if not graph.out_degree(member))
    assert [one.id for one in lineage.roots(engine)] == every_root
    for member in [*Random(seed).sample(sorted(graph), 12), "nobody"]:
        assert [one.parent for one in lineage.parents(engine, member)] == sorted(graph.successors(member))
        assert [one.child for one in lineage.children(engine, member)] == sorted(graph.predecessors(member))
        distance = nx.single_source_shortest_path_length(graph, member)
        above = sorted((distance[root], root) for root in every_root if root in distance)
        assert [(one.generation, one.id) for one in lineage.roots(engine, member)] == above
        starts = {root for _, root in above}
        depths = nx.multi_source_dijkstra_path_length(graph.reverse(), starts, weight=None)
        family = lineage.tree(engine, member)
        assert family.complete
        assert [(one.generation, one.id) for one in family] == sorted(
            (int(depth), one) for one, depth in depths.items()
        )
        for one in family:
            assert one.parents == tuple(sorted(set(depths).intersection(graph.successors(one.id))))


def test_a_tree_below_many_roots_is_the_same(engine: Engine) -> None:
    roots = [f"root{number:02}" for number in range(20)]
    plant(engine, [*(("last", root) for root in roots), ("other", "root07")])
    family = lineage.tree(engine, "last")
    assert [(one.generation, one.id) for one in family] == [
        *((0, root) for root in roots),
        (1, "last"),
        (1, "other"),
    ]
    assert family[-2].parents == tuple(roots)


@pytest.mark.parametrize("seed", [6, 7])
def test_a_path_is_as_short_as_that_of_networkx_and_leads_from_the_newer_to_the_older(
    engine: Engine, seed: int
) -> None:
    graph = plant(engine, random_family(Random(seed), 25), alone=["nobody"])
    members = sorted(graph)
    for one, other in zip(members, Random(seed).sample(members, len(members)), strict=True):
        found = lineage.path(engine, one, other)
        newer, older = (one, other) if nx.has_path(graph, one, other) else (other, one)
        if not nx.has_path(graph, newer, older):
            assert found is None
            continue
        assert found is not None
        assert len(found) == nx.shortest_path_length(graph, newer, older)
        ends = [newer, *(derivation.parent for derivation in found)]
        assert [(one.child, one.parent) for one in found] == list(pairwise(ends))
        assert ends[-1] == older
        assert all(graph.has_edge(one.child, one.parent) for one in found)


def test_generations_count_the_fewest_derivations(engine: Engine) -> None:
    plant(engine, [("d", "c"), ("c", "b"), ("b", "a"), ("d", "a")])
    assert [(one.id, one.generation, one.parents) for one in lineage.ancestors(engine, "d")] == [
        ("a", 1, ()),
        ("c", 1, ("b",)),
        ("b", 2, ("a",)),
    ]


@pytest.mark.parametrize("moment", ["2026-11-24T12:00:00+00:00", "2026-01-02T03:04:05.678901+05:30", None])
def test_a_path_holds_the_same_derivations_as_the_list_of_parents(engine: Engine, moment: str | None) -> None:
    plant(engine, [("b", "a")])
    at = statement(
        "MATCH (:Blueprint {id: 'b'})-[d:DERIVED_FROM]->() "
        "SET d.reason = 'why', "
        "d.registered_at = CASE WHEN $at IS NULL THEN datetime() ELSE datetime($at) END",
        access="write",
        parameters={"at": "STRING?"},
    )
    engine.write(lambda transaction: transaction.run(at, {"at": moment}))
    assert lineage.path(engine, "a", "b") == lineage.parents(engine, "b")
    if moment is not None:
        assert lineage.parents(engine, "b")[0].registered_at == datetime.fromisoformat(moment)


def test_a_derivation_that_does_not_say_what_it_is_is_an_error(engine: Engine) -> None:
    plant(engine, [("b", "a")])
    strip = statement("MATCH ()-[d:DERIVED_FROM]->() REMOVE d.kind, d.registered_at", access="write")
    engine.write(lambda transaction: transaction.run(strip))
    for ask in (
        lambda: lineage.parents(engine, "b"),
        lambda: lineage.children(engine, "a"),
        lambda: lineage.path(engine, "a", "b"),
    ):
        with pytest.raises(IntegrityError, match="from `a` has no kind and no registered_at"):
            ask()


# ---------------------------------------------------------------- what is cut short says so


@pytest.mark.parametrize("limit", [0, 1, 4, 7, 39])
@pytest.mark.parametrize("max_generations", [None, 0, 1, 3])
def test_a_cut_answer_is_the_beginning_of_the_whole_one_and_says_so(
    engine: Engine, limit: int, max_generations: int | None
) -> None:
    graph = plant(engine, random_family(Random(8), 40))
    start = max(graph, key=lambda member: (len(nx.ancestors(graph, member)), member))
    whole = relatives(graph.reverse(), start)
    near = [one for one in whole if max_generations is None or one.generation <= max_generations]
    found = lineage.descendants(engine, start, Reach(max_generations=max_generations, limit=limit))
    assert bare(found) == near[:limit]
    assert found.complete == (len(found) == len(whole))
    if not found.complete:
        assert found.truncated_by == ("limit" if len(near) > limit else "depth")
    assert found.total == len(whole)
    assert found.omitted_count == len(whole) - len(found)
    inside = {start, *(one.id for one in found)}
    assert all(set(one.parents) == inside.intersection(graph.successors(one.id)) for one in found)


@pytest.mark.parametrize(("limit", "max_generations"), [(100, None), (None, 100), (200, 100), (100, 200)])
def test_a_deep_answer_is_cut_like_a_wide_one(
    engine: Engine, limit: int | None, max_generations: int | None
) -> None:
    plant(engine, chain(150))
    found = lineage.ancestors(engine, "link00149", Reach(max_generations=max_generations, limit=limit))
    assert [one.generation for one in found] == list(range(1, 101))
    assert (found.truncated_by, found.total) == ("limit" if limit == 100 else "depth", 149)


def test_roots_of_the_store_and_trees_are_cut_and_counted(engine: Engine) -> None:
    plant(engine, [("a", "r1")], alone=["r2", "r3"])
    found = lineage.roots(engine, limit=2)
    assert ([one.id for one in found], found.truncated_by, found.total) == (["r1", "r2"], "limit", 3)
    assert lineage.roots(engine, limit=3).complete
    family = lineage.tree(engine, "a", Reach(limit=1))
    assert ([one.id for one in family], family.truncated_by, family.total) == (["r1"], "limit", 2)
    family = lineage.tree(engine, "a", Reach(max_generations=0))
    assert ([one.id for one in family], family.truncated_by, family.total) == (["r1"], "depth", 2)


def test_a_limit_below_zero_is_refused(engine: Engine) -> None:
    plant(engine, alone=["a"])
    with pytest.raises(QueryError, match="limit is -1"):
        lineage.ancestors(engine, "a", Reach(limit=-1))
    with pytest.raises(QueryError, match="max_generations is -2"):
        lineage.tree(engine, "a", Reach(max_generations=-2))


def test_who_has_no_relatives_gets_empty_and_complete_answers(engine: Engine) -> None:
    plant(engine, alone=["a", "b"])
    for found in (
        lineage.ancestors(engine, "a"),
        lineage.descendants(engine, "a"),
        lineage.descendants(engine, "a", Reach(limit=5)),
    ):
        assert (tuple(found), found.complete, found.total) == ((), True, 0)
    assert lineage.ancestor_ids(engine, "a") == lineage.descendant_ids(engine, "a") == ()
    assert lineage.parents(engine, "a") == lineage.children(engine, "a") == ()
    assert lineage.path(engine, "a", "b") is None
    assert lineage.path(engine, "a", "a") == ()
    assert [one.id for one in lineage.tree(engine, "a")] == ["a"]
    assert [one.id for one in lineage.roots(engine, "a")] == ["a"]


QUESTIONS: dict[str, Callable[[Engine], object]] = {
    "ancestors": lambda engine: lineage.ancestors(engine, "nobody"),
    "few ancestors": lambda engine: lineage.ancestors(engine, "nobody", Reach(limit=1)),
    "descendants": lambda engine: lineage.descendants(engine, "nobody", Reach(view=View(rediscoveries=True))),
    "near descendants": lambda engine: lineage.descendants(engine, "nobody", Reach(max_generations=1)),
    "ancestor_ids": lambda engine: lineage.ancestor_ids(engine, "nobody"),
    "descendant_ids": lambda engine: lineage.descendant_ids(engine, "nobody"),
    "parents": lambda engine: lineage.parents(engine, "nobody"),
    "children": lambda engine: lineage.children(engine, "nobody"),
    "tree": lambda engine: lineage.tree(engine, "nobody"),
    "roots": lambda engine: lineage.roots(engine, "nobody"),
    "path": lambda engine: lineage.path(engine, "a", "nobody"),
    "path back": lambda engine: lineage.path(engine, "nobody", "a"),
    "path to itself": lambda engine: lineage.path(engine, "nobody", "nobody"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_asking_about_nobody_is_an_error_that_names_him(engine: Engine, question: str) -> None:
    plant(engine, alone=["a"])
    with pytest.raises(BlueprintNotFoundError) as caught:
        QUESTIONS[question](engine)
    assert caught.value.blueprint_id == "nobody"


# ---------------------------------------------------------------- rediscoveries


def test_rediscoveries_are_followed_only_when_asked_and_may_lead_back(engine: Engine) -> None:
    plant(engine, [("b", "a"), ("c", "b")], rediscoveries=[("a", "c"), ("d", "a")], alone=["d"])
    assert lineage.ancestor_ids(engine, "a") == ()
    assert lineage.ancestor_ids(engine, "a", include_rediscoveries=True) == ("b", "c")
    assert lineage.descendant_ids(engine, "a", include_rediscoveries=True) == ("b", "c", "d")
    up = lineage.ancestors(engine, "a", Reach(view=View(rediscoveries=True)))
    assert [(one.id, one.generation, one.parents) for one in up] == [("c", 1, ("b",)), ("b", 2, ("a",))]
    down = lineage.descendants(engine, "a", Reach(view=View(rediscoveries=True)))
    assert [(one.id, one.generation) for one in down] == [("b", 1), ("d", 1), ("c", 2)]
    few = lineage.descendants(engine, "a", Reach(limit=2, view=View(rediscoveries=True)))
    assert (tuple(few), few.truncated_by, few.total) == (down[:2], "limit", 3)
    assert lineage.parents(engine, "a") == ()
    (found,) = lineage.parents(engine, "a", include_rediscoveries=True)
    assert (found.parent, found.rediscovery) == ("c", True)
    assert [one.child for one in lineage.children(engine, "a")] == ["b"]
    assert [one.child for one in lineage.children(engine, "a", include_rediscoveries=True)] == ["b", "d"]
    assert lineage.path(engine, "a", "d") is None
    way = lineage.path(engine, "a", "d", view=View(rediscoveries=True))
    assert way is not None
    assert [(one.child, one.parent, one.rediscovery) for one in way] == [("d", "a", True)]
    shortest = lineage.path(engine, "a", "c", view=View(rediscoveries=True))
    assert shortest is not None
    assert [(one.child, one.parent) for one in shortest] == [("a", "c")]


# ---------------------------------------------------------------- graphs with more paths than atoms


def quickest(ask: Callable[[], object]) -> float:
    """Seconds that it takes when everything is warm."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        ask()
        times.append(time.perf_counter() - begin)
    return min(times)


def test_a_ladder_of_forty_diamonds_is_answered_at_once(engine: Engine) -> None:
    graph = plant(engine, ladder(40))
    top, bottom = "rung040", "rung000"
    assert bare(lineage.ancestors(engine, top)) == relatives(graph, top)
    assert bare(lineage.descendants(engine, bottom)) == relatives(graph.reverse(), bottom)
    assert len(lineage.tree(engine, "rung020")) == len(graph)
    assert [one.id for one in lineage.roots(engine, top)] == [bottom]
    way = lineage.path(engine, bottom, top)
    assert way is not None
    assert len(way) == 80
    assert paths.paths(engine, bottom, top, limit=1).total == 2**40
    folded = folding.folded_tree(engine, top)
    assert {one.id: one.descendants for one in folded} == {
        one: len(nx.ancestors(graph, one)) for one in graph
    }
    of_a_kind = lineage.ancestors(engine, top, Reach(which=Which(kind="mutation")))
    assert {one.id for one in of_a_kind} == nx.descendants(graph, top) - {bottom}
    for ask in (
        lambda: lineage.ancestors(engine, top),
        lambda: lineage.ancestors(engine, top, Reach(view=View(rediscoveries=True))),
        lambda: lineage.descendants(engine, bottom),
        lambda: lineage.descendants(engine, bottom, Reach(max_generations=20)),
        lambda: lineage.ancestor_ids(engine, top),
        lambda: lineage.descendant_ids(engine, bottom, include_rediscoveries=True),
        lambda: lineage.tree(engine, "rung020"),
        lambda: lineage.roots(engine, top),
        lambda: lineage.path(engine, bottom, top),
        lambda: lineage.path(engine, top, bottom, view=View(rediscoveries=True)),
    ):
        assert quickest(ask) < 1.0  # a walk along the 2^40 paths would take weeks


def test_a_chain_of_two_thousand_is_answered_at_once(engine: Engine) -> None:
    graph = plant(engine, chain(2_008))
    first, last = "link00000", "link02007"
    assert bare(lineage.ancestors(engine, last)) == relatives(graph, last)
    assert bare(lineage.descendants(engine, first)) == relatives(graph.reverse(), first)
    of_a_kind = lineage.ancestors(engine, last, Reach(which=Which(kind="mutation")))
    assert {one.id for one in of_a_kind} == nx.descendants(graph, last) - {first}
    folded = folding.folded_tree(engine, last)
    below = nx.single_source_shortest_path_length(graph, last)  # in a chain, as many as steps
    assert {one.id: one.descendants for one in folded} == below
    (way,) = paths.paths(engine, first, last)
    assert [one.child for one in way] == nx.shortest_path(graph, last, first)[:-1]
    assert [one.id for one in kinship.common_ancestors(engine, [first, last])] == [first]
    found = lineage.ancestors(engine, last)
    assert [one.generation for one in found] == list(range(1, 2_008))
    assert found[-1].id == first
    assert [one.id for one in lineage.descendants(engine, first)][-1] == last
    assert len(lineage.ancestor_ids(engine, last)) == 2_007
    way = lineage.path(engine, first, last)
    assert way is not None
    assert (way[0].child, way[-1].parent) == (last, first)
    assert len(way) == 2_007
    for ask in (
        lambda: lineage.ancestors(engine, last),
        lambda: lineage.descendants(engine, first),
        lambda: lineage.descendants(engine, first, Reach(limit=1_000)),
        lambda: lineage.tree(engine, last),
        lambda: lineage.path(engine, first, last),
    ):
        assert quickest(ask) < 1.0  # about 0.05 on a quiet machine; one request a level would take longer


def test_a_root_with_a_wrong_generation_is_not_left_out_in_silence(engine: Engine) -> None:
    plant(engine, [("child", "left"), ("child", "right"), ("cousin", "right")])
    spoil = statement(
        "MATCH (b:Blueprint {id: $id}) SET b.generation = 3",
        access="write",
        parameters={"id": "STRING"},
        name="tests/spoil",
    )
    engine.write(lambda transaction: transaction.run(spoil, {"id": "right"}))
    assert not lineage.tree(engine, "child").complete
    engine.write(lambda transaction: transaction.run(spoil, {"id": "left"}))
    whole = lineage.tree(engine, "child")  # found step by step
    assert {one.id for one in whole} == {"child", "left", "right", "cousin"}
    assert whole.complete


REACHING = [
    f"lineage/{name}{suffix}"
    for name in (
        *("ancestors", "ancestor_ids", "ancestor_count"),
        *("descendants", "descendant_ids", "descendant_count"),
        *("ancestors_matching", "descendants_matching", "derivations_above"),
    )
    for suffix in ("", "_with_rediscoveries")
] + [
    "lineage/ancestor_stream",
    "lineage/common_ancestors",
    "lineage/common_ancestors_with_rediscoveries",
    "lineage/descendant_stream",
    "lineage/generations_below",
    "lineage/tree",
    "lineage/tree_with_rediscoveries",
    "browse/family_tree",
]


def operators(plan: dict[str, Any]) -> list[str]:
    below = [found for child in plan.get("children", []) for found in operators(child)]
    return [str(plan["operatorType"]), *below]


@pytest.mark.parametrize("name", REACHING)
def test_each_statement_visits_each_member_once(engine: Engine, name: str) -> None:
    plant(engine, ladder(40))
    query = get(name)
    start = "rung040" if "ancestor" in name or "tree" in name or "above" in name else "rung000"
    given = {"ids": [start], "id": start, "most_roots": 8, "tags": []}
    parameters = {one.name: given.get(one.name) for one in query.parameters}
    assert quickest(lambda: engine.read(query, parameters)) < 1.0
    if engine.name == "embedded":
        return  # its plans do not look into subqueries
    assert isinstance(engine, BoltEngine)
    plan = engine._driver.execute_query(f"EXPLAIN {query.text}", parameters).summary.plan
    assert plan is not None
    walks = [one for one in operators(plan) if "VarLength" in one]
    assert walks
    assert all(one.startswith("VarLengthExpand(Pruning,BFS") for one in walks)
