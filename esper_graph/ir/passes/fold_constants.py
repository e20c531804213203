"""Compute what depends on constants only, where the result is exact.

Numbers are computed in double precision, and kept only where every number that goes in and comes out is one
of the dtype: then single precision would have given the same bits. What rounds stays in the graph.
"""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes.quiet import measured
from esper_graph.ir.passes.result import Change, PassResult, until_settled
from esper_graph.ir.passes.rules_arithmetic import constant
from esper_graph.ir.passes.rules_shape import axes_of_order
from esper_graph.ir.passes.site import PLAIN, Site
from esper_graph.ir.specs import MAX_NESTING
from esper_graph.ops.values import TensorType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]  # of Python numbers

VERSION = 1

MOST = 64
"""Elements of the largest constant that is written out; a single number fills a tensor of any size."""

_WHOLE: Mapping[str, int] = {"int8": 2**7, "int32": 2**31, "int64": 2**63}


def run(blueprint: BlueprintIR) -> PassResult:
    """Put constants in the place of nodes that only take constants."""
    return until_settled(blueprint, _sweep)


def _sweep(blueprint: BlueprintIR) -> dict[str, Change]:
    graph = blueprint.graph
    changes: dict[str, Change] = {}
    if "constant" not in graph.by_type:
        return changes
    seen = measured(graph)
    for place in graph.order or ():
        node, feeds = graph.nodes[place], graph.feeds[place]
        if node.op_type not in _OPS or node.precision != PLAIN or not feeds:
            continue
        if place in seen or any(
            feed.source in seen or graph.nodes[feed.source].op_type != "constant" for feed in feeds
        ):
            continue
        change = _folded(Site(blueprint, place))
        if change is not None:
            changes[node.id] = change
    return changes


def _folded(site: Site) -> Change | None:
    kind = site.outputs[0]
    values = [_values(site.producer(slot)) for slot in sorted(site.wires)]
    types = [site.inputs[slot] for slot in sorted(site.wires)]
    known = [isinstance(size, int) for size in kind.shape]
    small = all(known) and _count(kind) <= MOST
    if not all(_representable(value, one.dtype) for value, one in zip(values, types, strict=True)):
        return None
    try:
        result = _OPS[site.node.op_type](site, values)
    except (ZeroDivisionError, OverflowError):
        return None
    if result is None or not _representable(result, kind.dtype):
        return None
    if result.ndim and (not small or result.ndim > MAX_NESTING - 1):
        return None
    if result.ndim and result.shape != kind.shape:
        import numpy as np

        result = np.broadcast_to(result, kind.shape)
    return constant(site, result.tolist() if result.ndim else result.item(), "follows from constants")


def _values(source: Site) -> "Values":
    """The elements; of rank 0 where all are the same, whatever the shape."""
    import numpy as np

    return np.array(source.values.value, dtype=object)


def _count(kind: TensorType) -> int:
    total = 1
    for size in kind.shape:
        total *= size if isinstance(size, int) else MOST + 1
    return total


def _representable(values: "Values", dtype: str) -> bool:
    """Whether a dtype holds all the numbers exactly."""
    import numpy as np

    for value in values.flat:
        if dtype == "bool":
            exact = type(value) is bool
        elif dtype in _WHOLE:
            exact = type(value) is int and -_WHOLE[dtype] <= value < _WHOLE[dtype]
        elif type(value) is not float:
            exact = False
        elif dtype == "float32":
            exact = abs(value) <= 3.4028234663852886e38 and float(np.float32(value)) == value
        else:
            exact = dtype == "float64" and abs(value) <= 1.7976931348623157e308
        if not exact:
            return False
    return True


# ---------------------------------------------------------------- what ops do

_Fold = Callable[[Site, "list[Values]"], "Values | None"]


def _mapped(function: Callable[..., Any], *values: "Values") -> "Values":
    """Apply a function to elements, with sizes that are equal or 1."""
    import numpy as np

    return np.asarray(np.frompyfunc(function, len(values), 1)(*values), dtype=object)


def _moved(move: "Callable[[Site, Values], Values]") -> _Fold:
    """An op that moves the elements of one value; it does nothing where all are the same."""

    def fold(site: Site, values: "list[Values]") -> "Values | None":
        (x,) = values
        return move(site, x) if x.ndim else x

    return fold


def _reshaped(site: Site, x: "Values") -> "Values":
    return x.reshape(site.outputs[0].shape)


def _expanded(site: Site, x: "Values") -> "Values":
    import numpy as np

    return np.broadcast_to(x, site.outputs[0].shape) if _count(site.outputs[0]) <= MOST else x


def _ordered(site: Site, x: "Values") -> "Values":
    return x.transpose(axes_of_order(site))


def _sliced(site: Site, x: "Values") -> "Values":
    a = site.values
    taken = [slice(None)] * x.ndim
    taken[a.dim % x.ndim] = slice(a.start, a.end, a.step)
    return x[tuple(taken)]


def _rolled(site: Site, x: "Values") -> "Values":
    import numpy as np

    return np.roll(x, site.values.shifts, site.values.dim)


def _same(site: Site, x: "Values") -> "Values":
    return x


def _concatenated(site: Site, values: "list[Values]") -> "Values | None":
    import numpy as np

    if _count(site.outputs[0]) > MOST:
        return None
    full = [
        np.broadcast_to(x, site.inputs[slot].shape) for slot, x in enumerate(values)
    ]  # sizes are known: those of the output are
    if site.node.op_type == "stack":
        return np.stack(full, site.values.dim)
    return np.concatenate(full, site.values.dim)


def _truth(value: Any) -> bool:
    return bool(value != 0)


def _cast(site: Site, values: "list[Values]") -> "Values | None":
    before, after = site.inputs[0].kind, site.outputs[0].kind
    if after == "bool":
        return _mapped(_truth, *values)
    if after == "int":
        if before == "float" and not all(value.is_integer() for value in values[0].flat):
            return None
        return _mapped(int, *values)
    return _mapped(float, *values) if after == "float" else None


def _arithmetic(function: Callable[[Any, Any], Any]) -> _Fold:
    """From left to right in the dtype of the result, then with the `scalar`."""

    def fold(site: Site, values: "list[Values]") -> "Values | None":
        kind = site.outputs[0]
        if kind.kind not in ("int", "float"):
            return None
        to = float if kind.kind == "float" else int
        found, *others = (_mapped(to, x) for x in values)
        scalar = getattr(site.values, "scalar", None)
        if scalar is not None:
            import numpy as np

            others.append(np.array(to(scalar), dtype=object))
        for other in others:
            if not _representable(other, kind.dtype):
                return None
            found = _mapped(function, found, other)
            if not _representable(found, kind.dtype):
                return None
        return found

    return fold


def _divided(a: Any, b: Any) -> float:
    return float(a) / float(b)


def _picked(better: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    return lambda a, b: a if better(a, b) or a == b else b


def _signs(function: Callable[[Any], Any]) -> _Fold:
    return lambda site, values: (
        _mapped(function, *values) if site.outputs[0].kind in ("int", "float") else None
    )


def _compared(site: Site, values: "list[Values]") -> "Values | None":
    import numpy as np

    sides = list(values)
    if site.values.scalar is not None:
        sides.append(np.array(site.values.scalar, dtype=object))
        if not _representable(sides[1], "float32"):
            return None
    return _mapped(_COMPARISONS[site.values.operation], *sides)


def _chosen(site: Site, values: "list[Values]") -> "Values | None":
    to = {"float": float, "int": int, "bool": bool}.get(site.outputs[0].kind)
    if to is None:
        return None

    def choose(condition: Any, a: Any, b: Any) -> Any:
        return to(a if condition else b)

    return _mapped(choose, *values)


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}

_OPS: Mapping[str, _Fold] = MappingProxyType(
    {
        "identity": _moved(_same),
        "detach": _moved(_same),
        "reshape": _moved(_reshaped),
        "flatten": _moved(_reshaped),
        "unflatten": _moved(_reshaped),
        "expand": _moved(_expanded),
        "permute": _moved(_ordered),
        "transpose": _moved(_ordered),
        "slice": _moved(_sliced),
        "roll": _moved(_rolled),
        "concat": _concatenated,
        "stack": _concatenated,
        "cast": _cast,
        "add": _arithmetic(lambda a, b: a + b),
        "sub": _arithmetic(lambda a, b: a - b),
        "multiply": _arithmetic(lambda a, b: a * b),
        "div": _arithmetic(_divided),
        "maximum": _arithmetic(_picked(lambda a, b: a > b)),
        "minimum": _arithmetic(_picked(lambda a, b: a < b)),
        "neg": _signs(lambda value: -value),
        "abs": _signs(abs),
        "compare": _compared,
        "where": _chosen,
    }
)
