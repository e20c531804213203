"""Lineage on both engines, each answer compared with networkx before it is timed.

A chain of 2,008 and a ladder of 40 diamonds of whole blueprints; and, of bare lineage records, every question
about a chain of 10,000 derivations and a ladder of 60 diamonds, whose 2^60 paths nobody could walk.
"""

import time
from collections.abc import Callable
from typing import Any

import networkx as nx
from engines import engines
from run import interleaved
from samples import ten_nodes

from esper_graph.ir.specs import Derivation
from esper_graph.property_graph.kinship import Which
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import folding, kinship, lineage, paths
from esper_graph.store.engines import Engine
from esper_graph.store.reach import Reach, View
from tests.integration.families import chain, ladder
from tests.integration.large_families import Edge, Plan, moment, write

CHAIN, RUNGS = 2008, 40


def _chain() -> list[Any]:
    return [
        ten_nodes(number, "chain").changed(parent_id=f"chain_{number - 1}")
        if number
        else ten_nodes(0, "chain")
        for number in range(CHAIN)
    ]


def _ladder() -> tuple[list[Any], nx.DiGraph]:
    """Each rung is a diamond: one blueprint, two children, and a child of both: 2^40 paths in all."""
    made, graph = [], nx.DiGraph()
    numbers = iter(range(2100, 2100 + 3 * RUNGS + 1))
    top = ten_nodes(next(numbers), "ladder")
    made.append(top)
    for _ in range(RUNGS):
        sides = [ten_nodes(next(numbers), "ladder").changed(parent_id=top.id) for _ in range(2)]
        bottom = ten_nodes(next(numbers), "ladder")
        derivations = [Derivation(parent_id=side.id, kind="crossover") for side in sides]
        bottom = bottom.changed(derivations=derivations)
        for side in sides:
            graph.add_edge(side.id, top.id)
            graph.add_edge(bottom.id, side.id)
        made += [*sides, bottom]
        top = bottom
    return made, graph


DEEP, HIGH = 10_000, 60
LINKS = {"first": "link00000", "last": f"link{DEEP - 1:05}"}
RUNGS_OF_HIGH = {"first": "rung000", "last": f"rung{HIGH:03}"}


def _questions(engine: Engine, first: str, last: str) -> dict[str, Callable[[], Any]]:
    return {
        "ancestors": lambda: lineage.ancestors(engine, last),
        "ancestors as of a time": lambda: lineage.ancestors(
            engine, last, Reach(view=View(as_of=moment(10**7)))
        ),
        "ancestors of a kind": lambda: lineage.ancestors(engine, last, Reach(which=Which(kind="mutation"))),
        "descendants": lambda: lineage.descendants(engine, first),
        "ids of ancestors": lambda: lineage.ancestor_ids(engine, last),
        "tree": lambda: lineage.tree(engine, last),
        "folded tree": lambda: folding.folded_tree(engine, last),
        "path": lambda: lineage.path(engine, first, last),
        "paths": lambda: paths.paths(engine, first, last, limit=1),
        "common ancestors": lambda: kinship.common_ancestors(engine, [last, first]),
        "roots": lambda: lineage.roots(engine, last),
        "leaves": lambda: kinship.leaves(engine, first),
        "depth": lambda: kinship.depth(engine, last),
        "siblings": lambda: kinship.siblings(engine, last),
        "would cycle": lambda: kinship.would_cycle(engine, first, last),
        "orphans": lambda: kinship.orphans(engine),
        "all descendants, streamed": lambda: list(kinship.stream(engine, first, upwards=False)),
    }


def _compare(engine: Engine, graph: nx.DiGraph, first: str, last: str, ways: int) -> None:
    """Refuse to time answers that are not those of networkx."""
    asked = {name: ask() for name, ask in _questions(engine, first, last).items()}
    up = dict(nx.single_source_shortest_path_length(graph, last))
    down = dict(nx.single_source_shortest_path_length(graph.reverse(), first))
    everyone = set(graph)
    for name in ("ancestors", "ancestors as of a time", "ancestors of a kind"):
        expected = {one: steps for one, steps in up.items() if one != last}
        if name.endswith("kind"):
            expected.pop(first)  # the root came from no derivation
        assert {one.id: one.generation for one in asked[name]} == expected, name
        assert asked[name].complete
    assert {one.id: one.generation for one in asked["descendants"]} | {first: 0} == down
    assert set(asked["ids of ancestors"]) == nx.descendants(graph, last)
    assert {one.id: one.generation for one in asked["tree"]} == down
    folded = asked["folded tree"]
    assert folded.total == len(everyone)
    assert {last, first} <= {one.id for one in folded}
    assert folded[0].descendants == len(everyone) - 1
    assert len(asked["path"]) == nx.shortest_path_length(graph, last, first)
    assert len(asked["paths"]) == 1
    assert asked["paths"].total == ways
    assert {one.id for one in asked["common ancestors"]} == {first}
    assert [one.id for one in asked["roots"]] == [first]
    assert [one.id for one in asked["leaves"]] == [last]
    depth, steps = asked["depth"], nx.dag_longest_path_length(graph)
    assert (depth.nearest_root, depth.farthest_root, depth.ancestors) == (up[first], steps, len(everyone) - 1)
    assert len(asked["siblings"]) == 0
    assert len(asked["would cycle"]) == nx.shortest_path_length(graph, last, first) + 2
    assert len(asked["orphans"]) == 0
    assert {one.id for one in asked["all descendants, streamed"]} == everyone - {first}


def _bare(engine: Engine) -> None:
    for made, ends, ways in ((chain(DEEP), LINKS, 1), (ladder(HIGH), RUNGS_OF_HIGH, 2**HIGH)):
        graph = nx.DiGraph(made)
        older_first = list(reversed(list(nx.topological_sort(graph))))
        members = {one: place for place, one in enumerate(older_first)}
        write(engine, Plan(members, [Edge(child, parent, members[child]) for child, parent in made]))
        _compare(engine, graph, **ends, ways=ways)


def measure() -> dict[str, Any]:
    """See the module."""
    ladder, graph = _ladder()
    last, bottom = f"chain_{CHAIN - 1}", ladder[-1].id
    with engines() as found:
        registries = {name: BlueprintRegistry(settings=settings) for name, settings in found.items()}
        for registry in registries.values():
            registry.register_all([*_chain(), *ladder])
            ids = registry.ancestor_ids(last)
            assert set(ids) == {f"chain_{number}" for number in range(CHAIN - 1)}
            assert ids.complete
            assert set(registry.ancestor_ids(bottom)) == nx.descendants(graph, bottom)

        def timed(work: Any) -> float:
            started = time.perf_counter()
            work()
            return (time.perf_counter() - started) * 1000

        contenders = {}
        for name, registry in registries.items():
            contenders |= {
                f"{name}: chain of {CHAIN}, ids of all ancestors (ms)": lambda r=registry: timed(
                    lambda: r.ancestor_ids(last)
                ),
                f"{name}: chain of {CHAIN}, get_lineage (ms)": lambda r=registry: timed(
                    lambda: r.get_lineage(last)
                ),
                f"{name}: ladder of {RUNGS} diamonds, ancestors (ms)": lambda r=registry: timed(
                    lambda: r.ancestors(bottom)
                ),
            }
        for name, registry in registries.items():
            _bare(registry.engine)
            for family, ends in ((f"chain of {DEEP}", LINKS), (f"ladder of {HIGH} diamonds", RUNGS_OF_HIGH)):
                contenders |= {
                    f"{name}: {family}, {question} (ms)": lambda ask=ask: timed(ask)
                    for question, ask in _questions(registry.engine, **ends).items()
                }
        results = interleaved(contenders, rounds=5)
        for registry in registries.values():
            registry.close()
        return results
