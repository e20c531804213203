"""Raise pooling."""

from collections.abc import Mapping

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.raisers.conv import spread


def _pooled(call: Call, axes: int, **attributes: object) -> Raised:
    x = call.wire(call.get("self", call.get("input")))
    shape = call.draft.type(x).shape
    batched = len(shape) == axes + 2
    y = call.add("pooling", x if batched else call.reshape(x, (1, *shape)), **attributes)
    return y if batched else call.reshape(y, call.draft.type(y).shape[1:])


def _window(call: Call, axes: int, kind: str) -> dict[str, object]:
    return {
        "type": f"{kind}{axes}d",
        "kernel_size": spread(call["kernel_size"], axes),
        "stride": spread(call["stride"] or call["kernel_size"], axes),
        "padding": spread(call["padding"], axes),
        "ceil_mode": call["ceil_mode"],
    }


def _max_pool(axes: int) -> Raiser:
    return lambda call: _pooled(
        call, axes, **_window(call, axes, "max_pool"), dilation=spread(call["dilation"], axes)
    )


def _avg_pool(axes: int) -> Raiser:
    def raise_pool(call: Call) -> Raised:
        attributes = {**_window(call, axes, "avg_pool"), "count_include_pad": call["count_include_pad"]}
        if call.get("divisor_override") is not None:
            attributes["divisor_override"] = call["divisor_override"]
        return _pooled(call, axes, **attributes)

    return raise_pool


def _adaptive(axes: int, kind: str) -> Raiser:
    return lambda call: _pooled(
        call, axes, type=f"adaptive_{kind}_pool{axes}d", output_size=spread(call["output_size"], axes)
    )


RAISERS: Mapping[str, Raiser] = {
    "max_pool1d": _max_pool(1),
    "max_pool2d": _max_pool(2),
    "avg_pool1d": _avg_pool(1),
    "avg_pool2d": _avg_pool(2),
    "adaptive_avg_pool1d": _adaptive(1, "avg"),
    "adaptive_avg_pool2d": _adaptive(2, "avg"),
    "adaptive_max_pool1d": lambda call: (_adaptive(1, "max")(call), None),
    "adaptive_max_pool2d": lambda call: (_adaptive(2, "max")(call), None),
}
