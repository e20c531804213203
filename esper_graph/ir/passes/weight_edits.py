"""What has to be done to parameters so that a rewritten blueprint computes the same as before.

A formula reads tensors of the blueprint as it was and gives one tensor of the blueprint as it is. It is plain
arithmetic, so it runs on numpy arrays and on torch tensors alike.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Tensors = Mapping[str, Mapping[str, Any]]
"""Arrays by node id, then by name."""


class WeightEdit(NamedTuple):
    """One tensor of the rewritten blueprint.

    Attributes:
        node_id: The node that owns it.
        name: The tensor, such as `weight`.
        formula: Key of `FORMULAS`.
        norm_id: The normalisation that was removed, whose tensors the formula reads too.
        eps: Of that normalisation.
        groups: Of the convolution.
        shape: Of the result.
    """

    node_id: str
    name: str
    formula: str
    norm_id: str
    eps: float
    shape: tuple[int, ...]
    groups: int = 1


def apply_weight_edits(tensors: Tensors, edits: Iterable[WeightEdit]) -> dict[str, dict[str, Any]]:
    """Compute the tensors of a rewritten blueprint.

    Args:
        tensors: Parameters and buffers of the blueprint as it was.
        edits: As `PassResult.weight_edits` gives them.

    Returns:
        The same tensors without those of removed nodes, and with the edited ones.

    Raises:
        KeyError: A tensor that a formula reads is not there.

    Example:
        >>> import numpy as np
        >>> norm = {"weight": np.array([2.0]), "bias": np.array([1.0])}
        >>> running = {"running_mean": np.array([3.0]), "running_var": np.array([3.0])}
        >>> before = {"fc": {"weight": np.array([[10.0]])}, "bn": {**norm, **running}}
        >>> edit = WeightEdit("fc", "weight", "scale_rows", "bn", eps=1.0, shape=(1, 1))
        >>> apply_weight_edits(before, [edit])["fc"]["weight"].tolist()
        [[10.0]]
    """
    found = {node: dict(named) for node, named in tensors.items()}
    for edit in edits:
        found.setdefault(edit.node_id, {})[edit.name] = FORMULAS[edit.formula](
            edit, tensors[edit.node_id], tensors[edit.norm_id]
        )
        found.pop(edit.norm_id, None)
    return found


def _scale(edit: WeightEdit, norm: Mapping[str, Any]) -> Any:
    """How much a channel grows: `weight / sqrt(running_var + eps)`, `[channels]`."""
    scale = (norm["running_var"] + edit.eps) ** -0.5
    return scale * norm["weight"] if "weight" in norm else scale


def _scale_rows(edit: WeightEdit, layer: Mapping[str, Any], norm: Mapping[str, Any]) -> Any:
    """Weights with the produced channels on axis 0."""
    scale = _scale(edit, norm)
    return layer["weight"] * scale.reshape((-1,) + (1,) * (len(edit.shape) - 1))


def _scale_columns(edit: WeightEdit, layer: Mapping[str, Any], norm: Mapping[str, Any]) -> Any:
    """Weights `[in_channels, out_channels/groups, ...]`: each group of rows has columns of its own."""
    rows, columns, *kernel = edit.shape
    groups = edit.groups
    grouped = layer["weight"].reshape((groups, rows // groups, columns, *kernel))
    scale = _scale(edit, norm).reshape((groups, 1, columns) + (1,) * len(kernel))
    return (grouped * scale).reshape(edit.shape)


def _shift(edit: WeightEdit, layer: Mapping[str, Any], norm: Mapping[str, Any]) -> Any:
    """`(bias - running_mean) * scale + norm's bias`, `[channels]`."""
    shifted = (layer.get("bias", 0.0) - norm["running_mean"]) * _scale(edit, norm)
    return shifted + norm["bias"] if "bias" in norm else shifted


FORMULAS: Mapping[str, Callable[[WeightEdit, Mapping[str, Any], Mapping[str, Any]], Any]] = MappingProxyType(
    {"scale_rows": _scale_rows, "scale_columns": _scale_columns, "shift": _shift}
)
