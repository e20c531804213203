"""Graphs with known symmetry, as vertex labels and arcs, for tests of the canonical form."""

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise, product
from random import Random
from typing import Any

import networkx as nx

Arc = tuple[int, int, str]
Labelled = tuple[list[str], list[Arc]]


def undirected(count: int, pairs: Iterable[tuple[int, int]]) -> Labelled:
    """Equal vertices, and for each pair an arc both ways."""
    return ["v"] * count, [arc for one, other in pairs for arc in ((one, other, ""), (other, one, ""))]


def cycle(count: int) -> Labelled:
    return undirected(count, [(place, (place + 1) % count) for place in range(count)])


def complete(count: int) -> Labelled:
    return undirected(count, combinations(range(count), 2))


def rook(size: int) -> Labelled:
    """Squares of a board, joined where a rook can move."""
    squares = list(product(range(size), repeat=2))
    moves = [
        (one, other)
        for (one, (row, column)), (other, (other_row, other_column)) in combinations(enumerate(squares), 2)
        if (row == other_row) != (column == other_column)
    ]
    return undirected(size * size, moves)


def shrikhande() -> Labelled:
    """Strongly regular like the rook's graph of size 4, but another graph."""
    steps = [(0, 1), (1, 0), (1, 1)]
    squares = list(product(range(4), repeat=2))
    return undirected(
        16, [(4 * x + y, 4 * ((x + right) % 4) + (y + up) % 4) for x, y in squares for right, up in steps]
    )


def torus(size: int) -> Labelled:
    """A grid that goes round in both directions."""
    squares = list(product(range(size), repeat=2))
    down = [(row * size + column, (row + 1) % size * size + column) for row, column in squares]
    right = [(row * size + column, row * size + (column + 1) % size) for row, column in squares]
    return undirected(size * size, down + right)


PETERSEN = [
    *((place, (place + 1) % 5) for place in range(5)),
    *((place, place + 5) for place in range(5)),
    *((place + 5, (place + 2) % 5 + 5) for place in range(5)),
]


def cai_furer_immerman(pairs: Sequence[tuple[int, int]], *, twisted: bool) -> Labelled:
    """Replace each vertex of a connected graph by a gadget; twisted and plain differ, hardly visibly.

    Source: Cai, Fürer and Immerman, "An optimal lower bound on the number of variables
    (1992).
    """
    at: dict[int, list[int]] = {}
    for number, pair in enumerate(pairs):
        for vertex in pair:
            at.setdefault(vertex, []).append(number)
    place: dict[tuple[Any, ...], int] = {}
    labels: list[str] = []
    joined: list[tuple[int, int]] = []

    def vertex_of(*name: Any) -> int:
        if name not in place:
            place[name] = len(labels)
            labels.append("inner" if len(name) == 2 else "outer")
        return place[name]

    for vertex, numbers in at.items():
        for bits in product((0, 1), repeat=len(numbers)):
            if sum(bits) % 2 == int(twisted and vertex == 0):
                inner = vertex_of(vertex, bits)
                joined += [
                    (inner, vertex_of(vertex, number, bit)) for number, bit in zip(numbers, bits, strict=True)
                ]
    for number, (one, other) in enumerate(pairs):
        joined += [(vertex_of(one, number, bit), vertex_of(other, number, bit)) for bit in (0, 1)]
    return labels, undirected(0, joined)[1]


def crossing(rings: Sequence[int]) -> Labelled:
    """Two layers between a source and a sink, joined in rings: acyclic, all members of a layer alike."""
    width = sum(rings)
    labels = ["input", *["linear"] * width, *["add"] * width, "output"]
    arcs = [(0, place, "0") for place in range(1, width + 1)]
    start = 1
    for ring in rings:
        for place in range(ring):
            arcs += [(start + place, width + start + (place + step) % ring, "") for step in (0, 1)]
        start += ring
    arcs += [(width + place, 2 * width + 1, "") for place in range(1, width + 1)]
    return labels, arcs


def branches(count: int, length: int, *, last: str = "relu") -> Labelled:
    """Equal parallel chains between a source and a commutative sink; the last end can be relabelled."""
    labels = ["input", *["relu"] * (count * length), "add"]
    arcs: list[Arc] = []
    for branch in range(count):
        first = 1 + branch * length
        chain = [0, *range(first, first + length), len(labels) - 1]
        arcs += [(source, target, "") for source, target in pairwise(chain)]
    labels[-2] = last
    return labels, arcs


def side_by_side(*graphs: Labelled) -> Labelled:
    """Several graphs as one, not connected."""
    labels: list[str] = []
    arcs: list[Arc] = []
    for more_labels, more_arcs in graphs:
        start = len(labels)
        labels += more_labels
        arcs += [(start + source, start + target, label) for source, target, label in more_arcs]
    return labels, arcs


def renumbered(graph: Labelled, random: Random) -> Labelled:
    """The same graph with its vertices numbered and its arcs listed in another order."""
    labels, arcs = graph
    number = list(range(len(labels)))
    random.shuffle(number)
    relabelled = [""] * len(labels)
    for vertex, label in enumerate(labels):
        relabelled[number[vertex]] = label
    moved = [(number[source], number[target], label) for source, target, label in arcs]
    random.shuffle(moved)
    return relabelled, moved


def to_networkx(graph: Labelled) -> "nx.MultiDiGraph[int]":
    labels, arcs = graph
    result: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    for vertex, label in enumerate(labels):
        result.add_node(vertex, label=label)
    for source, target, label in arcs:
        result.add_edge(source, target, label=label)
    return result


def isomorphic(one: Labelled, other: Labelled) -> bool:
    """Whether networkx (VF2) finds an isomorphism that keeps labels, directions and multiplicities.

    Component by component: on several equal components VF2 alone tries all ways to mix them.
    """
    unmatched = _components(other)
    for component in _components(one):
        partner = next((graph for graph in unmatched if _isomorphic(component, graph)), None)
        if partner is None:
            return False
        unmatched.remove(partner)
    return not unmatched


def _components(graph: Labelled) -> "list[nx.MultiDiGraph[int]]":
    whole = to_networkx(graph)
    return [whole.subgraph(vertices) for vertices in nx.weakly_connected_components(whole)]


def _isomorphic(one: "nx.MultiDiGraph[int]", other: "nx.MultiDiGraph[int]") -> bool:
    return nx.is_isomorphic(
        one,
        other,
        node_match=lambda a, b: a["label"] == b["label"],
        # networkx's own multi-edge matchers compare sets and so lose multiplicity
        edge_match=lambda a, b: (
            sorted(e["label"] for e in a.values()) == sorted(e["label"] for e in b.values())
        ),
    )
