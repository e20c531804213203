"""Compute ops that move elements, and statistics."""

# torch types some methods and slices in part only
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value, wide


def _identity(call: Call) -> tuple[Value, ...]:
    found = call.inputs[0]
    assert found is not None
    return (found,)


def _cast(call: Call) -> tuple[Value, ...]:
    return (call.x().to(wide(call.a.dtype)),)


def _to_shape(call: Call) -> tuple[Value, ...]:
    """Reshape, flatten and unflatten: the same elements in the same order."""
    return (call.x().reshape(call.shape()),)


def _transpose(call: Call) -> tuple[Value, ...]:
    x = call.x()
    axes = list(range(x.ndim))
    one, other = call.a.dim0 % x.ndim, call.a.dim1 % x.ndim
    axes[one], axes[other] = other, one
    return (x.permute(axes),)


def _permute(call: Call) -> tuple[Value, ...]:
    return (call.x().permute(list(call.a.dims)),)


def _expand(call: Call) -> tuple[Value, ...]:
    x, shape = call.x(), call.shape()
    x = x.reshape([1] * (len(shape) - x.ndim) + list(x.shape))
    for axis, size in enumerate(shape):
        if x.shape[axis] != size:
            x = torch.cat([x] * size, axis) if size else x.narrow(axis, 0, 0)
    return (x,)


def _concat(call: Call) -> tuple[Value, ...]:
    return (torch.cat(call.all(), call.a.dim),)


def _stack(call: Call) -> tuple[Value, ...]:
    axis = call.a.dim % len(call.shape())
    return (torch.cat([x.unsqueeze(axis) for x in call.all()], axis),)


def _split(call: Call) -> tuple[Value, ...]:
    x, start = call.x(), 0
    axis = call.a.dim % x.ndim
    parts: list[Tensor] = []
    for slot in range(len(call.outputs)):
        size = call.shape(slot)[axis]
        parts.append(x.narrow(axis, start, size))
        start += size
    return tuple(parts)


def _slice(call: Call) -> tuple[Value, ...]:
    x, a = call.x(), call.a
    places = list(range(x.shape[a.dim]))[a.start : a.end : a.step]
    return (x.index_select(a.dim % x.ndim, torch.tensor(places, dtype=torch.int64)),)


def _pad(call: Call) -> tuple[Value, ...]:
    x, a = call.x(), call.a
    for pair in range(len(a.padding) // 2):
        axis = x.ndim - 1 - pair
        before, after = a.padding[2 * pair : 2 * pair + 2]
        size = x.shape[axis]
        places = torch.arange(-before, size + after)
        inside = (places >= 0) & (places < size)
        if a.mode == "circular":
            places = places % size
        elif a.mode == "reflect":
            places = (size - 1) - ((size - 1) - places.abs()).abs()
        else:
            places = places.clamp(0, size - 1)
        x = x.index_select(axis, places)
        if a.mode == "constant":
            shape = [-1 if place == axis else 1 for place in range(x.ndim)]
            x = torch.where(inside.reshape(shape), x, torch.tensor(a.value).to(x.dtype))
    return (x,)


def _gather(call: Call) -> tuple[Value, ...]:
    """Pick one by one, by positions in the flat tensor."""
    x, index = call.x(0), call.x(1)
    axis = call.a.dim % x.ndim
    flat = torch.zeros(index.shape, dtype=torch.int64)
    for place in range(x.ndim):
        shape = [-1 if other == place else 1 for other in range(x.ndim)]
        along = index if place == axis else torch.arange(index.shape[place]).reshape(shape)
        flat = flat + along * math.prod(x.shape[place + 1 :])
    return (x.reshape(-1).index_select(0, flat.flatten()).reshape(index.shape),)


def _roll(call: Call) -> tuple[Value, ...]:
    x = call.x()
    for shift, axis in zip(call.a.shifts, call.a.dim, strict=True):
        size = max(x.shape[axis], 1)
        x = x.index_select(axis % x.ndim, (torch.arange(x.shape[axis]) - shift) % size)
    return (x,)


def _interpolate(call: Call) -> tuple[Value, ...]:
    """Axis by axis: every sample is a weighted sum of the old ones."""
    x, a = call.x(), call.a
    for axis, size in enumerate(call.shape()[2:], start=2):
        weights = _samples(a, x.shape[axis], size)
        x = torch.einsum("...i,oi->...o", x.movedim(axis, -1), weights).movedim(-1, axis)
    return (x,)


def _samples(a: Any, old: int, new: int) -> Tensor:
    """How much each old position counts for each new one."""
    weights = torch.zeros(new, old, dtype=torch.float64)
    for place in range(new):
        if a.mode == "area":
            start, end = place * old // new, -(-(place + 1) * old // new)
            weights[place, start:end] = 1 / (end - start)
        elif a.mode == "nearest":
            weights[place, min(place * old // new, old - 1)] = 1
        elif a.mode == "nearest-exact":
            weights[place, min((2 * place + 1) * old // (2 * new), old - 1)] = 1
        else:
            centre = (
                place * (old - 1) / max(new - 1, 1) if a.align_corners else (place + 0.5) * old / new - 0.5
            )
            if a.mode == "bicubic":
                first = math.floor(centre)
                for near in range(first - 1, first + 3):
                    weights[place, min(max(near, 0), old - 1)] += _cubic(abs(centre - near))
            else:
                centre = max(centre, 0.0)
                first = min(math.floor(centre), old - 1)
                weights[place, first] += 1 - (centre - first)
                weights[place, min(first + 1, old - 1)] += centre - first
    return weights


def _cubic(distance: float) -> float:
    """Keys' kernel with a = -0.75."""
    if distance <= 1:
        return 1.25 * distance**3 - 2.25 * distance**2 + 1
    return -0.75 * (distance**3 - 5 * distance**2 + 8 * distance - 4) if distance < 2 else 0.0


def _reduce(call: Call) -> tuple[Value, ...]:
    """Bring the reduced axes together at the end, and reduce that one."""
    x, a = call.x(), call.a
    axes = list(range(x.ndim)) if a.dim is None else sorted(axis % x.ndim for axis in a.dim)
    others = [axis for axis in range(x.ndim) if axis not in axes]
    flat = x.permute([*others, *axes]).reshape([*(x.shape[axis] for axis in others), -1])
    found = _STATISTICS[a.operation](flat, a)
    return (found.reshape(call.shape()),)


def _spread(x: Tensor) -> Tensor:
    return ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1)


def _norm(x: Tensor, a: Any) -> Tensor:
    return x.abs().amax(-1) if a.ord == "inf" else (x.abs() ** a.ord).sum(-1) ** (1 / a.ord)


def _truth(x: Tensor) -> Tensor:
    return x.to(torch.uint8)


_STATISTICS: Mapping[str, Callable[[Tensor, Any], Tensor]] = {
    "mean": lambda x, a: x.sum(-1) / x.shape[-1],
    "sum": lambda x, a: x.sum(-1),
    "prod": lambda x, a: x.prod(-1),
    "max": lambda x, a: _truth(x).amax(-1).bool() if x.dtype == torch.bool else x.amax(-1),
    "min": lambda x, a: _truth(x).amin(-1).bool() if x.dtype == torch.bool else x.amin(-1),
    "std": lambda x, a: _spread(x) ** 0.5,
    "var": lambda x, a: _spread(x),
    "norm": _norm,
    "argmax": lambda x, a: x.argmax(-1),
    "argmin": lambda x, a: x.argmin(-1),
    "any": lambda x, a: _truth(x).sum(-1) > 0,
    "all": lambda x, a: (1 - _truth(x)).sum(-1) == 0,
}


def _entropy(call: Call) -> tuple[Value, ...]:
    x = call.x()
    safe = torch.where(x > 0, x, torch.ones_like(x))
    return ((-safe * safe.log() * (x > 0)).sum(call.a.dim, keepdim=call.a.keepdim),)


def _cumsum(call: Call) -> tuple[Value, ...]:
    """A product with a triangle of ones."""
    x = call.x().to(call.dtype())
    size = x.shape[call.a.dim]
    triangle = torch.ones(size, size, dtype=x.dtype).triu()
    return ((x.movedim(call.a.dim, -1).unsqueeze(-1) * triangle).sum(-2).movedim(-1, call.a.dim),)


EVALUATORS: Mapping[str, Evaluator] = {
    "identity": _identity,
    "detach": lambda call: (call.x().detach(),),
    "cast": _cast,
    "reshape": _to_shape,
    "flatten": _to_shape,
    "unflatten": _to_shape,
    "transpose": _transpose,
    "permute": _permute,
    "expand": _expand,
    "concat": _concat,
    "stack": _stack,
    "split": _split,
    "slice": _slice,
    "pad": _pad,
    "gather": _gather,
    "roll": _roll,
    "interpolate": _interpolate,
    "reduce": _reduce,
    "entropy": _entropy,
    "cumsum": _cumsum,
}
