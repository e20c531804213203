"""Raise statistics over axes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.raisers.elementwise import RAISERS as ELEMENTWISE
from esper_graph.compile.importer.values import Wire
from esper_graph.ops.dims import Dim, product


def _first(call: Call) -> Any:
    return call.get("self", call.get("input"))


def _axes(dim: Any) -> list[int] | None:
    if dim is None:
        return None
    axes = [dim] if isinstance(dim, int) else list(dim)
    return axes or None


def _reduce(call: Call, x: Wire, operation: str, dim: Any, *, keepdim: bool, **others: Any) -> Wire:
    axes = _axes(dim)
    if axes is None:
        y = call.add("reduce", x, operation=operation, **others)
        return call.reshape(y, [1] * call.draft.type(x).rank) if keepdim else y
    if call.draft.type(x).rank == 0:
        return x
    return call.add("reduce", x, operation=operation, dim=axes, keepdim=keepdim, **others)


def _statistic(operation: str, *, cast: bool = False) -> Raiser:
    def raise_reduce(call: Call) -> Raised:
        x = call.wire(_first(call), call.result.dtype if cast else None)
        keepdim = bool(call.get("keepdim", False))
        return _reduce(call, x, operation, call.get("dim"), keepdim=keepdim)

    return raise_reduce


def _extreme(operation: str) -> Raiser:
    """The largest of an axis beside its position, of all axes, or of two values."""

    def raise_extreme(call: Call) -> Raised:
        if "other" in call.arguments:
            return ELEMENTWISE[f"{operation}imum"](call)
        x = call.wire(_first(call))
        if "dim" not in call.arguments:
            return _reduce(call, x, operation, None, keepdim=False)
        dim, keepdim = call["dim"], call["keepdim"]
        return (
            _reduce(call, x, operation, dim, keepdim=keepdim),
            _reduce(call, x, f"arg{operation}", dim, keepdim=keepdim),
        )

    return raise_extreme


def _spread(operation: str, *, with_mean: bool = False) -> Raiser:
    """Variance and deviation: ours are those of the population, torch's usually of a sample."""

    def raise_spread(call: Call) -> Raised:
        x = call.wire(_first(call))
        dim, keepdim = call.get("dim"), bool(call.get("keepdim", False))
        y = _reduce(call, x, operation, dim, keepdim=keepdim)
        correction = call.get("correction", 1 if call.get("unbiased", True) else 0)
        number = 1 if correction is None else call.number(correction)
        count = _count(call, x, _axes(dim))
        if number:
            if not isinstance(count, int) or count <= number:
                raise CannotRaiseError(f"it is corrected for {number} of {count} values")
            factor = count / (count - number)
            y = call.add("multiply", y, scalar=factor if operation == "var" else math.sqrt(factor))
        return (y, _reduce(call, x, "mean", dim, keepdim=keepdim)) if with_mean else y

    return raise_spread


def _count(call: Call, x: Wire, axes: Sequence[int] | None) -> Dim:
    shape = call.draft.type(x).shape
    return product(shape if axes is None else tuple(shape[axis] for axis in axes))


def _norm(call: Call) -> Raised:
    order = call.get("ord", call.get("p", 2))
    number = 2.0 if order is None else float(call.number(order) or 0)
    x = call.wire(_first(call))
    if number <= 0:
        raise CannotRaiseError(f"a norm of order {number} is not one of ours")
    keepdim = bool(call.get("keepdim", False))
    ord_ = "inf" if math.isinf(number) else number
    return _reduce(call, x, "norm", call.get("dim"), keepdim=keepdim, ord=ord_)


def _cumsum(call: Call) -> Raised:
    x = call.wire(_first(call))
    if call.result.dtype not in ("int64", call.draft.type(x).dtype):
        x = call.wire(_first(call), call.result.dtype)
    return call.add("cumsum", x, dim=call["dim"])


RAISERS: Mapping[str, Raiser] = {
    "mean": _statistic("mean", cast=True),
    "sum": _statistic("sum"),
    "prod": _statistic("prod"),
    "amax": _statistic("max"),
    "amin": _statistic("min"),
    "argmax": _statistic("argmax"),
    "argmin": _statistic("argmin"),
    "any": _statistic("any"),
    "all": _statistic("all"),
    "max": _extreme("max"),
    "min": _extreme("min"),
    "var": _spread("var"),
    "std": _spread("std"),
    "var_mean": _spread("var", with_mean=True),
    "linalg_vector_norm": _norm,
    "norm": _norm,
    "cumsum": _cumsum,
}
