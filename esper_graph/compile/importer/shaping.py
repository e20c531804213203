"""Reshapes and permutations of a draft, in their simplest form: chains of them become one op, or none."""

from collections.abc import Sequence
from typing import Any

from esper_graph.compile.importer.draft import Draft, Place
from esper_graph.compile.importer.values import Wire
from esper_graph.ops.dims import Dim, product

_RESHAPES = ("reshape", "flatten", "unflatten")


def written(size: Dim) -> int | str:
    """Write a size as an attribute."""
    return size if isinstance(size, int) else str(size)


def reshaped(draft: Draft, wire: Wire, shape: tuple[Dim, ...], place: Place) -> Wire:
    """Return a value in another shape: by nothing, `flatten`, `unflatten` or `reshape`."""
    while draft.nodes[wire.node].op_type in _RESHAPES:
        source = draft.nodes[wire.node].inputs[0]
        assert source is not None
        wire = source
    before = draft.type(wire).shape
    if before == shape:
        return wire
    merged = _merged(before, shape)
    if merged is not None:
        start, end = merged
        end = -1 if end == len(before) - 1 else end  # as people write it
        return draft.add("flatten", [wire], {"start_dim": start, "end_dim": end}, place)
    split = _merged(shape, before)
    if split is not None:
        sizes = [written(size) for size in shape[split[0] : split[1] + 1]]
        return draft.add("unflatten", [wire], {"sizes": sizes, "dim": split[0]}, place)
    return draft.add("reshape", [wire], {"shape": [written(size) for size in shape]}, place)


def _merged(longer: Sequence[Dim], shorter: Sequence[Dim]) -> tuple[int, int] | None:
    """Find the run of axes whose product makes the shorter shape of the longer one."""
    count = len(longer) - len(shorter) + 1
    if count < 2 or not shorter:
        return None
    for start in range(len(shorter)):
        if longer[:start] != shorter[:start]:
            return None
        run = longer[start : start + count]
        if longer[start + count :] == shorter[start + 1 :] and product(tuple(run)) == shorter[start]:
            return start, start + count - 1
    return None


def axes_permuted(draft: Draft, wire: Wire, dims: tuple[int, ...], place: Place) -> Wire:
    """Return a value with its axes in another order: by nothing, `transpose` or `permute`."""
    rank = len(dims)
    dims = tuple(axis % rank for axis in dims)
    node = draft.nodes[wire.node]
    while node.op_type in ("permute", "transpose"):
        (source,) = node.inputs
        assert source is not None
        dims = tuple(order_of(node.op_type, node.attributes, rank)[axis] for axis in dims)
        wire, node = source, draft.nodes[source.node]
    moved = [axis for axis in range(rank) if dims[axis] != axis]
    if not moved:
        return wire
    if len(moved) == 2:
        return draft.add("transpose", [wire], {"dim0": moved[0], "dim1": moved[1]}, place)
    return draft.add("permute", [wire], {"dims": dims}, place)


def order_of(op_type: str, attributes: Any, rank: int) -> list[int]:
    """Return where each axis of a permuted value comes from."""
    if op_type == "permute":
        return [axis % rank for axis in attributes["dims"]]
    order = list(range(rank))
    one, other = attributes["dim0"] % rank, attributes["dim1"] % rank
    order[one], order[other] = order[other], order[one]
    return order


def axes_exchanged(draft: Draft, wire: Wire, one: int, other: int, place: Place) -> Wire:
    """Return a value with two axes exchanged."""
    rank = draft.type(wire).rank
    dims = list(range(rank))
    if rank:
        one, other = one % rank, other % rank
        dims[one], dims[other] = dims[other], dims[one]
    return axes_permuted(draft, wire, tuple(dims), place)
