"""Compute what chance decides: dropout and noise, from a given generator only."""

from collections.abc import Mapping

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value


def dropped(call: Call, x: Tensor, p: float) -> Tensor:
    """Set elements to zero with probability `p` in training and scale the others up."""
    if not call.training or p == 0 or call.generator is None:
        return x
    kept = torch.rand(x.shape, generator=call.generator, dtype=torch.float64) >= p
    return x * kept / (1 - p) if p < 1 else x * 0


def _dropout(call: Call) -> tuple[Value, ...]:
    return (dropped(call, call.x(), call.a.p),)


def _noise(call: Call) -> tuple[Value, ...]:
    x = call.x()
    if call.generator is None or call.a.std == 0 or (call.a.training_only and not call.training):
        return (x,)
    return (x + call.a.std * torch.randn(x.shape, generator=call.generator, dtype=x.dtype),)


EVALUATORS: Mapping[str, Evaluator] = {"dropout": _dropout, "noise": _noise}
