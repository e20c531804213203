"""Raise what picks elements by number."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.raisers.shape import stretched
from esper_graph.compile.importer.values import Known, Positions, Weight, Wire, items_of
from esper_graph.ops.dims import Dim


def _embedding(call: Call) -> Raised:
    weight, indices = call["weight"], call["indices"]
    if not isinstance(weight, Weight):
        return picked(call, call.wire(weight), 0, indices)
    rows, width = weight.tensor.shape
    padding = call.get("padding_idx", -1)
    return call.add(
        "embedding",
        call.wire(indices),
        owned=call.owned(weight=weight),
        num_embeddings=rows,
        embedding_dim=width,
        padding_idx=None if padding == -1 else padding,
    )


def picked(call: Call, x: Wire, axis: int, index: Any) -> Wire:
    """Return the entries along one axis that are named by number; the axes of `index` take its place."""
    wire = call.wire(index, "int64")
    names, shape = call.draft.type(wire).shape, call.draft.type(x).shape
    count: Dim = 1
    for size in names:
        count = count * size
    before, after = shape[:axis], shape[axis + 1 :]
    wire = call.reshape(wire, (*[1] * axis, count, *[1] * len(after)))
    wire = stretched(call, wire, (*before, count, *after))
    return call.reshape(call.add("gather", x, wire, dim=axis), (*before, *names, *after))


def _index(call: Call) -> Raised:
    """`x[..., index, ...]`; several indices only where all but one merely count an axis."""
    given: Sequence[Any] = call["indices"]
    places = [at for at, one in enumerate(given) if one is not None]
    x = call["self"]
    if len(places) == 1:
        (axis,) = places
        index = given[axis]
        if isinstance(index, Positions):
            return call.wire(x)
        if call.type(index).dtype == "bool":
            index = _numbered(index)
        size = call.type(x).shape[axis]
        if isinstance(index, Known) and isinstance(size, int):
            index = Known(torch.where(index.tensor < 0, index.tensor + size, index.tensor))
        if axis == 0 and isinstance(x, Weight) and x.tensor.ndim == 2:
            rows, width = x.tensor.shape
            if call.walk.sole(call.node, [x]):
                return call.add(
                    "embedding",
                    call.wire(index),
                    owned=call.owned(weight=x),
                    num_embeddings=rows,
                    embedding_dim=width,
                )
        return picked(call, call.wire(x), axis, index)
    return _several(call, call.wire(x), given, places)


def _numbered(index: Any) -> Known:
    if isinstance(index, Known) and index.tensor.ndim == 1:
        return Known(index.tensor.nonzero()[:, 0])
    raise CannotRaiseError("what it picks depends on data")


def _several(call: Call, x: Wire, given: Sequence[Any], places: Sequence[int]) -> Raised:
    """Pick along one axis for each position of the others."""
    shape = call.draft.type(x).shape
    counted = [at for at in places if isinstance(given[at], Positions)]
    others = [at for at in places if at not in counted]
    if (
        places != list(range(len(places)))
        or len(others) > 1
        or any(shape[at] != given[at].size for at in counted)
    ):
        raise CannotRaiseError("it picks by several indices at once")
    rank = max(
        len(given[at].shape) if isinstance(given[at], Positions) else call.type(given[at]).rank
        for at in places
    )
    axes: dict[int, int] = {}
    for at in counted:
        axes[at] = rank - len(given[at].shape) + given[at].axis
    if not others:
        order = sorted(counted, key=lambda at: axes[at])
        if order != counted or len(set(axes.values())) < len(counted):
            raise CannotRaiseError("it picks by several indices at once")
        target = [shape[at] for at in range(len(shape))]
        full: list[Dim] = [1] * rank
        for at in counted:
            full[axes[at]] = shape[at]
        return call.reshape(x, (*full, *target[len(places) :]))
    (other,) = others
    names = call.type(given[other]).shape
    wire = call.wire(given[other], "int64")
    plain = all(axes[at] == at for at in counted)
    if (
        names == call.result.shape[:rank]
        and plain
        and other == len(places) - 1
        and len(names) == len(counted)
    ):
        # x[arange(b), index]: one entry for each sample
        rest = shape[len(places) :]
        wire = call.reshape(wire, (*names, 1, *[1] * len(rest)))
        wire = stretched(call, wire, (*names, 1, *rest))
        return call.reshape(call.add("gather", x, wire, dim=other), call.result.shape)
    if plain is False or isinstance(given[other], Known):
        return _outer(call, x, given, counted, other, axes, rank)
    raise CannotRaiseError("it picks by several indices at once")


def _outer(
    call: Call,
    x: Wire,
    given: Sequence[Any],
    counted: Sequence[int],
    other: int,
    axes: Mapping[int, int],
    rank: int,
) -> Raised:
    """`x[b[:, None], k[None, :]]`: every sample, the same entries."""
    names = call.type(given[other]).shape
    full = [1] * (rank - len(names)) + list(names)
    varying = [axis for axis, size in enumerate(full) if size != 1]
    if not isinstance(given[other], Known) or any(axes[at] in varying for at in counted) or len(varying) > 1:
        raise CannotRaiseError("it picks by several indices at once")
    flat = Known(given[other].tensor.flatten())
    shape = call.draft.type(x).shape
    count = flat.tensor.numel()
    if not (count == shape[other] and bool((flat.tensor == torch.arange(count)).all())):
        x = picked(call, x, other, flat)
    target: list[Dim] = [1] * rank
    for at in counted:
        target[axes[at]] = shape[at]
    if varying:
        target[varying[0]] = count
    order = [*counted, other]
    if sorted(order, key=lambda at: axes.get(at, varying[0] if varying else rank)) != sorted(order):
        raise CannotRaiseError("it picks by several indices at once")
    return call.reshape(x, (*target, *shape[len(order) :]))


def _index_select(call: Call) -> Raised:
    x = call.wire(call["self"])
    return picked(call, x, call["dim"] % call.draft.type(x).rank, call["index"])


def _gather(call: Call) -> Raised:
    """Axes of `index` that are shorter are cut off the tensor first."""
    x, index = call.wire(call["self"]), call.wire(call["index"], "int64")
    return call.add("gather", x, index, dim=call["dim"])


def _flip(call: Call) -> Raised:
    x = call.wire(call["self"])
    for dim in items_of(call["dims"]):
        shape = call.draft.type(x).shape
        axis = int(dim) % len(shape)
        size = shape[axis]
        if not isinstance(size, int):
            raise CannotRaiseError("it turns an open axis round")
        x = picked(call, x, axis, Known(torch.arange(size - 1, -1, -1)))
    return x


RAISERS: Mapping[str, Raiser] = {
    "embedding": _embedding,
    "index": _index,
    "index_select": _index_select,
    "gather": _gather,
    "flip": _flip,
}
