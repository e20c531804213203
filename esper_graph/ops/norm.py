"""Normalisation: layer, rms, batch, group and instance norms."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from esper_graph.ops.attributes import MAX_RANK, Positive, Probability, Size
from esper_graph.ops.dims import product
from esper_graph.ops.forms import Typed, turned_off_without
from esper_graph.ops.opdef import Assumption, Cost, Fill, Inputs, OpDef, Parameter, RuleError
from esper_graph.ops.rules import floating, positive, shown
from esper_graph.ops.values import TensorType


def _one_axis(value: object) -> object:
    return (value,) if type(value) is int else value


def _settle_momentum(value: float | None, info: ValidationInfo) -> float | None:
    return value if info.data.get("track_running_stats", True) else None


LastAxes = Annotated[tuple[Size, ...], BeforeValidator(_one_axis), Field(min_length=1, max_length=MAX_RANK)]
"""Sizes of the axes normalised together; a bare number is the last axis alone."""
Momentum = Annotated[Probability | None, AfterValidator(_settle_momentum)]
"""Share of the newest batch in the running statistics; None weighs all alike, or nothing is tracked."""
BiasIfAffine = Annotated[bool, AfterValidator(turned_off_without("affine"))]
"""Whether a shift is learned; False where nothing is."""
BiasIfElementwise = Annotated[bool, AfterValidator(turned_off_without("elementwise_affine"))]
"""Whether a shift is learned; False where nothing is."""


class Normalization(Typed):
    """A normalisation, chosen by `type`; each kind has its own further attributes."""

    @property
    def stateful(self) -> bool:
        """Whether a call in training changes running statistics."""
        return False


class LayerNorm(Normalization, kinds=("layer_norm",)):
    """Mean 0 and variance 1 over the last axes, then a learned scale and shift for each of their elements."""

    normalized_shape: LastAxes
    eps: Positive = 1e-5
    elementwise_affine: bool = True
    bias: BiasIfElementwise = Field(default=True, validate_default=True)


class RmsNorm(Normalization, kinds=("rms_norm",)):
    """Mean square 1 over the last axes, then a learned scale for each of their elements.

    `eps` is by default the machine epsilon of float32, which is what torch takes when it is left open.
    """

    normalized_shape: LastAxes
    eps: Positive = 2.0**-23
    elementwise_affine: bool = True


class BatchNorm(Normalization, kinds=("batch_norm",)):
    """Mean 0 and variance 1 for each channel (axis 1) over the batch; running statistics in evaluation."""

    num_features: Size
    eps: Positive = 1e-5
    track_running_stats: bool = True
    momentum: Momentum = Field(default=0.1, validate_default=True)
    affine: bool = True
    bias: BiasIfAffine = Field(default=True, validate_default=True)

    @property
    def stateful(self) -> bool:
        """Whether a call in training changes running statistics."""
        return self.track_running_stats


class InstanceNorm(Normalization, kinds=("instance_norm",)):
    """Mean 0 and variance 1 for each channel (axis 1) of each sample."""

    num_features: Size
    eps: Positive = 1e-5
    track_running_stats: bool = False
    momentum: Momentum = Field(default=0.1, validate_default=True)
    affine: bool = False
    bias: BiasIfAffine = Field(default=True, validate_default=True)

    @property
    def stateful(self) -> bool:
        """Whether a call in training changes running statistics."""
        return self.track_running_stats


class GroupNorm(Normalization, kinds=("group_norm",)):
    """Mean 0 and variance 1 for each group of channels (axis 1) of each sample."""

    num_groups: Size
    num_channels: Size
    eps: Positive = 1e-5
    affine: bool = True
    bias: BiasIfAffine = Field(default=True, validate_default=True)

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        if self.num_channels % self.num_groups:
            raise ValueError(
                f"num_channels={self.num_channels} is not a multiple of num_groups={self.num_groups}"
            )
        return self


AnyNorm = LayerNorm | RmsNorm | BatchNorm | InstanceNorm | GroupNorm


def infer_normalization(a: AnyNorm, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The input's shape and dtype; its channels or last axes must be the declared ones."""
    x = floating(inputs[0], "input")
    if isinstance(a, LayerNorm | RmsNorm):
        count = len(a.normalized_shape)
        if x.rank < count or x.shape[-count:] != a.normalized_shape:
            ends = "last axis" if count == 1 else f"last {count} axes"
            verb = "is" if count == 1 else "are"
            raise RuleError(
                f"the {ends} of {x} {verb} not normalized_shape={shown(a.normalized_shape)}",
                port="input",
                expected=shown(a.normalized_shape),
                actual=str(x),
            )
        return (x,)
    ranks = (
        range(3, 6)
        if isinstance(a, InstanceNorm)
        else range(2, 6)
        if isinstance(a, BatchNorm)
        else range(2, MAX_RANK + 1)
    )
    if x.rank not in ranks:
        raise RuleError(
            f"{a.type} takes [batch, channels, ...] of {ranks[0]} to {ranks[-1]} axes, not {x}",
            port="input",
            actual=str(x),
        )
    name, channels = (
        ("num_channels", a.num_channels) if isinstance(a, GroupNorm) else ("num_features", a.num_features)
    )
    if x.shape[1] != channels:
        at_the_end = x.shape[-1] == channels
        raise RuleError(
            f"the channels of {x} (axis 1) are not {name}={channels}",
            hint=f"{a.type} wants channels in axis 1: insert `permute`, or use layer_norm"
            if at_the_end
            else None,
            port="input",
            expected=channels,
            actual=str(x),
        )
    if isinstance(a, InstanceNorm):
        values = product(x.shape[2:])
        positive(
            values - 1,
            f"instance_norm needs two values a channel, and {x} has {values}; beyond the first",
            assumptions,
        )
    return (x,)


def cost_normalization(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each output element: statistics, scale and shift are not told apart."""
    return Cost(elementwise=product(outputs[0].shape))


def parameters_normalization(a: AnyNorm) -> tuple[Parameter, ...]:
    """Scale (ones) and shift (zeros); running statistics are buffers."""
    if isinstance(a, RmsNorm):
        shape, affine, bias = a.normalized_shape, a.elementwise_affine, False
    elif isinstance(a, LayerNorm):
        shape, affine, bias = a.normalized_shape, a.elementwise_affine, a.bias
    else:
        shape = (a.num_channels if isinstance(a, GroupNorm) else a.num_features,)
        affine, bias = a.affine, a.bias
    found: list[Parameter] = []
    if affine:
        found.append(Parameter("weight", shape, Fill(1.0)))
    if bias:
        found.append(Parameter("bias", shape, Fill(0.0)))
    if isinstance(a, BatchNorm | InstanceNorm) and a.track_running_stats:
        found += [
            Parameter("running_mean", shape, Fill(0.0), trainable=False),
            Parameter("running_var", shape, Fill(1.0), trainable=False),
            Parameter("num_batches_tracked", (), Fill(0.0), trainable=False),
        ]
    return tuple(found)


OPS: tuple[OpDef, ...] = (
    OpDef(
        "normalization",
        "Norm",
        Normalization,
        ("input",),
        infer_normalization,
        cost_normalization,
        parameters_normalization,
        stateful=True,
    ),
)
