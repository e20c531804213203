"""Leave out what changes nothing, and merge what follows one another: a table of rules."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes import rules_arithmetic as arithmetic
from esper_graph.ir.passes import rules_shape as shape
from esper_graph.ir.passes.quiet import measured
from esper_graph.ir.passes.result import Change, PassResult, until_settled
from esper_graph.ir.passes.site import PLAIN, Site

VERSION = 1

Rule = Callable[[Site], Change | None]


def _is_relu(site: Site) -> bool:
    return getattr(site.values, "type", "relu") == "relu"


def _any(site: Site) -> bool:
    return True


RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "identity": (shape.always,),
        **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout"), (arithmetic.no_chance,)),
        "noise": (arithmetic.no_chance,),
        "cast": (shape.same_type, shape.casts_merged),
        "reshape": (shape.same_type, shape.reshapes_merged),
        "flatten": (shape.same_type, shape.reshapes_merged),
        "unflatten": (shape.same_type, shape.reshapes_merged),
        "expand": (shape.same_type,),
        "permute": (shape.same_order, shape.orders_merged),
        "transpose": (shape.same_order, shape.orders_merged),
        "slice": (shape.whole_slice,),
        "pad": (shape.no_padding,),
        "roll": (shape.no_roll,),
        "split": (shape.one_part,),
        "concat": (shape.one_part, shape.concats_merged),
        "add": (arithmetic.single_value, arithmetic.neutral_left_out, arithmetic.nested),
        "multiply": (
            arithmetic.single_value,
            arithmetic.zero_product,
            arithmetic.neutral_left_out,
            arithmetic.nested,
        ),
        "sub": (arithmetic.right_neutral,),
        "div": (arithmetic.right_neutral,),
        "pow": (arithmetic.right_neutral,),
        "where": (arithmetic.known_choice,),
        "neg": (arithmetic.double_negation,),
        "abs": (arithmetic.twice("abs", _any),),
        "activation": (arithmetic.twice("activation", _is_relu),),
        "detach": (arithmetic.twice("detach", _any),),
    }
)
"""What may be done with nodes of an op type; the first rule that applies is taken."""


def run(blueprint: BlueprintIR) -> PassResult:
    """Apply rules until none applies."""
    return until_settled(blueprint, _sweep)


def _sweep(blueprint: BlueprintIR) -> dict[str, Change]:
    """One change for each node that has none of its producers changed at the same time."""
    graph = blueprint.graph
    assert graph.order is not None, "only valid blueprints get here"
    seen = measured(graph)
    changes: dict[str, Change] = {}
    for place in graph.order:
        node = graph.nodes[place]
        rules = RULES.get(node.op_type)
        if rules is None or node.precision != PLAIN or place in seen:
            continue
        if changes and any(graph.nodes[feed.source].id in changes for feed in graph.feeds[place]):
            continue
        site = Site(blueprint, place)
        for rule in rules:
            change = rule(site)
            if change is not None:
                if not any(feed.source in seen for feed in graph.feeds[place]) or _uses_all(site, change):
                    changes[node.id] = change
                break
    return changes


def _uses_all(site: Site, change: Change) -> bool:
    """Whether every value that the node used is still used in its place."""
    wires = change.instead if change.node is None else (change.inputs or {})
    return set(site.wires.values()) <= set(wires.values())
