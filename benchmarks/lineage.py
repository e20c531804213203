"""Lineage on both engines: a chain of 2,008 blueprints and a ladder of 40 diamonds, against nx."""

import time
from typing import Any

import networkx as nx
from engines import engines
from run import interleaved
from samples import ten_nodes

from esper_graph.ir.specs import Derivation
from esper_graph.registry import BlueprintRegistry

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
        results = interleaved(contenders, rounds=3)
        for registry in registries.values():
            registry.close()
        return results
