"""IR work alone: build, check, shapes, costs, fingerprint of ten-node blueprints, one core."""

import time
from typing import Any

from run import interleaved
from samples import ten_nodes

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.templates import create_transformer_block

COUNT = 1000


def _rate(count: int, seconds: float) -> float:
    return count / seconds


def all_work() -> float:
    """Blueprints a second of processor time."""
    started = time.process_time()
    for number in range(COUNT):
        blueprint = ten_nodes(number)
        blueprint.validate()
        blueprint.cost()
        _ = blueprint.fingerprint
    return _rate(COUNT, time.process_time() - started)


def fingerprints() -> float:
    """Fingerprints a second, from blueprints that are built and inferred."""
    blueprints = [ten_nodes(number) for number in range(COUNT)]
    for blueprint in blueprints:
        blueprint.validate()
    started = time.process_time()
    for blueprint in blueprints:
        _ = blueprint.fingerprint
    return _rate(COUNT, time.process_time() - started)


def read_json() -> float:
    """Documents a second."""
    text = ten_nodes(1).to_json()
    started = time.process_time()
    for _ in range(COUNT):
        BlueprintIR.from_json(text)
    return _rate(COUNT, time.process_time() - started)


def transformer_check() -> float:
    """Milliseconds of check, shapes and costs of the transformer block."""
    block = create_transformer_block()
    copies = [block.replace() for _ in range(100)]
    started = time.process_time()
    for copy in copies:
        copy.validate()
        copy.cost()
    return (time.process_time() - started) * 1000 / len(copies)


def measure() -> dict[str, Any]:
    """See the module."""
    return interleaved(
        {
            "build, check, shapes, costs, fingerprint (blueprints/s)": all_work,
            "fingerprint alone (blueprints/s)": fingerprints,
            "read one JSON document (documents/s)": read_json,
            "check, shapes, costs of the transformer block (ms)": transformer_check,
        },
        rounds=5,
    )
