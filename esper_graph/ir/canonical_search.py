"""Order the vertices that refinement cannot tell apart: divide, and search inside what cannot be divided.

A part of the graph is divided into pieces (`canonical_divide`), which are ordered one by one. Equal pieces
may stand in any order, so a thousand equal branches cost hardly more than a thousand different ones.

In a part that stays in one piece, each vertex of one cell in turn is put before the rest of its cell
(*individualised*), the partition is refined, and the part is ordered in the same way again. The least record
of refinement, then the least certificate, wins. Branches of this tree are cut

- by *automorphisms*: two branches with equal certificates map the part onto itself. Vertices that such maps
  carry into one another have equal certificates, so one of them is enough;
- by *traces*: a branch whose record of refinement is greater than the least cannot win;
- by *matching*: a later branch with the least record is first asked only whether it is isomorphic to the best
  one, which mostly follows one path instead of a tree.

No cut is taken on trust: two parts count as equal only when all their arcs are.
Source: McKay and Piperno (see `canonical`), sections 2 and 3.
"""

from collections.abc import Iterable
from itertools import chain, pairwise
from typing import NamedTuple

from esper_graph.ir.canonical_divide import Division, Kind, Piece
from esper_graph.ir.canonical_refine import Arc, Cells, Trace, both_ways, refine

MAX_DEPTH = 100
"""Vertices individualised one inside the other; a part that needs more would use up any limit first."""

MAX_MATCHES = 3
"""Pieces that a piece is matched with before it is ordered by itself; to miss an equal one does no harm."""


class SearchLimitExceeded(Exception):  # noqa: N818 -- a limit ended the search; nothing is in error
    """A symmetric part of the graph takes more work to order than was allowed.

    Attributes:
        vertices: The vertices of the part, in rising order.
        visit_limit: The limit.
    """

    def __init__(self, vertices: Iterable[int], visit_limit: int) -> None:
        self.vertices = tuple(sorted(vertices))
        self.visit_limit = visit_limit
        super().__init__(
            f"a symmetric part of {len(self.vertices)} vertices cannot be ordered within {visit_limit} visits"
        )


class _Budget:
    """How much more the searches may look at, and which parts are being searched, outermost first."""

    def __init__(self, visit_limit: int) -> None:
        self.visit_limit = visit_limit
        self.left = visit_limit
        self.searched: list[Cells] = []

    def spend(self, visits: int) -> None:
        self.left -= visits
        if self.left < 0 or len(self.searched) > MAX_DEPTH:
            raise SearchLimitExceeded(chain.from_iterable(self.searched[0]), self.visit_limit)


class _Outcome(NamedTuple):
    """How a part was ordered, kept so that others can be matched with it.

    Attributes:
        order: The vertices.
        certificate: The arcs between places in that order. Parts of one kind with equal ones are isomorphic.
        alike: Pairs of vertices that some automorphism of the part carries into one another.
        classes: Where the part was divided: its pieces.
        trace: Where it was searched: the least record of refinement.
        branch: Where it was searched: the branch that won.
    """

    order: list[int]
    certificate: list[Arc]
    alike: list[tuple[int, int]]
    classes: "dict[Kind, list[_Class]]"
    trace: Trace
    branch: "_Outcome | None"


class _Class(NamedTuple):
    """Isomorphic pieces: how the first was ordered, and the orders of all."""

    outcome: _Outcome
    orders: list[list[int]]


def order_cells(cells: Cells, arcs: Iterable[Arc], visit_limit: int) -> list[int]:
    """Order vertices canonically, cell by cell.

    Args:
        cells: A partition, its cells in an order that isomorphic graphs share; the finer, the less work.
        arcs: All arcs of the graph; several may join the same two vertices.
        visit_limit: How many vertices and arcs the searches may look at, summed over their branches.

    Raises:
        SearchLimitExceeded: The limit was reached.
    """
    return _arrange(cells, _merge_parallel(arcs), _Budget(visit_limit)).order


def _merge_parallel(arcs: Iterable[Arc]) -> list[Arc]:
    """One arc for each source and target, numbered by all labels between them; no loops, which cells tell."""
    codes: dict[tuple[int, int], list[int]] = {}
    for source, target, code in arcs:
        if source != target:
            codes.setdefault((source, target), []).append(code)
    bundles = {ends: tuple(sorted(several)) for ends, several in codes.items()}
    number = {bundle: place for place, bundle in enumerate(sorted(set(bundles.values())))}
    return [(*ends, number[bundle]) for ends, bundle in bundles.items()]


def _arrange(cells: Cells, arcs: list[Arc], budget: _Budget) -> _Outcome:
    """Order a part canonically."""
    if _is_discrete(cells):
        order = [vertex for (vertex,) in cells]
        return _Outcome(order, _certificate(order, arcs), [], {}, [], None)
    division = Division(cells, arcs)
    if division.is_whole:
        branch, trace, alike = _search(cells, division.arcs, budget)
        return _Outcome(branch.order, _certificate(branch.order, arcs), alike, {}, trace, branch)
    classes: dict[Kind, list[_Class]] = {piece.kind: [] for piece in division.pieces}
    for piece in division.pieces:
        if not _match_one_of(classes[piece.kind][:MAX_MATCHES], piece, budget):
            outcome = _arrange(piece.cells, piece.arcs, budget)
            classes[piece.kind].append(_Class(outcome, [outcome.order]))
    order = division.join(_sorted_orders(classes))
    return _Outcome(order, _certificate(order, arcs), _alike(division.loose, classes), classes, [], None)


def _match(goal: _Outcome, cells: Cells, arcs: list[Arc], budget: _Budget) -> list[int] | None:
    """Order a part so that it has the goal's certificate; None when they are not isomorphic."""
    if _is_discrete(cells):
        order = [vertex for (vertex,) in cells]
    elif (division := Division(cells, arcs)).is_whole:
        order = _search_match(goal, cells, division.arcs, budget)
    else:
        classes = {
            kind: [_Class(outcome, []) for outcome, _ in known] for kind, known in goal.classes.items()
        }
        matched = all(_match_one_of(classes.get(piece.kind, []), piece, budget) for piece in division.pieces)
        order = division.join(_sorted_orders(classes)) if matched else None
    return order if order is not None and _certificate(order, arcs) == goal.certificate else None


def _match_one_of(classes: list[_Class], piece: Piece, budget: _Budget) -> bool:
    """Put a piece into the class that it belongs to; False when it belongs to none."""
    for outcome, orders in classes:
        order = _match(outcome, piece.cells, piece.arcs, budget)
        if order is not None:
            orders.append(order)
            return True
    return False


def _is_discrete(cells: Cells) -> bool:
    """Whether each vertex has a cell of its own."""
    return all(len(cell) == 1 for cell in cells)


def _certificate(order: list[int], arcs: list[Arc]) -> list[Arc]:
    """The arcs between places in the order, sorted."""
    place = {vertex: place for place, vertex in enumerate(order)}
    return sorted([(place[source], place[target], code) for source, target, code in arcs])


def _sorted_orders(classes: dict[Kind, list[_Class]]) -> list[list[int]]:
    """The orders of all pieces, sorted by kind and certificate."""
    return [
        order
        for kind in sorted(classes)
        for same in sorted(classes[kind], key=lambda same: same.outcome.certificate)
        for order in same.orders
    ]


def _alike(loose: Cells, classes: dict[Kind, list[_Class]]) -> list[tuple[int, int]]:
    """Pairs of vertices that can change places: loose ones, those of equal pieces, those inside pieces."""
    pairs = [pair for cell in loose for pair in pairwise(cell)]
    for same in chain.from_iterable(classes.values()):
        pairs += same.outcome.alike
        for order in same.orders:
            pairs += zip(same.outcome.order, order, strict=True)
    return pairs


def _search(cells: Cells, arcs: list[Arc], budget: _Budget) -> tuple[_Outcome, Trace, list[tuple[int, int]]]:
    """Order a part that is in one piece.

    Returns:
        The branch that won, its record of refinement, and pairs of vertices found alike.
    """
    tree = _Tree(cells, arcs, budget)
    orbits = _Orbits(tree.neighbours)
    tried: list[int] = []
    best: tuple[Trace, _Outcome] | None = None
    for vertex in tree.target:
        if orbits.find(vertex) in map(orbits.find, tried):
            continue
        tried.append(vertex)
        finer, trace = tree.individualise(vertex)
        if best is not None and trace > best[0]:
            continue
        if best is not None and trace == best[0]:
            order = _match(best[1], finer, arcs, budget)
            if order is not None:
                orbits.join(zip(best[1].order, order, strict=True))
                continue
        branch = _arrange(finer, arcs, budget)
        orbits.join(branch.alike)
        if best is None or (trace, branch.certificate) < (best[0], best[1].certificate):
            best = trace, branch
    tree.leave()
    assert best is not None, "a cell is never empty"
    return best[1], best[0], orbits.pairs()


def _search_match(goal: _Outcome, cells: Cells, arcs: list[Arc], budget: _Budget) -> list[int] | None:
    """Order a part that is in one piece by a branch that matches the goal's best one; None when none does."""
    if goal.branch is None:
        return None
    tree = _Tree(cells, arcs, budget)
    order = None
    for vertex in tree.target:
        finer, trace = tree.individualise(vertex)
        if trace == goal.trace:
            order = _match(goal.branch, finer, arcs, budget)
            if order is not None:
                break
    tree.leave()
    return order


class _Tree:
    """The branches that a search of a part begins with.

    Attributes:
        neighbours: The arcs of the part.
        target: The cell to individualise: the largest, because its vertices are most often all alike.
    """

    def __init__(self, cells: Cells, arcs: list[Arc], budget: _Budget) -> None:
        number = max(range(len(cells)), key=lambda number: len(cells[number]))
        self.neighbours = both_ways(chain.from_iterable(cells), arcs)
        self.target = cells[number]
        self._before, self._after = cells[:number], cells[number + 1 :]
        self._start = sum(map(len, self._before))
        self._visits = len(self.neighbours) + len(arcs)
        self._budget = budget
        budget.searched.append(cells)

    def individualise(self, vertex: int) -> tuple[Cells, Trace]:
        """Put a vertex of the target before the rest of it, and refine."""
        self._budget.spend(self._visits)
        rest = [other for other in self.target if other != vertex]
        return refine([*self._before, [vertex], rest, *self._after], self.neighbours, [self._start])

    def leave(self) -> None:
        """Note that the part is no longer being searched."""
        self._budget.searched.pop()


class _Orbits:
    """Which vertices are known to be carried into one another, as disjoint sets."""

    def __init__(self, vertices: Iterable[int]) -> None:
        self._parent = {vertex: vertex for vertex in vertices}

    def find(self, vertex: int) -> int:
        """The vertex that stands for all those alike."""
        parent = self._parent
        while parent[vertex] != vertex:
            parent[vertex] = parent[parent[vertex]]
            vertex = parent[vertex]
        return vertex

    def join(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Note that the vertices of each pair are alike."""
        for one, other in pairs:
            self._parent[self.find(one)] = self.find(other)

    def pairs(self) -> list[tuple[int, int]]:
        """Pairs from which all that is known can be joined again."""
        return [(vertex, parent) for vertex, parent in self._parent.items() if vertex != parent]
