"""Compute what chance decides: dropout and noise, from a given generator only."""

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call


def dropped(call: Call, x: Tensor, p: float) -> Tensor:
    """Set elements to zero with probability `p` in training and scale the others up."""
    if not call.training or p == 0 or call.generator is None:
        return x
    kept = torch.rand(x.shape, generator=call.generator, dtype=torch.float64) >= p
    return x * kept / (1 - p) if p < 1 else x * 0
EVALUATORS = {}
