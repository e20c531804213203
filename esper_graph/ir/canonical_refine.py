"""Split the cells of an ordered partition until arcs tell no two members of a cell apart.

An *ordered partition* is a list of cells, each a list of vertices; a cell is called by its *start*: how many
vertices there are in the cells before it. Splitting works through a queue: the vertices that the cell at its
front reaches are sorted by the arcs that reach them, and each cell falls into runs of equals. Runs are placed
by these arcs, never by vertex number, so isomorphic graphs are split alike.

Sources: McKay and Piperno (see `canonical`), section 2; that the largest run need not be queued is due to
J. Hopcroft, "An n log n algorithm for minimizing states in a finite automaton" (1971).
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

Arc = tuple[int, int, int]
"""Source, target and label (as a number) of an arc."""

Cells = list[list[int]]
"""An ordered partition of vertices; the order inside a cell means nothing."""

Neighbours = Mapping[int, Sequence[tuple[int, int]]]
"""For each vertex its neighbours, each with a number for label and direction of the arc between them."""

Trace = list[tuple[int, int, list[tuple[list[int], int]]]]
"""A record of refinement: at each step splitting cell, cell that it reached, and each run's arcs and size."""


def both_ways(vertices: Iterable[int], arcs: Iterable[Arc]) -> dict[int, list[tuple[int, int]]]:
    """List the neighbours of each vertex along its outgoing and its incoming arcs.

    Example:
        >>> both_ways([0, 1], [(0, 1, 5)])
        {0: [(1, 10)], 1: [(0, 11)]}
    """
    neighbours: dict[int, list[tuple[int, int]]] = {vertex: [] for vertex in vertices}
    for source, target, code in arcs:
        neighbours[source].append((target, 2 * code))
        neighbours[target].append((source, 2 * code + 1))
    return neighbours


def refine(cells: Cells, neighbours: Neighbours, queue: Iterable[int]) -> tuple[Cells, Trace]:
    """Split the cells by those in the queue, and by whatever gets split, until nothing changes.

    Args:
        cells: The partition; it is left as it is.
        neighbours: The arcs among its vertices, see `both_ways`.
        queue: Starts of the cells to split by, in an order that isomorphic graphs share. When no other cell
            would split anything, the result is equitable: all members of a cell have equally many arcs of
            each label to and from every cell.

    Returns:
        The finer partition, and a record that is equal for isomorphic graphs with corresponding partitions.

    Example:
        >>> path = both_ways(range(4), [(0, 1, 0), (1, 2, 0), (2, 3, 0)])
        >>> refine([[0, 1, 2, 3]], path, [0])[0]
        [[3], [1], [2], [0]]
    """
    members: dict[int, set[int]] = {}
    start_of: dict[int, int] = {}
    for cell in cells:
        start = len(start_of)
        members[start] = set(cell)
        start_of.update(dict.fromkeys(cell, start))
    waiting = deque(queue)
    queued = set(waiting)
    trace: Trace = []
    while waiting and len(members) < len(start_of):
        splitter = waiting.popleft()
        queued.remove(splitter)
        reached = _reach(members[splitter], neighbours)
        for start, vertices in _by_cell(reached, start_of, members):
            runs = _split(start, vertices, reached, start_of, members)
            trace.append((splitter, start, [(over, len(members[run])) for run, over in runs]))
            if len(runs) > 1:
                spared = start if start in queued else max(runs, key=lambda run: len(members[run[0]]))[0]
                added = [run for run, _ in runs if run != spared]
                waiting.extend(added)
                queued.update(added)
    return [list(members[start]) for start in sorted(members)], trace


def _reach(splitter: Iterable[int], neighbours: Neighbours) -> dict[int, list[int]]:
    """For each vertex reached from the splitting cell, the sorted numbers of the arcs that reach it."""
    reached: defaultdict[int, list[int]] = defaultdict(list)
    for vertex in splitter:
        for neighbour, code in neighbours[vertex]:
            reached[neighbour].append(code)
    for codes in reached.values():
        codes.sort()
    return reached


def _by_cell(
    reached: Iterable[int], start_of: Mapping[int, int], members: Mapping[int, set[int]]
) -> list[tuple[int, list[int]]]:
    """Group the vertices by cell, in the order of cells; a vertex with a cell of its own cannot be split."""
    touched: defaultdict[int, list[int]] = defaultdict(list)
    for vertex in reached:
        touched[start_of[vertex]].append(vertex)
    return [(start, touched[start]) for start in sorted(touched) if len(members[start]) > 1]


def _split(
    start: int,
    vertices: list[int],
    reached: Mapping[int, list[int]],
    start_of: dict[int, int],
    members: dict[int, set[int]],
) -> list[tuple[int, list[int]]]:
    """Split one cell in place: members not reached stay first, then runs of the others by what reached them.

    Returns:
        The start of each run, and the arcs that reached its members.
    """
    runs: list[tuple[int, list[int]]] = []
    rest = members.pop(start)
    rest.difference_update(vertices)
    if rest:
        members[start] = rest
        runs.append((start, []))
        start += len(rest)
    for over, run in groupby(sorted(vertices, key=reached.__getitem__), key=reached.__getitem__):
        members[start] = set(run)
        start_of.update(dict.fromkeys(members[start], start))
        runs.append((start, over))
        start += len(members[start])
    return runs
