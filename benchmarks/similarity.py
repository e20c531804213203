"""How well similar blueprints are found: families of networks, and cells against the exact edit distance.

The cells are 10,000 of NAS-Bench-101. Their ops add up what arrives, so that a blueprint has the vertices
and edges of its cell, and an `output`. Candidates are whoever shares an edit key, then those with the best
scores by features, as in a store; they are ranked by `edit_distance`. The oracle tries all ways to pair the
vertices of two cells. P@10 is how many of the first ten are no further away than the tenth nearest really is.
The same cells as networks of convolutions, where sums are nodes, are too large for the oracle: candidates are
compared with ranking all by `edit_distance`.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, permutations
from math import fsum
from random import Random
from typing import Any

import families
import networkx as nx
import numpy as np
from numpy.typing import NDArray
from run import interleaved, summary
from samples import cell_blueprint, random_cells, ten_nodes

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.edit_distance import edit_distance, outline
from esper_graph.ir.edit_keys import edit_keys
from esper_graph.ir.features import damped, features
from esper_graph.store.similarity import MOST_READ
from tests.nasbench import MOST_EDGES, OPS, Cell, blueprint, least_form

CELLS, QUERIES, VERTICES, CHECKED, SCANNED = 10_000, 40, 7, 20, 20
READ = (1 << 40, 2 * MOST_READ, MOST_READ)
"""Features of blueprints that are read for a query, from the rarest on: all, and as many as a store reads."""
RERANKED = (200, 1_000)
TEN = 10
ROUNDS = 7

Distances = NDArray[np.int64]


def exact_distances(cell: Cell, cells: Sequence[Cell]) -> Distances:
    """The fewest edits to each cell, by trying every way to pair the vertices.

    With as many vertices on both sides it never pays to remove one and add another, so nothing is missed.
    """
    wiring = np.array([_bits(one.edges) for one in cells], dtype=np.uint64)
    labels = np.array([_labels(one) for one in cells], dtype=np.int8)
    own = np.array(_labels(cell), dtype=np.int8)
    least = np.full(len(cells), 2**31, dtype=np.int64)
    for order in permutations(range(VERTICES)):
        moved = np.uint64(_bits((order[source], order[target]) for source, target in cell.edges))
        placed = np.empty_like(own)
        placed[list(order)] = own
        edits = np.bitwise_count(wiring ^ moved).astype(np.int64) + (labels != placed).sum(1)
        np.minimum(least, edits, out=least)
    return least


def _bits(edges: Iterable[tuple[int, int]]) -> int:
    return sum(1 << (source * VERTICES + target) for source, target in edges)


def _labels(cell: Cell) -> list[int]:
    return [len(OPS), *[OPS.index(op) for op in cell.ops], len(OPS) + 1]


def by_networkx(one: Cell, other: Cell) -> int:
    """The same by networkx, which also removes and adds vertices."""
    graphs: list[nx.DiGraph[int]] = []
    for cell in (one, other):
        graph: nx.DiGraph[int] = nx.DiGraph(list(cell.edges))
        nx.set_node_attributes(graph, dict(enumerate(_labels(cell))), "label")
        graphs.append(graph)
    return int(nx.graph_edit_distance(*graphs, node_match=lambda a, b: a["label"] == b["label"]))


def neighbours(cell: Cell) -> set[Cell]:
    """All cells that are one edit away: an edge more or less, or another op."""
    found = {
        Cell(cell.edges, (*cell.ops[:place], op, *cell.ops[place + 1 :]))
        for place in range(len(cell.ops))
        for op in OPS
        if op != cell.ops[place]
    }
    for edge in combinations(range(cell.vertices), 2):
        edges = set(cell.edges) ^ {edge}
        sources, targets = {source for source, _ in edges}, {target for _, target in edges}
        if len(edges) <= MOST_EDGES and len(sources) == len(targets) == cell.vertices - 1:
            found.add(Cell(tuple(sorted(edges)), cell.ops))
    return found


class Library:
    """Cells as a store has them: who has a feature, who has an edit key."""

    def __init__(self, blueprints: Sequence[BlueprintIR]) -> None:
        self.counts = [features(one) for one in blueprints]
        self.outlines = [outline(one) for one in blueprints]
        self.keys = [edit_keys(one) for one in blueprints]
        self.weights = np.array([fsum(map(damped, counts.values())) for counts in self.counts])
        self.having: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self.with_key: defaultdict[str, list[int]] = defaultdict(list)
        for number, counts in enumerate(self.counts):
            for key, count in counts.items():
                self.having[key].append((number, count))
            for key in self.keys[number]:
                self.with_key[key].append(number)

    def ranked(self, query: int, most_read: int) -> tuple[list[int], int]:
        """All others by what is certain of `same_family` without the most frequent features, as a store ranks
        them, and how many counts were read."""
        shared = np.zeros(len(self.counts))
        read, counts = 0, self.counts[query]
        for others, key in sorted((len(self.having[key]) - 1, key) for key in counts):
            if read and read + others > most_read:
                break
            read += others
            for number, other in self.having[key]:
                shared[number] += damped(min(counts[key], other))
        scores = shared / (self.weights + self.weights[query] - shared)
        order = [int(number) for number in np.argsort(-scores.round(9), kind="stable")]
        return [number for number in order if number != query], read

    def near(self, query: int) -> set[int]:
        """All others that share an edit key."""
        return {number for key in self.keys[query] for number in self.with_key[key]} - {query}


def measure() -> dict[str, Any]:
    """See the module."""
    cells = random_cells(CELLS, VERTICES, 1)
    library = Library([cell_blueprint(cell) for cell in cells])
    exact = [exact_distances(cells[query], cells) for query in range(QUERIES)]
    random = Random(2)
    pairs = [(random.randrange(QUERIES), random.randrange(CELLS)) for _ in range(CHECKED)]
    assert all(exact[query][other] == by_networkx(cells[query], cells[other]) for query, other in pairs)
    networks = Library([blueprint(cell) for cell in cells])
    everything = [
        np.array([edit_distance(networks.outlines[query], other).cost for other in networks.outlines])
        for query in range(SCANNED)
    ]
    return {
        f"exact distances that networkx confirms, of {CHECKED}": {"pairs": len(pairs)},
        **_quality(library, exact),
        **_exactness(library, exact),
        **_relatives(cells, library, exact),
        **{f"sums as nodes: {name}": found for name, found in _quality(networks, everything).items()},
        **_speed(library),
        **families.measure(),
    }


def _quality(library: Library, exact: Sequence[Distances]) -> dict[str, Any]:
    """P@10 of the scores alone, and after ranking the first candidates by edit distance."""
    results: dict[str, Any] = {}
    for most_read in READ:
        where = "all features" if most_read == max(READ) else f"{most_read:,} rows of the rarest features"
        hits: defaultdict[str, list[float]] = defaultdict(list)
        work: list[float] = []
        for query, distances in enumerate(exact):
            tenth = np.sort(np.delete(distances, query))[TEN - 1]
            order, read = library.ranked(query, most_read)
            work.append(read)
            near = library.near(query)
            hits["no re-ranking"].append(_share(distances, order[:TEN], tenth))
            costs = {
                number: edit_distance(library.outlines[query], library.outlines[number]).cost
                for number in {*order[: max(RERANKED)], *near}
            }
            for count in RERANKED:
                again = sorted(list(dict.fromkeys([*near, *order]))[:count], key=costs.__getitem__)
                hits[f"{count} re-ranked"].append(_share(distances, again[:TEN], tenth))
        for name, shares in hits.items():
            results[f"P@10, {where}: {name}"] = {
                "mean": float(np.mean(shares)),
                "min": min(shares),
                "queries": len(shares),
            }
        results[f"counts read for a query, {where}"] = summary(work)
    return results


def _share(distances: Distances, found: Sequence[int], tenth: int) -> float:
    return float((distances[list(found)] <= tenth).sum()) / TEN


def _exactness(library: Library, exact: Sequence[Distances]) -> dict[str, Any]:
    """How often `edit_distance` finds the fewest edits, among those that should be found."""
    right: list[bool] = []
    for query, distances in enumerate(exact):
        tenth = np.sort(np.delete(distances, query))[TEN - 1]
        for number in np.flatnonzero(distances <= tenth):
            if number != query:
                cost = edit_distance(library.outlines[query], library.outlines[number]).cost
                right.append(cost == distances[number])
    return {
        "edit distances that are exact, of the nearest": {"share": float(np.mean(right)), "pairs": len(right)}
    }


def _relatives(cells: Sequence[Cell], library: Library, exact: Sequence[Distances]) -> dict[str, Any]:
    """Who is one edit away and shares an edit key, and how far away those are that share one."""
    found = total = 0
    for query in range(QUERIES):
        own = set(library.keys[query])
        others = {least_form(cell) for cell in neighbours(cells[query])}
        found += sum(not own.isdisjoint(edit_keys(cell_blueprint(cell))) for cell in others)
        total += len(others)
    sharing = Counter(
        int(distances[number]) for query, distances in enumerate(exact) for number in library.near(query)
    )
    return {
        "one edit away and found by edit keys": {"found": found, "of": total, "share": found / total},
        "sharing an edit key, by exact distance": {str(edits): sharing[edits] for edits in sorted(sharing)},
    }


def _speed(library: Library) -> dict[str, Any]:
    """Times of what is done at registration, and of ranking candidates."""
    networks = [ten_nodes(number) for number in range(100)]
    for network in networks:
        assert network.fingerprint

    def micro(function: Any) -> Any:
        def run() -> float:
            started = time.perf_counter()
            for network in networks:
                function(network)
            return (time.perf_counter() - started) / len(networks) * 1e6

        return run

    def rank(count: int) -> Any:
        def run() -> float:
            started = time.perf_counter()
            for other in library.outlines[1 : count + 1]:
                edit_distance(library.outlines[0], other)
            return time.perf_counter() - started

        return run

    single = {
        "features of ten nodes (µs)": micro(features),
        "edit keys of ten nodes (µs)": micro(edit_keys),
        "outline of ten nodes (µs)": micro(outline),
        **{f"edit distance to {count:,} cells (s)": rank(count) for count in RERANKED},
    }
    sizes = {
        "features of ten nodes": float(np.mean([len(features(network)) for network in networks])),
        "edit keys of ten nodes": float(np.mean([len(edit_keys(network)) for network in networks])),
    }
    return {**interleaved(single, ROUNDS), "how many": sizes}
