"""Raise normalisations."""

from collections.abc import Mapping
from typing import Any

import torch

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator, axis_of, number_of
from esper_graph.compile.importer.values import Weight, Wire


def _batch_norm(op: Operator) -> Any:
    if op.get("training_mode", 0) or op.get("spatial", 1) == 0 or any(op.is_used(at) for at in range(1, 5)):
        raise CannotRaiseError("it normalises with the statistics of the batch")
    mean, variance = op.own(3, "mean"), op.own(4, "variance")
    count = f"{mean.name.removesuffix('.running_mean')}.num_batches_tracked"
    owned = {
        "weight": op.own(1, "scale"),
        "bias": op.own(2, "shift"),
        "running_mean": Weight(mean.name, mean.tensor, trainable=False),
        "running_var": Weight(variance.name, variance.tensor, trainable=False),
        "num_batches_tracked": Weight(count, torch.zeros(()), trainable=False),
    }
    x = op.x()
    return op.add(
        "normalization",
        x,
        owned=owned,
        type="batch_norm",
        num_features=op.items(x)[1],
        eps=op.get("epsilon", 1e-5),
        momentum=round(1 - op.get("momentum", 0.9), 7),
    )


def _over_last(kind: str, eps: float) -> OnnxRaiser:
    def raise_norm(op: Operator) -> Any:
        x = op.x()
        rank = op.draft.type(x).rank
        axis = axis_of(op.get("axis", -1), rank)
        sizes = [number_of(size) for size in op.items(x)[axis:]]
        owned = {"weight": _shaped(op, 1, "scale", sizes)}
        others = {}
        if kind == "layer_norm":
            if op.input(2) is not None:
                owned["bias"] = _shaped(op, 2, "shift", sizes)
            others["bias"] = "bias" in owned
        return op.add(
            "normalization",
            x,
            owned=owned,
            type=kind,
            normalized_shape=sizes,
            eps=op.get("epsilon", eps),
            **others,
        )

    return raise_norm


def _shaped(op: Operator, at: int, what: str, sizes: list[int]) -> Weight:
    weight = op.own(at, what)
    if list(weight.tensor.shape) == sizes:
        return weight
    return op.own(at, what, lambda tensor: tensor.expand(sizes), ".stretched")


def _instance_norm(op: Operator) -> Any:
    x = op.x()
    return op.add(
        "normalization",
        x,
        owned={"weight": op.own(1, "scale"), "bias": op.own(2, "shift")},
        type="instance_norm",
        num_features=op.items(x)[1],
        eps=op.get("epsilon", 1e-5),
        affine=True,
    )


def _group_norm(op: Operator) -> Any:
    """Before version 21 there is one scale and shift a group."""
    x, groups = op.x(), op["num_groups"]
    channels = number_of(op.items(x)[1])
    owned: dict[str, Weight] = {}
    for at, name in ((1, "weight"), (2, "bias")):
        count = op.known(at, name).numel()
        if count == channels:
            owned[name] = op.own(at, name)
        else:
            owned[name] = op.own(at, name, lambda one: one.repeat_interleave(channels // groups), ".repeated")
    return op.add(
        "normalization",
        x,
        owned=owned,
        type="group_norm",
        num_groups=groups,
        num_channels=channels,
        eps=op.get("epsilon", 1e-5),
    )


def _lp(op: Operator) -> Any:
    x: Wire = op.x()
    norm = op.add(
        "reduce", x, operation="norm", dim=[op.get("axis", -1)], keepdim=True, ord=float(op.get("p", 2))
    )
    return op.add("div", x, norm)


RAISERS: Mapping[str, OnnxRaiser] = {
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _over_last("layer_norm", 1e-5),
    "RMSNormalization": _over_last("rms_norm", 1e-5),
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "LpNormalization": _lp,
}
