"""Put a labelled directed multigraph into its canonical form: the same bytes exactly when isomorphic.

The vertices are brought into an order that does not depend on how they were numbered. It is found in stages;
each works only on what the stage before left undecided, and sorts integers that every isomorphic graph would
yield too. Nothing is hashed, so nothing can collide.

1. *Rank forwards.* A label becomes its place among the sorted labels. The vertices of an acyclic graph are
   ranked level by level (a level holds what longest paths of one length lead to), by label and then by the
   ranks and arc labels that arrive. Vertices that are still alike share a rank: they form a *cell*.
2. *Split backwards.* From the last cell to the first, vertices that are alike are split by the ranks and arc
   labels that leave. Nearly every network is decided here.
3. *Refine* (`canonical_refine`). What was split splits others in turn, both ways, until all members of a cell
   have equally many arcs of each label to and from every cell. Graphs with cycles start here.
4. *Divide and search* (`canonical_divide`, `canonical_search`). What remains, such as equal parallel
   branches, is divided into independent pieces; only inside a piece that cannot be divided further are
   vertices individualised, and the least outcome is kept.

The labels in this order together with the arcs between places say what the graph is up to isomorphism, and
nothing else. Equal bytes are therefore a proof, and so are different bytes.

Sources: refinement, individualisation and pruning follow B. D. McKay and A. Piperno, "Practical graph
isomorphism, II", Journal of Symbolic Computation 60 (2014), 94-112.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from esper_graph.ir.canonical_refine import Arc, Cells, both_ways, refine
from esper_graph.ir.canonical_search import SearchLimitExceeded, order_cells

__all__ = ["VISIT_LIMIT", "CanonicalForm", "SearchLimitExceeded", "canonical_form", "canonical_order"]

VISIT_LIMIT = 300_000


class CanonicalForm(NamedTuple):
    """An order of the vertices, and the graph written in that order.

    Attributes:
        order: The vertex at each canonical place; without cycles each arc leads to a later place. Where
            vertices are interchangeable it is one of several orders that give the same encoding.
        encoding: UTF-8 JSON `[vertex labels, place of each vertex's label among them, arc labels, arcs]`:
            both lists of labels sorted without repetition, the arcs as sorted numbers
            `(source place * vertices + target place) * arc labels + place of the arc's label`.
    """

    order: tuple[int, ...]
    encoding: bytes


def canonical_form(
    labels: Sequence[str], arcs: Iterable[tuple[int, int, str]], *, visit_limit: int = VISIT_LIMIT
) -> CanonicalForm:
    """Order the vertices of a graph canonically: encodings are equal exactly when graphs are isomorphic.

    Args:
        labels: Label of each vertex; the vertices are 0 ... n-1.
        arcs: Source, target and label of each arc. Several may join the same two vertices, with equal or
            different labels; an arc may lead back to its source.
        visit_limit: How many vertices and arcs the search inside symmetric parts may look at; each branch of
            the search counts anew. Without such parts there is no search.

    Raises:
        SearchLimitExceeded: The limit was reached; the error names the symmetric part. No answer is guessed.
        IndexError: An arc starts or ends at a vertex that does not exist.

    Example:
        >>> one = canonical_form(["input", "relu", "tanh"], [(0, 1, "0"), (0, 2, "0")])
        >>> other = canonical_form(["tanh", "input", "relu"], [(1, 2, "0"), (1, 0, "0")])
        >>> one.encoding
        b'[["input","relu","tanh"],[0,1,2],["0"],[1,2]]'
        >>> one.encoding == other.encoding, one.order, other.order
        (True, (0, 1, 2), (1, 2, 0))
    """
    vertex_names = sorted(set(labels))
    number = {name: place for place, name in enumerate(vertex_names)}
    colours = [number[name] for name in labels]
    arcs = list(arcs)
    arc_names = sorted({name for _, _, name in arcs})
    code = {name: place for place, name in enumerate(arc_names)}
    numbered: list[Arc] = []
    count = len(colours)
    for source, target, name in arcs:
        if not (0 <= source < count and 0 <= target < count):
            raise IndexError(f"an arc leads from {source} to {target}, but the vertices are 0 to {count - 1}")
        numbered.append((source, target, code[name]))
    order = canonical_order(colours, numbered, len(arc_names), visit_limit)
    encoding = _encode(order, vertex_names, colours, arc_names, numbered)
    return CanonicalForm(tuple(order), encoding)


def canonical_order(
    colours: list[int], arcs: list[Arc], width: int, visit_limit: int = VISIT_LIMIT
) -> list[int]:
    """Order vertices that are coloured by numbers, which isomorphic graphs must share.

    Args:
        colours: Colour of each vertex.
        arcs: Source, target and number of each arc.
        width: More than any arc's number; beyond that it does not matter.
        visit_limit: See `canonical_form`.

    Raises:
        SearchLimitExceeded: The limit was reached.
    """
    levels = _levels(len(colours), arcs)
    changed: list[int] = []
    if levels is None:
        cells = _sort_by_loops(colours, arcs)
        changed = [*accumulate(map(len, cells[:-1]), initial=0)]
    elif len(levels) == len(colours):
        cells = levels
    else:
        cells = _rank_forwards(levels, colours, arcs, width)
        if len(cells) < len(colours):
            cells, changed = _split_backwards(cells, arcs, width)
    if len(cells) < len(colours) and changed:
        cells, _ = refine(cells, both_ways(range(len(colours)), arcs), changed)
    if len(cells) < len(colours):
        return order_cells(cells, arcs, visit_limit)
    return [vertex for (vertex,) in cells]


def _levels(count: int, arcs: list[Arc]) -> list[list[int]] | None:
    """Group the vertices of an acyclic graph by the length of the longest path that leads to them.

    Returns:
        The levels, those without arriving arcs first; None when there is a cycle.
    """
    longest = [0] * count
    last = 0
    for source, target, _ in arcs:
        if not source < target >= last:
            return _peeled(count, arcs)
        last = target  # so all that leads to the source was seen before
        if longest[source] >= longest[target]:
            longest[target] = longest[source] + 1
    levels: list[list[int]] = [[] for _ in range(max(longest, default=-1) + 1)]
    for vertex, length in enumerate(longest):
        levels[length].append(vertex)
    return levels


def _peeled(count: int, arcs: list[Arc]) -> list[list[int]] | None:
    """Find the levels where vertices and arcs come in any order: level by level, see `_levels`."""
    targets: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target, _ in arcs:
        targets[source].append(target)
        waiting[target] += 1
    levels: list[list[int]] = []
    level = [vertex for vertex, arriving in enumerate(waiting) if not arriving]
    while level:
        levels.append(level)
        following: list[int] = []
        for vertex in level:
            for target in targets[vertex]:
                waiting[target] -= 1
                if not waiting[target]:
                    following.append(target)
        level = following
    return None if any(waiting) else levels


def _rank_forwards(levels: list[list[int]], colours: list[int], arcs: list[Arc], width: int) -> Cells:
    """Order the vertices of an acyclic graph by level, label and what arrives; equal ones make one cell."""
    incoming: list[list[Arc]] = [[] for _ in colours]
    for arc in arcs:
        incoming[arc[1]].append(arc)
    start_of = [0] * len(colours)
    start = 0
    cells: Cells = []
    for level in levels:
        ranked = [level]
        if len(level) > 1:
            arrived = [
                sorted([start_of[source] * width + code for source, _, code in incoming[vertex]])
                for vertex in level
            ]
            keys = [(colours[vertex], codes) for vertex, codes in zip(level, arrived, strict=True)]
            ranked = _runs(sorted(zip(keys, level, strict=True)))
        for cell in ranked:
            for vertex in cell:
                start_of[vertex] = start
            start += len(cell)
        cells += ranked
    return cells


def _split_backwards(cells: Cells, arcs: list[Arc], width: int) -> tuple[Cells, list[int]]:
    """Split the cells of an acyclic graph by what leaves.

    Returns:
        The finer cells, and the starts of those by which others may now be split.
    """
    start = sum(map(len, cells))
    outgoing: list[list[Arc]] = [[] for _ in range(start)]
    for arc in arcs:
        outgoing[arc[0]].append(arc)
    start_of = [0] * start
    finer: Cells = []
    changed: list[int] = []
    for cell in reversed(cells):
        runs = [cell]
        if len(cell) > 1:
            leaves = [
                (sorted([start_of[target] * width + code for _, target, code in outgoing[vertex]]), vertex)
                for vertex in cell
            ]
            runs = _runs(sorted(leaves))
        largest = max(runs, key=len)
        for run in reversed(runs):
            start -= len(run)
            for vertex in run:
                start_of[vertex] = start
            if run is not largest:
                changed.append(start)
            finer.append(run)
    finer.reverse()
    return finer, changed


def _runs(keyed: list[tuple[Any, int]]) -> Cells:
    """Cut a sorted list into runs of vertices with equal keys."""
    runs: Cells = []
    previous = None
    for key, vertex in keyed:
        if key == previous:
            runs[-1].append(vertex)
        else:
            runs.append([vertex])
            previous = key
    return runs


def _sort_by_loops(colours: list[int], arcs: list[Arc]) -> Cells:
    """Sort the vertices by label and then by their arcs to themselves."""
    loops: list[list[int]] = [[] for _ in colours]
    for source, target, code in arcs:
        if source == target:
            loops[source].append(code)
    for codes in loops:
        codes.sort()
    return _runs(sorted([((colour, loops[vertex]), vertex) for vertex, colour in enumerate(colours)]))


def _encode(
    order: list[int], vertex_names: list[str], colours: list[int], arc_names: list[str], arcs: list[Arc]
) -> bytes:
    """Write the graph in this order, see `CanonicalForm`."""
    count, width = len(order), len(arc_names)
    place = [0] * count
    for number, vertex in enumerate(order):
        place[vertex] = number
    ends = sorted([(place[source] * count + place[target]) * width + code for source, target, code in arcs])
    # Not ASCII only: escapes would write one astral character and its two surrogates alike.
    vertices = ",".join(map(encode_basestring, vertex_names))
    kinds = ",".join(map(encode_basestring, arc_names))
    colours_in_order = str([colours[vertex] for vertex in order]).replace(" ", "")
    text = f"[[{vertices}],{colours_in_order},[{kinds}],{str(ends).replace(' ', '')}]"
    return text.encode("utf-8", "surrogatepass")
