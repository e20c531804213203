"""Which nodes choose among their inputs row by row, and what a row therefore does not need."""

from collections.abc import Sequence

from esper_graph.ir.graph import Graph
from esper_graph.ir.shapes import Inference
from esper_graph.ops.values import TensorType


def values_taken(graph: Graph, inference: Inference, place: int) -> int | None:
    """Tell how many of its values a row takes at a node that chooses; None for nodes that do not.

    `moe_combine` takes the experts that the gate chose, `weighted_sum` one value where its weights are a
    hard softmax over the values.
    """
    node, feeds = graph.nodes[place], graph.feeds[place]
    if node.op_type == "moe_combine":
        return graph.values[place].top_k
    if node.op_type != "weighted_sum":
        return None
    source = feeds[0].source
    while graph.nodes[source].op_type in ("identity", "detach"):
        source = graph.feeds[source][0].source
    weights = (inference.inputs[place] or (None,))[0]
    values = graph.values[source]
    softmax = "softmax" in (graph.nodes[source].op_type, getattr(values, "type", None))
    assert isinstance(weights, TensorType)
    chooses = softmax and values.hard and values.dim in (-1, weights.rank - 1) and weights.rank > 1
    return 1 if chooses else None


def active_parameters(graph: Graph, inference: Inference, parameters: Sequence[int]) -> int:
    """Count the parameters that one row uses at most.

    Where a node takes `k` of its values, the parameters of those `k` count that have the most of them, of all
    nodes that feed nothing else. Parameters that several nodes share count where one of these is used.

    Args:
        parameters: How many each node owns, by position.
    """
    idle: set[int] = set()
    # A choice inside of another one stands before it, so its idle nodes are known when the other one counts.
    for place in graph.order or ():
        taken = values_taken(graph, inference, place)
        if taken is None:
            continue
        branches = [_only_for(graph, place, feed.slot) for feed in graph.feeds[place][1:]]
        branches.sort(key=lambda branch: _owned(graph, parameters, branch - idle), reverse=True)
        for branch in branches[taken:]:
            idle |= branch
    return _owned(graph, parameters, set(range(len(graph.nodes))) - idle)


def _only_for(graph: Graph, place: int, slot: int) -> set[int]:
    """The nodes whose results reach nothing but one input of a node."""
    found: set[int] = set()
    assert graph.order is not None
    for inner in reversed(graph.order[: graph.order.index(place)]):
        feeding = graph.consumers[inner]
        if feeding and all(
            target in found or (target == place and feed.slot == slot) for target, feed in feeding
        ):
            found.add(inner)
    return found


def _owned(graph: Graph, parameters: Sequence[int], places: set[int]) -> int:
    owners = {
        place if (owner := graph.nodes[place].shares) is None else graph.position[owner] for place in places
    }
    return sum(parameters[place] for place in owners)
