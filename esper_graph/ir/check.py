"""Find everything that is wrong with a blueprint, as data.

Limits on size are looked at first, so that nothing costly is done for what is refused anyway. Checks that
need sound wiring are left out where it is not sound: they would only repeat what is already said.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from esper_graph.config import Validation, load_manifest
from esper_graph.errors import Problem, close_names, suggestion
from esper_graph.ir.blocks import BLOCK, block_problems, size_of
from esper_graph.ir.graph import Graph

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR


_ALWAYS = ("Boundary", "Block")  # what is inside of a block is looked at itself


def default_limits(blueprint: "BlueprintIR | None" = None) -> Validation:
    """Return the shipped manifest's rules, with the limits that were raised for this blueprint."""
    rules = load_manifest().validation
    raised: Mapping[str, int] = blueprint.limits if blueprint is not None else {}
    return raise_limits(rules, **raised) if raised else rules


def raise_limits(
    rules: Validation,
    *,
    max_nodes: int | None = None,
    max_edges: int | None = None,
    max_depth: int | None = None,
) -> Validation:
    """Return the rules with limits raised; a smaller number than the rule's changes nothing."""
    return Validation(
        max_nodes=max(rules.max_nodes, max_nodes or 0),
        max_edges=max(rules.max_edges, max_edges or 0),
        max_depth=max(rules.max_depth, max_depth or 0),
        allowed_op_types=rules.allowed_op_types,
    )


def check(blueprint: "BlueprintIR", *, limits: Validation | None = None) -> list[Problem]:
    """List everything that is wrong with a blueprint, most basic first; empty when it is valid.

    Args:
        limits: Rules of the registry; None means the shipped manifest's, raised by the blueprint's own.

    Example:
        >>> from esper_graph.ir.blueprint import BlueprintIR
        >>> [problem.message for problem in check(BlueprintIR(name="empty", nodes=[], edges=[]))]
        ['the blueprint has no output', 'the blueprint has no input and no constant']
    """
    rules = limits or default_limits(blueprint)
    problems = list(_too_large(blueprint, rules))
    if problems:
        return problems
    graph = blueprint.graph
    problems = [*graph.problems]
    for find in _STRUCTURE:
        problems += find(graph)
    problems += _narrowed(graph, rules)
    if not graph.of_type(BLOCK):
        problems += _too_deep(graph, rules)
    elif not problems and not block_problems(blueprint):
        inner = blueprint.expanded.graph
        problems += [*_gradients_in_results(inner), *_narrowed(inner, rules), *_too_deep(inner, rules)]
    problems += blueprint.inference.problems
    return problems


def _too_large(blueprint: "BlueprintIR", rules: Validation) -> Iterator[Problem]:
    nodes, edges = size_of(blueprint)
    for what, count, limit in (("nodes", nodes, rules.max_nodes), ("edges", edges, rules.max_edges)):
        if count > limit:
            yield _over(what, count, limit)


def _too_deep(graph: Graph, rules: Validation) -> Iterator[Problem]:
    if graph.depth > rules.max_depth:
        yield _over("depth", graph.depth, rules.max_depth)


def _over(what: str, count: int, limit: int) -> Problem:
    message = f"the blueprint has {count} {what}, the limit is {limit}"
    if what == "depth":
        message = f"the longest path of the blueprint has {count} ops, the limit is {limit}"
    return Problem(
        "limit_exceeded",
        message,
        hint=f"raise the limit for this call with `--max-{what} {count}`, or split the blueprint",
        facts={"limit": f"max_{what}", "allowed": limit, "found": count},
    )


def _cycle(graph: Graph) -> Iterator[Problem]:
    if graph.cycle:
        yield Problem(
            "graph_cycle",
            f"the edges form a cycle: {' -> '.join(graph.cycle)}",
            f"node `{graph.cycle[0]}`",
            "remove one of its edges; a recurrence over time is the op `recurrent`",
            {"path": graph.cycle},
        )


def _boundary(graph: Graph) -> Iterator[Problem]:
    if "output" not in graph.by_type:
        yield Problem(
            "dangling_edge", "the blueprint has no output", hint="add a node of op type `output` and feed it"
        )
    if not graph.by_type.keys() & {"input", "constant"}:
        yield Problem(
            "dangling_edge",
            "the blueprint has no input and no constant",
            hint="add a node of op type `input` with its shape",
        )
    for op_type in ("input", "output"):
        places = graph.of_type(op_type)
        indices = [graph.nodes[place].attributes.get("index") for place in places]
        if indices and indices != list(range(len(places))):
            shown = ", ".join(
                f"`{graph.nodes[place].id}` {index}" for place, index in zip(places, indices, strict=True)
            )
            yield Problem(
                "bad_attribute",
                f"the indices of the {op_type}s are not 0 to {len(places) - 1}, each once: {shown}",
                f"node `{graph.nodes[places[0]].id}`",
                "leave `index` out to number them in listing order",
                {"op_type": op_type, "indices": tuple(indices)},
            )


def _sharing(graph: Graph) -> Iterator[Problem]:
    for place, node in enumerate(graph.nodes):
        if node.shares is None:
            continue
        where, facts = f"node `{node.id}`", {"node": node.id, "shares": node.shares}
        owner = graph.position.get(node.shares)
        if owner is None:
            yield Problem(
                "dangling_edge",
                f"`{node.id}` shares the parameters of `{node.shares}`, which does not exist",
                where,
                suggestion(close_names(node.shares, graph.position)),
                facts,
            )
            continue
        owning = graph.nodes[owner]
        if owning.shares is not None or owner == place:
            yield Problem(
                "bad_attribute",
                f"`{node.id}` shares the parameters of `{node.shares}`, which owns none itself",
                where,
                f"name the node that owns them: `{owning.shares}`"
                if owner != place
                else "leave `shares` out",
                facts,
            )
        elif _parameters(graph, place) != _parameters(graph, owner):
            yield Problem(
                "bad_attribute",
                f"`{node.id}` shares the parameters of `{node.shares}`, but needs others: "
                f"{_shown_parameters(graph, place)} against {_shown_parameters(graph, owner)}",
                where,
                None,
                facts,
            )


def _parameters(graph: Graph, place: int) -> list[tuple[str, tuple[int, ...]]]:
    settled = graph.settled[place]
    return [(one.name, one.shape) for one in settled.parameters] if settled is not None else []


def _shown_parameters(graph: Graph, place: int) -> str:
    found = _parameters(graph, place)
    return ", ".join(f"{name} {list(shape)}" for name, shape in found) or "none"


def _attention_edges(graph: Graph) -> Iterator[Problem]:
    for edge in graph.edges:
        if edge.connection_type == "attention" and edge.target in graph.position:
            target = graph.nodes[graph.position[edge.target]]
            op = graph.ops[graph.position[edge.target]]
            if op is not None and op.family != "Attention":
                yield Problem(
                    "dangling_edge",
                    f"edge `{edge.id}` has the connection type attention, "
                    f"but `{target.id}` is a `{target.op_type}`",
                    f"edge `{edge.id}`",
                    "write `forward` or `residual`",
                    {"edge": edge.id, "node": target.id, "op_type": target.op_type},
                )


def _gradients_in_results(graph: Graph) -> Iterator[Problem]:
    """A gradient exists only after the results: nothing that depends on one can be among them."""
    if graph.order is None or "gradient_norm" not in graph.by_type:
        return
    origin: dict[int, int] = {}
    for place in graph.order:
        source = next((origin[feed.source] for feed in graph.feeds[place] if feed.source in origin), None)
        if graph.nodes[place].op_type == "gradient_norm":
            source = place
        if source is None:
            continue
        origin[place] = source
        node, measured = graph.nodes[place], graph.nodes[source]
        if node.op_type == "output":
            yield Problem(
                "dangling_edge",
                f"the output `{node.id}` depends on `{measured.id}` (gradient_norm), "
                "which is known only after the results",
                f"node `{node.id}`",
                "feed it to `telemetry` instead",
                {"node": node.id, "source": measured.id},
            )


def _narrowed(graph: Graph, rules: Validation) -> Iterator[Problem]:
    if rules.allowed_op_types is None:
        return
    for node, op in zip(graph.nodes, graph.ops, strict=True):
        if op is not None and op.family not in _ALWAYS and node.op_type not in rules.allowed_op_types:
            yield Problem(
                "unknown_op",
                f"the manifest does not allow the op `{node.op_type}`",
                f"node `{node.id}`",
                f"it allows {', '.join(rules.allowed_op_types)}",
                {"node": node.id, "op_type": node.op_type},
            )


_STRUCTURE: tuple[Callable[[Graph], Iterator[Problem]], ...] = (
    _cycle,
    _boundary,
    _sharing,
    _attention_edges,
    _gradients_in_results,
)
