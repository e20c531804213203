"""Lower normalisations."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import boolean, call, integer, number, numbers


def lower_normalization(site: Site) -> tuple[Lowered, ...]:
    """The aten op of the kind."""
    return _KINDS[site.a.type](site)


def _layer_norm(site: Site) -> tuple[Lowered, ...]:
    weight, bias = site.optional_parameter("weight"), site.optional_parameter("bias")
    shape = numbers(site.a.normalized_shape)
    return (site.call("layer_norm", site.tensor(), shape, weight, bias, number(site.a.eps), "False"),)


def _rms_norm(site: Site) -> tuple[Lowered, ...]:
    shape = numbers(site.a.normalized_shape)
    return (
        site.call("rms_norm", site.tensor(), shape, site.optional_parameter("weight"), number(site.a.eps)),
    )


def _group_norm(site: Site) -> tuple[Lowered, ...]:
    weight, bias = site.optional_parameter("weight"), site.optional_parameter("bias")
    groups = integer(site.a.num_groups)
    return (site.call("group_norm", site.tensor(), groups, weight, bias, number(site.a.eps), "False"),)


def _batch_norm(site: Site) -> tuple[Lowered, ...]:
    """Statistics of the batch in training, or always where none are kept."""
    if not site.a.track_running_stats:
        return (_with_statistics(site, "batch_norm", "True"),)
    if not site.training:
        return (_with_statistics(site, "batch_norm", "False"),)
    x, tracked = site.tensor(), site.parameter("num_batches_tracked")
    with site.writer.block("if self.training:"):
        # aten would make the running variance NaN
        with site.writer.block(f"if {x}.numel() // {x}.size(1) < 2:"):
            site.writer.line(
                'raise RuntimeError("batch_norm needs more than one value a channel in training: '
                'give a larger batch, or call eval()")'
            )
        site.writer.line(call("add_", tracked, "1"))
    return (_with_statistics(site, "batch_norm", "self.training"),)


def _instance_norm(site: Site) -> tuple[Lowered, ...]:
    """Statistics of the sample; running ones are used in evaluation where they are kept."""
    if not site.a.track_running_stats:
        return (_with_statistics(site, "instance_norm", "True"),)
    if not site.training:
        return (_with_statistics(site, "instance_norm", "False"),)
    with site.writer.block("if self.training:"):
        site.writer.line(call("add_", site.parameter("num_batches_tracked"), "1"))
    return (_with_statistics(site, "instance_norm", "self.training"),)


def _with_statistics(site: Site, op: str, from_input: str) -> str:
    momentum = site.a.momentum
    if momentum is None and site.a.track_running_stats:
        # the newest of n batches counts 1/n
        share = (
            f"1.0 / max(float({site.parameter('num_batches_tracked')}), 1.0)"
            if site.training
            else number(0.0)
        )
    else:
        share = number(momentum or 0.0)
    tensors = [site.optional_parameter(name) for name in ("weight", "bias", "running_mean", "running_var")]
    return site.call(op, site.tensor(), *tensors, from_input, share, number(site.a.eps), boolean(value=False))


_KINDS: Mapping[str, Lowering] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
}

LOWERINGS: Mapping[str, Lowering] = {"normalization": lower_normalization}
