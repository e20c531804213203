"""Every question about lineage, on every engine, against networkx on random families.

Families have late derivations, pairs with several derivations, and rediscoveries that lead in a circle.
"""

import json
from random import Random
from typing import Any

import networkx as nx
import pytest

from esper_graph.bridges import lineage_to_networkx
from esper_graph.property_graph.kinship import Which
from esper_graph.store import folding, kinship, lineage, paths, subgraph
from esper_graph.store.engines import Engine
from esper_graph.store.reach import Reach, View
from tests.integration.large_families import (
    ACTORS,
    KINDS,
    Plan,
    moment,
    random_plan,
    write,
)

SLICE = [2, 5, 7, 8, 9, 10]  # 5 and 7 have rediscoveries in circles
FULL = [pytest.param(seed, marks=pytest.mark.full) for seed in range(100, 110)]
PER_FULL_SEED = 300


def distances(graph: "nx.Graph[str]", start: str) -> dict[str, int]:
    return dict(nx.single_source_shortest_path_length(graph, start))


class Question:
    """One member of one family at one time, and what networkx knows of it."""

    def __init__(self, plan: Plan, random: Random) -> None:
        self.plan = plan
        self.at = random.choice([None, None, random.randrange(60 * len(plan.members))])
        self.wide = bool(random.getrandbits(1))
        self.view = View(self.wide, None if self.at is None else moment(self.at))
        self.narrow = View(as_of=self.view.as_of)
        self.edges = plan.graph(self.at, wide=self.wide)
        self.graph = nx.DiGraph(self.edges)
        self.derived = nx.DiGraph(plan.graph(self.at))
        self.one, self.other = (random.choice(sorted(self.graph)) for _ in range(2))
        self.random = random


def same_relatives(engine: Engine, q: Question) -> None:
    for ask, graph in ((lineage.ancestors, q.graph), (lineage.descendants, q.graph.reverse())):
        found = ask(engine, q.one, Reach(view=q.view))
        distance = distances(graph, q.one)
        distance.pop(q.one)
        expected = sorted((steps, one) for one, steps in distance.items())
        assert [(one.generation, one.id) for one in found] == expected
        assert (found.complete, found.total, found.omitted_count) == (True, len(expected), 0)
        inside = {q.one, *distance}
        for one in found:
            assert one.parents == tuple(sorted(inside.intersection(q.graph.successors(one.id))))
        few = ask(engine, q.one, Reach(limit=2, view=q.view))
        assert [(one.generation, one.id) for one in few] == expected[:2]
        assert (few.complete, few.total) == (len(expected) <= 2, len(expected))
        assert few.truncated_by == (None if few.complete else "limit")


def same_filtered(engine: Engine, q: Question) -> None:
    kind, actor = q.random.choice([None, *KINDS]), q.random.choice([None, *ACTORS])
    since = q.random.choice([None, q.random.randrange(60 * len(q.plan.members))])
    which = Which(kind=kind, actor=actor, since=None if since is None else moment(since))
    for ask, graph in ((lineage.ancestors, q.graph), (lineage.descendants, q.graph.reverse())):
        distance = distances(graph, q.one)
        distance.pop(q.one)
        expected = sorted(
            (steps, one)
            for one, steps in distance.items()
            if (since is None or q.plan.members[one] >= since)
            and (
                (kind, actor) == (None, None)
                or any(
                    kind in (None, edge["kind"]) and actor in (None, edge["actor"])
                    for _, _, edge in q.edges.out_edges(one, data=True)
                )
            )
        )
        found = ask(engine, q.one, Reach(view=q.view, which=which))
        assert [(one.generation, one.id) for one in found] == expected
        assert (found.complete, found.total) == (True, len(expected))


def same_tree(engine: Engine, q: Question) -> None:
    above = distances(q.graph, q.one)
    roots = sorted(one for one in above if not q.derived.out_degree(one))
    depths = nx.multi_source_dijkstra_path_length(q.graph.reverse(), set(roots), weight=None)
    expected = sorted((int(depth), one) for one, depth in depths.items())
    found = lineage.tree(engine, q.one, Reach(view=q.view))
    assert [(one.generation, one.id) for one in found] == expected
    assert found.complete
    for one in found:
        assert one.parents == tuple(sorted(set(depths).intersection(q.graph.successors(one.id))))
    assert set(lineage_to_networkx(found).edges) == set(q.graph.subgraph(depths).edges)
    folded = folding.folded_tree(engine, q.one, most_children=2, limit=8, view=q.view)
    assert len(folded) + (folded.omitted_count or 0) == folded.total == len(expected)
    assert q.one in {one.id for one in folded}
    family = q.graph.subgraph(depths)
    shown = {one.id for one in folded}
    for one in folded:
        assert one.generation == depths[one.id]
        assert set(one.parents) == set(family.successors(one.id))
        assert one.children == family.in_degree(one.id)
        assert one.descendants == len(nx.ancestors(family, one.id))
        if one.generation:
            assert one.parents[0] in shown
            assert depths[one.parents[0]] == one.generation - 1
    if folded.complete:
        assert not any(one.folded for one in folded)


def same_ends(engine: Engine, q: Question) -> None:
    def ends(graph: "nx.DiGraph[str]") -> list[tuple[int, str]]:
        return sorted(
            (steps, one) for one, steps in distances(graph, q.one).items() if not graph.out_degree(one)
        )

    found = lineage.roots(engine, q.one, as_of=q.view.as_of)
    assert [(one.generation, one.id) for one in found] == ends(q.derived)
    found = kinship.leaves(engine, q.one, view=q.view)
    assert [(one.generation, one.id) for one in found] == ends(q.graph.reverse())
    now = nx.DiGraph(q.plan.graph())
    leaves = sorted(one for one in now if not now.in_degree(one))
    orphans = sorted(nx.isolates(now))
    for ask, expected in ((kinship.leaves, leaves), (kinship.orphans, orphans)):
        assert [one.id for one in ask(engine)] == expected
        few = ask(engine, limit=1)
        assert [one.id for one in few] == expected[:1]
        assert (few.complete, few.total) == (len(expected) <= 1, len(expected))


def same_siblings(engine: Engine, q: Question) -> None:
    shared: dict[str, set[str]] = {}
    for parent in q.graph.successors(q.one):
        for child in q.graph.predecessors(parent):
            if child != q.one:
                shared.setdefault(child, set()).add(parent)
    expected = sorted((-len(parents), one, tuple(sorted(parents))) for one, parents in shared.items())
    found = kinship.siblings(engine, q.one, view=q.view)
    assert [(-len(one.shared), one.id, one.shared) for one in found] == expected
    few = kinship.siblings(engine, q.one, limit=1, view=q.view)
    assert tuple(few) == found[:1]
    assert (few.complete, few.total) == (len(expected) <= 1, len(expected))


def same_depth(engine: Engine, q: Question) -> None:
    up, down = q.derived, q.derived.reverse()

    def longest(graph: "nx.DiGraph[str]") -> int:
        return nx.dag_longest_path_length(graph.subgraph(distances(graph, q.one)), default_weight=1)

    def nearest(graph: "nx.DiGraph[str]") -> int:
        return min(steps for one, steps in distances(graph, q.one).items() if not graph.out_degree(one))

    found = kinship.depth(engine, q.one, view=q.narrow)
    assert (found.nearest_root, found.farthest_root) == (nearest(up), longest(up))
    assert (found.nearest_leaf, found.farthest_leaf) == (nearest(down), longest(down))
    assert (found.ancestors, found.descendants) == (
        len(nx.descendants(up, q.one)),
        len(nx.ancestors(up, q.one)),
    )


def same_common(engine: Engine, q: Question) -> None:
    asked = q.random.sample(sorted(q.graph), min(len(q.graph), q.random.choice([1, 2, 2, 3])))
    above = {one: distances(q.graph, one) for one in asked}
    shared = set.intersection(*(set(found) for found in above.values()))
    reach = {one: nx.descendants(q.graph, one) for one in shared}
    nearest = {
        one
        for one in shared
        if not any(one in reach[other] and other not in reach[one] for other in shared - {one})
    }
    found = kinship.common_ancestors(engine, asked, view=q.view)
    assert found.complete
    assert {one.id: one.generations for one in found} == {
        one: tuple(above[start][one] for start in asked) for one in shared
    }
    assert {one.id for one in found if one.nearest} == nearest
    assert list(found) == sorted(found, key=lambda one: (not one.nearest, sum(one.generations), one.id))
    assert {one.id for one in kinship.common_ancestors(engine, asked, nearest=True, view=q.view)} == nearest
    few = kinship.common_ancestors(engine, asked, limit=1, view=q.view)
    assert (tuple(few), few.complete, few.total) == (found[:1], len(shared) <= 1, len(shared))


def same_paths(engine: Engine, q: Question) -> None:
    if q.one == q.other:
        assert tuple(paths.paths(engine, q.one, q.other, view=q.view)) == ((),)
        return
    limit = q.random.choice([1, 3, 200])
    expected = [
        way
        for ends in ((q.one, q.other), (q.other, q.one))
        for way in sorted(_every_way(q.edges, *ends), key=lambda way: (len(way), [one[1] for one in way]))
    ]
    found = paths.paths(engine, q.one, q.other, limit=limit, view=q.view)
    plain = [[(one.child, one.parent, one.kind, one.rediscovery) for one in way] for way in found]
    assert len(plain) == min(limit, len(expected))
    assert len({tuple(way) for way in plain}) == len(plain)
    ids = [[step[:2] for step in way] for way in plain]
    assert ids == [[step[:2] for step in way] for way in expected[:limit]]
    if len(expected) <= limit:
        assert sorted(plain) == sorted(expected)
    assert found.complete == (len(expected) <= limit)
    if found.total is not None:
        assert found.total == len(expected)
    else:
        assert not nx.is_directed_acyclic_graph(q.graph)
    for way in found:
        assert [one.parent for one in way[:-1]] == [one.child for one in way[1:]]
    way = lineage.path(engine, q.one, q.other, q.view)
    assert (None if way is None else len(way)) == min(map(len, expected), default=None)
    assert way is None or [(one.child, one.parent) for one in way] in [
        [step[:2] for step in one] for one in expected
    ]


def _every_way(graph: "nx.MultiDiGraph[str]", child: str, ancestor: str) -> list[list[tuple[Any, ...]]]:
    ways: Any = nx.all_simple_edge_paths(graph, child, ancestor)
    return [
        [
            (start, end, graph.edges[start, end, key]["kind"], graph.edges[start, end, key]["rediscovery"])
            for start, end, key in way
        ]
        for way in ways
    ]


def same_cycles(engine: Engine, q: Question) -> None:
    now = nx.DiGraph(q.plan.graph())
    found = kinship.would_cycle(engine, q.one, q.other)
    if q.one == q.other:
        assert found == (q.one, q.one)
    elif nx.has_path(now, q.other, q.one):
        assert found is not None
        assert len(found) == nx.shortest_path_length(now, q.other, q.one) + 2
        now.add_edge(q.one, q.other)
        assert nx.is_path(now, found)
        assert found[0] == found[-1] == q.one
        assert found[1] == q.other
    else:
        assert found is None


def same_export(engine: Engine, q: Question) -> None:
    asked = q.random.sample(sorted(q.graph), min(len(q.graph), 3))
    only = bool(q.random.getrandbits(1))
    found = json.loads(json.dumps(subgraph.document(engine, asked, only=only, view=q.view)))
    members = set(asked)
    if not only:
        for one in asked:
            members |= {member.id for member in lineage.tree(engine, one, Reach(view=q.view))}
    assert [(one["id"], one["registered_at"]) for one in found["blueprints"]] == [
        (one, moment(q.plan.members[one]).isoformat()) for one in sorted(members)
    ]
    expected = q.edges.subgraph(members)
    assert sorted((one["child"], one["parent"], one["kind"]) for one in found["derivations"]) == sorted(
        (child, parent, edge["kind"]) for child, parent, edge in expected.edges(data=True)
    )
    assert (found["complete"], found["omitted_count"], found["total"]) == (True, 0, len(members))
    graph = lineage_to_networkx(found)
    assert set(graph) == members
    assert sorted(
        (child, parent, one["kind"])
        for child, parent, said in graph.edges(data="derivations")
        for one in said
    ) == sorted((child, parent, edge["kind"]) for child, parent, edge in expected.edges(data=True))
    few = subgraph.document(engine, asked, only=only, limit=1, view=q.view)
    assert len(few["blueprints"]) == 1
    assert few["omitted_count"] == len(members) - 1


def same_stream(engine: Engine, q: Question) -> None:
    now = nx.DiGraph(q.plan.graph(wide=q.wide))
    for upwards, expected in ((True, nx.descendants(now, q.one)), (False, nx.ancestors(now, q.one))):
        found = list(kinship.stream(engine, q.one, upwards=upwards, include_rediscoveries=q.wide))
        assert sorted(one.id for one in found) == sorted(expected)
        assert all(one.parents == tuple(sorted(now.successors(one.id))) for one in found)


CHECKS = (
    same_relatives,
    same_filtered,
    same_tree,
    same_ends,
    same_siblings,
    same_depth,
    same_common,
    same_common,
    same_paths,
    same_cycles,
    same_export,
    same_stream,
)


def compare(engine: Engine, random: Random, count: int, questions: int) -> None:
    plan = random_plan(random, count, rediscoveries=random.choice([0, count // 2, count // 2]))
    write(engine, plan)
    for _ in range(questions):
        question = Question(plan, random)
        for check in CHECKS:
            check(engine, question)


@pytest.mark.parametrize("seed", SLICE)
def test_all_answers_about_a_random_family_are_those_of_networkx(engine: Engine, seed: int) -> None:
    compare(engine, Random(seed), 14, 6)


@pytest.mark.parametrize("seed", FULL)
@pytest.mark.timeout(3600)
def test_all_answers_about_three_thousand_families_are_those_of_networkx(engine: Engine, seed: int) -> None:
    from tests.integration.conftest import wipe

    random = Random(seed)
    for _ in range(PER_FULL_SEED):
        wipe(engine)
        compare(engine, random, random.randrange(1, 16), 1)
