"""Ops that draw random numbers: kinds of dropout, noise. They are never folded and never merged.

Each counts one elementwise operation for each element.
"""

from typing import Annotated, Any

from pydantic import Field

from esper_graph.ops.attributes import Attributes, Number, Probability
from esper_graph.ops.dims import product
from esper_graph.ops.opdef import Assumption, Cost, InferRule, Inputs, OpDef
from esper_graph.ops.rules import floating, of_rank
from esper_graph.ops.values import TensorType

_HIGHEST_RANK = 64
"""As in torch."""


class Dropout(Attributes):
    """In training each element becomes zero with probability `p` and is scaled by `1/(1 - p)` otherwise."""

    p: Probability = 0.5


class FeatureDropout(Attributes):
    """In training each channel of each sample becomes zero with probability `p`, all of it or nothing.

    Samples are along axis 0, channels along axis 1; what stays is scaled by `1/(1 - p)`. So drop
    `torch.nn.Dropout1d`, `Dropout2d` and `Dropout3d`.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks" (CVPR 2015).
    """

    p: Probability = 0.5


class AlphaDropout(Attributes):
    """In training each element takes the negative limit of `selu` with probability `p`.

    All are then scaled and shifted so that mean 0 and variance 1 stay what they are.

    Attributes:
        feature: Whether whole channels (axis 1) of samples (axis 0) do, rather than single elements.

    Source: G. Klambauer et al., "Self-normalizing neural networks" (NeurIPS 2017).
    """

    p: Probability = 0.5
    feature: bool = False


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


def infer_structured(a: Attributes, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The same, of rank 2 and more where whole channels are dropped."""
    x = floating(inputs[0], "input")
    if getattr(a, "feature", True):
        return (of_rank(x, range(2, _HIGHEST_RANK + 1), "[samples, channels, ...]"),)
    return (x,)


def cost_of_output(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each element."""
    return Cost(elementwise=product(outputs[0].shape))


def _random(op_type: str, attributes: type[Attributes], infer: InferRule = infer_same) -> OpDef:
    return OpDef(op_type, "Random", attributes, ("input",), infer, cost_of_output, stochastic=True)


OPS: tuple[OpDef, ...] = (
    _random("dropout", Dropout),
    _random("feature_dropout", FeatureDropout, infer_structured),
    _random("alpha_dropout", AlphaDropout, infer_structured),
    _random("noise", Noise),
)
