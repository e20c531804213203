"""Search over 100,000 blueprints: the first page, on each engine, compared with a walk over the same facts.

Blueprints are bare: no nodes, but costs, signature, op types, tags and two newest values each. One tag stands
on 20 % of them, one on 5 % and one on 0.5 %. Thousands share the newest time of registration, and others come
one by one or in batches before it. Every page that is timed is compared, and so are counts.

Run alone: `python benchmarks/search.py [BLUEPRINTS [ENGINE]]`.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).parent)]

from engines import engines

from esper_graph.property_graph.catalogue import parse
from esper_graph.property_graph.places import places
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine

BLUEPRINTS, BATCH, ROUNDS, PAGE = 100_000, 2_000, 20, 25
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
NEWEST, TOGETHER = 0.05, 500
OPS = ("linear", "conv2d", "attention", "activation", "normalization", "softmax", "add", "mul")
SHARES = {"common": 0.2, "some": 0.05, "rare": 0.005}


@dataclass(frozen=True, slots=True)
class Fact:
    """One made-up blueprint."""

    id: str
    parameters: int
    tags: tuple[str, ...]
    ops: tuple[str, ...]
    latency: float
    accuracy: float
    before_newest: int


def facts(count: int, seed: int = 11) -> list[Fact]:
    """Make them up."""
    random = Random(seed)
    return [
        Fact(
            id=f"m{number:06}",
            parameters=int(10 ** random.uniform(4, 9)),
            tags=tuple(name for name, share in SHARES.items() if random.random() < share),
            ops=tuple(sorted(random.sample(OPS, 4))),
            latency=random.random() * 10,
            accuracy=random.random(),
            before_newest=_before_newest(number, count),
        )
        for number in range(count)
    ]


def _before_newest(number: int, count: int) -> int:
    """Microseconds before the newest time: none for many, then batches that share one, then each its own."""
    if number < NEWEST * count:
        return 0
    return 1_000 * (number // TOGETHER if number < count / 2 else number)


def load(engine: Engine, known: Sequence[Fact]) -> float:
    """Write all of them in batches, and return the seconds that took."""
    source = (Path(__file__).parent / "search_load.cypher").read_text(encoding="utf-8")
    write = parse("benchmarks/search_load", source, "search_load")
    started = time.perf_counter()
    for begin in range(0, len(known), BATCH):
        rows = [_row(one) for one in known[begin : begin + BATCH]]
        engine.write(
            lambda transaction, rows=rows: transaction.run(write, {"rows": rows, "at": AT.isoformat()})
        )
    return time.perf_counter() - started


def _row(one: Fact) -> dict[str, Any]:
    values = {"latency_ms": one.latency, "accuracy": one.accuracy}
    return {
        "properties": {
            "id": one.id,
            "handle": one.id,
            "name": one.id,
            "fingerprint": f"f1:{one.id}",
            "content_digest": one.id,
            "normal_fingerprint": one.id,
            "version": 1,
            "status": "registered",
            "generation": 0,
            "author": "bench",
            "description": "",
            "parameters": one.parameters,
            "flops": 2 * one.parameters,
            "macs": one.parameters,
            "memory_mb": one.parameters / 1e6,
            "op_count": 10,
            "edge_count": 9,
            "depth": 8,
            "op_types": list(one.ops),
            "input_signature": "float32[batch, 8]",
            "output_signature": f"float32[batch, {len(one.tags)}]",
            "newest_first": one.before_newest - round(AT.timestamp() * 1_000_000),
        },
        "registered": (AT - timedelta(microseconds=one.before_newest)).isoformat(),
        "tags": list(one.tags),
        "metrics": [
            {
                "key": f"{one.id}|{name}|cpu",
                "name": name,
                "device": "cpu",
                "value": value,
                **places(name, "cpu", value, one.id),
            }
            for name, value in values.items()
        ],
    }


KEYS: dict[str, Callable[[Fact], float]] = {
    "latency_ms@cpu": lambda one: one.latency,
    "parameters": lambda one: one.parameters,
    "registered": lambda one: one.before_newest,
}
Question = tuple[str, str, Callable[[Fact], bool]]


def questions(random: Random) -> Iterator[tuple[str, Question]]:
    """Make up one question of each sort: filter, order, and what it means."""
    low = random.uniform(0, 5)
    narrow, wide = low + 0.05, low + 5
    few = 10 ** random.uniform(4.5, 6)
    yield (
        "rare tag, metric",
        (
            f"tag:rare latency_ms@cpu:{low}..{wide}",
            "latency_ms@cpu",
            lambda one: "rare" in one.tags and low <= one.latency <= wide,
        ),
    )
    yield (
        "common tag, narrow metric",
        (
            f"tag:common latency_ms@cpu:{low}..{narrow}",
            "latency_ms@cpu",
            lambda one: "common" in one.tags and low <= one.latency <= narrow,
        ),
    )
    yield (
        "narrow metric",
        (
            f"latency_ms@cpu:{low}..{narrow}",
            "latency_ms@cpu",
            lambda one: low <= one.latency <= narrow,
        ),
    )
    yield (
        "common tag, metric",
        (
            f"tag:common latency_ms@cpu:{low}..{wide}",
            "latency_ms@cpu",
            lambda one: "common" in one.tags and low <= one.latency <= wide,
        ),
    )
    yield (
        "tag, op, parameters",
        (
            f"tag:some op:attention params<{few}",
            "parameters",
            lambda one: "some" in one.tags and "attention" in one.ops and one.parameters < few,
        ),
    )
    yield "parameters of all", (f"params<{few}", "parameters", lambda one: one.parameters < few)
    yield (
        "newest of a common tag",
        (
            "tag:common op:attention",
            "registered",
            lambda one: "common" in one.tags and "attention" in one.ops,
        ),
    )
    yield "newest of all", (f"params>{few}", "registered", lambda one: one.parameters > few)


def ask(registry: BlueprintRegistry, known: Sequence[Fact], rounds: int = ROUNDS) -> dict[str, float]:
    """Ask, compare, and return milliseconds and counts."""
    random = Random(3)
    times: dict[str, list[float]] = {}
    matching: dict[str, list[int]] = {}
    for turn in range(rounds + 2):
        for sort, (filter_, order, test) in questions(random):
            started = time.perf_counter()
            page = registry.search(filter_, order=order, limit=PAGE)
            taken = (time.perf_counter() - started) * 1000
            kept = [one for one in known if test(one)]
            key = KEYS[order]
            kept.sort(key=lambda one: (key(one), one.id))
            assert [hit.id for hit in page] == [one.id for one in kept[:PAGE]], filter_
            if turn >= 2:
                times.setdefault(sort, []).append(taken)
                matching.setdefault(sort, []).append(len(kept))
            if turn == 2:
                assert registry.search(filter_, order=order, limit=PAGE, count=True).total == len(kept)
    figures: dict[str, float] = {}
    for sort, taken in times.items():
        figures[f"{sort}: matching (median)"] = statistics.median(matching[sort])
        figures[f"{sort}: first page, p50 (ms)"] = statistics.median(taken)
        figures[f"{sort}: first page, p95 (ms)"] = sorted(taken)[round(0.95 * (len(taken) - 1))]
    started = time.perf_counter()
    front = registry.pareto(["latency_ms@cpu", "accuracy@cpu", "parameters"], filter="tag:common")
    figures["front over a common tag (ms)"] = (time.perf_counter() - started) * 1000
    figures["front over a common tag: considered"] = front.considered
    started = time.perf_counter()
    assert {one.value: one.blueprints for one in registry.facets(facets=["tag"])} == {
        name: sum(name in one.tags for one in known) for name in SHARES
    }
    figures["tags of all (ms)"] = (time.perf_counter() - started) * 1000
    return figures


def measure(count: int = BLUEPRINTS, only: str = "") -> dict[str, Any]:
    """See the module."""
    known = facts(count)
    results: dict[str, Any] = {"shape": {"blueprints": count}}
    with engines() as found:
        for name, settings in found.items():
            if not name.startswith(only):
                continue
            with BlueprintRegistry(settings=settings) as registry:
                seconds = load(registry.engine, known)
                results[name] = {"loaded (blueprints/s)": count / seconds, **ask(registry, known)}
    return results


if __name__ == "__main__":
    asked = sys.argv[1:]
    for subject, figures in measure(int(asked[0]) if asked else BLUEPRINTS, *asked[1:2]).items():
        print(subject)
        for figure, value in figures.items():
            print(f"  {figure:<48}{value:,.4g}")
