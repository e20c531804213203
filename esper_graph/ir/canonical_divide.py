"""Divide a part of a graph into pieces that can be ordered independently of one another.

Between the members of two cells there is often one relation only, such as "an arc from each to each" or
"no arc". The commonest relation from each cell to each is left out: the others still say which pairs had it,
so nothing is lost. Vertices that the remaining arcs do not connect say nothing about each other.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from esper_graph.ir.canonical_refine import Arc, Cells

Kind = tuple[tuple[int, int], ...]
"""Numbers of the cells that a piece has vertices of, and how many; isomorphic pieces are of one kind."""


class Piece(NamedTuple):
    """Connected vertices, by cells in the order of the whole, and the arcs among them."""

    kind: Kind
    cells: Cells
    arcs: list[Arc]


class Division:
    """A part as pieces and loose vertices.

    Attributes:
        arcs: The arcs without the commonest relations; some may now stand for "no arc".
        pieces: What these arcs connect, in no particular order.
        loose: The vertices of each cell that they do not reach; those of one cell are interchangeable.
    """

    def __init__(self, cells: Cells, arcs: list[Arc]) -> None:
        self._cell_of = {vertex: number for number, cell in enumerate(cells) for vertex in cell}
        self.arcs = _leave_out_commonest(cells, self._cell_of, arcs)
        piece_of = _connect(self.arcs)
        self.loose = [[vertex for vertex in cell if vertex not in piece_of] for cell in cells]
        self.pieces = _collect(self._cell_of, self.arcs, piece_of)

    @property
    def is_whole(self) -> bool:
        """Whether there is one piece and nothing beside it."""
        return len(self.pieces) == 1 and not any(self.loose)

    def join(self, orders: Iterable[list[int]]) -> list[int]:
        """Put the vertices of all pieces, ordered and in the order of the pieces, together cell by cell."""
        cells = [[*cell] for cell in self.loose]
        for order in orders:
            for vertex in order:
                cells[self._cell_of[vertex]].append(vertex)
        return [vertex for cell in cells for vertex in cell]


def _leave_out_commonest(cells: Cells, cell_of: dict[int, int], arcs: list[Arc]) -> list[Arc]:
    """Leave out the commonest relation from each cell to each; where that is an arc, "no arc" becomes one."""
    relations: defaultdict[tuple[int, int], defaultdict[int, list[Arc]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for arc in arcs:
        relations[cell_of[arc[0]], cell_of[arc[1]]][arc[2]].append(arc)
    no_arc = min((code for _, _, code in arcs), default=0) - 1
    kept: list[Arc] = []
    for (first, second), by_code in relations.items():
        pairs = len(cells[first]) * (len(cells[second]) - (first == second))
        unjoined = pairs - sum(map(len, by_code.values()))
        commonest = max(sorted(by_code), key=lambda code: len(by_code[code]))
        if len(by_code[commonest]) > unjoined:
            if unjoined:
                joined = {(source, target) for some in by_code.values() for source, target, _ in some}
                kept += [
                    (source, target, no_arc)
                    for source in cells[first]
                    for target in cells[second]
                    if source != target and (source, target) not in joined
                ]
            del by_code[commonest]
        for some in by_code.values():
            kept += some
    return kept


def _connect(arcs: list[Arc]) -> dict[int, int]:
    """For each vertex with arcs, the vertex that stands for all those it is connected with."""
    beside: defaultdict[int, list[int]] = defaultdict(list)
    for source, target, _ in arcs:
        beside[source].append(target)
        beside[target].append(source)
    stands_for: dict[int, int] = {}
    for first in beside:
        if first in stands_for:
            continue
        stands_for[first] = first
        waiting = [first]
        while waiting:
            for vertex in beside[waiting.pop()]:
                if vertex not in stands_for:
                    stands_for[vertex] = first
                    waiting.append(vertex)
    return stands_for


def _collect(cell_of: dict[int, int], arcs: list[Arc], piece_of: dict[int, int]) -> list[Piece]:
    """Put together what belongs to each piece."""
    vertices: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for vertex, number in cell_of.items():
        if vertex in piece_of:
            vertices[piece_of[vertex]][number].append(vertex)
    inside: defaultdict[int, list[Arc]] = defaultdict(list)
    for arc in arcs:
        inside[piece_of[arc[0]]].append(arc)
    pieces: list[Piece] = []
    for piece, by_cell in vertices.items():
        kind = tuple((number, len(cell)) for number, cell in by_cell.items())
        pieces.append(Piece(kind, list(by_cell.values()), inside[piece]))
    return pieces
