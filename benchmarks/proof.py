"""Proofs of shapes: milliseconds for each template and for a deep network, one core."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from run import interleaved

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.obligations import equalities
from esper_graph.ir.prove import prove_shapes
from esper_graph.templates import TEMPLATES

COUNT = 20
REQUIRED = {"in_channels": 32, "out_channels": 64, "input_dim": 64, "output_dim": 64}
EXAMPLES = Path(__file__).parents[1] / "examples"


def proof(make: Callable[[], BlueprintIR]) -> float:
    """Milliseconds of one proof of a blueprint that is checked, with nothing kept from other proofs."""
    spent = 0.0
    for _ in range(COUNT):
        blueprint = make()
        blueprint.validate()
        equalities.cache_clear()
        started = time.process_time()
        found = prove_shapes(blueprint)
        spent += time.process_time() - started
        assert found.verdict == "proved"
    return spent * 1000 / COUNT


def measure() -> dict[str, Any]:
    """See the module."""
    contenders = {
        f"{name} (ms)": partial(
            proof,
            partial(one, **{each.name: REQUIRED[each.name] for each in one.parameters if each.required}),
        )
        for name, one in TEMPLATES.items()
    }
    for name in ("resnet18", "unet", "mobilenet_v3_small"):
        text = (EXAMPLES / f"{name}.json").read_bytes()
        contenders[f"{name} (ms)"] = partial(proof, partial(BlueprintIR.from_json, text))
    return interleaved(contenders, rounds=5)
