"""Infer the type of every value in a blueprint, exactly, with sizes as expressions over its symbols."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from esper_graph.errors import Problem
from esper_graph.ir.graph import Graph
from esper_graph.ir.specs import DeclaredShape
from esper_graph.ops.dims import Dim, Expression, parse, symbols
from esper_graph.ops.opdef import Assumption, RuleError, inferred
from esper_graph.ops.values import TensorType, ValueType


class Inference(NamedTuple):
    """Types of all values.

    Attributes:
        inputs: Types at each node's input ports, by node position; None where they are not known.
        outputs: Types at each node's output ports, in the same way.
        assumptions: What holds only for some sizes, each with the position of its node.
        symbols: Names of the symbols, in the order in which the inputs define them.
        problems: Where types do not fit, or differ from declared ones.
    """

    inputs: tuple[tuple[ValueType | None, ...] | None, ...]
    outputs: tuple[tuple[ValueType, ...] | None, ...]
    assumptions: tuple[tuple[int, Assumption], ...]
    symbols: tuple[str, ...]
    problems: tuple[Problem, ...]


def infer(graph: Graph) -> Inference:
    """Infer types in topological order; what depends on a faulty node is left open."""
    inputs: list[tuple[ValueType | None, ...] | None] = [None] * len(graph.nodes)
    outputs: list[tuple[ValueType, ...] | None] = [None] * len(graph.nodes)
    assumptions: list[tuple[int, Assumption]] = []
    problems: list[Problem] = []
    input_types, all_settled = graph.input_types, graph.settled
    for place in graph.order or ():
        settled = all_settled[place]
        types = inputs[place] = input_types(outputs, place)
        if settled is None or settled.values is None or types is None:
            continue
        try:
            outputs[place], assumed = inferred(settled, types)
        except RuleError as error:
            problems.append(_unfit(graph, place, error))
            continue
        if assumed:
            assumptions += [(place, assumption) for assumption in assumed]
    names, entangled = defined_symbols(graph, outputs)
    if graph.order is not None:
        problems += _entangled_symbols(graph, entangled)
        problems += _undefined_symbols(graph, names)
        problems += _declarations(graph, outputs)
    return Inference(tuple(inputs), tuple(outputs), tuple(assumptions), names, tuple(problems))


def _unfit(graph: Graph, place: int, error: RuleError) -> Problem:
    node, feeds = graph.nodes[place], graph.feeds[place]
    facts = {"node": node.id, "op_type": node.op_type, **error.facts}
    if feeds:
        facts["source"] = graph.nodes[feeds[0].source].id
    return Problem("shape_mismatch", f"`{node.id}`: {error.message}", f"node `{node.id}`", error.hint, facts)


def _undefined_symbols(graph: Graph, defined: Sequence[str]) -> list[Problem]:
    """Sizes written in attributes may only use symbols that some input defines."""
    problems: list[Problem] = []
    for place, settled in enumerate(graph.settled):
        if settled is None or not settled.symbols:
            continue
        node = graph.nodes[place]
        for attribute, name in settled.symbols:
            if name in defined:
                continue
            known = ", ".join(sorted(defined)) or "none"
            problems.append(
                Problem(
                    "shape_mismatch",
                    f"`{attribute}` of `{node.id}` uses the size `{name}`, which no input defines",
                    f"node `{node.id}`",
                    f"the inputs define {known}",
                    {"node": node.id, "attribute": attribute, "symbol": name},
                )
            )
    return problems


def _declarations(graph: Graph, outputs: list[tuple[ValueType, ...] | None]) -> list[Problem]:
    problems: list[Problem] = []
    for place, node in enumerate(graph.nodes):
        if node.output_shape is None and node.input_shape is None:
            continue
        values = outputs[place]
        if node.output_shape is not None and values:
            problems += _declared(
                node.output_shape, values[0], f"node `{node.id}`", "output_shape", node=node.id
            )
        if node.input_shape is not None and graph.feeds[place]:
            feed = graph.feeds[place][0]
            source = outputs[feed.source]
            if source is not None:
                value = source[feed.source_slot]
                problems += _declared(
                    node.input_shape, value, f"node `{node.id}`", "input_shape", node=node.id
                )
    if not [edge for edge in graph.edges if edge.tensor_shape is not None or edge.dtype is not None]:
        return problems
    for place, feeds in enumerate(graph.feeds):
        for feed in feeds:
            edge, source = graph.edges[feed.edge], outputs[feed.source]
            if source is None:
                continue
            value, where = source[feed.source_slot], f"edge `{edge.id}`"
            if edge.tensor_shape is not None:
                problems += _declared(edge.tensor_shape, value, where, "tensor_shape", edge=edge.id)
            if edge.dtype is not None and not (isinstance(value, TensorType) and value.dtype == edge.dtype):
                target = graph.nodes[place].id
                message = f"edge `{edge.id}` declares dtype {edge.dtype}, but carries {value} into `{target}`"
                facts = {"edge": edge.id, "expected": edge.dtype, "actual": str(value)}
                problems.append(
                    Problem("shape_mismatch", message, where, "leave dtype out to accept it", facts)
                )
    return problems


def _declared(
    declared: DeclaredShape, value: ValueType, where: str, field: str, **facts: object
) -> list[Problem]:
    if isinstance(value, TensorType) and len(declared) == value.rank:
        try:
            if all(_matches(size, actual) for size, actual in zip(declared, value.shape, strict=True)):
                return []
        except ValueError as error:
            return [Problem("format", f"{field}: {error}", where, facts=facts)]
    shown = f"[{', '.join(map(str, declared))}]"
    message = f"{where} declares {field}={shown}, but it is {value}"
    return [
        Problem("shape_mismatch", message, where, None, {"expected": shown, "actual": str(value), **facts})
    ]


def _matches(declared: int | str, actual: Dim) -> bool:
    return declared == -1 or (parse(declared) if isinstance(declared, str) else declared) == actual


def defined_symbols(
    graph: Graph, outputs: Sequence[tuple[ValueType, ...] | None]
) -> tuple[tuple[str, ...], list[tuple[int, int, set[str]]]]:
    """Collect the symbols in the order in which the inputs define them, whatever their names are.

    An axis defines a symbol where it is the only new one: of `[a*b, b]` the second axis defines `b`, then the
    first one `a`.

    Returns:
        The symbols, and the axes (input, axis, symbols) that define several at once.
    """
    waiting = [
        (place, axis, symbols(size))
        for place in graph.of_type("input")
        for value in outputs[place] or ()
        if isinstance(value, TensorType)
        for axis, size in enumerate(value.shape)
        if isinstance(size, Expression)
    ]
    names: dict[str, None] = {}
    while waiting:
        later: list[tuple[int, int, frozenset[str]]] = []
        for place, axis, used in waiting:
            new = used - names.keys()
            if len(new) > 1:
                later.append((place, axis, used))
            else:
                names.update(dict.fromkeys(new))
        if len(later) == len(waiting):
            break
        waiting = later
    else:
        return tuple(names), []
    entangled = [(place, axis, set(used - names.keys())) for place, axis, used in waiting]
    for _, _, new in entangled:
        names.update(dict.fromkeys(sorted(new)))
    return tuple(names), entangled


def _entangled_symbols(graph: Graph, axes: list[tuple[int, int, set[str]]]) -> Iterator[Problem]:
    """Sizes that no axis tells apart have no order, and no values that follow from a call."""
    for place, axis, names in axes:
        node = graph.nodes[place]
        shown = " and ".join(f"`{name}`" for name in sorted(names))
        yield Problem(
            "bad_attribute",
            f"axis {axis} of `{node.id}` is the first to use the sizes {shown}, so none of them is known",
            f"node `{node.id}`",
            "give the product one name, or each of them an axis of its own",
            {"node": node.id, "axis": axis, "symbols": tuple(sorted(names))},
        )
