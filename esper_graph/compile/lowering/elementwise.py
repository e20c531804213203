"""Lower arithmetic on single elements."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import integer, number
from esper_graph.ops.values import promote


def promoted(site: Site, to: str, start: int = 0) -> list[str]:
    """Return the tensors at the ports from one on, cast to a dtype where they have another.

    torch's own rule looks at ranks too; the IR's does not, so the cast is written out.
    """
    return [
        site.cast(site.tensor(slot), site.type(slot).dtype, to)
        for slot in range(start, len(site.inputs))
        if site.inputs[slot] is not None
    ]


def scalar(value: float, kind: str) -> str:
    """Write a number that takes part in an operation with elements of a kind without changing their dtype."""
    return integer(int(value)) if kind in ("int", "bool") and float(value).is_integer() else number(value)


def _arithmetic(op: str) -> Lowering:
    """Fold values from left to right, then the `scalar`."""

    def lower(site: Site) -> tuple[Lowered, ...]:
        to = site.output().dtype
        found, *others = promoted(site, to)
        for other in others:
            found = site.call(op, found, other)
        if site.a.scalar is not None:
            found = site.call(op, found, scalar(site.a.scalar, site.type().kind))
        return (found,)

    return lower


def lower_compare(site: Site) -> tuple[Lowered, ...]:
    """`aten::eq` and the like, on the promoted dtype."""
    sides = promoted(
        site, promote(*[site.type(slot).dtype for slot, x in enumerate(site.inputs) if x is not None])
    )
    if site.a.scalar is not None:
        sides.append(scalar(site.a.scalar, site.type().kind))
    return (site.call(_COMPARISONS[site.a.operation], *sides),)


def _extreme(op: str) -> Lowering:
    def lower(site: Site) -> tuple[Lowered, ...]:
        found, *others = promoted(site, site.output().dtype)
        for other in others:
            found = site.call(op, found, other)
        return (found,)

    return lower


def lower_clamp(site: Site) -> tuple[Lowered, ...]:
    """`aten::clamp` with the bounds that are set."""
    kind = site.type().kind
    low, high = ("None" if bound is None else scalar(bound, kind) for bound in (site.a.min, site.a.max))
    return (site.call("clamp", site.tensor(), low, high),)


def lower_where(site: Site) -> tuple[Lowered, ...]:
    """`aten::where` on the promoted dtype of both choices."""
    return (site.call("where", site.tensor(), *promoted(site, site.output().dtype, start=1)),)


def _unary(op: str) -> Lowering:
    return lambda site: (site.call(op, site.tensor()),)


_COMPARISONS: Mapping[str, str] = {name: name for name in ("eq", "ne", "lt", "le", "gt", "ge")}

LOWERINGS: Mapping[str, Lowering] = {
    "add": _arithmetic("add"),
    "multiply": _arithmetic("mul"),
    "sub": _arithmetic("sub"),
    "div": _arithmetic("true_divide"),
    "pow": _arithmetic("pow"),
    "compare": lower_compare,
    "maximum": _extreme("maximum"),
    "minimum": _extreme("minimum"),
    "clamp": lower_clamp,
    "where": lower_where,
    **{op: _unary(op) for op in ("exp", "log", "sqrt", "rsqrt", "sin", "cos", "abs", "neg")},
}
