"""Lower statistics."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import boolean, call, integer, number, numbers

_OVER_SEVERAL: Mapping[str, str] = {"mean": "mean", "sum": "sum", "max": "amax", "min": "amin"}
_OVER_ONE: Mapping[str, str] = {"prod": "prod", "any": "any", "all": "all"}
_PLACES: Mapping[str, str] = {"argmax": "argmax", "argmin": "argmin"}
_SPREADS: Mapping[str, str] = {"std": "std", "var": "var"}


def lower_reduce(site: Site) -> tuple[Lowered, ...]:
    """The aten op of the statistic; spreads are those of the population."""
    a, x, operation = site.a, site.tensor(), site.a.operation
    rank = site.type().rank
    axes = tuple(range(rank)) if a.dim is None else tuple(sorted(axis % rank for axis in a.dim))
    keep = a.keepdim and a.dim is not None
    if operation in _PLACES:
        where = "None" if a.dim is None else integer(axes[0])
        return (site.call(_PLACES[operation], x, where, boolean(keep)),)
    if operation == "norm":
        return (site.call("linalg_vector_norm", x, order(a.ord), numbers(axes), boolean(keep)),)
    if operation in _SPREADS:
        return (site.call(_SPREADS[operation], x, numbers(axes), correction="0", keepdim=boolean(keep)),)
    if operation in _OVER_SEVERAL:
        return (site.call(_OVER_SEVERAL[operation], x, numbers(axes), boolean(keep)),)
    if not axes and operation == "prod" and site.type().kind in ("bool", "int"):
        return (site.call("prod", x),)
    for axis in reversed(axes):
        x = site.call(_OVER_ONE[operation], x, integer(axis), boolean(keep))
    return (x,)


def order(value: float | str) -> str:
    """Write the order of a vector norm."""
    return 'float("inf")' if value == "inf" else number(float(value))


def lower_entropy(site: Site) -> tuple[Lowered, ...]:
    """Sum of `-p log p`; nothing, and no gradient, where `p` is zero."""
    x = site.tensor()
    logarithm = call("log", call("masked_fill", x, call("le", x, "0.0"), "1.0"))
    terms = site.call("neg", call("mul", x, logarithm))
    return (site.call("sum", terms, numbers([site.a.dim]), boolean(site.a.keepdim)),)


def lower_cumsum(site: Site) -> tuple[Lowered, ...]:
    """`aten::cumsum`."""
    return (site.call("cumsum", site.tensor(), integer(site.a.dim)),)


LOWERINGS: Mapping[str, Lowering] = {
    "reduce": lower_reduce,
    "entropy": lower_entropy,
    "cumsum": lower_cumsum,
}
