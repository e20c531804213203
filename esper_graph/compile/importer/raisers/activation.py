"""Raise activations and dropout."""

from collections.abc import Mapping
from typing import Any

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError


def _first(call: Call) -> Any:
    return call.get("self", call.get("input"))


def _activation(kind: str, *names: str, **renamed: str) -> Raiser:
    """Raise to an activation whose attributes have the op's own names, or others."""

    def raise_activation(call: Call) -> Raised:
        attributes = {name: call[name] for name in names}
        attributes |= {ours: call[theirs] for ours, theirs in renamed.items()}
        for name, value in attributes.items():
            if not isinstance(value, bool | int | float | str):
                attributes[name] = call.number(value)
        return call.add("activation", call.wire(_first(call)), type=kind, **attributes)

    return raise_activation


def _hardtanh(call: Call) -> Raised:
    low, high = call.number(call["min_val"]), call.number(call["max_val"])
    if (low, high) == (0, 6):
        return call.add("activation", call.wire(_first(call)), type="relu6")
    return call.add("activation", call.wire(_first(call)), type="hardtanh", min_val=low, max_val=high)


def _elu(call: Call) -> Raised:
    if call.number(call["scale"]) != 1 or call.number(call["input_scale"]) != 1:
        raise CannotRaiseError("its scales are not 1")
    return call.add("activation", call.wire(_first(call)), type="elu", alpha=call.number(call["alpha"]))


def _prelu(call: Call) -> Raised:
    owned = call.owned(weight=call["weight"])
    count = owned["weight"].tensor.numel()
    return call.add("activation", call.wire(_first(call)), owned=owned, type="prelu", num_parameters=count)


def _softmax(call: Call) -> Raised:
    x = call.wire(_first(call), call.result.dtype)
    return call.add("softmax", x, dim=call["dim"] % max(call.result.rank, 1) - call.result.rank)


def _log_softmax(call: Call) -> Raised:
    x = call.wire(_first(call), call.result.dtype)
    return call.add("activation", x, type="log_softmax", dim=call["dim"])


def _dropout(op_type: str, **attributes: Any) -> Raiser:
    """Kept although export is in evaluation: training kernels need it. Known values have none."""

    def raise_dropout(call: Call) -> Raised:
        x = call.wire(_first(call))
        if call["p"] == 0:
            return x
        if call["train"]:
            raise CannotRaiseError("it draws in evaluation too")
        return call.add(op_type, x, p=call["p"], **attributes)

    return raise_dropout


def _glu(call: Call) -> Raised:
    return call.add("activation", call.wire(_first(call)), type="glu", dim=call["dim"])


_PLAIN = (
    *("relu", "relu6", "selu", "silu", "mish", "sigmoid", "hardsigmoid", "hardswish", "tanh"),
    *("softsign", "tanhshrink"),
)

RAISERS: Mapping[str, Raiser] = {
    **{kind: _activation(kind) for kind in _PLAIN},
    "log_sigmoid": _activation("logsigmoid"),
    "leaky_relu": _activation("leaky_relu", "negative_slope"),
    "elu": _elu,
    "celu": _activation("celu", "alpha"),
    "gelu": _activation("gelu", "approximate"),
    "hardtanh": _hardtanh,
    "softplus": _activation("softplus", "beta", "threshold"),
    "softshrink": _activation("softshrink", "lambd"),
    "hardshrink": _activation("hardshrink", "lambd"),
    "threshold": _activation("threshold", "threshold", "value"),
    "glu": _glu,
    "prelu": _prelu,
    "softmax": _softmax,
    "_softmax": _softmax,
    "log_softmax": _log_softmax,
    **{kind: _dropout(kind) for kind in ("dropout", "feature_dropout", "alpha_dropout")},
    "feature_alpha_dropout": _dropout("alpha_dropout", feature=True),
}
