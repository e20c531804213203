"""What must not be merged, left out or moved: random numbers, running statistics, measured gradients.

A node *draws* when a call in some mode takes random numbers. Passes promise: the nodes that draw and reach an
output or an effect are the same before and after, in the same order of execution, each with an input of
the same shape. So under one seed each of them gets the numbers that it got before.
"""

from esper_graph.ir.graph import Graph


def draws(graph: Graph, place: int) -> bool:
    """Tell whether a node takes random numbers in some mode; nobody looks into a block, so it may."""
    op, values = graph.ops[place], graph.values[place]
    if op is not None and op.family == "Block":
        return True
    if op is None or not op.stochastic or not getattr(values, "stochastic", True):
        return False
    return getattr(values, "p", None) != 0.0 and getattr(values, "std", None) != 0.0


def keeps_state(graph: Graph, place: int) -> bool:
    """Tell whether a call in training changes something that later calls see."""
    op = graph.ops[place]
    return op is not None and op.stateful and bool(getattr(graph.values[place], "stateful", True))


def measured(graph: Graph) -> frozenset[int]:
    """The nodes whose gradient is reported: who uses them is part of what is computed."""
    return frozenset(
        feed.source for place in graph.by_type.get("gradient_norm", ()) for feed in graph.feeds[place]
    )


def may_go(graph: Graph, place: int) -> bool:
    """Tell whether a value and what leads to it are not missed: none draws, keeps state or is measured."""
    seen = measured(graph)
    return not any(
        draws(graph, one) or keeps_state(graph, one) or one in seen for one in graph.upstream([place])
    )
