"""Say what a blueprint leaves unsaid: transforms become nodes, ports and indices become explicit.

Every blueprint passes through here once, when it is made; afterwards there is one way to read it.
"""

from collections.abc import Sequence
from typing import Any

from esper_graph.errors import FormatError, Problem, close_names, suggestion
from esper_graph.ir.specs import EdgeSpec, FrozenDict, NodeSpec, fresh_name
from esper_graph.ops import OPS

TRANSFORMS = ("transpose", "reshape", "flatten", "unflatten", "cast", "detach", "slice")


def normalise(
    nodes: Sequence[NodeSpec], edges: Sequence[EdgeSpec]
) -> tuple[tuple[NodeSpec, ...], tuple[EdgeSpec, ...]]:
    """Return the same blueprint with transforms as nodes, and explicit ports and indices.

    Raises:
        FormatError: An edge's transform is not one of `TRANSFORMS`.
    """
    if any(edge.transform is not None for edge in edges):
        nodes, edges = _transforms_as_nodes(nodes, edges)
    return _indexed(nodes), _ported(nodes, edges)


def _transforms_as_nodes(
    nodes: Sequence[NodeSpec], edges: Sequence[EdgeSpec]
) -> tuple[Sequence[NodeSpec], Sequence[EdgeSpec]]:
    node_ids = {node.id for node in nodes}
    edge_ids = {edge.id for edge in edges}
    all_nodes = list(nodes)
    all_edges: list[EdgeSpec] = []
    for edge in edges:
        if edge.transform is None:
            all_edges.append(edge)
            continue
        settings: dict[str, Any] = dict(edge.transform)
        op_type = settings.pop("type", None)
        if op_type not in TRANSFORMS:
            raise FormatError(
                Problem(
                    "format",
                    f"the transform {op_type!r} is not one of {', '.join(TRANSFORMS)}",
                    f"edge `{edge.id}`",
                    suggestion(close_names(str(op_type), TRANSFORMS)),
                    {"edge": edge.id, "value": op_type},
                )
            )
        node_id = fresh_name(f"{edge.id}_{op_type}", node_ids)
        edge_id = fresh_name(f"{edge.id}_{op_type}", edge_ids)
        node_ids.add(node_id)
        edge_ids.add(edge_id)
        all_nodes.append(NodeSpec(id=node_id, op_type=op_type, attributes=FrozenDict(settings)))
        into = edge.replace(target=node_id, target_port=None, transform=None, connection_type="forward")
        onward = edge.replace(
            id=edge_id,
            source=node_id,
            source_port=None,
            transform=None,
            tensor_shape=None,
            dtype=None,
        )
        all_edges += [into, onward]
    return all_nodes, all_edges


def _indexed(nodes: Sequence[NodeSpec]) -> tuple[NodeSpec, ...]:
    result = list(nodes)
    for op_type in ("input", "output"):
        places = [place for place, node in enumerate(nodes) if node.op_type == op_type]
        used = {nodes[place].attributes.get("index") for place in places}
        free = (number for number in range(len(places)) if number not in used)
        for place in places:
            node = nodes[place]
            if "index" not in node.attributes:
                attributes = FrozenDict({**node.attributes, "index": next(free)})
                result[place] = node.with_checked(attributes=attributes)
    return tuple(result)


def _ported(nodes: Sequence[NodeSpec], edges: Sequence[EdgeSpec]) -> tuple[EdgeSpec, ...]:
    ops = {node.id: OPS.get(node.op_type) for node in nodes}
    taken: set[tuple[str, int]] = set()
    for edge in edges:
        op, port = ops.get(edge.target), edge.target_port
        if op is not None and port is not None:
            slot = op.port_slot(port)
            if slot is not None:
                taken.add((edge.target, slot))
    following: dict[str, int] = {}
    result: list[EdgeSpec] = []
    for edge in edges:
        op, slot = ops.get(edge.target), edge.target_port
        if op is not None and slot is None:
            slot = following.get(edge.target, 0)
            while (edge.target, slot) in taken:
                slot += 1
            following[edge.target] = slot + 1
        # A port that does not exist stays as it was written; `check` reports it.
        name = op.port_name(slot) if op is not None and isinstance(slot, int) else None
        result.append(edge if name is None else edge.with_checked(target_port=name))
    return tuple(result)
