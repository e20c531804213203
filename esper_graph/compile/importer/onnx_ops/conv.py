"""Raise convolutions."""

from collections.abc import Mapping, Sequence
from typing import Any

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator, number_of
from esper_graph.compile.importer.raisers.shape import cut
from esper_graph.compile.importer.values import Weight, Wire

LOWEST = -3.4028234663852886e38


def window(op: Operator, x: Wire, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return strides, dilations, and the padding before and after each axis of a window.

    Raises:
        CannotRaiseError: They do not fit, or depend on a size that is not fixed.
    """
    axes = len(kernel)
    strides = list(op.get("strides") or [1] * axes)
    dilations = list(op.get("dilations") or [1] * axes)
    pads = list(op.get("pads") or [0] * (2 * axes))
    automatic = op.get("auto_pad", "NOTSET")
    shape = op.items(x)
    if len(shape) != axes + 2 or len(strides) != axes or len(dilations) != axes or len(pads) != 2 * axes:
        raise CannotRaiseError(f"its window {list(kernel)} does not fit its strides, pads or input")
    before, after = pads[:axes], pads[axes:]
    if automatic == "VALID":
        before, after = [0] * axes, [0] * axes
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        for axis in range(axes):
            covered = dilations[axis] * (kernel[axis] - 1) + 1
            if strides[axis] == 1:
                total = covered - 1
            else:
                size = number_of(shape[2 + axis])
                total = max((-(-size // strides[axis]) - 1) * strides[axis] + covered - size, 0)
            small, large = total // 2, total - total // 2
            before[axis], after[axis] = (small, large) if automatic == "SAME_UPPER" else (large, small)
    elif automatic != "NOTSET":
        raise CannotRaiseError(f"its `auto_pad` is {automatic}")
    return strides, dilations, before, after


def padded(op: Operator, x: Wire, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Wire:
    """Return a value with its last axes longer on both sides; negative sizes cut off."""
    rank = op.draft.type(x).rank
    for at in range(len(before)):
        if before[at] < 0 or after[at] < 0:
            axis = rank - len(before) + at
            x = cut(op, x, axis, max(-before[at], 0), min(after[at], 0) or None, 1)
    sizes = [max(size, 0) for pair in zip(reversed(before), reversed(after), strict=True) for size in pair]
    filling: dict[str, Any] = {"value": value} if value else {}
    return op.add("pad", x, padding=sizes, **filling) if any(sizes) else x


def _conv(op: Operator) -> Any:
    weight = op.own(1, "weight")
    out_channels, in_channels, *kernel = weight.tensor.shape
    if len(kernel) not in (1, 2):
        raise CannotRaiseError(f"there is no op for convolutions over {len(kernel)} axes")
    x = op.x()
    strides, dilations, before, after = window(op, x, kernel)
    if before != after or min(before) < 0:
        x, before = padded(op, x, before, after), [0] * len(kernel)
    owned = {"weight": weight} | ({} if op.input(2) is None else {"bias": op.own(2, "bias")})
    groups = op.get("group", 1)
    return op.add(
        f"conv{len(kernel)}d",
        x,
        owned=owned,
        in_channels=in_channels * groups,
        out_channels=out_channels,
        kernel_size=kernel,
        stride=strides,
        dilation=dilations,
        padding=before,
        groups=groups,
        bias="bias" in owned,
    )


def _conv_transpose(op: Operator) -> Any:
    """Over one axis, it is one over two axes of which the first has the size 1."""
    weight = op.own(1, "weight")
    flat = weight.tensor.ndim == 3
    if "output_shape" in op.arguments or op.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise CannotRaiseError("its padding follows from the size of its result")
    if weight.tensor.ndim not in (3, 4):
        raise CannotRaiseError("there is no op for transposed convolutions over 3 axes")
    x = op.x()
    kernel = list(weight.tensor.shape[2:])
    strides, dilations, before, after = window(op, x, kernel)
    extra = list(op.get("output_padding") or [0] * len(kernel))
    if flat:
        shape = op.items(x)
        x = op.reshape(x, (*shape[:2], 1, *shape[2:]))
        weight = Weight(f"{weight.name}.over2axes", weight.tensor.unsqueeze(2))
        strides, dilations, before, after, extra, kernel = (
            [first, *rest]
            for first, rest in zip(
                (1, 1, 0, 0, 0, 1), (strides, dilations, before, after, extra, kernel), strict=True
            )
        )
    in_channels, out_channels = weight.tensor.shape[:2]
    groups = op.get("group", 1)
    owned = {"weight": weight} | ({} if op.input(2) is None else {"bias": op.own(2, "bias")})
    even = before == after and min(before) >= 0
    y = op.add(
        "conv_transpose2d",
        x,
        owned=owned,
        in_channels=in_channels,
        out_channels=out_channels * groups,
        kernel_size=kernel,
        stride=strides,
        dilation=dilations,
        padding=before if even else [0, 0],
        output_padding=extra,
        groups=groups,
        bias="bias" in owned,
    )
    if not even:
        y = padded(op, y, [-one for one in before], [-one for one in after])
    shape = op.items(y)
    return op.reshape(y, (*shape[:2], shape[3])) if flat else y


RAISERS: Mapping[str, OnnxRaiser] = {"Conv": _conv, "ConvTranspose": _conv_transpose}
