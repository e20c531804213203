"""Lower ops that move elements; sizes are those that inference found, over the sizes of the inputs."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import boolean, integer, names, number, numbers

_PAD_MODES: Mapping[str, str] = {mode: f'"{mode}"' for mode in ("reflect", "replicate", "circular")}


def _identity(site: Site) -> tuple[Lowered, ...]:
    found = site.inputs[0]
    assert found is not None
    return (found,)


def _detach(site: Site) -> tuple[Lowered, ...]:
    return (site.call("detach", site.tensor()) if site.training else site.tensor(),)


def _cast(site: Site) -> tuple[Lowered, ...]:
    return (site.cast(site.tensor(), site.type().dtype, site.a.dtype),)


def _reshape(site: Site) -> tuple[Lowered, ...]:
    return (site.call("reshape", site.tensor(), site.sizes(site.output().shape)),)


def _flatten(site: Site) -> tuple[Lowered, ...]:
    return (site.call("flatten", site.tensor(), integer(site.a.start_dim), integer(site.a.end_dim)),)


def _unflatten(site: Site) -> tuple[Lowered, ...]:
    axis = int(site.a.dim) % site.type().rank
    sizes = site.output().shape[axis : axis + len(site.a.sizes)]
    return (site.call("unflatten", site.tensor(), integer(axis), site.sizes(sizes)),)


def _transpose(site: Site) -> tuple[Lowered, ...]:
    return (site.call("transpose", site.tensor(), integer(site.a.dim0), integer(site.a.dim1)),)


def _permute(site: Site) -> tuple[Lowered, ...]:
    return (site.call("permute", site.tensor(), numbers(site.a.dims)),)


def _expand(site: Site) -> tuple[Lowered, ...]:
    return (site.call("expand", site.tensor(), site.sizes(site.output().shape)),)


def _concat(site: Site) -> tuple[Lowered, ...]:
    return (site.call("cat", names(site.tensors()), integer(site.a.dim)),)


def _stack(site: Site) -> tuple[Lowered, ...]:
    return (site.call("stack", names(site.tensors()), integer(site.a.dim)),)


def _split(site: Site) -> tuple[Lowered, ...]:
    axis = int(site.a.dim) % site.type().rank
    sizes = [site.output(slot).shape[axis] for slot in range(len(site.outputs))]
    parts = site.call("split_with_sizes", site.tensor(), site.sizes(sizes), integer(axis))
    return tuple(site.let(f"{parts}[{integer(slot)}]") for slot in range(len(sizes)))


def _slice(site: Site) -> tuple[Lowered, ...]:
    end = "None" if site.a.end is None else integer(site.a.end)
    arguments = (integer(site.a.dim), integer(site.a.start), end, integer(site.a.step))
    return (site.call("slice", site.tensor(), *arguments),)


def _pad(site: Site) -> tuple[Lowered, ...]:
    padding, kind = list(site.a.padding), site.type().kind
    if not padding:
        return (site.tensor(),)
    if site.a.mode == "constant":
        value = integer(int(site.a.value)) if kind in ("bool", "int") else number(site.a.value)
        return (site.call("constant_pad_nd", site.tensor(), numbers(padding), value),)
    # torch wants pairs for all axes after the channels
    padding += [0, 0] * (site.type().rank - 2 - len(padding) // 2)
    return (site.call("pad", site.tensor(), numbers(padding), _PAD_MODES[site.a.mode]),)


def _gather(site: Site) -> tuple[Lowered, ...]:
    return (site.call("gather", site.tensor(0), integer(site.a.dim), site.tensor(1)),)


def _roll(site: Site) -> tuple[Lowered, ...]:
    return (site.call("roll", site.tensor(), numbers(site.a.shifts), numbers(site.a.dim)),)


def _interpolate(site: Site) -> tuple[Lowered, ...]:
    """The size of the result decides, so no factor is handed on."""
    axes = site.type().rank - 2
    op, takes_corners = _SAMPLERS[site.a.mode]
    arguments = [site.sizes(site.output().shape[2:])]
    if takes_corners:
        arguments.append(boolean(site.a.align_corners))
    return (site.call(op.format(axes=axes), site.tensor(), *arguments),)


_SAMPLERS: Mapping[str, tuple[str, bool]] = {
    "nearest": ("upsample_nearest{axes}d", False),
    "nearest-exact": ("_upsample_nearest_exact{axes}d", False),
    "linear": ("upsample_linear1d", True),
    "bilinear": ("upsample_bilinear2d", True),
    "trilinear": ("upsample_trilinear3d", True),
    "bicubic": ("upsample_bicubic2d", True),
    "area": ("adaptive_avg_pool{axes}d", False),
}

LOWERINGS: Mapping[str, Lowering] = {
    "identity": _identity,
    "detach": _detach,
    "cast": _cast,
    "reshape": _reshape,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "transpose": _transpose,
    "permute": _permute,
    "expand": _expand,
    "concat": _concat,
    "stack": _stack,
    "split": _split,
    "slice": _slice,
    "pad": _pad,
    "gather": _gather,
    "roll": _roll,
    "interpolate": _interpolate,
}
