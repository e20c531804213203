"""Similarity in the store: what features cost a registration, and how long questions take, on each engine.

Registrations with and without features and edit keys take turns. The questions are asked of random cells of
NAS-Bench-101 with seven vertices; before they are timed, the scores of all candidates are compared with those
of a look at every cell in Python.

Run alone: `python benchmarks/similarity_store.py [CELLS [ENGINE]]`.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).parent)]

from engines import engines
from registry import distinct, without_features
from run import interleaved, summary
from samples import cell_blueprint, random_cells

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.features import features, near_duplicate, same_family
from esper_graph.property_graph.catalogue import get
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import similarity

CELLS, VERTICES, ASKED, CHECKED = 10_000, 7, 20, 1
SINGLE, BATCH, ROUNDS = 50, 500, 5


@contextmanager
def with_features() -> Iterator[None]:
    """Register as always."""
    yield


def registrations(name: str, registry: BlueprintRegistry) -> dict[str, dict[str, Any]]:
    """Blueprints per second, one by one and in batches, with and without features; and the ratios."""
    numbers = count()

    def one_by_one() -> float:
        blueprints = distinct(numbers, SINGLE)
        started = time.perf_counter()
        for one in blueprints:
            registry.register(one)
        return SINGLE / (time.perf_counter() - started)

    def batched() -> float:
        blueprints = [one.to_dict() for one in distinct(numbers, BATCH)]
        started = time.perf_counter()
        registry.register_all(map(BlueprintIR.from_dict, blueprints))
        return BATCH / (time.perf_counter() - started)

    registry.register_all(distinct(numbers, BATCH))
    contenders: dict[str, Callable[[], float]] = {}
    for what, register in (("register one", one_by_one), ("register_all", batched)):
        for how, mode in (("with features", with_features), ("without", without_features)):

            def timed(register: Callable[[], float] = register, mode: Any = mode) -> float:
                with mode():
                    return register()

            contenders[f"{name}: {what}, {how} (blueprints/s)"] = timed
    found = interleaved(contenders, ROUNDS)
    for what in ("register one", "register_all"):
        rates = [
            found[f"{name}: {what}, {how} (blueprints/s)"]["median"] for how in ("with features", "without")
        ]
        found[f"{name}: {what}, with through without"] = {"ratio": rates[0] / rates[1]}
    return found


def questions(
    name: str, registry: BlueprintRegistry, cells: Sequence[BlueprintIR]
) -> dict[str, dict[str, Any]]:
    """Milliseconds a question, over all cells."""
    started = time.perf_counter()
    registered = registry.register_all(cells)
    found: dict[str, dict[str, Any]] = {
        f"{name}: register_all of {len(cells)} cells (cells/s)": {
            "rate": len(cells) / (time.perf_counter() - started)
        }
    }
    ids = [one.id for one in registered]
    for place in range(CHECKED):
        _check(registry, ids[place], dict(zip(ids, cells, strict=True)))
    asked = ids[:: max(1, len(ids) // ASKED)][:ASKED]
    registry.similar(asked[-1])
    gc.collect()
    gc.freeze()  # who asks holds no 10,000 blueprints, through which Python would look again and again
    kinds: dict[str, Callable[[str], object]] = {
        "similar, 200 reranked": registry.similar,
        "similar, by score alone": lambda one: registry.similar(one, rerank=0),
        "near_duplicates": registry.near_duplicates,
        "novelty": registry.novelty,
        "candidates alone": lambda one: _candidates(registry, one, similarity.MOST_READ),
        "candidates alone, no frequency cut": lambda one: _candidates(registry, one, 1 << 40),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for one in asked:
        for kind, ask in kinds.items():
            started = time.perf_counter()
            ask(one)
            times[kind].append((time.perf_counter() - started) * 1000)
    for kind, values in times.items():
        found[f"{name}: {kind} (ms)"] = {**summary(values), "p95": statistics.quantiles(values, n=20)[-1]}
    cut = [registry.similar(one).truncated_by for one in asked]
    found[f"{name}: share of questions cut"] = {"df_cut": cut.count("df_cut") / len(cut)}
    return found


def _candidates(registry: BlueprintRegistry, one: str, most_read: int) -> list[dict[str, Any]]:
    asked = similarity.asked_by_id(registry.engine, one)
    look = similarity.choose(registry.engine, asked, most_read, most_rest=asked.likeness.count)
    asking = similarity.parameters(asked, look, score="duplicate", limit=100_000)
    return registry.engine.read(get("similarity/candidates"), asking)


def _check(registry: BlueprintRegistry, one: str, cells: dict[str, BlueprintIR]) -> None:
    own = features(cells[one])
    found = {row["id"]: (row["family"], row["duplicate"]) for row in _candidates(registry, one, 1 << 40)}
    for name, cell in cells.items():
        theirs = features(cell)
        wanted = same_family(own, theirs), near_duplicate(own, theirs)
        given = found.get(name, (0.0, 0.0))
        assert name == one or all(abs(a - b) < 1e-12 for a, b in zip(wanted, given, strict=True)), name


def measure(count: int = CELLS, only: str = "") -> dict[str, Any]:
    """See the module."""
    cells = [cell_blueprint(cell) for cell in random_cells(count, VERTICES, seed=11)]
    found: dict[str, Any] = {}
    with engines() as settings:
        for name, one in settings.items():
            if name.startswith(only):
                with BlueprintRegistry(settings=one) as registry:
                    found |= questions(name, registry, cells)
                    found |= registrations(name, registry)
    return found


if __name__ == "__main__":
    amount = int(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    for title, figures in measure(amount, *sys.argv[2:3]).items():
        print(title, figures)
