"""Remove nodes that return their input unchanged.

1. `identity`
2. `dropout` with p = 0, and `noise` with std = 0
3. a cast to the dtype that is there, a reshape, flatten, expand or permute to the shape that is there
"""

from collections.abc import Callable, Mapping
from typing import Any

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes.result import PassResult, Wire, without
from esper_graph.ops.values import TensorType

VERSION = 1


def run(blueprint: BlueprintIR) -> PassResult:
    """Let the consumers of each such node take its input."""
    graph, inference = blueprint.graph, blueprint.inference
    instead: dict[Wire, Wire] = {}
    removed: set[str] = set()
    for place, node in enumerate(graph.nodes):
        rule = _RULES.get(node.op_type)
        inputs = graph.input_types(inference.outputs, place)
        outputs = inference.outputs[place]
        if rule is None or not inputs or not outputs or node.precision != "fp32":
            continue
        if not rule(graph.values[place], inputs[0], outputs[0]):
            continue
        edge = graph.edges[graph.feeds[place][0].edge]
        removed.add(node.id)
        for port in {edge_out.source_port for edge_out in blueprint.edges if edge_out.source == node.id}:
            instead[node.id, port] = (edge.source, edge.source_port)
    if not removed:
        return PassResult(blueprint, changed=False)
    notes = tuple(f"`{name}` returned its input unchanged" for name in sorted(removed))
    return PassResult(without(blueprint, removed, instead), changed=True, notes=notes)


Rule = Callable[[Any, Any, Any], bool]


def _always(values: Any, before: object, after: object) -> bool:
    return True


def _same_type(values: Any, before: object, after: object) -> bool:
    return isinstance(before, TensorType) and before == after


def _same_axes(values: Any, before: object, after: object) -> bool:
    return list(values.dims) == list(range(len(values.dims)))


_RULES: Mapping[str, Rule] = {
    "identity": _always,
    "dropout": lambda values, before, after: values.p == 0.0,
    "noise": lambda values, before, after: values.std == 0.0,
    "cast": _same_type,
    "reshape": _same_type,
    "flatten": _same_type,
    "expand": _same_type,
    "permute": _same_axes,
}
