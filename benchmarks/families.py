"""How well networks of one family are found: torchvision's, built on the meta device and imported."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torchvision

from esper_graph.compile.importer import import_module
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.edit_distance import edit_distance, outline
from esper_graph.ir.features import features, near_duplicate, same_family

FAMILIES = {
    "resnet": ("18", "34", "50", "101", "152"),
    "resnext": ("50_32x4d", "101_32x8d"),
    "vgg": ("11", "13", "16", "19"),
    "vgg with norms": ("11_bn", "13_bn", "16_bn", "19_bn"),
    "densenet": ("121", "169", "201"),
    "mnasnet": ("0_5", "0_75", "1_0", "1_3"),
    "mobilenet_v3_": ("small", "large"),
    "efficientnet_": ("b0", "b1", "b2", "b3"),
    "shufflenet_v2_": ("x0_5", "x1_0", "x1_5", "x2_0"),
    "squeezenet": ("1_0", "1_1"),
}


def networks() -> list[tuple[str, BlueprintIR]]:
    """Each network with the name of its family."""
    found: list[tuple[str, BlueprintIR]] = []
    for family, sizes in FAMILIES.items():
        for size in sizes:
            with torch.device("meta"):
                module = getattr(torchvision.models, f"{family.split()[0]}{size}")(weights=None).eval()
                example = torch.zeros(1, 3, 224, 224)
            found.append((family, import_module(module, example, max_depth=999, max_nodes=5000)))
    return found


def measure() -> dict[str, Any]:
    """Mean average precision and mean reciprocal rank of each score; and times of large networks."""
    known = networks()
    families = [family for family, _ in known]
    counts = [features(blueprint) for _, blueprint in known]
    scores: dict[str, Callable[[int, int], float]] = {
        "same_family": lambda one, other: same_family(counts[one], counts[other]),
        "near_duplicate": lambda one, other: near_duplicate(counts[one], counts[other]),
    }
    results = {
        f"families of {len(known)} networks by {name}": _ranking(families, score)
        for name, score in scores.items()
    }
    outlines = {size: outline(known[place][1]) for place, size in enumerate(FAMILIES["resnet"])}
    for other in ("34", "101"):
        started = time.perf_counter()
        edits = edit_distance(outlines["50"], outlines[other]).cost
        taken = time.perf_counter() - started
        nodes = [len(outlines[size].labels) for size in ("50", other)]
        results[f"edit distance of networks of {nodes[0]} and {nodes[1]} nodes (s)"] = {
            "once": taken,
            "edits": edits,
        }
    return results


def _ranking(families: list[str], score: Callable[[int, int], float]) -> dict[str, float]:
    precision: list[float] = []
    reciprocal: list[float] = []
    for place, family in enumerate(families):
        others = [other for other in range(len(families)) if other != place]
        others.sort(key=lambda other: -score(place, other))
        ranks = [rank for rank, other in enumerate(others, 1) if families[other] == family]
        precision.append(float(np.mean([number / rank for number, rank in enumerate(ranks, 1)])))
        reciprocal.append(1 / ranks[0])
    return {
        "mean average precision": float(np.mean(precision)),
        "mean reciprocal rank": float(np.mean(reciprocal)),
    }
