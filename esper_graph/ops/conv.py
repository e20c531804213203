"""Convolutions: conv1d, conv2d, conv_transpose2d."""

from math import prod, sqrt
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, model_validator

from esper_graph.ops.attributes import LARGEST, Attributes, Count, Size
from esper_graph.ops.dims import Dim, product
from esper_graph.ops.forms import CountOfTwo, SizeOfOne, SizeOfTwo
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef, Parameter, RuleError, Uniform
from esper_graph.ops.rules import floating, of_rank, positive
from esper_graph.ops.values import TensorType
from esper_graph.ops.windows import Slide, slid

LAYOUTS = {1: "[batch, channels, length]", 2: "[batch, channels, height, width]"}


def _settle_padding(axes: int) -> BeforeValidator:
    """Bring paddings into one form: numbers, or `same` where numbers cannot say it."""

    def settle(value: object, info: ValidationInfo) -> object:
        kernel, stride, dilation = (info.data.get(name) for name in ("kernel_size", "stride", "dilation"))
        if value == "valid":
            return (0,) * axes
        if value == "same":
            if stride is not None and any(step != 1 for step in stride):
                raise ValueError(f"`same` padding needs stride 1, and stride is {stride}")
            if kernel is None or dilation is None:
                return value
            totals = [step * (taps - 1) for taps, step in zip(kernel, dilation, strict=True)]
            return value if any(total % 2 for total in totals) else tuple(total // 2 for total in totals)
        entries = cast("tuple[object, ...]", value if isinstance(value, tuple) else (value,) * axes)
        if len(entries) != axes or any(
            type(entry) is not int or not 0 <= entry <= LARGEST for entry in entries
        ):
            shape = "a whole number from 0" if axes == 1 else f"a whole number from 0, or {axes} of them"
            raise ValueError(f"a padding is {shape}, or `same`, or `valid`")
        return entries

    return BeforeValidator(settle)


def _settle_padding_mode(value: str, info: ValidationInfo) -> str:
    padding = info.data.get("padding")
    return "zeros" if padding is not None and padding != "same" and not any(padding) else value


def _check_groups(value: int, info: ValidationInfo) -> int:
    for name in ("in_channels", "out_channels"):
        channels = info.data.get(name)
        if channels is not None and channels % value:
            raise ValueError(f"{name}={channels} is not a multiple of it")
    return value


PaddingMode = Annotated[
    Literal["zeros", "reflect", "replicate", "circular"], AfterValidator(_settle_padding_mode)
]
"""What the padding holds; `zeros` where there is no padding."""
Groups = Annotated[Size, AfterValidator(_check_groups)]
"""A number of groups that divides the channels on both sides."""


class Conv1d(Attributes):
    """A convolution of the last axis, with weights `[out_channels, in_channels/groups, *kernel_size]`."""

    in_channels: Size
    out_channels: Size
    kernel_size: SizeOfOne
    stride: SizeOfOne = (1,)
    dilation: SizeOfOne = (1,)
    padding: Annotated[tuple[Count] | Literal["same"], _settle_padding(1)] = (0,)
    padding_mode: PaddingMode = "zeros"
    groups: Groups = 1
    bias: bool = True


class Conv2d(Attributes):
    """A convolution of the last two axes with weights `[out_channels, in_channels/groups, *kernel_size]`."""

    in_channels: Size
    out_channels: Size
    kernel_size: SizeOfTwo
    stride: SizeOfTwo = (1, 1)
    dilation: SizeOfTwo = (1, 1)
    padding: Annotated[tuple[Count, Count] | Literal["same"], _settle_padding(2)] = (0, 0)
    padding_mode: PaddingMode = "zeros"
    groups: Groups = 1
    bias: bool = True


class ConvTranspose2d(Attributes):
    """The gradient of `conv2d` used as an op: it spreads each position over a window.

    The weights are `[in_channels, out_channels/groups, height, width]`; `output_padding` picks the larger of
    the sizes that a strided convolution would have mapped to this one.
    """

    in_channels: Size
    out_channels: Size
    kernel_size: SizeOfTwo
    stride: SizeOfTwo = (1, 1)
    dilation: SizeOfTwo = (1, 1)
    padding: CountOfTwo = (0, 0)
    output_padding: CountOfTwo = (0, 0)
    groups: Groups = 1
    bias: bool = True

    @model_validator(mode="after")
    def _check_output_padding(self) -> Self:
        for extra, stride, dilation in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(stride, dilation):
                raise ValueError(
                    f"output_padding={self.output_padding} must be below stride={self.stride} "
                    f"or dilation={self.dilation}"
                )
        return self


def _paddings(a: Conv1d | Conv2d) -> list[tuple[int, int]]:
    """What each axis is padded with, before and after."""
    if a.padding == "same":
        totals = [step * (taps - 1) for taps, step in zip(a.kernel_size, a.dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(size, size) for size in a.padding]


def _channels_first(a: Conv1d | Conv2d | ConvTranspose2d, inputs: Inputs) -> TensorType:
    axes = len(a.kernel_size)
    x = of_rank(floating(inputs[0], "input"), (axes + 2,), LAYOUTS[axes])
    if x.shape[1] != a.in_channels:
        raise RuleError(
            f"the channels of {x} (axis 1) are not in_channels={a.in_channels}",
            hint=f"set in_channels to {x.shape[1]}" if isinstance(x.shape[1], int) else None,
            port="input",
            expected=a.in_channels,
            actual=str(x),
        )
    return x


def infer_conv(a: Conv1d | Conv2d, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Map channels and shrink each direction to `(size + padding - dilation*(kernel-1) - 1)//stride + 1`."""
    x = _channels_first(a, inputs)
    sizes: list[Dim] = []
    for size, kernel, stride, dilation, padding in zip(
        x.shape[2:], a.kernel_size, a.stride, a.dilation, _paddings(a), strict=True
    ):
        most = max(padding)
        if most and a.padding_mode == "reflect":
            positive(
                size - most,
                f"a reflection of {most} needs a longer axis than {size}; what is left",
                assumptions,
            )
        elif most and a.padding_mode == "circular":
            positive(
                size - most + 1,
                f"a circular padding of {most} goes round an axis of {size}; what is left",
                assumptions,
            )
        sizes.append(
            slid(
                size,
                Slide(kernel, stride, sum(padding), dilation),
                "the output of the convolution",
                assumptions,
            )
        )
    return (TensorType((x.shape[0], a.out_channels, *sizes), x.dtype),)


def infer_conv_transpose(
    a: ConvTranspose2d, inputs: Inputs, assumptions: list[Assumption]
) -> tuple[TensorType, ...]:
    """Grow each direction to `(size-1)*stride - 2*padding + dilation*(kernel-1) + output_padding + 1`."""
    x = _channels_first(a, inputs)
    sizes: list[Dim] = []
    for size, kernel, stride, dilation, padding, extra in zip(
        x.shape[2:], a.kernel_size, a.stride, a.dilation, a.padding, a.output_padding, strict=True
    ):
        grown = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
        sizes.append(
            positive(grown, f"the output of the transposed convolution of an axis of {size}", assumptions)
        )
    return (TensorType((x.shape[0], a.out_channels, *sizes), x.dtype),)


def cost_conv(a: Conv1d | Conv2d, inputs: Inputs, outputs: Any) -> Cost:
    """One multiply-add for each output element and weight that reaches it; the bias adds once an element."""
    elements = product(outputs[0].shape)
    taps = a.in_channels // a.groups * prod(a.kernel_size)
    return Cost(macs=elements * taps, elementwise=elements if a.bias else 0)


def cost_conv_transpose(a: ConvTranspose2d, inputs: Inputs, outputs: Any) -> Cost:
    """One multiply-add for each input element and weight it reaches; the bias is one addition an output."""
    taps = a.out_channels // a.groups * prod(a.kernel_size)
    return Cost(macs=product(inputs[0].shape) * taps, elementwise=product(outputs[0].shape) if a.bias else 0)


def _weights(shape: tuple[int, ...], out_channels: int, *, bias: bool) -> tuple[Parameter, ...]:
    """Weight and bias, both within `1/sqrt(fan in)`, as torch draws them: it takes axis 1 for the fan in."""
    bound = 1 / sqrt(prod(shape[1:]))
    weight = Parameter("weight", shape, Uniform(bound))
    return (weight, Parameter("bias", (out_channels,), Uniform(bound))) if bias else (weight,)


def parameters_conv(a: Conv1d | Conv2d) -> tuple[Parameter, ...]:
    """Weights `[out_channels, in_channels/groups, *kernel]` and a bias."""
    return _weights((a.out_channels, a.in_channels // a.groups, *a.kernel_size), a.out_channels, bias=a.bias)


def parameters_conv_transpose(a: ConvTranspose2d) -> tuple[Parameter, ...]:
    """Weights `[in_channels, out_channels/groups, *kernel]` and a bias."""
    return _weights((a.in_channels, a.out_channels // a.groups, *a.kernel_size), a.out_channels, bias=a.bias)


OPS: tuple[OpDef, ...] = (
    OpDef("conv1d", "Conv", Conv1d, ("input",), infer_conv, cost_conv, parameters_conv),
    OpDef("conv2d", "Conv", Conv2d, ("input",), infer_conv, cost_conv, parameters_conv),
    OpDef(
        "conv_transpose2d",
        "Conv",
        ConvTranspose2d,
        ("input",),
        infer_conv_transpose,
        cost_conv_transpose,
        parameters_conv_transpose,
    ),
)
