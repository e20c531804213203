"""Rules for ops that only move elements: what moves nothing goes, what moves twice moves once."""

from collections.abc import Mapping, Sequence

from esper_graph.ir.passes.result import Change
from esper_graph.ir.passes.site import PLAIN, Site, reshape_attributes
from esper_graph.ops.values import TensorType

_RESHAPES = frozenset({"reshape", "flatten", "unflatten"})
_ORDERS = frozenset({"permute", "transpose"})

_LOSSLESS: Mapping[str, frozenset[str]] = {
    "bool": frozenset(
        {"int8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"}
    ),
    "int8": frozenset({"int32", "int64", "float16", "bfloat16", "float32", "float64"}),
    "int32": frozenset({"int64", "float64"}),
    "float16": frozenset({"float32", "float64"}),
    "bfloat16": frozenset({"float32", "float64"}),
    "float32": frozenset({"float64", "complex64", "complex128"}),
    "float64": frozenset({"complex128"}),
    "complex64": frozenset({"complex128"}),
}
"""Dtypes that hold every number of a dtype exactly."""


def always(site: Site) -> Change | None:
    """It says that it returns its input."""
    return site.gone("returned its input unchanged")


def same_type(site: Site) -> Change | None:
    """The type is there already, and elements stay in their order."""
    if len(site.outputs) != 1 or site.inputs[0] != site.outputs[0]:
        return None
    return site.gone("returned its input unchanged")


def whole_slice(site: Site) -> Change | None:
    """Every position from the first to the last."""
    a = site.values
    return same_type(site) if a.start == 0 and a.step == 1 else None


def no_padding(site: Site) -> Change | None:
    """Nothing is added."""
    return None if site.values.padding else same_type(site)


def no_roll(site: Site) -> Change | None:
    """All shifts are 0."""
    return None if any(site.values.shifts) else same_type(site)


def axes_of_order(site: Site) -> list[int]:
    """The axes of the input in the order in which the output has them."""
    a = site.values
    if site.node.op_type == "permute":
        return list(a.dims)
    axes = list(range(site.inputs[0].rank))
    one, other = a.dim0 % len(axes), a.dim1 % len(axes)
    axes[one], axes[other] = axes[other], axes[one]
    return axes


def same_order(site: Site) -> Change | None:
    """The axes stay where they are."""
    axes = axes_of_order(site)
    return site.gone("returned its input unchanged") if axes == sorted(axes) else None


def orders_merged(site: Site) -> Change | None:
    """An order of an order is one order."""
    first = site.producer()
    if first.node.op_type not in _ORDERS or first.node.precision != PLAIN:
        return None
    before = axes_of_order(first)
    dims = [before[axis] for axis in axes_of_order(site)]
    if dims == sorted(dims):
        return Change(f"`{site.node.id}` undoes `{first.node.id}`", instead={0: first.wires[0]})
    return site.replaced(
        f"reorders the input of `{first.node.id}`", "permute", {"dims": dims}, first.wires, first.inputs
    )


def reshapes_merged(site: Site) -> Change | None:
    """Elements stay in their order, so only the last shape counts."""
    first = site.producer()
    if first.node.op_type not in _RESHAPES or first.node.precision != PLAIN:
        return None
    if first.inputs[0] == site.outputs[0]:
        return Change(f"`{site.node.id}` undoes `{first.node.id}`", instead={0: first.wires[0]})
    attributes = reshape_attributes(first.inputs[0], site.outputs[0])
    if attributes is None:
        return None
    return site.replaced(
        f"reshapes the input of `{first.node.id}`", "reshape", attributes, first.wires, first.inputs
    )


def casts_merged(site: Site) -> Change | None:
    """A cast after one that loses nothing could have come first."""
    first = site.producer()
    if first.node.op_type != "cast" or first.node.precision != PLAIN:
        return None
    given, between = first.inputs[0], first.outputs[0]
    if between.dtype not in _LOSSLESS.get(given.dtype, ()):
        return None
    if given == site.outputs[0]:
        return Change(f"`{site.node.id}` undoes `{first.node.id}`", instead={0: first.wires[0]})
    return site.replaced(
        f"casts the input of `{first.node.id}`", "cast", site.node.attributes, first.wires, first.inputs
    )


def one_part(site: Site) -> Change | None:
    """A split into one part, or a concatenation of one value."""
    if len(site.inputs) != 1 or len(site.outputs) != 1:
        return None
    return same_type(site)


def concats_merged(site: Site) -> Change | None:
    """A concatenation along the same axis that nobody else uses becomes part of this one."""
    axis = site.values.dim % site.outputs[0].rank
    for slot in sorted(site.wires):
        inner = site.producer(slot)
        if (
            inner.node.op_type == "concat"
            and inner.node.precision == PLAIN
            and inner.only_used_once
            and inner.values.dim % inner.outputs[0].rank == axis
        ):
            wires = [site.wires[place] for place in sorted(site.wires)]
            within = [inner.wires[place] for place in sorted(inner.wires)]
            types: Sequence[TensorType] = site.inputs
            return site.replaced(
                f"takes the inputs of `{inner.node.id}` itself",
                "concat",
                site.node.attributes,
                dict(enumerate([*wires[:slot], *within, *wires[slot + 1 :]])),
                [*types[:slot], *inner.inputs, *types[slot + 1 :]],
            )
    return None
