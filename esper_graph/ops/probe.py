"""Looking inside without changing anything: telemetry, gradient_norm; both are effects."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from esper_graph.ops.attributes import Attributes, Positive, Size
from esper_graph.ops.dims import product
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef
from esper_graph.ops.rules import floating, tensor
from esper_graph.ops.values import TensorType


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("the text holds control characters")
    return text


class Telemetry(Attributes):
    """A value reported as a metric.

    Attributes:
        metric_name: Name it is reported under.
        log_frequency: It is computed at every n-th call; other calls report nothing.
    """

    metric_name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
    log_frequency: Size = 1


def infer_telemetry(a: Telemetry, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Nothing flows on."""
    tensor(inputs[0], "input")
    return ()


class GradientNorm(Attributes):
    """Norm of the gradient of the loss with respect to the value at this point; training only.

    Attributes:
        ord: Order of the vector norm, or "inf" for the largest magnitude.
    """

    ord: Positive | Literal["inf"] = 2.0


def infer_gradient_norm(
    a: GradientNorm, inputs: Inputs, assumptions: list[Assumption]
) -> tuple[TensorType, ...]:
    """One number."""
    return (TensorType((), floating(inputs[0], "input").dtype),)


def cost_gradient_norm(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each element of the gradient."""
    return Cost(elementwise=product(inputs[0].shape))


OPS: tuple[OpDef, ...] = (
    OpDef("telemetry", "Effect", Telemetry, ("input",), infer_telemetry, outputs=(), effect=True),
    OpDef(
        "gradient_norm",
        "Effect",
        GradientNorm,
        ("input",),
        infer_gradient_norm,
        cost_gradient_norm,
        effect=True,
    ),
)
