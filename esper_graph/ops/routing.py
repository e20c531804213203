"""Choosing between computations: weighted_sum, and the mixture of experts.

`topk_gating` gives one tuple `gating` that travels along one edge to `moe_combine` and `moe_aux_loss`:

- `weights[..., k]`: what each chosen expert contributes. One choice keeps its raw probability; several are
  scaled to the sum 1. A choice beyond its expert's capacity has the weight 0.
- `indices[..., k]` (int64): the chosen experts, most probable first.
- `probabilities[..., experts]`: of all experts, never of less than single precision.
- `kept[..., k]` (bool): which choices are within capacity.

Experts are counted as they stand in the graph, on every token; each op here counts one elementwise operation
for each element of its result. (How much of the experts' work is active is `topk_gating.k` of
`moe_combine.num_experts`.)
"""

from typing import Annotated, Any

from pydantic import Field, model_validator

from esper_graph.ops.attributes import Attributes, Number, Size
from esper_graph.ops.dims import Dim, ceil_div, product
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef, RuleError
from esper_graph.ops.ratios import RatioNumber, ratio_of
from esper_graph.ops.rules import floating, one_dtype, tensor_of
from esper_graph.ops.values import TensorType, TupleType, ValueType, promote

GATING = "gating"


class WeightedSum(Attributes):
    """A sum of values, each times its entry along the last axis of `weights`."""

    num_inputs: Size


def infer_weighted_sum(
    a: WeightedSum, inputs: Inputs, assumptions: list[Assumption]
) -> tuple[TensorType, ...]:
    """Values of one type; the weights have their leading axes, and one last axis over the values."""
    weights = floating(inputs[0], "weights")
    values = [tensor_of(value, f"inputs.{slot}", "float") for slot, value in enumerate(inputs[1:])]
    if len(values) != a.num_inputs:
        raise RuleError(
            f"weighted_sum has num_inputs={a.num_inputs}, but {len(values)} values arrive beside the weights",
            hint=f"set num_inputs to {len(values)}",
            expected=a.num_inputs,
            actual=len(values),
        )
    first = values[0]
    for slot, value in enumerate(values):
        if value.shape != first.shape:
            raise RuleError(
                f"weighted_sum of {first} and {value}: the values have different shapes",
                hint="insert `linear` to give them one width",
                port=f"inputs.{slot}",
                expected=str(first),
                actual=str(value),
            )
    if weights.rank < 1 or weights.shape[-1] != a.num_inputs:
        raise RuleError(
            f"the last axis of the weights {weights} is not num_inputs={a.num_inputs}",
            expected=a.num_inputs,
            actual=str(weights),
        )
    lead = weights.shape[:-1]
    if lead != first.shape[: len(lead)]:
        raise RuleError(
            f"the weights {weights} do not have the leading axes of the values {first}",
            expected=str(first),
            actual=str(weights),
        )
    one_dtype([weights, *values], "weighted_sum")
    return (first,)


def cost_first_output(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each element of the result."""
    return Cost(elementwise=product(outputs[0].shape))


class TopkGating(Attributes):
    """Choice of the `k` most probable experts of each token from their logits.

    Attributes:
        k: Number of experts a token.
        capacity_factor: How many times its fair share an expert takes, a fraction of small whole numbers;
            None has no limit. First choices of all tokens come before second ones.
        drop_in_eval: Whether the capacity also holds in evaluation.
    """

    k: Size
    capacity_factor: RatioNumber | None = None
    drop_in_eval: bool = False

    @model_validator(mode="after")
    def _check(self) -> "TopkGating":
        if self.drop_in_eval and self.capacity_factor is None:
            raise ValueError("`drop_in_eval` needs a `capacity_factor`")
        return self


def expert_capacity(tokens: Dim, experts: int, a: TopkGating) -> Dim | None:
    """Return how many choices an expert takes: ceil(tokens * k * capacity_factor / experts), at least 1.

    >>> expert_capacity(100, 8, TopkGating(k=2, capacity_factor=1.25))
    32
    """
    if a.capacity_factor is None:
        return None
    ratio = ratio_of(a.capacity_factor)
    return ceil_div(tokens * (a.k * ratio.numerator), experts * ratio.denominator)


def infer_topk_gating(a: TopkGating, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TupleType, ...]:
    """`[..., experts]` to the tuple `gating`."""
    logits = floating(inputs[0], "input")
    experts = logits.shape[-1] if logits.rank else 0
    if not isinstance(experts, int) or logits.rank < 2:
        raise RuleError(
            f"topk_gating takes [..., tokens, experts] with a fixed number of experts, not {logits}",
            actual=str(logits),
        )
    if a.k > experts:
        raise RuleError(
            f"k={a.k} experts cannot be chosen from the {experts} of {logits}", k=a.k, actual=str(logits)
        )
    lead = logits.shape[:-1]
    fields = (
        ("weights", TensorType((*lead, a.k), logits.dtype)),
        ("indices", TensorType((*lead, a.k), "int64")),
        ("probabilities", TensorType(logits.shape, promote(logits.dtype, "float32"))),
        ("kept", TensorType((*lead, a.k), "bool")),
    )
    return (TupleType(GATING, fields),)


def cost_topk_gating(a: TopkGating, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each probability."""
    return Cost(elementwise=product(inputs[0].shape))


def gating(value: ValueType | None) -> TupleType:
    """Return the value at a port `gating`.

    Raises:
        RuleError: It is not what `topk_gating` gives.
    """
    if not isinstance(value, TupleType) or value.name != GATING:
        raise RuleError(
            f"port `gating` takes what `topk_gating` gives, not {value}", port="gating", actual=str(value)
        )
    return value


class MoeCombine(Attributes):
    """The weighted sum of the outputs of each token's chosen experts.

    Attributes:
        num_experts: Number of values at `experts`.
        top_k: Choices a token, as `topk_gating.k`.
    """

    num_experts: Size
    top_k: Size


def infer_moe_combine(a: MoeCombine, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Experts of one type, whose leading axes are the tokens of the gating."""
    choice = gating(inputs[0])
    experts = [floating(value, f"experts.{slot}") for slot, value in enumerate(inputs[1:])]
    weights, probabilities = choice["weights"], choice["probabilities"]
    for what, expected, actual, found in (
        ("num_experts", a.num_experts, len(experts), f"{len(experts)} experts arrive"),
        ("num_experts", a.num_experts, probabilities.shape[-1], f"the gating is {choice}"),
        ("top_k", a.top_k, weights.shape[-1], f"the gating is {choice}"),
    ):
        if expected != actual:
            raise RuleError(
                f"moe_combine has {what}={expected}, but {found}",
                hint=f"set {what} to {actual}",
                expected=expected,
                actual=str(actual),
            )
    first = experts[0]
    for slot, expert in enumerate(experts):
        if expert.shape != first.shape:
            raise RuleError(
                f"moe_combine of {first} and {expert}: the experts have different shapes",
                port=f"experts.{slot}",
                expected=str(first),
                actual=str(expert),
            )
    if first.shape[:-1] != weights.shape[:-1]:
        raise RuleError(
            f"the experts' {first} does not have the leading axes of the weights {weights}",
            expected=str(weights),
            actual=str(first),
        )
    one_dtype([*experts, weights], "moe_combine")
    return (first,)


class MoeAuxLoss(Attributes):
    """The loss `loss_coef * experts * sum(share * probability)` that evens out the experts' load.

    `share` is the part of all choices that fell on an expert, `probability` its mean probability; the loss is
    `loss_coef` when both are even. It is a metric of training, and no part of the path to the outputs.
    """

    loss_coef: Annotated[Number, Field(ge=0.0)] = 0.01


def infer_moe_aux_loss(
    a: MoeAuxLoss, inputs: Inputs, assumptions: list[Assumption]
) -> tuple[TensorType, ...]:
    """One number."""
    return (TensorType((), gating(inputs[0])["probabilities"].dtype),)


def cost_moe_aux_loss(a: MoeAuxLoss, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each probability."""
    return Cost(elementwise=product(inputs[0]["probabilities"].shape))


OPS: tuple[OpDef, ...] = (
    OpDef(
        "weighted_sum", "Routing", WeightedSum, ("weights", "inputs*"), infer_weighted_sum, cost_first_output
    ),
    OpDef(
        "topk_gating",
        "Routing",
        TopkGating,
        ("input",),
        infer_topk_gating,
        cost_topk_gating,
        outputs=(GATING,),
    ),
    OpDef("moe_combine", "Routing", MoeCombine, ("gating", "experts*"), infer_moe_combine, cost_first_output),
    OpDef(
        "moe_aux_loss", "Routing", MoeAuxLoss, ("gating",), infer_moe_aux_loss, cost_moe_aux_loss, effect=True
    ),
)
