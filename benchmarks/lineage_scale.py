"""A registry as large and as shaped as a public model hub: lineage records only, on each engine.

402,654 blueprints and 462,524 derivations: 61 % in one component, most blueprints leaves, a heavy tail of
children. The numbers are those of "HuggingGraph" (arXiv 2507.14240); the records are made up. Measured: the
rate of loading, who is affected within three derivations, and all that descends from the root of the largest
component, streamed. Every answer that is timed is compared with networkx.

`run.py lineage_scale` measures 60,000 blueprints of the same shape; the whole takes minutes an engine and is
run alone: `python benchmarks/lineage_scale.py 402654 [ENGINE]`.
"""

import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).parent)]

import networkx as nx
from engines import engines

from esper_graph.registry import BlueprintRegistry
from esper_graph.store import kinship, lineage
from esper_graph.store.engines import Engine
from esper_graph.store.reach import Reach

BLUEPRINTS, DERIVATIONS, IN_LARGEST = 402_654, 462_524, 0.614
SLICE = 60_000
ASKED = 200


def hub_shaped(count: int, seed: int = 7) -> list[tuple[int, ...]]:
    """List the parents of each blueprint, all of them earlier; the largest component stands first.

    A parent is mostly that of some earlier blueprint, so that who has many children gets more.
    """
    random = Random(seed)
    parents: list[tuple[int, ...]] = []
    sizes = [round(count * IN_LARGEST)]
    while sum(sizes) < count:
        sizes.append(min(count - sum(sizes), int(random.paretovariate(1.3))))
    members: list[range] = []
    for size in sizes:
        begin = len(parents)
        members.append(range(begin, begin + size))
        for place in range(begin, begin + size):
            parents.append((_popular(random, parents, begin, place),) if place > begin else ())
    extra = round(count * DERIVATIONS / BLUEPRINTS) - (count - len(sizes))
    large = [one for one in members if len(one) > 2]
    weights = [len(one) for one in large]
    while extra > 0:
        for component in random.choices(large, weights, k=extra):
            child = random.randrange(component.start + 2, component.stop)
            parent = _popular(random, parents, component.start, child)
            if parent not in parents[child] and len(parents[child]) < 3:
                parents[child] += (parent,)
                extra -= 1
    return parents


def _popular(random: Random, parents: Sequence[tuple[int, ...]], begin: int, place: int) -> int:
    other = random.randrange(begin, place)
    above = parents[other]
    return above[0] if above and random.random() < 0.75 else other


def lines(parents: Sequence[tuple[int, ...]]) -> list[str]:
    """Write the records as `lineage import` reads them: name, parents and one metric each."""
    random = Random(1)
    return [
        json.dumps(
            {
                "id": _id(one),
                "name": f"model {one}",
                "derivations": [{"parent_id": _id(parent)} for parent in above],
                "metrics": {"cpu": {"accuracy": random.random()}},
            }
        )
        for one, above in enumerate(parents)
    ]


def load(registry: BlueprintRegistry, records: Sequence[str]) -> dict[str, float]:
    """Import all of it, and return the rates: of the whole, and of the writing alone."""
    started = time.perf_counter()
    began: list[tuple[float, int]] = []
    done = registry.import_lineage(
        records, progress=lambda done, total: began.append((time.perf_counter(), done))
    )
    seconds = time.perf_counter() - started
    assert len(done.imported) == len(records)
    (first, before), (last, all_of_them) = began[0], began[-1]
    return {
        "imported (records/s)": len(records) / seconds,
        "written, read and compared before (records/s)": (all_of_them - before) / (last - first),
    }


def _id(number: int) -> str:
    return f"m{number:06}"


def questions(engine: Engine, graph: nx.DiGraph) -> dict[str, float]:
    """Ask, compare with networkx, and return milliseconds and counts."""
    down = graph.reverse(copy=False)
    random = Random(3)
    with_children = sorted(one for one in graph if down.out_degree(one))
    times: dict[int, list[float]] = {1: [], 3: []}
    for one in random.sample(with_children, min(ASKED, len(with_children))):
        for steps, taken in times.items():
            started = time.perf_counter()
            found = lineage.descendants(engine, one, Reach(max_generations=steps))
            taken.append((time.perf_counter() - started) * 1000)
            near = nx.single_source_shortest_path_length(down, one, cutoff=steps)
            assert {relative.id: relative.generation for relative in found} | {one: 0} == near
            assert found.total == len(nx.descendants(down, one)) if not found.complete else True
    everyone = nx.descendants(down, _id(0))
    started = time.perf_counter()
    first, seen = 0.0, set[str]()
    for member in kinship.stream(engine, _id(0), upwards=False):
        first = first or time.perf_counter() - started
        seen.add(member.id)
    whole = time.perf_counter() - started
    assert seen == everyone
    return {
        "depth-1 impact, p50 (ms)": statistics.median(times[1]),
        "depth-1 impact, p95 (ms)": _p95(times[1]),
        "depth-3 impact, p50 (ms)": statistics.median(times[3]),
        "depth-3 impact, p95 (ms)": _p95(times[3]),
        "depth-3 impact, worst (ms)": max(times[3]),
        "closure of the largest component (blueprints)": len(seen),
        "closure, first row (ms)": first * 1000,
        "closure, streamed whole (ms)": whole * 1000,
        "closure (blueprints/s)": len(seen) / whole,
    }


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(0.95 * len(values)))]


def measure(count: int = SLICE, only: str = "") -> dict[str, Any]:
    """See the module."""
    parents = hub_shaped(count)
    graph = nx.DiGraph()
    graph.add_nodes_from(_id(one) for one in range(count))
    graph.add_edges_from((_id(one), _id(parent)) for one, above in enumerate(parents) for parent in above)
    results: dict[str, Any] = {
        "shape": {
            "blueprints": len(graph),
            "derivations": graph.number_of_edges(),
            "largest component": max(map(len, nx.weakly_connected_components(graph))) / len(graph),
            "leaves": sum(not graph.in_degree(one) for one in graph) / len(graph),
            "most children": max(degree for _, degree in graph.in_degree()),
            "longest chain": nx.dag_longest_path_length(graph),
        }
    }
    records = lines(parents)
    with engines() as found:
        for name, settings in found.items():
            if not name.startswith(only):
                continue
            with BlueprintRegistry(settings=settings) as registry:
                results[name] = load(registry, records) | questions(registry.engine, graph)
    return results


if __name__ == "__main__":
    asked = sys.argv[1:]
    for subject, figures in measure(int(asked[0]) if asked else SLICE, *asked[1:2]).items():
        print(subject)
        for figure, value in figures.items():
            print(f"  {figure:<48}{value:,.4g}")
