"""Lower ops that draw random numbers."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import call, number


def lower_dropout(site: Site) -> tuple[Lowered, ...]:
    """The op of torch that has the same name, while training; nothing in a kernel for inference."""
    x = site.tensor()
    if not site.training or site.a.p == 0:
        return (x,)
    feature = "feature_" if getattr(site.a, "feature", False) else ""
    return (site.call(f"{feature}{site.op_type}", x, number(site.a.p), "self.training"),)


def lower_noise(site: Site) -> tuple[Lowered, ...]:
    """Normal numbers of the input's shape, in training or always."""
    x = site.tensor()
    if site.a.std == 0:
        return (x,)
    noisy = call("add", x, call("mul", call("randn_like", x), number(site.a.std)))
    return (site.in_training(x, noisy) if site.a.training_only else site.let(noisy),)


LOWERINGS: Mapping[str, Lowering] = {
    **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout"), lower_dropout),
    "noise": lower_noise,
}
