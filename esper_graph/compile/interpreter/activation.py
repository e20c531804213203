"""Compute activations from their formulas."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value


def probabilities(x: Tensor, dim: int) -> Tensor:
    """Return `exp(x)` over its sum along an axis; the largest score is taken off first."""
    powers = (x - x.amax(dim, keepdim=True).detach()).exp()
    return powers / powers.sum(dim, keepdim=True)


def _sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + (-x).exp())


def _between(x: Tensor, low: float, high: float) -> Tensor:
    return torch.where(x <= low, torch.full_like(x, low), torch.where(x >= high, torch.full_like(x, high), x))


def _bent(x: Tensor, alpha: float, rate: float = 1.0) -> Tensor:
    """`x` above zero, `alpha * (exp(rate * x) - 1)` below."""
    return torch.where(x > 0, x, alpha * ((rate * x.clamp(max=0)).exp() - 1))


def _gelu(x: Tensor, a: Any) -> Tensor:
    if a.approximate == "tanh":
        return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + torch.erf(x / math.sqrt(2)))


def _softplus(x: Tensor, a: Any) -> Tensor:
    scaled = a.beta * x
    return torch.where(scaled > a.threshold, x, scaled.clamp(max=a.threshold).exp().log1p() / a.beta)


def _softshrink(x: Tensor, a: Any) -> Tensor:
    return torch.where(x > a.lambd, x - a.lambd, torch.where(x < -a.lambd, x + a.lambd, 0 * x))


def _hardshrink(x: Tensor, a: Any) -> Tensor:
    return torch.where(x.abs() > a.lambd, x, 0 * x)


def _glu(x: Tensor, a: Any) -> Tensor:
    first, second = x.chunk(2, a.dim)
    return first * _sigmoid(second)


def _softmax(call: Call) -> tuple[Value, ...]:
    a, x = call.a, call.x()
    if a.hard and call.training and call.generator is not None:
        uniform = torch.rand(x.shape, generator=call.generator, dtype=x.dtype)
        x = x - (-uniform.log()).log()
    soft = probabilities(x / a.temperature, a.dim)
    if not a.hard:
        return (soft,)
    axis = int(a.dim) % soft.ndim
    places = torch.arange(soft.shape[axis]).reshape([-1] + [1] * (soft.ndim - 1 - axis))
    hard = (places == soft.argmax(a.dim, keepdim=True)).to(soft.dtype)
    return (hard + soft - soft.detach(),)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

_FORMULAS: Mapping[str, Callable[[Tensor, Any], Tensor]] = {
    "relu": lambda x, a: torch.where(x > 0, x, 0 * x),
    "relu6": lambda x, a: _between(x, 0, 6),
    "selu": lambda x, a: _SELU_SCALE * _bent(x, _SELU_ALPHA),
    "silu": lambda x, a: x * _sigmoid(x),
    "mish": lambda x, a: x * torch.tanh(x.exp().log1p()),
    "sigmoid": lambda x, a: _sigmoid(x),
    "hardsigmoid": lambda x, a: _between(x / 6 + 0.5, 0, 1),
    "hardswish": lambda x, a: x * _between(x / 6 + 0.5, 0, 1),
    "tanh": lambda x, a: torch.tanh(x),
    "softsign": lambda x, a: x / (1 + x.abs()),
    "tanhshrink": lambda x, a: x - torch.tanh(x),
    "logsigmoid": lambda x, a: -(-x).exp().log1p(),
    "leaky_relu": lambda x, a: torch.where(x > 0, x, a.negative_slope * x),
    "elu": lambda x, a: _bent(x, a.alpha),
    "celu": lambda x, a: torch.where(
        x > 0, x, a.alpha * ((torch.where(x > 0, 0 * x, x) / a.alpha).exp() - 1)
    ),
    "gelu": _gelu,
    "hardtanh": lambda x, a: _between(x, a.min_val, a.max_val),
    "softplus": _softplus,
    "softshrink": _softshrink,
    "hardshrink": _hardshrink,
    "threshold": lambda x, a: torch.where(x > a.threshold, x, torch.full_like(x, a.value)),
    "glu": _glu,
    "log_softmax": lambda x, a: probabilities(x / a.temperature, a.dim).log(),
}


def _activation(call: Call) -> tuple[Value, ...]:
    x, kind = call.x(), call.a.type
    if kind == "softmax":
        return _softmax(call)
    if kind == "prelu":
        slopes = call.tensors["weight"]
        shaped = slopes.reshape([1, -1, *[1] * (x.ndim - 2)]) if slopes.numel() > 1 else slopes
        return (torch.where(x > 0, x, shaped * x),)
    return (_FORMULAS[kind](x, call.a),)


EVALUATORS: Mapping[str, Evaluator] = {"activation": _activation, "softmax": _softmax}
