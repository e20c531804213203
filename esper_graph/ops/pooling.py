"""Pooling: maxima and means over windows of a fixed size, or of whatever size gives a fixed output."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from esper_graph.ops.attributes import Size
from esper_graph.ops.conv import LAYOUTS
from esper_graph.ops.dims import product
from esper_graph.ops.forms import (
    CountOfOne,
    CountOfTwo,
    OpenSizeOfOne,
    OpenSizeOfTwo,
    SizeOfOne,
    SizeOfTwo,
    Typed,
    like,
)
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef
from esper_graph.ops.rules import floating, of_rank
from esper_graph.ops.values import TensorType
from esper_graph.ops.windows import Slide, slid, slid_over_the_edge


def _settle_count_include_pad(value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
    padded = any(info.data.get("padding", ()))
    return value or not padded or info.data.get("divisor_override") is not None


CountIncludePad = Annotated[bool, AfterValidator(_settle_count_include_pad)]
"""Whether a mean counts the padding; True where that makes no difference."""


def _check_padding(value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
    kernel = info.data.get("kernel_size")
    if kernel is not None and any(padding > taps // 2 for padding, taps in zip(value, kernel, strict=True)):
        raise ValueError(f"it is more than half of kernel_size={kernel}")
    return value


PaddingOfOne = Annotated[CountOfOne, AfterValidator(_check_padding)]
"""What the axis is padded with on each side: at most half of the window."""
PaddingOfTwo = Annotated[CountOfTwo, AfterValidator(_check_padding)]
"""What height and width are padded with on each side: at most half of the window."""


class Pooling(Typed):
    """Maxima or means, chosen by `type`; each kind has its own further attributes."""


class MaxPool1d(Pooling, kinds=("max_pool1d",)):
    """The maximum of each window along the last axis; padding never wins."""

    kernel_size: SizeOfOne
    stride: Annotated[SizeOfOne, like("kernel_size")] = Field(default=None, validate_default=True)
    padding: PaddingOfOne = (0,)
    dilation: SizeOfOne = (1,)
    ceil_mode: bool = False


class MaxPool2d(Pooling, kinds=("max_pool2d",)):
    """The maximum of each window along the last two axes; padding never wins."""

    kernel_size: SizeOfTwo
    stride: Annotated[SizeOfTwo, like("kernel_size")] = Field(default=None, validate_default=True)
    padding: PaddingOfTwo = (0, 0)
    dilation: SizeOfTwo = (1, 1)
    ceil_mode: bool = False


class AvgPool1d(Pooling, kinds=("avg_pool1d",)):
    """The mean of each window along the last axis."""

    kernel_size: SizeOfOne
    stride: Annotated[SizeOfOne, like("kernel_size")] = Field(default=None, validate_default=True)
    padding: PaddingOfOne = (0,)
    ceil_mode: bool = False
    count_include_pad: CountIncludePad = True


class AvgPool2d(Pooling, kinds=("avg_pool2d",)):
    """The mean of each window along the last two axes; `divisor_override` replaces the size it divides by."""

    kernel_size: SizeOfTwo
    stride: Annotated[SizeOfTwo, like("kernel_size")] = Field(default=None, validate_default=True)
    padding: PaddingOfTwo = (0, 0)
    ceil_mode: bool = False
    divisor_override: Size | None = None
    count_include_pad: CountIncludePad = True


class AdaptivePool1d(Pooling, kinds=("adaptive_avg_pool1d", "adaptive_max_pool1d")):
    """Windows along the last axis, chosen so that `output_size` of them cover it; None keeps its size."""

    output_size: OpenSizeOfOne


class AdaptivePool2d(Pooling, kinds=("adaptive_avg_pool2d", "adaptive_max_pool2d")):
    """Windows along the last two axes, chosen so that `output_size` of them cover each; None keeps a size."""

    output_size: OpenSizeOfTwo


Windowed = MaxPool1d | MaxPool2d | AvgPool1d | AvgPool2d
Adaptive = AdaptivePool1d | AdaptivePool2d


def infer_pooling(
    a: Windowed | Adaptive, inputs: Inputs, assumptions: list[Assumption]
) -> tuple[TensorType, ...]:
    """Batch and channels stay; each direction shrinks to its number of windows.

    That is `(size + 2*padding - dilation*(kernel-1) - 1)//stride + 1`; with `ceil_mode` it is rounded up, but
    no window starts in the padding after the axis.
    """
    axes = 1 if a.type.endswith("1d") else 2
    x = of_rank(floating(inputs[0], "input"), (axes + 2,), LAYOUTS[axes])
    if isinstance(a, Adaptive):
        sizes = [wanted or size for wanted, size in zip(a.output_size, x.shape[2:], strict=True)]
    else:
        rule = slid_over_the_edge if a.ceil_mode else slid
        dilations = a.dilation if isinstance(a, MaxPool1d | MaxPool2d) else (1,) * axes
        sizes = [
            rule(size, Slide(kernel, stride, 2 * padding, dilation), f"the output of {a.type}", assumptions)
            for size, kernel, stride, padding, dilation in zip(
                x.shape[2:], a.kernel_size, a.stride, a.padding, dilations, strict=True
            )
        ]
    return (TensorType((*x.shape[:2], *sizes), x.dtype),)


def cost_pooling(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each output element, whatever the size of the window."""
    return Cost(elementwise=product(outputs[0].shape))


OPS: tuple[OpDef, ...] = (OpDef("pooling", "Pooling", Pooling, ("input",), infer_pooling, cost_pooling),)
