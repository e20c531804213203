"""Keys that two blueprints share when they are one edit apart, so that a look-up finds neighbours exactly.

A key is the exact fingerprint of a *variant*: the graph itself, or the graph after one thing has been taken
out of it or made unknown. What one edit adds to a graph, one variant takes away again, which leaves the other
graph. What one edit changes in a node, one variant of either leaves unknown.

| variant | who shares it |
| --- | --- |
| the graph itself | whoever has it among the variants below |
| one edge taken out; a sum of which one value is left is that value | an edge more, less, or moved |
| one node unknown: its op, its attributes, which of its inputs is which | another op, other attributes |
| one node taken out whose inputs are all one value, which feeds its consumers | a node more, less, or moved |
| one node that shares no parameters any more | a node that does, or shares others |

Sharing a key means at most two such edits apart, for each variant is one edit away from its graph. The width
of what feeds a node is no attribute of it here (see `labels`): a layer made wider is one edit, though its
consumers change with it.
"""

from array import array
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from sys import byteorder
from typing import TYPE_CHECKING, NamedTuple

from esper_graph.ir.canonical import SearchLimitExceeded, canonical_order
from esper_graph.ir.canonical_refine import Arc
from esper_graph.ir.labels import attributes_of, labelled_structure
from esper_graph.ops import OPS
from esper_graph.ops.opdef import MEMO

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

PREFIX = "k1:"
MOST = 64
"""Nodes and edges together, of a blueprint that gets keys."""

_WIDTH = 1 << 32
_PORTS = 128
_TIE = "tie"
_SUMS = ("add", "multiply", "maximum", "minimum")
_UNKNOWN = 0


def edit_keys(blueprint: "BlueprintIR") -> tuple[str, ...]:
    """List the keys of a blueprint, blocks written out; the same for all that share a fingerprint.

    Returns:
        The keys, sorted, each once: about three for each node. None where nodes and edges are more than
        `MOST` together, or a variant is too symmetric to be put in order.

    Raises:
        BlueprintError: The blueprint is not valid.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> def chain(*kinds: str) -> "BlueprintIR":
        ...     b = Builder("chain", name="Chain")
        ...     x = b.input([-1, 8])
        ...     for kind in kinds:
        ...         x = b.activation(x, type=kind)
        ...     b.output(x)
        ...     return b.finish()
        >>> keys, others = set(edit_keys(chain("relu"))), (["gelu"], ["relu", "gelu"], ["tanh"] * 4)
        >>> [not keys.isdisjoint(edit_keys(chain(*kinds))) for kinds in others]
        [True, True, False]
    """
    labels, arcs = labelled_structure(blueprint)
    if len(labels) + len(arcs) > MOST:
        return ()
    graph = _Wiring(
        [_colour(label) for label in labels],
        [(source, target, _code(ports)) for source, target, ports in arcs],
    )
    try:
        keys = {_key(variant) for variant in _variants(labels, graph)}
    except SearchLimitExceeded:
        return ()
    return tuple(sorted(keys))


class _Wiring(NamedTuple):
    """Colours of vertices, and the arcs between them."""

    colours: list[int]
    arcs: list[Arc]


@lru_cache(maxsize=MEMO)
def _colour(label: str) -> int:
    """Number a label, never as `_UNKNOWN` is numbered."""
    return int.from_bytes(blake2b(label.encode(), digest_size=8).digest(), "big") | 1


@lru_cache(maxsize=MEMO)
def _code(ports: str) -> int:
    """Number a pair of ports: 0 for none, else the output port, and the input port counted from 1."""
    if ports == _TIE:
        return 0
    source_slot, _, slot = ports.partition(">")
    return int(source_slot) * _PORTS + (_PORTS - 2 if slot == "*" else int(slot) + 1)


@lru_cache(maxsize=MEMO)
def _is_plain_sum(label: str) -> bool:
    """Whether one value alone would come out of a node as it went in, and is therefore no use of it."""
    op_type = label.partition(" ")[0]
    return op_type in _SUMS and all(value is None for value in attributes_of(label).values())


@lru_cache(maxsize=MEMO)
def _first_in_row(label: str) -> int:
    """From which input on the ports are numbered without gaps; more than any where they have names."""
    op = OPS.get(label.partition(" ")[0])
    return len(op.fixed) if op is not None and op.variadic and not op.commutative else _PORTS


def _variants(labels: list[str], graph: _Wiring) -> Iterator[_Wiring]:
    yield graph
    colours, arcs = graph
    entering: list[list[Arc]] = [[] for _ in colours]
    leaving: list[list[Arc]] = [[] for _ in colours]
    for arc in arcs:
        if arc[2]:
            entering[arc[1]].append(arc)
            leaving[arc[0]].append(arc)
        else:
            yield _without(graph.colours, [other for other in arcs if other is not arc])
    for vertex, label in enumerate(labels):
        if label == _TIE:
            continue
        yield _unknown(graph, vertex)
        inputs = entering[vertex]
        values = {(source, code // _PORTS) for source, _, code in inputs}
        if len(values) == 1 and label[:7] != "output " and all(arc[2] < _PORTS for arc in leaving[vertex]):
            yield _bypassed(graph, vertex, *values)
        if len(inputs) == 2 and _is_plain_sum(label):
            for source, _, code in inputs:
                yield _bypassed(graph, vertex, (source, code // _PORTS))
            continue
        first = _first_in_row(label)
        for arc in inputs:
            yield _cut(graph, arc, first)


def _unknown(graph: _Wiring, vertex: int) -> _Wiring:
    """Forget what a node is, and which of its inputs is which."""
    colours, arcs = graph.colours.copy(), graph.arcs.copy()
    colours[vertex] = _UNKNOWN
    for number, (source, target, code) in enumerate(arcs):
        if target == vertex and code:
            arcs[number] = (source, target, code | (_PORTS - 1))
    return _Wiring(colours, arcs)


def _cut(graph: _Wiring, arc: Arc, first: int) -> _Wiring:
    """Take out an edge; numbered ports after it move up."""
    arcs = graph.arcs.copy()
    arcs.remove(arc)
    _, vertex, gone = arc
    port = gone % _PORTS
    if port > first:
        for number, (source, target, code) in enumerate(arcs):
            if target == vertex and code % _PORTS > port:
                arcs[number] = (source, target, code - 1)
    return _Wiring(graph.colours, arcs)


def _bypassed(graph: _Wiring, vertex: int, value: tuple[int, int]) -> _Wiring:
    """Take out a node and feed its consumers with a value."""
    feeder, source_slot = value
    arcs = [
        arc if arc[0] != vertex else (feeder, arc[1], source_slot * _PORTS + arc[2])
        for arc in graph.arcs
        if arc[1] != vertex
    ]
    return _without(graph.colours, arcs, vertex)


def _without(colours: list[int], arcs: list[Arc], *vertices: int) -> _Wiring:
    """Take out vertices that have no arcs, and ties of parameters that only one node is left to use."""
    tied = [source for source, _, code in arcs if not code]
    alone = {tie for tie in tied if tied.count(tie) == 1}
    gone = {*vertices, *alone}
    number: list[int] = []
    kept: list[int] = []
    for vertex, colour in enumerate(colours):
        number.append(len(kept))
        if vertex not in gone:
            kept.append(colour)
    return _Wiring(
        kept,
        [(number[source], number[target], code) for source, target, code in arcs if source not in alone],
    )


def _key(graph: _Wiring) -> str:
    colours, arcs = graph
    order = canonical_order(colours, arcs, _WIDTH)
    place = [0] * len(order)
    for number, vertex in enumerate(order):
        place[vertex] = number
    numbers = array("Q", [colours[vertex] for vertex in order])
    numbers.extend(
        sorted([(place[source] * MOST + place[target]) * _WIDTH + code for source, target, code in arcs])
    )
    if byteorder == "big":
        numbers.byteswap()
    return PREFIX + blake2b(numbers, digest_size=12).hexdigest()
