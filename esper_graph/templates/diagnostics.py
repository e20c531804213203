"""Looking into a network without changing what it computes: the input passes, metrics come beside it."""
# ruff: noqa: FBT001, FBT002 - the specification fixes these signatures

from collections.abc import Callable, Mapping
from types import MappingProxyType

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, Wire
from esper_graph.templates._arguments import Arguments
from esper_graph.templates._naming import finished

REDUCTIONS = ("none", "mean", "sum", "max", "min", "std", "var", "norm", "prod")
LOG_FREQUENCY = 100
"""A probe is computed at every hundredth call in training."""


def create_probe_layer(
    probe_type: str = "activation", reduction: str = "mean", detach: bool = True
) -> BlueprintIR:
    """Pass the input through and report one statistic of it in training.

    What it costs is the cost of the probe alone; a kernel for inference leaves it out.

    Args:
        probe_type: `activation` (mean, deviation and maximum of each row), `gradient` (norm of the loss's
            gradient here), `information` (entropy of each row's softmax).
        reduction: How the statistic becomes one number; `none` reports it as it is.
        detach: No gradient flows back from the probe. A gradient is measured on the input itself, whatever
            this says: a detached value has none.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> probe = create_probe_layer("information")
        >>> probe.id, probe.estimated_flops
        ('probe_information_mean', 0)
    """
    arguments = Arguments("create_probe_layer")
    arguments.choice(_PROBES, probe_type=probe_type)
    arguments.choice(REDUCTIONS, reduction=reduction)
    arguments.flag(detach=detach)
    arguments.settle()

    b = Builder(
        f"probe_{probe_type}_{reduction}",
        name=f"Probe of the {probe_type}, reduction {reduction}",
        tags=["diagnostic", "monitoring", "non_invasive", "probe"],
    )
    x = b.input([-1, -1])
    detached = detach and probe_type != "gradient"
    found = _PROBES[probe_type](b, b.detach(x, id="detach") if detached else x)
    if reduction != "none":
        found = b.reduce(found, operation=reduction, dim=None, id="reduce")
    b.telemetry(found, metric_name=f"{probe_type}_probe", log_frequency=LOG_FREQUENCY, id="telemetry")
    b.output(x)
    unspelled = {} if probe_type == "gradient" else {"detach": detach}
    return finished(b.finish(), create_probe_layer, **unspelled)


def _activation(b: Builder, x: Wire) -> Wire:
    statistics = [
        b.reduce(x, operation=operation, dim=-1, id=f"act_{operation}")
        for operation in ("mean", "std", "max")
    ]
    return b.concat(*statistics, dim=-1, id="combine_stats")


def _gradient(b: Builder, x: Wire) -> Wire:
    return b.gradient_norm(x, ord=2, id="grad_norm")


def _information(b: Builder, x: Wire) -> Wire:
    return b.entropy(b.activation(x, type="softmax", dim=-1, id="softmax"), id="entropy")


_PROBES: Mapping[str, Callable[[Builder, Wire], Wire]] = MappingProxyType(
    {"activation": _activation, "gradient": _gradient, "information": _information}
)


def create_gradient_analyzer(
    log_frequency: int = LOG_FREQUENCY, norm_order: float = 2.0, sparsity_threshold: float = 0.0
) -> BlueprintIR:
    """Pass the input through and report the norm of its gradient, its mean and its sparsity in training.

    Args:
        log_frequency: The metrics are computed at every n-th call.
        norm_order: Order of the gradient's vector norm.
        sparsity_threshold: An element counts as zero when its magnitude is at most this.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> create_gradient_analyzer().id
        'gradient_analyzer'
    """
    arguments = Arguments("create_gradient_analyzer")
    arguments.size(log_frequency=log_frequency)
    arguments.positive(norm_order=norm_order)
    arguments.not_negative(sparsity_threshold=sparsity_threshold)
    arguments.settle()

    b = Builder(
        "gradient_analyzer",
        name="Gradient analyzer",
        tags=["diagnostic", "gradient", "monitoring", "non_invasive"],
    )
    x = b.input([-1, -1])
    value = b.detach(x, id="detach")
    small = b.compare(b.abs(value, id="magnitude"), operation="le", scalar=sparsity_threshold, id="is_zero")
    metrics = {
        "gradient_norm": b.gradient_norm(x, ord=norm_order, id="grad_norm"),
        "mean": b.reduce(value, operation="mean", dim=None, id="mean"),
        "sparsity": b.reduce(
            b.cast(small, dtype="float32", id="zeros"), operation="mean", dim=None, id="sparsity"
        ),
    }
    for name, metric in metrics.items():
        b.telemetry(metric, metric_name=name, log_frequency=log_frequency, id=f"{name}_telemetry")
    b.output(x)
    return finished(
        b.finish(),
        create_gradient_analyzer,
        log_frequency=log_frequency,
        norm_order=norm_order,
        sparsity_threshold=sparsity_threshold,
    )
