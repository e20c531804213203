"""Remove nodes that nothing depends on. Outputs, effects and inputs are what is depended on.

Inputs stay although nothing uses them: they are arguments of the kernel.
"""

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes.result import PassResult, without

VERSION = 1


def run(blueprint: BlueprintIR) -> PassResult:
    """Remove every node from which no output and no effect can be reached."""
    graph = blueprint.graph
    waiting = [
        place
        for place, (node, op) in enumerate(zip(graph.nodes, graph.ops, strict=True))
        if node.op_type in ("input", "output") or (op is not None and op.effect)
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
    dead = {node.id for place, node in enumerate(graph.nodes) if place not in alive}
    if not dead:
        return PassResult(blueprint, changed=False)
    return PassResult(
        without(blueprint, dead), changed=True, notes=tuple(f"removed `{name}`" for name in sorted(dead))
    )
