"""What a pass returns, and the rewriting that passes share."""

from collections.abc import Container, Mapping
from typing import NamedTuple

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import EdgeSpec


class PassResult(NamedTuple):
    """The blueprint after a pass, the very same object where nothing changed, and what was done."""

    blueprint: BlueprintIR
    changed: bool
    notes: tuple[str, ...] = ()


Wire = tuple[str, str | int | None]
"""A value: node id and output port."""


def without(
    blueprint: BlueprintIR, removed: Container[str], instead: Mapping[Wire, Wire] | None = None
) -> BlueprintIR:
    """Remove nodes and the edges into and out of them; consumers take other values instead where named."""
    edges: list[EdgeSpec] = []
    for edge in blueprint.edges:
        if edge.target in removed:
            continue
        wire: Wire = (edge.source, edge.source_port)
        while (other := (instead or {}).get(wire)) is not None:
            wire = other
        if wire[0] in removed:
            continue
        same = wire == (edge.source, edge.source_port)
        edges.append(
            edge if same else edge.replace(source=wire[0], source_port=wire[1], tensor_shape=None, dtype=None)
        )
    return blueprint.replace(
        id="", nodes=[node for node in blueprint.nodes if node.id not in removed], edges=edges, derivations=()
    )
