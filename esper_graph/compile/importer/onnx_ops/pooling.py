"""Raise pooling."""

from collections.abc import Mapping
from typing import Any

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.conv import LOWEST, padded, window
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator
from esper_graph.compile.importer.values import Wire


def _pooled(op: Operator, kind: str) -> Any:
    x, kernel = op.x(), list(op["kernel_shape"])
    axes = len(kernel)
    if axes not in (1, 2):
        raise CannotRaiseError(f"there is no op for pooling over {axes} axes")
    strides, dilations, before, after = window(op, x, kernel)
    others: dict[str, Any] = {}
    if kind == "max_pool":
        others["dilation"] = dilations
        filling = LOWEST
    else:
        if any(one != 1 for one in dilations):
            raise CannotRaiseError("it leaves out elements of its windows")
        filling, others["count_include_pad"] = 0.0, bool(op.get("count_include_pad", 0))
    if op.get("storage_order", 0):
        raise CannotRaiseError("it numbers elements column by column")
    uneven = before != after or any(2 * pad > size for pad, size in zip(before, kernel, strict=True))
    if uneven:
        if kind == "avg_pool" and not others["count_include_pad"]:
            raise CannotRaiseError("it pads unevenly and does not count the padding")
        if op.get("ceil_mode", 0):
            raise CannotRaiseError("it pads unevenly and rounds up")
        x, before = padded(op, x, before, after, filling), [0] * axes
    return op.add(
        "pooling",
        x,
        type=f"{kind}{axes}d",
        kernel_size=kernel,
        stride=strides,
        padding=before,
        ceil_mode=bool(op.get("ceil_mode", 0)),
        **others,
    )


def _global(kind: str) -> OnnxRaiser:
    def raise_pool(op: Operator) -> Any:
        x = op.x()
        axes = op.draft.type(x).rank - 2
        if axes in (1, 2):
            return op.add("pooling", x, type=f"adaptive_{kind}_pool{axes}d", output_size=[1] * axes)
        operation = "mean" if kind == "avg" else "max"
        return op.add("reduce", x, operation=operation, dim=list(range(2, axes + 2)), keepdim=True)

    return raise_pool


def _lrn(op: Operator) -> Any:
    """Each element divided by a power of the mean square of its neighbours among the channels."""
    x, size = op.x(), op["size"]
    shape = op.items(x)
    if len(shape) != 4:
        raise CannotRaiseError("it normalises over channels, and its input is no image")
    batch, channels, height, width = shape
    square = op.reshape(op.add("multiply", x, x), (batch, 1, channels, height * width))
    square = padded(op, square, [(size - 1) // 2, 0], [size // 2, 0])
    mean: Wire = op.add("pooling", square, type="avg_pool2d", kernel_size=[size, 1], stride=[1, 1])
    mean = op.reshape(mean, shape)
    scaled = op.add("multiply", mean, scalar=op.get("alpha", 1e-4))
    base = op.add("add", scaled, scalar=op.get("bias", 1.0))
    return op.add("div", x, op.add("pow", base, scalar=op.get("beta", 0.75)))


RAISERS: Mapping[str, OnnxRaiser] = {
    "MaxPool": lambda op: _pooled(op, "max_pool"),
    "AveragePool": lambda op: _pooled(op, "avg_pool"),
    "GlobalAveragePool": _global("avg"),
    "GlobalMaxPool": _global("max"),
    "LRN": _lrn,
}
