"""Remove nodes that nothing depends on. Outputs, effects and inputs are what is depended on.

Inputs stay although nothing uses them: they are arguments of the kernel. Blocks stay because there may be
effects in them.
"""

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes.result import Change, PassResult, rewritten

VERSION = 2


def run(blueprint: BlueprintIR) -> PassResult:
    """Remove every node from which no output and no effect can be reached."""
    graph = blueprint.graph
    waiting = [
        place
        for place, (node, op) in enumerate(zip(graph.nodes, graph.ops, strict=True))
        if node.op_type in ("input", "output", "block") or (op is not None and op.effect)
    ]
    alive: set[int] = set()
    while waiting:
        place = waiting.pop()
        if place in alive:
            continue
        alive.add(place)
        waiting += [feed.source for feed in graph.feeds[place]]
        shares = graph.nodes[place].shares
        if shares is not None:  # the owner of shared parameters lives as long as they are used
            waiting.append(graph.position[shares])
    dead = sorted(node.id for place, node in enumerate(graph.nodes) if place not in alive)
    if not dead:
        return PassResult(blueprint, changed=False)
    changes = {name: Change(f"nothing depends on `{name}`") for name in dead}
    notes = tuple(change.note for change in changes.values())
    return PassResult(rewritten(blueprint, changes), changed=True, notes=notes)
