"""Lower convolutions and pooling."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import boolean, call, integer, numbers

_MODES: Mapping[str, str] = {mode: f'"{mode}"' for mode in ("reflect", "replicate", "circular")}


def lower_conv(site: Site) -> tuple[Lowered, ...]:
    """`aten::conv1d` or `conv2d`; padding that it cannot do itself is added before."""
    a, x = site.a, site.tensor()
    axes = len(a.kernel_size)
    padding: tuple[int, ...] = (0,) * axes
    if a.padding == "same" or a.padding_mode != "zeros":
        x = site.let(_padded(site, x))
    else:
        padding = a.padding
    arguments = (numbers(a.stride), numbers(padding), numbers(a.dilation), integer(a.groups))
    weight, bias = site.parameter("weight"), site.optional_parameter("bias")
    return (site.call(f"conv{axes}d", x, weight, bias, *arguments),)


def _padded(site: Site, x: str) -> str:
    a = site.a
    if a.padding == "same":
        totals = [step * (taps - 1) for taps, step in zip(a.kernel_size, a.dilation, strict=True)]
        sides = [(total // 2, total - total // 2) for total in totals]
    else:
        sides = [(size, size) for size in a.padding]
    # torch lists the last axis first
    listed = numbers([side for pair in reversed(sides) for side in pair])
    if a.padding_mode == "zeros":
        return call("constant_pad_nd", x, listed, "0.0")
    return call("pad", x, listed, _MODES[a.padding_mode])


def lower_conv_transpose(site: Site) -> tuple[Lowered, ...]:
    """`aten::conv_transpose2d`."""
    a = site.a
    arguments = (numbers(a.stride), numbers(a.padding), numbers(a.output_padding), integer(a.groups))
    weight, bias = site.parameter("weight"), site.optional_parameter("bias")
    return (site.call("conv_transpose2d", site.tensor(), weight, bias, *arguments, numbers(a.dilation)),)


def lower_pooling(site: Site) -> tuple[Lowered, ...]:
    """The aten op of the kind's name."""
    a, x, kind = site.a, site.tensor(), site.a.type
    if kind.startswith("adaptive_"):
        shape = site.output().shape[2:]
        found = call(_POOLINGS[kind], x, site.sizes(shape))
        # the maximum comes with its positions
        return (site.let(f"{found}[0]" if kind.startswith("adaptive_max") else found),)
    arguments = [numbers(a.kernel_size), numbers(a.stride), numbers(a.padding)]
    if kind.startswith("max"):
        arguments += [numbers(a.dilation), boolean(a.ceil_mode)]
    else:
        arguments += [boolean(a.ceil_mode), boolean(a.count_include_pad)]
        if kind == "avg_pool2d":
            arguments.append("None" if a.divisor_override is None else integer(a.divisor_override))
    return (site.call(_POOLINGS[kind], x, *arguments),)


_POOLINGS: Mapping[str, str] = {
    kind: kind
    for axes in (1, 2)
    for kind in (
        f"max_pool{axes}d",
        f"avg_pool{axes}d",
        f"adaptive_avg_pool{axes}d",
        f"adaptive_max_pool{axes}d",
    )
}

LOWERINGS: Mapping[str, Lowering] = {
    "conv1d": lower_conv,
    "conv2d": lower_conv,
    "conv_transpose2d": lower_conv_transpose,
    "pooling": lower_pooling,
}
