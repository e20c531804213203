"""Compute convolutions and pooling by picking the elements of each window by their positions."""

# torch types some methods and slices in part only
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value


def _picked(x: Tensor, axis: int, positions: Tensor) -> Tensor:
    """Replace an axis by those of `positions`, which hold places along it."""
    found = x.index_select(axis, positions.flatten())
    return found.reshape([*x.shape[:axis], *positions.shape, *x.shape[axis + 1 :]])


def _positions(windows: int, taps: int, stride: int, dilation: int) -> Tensor:
    return torch.arange(windows)[:, None] * stride + torch.arange(taps)[None, :] * dilation


def _padded(x: Tensor, axis: int, before: int, after: int, mode: str, filler: float = 0.0) -> Tensor:
    size = x.shape[axis]
    places = torch.arange(-before, size + after)
    if mode == "reflect":
        places = places.abs()
        places = torch.where(places >= size, 2 * (size - 1) - places, places)
    elif mode == "replicate":
        places = places.clamp(0, size - 1)
    elif mode == "circular":
        places = places % size
    else:
        parts = [list(x.shape), list(x.shape)]
        parts[0][axis], parts[1][axis] = before, after
        ends = [torch.full(part, filler, dtype=x.dtype) for part in parts]
        return torch.cat([ends[0], x, ends[1]], axis)
    return x.index_select(axis, places)


def _conv(call: Call) -> tuple[Value, ...]:
    a, x, weight = call.a, call.x(), call.tensors["weight"]
    axes = len(a.kernel_size)
    for axis in range(axes):
        total = a.dilation[axis] * (a.kernel_size[axis] - 1)
        before, after = (total // 2, total - total // 2) if a.padding == "same" else (a.padding[axis],) * 2
        x = _padded(x, axis + 2, before, after, a.padding_mode)
    for axis in range(axes):
        place = 2 + 2 * axis
        extent = a.dilation[axis] * (a.kernel_size[axis] - 1) + 1
        windows = (x.shape[place] - extent) // a.stride[axis] + 1
        x = _picked(x, place, _positions(windows, a.kernel_size[axis], a.stride[axis], a.dilation[axis]))
    x = x.unflatten(1, (a.groups, -1))
    weight = weight.unflatten(0, (a.groups, -1))
    y = torch.einsum("ngcpi,goci->ngop" if axes == 1 else "ngcpiqj,gocij->ngopq", x, weight).flatten(1, 2)
    return (y + call.tensors["bias"].reshape([-1, *[1] * axes]) if "bias" in call.tensors else y,)


def _conv_transpose(call: Call) -> tuple[Value, ...]:
    """Add each input element, times the weights, to the places of its window."""
    a, x, weight = call.a, call.x(), call.tensors["weight"]
    height, width = x.shape[2:]
    whole = [
        (size - 1) * a.stride[axis]
        + a.dilation[axis] * (a.kernel_size[axis] - 1)
        + 1
        + a.output_padding[axis]
        for axis, size in enumerate((height, width))
    ]
    y = torch.zeros([x.shape[0], a.out_channels, *whole], dtype=x.dtype)
    x = x.unflatten(1, (a.groups, -1))
    weight = weight.unflatten(0, (a.groups, -1))
    for i in range(a.kernel_size[0]):
        for j in range(a.kernel_size[1]):
            part = torch.einsum("ngchw,gco->ngohw", x, weight[..., i, j]).flatten(1, 2)
            top, left = i * a.dilation[0], j * a.dilation[1]
            rows = slice(top, top + (height - 1) * a.stride[0] + 1, a.stride[0])
            columns = slice(left, left + (width - 1) * a.stride[1] + 1, a.stride[1])
            y[:, :, rows, columns] += part
    rows, columns = (slice(pad, size - pad) for pad, size in zip(a.padding, whole, strict=True))
    y = y[:, :, rows, columns]
    return (y + call.tensors["bias"].reshape(-1, 1, 1) if "bias" in call.tensors else y,)


def _pooling(call: Call) -> tuple[Value, ...]:
    a, x = call.a, call.x()
    if a.type.startswith("adaptive"):
        return (_adaptive(x, a.output_size, mean="avg" in a.type),)
    axes, largest = len(a.kernel_size), a.type.startswith("max")
    filler = -torch.inf if largest else 0.0
    counts: list[Tensor] = []
    for axis in range(axes):
        place = 2 + axis
        counts.append(_axis_counts(call, axis, x.shape[place]))
        dilation = a.dilation[axis] if largest else 1
        last = (len(counts[-1]) - 1) * a.stride[axis] + dilation * (a.kernel_size[axis] - 1) + 1
        after = max(a.padding[axis], last - x.shape[place] - a.padding[axis])
        x = _padded(x, place, a.padding[axis], after, "zeros", filler)
    for axis in range(axes):
        dilation = a.dilation[axis] if largest else 1
        positions = _positions(len(counts[axis]), a.kernel_size[axis], a.stride[axis], dilation)
        x = _picked(x, 2 + 2 * axis, positions)
    taps = (3,) if axes == 1 else (3, 5)
    if largest:
        return (x.amax(taps),)
    if getattr(a, "divisor_override", None) is not None:
        return (x.sum(taps) / a.divisor_override,)
    divisor = counts[0] if axes == 1 else counts[0][:, None] * counts[1][None, :]
    return (x.sum(taps) / divisor,)


def _axis_counts(call: Call, axis: int, size: int) -> Tensor:
    """For each window along an axis, how many elements a mean divides by."""
    a = call.a
    windows = call.shape()[2 + axis]
    starts = torch.arange(windows) * a.stride[axis] - a.padding[axis]
    if getattr(a, "count_include_pad", True):
        return (starts + a.kernel_size[axis]).clamp(max=size + a.padding[axis]) - starts
    return (starts + a.kernel_size[axis]).clamp(max=size) - starts.clamp(min=0)


def _adaptive(x: Tensor, wanted: Sequence[int | None], *, mean: bool) -> Tensor:
    for axis, count in enumerate(wanted, start=2):
        size = x.shape[axis]
        parts: list[Tensor] = []
        for place in range(size if count is None else count):
            start, end = place * size // (count or size), -(-(place + 1) * size // (count or size))
            part = x.narrow(axis, start, end - start)
            parts.append(part.mean(axis) if mean else part.amax(axis))
        x = torch.stack(parts, axis)
    return x


EVALUATORS: Mapping[str, Evaluator] = {
    "conv1d": _conv,
    "conv2d": _conv,
    "conv_transpose2d": _conv_transpose,
    "pooling": _pooling,
}
