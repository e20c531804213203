"""Activations: functions of each element, and the few that look along an axis (softmax, glu)."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from esper_graph.ops.attributes import Attributes, Axis, Number, Positive, Size
from esper_graph.ops.dims import product
from esper_graph.ops.forms import Typed
from esper_graph.ops.opdef import Assumption, Cost, Fill, Inputs, OpDef, Parameter, RuleError
from esper_graph.ops.rules import floating, quotient, resolved_axis
from esper_graph.ops.values import TensorType

NotNegative = Annotated[float, Field(ge=0.0)]
"""A finite number from zero."""


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("it divides the input, so it is not 0")
    return value


class Activation(Typed):
    """A function of each element, chosen by `type`; each kind has its own further attributes."""

    aliases: ClassVar = {"swish": "silu", "leakyrelu": "leaky_relu", "log_sigmoid": "logsigmoid"}

    @property
    def stochastic(self) -> bool:
        """Whether two calls in training may differ."""
        return False


class Plain(
    Activation,
    kinds=(
        *("relu", "relu6", "selu", "silu", "mish", "sigmoid", "hardsigmoid", "hardswish", "tanh"),
        *("softsign", "tanhshrink", "logsigmoid"),
    ),
):
    """A function without settings."""


class LeakyRelu(Activation, kinds=("leaky_relu",)):
    """`x` above zero, `negative_slope * x` below."""

    negative_slope: Number = 0.01


class Elu(Activation, kinds=("elu",)):
    """`x` above zero, `alpha * (exp(x) - 1)` below."""

    alpha: Number = 1.0


class Celu(Activation, kinds=("celu",)):
    """`x` above zero, `alpha * (exp(x / alpha) - 1)` below."""

    alpha: Annotated[Number, AfterValidator(_not_zero)] = 1.0


class Gelu(Activation, kinds=("gelu",)):
    """`x` times the normal distribution function at `x`, exactly or by a formula with `tanh`."""

    approximate: Literal["none", "tanh"] = "none"


class Hardtanh(Activation, kinds=("hardtanh",)):
    """`x`, kept between two bounds."""

    min_val: Number = -1.0
    max_val: Number = 1.0

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.min_val >= self.max_val:
            raise ValueError(f"min_val={self.min_val} is not below max_val={self.max_val}")
        return self


class Softplus(Activation, kinds=("softplus",)):
    """`log(1 + exp(beta * x)) / beta`; `x` itself where `beta * x` exceeds `threshold`."""

    beta: Annotated[Number, AfterValidator(_not_zero)] = 1.0
    threshold: Number = 20.0


class Shrink(Activation, kinds=("softshrink", "hardshrink")):
    """Zero within `lambd` of zero; beyond, `x` (hard) or `x` moved towards zero by `lambd` (soft)."""

    lambd: NotNegative = 0.5


class Threshold(Activation, kinds=("threshold",)):
    """`x` above `threshold`, `value` elsewhere."""

    threshold: Number
    value: Number


class Glu(Activation, kinds=("glu",)):
    """The first half of an axis times the sigmoid of the second half; the axis is halved."""

    dim: Axis = -1


class Prelu(Activation, kinds=("prelu",)):
    """`x` above zero, a learned slope times `x` below: one slope, or one a channel (axis 1)."""

    num_parameters: Size = 1
    init: Number = 0.25


class Softmax(Attributes):
    """Probabilities along an axis from scores divided by `temperature`.

    With `hard`, the largest score gets 1 and the others 0, with the gradient of the probabilities; in
    training Gumbel noise is added to the scores first, in evaluation there is no noise.
    """

    dim: Axis = -1
    temperature: Positive = 1.0
    hard: bool = False

    @property
    def stochastic(self) -> bool:
        """Whether two calls in training may differ."""
        return self.hard


class SoftmaxActivation(Softmax, Activation, kinds=("softmax",)):
    """The op `softmax`, written as a kind of activation."""


class LogSoftmax(Activation, kinds=("log_softmax",)):
    """Logarithm of the softmax along an axis."""

    dim: Axis = -1
    temperature: Positive = 1.0


def infer_activation(a: Activation, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The input's shape and dtype; `glu` halves its axis, `prelu` wants one slope or one for each channel."""
    x = floating(inputs[0], "input")
    match a:
        case Glu():
            axis = resolved_axis(a.dim, x.rank)
            half = quotient(x.shape[axis], 2, f"glu halves axis {a.dim} of {x}", assumptions)
            return (TensorType((*x.shape[:axis], half, *x.shape[axis + 1 :]), x.dtype),)
        case SoftmaxActivation() | LogSoftmax():
            resolved_axis(a.dim, x.rank)
        case Prelu() if a.num_parameters > 1 and (x.rank < 2 or x.shape[1] != a.num_parameters):
            raise RuleError(
                f"axis 1 of {x} is not num_parameters={a.num_parameters}",
                hint="set num_parameters to 1 or to the number of channels",
                port="input",
                expected=a.num_parameters,
                actual=str(x),
            )
        case _:
            pass
    return (x,)


def infer_softmax(a: Softmax, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The input's shape and dtype."""
    x = floating(inputs[0], "input")
    resolved_axis(a.dim, x.rank)
    return (x,)


def cost_activation(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each output element, whatever the function."""
    return Cost(elementwise=product(outputs[0].shape))


def parameters_activation(a: Activation) -> tuple[Parameter, ...]:
    """The slopes of `prelu`; no other kind learns anything."""
    return (Parameter("weight", (a.num_parameters,), Fill(a.init)),) if isinstance(a, Prelu) else ()


OPS: tuple[OpDef, ...] = (
    OpDef(
        "activation",
        "Activation",
        Activation,
        ("input",),
        infer_activation,
        cost_activation,
        parameters_activation,
        stochastic=True,
    ),
    OpDef("softmax", "Activation", Softmax, ("input",), infer_softmax, cost_activation, stochastic=True),
)
