"""Tell where each node of a blueprint is computed: for an output, for a metric, or from gradients."""

from dataclasses import dataclass

from esper_graph.compile.job import Mode
from esper_graph.errors import LoweringError
from esper_graph.ir.graph import Graph


@dataclass(frozen=True, slots=True)
class Regions:
    """The nodes of a kernel, by where they are computed; all in topological order.

    Attributes:
        main: On the way to an output.
        probe: Only for metrics, by how rarely: 1 for every call, n for every n-th.
        gradient: From gradients, after `backward`; begins with `gradient_norm`.
        taps: The values whose gradients are wanted, by node and output; for each the `gradient_norm` nodes.
        every: For each `gradient_norm` and each node of `probe` and `gradient`, how rarely it is wanted.
    """

    main: tuple[int, ...]
    probe: dict[int, tuple[int, ...]]
    gradient: tuple[int, ...]
    taps: dict[tuple[int, int], tuple[int, ...]]
    every: dict[int, int]


def regions(graph: Graph, mode: Mode) -> Regions:
    """Sort the nodes of a valid blueprint into regions.

    What only training needs is in no region of a kernel for inference.

    Raises:
        LoweringError: A value depends on a gradient, which is only known after `backward`.
    """
    assert graph.order is not None, "only valid blueprints get here"
    roots = [place for place, node in enumerate(graph.nodes) if node.op_type == "output"]
    effects = [place for place, op in enumerate(graph.ops) if op is not None and op.effect]
    main = graph.upstream(roots)
    gradient = graph.downstream(graph.by_type.get("gradient_norm", ()))
    _refuse_mixtures(graph, main, gradient)
    if mode == "infer":
        return Regions(tuple(place for place in graph.order if place in main), {}, (), {}, {})
    every = _frequencies(graph, effects, main)
    probe: dict[int, tuple[int, ...]] = {}
    for frequency in sorted(set(every.values())):
        places = [
            place for place in graph.order if place not in main | gradient and every.get(place) == frequency
        ]
        if places:
            probe[frequency] = tuple(places)
    taps: dict[tuple[int, int], tuple[int, ...]] = {}
    for place in graph.order:
        if graph.nodes[place].op_type == "gradient_norm":
            feed = graph.feeds[place][0]
            value = (feed.source, feed.source_slot)
            taps[value] = (*taps.get(value, ()), place)
    return Regions(
        tuple(place for place in graph.order if place in main),
        probe,
        tuple(place for place in graph.order if place in gradient and place in every),
        taps,
        every,
    )


def _refuse_mixtures(graph: Graph, main: set[int], gradient: set[int]) -> None:
    for place in sorted(gradient):
        node = graph.nodes[place]
        if place in main:
            raise LoweringError(
                f"`{node.id}` is on the way from a gradient to an output, "
                "and gradients are known only after the outputs",
                where=[f"node  {node.id} ({node.op_type})"],
                hint="let `gradient_norm` feed `telemetry` only, or nothing",
            )
        others = [feed for feed in graph.feeds[place] if feed.source not in gradient]
        if others and node.op_type != "gradient_norm":
            raise LoweringError(
                f"`{node.id}` joins a gradient with `{graph.nodes[others[0].source].id}`, "
                "and gradients are known only after the other values",
                where=[f"node  {node.id} ({node.op_type})"],
                hint="let `gradient_norm` feed `telemetry` only, or nothing",
            )
        if node.op_type == "gradient_norm" and not others:
            raise LoweringError(
                f"`{node.id}` asks for the gradient of a gradient's norm",
                where=[f"node  {node.id} ({node.op_type})"],
                hint="feed it with a value of the forward computation",
            )


def _frequencies(graph: Graph, effects: list[int], main: set[int]) -> dict[int, int]:
    """How rarely each node that effects need is wanted: as rarely as the only effects that need it."""
    assert graph.order is not None
    wanted: dict[int, set[int]] = {}
    for place in reversed(graph.order):
        found: set[int] = set()
        for target, _ in graph.consumers[place]:
            found |= wanted.get(target, set())
        if place in effects:
            own = graph.values[place].log_frequency if graph.nodes[place].op_type == "telemetry" else 1
            if graph.nodes[place].op_type != "gradient_norm" or not graph.consumers[place]:
                found.add(own)
        if found:
            wanted[place] = found
    return {
        place: found.pop() if len(found) == 1 else 1 for place, found in wanted.items() if place not in main
    }
