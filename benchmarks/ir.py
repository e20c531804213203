"""IR work alone, on one core: build, check, shapes, costs, fingerprint.

The garbage collector rests meanwhile, as in `timeit`: a full collection looks at everything that this process
holds, and would be counted for the blueprint at hand.

Every blueprint is a fresh value, so that nothing is known of it. What its nodes are (op and attributes, with
the types that arrive) has been met in the round that is not counted, except where a name says otherwise.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, islice
from typing import Any

from run import interleaved
from samples import WIDTHS, ten_nodes

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.templates import create_transformer_block

COUNT = 1000
NEW = 500
LIMITS = {"max_nodes": 6000, "max_edges": 9000, "max_depth": 6000}


def _each(blueprints: Sequence[BlueprintIR], work: Callable[[BlueprintIR], object]) -> float:
    """Seconds of processor time for each of them."""
    started = time.process_time()
    for blueprint in blueprints:
        work(blueprint)
    return (time.process_time() - started) / len(blueprints)


def _all_work(numbers: Iterable[int], blueprints: int) -> float:
    """Blueprints a second, building included."""
    started = time.process_time()
    for number in islice(numbers, blueprints):
        blueprint = ten_nodes(number)
        _check_and_costs(blueprint)
        _ = blueprint.fingerprint
    return blueprints / (time.process_time() - started)


def _check_and_costs(blueprint: BlueprintIR) -> None:
    blueprint.validate()
    blueprint.cost()


def _fingerprint(blueprint: BlueprintIR) -> str:
    return blueprint.fingerprint


def fingerprints_alone() -> float:
    """Fingerprints a second, from blueprints that are checked."""
    blueprints = [ten_nodes(number) for number in range(COUNT)]
    for blueprint in blueprints:
        blueprint.validate()
    return 1 / _each(blueprints, _fingerprint)


def fingerprints() -> float:
    """Fingerprints a second, from blueprints of which nothing is known, not even their types."""
    return 1 / _each([ten_nodes(number) for number in range(COUNT)], _fingerprint)


def read_json() -> float:
    """Documents a second."""
    text = ten_nodes(1).to_json()
    started = time.process_time()
    for _ in range(COUNT):
        BlueprintIR.from_json(text)
    return COUNT / (time.process_time() - started)


def residual_network(blocks: int) -> BlueprintIR:
    """A convolutional network with seven nodes a block, and two more."""
    b = Builder(name=f"{blocks} residual blocks", limits=LIMITS)
    x = b.input([-1, 64, 32, 32])
    for number in range(blocks):
        width = WIDTHS[number % len(WIDTHS)]
        inner = b.conv2d(x, in_channels=64, out_channels=width, kernel_size=1)
        inner = b.activation(b.normalization(inner, type="batch_norm", num_features=width), type="relu")
        inner = b.conv2d(inner, in_channels=width, out_channels=64, kernel_size=3, padding=1)
        x = b.add(x, b.normalization(inner, type="batch_norm", num_features=64))
        x = b.activation(x, type="relu")
    b.output(x)
    return b.finish()


def equal_branches(branches: int) -> BlueprintIR:
    """Branches of ten nodes each that nothing tells apart, and three more nodes."""
    b = Builder(name=f"{branches} equal branches", limits=LIMITS)
    x = b.input([-1, 64])
    ends: list[Any] = []
    for _ in range(branches):
        wire = x
        for _ in range(5):
            wire = b.activation(b.linear(wire, in_features=64, out_features=64), type="relu")
        ends.append(wire)
    b.output(b.concat(*ends, dim=1))
    return b.finish()


def _of_copies(
    blueprint: BlueprintIR, copies: int, work: Callable[[BlueprintIR], object]
) -> Callable[[], float]:
    """Seconds for a blueprint, as the mean of fresh copies."""
    return lambda: _each([blueprint.replace() for _ in range(copies)], work)


def measure() -> dict[str, Any]:
    """See the module."""
    with _no_collection():
        return _measure()


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _measure() -> dict[str, Any]:
    new = count(COUNT)
    of_177 = _of_copies(residual_network(25), 10, _fingerprint)
    of_5000 = _of_copies(residual_network(714), 1, _fingerprint)
    of_branches = _of_copies(equal_branches(500), 1, _fingerprint)
    block = _of_copies(create_transformer_block(), 100, _check_and_costs)
    of_1003 = _of_copies(residual_network(143), 3, _check_and_costs)
    return interleaved(
        {
            "build, check, shapes, costs, fingerprint (blueprints/s)": lambda: _all_work(count(), COUNT),
            "the same with widths not met before (blueprints/s)": lambda: _all_work(new, NEW),
            "fingerprint alone (blueprints/s)": fingerprints_alone,
            "fingerprint, shapes included (blueprints/s)": fingerprints,
            "fingerprint of 177 nodes, shapes included (blueprints/s)": lambda: 1 / of_177(),
            "fingerprint of 5,000 nodes, shapes included (ms)": lambda: 1000 * of_5000(),
            "fingerprint of 500 equal branches, 5,003 nodes (ms)": lambda: 1000 * of_branches(),
            "read one JSON document (documents/s)": read_json,
            "check, shapes, costs of the transformer block (ms)": lambda: 1000 * block(),
            "check, shapes, costs of 1,003 nodes (ms)": lambda: 1000 * of_1003(),
        },
        rounds=5,
    )
