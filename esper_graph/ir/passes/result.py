"""What a pass returns, and the rewriting that passes share."""

from collections.abc import Container, Mapping
from typing import NamedTuple

from esper_graph.ir.blueprint import BlueprintIR


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
    edges = []
    for edge in blueprint.edges:
        if edge.target in removed:
            continue
        source, port = edge.source, edge.source_port
        wire = (instead or {}).get((source, port))
        while wire is not None:
            source, port = wire
            wire = (instead or {}).get((source, port))
        if source in removed:
            continue
        if (source, port) != (edge.source, edge.source_port):
            edge = edge.replace(source=source, source_port=port, tensor_shape=None, dtype=None)
        edges.append(edge)
    return blueprint.replace(
        id="", nodes=[node for node in blueprint.nodes if node.id not in removed], edges=edges, derivations=()
    )
