"""Raise normalisations."""

from collections.abc import Mapping

import torch

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.values import Known, Weight


def _learned(call: Call) -> dict[str, Weight]:
    owned = call.owned(weight=call["weight"], bias=call.get("bias"))
    if "bias" in owned and "weight" not in owned:
        raise CannotRaiseError("it has a shift and no scale")
    return owned


def _layer_norm(call: Call) -> Raised:
    owned = _learned(call)
    return call.add(
        "normalization",
        call.wire(call["input"]),
        owned=owned,
        type="layer_norm",
        normalized_shape=call.sizes(call["normalized_shape"]),
        eps=call["eps"],
        elementwise_affine="weight" in owned,
        bias="bias" in owned,
    )


def _rms_norm(call: Call) -> Raised:
    owned = call.owned(weight=call["weight"])
    eps = call["eps"]
    return call.add(
        "normalization",
        call.wire(call["input"]),
        owned=owned,
        type="rms_norm",
        normalized_shape=call.sizes(call["normalized_shape"]),
        eps=torch.finfo(torch.float32).eps if eps is None else eps,
        elementwise_affine="weight" in owned,
    )


def _group_norm(call: Call) -> Raised:
    owned = _learned(call)
    x = call.wire(call["input"])
    return call.add(
        "normalization",
        x,
        owned=owned,
        type="group_norm",
        num_groups=call["num_groups"],
        num_channels=call.draft.type(x).shape[1],
        eps=call["eps"],
        affine="weight" in owned,
        bias="bias" in owned,
    )


def _with_statistics(kind: str) -> Raiser:
    def raise_norm(call: Call) -> Raised:
        mean, variance = call["running_mean"], call["running_var"]
        own = bool(call["training"] if kind == "batch_norm" else call["use_input_stats"])
        owned = _learned(call)
        if mean is not None and not own:
            owned["running_mean"] = _statistic(call, mean, "running_mean")
            owned["running_var"] = _statistic(call, variance, "running_var")
            name = f"{owned['running_mean'].name.rpartition('.')[0]}.num_batches_tracked".lstrip(".")
            count = call.walk.program.state_dict.get(name)
            count = torch.zeros(()) if count is None else count.detach()
            owned["num_batches_tracked"] = Weight(name, count, trainable=False)
        x = call.wire(call["input"])
        return call.add(
            "normalization",
            x,
            owned=owned,
            type=kind,
            num_features=call.draft.type(x).shape[1],
            eps=call["eps"],
            momentum=call["momentum"],
            track_running_stats="running_mean" in owned,
            affine="weight" in owned,
            bias="bias" in owned,
        )

    return raise_norm


def _statistic(call: Call, value: object, name: str) -> Weight:
    if isinstance(value, Known):
        return Weight(value.name or f"{call.node.name}.{name}", value.tensor, trainable=False)
    raise CannotRaiseError(f"its {name} is not a buffer")


RAISERS: Mapping[str, Raiser] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "batch_norm": _with_statistics("batch_norm"),
    "instance_norm": _with_statistics("instance_norm"),
}
