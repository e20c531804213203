"""Compute what chance decides: dropout and noise, from a given generator only."""

from collections.abc import Mapping

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value

_SELU_LIMIT = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717
"""What `selu` tends to for ever smaller numbers."""


def dropped(call: Call, x: Tensor, p: float) -> Tensor:
    """Set elements to zero with probability `p` in training and scale the others up."""
    if not call.training or p == 0 or call.generator is None:
        return x
    kept = torch.rand(x.shape, generator=call.generator, dtype=torch.float64) >= p
    return x * kept / (1 - p) if p < 1 else x * 0


def _dropout(call: Call) -> tuple[Value, ...]:
    return (dropped(call, call.x(), call.a.p),)


def _kept(call: Call, x: Tensor, *, channels: bool) -> Tensor:
    """1 where a value stays and 0 where it goes, of which whole channels have one."""
    shape = (*x.shape[:2], *[1] * (x.ndim - 2)) if channels else x.shape
    return (torch.rand(shape, generator=call.generator, dtype=torch.float64) >= call.a.p).to(x.dtype)


def _feature_dropout(call: Call) -> tuple[Value, ...]:
    x, p = call.x(), call.a.p
    if not call.training or p == 0 or call.generator is None:
        return (x,)
    return (x * _kept(call, x, channels=True) / (1 - p) if p < 1 else x * 0,)


def _alpha_dropout(call: Call) -> tuple[Value, ...]:
    """`scale * (x or the limit) + shift`, where mean and variance of what goes in stay 0 and 1."""
    x, p = call.x(), call.a.p
    if not call.training or p == 0 or call.generator is None:
        return (x,)
    if p == 1:
        return (x * 0,)
    kept = _kept(call, x, channels=call.a.feature)
    scale = ((1 - p) * (1 + p * _SELU_LIMIT**2)) ** -0.5
    return (scale * (x * kept + _SELU_LIMIT * (1 - kept)) - scale * p * _SELU_LIMIT,)


def _noise(call: Call) -> tuple[Value, ...]:
    x = call.x()
    if call.generator is None or call.a.std == 0 or (call.a.training_only and not call.training):
        return (x,)
    return (x + call.a.std * torch.randn(x.shape, generator=call.generator, dtype=x.dtype),)


EVALUATORS: Mapping[str, Evaluator] = {
    "dropout": _dropout,
    "feature_dropout": _feature_dropout,
    "alpha_dropout": _alpha_dropout,
    "noise": _noise,
}
