"""Lower activations."""

from collections.abc import Callable, Mapping
from typing import Any

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import call, integer, number

_PLAIN: Mapping[str, str] = {
    **{
        kind: kind
        for kind in ("relu", "relu6", "selu", "silu", "mish", "sigmoid", "hardsigmoid", "hardswish", "tanh")
    },
    "logsigmoid": "log_sigmoid",
}
_SETTINGS: Mapping[str, tuple[str, Callable[[Any], tuple[str, ...]]]] = {
    "leaky_relu": ("leaky_relu", lambda a: (number(a.negative_slope),)),
    "elu": ("elu", lambda a: (number(a.alpha),)),
    "celu": ("celu", lambda a: (number(a.alpha),)),
    "gelu": ("gelu", lambda a: (f"approximate={_GELU[a.approximate]}",)),
    "hardtanh": ("hardtanh", lambda a: (number(a.min_val), number(a.max_val))),
    "softplus": ("softplus", lambda a: (number(a.beta), number(a.threshold))),
    "softshrink": ("softshrink", lambda a: (number(a.lambd),)),
    "hardshrink": ("hardshrink", lambda a: (number(a.lambd),)),
    "threshold": ("threshold", lambda a: (number(a.threshold), number(a.value))),
    "glu": ("glu", lambda a: (integer(a.dim),)),
}
_GELU: Mapping[str, str] = {"none": '"none"', "tanh": '"tanh"'}


def lower_activation(site: Site) -> tuple[Lowered, ...]:
    """One aten op a kind, or a few where there is none."""
    kind, x = site.a.type, site.tensor()
    if kind in _PLAIN:
        return (site.call(_PLAIN[kind], x),)
    if kind in _SETTINGS:
        op, arguments = _SETTINGS[kind]
        return (site.call(op, x, *arguments(site.a)),)
    if kind in _OTHERS:
        return _OTHERS[kind](site)
    raise site.refuse(f"the activation `{kind}` has no lowering")


def lower_softmax(site: Site) -> tuple[Lowered, ...]:
    """Softmax of `x / temperature`; with `hard` a straight-through one-hot, noisy in training only."""
    x, dim = site.tensor(), integer(site.a.dim)
    if site.a.hard and site.training:
        noise = call("exponential", call("empty_like", x))
        x = site.in_training(x, call("sub", x, call("log", noise)))
    x = _tempered(site, x)
    soft = site.call("softmax", x, dim)
    if not site.a.hard:
        return (soft,)
    chosen = site.call("argmax", soft, dim, "True")
    hard = site.call("scatter", call("zeros_like", soft), dim, chosen, "1.0")
    if not site.training:
        return (hard,)
    # The difference is exactly zero; it carries the gradient.
    return (site.call("add", hard, call("sub", soft, call("detach", soft))),)


def _lower_log_softmax(site: Site) -> tuple[Lowered, ...]:
    return (site.call("log_softmax", _tempered(site, site.tensor()), integer(site.a.dim)),)


def _tempered(site: Site, x: str) -> str:
    return x if site.a.temperature == 1.0 else site.call("true_divide", x, number(site.a.temperature))


def _lower_prelu(site: Site) -> tuple[Lowered, ...]:
    return (site.call("prelu", site.tensor(), site.parameter("weight")),)


def _lower_softsign(site: Site) -> tuple[Lowered, ...]:
    x = site.tensor()
    return (site.call("true_divide", x, call("add", call("abs", x), "1.0")),)


def _lower_tanhshrink(site: Site) -> tuple[Lowered, ...]:
    x = site.tensor()
    return (site.call("sub", x, call("tanh", x)),)


_OTHERS: Mapping[str, Lowering] = {
    "softmax": lower_softmax,
    "log_softmax": _lower_log_softmax,
    "prelu": _lower_prelu,
    "softsign": _lower_softsign,
    "tanhshrink": _lower_tanhshrink,
}

LOWERINGS: Mapping[str, Lowering] = {"activation": lower_activation, "softmax": lower_softmax}
