"""Registering and reading ten-node blueprints, end to end, on both engines in turn."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from typing import Any

from engines import engines
from run import interleaved
from samples import ten_nodes

from esper_graph.property_graph.likeness import Likeness
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import saving

SINGLE, READS = 100, 100
BATCH = {"embedded": 500}  # elsewhere the 5,000 that the target names


@contextmanager
def without_features() -> Iterator[None]:
    """Register without features and edit keys."""
    kept = saving.likeness, saving.write_likeness
    saving.likeness = lambda blueprint: Likeness({}, ())
    saving.write_likeness = lambda transaction, found: None
    try:
        yield
    finally:
        saving.likeness, saving.write_likeness = kept


def distinct(numbers: "count[int]", amount: int) -> list[Any]:
    """Blueprints whose structures were never registered before."""
    made = []
    for _ in range(amount):
        number = next(numbers)
        base = ten_nodes(number)
        nodes = list(base.nodes)
        width = 1 + number // 4096
        nodes[1] = nodes[1].replace(attributes={**nodes[1].attributes, "eps": 1e-5 * width})
        made.append(base.replace(nodes=nodes))
    return made


def measure() -> dict[str, Any]:
    """See the module."""
    with engines() as found:
        registries = {name: BlueprintRegistry(settings=settings) for name, settings in found.items()}
        numbers = {name: count() for name in registries}
        for name, registry in registries.items():  # warm-up of the server's compiler
            for blueprint in distinct(numbers[name], 100):
                registry.register(blueprint)

        def single(name: str, *, whole: bool) -> float:
            blueprints = [one.to_dict() for one in distinct(numbers[name], SINGLE)]
            parse = type(ten_nodes(0)).from_dict
            with nullcontext() if whole else without_features():
                started = time.perf_counter()
                for data in blueprints:
                    registries[name].register(parse(data))
                return SINGLE / (time.perf_counter() - started)

        def batch(name: str, *, whole: bool) -> float:
            amount = BATCH.get(name, 5_000)
            blueprints = [one.to_dict() for one in distinct(numbers[name], amount)]
            parse = type(ten_nodes(0)).from_dict
            with nullcontext() if whole else without_features():
                started = time.perf_counter()
                registries[name].register_all(parse(data) for data in blueprints)
                return amount / (time.perf_counter() - started)

        def read(name: str) -> float:
            times = []
            for number in range(READS):
                started = time.perf_counter()
                assert registries[name].get(f"cell_{number}") is not None
                times.append((time.perf_counter() - started) * 1000)
            return statistics.median(times)

        contenders = {}
        for name in registries:
            for whole, what in ((True, ""), (False, ", without features")):
                contenders[f"{name}: register one{what} (blueprints/s)"] = lambda name=name, whole=whole: (
                    single(name, whole=whole)
                )
                contenders[f"{name}: register_all{what} (blueprints/s)"] = lambda name=name, whole=whole: (
                    batch(name, whole=whole)
                )
            contenders[f"{name}: get, median (ms)"] = lambda name=name: read(name)
        results = interleaved(contenders, rounds=3)
        for registry in registries.values():
            registry.close()
        return results
