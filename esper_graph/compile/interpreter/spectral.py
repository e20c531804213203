"""Compute transforms as products with their matrices."""

# torch types some methods and slices in part only
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value


def _angles(size: int) -> Tensor:
    places = torch.arange(size, dtype=torch.float64)
    # whole turns are taken off first, which keeps the angles exact
    return 2 * math.pi * ((places[:, None] * places[None, :]) % size) / size


def _along(x: Tensor, dim: int, matrix: Tensor) -> Tensor:
    return torch.einsum("...i,oi->...o", x.movedim(dim, -1), matrix).movedim(-1, dim)


def _scale(norm: str, size: int, whole: str) -> float:
    """1/n where the norm puts it all on this direction, its root for both, else 1."""
    return 1 / size if norm == whole else 1 / math.sqrt(size) if norm == "ortho" else 1.0


def _fft(call: Call) -> tuple[Value, ...]:
    x = call.x().to(torch.complex128)
    angles = _angles(x.shape[call.a.dim])
    matrix = torch.complex(angles.cos(), -angles.sin()) * _scale(call.a.norm, x.shape[call.a.dim], "forward")
    return (_along(x, call.a.dim, matrix),)


def _ifft(call: Call) -> tuple[Value, ...]:
    x = call.x()
    angles = _angles(x.shape[call.a.dim])
    scale = _scale(call.a.norm, x.shape[call.a.dim], "backward")
    real = _along(x.real, call.a.dim, angles.cos()) - _along(x.imag, call.a.dim, angles.sin())
    return (real * scale,)


def _hartley(call: Call) -> tuple[Value, ...]:
    x = call.x()
    angles = _angles(x.shape[call.a.dim])
    scale = _scale(call.a.norm, x.shape[call.a.dim], "forward")
    return (_along(x, call.a.dim, angles.cos() + angles.sin()) * scale,)


EVALUATORS: Mapping[str, Evaluator] = {"fft": _fft, "ifft": _ifft, "hartley": _hartley}
