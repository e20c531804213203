"""Compute once what is computed twice: nodes that are equal and take the same values become one.

Only nodes without parameters, or with the same ones (`shares`), are merged; never those that draw random
numbers, keep running statistics, have effects, or whose gradient is reported. Inputs of a commutative op have
no order, as in the fingerprint.
"""

from collections import Counter

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.graph import Graph
from esper_graph.ir.passes.quiet import draws, keeps_state, measured
from esper_graph.ir.passes.result import Change, PassResult, Wire, rewritten

VERSION = 1

_Key = tuple[object, ...]


def run(blueprint: BlueprintIR) -> PassResult:
    """Let the consumers of all but one of several equal nodes take that one's values."""
    graph = blueprint.graph
    assert graph.order is not None, "only valid blueprints get here"
    seen = measured(graph)
    owners = {node.shares for node in graph.nodes if node.shares is not None}
    alike = Counter(zip([node.op_type for node in graph.nodes], graph.texts, strict=True))
    stands_for: dict[tuple[int, int], tuple[int, int]] = {}
    equal: dict[_Key, list[int]] = {}
    for place in graph.order:
        op, settled = graph.ops[place], graph.settled[place]
        if op is None or settled is None or alike[op.op_type, settled.text] == 1:
            continue  # no other node is what it is
        if not settled.outputs or graph.nodes[place].op_type == "input":
            continue
        if op.effect or place in seen or draws(graph, place) or keeps_state(graph, place):
            continue
        node = graph.nodes[place]
        if settled.parameters and node.shares is None and node.id not in owners:
            continue  # nobody else has its parameters
        group = equal.setdefault(_key(graph, place, stands_for), [])
        group.append(place)
        if len(group) > 1:
            for slot in range(len(settled.outputs)):
                stands_for[place, slot] = (group[0], slot)
    changes: dict[str, Change] = {}
    places: dict[str, str] = {}
    for group in equal.values():
        kept = next((place for place in group if graph.nodes[place].id in owners), group[0])
        for place in group:
            if place != kept:
                changes[graph.nodes[place].id] = _merged(graph, place, kept)
        if kept != group[0]:  # it owns the parameters, but the first of them was needed earlier
            places[graph.nodes[kept].id] = graph.nodes[group[0]].id
    if not changes:
        return PassResult(blueprint, changed=False)
    notes = tuple(change.note for change in changes.values())
    return PassResult(rewritten(blueprint, changes, places), changed=True, notes=notes)


def _key(graph: Graph, place: int, stands_for: dict[tuple[int, int], tuple[int, int]]) -> _Key:
    """What two nodes have in common that compute the same."""
    node, op, settled = graph.nodes[place], graph.ops[place], graph.settled[place]
    assert op is not None
    assert settled is not None
    taken = [
        (feed.slot, *stands_for.get((feed.source, feed.source_slot), (feed.source, feed.source_slot)))
        for feed in graph.feeds[place]
    ]
    if op.commutative:
        fixed = len(op.fixed)
        free = sorted((source, slot) for port, source, slot in taken if port >= fixed)
        taken = [one for one in taken if one[0] < fixed]
        taken += [(fixed + number, *wire) for number, wire in enumerate(free)]
    owner = (node.shares or node.id) if settled.parameters else None
    return (node.op_type, settled.text, node.precision, node.requires_gpu, owner, tuple(taken))


def _merged(graph: Graph, place: int, kept: int) -> Change:
    settled = graph.settled[place]
    assert settled is not None
    here, there = graph.nodes[place].id, graph.nodes[kept].id
    outputs = range(len(settled.outputs))
    return Change(f"`{here}` computed the same as `{there}`", instead={n: Wire(there, n) for n in outputs})
