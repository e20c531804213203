"""Ops that draw random numbers: dropout, noise. They are never folded and never merged.

Both count one elementwise operation for each element.
"""

from typing import Annotated, Any

from pydantic import Field

from esper_graph.ops.attributes import Attributes, Number, Probability
from esper_graph.ops.dims import product
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef
from esper_graph.ops.rules import floating
from esper_graph.ops.values import TensorType


class Dropout(Attributes):
    """In training each element becomes zero with probability `p` and is scaled by `1/(1 - p)` otherwise."""

    p: Probability = 0.5


class Noise(Attributes):
    """Normal noise added to each element.

    Attributes:
        std: Standard deviation.
        training_only: Whether evaluation adds none.
    """

    std: Annotated[Number, Field(ge=0.0)]
    training_only: bool = True


def infer_same(a: Attributes, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Real numbers of the same type."""
    return (floating(inputs[0], "input"),)


def cost_of_output(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each element."""
    return Cost(elementwise=product(outputs[0].shape))


OPS: tuple[OpDef, ...] = (
    OpDef("dropout", "Random", Dropout, ("input",), infer_same, cost_of_output, stochastic=True),
    OpDef("noise", "Random", Noise, ("input",), infer_same, cost_of_output, stochastic=True),
)
