"""What becomes of the hints and requirements of a blueprint in a kernel."""

from collections.abc import Iterator

from esper_graph.compile.job import Hint
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import NodeSpec

_DEFAULTS = {"compute_intensity": 1.0, "memory_bandwidth": 1.0, "parallelism": "data", "requires_gpu": False}
_REASONS = {
    "compute_intensity": "TorchScript has no scheduler that would read it",
    "memory_bandwidth": "TorchScript has no scheduler that would read it",
    "parallelism": "a kernel runs on one device",
    "requires_gpu": "checked where the kernel is deployed; the kernel itself runs on any device",
}


def hints_of(blueprint: BlueprintIR) -> tuple[Hint, ...]:
    """List every hint that is not the default, and what became of it."""
    found = [hint for node in blueprint.nodes for hint in _of_node(node)]
    if blueprint.min_compute_capability is not None:
        value = blueprint.min_compute_capability
        found.append(Hint(None, "min_compute_capability", value, "not honoured", _REASONS["requires_gpu"]))
    if blueprint.requires_features:
        value = blueprint.requires_features
        found.append(Hint(None, "requires_features", value, "not honoured", _REASONS["requires_gpu"]))
    return tuple(found)


def _of_node(node: NodeSpec) -> Iterator[Hint]:
    for name, default in _DEFAULTS.items():
        value = getattr(node, name)
        if value != default:
            yield Hint(node.id, name, value, "not honoured", _REASONS[name])
