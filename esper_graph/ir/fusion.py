"""Chains of nodes that a backend could run as one: data about a blueprint, no part of its identity."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

_HEADS = frozenset({"linear", "matmul", "conv1d", "conv2d", "conv_transpose2d"})
_STAGES: Mapping[str, str] = MappingProxyType(
    {"normalization": "norm", "activation": "activation", "softmax": "activation", "add": "residual"}
)
_ORDER: Mapping[str, int] = MappingProxyType({"norm": 1, "residual": 2, "activation": 3})


class FusionGroup(NamedTuple):
    """Nodes that follow one another, each the only consumer of the one before it.

    Attributes:
        kind: What they are, such as `conv2d+norm+activation`.
        nodes: Their ids, first to last.
    """

    kind: str
    nodes: tuple[str, ...]


def fusion_groups(blueprint: "BlueprintIR") -> tuple[FusionGroup, ...]:
    """List the chains that begin with a dense product or convolution.

    A norm, a residual sum and an activation may follow, each at most once and in this order. No node is in
    two groups. A sum that takes several groups' values belongs to the first of them in order of execution.
    Blocks are written out.

    Raises:
        BlueprintError: The blueprint is not valid.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("net", name="Net")
        >>> hidden = b.linear(b.input([-1, 8]), in_features=8, out_features=8, id="fc")
        >>> _ = b.output(b.activation(hidden, type="relu", id="act"))
        >>> fusion_groups(b.finish())
        (FusionGroup(kind='linear+activation', nodes=('fc', 'act')),)
    """
    blueprint.validate()
    graph = blueprint.expanded.graph
    taken: set[int] = set()
    groups: list[FusionGroup] = []
    for place in graph.order or ():
        if graph.nodes[place].op_type not in _HEADS:
            continue
        chain, stages, reached = [place], [graph.nodes[place].op_type], 0
        while len(graph.consumers[chain[-1]]) == 1:
            ((target, _),) = graph.consumers[chain[-1]]
            stage = _STAGES.get(graph.nodes[target].op_type)
            if stage is None or _ORDER[stage] <= reached or target in taken:
                break
            if graph.nodes[target].precision != graph.nodes[place].precision:
                break
            chain.append(target)
            stages.append(stage)
            reached = _ORDER[stage]
        if len(chain) > 1:
            taken.update(chain)
            groups.append(FusionGroup("+".join(stages), tuple(graph.nodes[one].id for one in chain)))
    return tuple(groups)
