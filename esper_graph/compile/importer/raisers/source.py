"""Raise tensors that are made from nothing; where their sizes are fixed they are known."""

from collections.abc import Mapping
from typing import Any

import torch

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.shaping import written
from esper_graph.compile.importer.values import Known, Positions, Size
from esper_graph.ops.values import DTYPES


def _filled(value: float | None) -> Raiser:
    def raise_filled(call: Call) -> Raised:
        found: Any = call.number(call["fill_value"]) if value is None else value
        if found is None:
            raise CannotRaiseError("what it is filled with depends on data")
        return filled(call, found)

    return raise_filled


def filled(call: Call, value: Any) -> Raised:
    """Return a constant of the result's type, all of one value."""
    result = call.result
    kind = DTYPES[result.dtype].kind
    typed = bool(value) if kind == "bool" else int(value) if kind == "int" else float(value)
    if all(isinstance(size, int) for size in result.shape):
        return Known(torch.full(result.shape, typed, dtype=getattr(torch, result.dtype)))  # type: ignore[arg-type]
    return call.add(
        "constant", value=typed, dtype=result.dtype, shape=[written(size) for size in result.shape]
    )


def _arange(call: Call) -> Raised:
    """Positions along an open axis are good for picking only."""
    start, step, end = call.get("start", 0), call.get("step", 1), call["end"]
    if start in (0, None) and step in (1, None) and isinstance(end, Size):
        return Positions(end.dim, (end.dim,), 0)
    raise CannotRaiseError("it counts along an axis that is not fixed")


def _fill(call: Call) -> Raised:
    value = call.number(call["value"])
    if value is None:
        raise CannotRaiseError("what it is filled with depends on data")
    return filled(call, value)


RAISERS: Mapping[str, Raiser] = {
    **{name: _filled(0) for name in ("zeros", "new_zeros", "zeros_like", "empty", "new_empty", "zero_")},
    **{name: _filled(1) for name in ("ones", "new_ones", "ones_like")},
    **{name: _filled(None) for name in ("full", "new_full", "full_like")},
    "arange": _arange,
    "fill_": _fill,
}
