"""Rules for arithmetic: neutral numbers go, what is known to be zero becomes a constant.

Rules that leave a value out take it for finite: zero times infinity is no zero. So they only fire where all
that leads to the value is defined everywhere. The sign of a zero is not kept.
"""

from collections.abc import Callable, Mapping
from typing import Any

from esper_graph.ir.passes.quiet import may_go
from esper_graph.ir.passes.result import Change, Wire
from esper_graph.ir.passes.site import PLAIN, Site, written
from esper_graph.ops.attributes import MAX_TEXT

_NEUTRAL: Mapping[str, float] = {"add": 0.0, "multiply": 1.0}
_RIGHT_NEUTRAL: Mapping[str, float] = {"sub": 0.0, "div": 1.0, "pow": 1.0}
_FINITE_FAMILIES = frozenset(
    {"Boundary", "Dense", "Conv", "Activation", "Norm", "Pooling", "Embedding", "Shape"}
)
_FINITE_OPS = frozenset(
    {"add", "sub", "multiply", "maximum", "minimum", "clamp", "where", "compare", "sin", "cos", "abs", "neg"}
)


def no_chance(site: Site) -> Change | None:
    """Dropout of nothing, noise of nothing."""
    nothing = site.values.std if site.node.op_type == "noise" else site.values.p
    return site.gone("returned its input unchanged") if nothing == 0.0 else None


def single_value(site: Site) -> Change | None:
    """A sum or product of one value and the neutral number."""
    scalar = site.values.scalar
    if len(site.inputs) != 1 or scalar != _NEUTRAL[site.node.op_type] or site.inputs[0] != site.outputs[0]:
        return None
    return site.gone(f"changed nothing: its scalar is {scalar:g}")


def neutral_left_out(site: Site) -> Change | None:
    """Values of a sum or product that are known to be neutral are left out."""
    neutral = _NEUTRAL[site.node.op_type]
    if len(site.inputs) < 2 or site.outputs[0].kind == "bool":
        return None
    left = [slot for slot in sorted(site.wires) if not _is(site.number(slot), neutral)]
    if not left or len(left) == len(site.wires):
        return None
    note = f"does not need {len(site.wires) - len(left)} input that is {neutral:g} everywhere"
    if len(left) == 1:
        return site.gone(note, left[0]) if site.inputs[left[0]] == site.outputs[0] else None
    wires = {place: site.wires[slot] for place, slot in enumerate(left)}
    types = [site.inputs[slot] for slot in left]
    return site.replaced(note, site.node.op_type, site.node.attributes, wires, types)


def right_neutral(site: Site) -> Change | None:
    """A difference, quotient or power whose right side changes nothing."""
    neutral = _RIGHT_NEUTRAL[site.node.op_type]
    right = site.values.scalar if len(site.wires) == 1 else site.number(1)
    if not _is(right, neutral) or site.inputs[0] != site.outputs[0]:
        return None
    return site.gone(f"changed nothing: its right side is {neutral:g}")


def zero_product(site: Site) -> Change | None:
    """A product with zero is zero, where all that is left out is finite and quiet."""
    kind = site.outputs[0].kind
    if kind not in ("int", "float"):
        return None
    zero = [slot for slot in site.wires if _is(site.number(slot), 0.0)]
    if not zero and site.values.scalar != 0.0:
        return None
    others = [slot for slot in site.wires if slot not in zero]
    if not others or not all(_finite(site.producer(slot)) for slot in others):
        return None
    return constant(site, 0.0 if kind == "float" else 0, "is a product with zero")


def constant(site: Site, value: Any, note: str) -> Change | None:
    """A constant of one number in the place of the node."""
    kind = site.outputs[0]
    sizes = [written(size) for size in kind.shape]
    if any(isinstance(size, str) and len(size) > MAX_TEXT for size in sizes):
        return None
    attributes: dict[str, Any] = {"value": value, "dtype": kind.dtype}
    if sizes:
        attributes["shape"] = sizes
    return site.replaced(note, "constant", attributes, {}, ())


def known_choice(site: Site) -> Change | None:
    """A choice whose condition is the same everywhere, where what is left out is quiet."""
    condition = site.number(0)
    if condition is None:
        return None
    chosen, other = (1, 2) if condition else (2, 1)
    if site.inputs[chosen] != site.outputs[0] or not may_go(site.graph, site.producer(other).place):
        return None
    return site.gone("always chooses the same value", chosen)


def twice(inner_name: str, keep: Callable[[Site], bool]) -> "Callable[[Site], Change | None]":
    """A rule: the op on its own result gives that result again."""

    def rule(site: Site) -> Change | None:
        first = site.producer()
        if first.node.op_type != inner_name or first.node.precision != PLAIN:
            return None
        return site.gone(f"has no effect after `{first.node.id}`") if keep(site) and keep(first) else None

    return rule


def double_negation(site: Site) -> Change | None:
    """The negative of the negative."""
    first = site.producer()
    if first.node.op_type != "neg" or first.node.precision != PLAIN:
        return None
    return Change(f"`{site.node.id}` undoes `{first.node.id}`", instead={0: first.wires[0]})


def nested(site: Site) -> Change | None:
    """A sum of sums, or product of products, that nobody else uses is one.

    Inputs of a commutative op have no order, so any of them may come first, where this rounds alike.
    """
    if site.values.scalar is not None:
        return None
    inner = {slot: one for slot in site.wires if _may_join(one := site.producer(slot), site)}
    if not inner:
        return None
    wires: list[Wire] = []
    types: list[Any] = []
    for slot in sorted(site.wires):
        one = inner.get(slot)
        slots = [slot] if one is None else sorted(one.wires)
        wires += [(one or site).wires[place] for place in slots]
        types += [(one or site).inputs[place] for place in slots]
    names = ", ".join(f"`{one.node.id}`" for one in inner.values())
    note = f"takes the inputs of {names} itself"
    return site.replaced(note, site.node.op_type, site.node.attributes, dict(enumerate(wires)), types)


def _may_join(inner: Site, outer: Site) -> bool:
    kind = outer.outputs[0].dtype
    return (
        inner.node.op_type == outer.node.op_type
        and inner.node.precision == PLAIN
        and inner.only_used_once
        and inner.values.scalar is None
        and all(one.dtype == kind for one in (*inner.inputs, *inner.outputs))
        and any(inner.producer(slot).node.op_type != "constant" for slot in inner.wires)
    )


def _is(found: object, number: float) -> bool:
    return found is not None and not isinstance(found, bool) and found == number


def _finite(site: Site) -> bool:
    """Whether a value is finite for finite inputs, and nobody misses what leads to it."""
    graph = site.graph
    for place in graph.upstream([site.place]):
        op = graph.ops[place]
        if op is None or (op.family not in _FINITE_FAMILIES and op.op_type not in _FINITE_OPS):
            return False
    return may_go(graph, site.place)
