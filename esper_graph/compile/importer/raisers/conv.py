"""Raise convolutions."""

from collections.abc import Mapping, Sequence

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.values import Weight


def _conv(axes: int) -> Raiser:
    def raise_conv(call: Call) -> Raised:
        weight = call["weight"]
        if not isinstance(weight, Weight):
            raise CannotRaiseError("its weights are computed from other values, and the op owns its weights")
        owned = call.owned(weight=weight, bias=call["bias"])
        out_channels, in_channels, *kernel = weight.tensor.shape
        padding = call["padding"]
        x = call.wire(call["input"])
        shape = call.draft.type(x).shape
        batched = len(shape) == axes + 2
        y = call.add(
            f"conv{axes}d",
            x if batched else call.reshape(x, (1, *shape)),
            owned=owned,
            in_channels=in_channels * call["groups"],
            out_channels=out_channels,
            kernel_size=kernel,
            stride=spread(call["stride"], axes),
            dilation=spread(call["dilation"], axes),
            padding=padding if isinstance(padding, str) else spread(padding, axes),
            groups=call["groups"],
            bias="bias" in owned,
        )
        return y if batched else call.reshape(y, call.draft.type(y).shape[1:])

    return raise_conv


def spread(values: Sequence[int] | int, axes: int) -> tuple[int, ...]:
    """Return one number an axis."""
    entries = (values,) if isinstance(values, int) else tuple(values)
    return entries * axes if len(entries) == 1 else entries


def _conv_transpose2d(call: Call) -> Raised:
    weight = call["weight"]
    if not isinstance(weight, Weight):
        raise CannotRaiseError("its weights are computed from other values, and the op owns its weights")
    owned = call.owned(weight=weight, bias=call["bias"])
    in_channels, out_channels, *kernel = weight.tensor.shape
    return call.add(
        "conv_transpose2d",
        call.wire(call["input"]),
        owned=owned,
        in_channels=in_channels,
        out_channels=out_channels * call["groups"],
        kernel_size=kernel,
        stride=spread(call["stride"], 2),
        dilation=spread(call["dilation"], 2),
        padding=spread(call["padding"], 2),
        output_padding=spread(call["output_padding"], 2),
        groups=call["groups"],
        bias="bias" in owned,
    )


RAISERS: Mapping[str, Raiser] = {
    "conv1d": _conv(1),
    "conv2d": _conv(2),
    "conv_transpose2d": _conv_transpose2d,
}
