"""Adjust attributes of nodes whose input no longer fits, so that a changed width reaches its consumers.

Only attributes that say how wide the input is are adjusted; what a node makes of it stays. Where widths meet
(an `add` of two branches) nothing can be adjusted, and the mismatch stays a problem.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from esper_graph.ops.opdef import Assumption, OpDef, RuleError, settle
from esper_graph.ops.values import TensorType, ValueType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR


class Repair(NamedTuple):
    """One attribute to be set so that a node fits its input."""

    node_id: str
    attribute: str
    value: Any


Fit = Callable[[Any, TensorType], Mapping[str, Any]]
"""From attribute values and the first input, the attributes that must change."""


def repairs(blueprint: "BlueprintIR") -> list[Repair]:
    """List the adjustments that make each node fit its input, in topological order; empty when all do."""
    graph = blueprint.graph
    if graph.problems or graph.order is None:
        return []
    outputs: list[tuple[ValueType, ...] | None] = [None] * len(graph.nodes)
    found: list[Repair] = []
    for place in graph.order:
        op, values = graph.ops[place], graph.values[place]
        inputs = graph.input_types(outputs, place)
        if op is None or inputs is None:
            continue
        outputs[place] = _inferred(op, values, inputs)
        if outputs[place] is not None or not inputs or not isinstance(inputs[0], TensorType):
            continue
        node = graph.nodes[place]
        fit = _FITS.get(node.op_type)
        changes: Mapping[str, Any] = {} if fit is None else fit(values, inputs[0])
        settled = settle(op, {**node.attributes, **changes})
        if changes and settled.values is not None:
            outputs[place] = _inferred(op, settled.values, inputs)
            if outputs[place] is not None:
                found += [Repair(node.id, attribute, value) for attribute, value in changes.items()]
    return found


def _inferred(op: OpDef, values: Any, inputs: Sequence[ValueType | None]) -> tuple[ValueType, ...] | None:
    assumptions: list[Assumption] = []
    try:
        return op.infer(values, inputs, assumptions)
    except RuleError:
        return None


def _size(x: TensorType, axis: int) -> int | None:
    """The size of an axis, where the tensor has it and it is a number."""
    size = x.shape[axis] if -x.rank <= axis < x.rank else None
    return size if isinstance(size, int) else None


def _sized(attribute: str, axis: int) -> Fit:
    def fit(values: Any, x: TensorType) -> Mapping[str, Any]:
        size = _size(x, axis)
        return {} if size is None else {attribute: size}

    return fit


def _conv(values: Any, x: TensorType) -> Mapping[str, Any]:
    """Another number of input channels; a depthwise convolution stays one, so its outputs follow."""
    channels = _size(x, 1)
    if channels is None:
        return {}
    if values.groups == values.in_channels == values.out_channels:
        return {"in_channels": channels, "out_channels": channels, "groups": channels}
    return {"in_channels": channels}


def _normalization(values: Any, x: TensorType) -> Mapping[str, Any]:
    settings = values.root if hasattr(values, "root") else values
    for attribute in ("num_features", "num_channels"):
        if getattr(settings, attribute, None) is not None:
            channels = _size(x, 1)
            return {} if channels is None else {attribute: channels}
    shape = getattr(settings, "normalized_shape", None)
    if not shape or len(shape) > x.rank:
        return {}
    sizes = x.shape[-len(shape) :]
    return {"normalized_shape": tuple(sizes)} if all(isinstance(size, int) for size in sizes) else {}


_FITS: Mapping[str, Fit] = {
    "linear": _sized("in_features", -1),
    "conv1d": _conv,
    "conv2d": _conv,
    "conv_transpose2d": _conv,
    "normalization": _normalization,
    "attention": _sized("embed_dim", -1),
    "recurrent": _sized("input_size", -1),
    "activation": _sized("num_parameters", 1),
}
