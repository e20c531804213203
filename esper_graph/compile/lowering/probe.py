"""Lower effects of training kernels: reported values, and norms of gradients.

How often a metric is wanted is the emitter's business: it also leaves out what only feeds the metric.
"""

from collections.abc import Mapping

from esper_graph.compile.lowering.reduction import order
from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import call


def lower_telemetry(site: Site) -> tuple[Lowered, ...]:
    """Report the value."""
    with site.probe():
        site.metric(call("detach", site.tensor()))
    return ()


def lower_gradient_norm(site: Site) -> tuple[Lowered, ...]:
    """Norm of a gradient, reported unless something else takes it; its input port carries the gradient."""
    found = site.call("linalg_vector_norm", site.tensor(), order(site.a.ord))
    if not site.consumed:
        site.metric(found)
    return (found,)


LOWERINGS: Mapping[str, Lowering] = {"telemetry": lower_telemetry, "gradient_norm": lower_gradient_norm}
