"""For inference: let a linear map or convolution do the work of the batch norm behind it.

In evaluation a batch norm with running statistics is one factor and one summand a channel, which the weights
and the bias of the layer before it can carry. The parameters change with the blueprint: `weight_edits` says
how, and only both together compute the same, in evaluation. So this pass is not one of `PASSES`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes.quiet import measured
from esper_graph.ir.passes.result import Change, PassResult, rewritten
from esper_graph.ir.passes.site import PLAIN, Site, renewed
from esper_graph.ir.passes.weight_edits import WeightEdit
from esper_graph.ops.values import TensorType

VERSION = 1

_WEIGHTS: Mapping[str, str] = MappingProxyType(
    {
        "linear": "scale_rows",
        "conv1d": "scale_rows",
        "conv2d": "scale_rows",
        "conv_transpose2d": "scale_columns",
    }
)
"""Layers that can carry a norm, and how their weights change."""


def run(blueprint: BlueprintIR) -> PassResult:
    """Remove every batch norm that the layer before it can carry.

    The layer's value must be used by the norm alone, neither may share parameters, and the norm must keep
    running statistics. A linear map must produce the channels on axis 1, where the norm wants them: of two.
    """
    graph = blueprint.graph
    owners = {node.shares for node in graph.nodes if node.shares is not None}
    seen = measured(graph)
    changes: dict[str, Change] = {}
    edits: list[WeightEdit] = []
    for place in graph.order or ():
        if graph.nodes[place].op_type != "normalization" or place in seen:
            continue
        norm = Site(blueprint, place)
        layer = norm.producer()
        if not _may_carry(layer, norm) or layer.node.id in changes or layer.place in seen:
            continue
        if any(one.node.id in owners or one.node.shares is not None for one in (layer, norm)):
            continue
        node = renewed(layer.node, layer.node.op_type, {**layer.node.attributes, "bias": True})
        note = f"`{layer.node.id}` carries the batch norm `{norm.node.id}`"
        changes[layer.node.id] = Change(note, node)
        changes[norm.node.id] = Change(note, instead={0: norm.wires[0]})
        edits += _edits(layer, norm)
    if not changes:
        return PassResult(blueprint, changed=False)
    notes = tuple(dict.fromkeys(change.note for change in changes.values()))
    return PassResult(rewritten(blueprint, changes), changed=True, notes=notes, weight_edits=tuple(edits))


def _may_carry(layer: Site, norm: Site) -> bool:
    if layer.node.op_type not in _WEIGHTS or not layer.only_used_once:
        return False
    if norm.values.type != "batch_norm" or not norm.values.track_running_stats:
        return False
    if layer.node.precision != PLAIN or norm.node.precision != PLAIN:
        return False
    value = layer.outputs[0]
    if not isinstance(value, TensorType) or value.kind != "float":
        return False
    return layer.node.op_type != "linear" or value.rank == 2


def _edits(layer: Site, norm: Site) -> list[WeightEdit]:
    settled = layer.graph.settled[layer.place]
    assert settled is not None
    (weight,) = [one for one in settled.parameters if one.name == "weight"]
    groups = getattr(layer.values, "groups", 1)
    names = (layer.node.id, norm.node.id, norm.values.eps)
    formula = _WEIGHTS[layer.node.op_type]
    channels = norm.values.num_features
    return [
        WeightEdit(names[0], "weight", formula, *names[1:], shape=weight.shape, groups=groups),
        WeightEdit(names[0], "bias", "shift", *names[1:], shape=(channels,), groups=groups),
    ]
