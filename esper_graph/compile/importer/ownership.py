"""Which op may own which parameters: a blueprint has each of them once."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import fx

from esper_graph.compile.importer.aten import name_of
from esper_graph.compile.importer.values import Weight

OWNERS = frozenset(
    {"linear", "conv1d", "conv2d", "conv_transpose2d", "batch_norm", "layer_norm", "group_norm"}
    | {"instance_norm", "rms_norm", "embedding", "prelu", "lstm", "gru", "self_attention"}
)
"""Aten ops that become nodes which own their parameters."""

Values = Mapping[fx.Node, Any]
"""What stands for each node of the exported program."""


def is_sole(node: fx.Node, owned: Iterable[Weight], values: Values) -> bool:
    """Tell whether an op may own tensors: every other op that uses one of them uses them all alike."""
    wanted = {weight.name for weight in owned}
    mine = _parameters(node, values)
    return all(
        name_of(user.target) in OWNERS and _parameters(user, values) == mine
        for source in node.all_input_nodes
        if isinstance(value := values.get(source), Weight) and value.name in wanted
        for user in source.users
    )


def is_table(node: fx.Node, weight: Weight, values: Values) -> bool:
    """Tell whether all that use a tensor use it as the matrix of `linear` or the table of `embedding`."""
    source = next(
        one
        for one in node.all_input_nodes
        if isinstance(value := values.get(one), Weight) and value.name == weight.name
    )
    return all(_as_table(user, source) for user in source.users)


def _as_table(user: fx.Node, source: fx.Node) -> bool:
    at = {"embedding": 0, "linear": 1}.get(name_of(user.target))
    return at is not None and user.args[at] is source


def _parameters(node: fx.Node, values: Values) -> tuple[str, ...]:
    return tuple(
        value.name for source in node.all_input_nodes if isinstance(value := values.get(source), Weight)
    )
