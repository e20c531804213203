"""Importing ResNet-50: export, raising, building and checking, after torch is loaded."""

import time
from typing import Any

import torch
import torchvision
from run import interleaved

from esper_graph.compile.importer import import_module
from esper_graph.compile.importer.exporting import export


def measure() -> dict[str, Any]:
    """See the module."""
    network = torchvision.models.resnet50(weights=None)
    example = torch.zeros(1, 3, 224, 224)

    def milliseconds(run: Any) -> float:
        started = time.perf_counter()
        run()
        return (time.perf_counter() - started) * 1000

    def imported() -> None:
        import_module(network, example, max_depth=200)

    return interleaved(
        {
            "resnet50: import (ms)": lambda: milliseconds(imported),
            "resnet50: torch.export alone (ms)": lambda: milliseconds(
                lambda: export(network, example, dynamic_batch=True)
            ),
        },
        rounds=5,
    )
