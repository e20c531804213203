"""Compute arithmetic on single elements, dense products and constants."""

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value


def _constant(call: Call) -> tuple[Value, ...]:
    value = torch.tensor(call.a.value, dtype=call.dtype())
    return (value.reshape(call.shape()) if value.ndim else value.expand(call.shape()),)


def _parameter(call: Call) -> tuple[Value, ...]:
    return (call.tensors["value"],)


def _linear(call: Call) -> tuple[Value, ...]:
    x, weight = call.x(), call.tensors["weight"]
    y = torch.einsum("...i,oi->...o", x, weight.to(x.dtype))
    return (y + call.tensors["bias"] if "bias" in call.tensors else y,)


def _matmul(call: Call) -> tuple[Value, ...]:
    a, b = (x.to(call.dtype()) for x in call.all())
    a = a.mT if call.a.transpose_a else a
    b = b.mT if call.a.transpose_b else b
    return ((a.unsqueeze(-1) * b.unsqueeze(-3)).sum(-2) if a.numel() * b.shape[-1] < 10**7 else a @ b,)


def _einsum(call: Call) -> tuple[Value, ...]:
    """Lay the operands out over all letters, multiply, sum what is not asked for."""
    written, result = call.a.equation.split("->")
    operands = written.split(",")
    letters = sorted(set("".join(operands)))
    total: Tensor | None = None
    for names, x in zip(operands, call.all(), strict=True):
        diagonal, kept = x, list(names)
        for name in sorted(set(names)):
            while kept.count(name) > 1:
                first = kept.index(name)
                second = kept.index(name, first + 1)
                diagonal = diagonal.diagonal(0, first, second)
                kept = [one for place, one in enumerate(kept) if place not in (first, second)] + [name]
        ordered = diagonal.permute([kept.index(name) for name in letters if name in kept])
        spread = ordered.reshape(
            [ordered.shape[sorted(kept).index(name)] if name in kept else 1 for name in letters]
        )
        total = spread if total is None else total * spread
    assert total is not None
    summed = [place for place, name in enumerate(letters) if name not in result]
    total = total.sum(summed) if summed else total
    kept = [name for name in letters if name in result]
    return (total.permute([kept.index(name) for name in result]),)


def _fold(operation: Callable[[Tensor, Tensor], Tensor]) -> Evaluator:
    def run(call: Call) -> tuple[Value, ...]:
        values = [x.to(call.dtype()) for x in call.all()]
        scalar = getattr(call.a, "scalar", None)
        if scalar is not None:
            values.append(torch.tensor(scalar).to(values[0].dtype))
        return (reduce(operation, values),)

    return run


def _pow(call: Call) -> tuple[Value, ...]:
    values = [x.to(call.dtype()) for x in call.all()]
    if call.a.scalar is None:
        return (values[0] ** values[1],)
    return (values[0] ** (int(call.a.scalar) if call.a.scalar.is_integer() else call.a.scalar),)


def _compare(call: Call) -> tuple[Value, ...]:
    sides: list[Tensor | float] = [*call.all()]
    if call.a.scalar is not None:
        sides.append(call.a.scalar)
    return (_COMPARISONS[call.a.operation](sides[0], sides[1]),)


_COMPARISONS: Mapping[str, Callable[[Any, Any], Tensor]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}


def _clamp(call: Call) -> tuple[Value, ...]:
    x = call.x()
    if call.a.min is not None:
        x = torch.where(x < call.a.min, torch.tensor(call.a.min).to(x.dtype), x)
    if call.a.max is not None:
        x = torch.where(x > call.a.max, torch.tensor(call.a.max).to(x.dtype), x)
    return (x,)


def _where(call: Call) -> tuple[Value, ...]:
    a, b = (call.x(slot).to(call.dtype()) for slot in (1, 2))
    return (torch.where(call.x(), a, b),)


def _unary(operation: Callable[[Tensor], Tensor]) -> Evaluator:
    return lambda call: (operation(call.x()),)


def _product(a: Tensor, b: Tensor) -> Tensor:
    return a & b if a.dtype == torch.bool else a * b


def _sum(a: Tensor, b: Tensor) -> Tensor:
    return a | b if a.dtype == torch.bool else a + b


EVALUATORS: Mapping[str, Evaluator] = {
    "constant": _constant,
    "parameter": _parameter,
    "linear": _linear,
    "matmul": _matmul,
    "einsum": _einsum,
    "add": _fold(_sum),
    "multiply": _fold(_product),
    "sub": _fold(lambda a, b: a - b),
    "div": _fold(lambda a, b: a / b),
    "maximum": _fold(lambda a, b: torch.where(a >= b, a, b)),
    "minimum": _fold(lambda a, b: torch.where(a <= b, a, b)),
    "pow": _pow,
    "compare": _compare,
    "clamp": _clamp,
    "where": _where,
    "exp": _unary(torch.exp),
    "log": _unary(torch.log),
    "sqrt": _unary(lambda x: x**0.5),
    "rsqrt": _unary(lambda x: x**-0.5),
    "sin": _unary(torch.sin),
    "cos": _unary(torch.cos),
    "abs": _unary(torch.abs),
    "neg": _unary(lambda x: -x),
}
