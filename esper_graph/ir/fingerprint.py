"""The fingerprint of a blueprint: equal exactly when two blueprints are isomorphic.

What counts: op types, attributes with defaults filled in, ports, the index of inputs and outputs, parameter
sharing, precision, dtypes. What does not: ids, names, listing order, symbol names, hints, and the order of
commutative inputs.
"""

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from esper_graph.errors import BlueprintError, LimitExceededError, Problem
from esper_graph.ir.canonical import SearchLimitExceeded, canonical_form
from esper_graph.ir.graph import Graph
from esper_graph.ir.shapes import Inference
from esper_graph.ops.attributes import bound_sizes
from esper_graph.ops.dims import Dim, substitute, symbol
from esper_graph.ops.opdef import MEMO, Settled, inferred
from esper_graph.ops.values import TensorType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

PREFIX = "f1:"
_COMMUTATIVE = "*"
_TIE = "tie"


def fingerprint(blueprint: "BlueprintIR") -> str:
    """Return `f1:` and the SHA-256 of the canonical form.

    Raises:
        BlueprintError: Ids, attributes, wiring or shapes are not valid, so that there is no structure yet.
        LimitExceededError: A part is too symmetric to be put in order; it is named, nothing is guessed.
    """
    labels, arcs = structure(blueprint)
    graph = blueprint.graph
    try:
        form = canonical_form(labels, arcs)
    except SearchLimitExceeded as error:
        inside = [graph.nodes[place].id for place in error.vertices if place < len(graph.nodes)]
        shown = ", ".join(f"`{name}`" for name in inside[:8]) + (" …" if len(inside) > 8 else "")
        raise LimitExceededError(
            Problem(
                "limit_exceeded",
                f"{len(inside)} nodes are too much alike to be told apart: {shown}",
                hint="give the branches different attributes: an exact fingerprint would take too long",
                facts={"nodes": tuple(inside), "visit_limit": error.visit_limit},
            ),
            blueprint_id=blueprint.id,
        ) from None
    return PREFIX + sha256(form.encoding).hexdigest()


def structure(blueprint: "BlueprintIR") -> tuple[list[str], list[tuple[int, int, str]]]:
    """Write a valid blueprint as `labelled_graph` does.

    Raises:
        BlueprintError: Ids, attributes, wiring or shapes are not valid, so that there is no structure yet.
    """
    graph = blueprint.graph
    if graph.problems or graph.order is None or blueprint.inference.problems:
        blueprint.validate()
        raise BlueprintError.of(graph.problems, blueprint.id)
    return labelled_graph(graph, blueprint.inference)


def labelled_graph(graph: Graph, inference: Inference) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Write a blueprint as a graph whose isomorphisms are exactly those of blueprints.

    Returns:
        A label for each node, then one for each group of nodes that share parameters; and the arcs.
    """
    labels: list[str] = []
    for node, settled in zip(graph.nodes, graph.settled, strict=True):
        assert settled is not None, "only valid blueprints get here"
        labels.append(_label(settled, node.precision, inference.symbols))
    arcs: list[tuple[int, int, str]] = []
    for target, feeds in enumerate(graph.feeds):
        op = graph.ops[target]
        assert op is not None, "only valid blueprints get here"
        for slot, source, source_slot, _ in feeds:
            port = _COMMUTATIVE if op.commutative and slot >= len(op.fixed) else slot
            arcs.append((source, target, _arc(source_slot, port)))
    ties: dict[int, set[int]] = {}
    for place, node in enumerate(graph.nodes):
        if node.shares is not None:
            owner = graph.position[node.shares]
            ties.setdefault(owner, {owner}).add(place)
    for together in ties.values():
        arcs += [(len(labels), place, _TIE) for place in together]
        labels.append(_TIE)
    return labels, arcs


@lru_cache(maxsize=MEMO)
def _arc(source_slot: int, port: int | str) -> str:
    """Write which output of a node feeds which input of another."""
    return f"{source_slot}>{port}"


@lru_cache(maxsize=MEMO)
def _label(settled: Settled, precision: str, known: tuple[str, ...]) -> str:
    """Write what a node is, with `s0`, `s1`, ... for the symbols."""
    op, values = settled.op, settled.values
    names: dict[str, Dim] = {name: symbol(f"s{number}") for number, name in enumerate(known)}
    if op.op_type == "input":
        (value,) = inferred(settled, ())[0]
        assert isinstance(value, TensorType)
        sizes = ",".join(str(substitute(size, names)) for size in value.shape)
        asked = "" if precision == "fp32" else f" {precision}"
        return f"input {values.index} {value.dtype} {sizes}{asked}"
    text = settled.text
    if op.expressions and names:
        renamed = {name: bound_sizes(getattr(values, name), names) for name in op.expressions}
        text = values.model_copy(update=renamed).model_dump_json()
    return f"{op.op_type} {precision} {text}"
