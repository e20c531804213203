"""Raise ops that move elements."""

from collections.abc import Mapping, Sequence
from typing import Any

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.shaping import written
from esper_graph.compile.importer.values import Size, Wire
from esper_graph.ops.dims import Dim

_END = 2**62
"""What stands for the end of an axis is larger."""


def _first(call: Call) -> Wire:
    return call.wire(call.get("self", call.get("input")))


def _same(call: Call) -> Raised:
    return _first(call)


def _detach(call: Call) -> Raised:
    return call.add("detach", _first(call))


def _to_shape(call: Call) -> Raised:
    return call.reshape(_first(call), call.result.shape)


def _transpose(one: str, other: str) -> Raiser:
    return lambda call: call.transpose(_first(call), call[one], call[other])


def _last_two(call: Call) -> Raised:
    x = _first(call)
    return x if call.draft.type(x).rank < 2 else call.transpose(x, -2, -1)


def _reversed(call: Call) -> Raised:
    x = _first(call)
    return call.permute(x, tuple(reversed(range(call.draft.type(x).rank))))


def _permute(call: Call) -> Raised:
    return call.permute(_first(call), call["dims"])


def _movedim(call: Call) -> Raised:
    x = _first(call)
    rank = call.draft.type(x).rank
    source, target = (
        [axis % rank for axis in ([given] if isinstance(given, int) else given)]
        for given in (call["source"], call["destination"])
    )
    rest = iter([axis for axis in range(rank) if axis not in source])
    return call.permute(x, [source[target.index(at)] if at in target else next(rest) for at in range(rank)])


def _expand(call: Call) -> Raised:
    return stretched(call, _first(call), call.result.shape)


def stretched(call: Call, x: Wire, shape: Sequence[Dim]) -> Wire:
    """Return a value with axes of size 1, and new leading ones, repeated."""
    if call.draft.type(x).shape == tuple(shape):
        return x
    return call.add("expand", x, shape=[written(size) for size in shape])


def _repeat(call: Call) -> Raised:
    """Each axis several times over: a new axis before it, stretched, then merged."""
    x = _first(call)
    given: Sequence[Any] = call.get("repeats", call.get("dims"))
    repeats = call.sizes(given)
    shape = call.draft.type(x).shape
    shape = (*(1,) * (len(repeats) - len(shape)), *shape)
    repeats = [*[1] * (len(shape) - len(repeats)), *repeats]
    return _several(call, x, [(count, size) for count, size in zip(repeats, shape, strict=True)])


def _several(call: Call, x: Wire, axes: Sequence[tuple[Dim, Dim]]) -> Wire:
    """Repeat axes, given as how often and what size."""
    if all(size == 1 or count == 1 for count, size in axes):
        x = call.reshape(x, [size for _, size in axes])
        return stretched(call, x, [count * size for count, size in axes])
    inner: list[Dim] = []
    outer: list[Dim] = []
    for count, size in axes:
        if count != 1:
            inner.append(1)
            outer.append(count)
        inner.append(size)
        outer.append(size)
    x = stretched(call, call.reshape(x, inner), outer)
    return call.reshape(x, [count * size for count, size in axes])


def _repeat_interleave(call: Call) -> Raised:
    x, count = _first(call), call["repeats"]
    if not isinstance(count, int):
        raise CannotRaiseError("how often it repeats depends on data")
    shape = call.draft.type(x).shape
    if call["dim"] is None:
        x, shape = call.reshape(x, call.result.shape), call.result.shape
    axis = 0 if call["dim"] is None else call["dim"] % len(shape)
    before, size, after = shape[:axis], shape[axis], shape[axis + 1 :]
    x = call.reshape(x, (*before, size, 1, *after))
    x = stretched(call, x, (*before, size, count, *after))
    return call.reshape(x, (*before, size * count, *after))


def _concat(call: Call) -> Raised:
    to, rank = call.result.dtype, call.result.rank
    held = [one for one in call["tensors"] if call.type(one).rank == rank and 0 not in call.type(one).shape]
    wires = [call.wire(one, to) for one in held]
    return wires[0] if len(wires) == 1 else call.add("concat", *wires, dim=call.get("dim", call.get("axis")))


def _stack(call: Call) -> Raised:
    to = call.result.dtype
    return call.add("stack", *[call.wire(one, to) for one in call["tensors"]], dim=call["dim"])


def _split(call: Call) -> Raised:
    """Parts of the sizes that the results have."""
    x, dim = _first(call), call["dim"]
    rank = call.draft.type(x).rank
    axis = dim % rank
    sizes: list[Dim] = [one.shape[axis] for one in call.results]
    if len(sizes) == 1:
        return [x]
    if all(size == sizes[0] for size in sizes):
        parts = call.add("split", x, chunks=len(sizes), dim=axis)
    elif all(isinstance(size, int) for size in sizes):
        parts = call.add("split", x, sizes=sizes, dim=axis)
    else:
        raise CannotRaiseError("it splits an open axis into unequal parts")
    return [Wire(parts.node, at) for at in range(len(sizes))]


def _unbind(call: Call) -> Raised:
    x = _first(call)
    shape = call.draft.type(x).shape
    axis = call["dim"] % len(shape)
    count = len(call.results)
    rest = (*shape[:axis], *shape[axis + 1 :])
    if count == 1:
        return [call.reshape(x, rest)]
    parts = call.add("split", x, chunks=count, dim=axis)
    return [call.reshape(Wire(parts.node, at), rest) for at in range(count)]


def _slice(call: Call) -> Raised:
    return cut(call, _first(call), call["dim"], call["start"], call["end"], call["step"])


def cut(call: Call, x: Wire, dim: int, start: Any, end: Any, step: int) -> Wire:
    """Return a part of an axis; bounds beyond it are cut off, as torch does."""
    shape = call.draft.type(x).shape
    axis = dim % len(shape)
    size = shape[axis]
    low, high = _bound(start, size), _bound(end, size)
    if low in (None, 0):
        low = 0
    if high is None or high == size:
        high = None
    if low == 0 and high is None and step == 1:
        return x
    if not isinstance(low, int) or not (high is None or isinstance(high, int)):
        raise CannotRaiseError(f"it cuts an axis at the size {high if isinstance(low, int) else low}")
    return call.add("slice", x, dim=axis, start=low, end=high, step=step)


def _bound(given: Any, size: Dim) -> Dim | None:
    value = given.dim if isinstance(given, Size) else given
    if value is None or (isinstance(value, int) and value > _END):
        return None
    if isinstance(value, int) and isinstance(size, int):
        return min(max(value + size if value < 0 else value, 0), size)
    return value


def _select(call: Call) -> Raised:
    x = _first(call)
    shape = call.draft.type(x).shape
    axis, index = call["dim"] % len(shape), call["index"]
    if not isinstance(index, int):
        raise CannotRaiseError("the position that it selects is a size")
    part = cut(call, x, axis, index, None if index == -1 else index + 1, 1)
    return call.reshape(part, call.result.shape)


def _narrow(call: Call) -> Raised:
    start, length = call["start"], call["length"]
    if not isinstance(start, int) or not isinstance(length, int):
        raise CannotRaiseError("the part that it takes is given by a size")
    return cut(call, _first(call), call["dim"], start, start + length, 1)


def _pad(call: Call) -> Raised:
    padding = call.sizes(call["pad"])
    mode, value = call.get("mode", "constant"), call.get("value")
    x = _first(call)
    if not all(isinstance(size, int) for size in padding):
        raise CannotRaiseError("its padding is a size that is not fixed")
    x, padding = _cropped(call, x, [size for size in padding if isinstance(size, int)])
    if not any(padding):
        return x
    filling = {"value": call.number(value)} if mode == "constant" and value is not None else {}
    return call.add("pad", x, padding=padding, mode=mode, **filling)


def _cropped(call: Call, x: Wire, padding: list[int]) -> tuple[Wire, list[int]]:
    """A negative padding cuts off."""
    rank = call.draft.type(x).rank
    for pair in range(len(padding) // 2):
        before, after = padding[2 * pair : 2 * pair + 2]
        if before < 0 or after < 0:
            x = cut(call, x, rank - 1 - pair, max(-before, 0), min(after, 0) or None, 1)
    return x, [max(size, 0) for size in padding]


def _roll(call: Call) -> Raised:
    x = _first(call)
    shifts, dims = call["shifts"], call["dims"]
    if not dims:
        flat = call.reshape(x, (_elements(call, x),))
        return call.reshape(call.add("roll", flat, shifts=shifts, dim=[0]), call.result.shape)
    return call.add("roll", x, shifts=shifts, dim=dims)


def _elements(call: Call, x: Wire) -> Dim:
    total: Dim = 1
    for size in call.draft.type(x).shape:
        total = total * size
    return total


def _pixel_shuffle(call: Call) -> Raised:
    """Channels spread over the pixels of a finer grid."""
    x, r = _first(call), call["upscale_factor"]
    batch, channels, height, width = call.draft.type(x).shape
    if not isinstance(channels, int):
        raise CannotRaiseError("its channels are not fixed")
    x = call.reshape(x, (batch, channels // (r * r), r, r, height, width))
    return call.reshape(call.permute(x, (0, 1, 4, 2, 5, 3)), call.result.shape)


def _pixel_unshuffle(call: Call) -> Raised:
    x, r = _first(call), call["downscale_factor"]
    batch, channels, height, width = call.draft.type(x).shape
    if not isinstance(height, int) or not isinstance(width, int):
        raise CannotRaiseError("its height and width are not fixed")
    x = call.reshape(x, (batch, channels, height // r, r, width // r, r))
    return call.reshape(call.permute(x, (0, 1, 3, 5, 2, 4)), call.result.shape)


def _upsample(mode: str) -> Raiser:
    """The size of the result decides where samples are taken."""

    def raise_upsample(call: Call) -> Raised:
        x = _first(call)
        sizes = call.result.shape[2:]
        corners = {"align_corners": True} if call.get("align_corners") else {}
        if mode in ("bilinear", "bicubic") and call.get("antialias"):
            raise CannotRaiseError("it smooths while it shrinks, and there is no op for that")
        return call.add("interpolate", x, size=[written(size) for size in sizes], mode=mode, **corners)

    return raise_upsample


RAISERS: Mapping[str, Raiser] = {
    **dict.fromkeys(("contiguous", "clone", "alias", "lift_fresh", "lift_fresh_copy"), _same),
    **dict.fromkeys(("positive", "identity", "resolve_conj", "resolve_neg", "detach_"), _same),
    "detach": _detach,
    **dict.fromkeys(
        ("view", "_unsafe_view", "reshape", "view_as", "reshape_as", "flatten", "unflatten"), _to_shape
    ),
    **dict.fromkeys(("squeeze", "unsqueeze", "ravel", "channel_shuffle_view"), _to_shape),
    "transpose": _transpose("dim0", "dim1"),
    "swapaxes": _transpose("axis0", "axis1"),
    "swapdims": _transpose("dim0", "dim1"),
    "t": _last_two,
    "mT": _last_two,
    "numpy_T": _reversed,
    "permute": _permute,
    "movedim": _movedim,
    "expand": _expand,
    "expand_as": _expand,
    "broadcast_to": _expand,
    "repeat": _repeat,
    "tile": _repeat,
    "repeat_interleave": _repeat_interleave,
    "cat": _concat,
    "concat": _concat,
    "concatenate": _concat,
    "stack": _stack,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "tensor_split"), _split),
    "unbind": _unbind,
    "slice": _slice,
    "select": _select,
    "narrow": _narrow,
    "pad": _pad,
    "constant_pad_nd": _pad,
    "roll": _roll,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "upsample_nearest1d": _upsample("nearest"),
    "upsample_nearest2d": _upsample("nearest"),
    "_upsample_nearest_exact2d": _upsample("nearest-exact"),
    "upsample_linear1d": _upsample("linear"),
    "upsample_bilinear2d": _upsample("bilinear"),
    "upsample_bicubic2d": _upsample("bicubic"),
}
