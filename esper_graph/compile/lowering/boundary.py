"""Lower constants and parameters; inputs and outputs are written by the emitter itself."""

from collections.abc import Mapping
from typing import Any

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import boolean, dtype, integer, number
from esper_graph.ops.values import DTYPES


def lower_constant(site: Site) -> tuple[Lowered, ...]:
    """Fill a tensor with one number, or keep the listed elements as a buffer of the module."""
    value, name = site.a.value, site.a.dtype
    if isinstance(value, tuple):
        return (site.constant(value),)
    shape = site.sizes(site.output().shape)
    return (
        site.let(f"torch.full({shape}, {_number(value, name)}, dtype={dtype(name)}, device={site.device})"),
    )


def _number(value: Any, name: str) -> str:
    kind = DTYPES[name].kind
    return boolean(value) if kind == "bool" else integer(value) if kind == "int" else number(value)


def lower_parameter(site: Site) -> tuple[Lowered, ...]:
    """Read the tensor of the module."""
    return (site.let(site.parameter("value")),)


def lower_boundary(site: Site) -> tuple[Lowered, ...]:
    """Stand for `input` and `output` in the table; never called."""
    raise AssertionError(f"{site.node} is written by the emitter")


LOWERINGS: Mapping[str, Lowering] = {
    "input": lower_boundary,
    "output": lower_boundary,
    "constant": lower_constant,
    "parameter": lower_parameter,
}
