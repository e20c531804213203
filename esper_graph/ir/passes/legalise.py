"""Bring ops on axes and shapes into one form each, now that the types of their inputs are known.

1. axes are counted from the front
2. `flatten` and `unflatten` are `reshape`, and all sizes of a `reshape` or `expand` are written out
3. `transpose` is `permute`
4. `split` names the sizes of its parts, `slice` its bounds from the front

Defaults need no pass: attributes are settled before anything looks at them. Nodes with parameters are left
alone, so that they stay recognisable as those that the parameters were trained in.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes.result import Change, PassResult, rewritten
from esper_graph.ir.passes.rules_shape import axes_of_order
from esper_graph.ir.passes.site import PLAIN, Site, fits, renewed, reshape_attributes, written
from esper_graph.ops.attributes import MAX_TEXT
from esper_graph.ops.opdef import settle
from esper_graph.ops.values import TensorType

VERSION = 1

_Form = tuple[str, Mapping[str, Any]]


def run(blueprint: BlueprintIR) -> PassResult:
    """Rewrite attributes; the graph stays as it is."""
    graph = blueprint.graph
    changes: dict[str, Change] = {}
    for place, node in enumerate(graph.nodes):
        form, settled = _FORMS.get(node.op_type), graph.settled[place]
        if form is None or node.precision != PLAIN or settled is None or settled.parameters:
            continue
        site = Site(blueprint, place)
        found = form(site)
        if found is None or not fits(*found, site.inputs, site.outputs):
            continue
        op_type, attributes = found
        changed = renewed(node, op_type, attributes)
        if op_type == node.op_type and settle(settled.op, changed.attributes).text == settled.text:
            continue
        shown = ", ".join(f"{name} {_shown(value)}" for name, value in attributes.items())
        changes[node.id] = Change(f"`{node.id}` is now a {op_type} with {shown}", changed)
    if not changes:
        return PassResult(blueprint, changed=False)
    notes = tuple(change.note for change in changes.values())
    return PassResult(rewritten(blueprint, changes), changed=True, notes=notes)


def _shown(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _reshape(site: Site) -> _Form | None:
    attributes = reshape_attributes(site.inputs[0], site.outputs[0])
    return None if attributes is None else ("reshape", attributes)


def _expand(site: Site) -> _Form | None:
    sizes = [written(size) for size in site.outputs[0].shape]
    if any(isinstance(size, str) and len(size) > MAX_TEXT for size in sizes):
        return None
    return "expand", {"shape": sizes}


def _permute(site: Site) -> _Form:
    return "permute", {"dims": axes_of_order(site)}


def _axis(extra: int = 0) -> Callable[[Site], _Form | None]:
    """An op with one axis `dim`, of a tensor that has `extra` more axes than the first input."""

    def form(site: Site) -> _Form | None:
        first = site.inputs[0]
        axis = getattr(site.values, "dim", None)
        if not isinstance(first, TensorType) or not isinstance(axis, int):
            return None
        return site.node.op_type, {**site.node.attributes, "dim": axis % (first.rank + extra)}

    return form


def _roll(site: Site) -> _Form:
    rank = site.inputs[0].rank
    pairs = sorted(
        (axis % rank, shift) for axis, shift in zip(site.values.dim, site.values.shifts, strict=True)
    )
    return "roll", {"shifts": [shift for _, shift in pairs], "dim": [axis for axis, _ in pairs]}


def _reduce(site: Site) -> _Form | None:
    a, rank = site.values, site.inputs[0].rank
    if a.dim is None:
        return None
    return "reduce", {**site.node.attributes, "dim": sorted(axis % rank for axis in a.dim)}


def _split(site: Site) -> _Form:
    x, a = site.inputs[0], site.values
    axis = a.dim % x.rank
    sizes = [part.shape[axis] for part in site.outputs]
    if all(isinstance(size, int) for size in sizes):
        return "split", {"sizes": sizes, "dim": axis}
    return "split", {**site.node.attributes, "dim": axis}


def _slice(site: Site) -> _Form:
    x, a = site.inputs[0], site.values
    axis = a.dim % x.rank
    size = x.shape[axis]
    attributes: dict[str, Any] = {"dim": axis, "start": a.start, "step": a.step}
    if isinstance(size, int):
        attributes["start"] = a.start + size if a.start < 0 else a.start
        end = size if a.end is None else a.end + size if a.end < 0 else a.end
        if end != size:
            attributes["end"] = end
    elif a.end is not None:
        attributes["end"] = a.end
    return "slice", attributes


_FORMS: Mapping[str, Callable[[Site], _Form | None]] = MappingProxyType(
    {
        "reshape": _reshape,
        "flatten": _reshape,
        "unflatten": _reshape,
        "expand": _expand,
        "transpose": _permute,
        "permute": _permute,
        "concat": _axis(),
        "stack": _axis(1),
        "gather": _axis(),
        "softmax": _axis(),
        "activation": _axis(),
        "entropy": _axis(),
        "cumsum": _axis(),
        "roll": _roll,
        "reduce": _reduce,
        "split": _split,
        "slice": _slice,
    }
)
