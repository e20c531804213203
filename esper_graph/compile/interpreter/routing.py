"""Compute choices between computations, token by token where order matters."""

# torch types some methods and slices in part only
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.interpreter.activation import probabilities
from esper_graph.compile.interpreter.call import Call, Evaluator, Value


def _weighted_sum(call: Call) -> tuple[Value, ...]:
    weights, values = call.x(), torch.stack([call.x(slot) for slot in range(1, len(call.inputs))], -1)
    shape = [*weights.shape[:-1], *[1] * (values.ndim - weights.ndim), weights.shape[-1]]
    return ((values * weights.reshape(shape)).sum(-1),)


def _topk_gating(call: Call) -> tuple[Value, ...]:
    a, logits = call.a, call.x()
    found = probabilities(logits, -1)
    indices = found.argsort(-1, descending=True)[..., : a.k]
    chosen = found.gather(-1, indices)
    weights = chosen if a.k == 1 else chosen / chosen.sum(-1, keepdim=True)
    kept = torch.ones(indices.shape, dtype=torch.bool)
    if a.capacity_factor is not None and (call.training or a.drop_in_eval):
        kept = _within_capacity(a, indices, logits.shape[-1])
        if call.training:
            call.metrics[f"{call.node}.dropped"] = 1 - kept.double().mean()
    fields: dict[str, Tensor] = {
        "weights": weights * kept,
        "indices": indices,
        "probabilities": found,
        "kept": kept,
    }
    return (fields,)


def _within_capacity(a: Any, indices: Tensor, experts: int) -> Tensor:
    """Hand out places: first all first choices in the order of the tokens, then all second ones."""
    factor = Fraction(a.capacity_factor).limit_denominator(1000)
    rows = indices.reshape(-1, indices.shape[-1]).tolist()
    exact = factor * len(rows) * indices.shape[-1] / experts
    places = max(-(-exact.numerator // exact.denominator), 1)
    taken = [0] * experts
    kept = [[False] * indices.shape[-1] for _ in rows]
    for choice in range(indices.shape[-1]):
        for token, row in enumerate(rows):
            kept[token][choice] = taken[row[choice]] < places
            taken[row[choice]] += 1
    return torch.tensor(kept, dtype=torch.bool).reshape(indices.shape)


def _moe_combine(call: Call) -> tuple[Value, ...]:
    choice, experts = call.fields(), torch.stack([call.x(slot) for slot in range(1, len(call.inputs))], -2)
    places = choice["indices"].unsqueeze(-1).expand(*choice["indices"].shape, experts.shape[-1])
    return ((experts.gather(-2, places) * choice["weights"].unsqueeze(-1)).sum(-2),)


def _moe_aux_loss(call: Call) -> tuple[Value, ...]:
    choice = call.fields()
    found = choice["probabilities"]
    experts = found.shape[-1]
    counts = torch.tensor(
        [(choice["indices"] == expert).sum() for expert in range(experts)], dtype=found.dtype
    )
    share = counts / choice["indices"].numel()
    loss = call.a.loss_coef * experts * (share * found.reshape(-1, experts).mean(0)).sum()
    call.metrics[call.node] = loss
    return (loss,)


EVALUATORS: Mapping[str, Evaluator] = {
    "weighted_sum": _weighted_sum,
    "topk_gating": _topk_gating,
    "moe_combine": _moe_combine,
    "moe_aux_loss": _moe_aux_loss,
}
