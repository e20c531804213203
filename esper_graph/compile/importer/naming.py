"""Ids of imported nodes: where in the module tree they come from."""

import re
from collections.abc import Sequence

from esper_graph.compile.importer.draft import DraftNode
from esper_graph.ir.specs import MAX_ID, fresh_name
from esper_graph.ops import is_opaque

_OWN_NAME = frozenset(
    {"linear", "conv1d", "conv2d", "conv_transpose2d", "normalization", "embedding", "activation", "pooling"}
    | {"dropout", "feature_dropout", "alpha_dropout", "attention", "recurrent", "softmax", "flatten"}
)
"""Ops that are called like the module that consists of them alone."""
_LONGEST = MAX_ID - 8


def node_ids(nodes: Sequence[DraftNode]) -> list[str]:
    """Name nodes after their place; a module's only op has the module's name."""
    found: dict[str, None] = {}
    for node in nodes:
        place = node.place
        if node.name is not None:
            wanted = node.name
        elif place.leaf and node.op_type in _OWN_NAME:
            wanted = place.path or node.op_type
        else:
            called = node.op_type.split(".")[1] if is_opaque(node.op_type) else node.op_type
            wanted = f"{place.path}.{called}" if place.path else called
        found[fresh_name(_as_id(wanted), found)] = None
    return list(found)


def _as_id(text: str) -> str:
    text = re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip("._-") or "node"
    return text if len(text) <= _LONGEST else text[-_LONGEST:].lstrip("._-")
