"""How large a blueprint is, in the four numbers that passes are judged by."""

from typing import NamedTuple

from esper_graph.ir.blueprint import BlueprintIR


class Figures(NamedTuple):
    """Size and cost of a blueprint; the last one at the shipped manifest's reference sizes."""

    nodes: int
    edges: int
    parameters: int
    flops: int


def figures(blueprint: BlueprintIR) -> Figures:
    """Count.

    Raises:
        BlueprintError: The blueprint is not valid.
    """
    total = blueprint.cost()
    return Figures(len(blueprint.nodes), len(blueprint.edges), total.parameters, total.flops)
