"""How many edits two blueprints are apart: nodes and edges that are added, removed or changed.

The fewest are hard to find, so few are found: nodes are assigned to nodes that are alike, stand among the
same and are computed about as early, all at once and at the least cost; then pairs exchange their
counterparts as long as that saves edits. The number that is found is enough, and mostly the least; where it
is 0 there is no difference.

What the edits are, `diff` tells.

>>> from esper_graph.ir.build import Builder
>>> def chain(*kinds: str) -> "BlueprintIR":
...     b = Builder("chain", name="Chain")
...     x = b.input([-1, 8])
...     for kind in kinds:
...         x = b.activation(x, type=kind)
...     b.output(x)
...     return b.finish()
>>> one = outline(chain("relu", "tanh"))
>>> edit_distance(one, outline(chain("gelu", "tanh")))
EditDistance(nodes=1, edges=0)
>>> edit_distance(one, outline(chain("relu", "gelu", "tanh")))  # one edge less, two more
EditDistance(nodes=1, edges=3)

Source of the assignment: K. Riesen and H. Bunke, "Approximate graph edit distance computation by means of
bipartite graph matching", Image and Vision Computing 27 (2009).
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

from esper_graph.ir.canonical import SearchLimitExceeded, canonical_form
from esper_graph.ir.labels import labelled_structure
from esper_graph.ops.opdef import MEMO

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

Bundle = tuple[str, ...]
"""All edges from one node to another one, each by its ports, sorted."""

Numbers = NDArray[Any]

EXCHANGES, LEAST_EXCHANGES = 40_000, 3
"""The most exchanges: so many through the square of the nodes, but not fewer than the second number."""


class EditDistance(NamedTuple):
    """What must be edited; where no fewer edits were found, fewer may still do.

    Attributes:
        nodes: Nodes that are added, removed or changed.
        edges: Edges that are added, removed or changed.
    """

    nodes: int
    edges: int

    @property
    def cost(self) -> int:
        """How many edits there are."""
        return self.nodes + self.edges


@dataclass(frozen=True, eq=False, slots=True)
class Outline:
    """A blueprint prepared for comparing it with many others, its nodes in canonical order.

    Attributes:
        labels: What each node is, as a number.
        wiring: For each node (row) and each other one (column) which of the bundles leads there.
        bundles: The bundles that there are; the first is empty.
        degrees: How many edges lead to each node, and how many lead away.
        levels: How many edges the longest path to each node has, and the longest one away.
        ends: Numbers of what stands at the other end of an edge, with the ports, once for each repetition.
        marks: Which of these each node (row) has beside it: 1 or 0.
        form: Digest of the canonical form; None where finding it takes too long.
    """

    labels: Numbers
    wiring: Numbers
    bundles: tuple[Bundle, ...]
    degrees: Numbers
    levels: Numbers
    ends: Numbers
    marks: Numbers
    form: bytes | None


def outline(blueprint: "BlueprintIR") -> Outline:
    """Prepare a blueprint, blocks written out.

    Raises:
        BlueprintError: It is not valid.
    """
    labels, arcs = labelled_structure(blueprint)
    form = None
    with suppress(SearchLimitExceeded):
        order, encoding = canonical_form(labels, arcs)
        form = sha256(encoding).digest()
        place = {node: number for number, node in enumerate(order)}
        labels = [labels[node] for node in order]
        arcs = sorted((place[source], place[target], ports) for source, target, ports in arcs)
    size = len(labels)
    joined: dict[tuple[int, int], list[str]] = {}
    beside: Counter[tuple[int, str]] = Counter()
    marked: list[tuple[int, int]] = []
    degrees = np.zeros((2, size), dtype=np.float32)
    for source, target, ports in arcs:
        joined.setdefault((source, target), []).append(ports)
        degrees[0, target] += 1
        degrees[1, source] += 1
        for node, end in ((target, f"<{ports} {labels[source]}"), (source, f">{ports} {labels[target]}")):
            marked.append((node, _number(f"{beside[node, end]}{end}")))
            beside[node, end] += 1
    bundles: dict[Bundle, int] = {(): 0}
    wiring = np.zeros((size, size), dtype=np.intp)
    for (source, target), ports in joined.items():
        wiring[source, target] = bundles.setdefault(tuple(sorted(ports)), len(bundles))
    ends = {end: place for place, end in enumerate(sorted({end for _, end in marked}))}
    marks = np.zeros((size, len(ends)), dtype=np.float32)
    for node, end in marked:
        marks[node, ends[end]] = 1
    return Outline(
        np.array([_number(label) for label in labels]),
        wiring,
        tuple(bundles),
        degrees,
        _levels(size, arcs),
        np.array(list(ends), dtype=np.int64),
        marks,
        form,
    )


def _levels(size: int, arcs: Sequence[tuple[int, int, str]]) -> Numbers:
    levels = np.zeros((2, size), dtype=np.float32)
    for source, target, _ in arcs:  # sources come in the order of computation
        levels[0, target] = max(levels[0, target], levels[0, source] + 1)
    for source, target, _ in reversed(arcs):
        levels[1, source] = max(levels[1, source], levels[1, target] + 1)
    return levels


@lru_cache(maxsize=MEMO)
def _number(text: str) -> int:
    """Number a text; no text has the number -1."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "big")


def edit_distance(one: Outline, other: Outline) -> EditDistance:
    """Count the edits that turn one blueprint into the other.

    One edit adds, removes or changes a node: its op or attributes, those aside that follow from its input
    (see `labels`). One edit adds, removes or changes an edge; a node is removed after its edges.
    """
    if one.form is not None and one.form == other.form:
        return EditDistance(0, 0)
    if (one.form or b"") > (other.form or b""):  # both ways the same
        one, other = other, one
    size = max(len(one.labels), len(other.labels))
    a, b = _filled(one, size), _filled(other, size)
    differ = _differ(one.bundles, other.bundles)
    nodes = (a.labels[:, None] != b.labels).astype(np.float32)
    _, ours, theirs = np.intersect1d(one.ends, other.ends, assume_unique=True, return_indices=True)
    beside = np.maximum(a.degrees[:, :, None], b.degrees[:, None]).sum(0)
    beside -= a.marks[:, ours] @ b.marks[:, theirs].T
    off = np.abs(a.levels[:, :, None] - b.levels[:, None]).sum(0)
    costs = nodes + beside / 2 + off / 4  # an edge has two ends; how far off nodes are is only a hint
    assigned = cast(Numbers, optimize.linear_sum_assignment(costs)[1])  # pyright: ignore[reportUnknownMemberType]
    places = _exchanged(assigned, nodes, a.wiring, b.wiring, differ)
    edges = differ[a.wiring, b.wiring[np.ix_(places, places)]].sum()
    return EditDistance(int(nodes[np.arange(size), places].sum()), int(edges))


def _filled(one: Outline, size: int) -> Outline:
    """Add nodes that stand for none, so that both have equally many."""
    if len(one.labels) == size:
        return one
    return Outline(
        _grown(one.labels, -1, size),
        _grown(one.wiring, 0, size, size),
        one.bundles,
        _grown(one.degrees, 0, 2, size),
        _grown(one.levels, 0, 2, size),
        one.ends,
        _grown(one.marks, 0, size, len(one.ends)),
        None,
    )


def _grown(numbers: Numbers, rest: int, *shape: int) -> Numbers:
    grown = np.full(shape, rest, numbers.dtype)
    grown[tuple(map(slice, numbers.shape))] = numbers
    return grown


@lru_cache(maxsize=MEMO)
def _differ(ours: tuple[Bundle, ...], theirs: tuple[Bundle, ...]) -> Numbers:
    """How many edges must change to make one bundle of another."""
    return np.array(
        [
            [max(len(one), len(other)) - (Counter(one) & Counter(other)).total() for other in theirs]
            for one in ours
        ],
        dtype=np.float32,
    )


def _exchanged(places: Numbers, nodes: Numbers, a: Numbers, b: Numbers, differ: Numbers) -> Numbers:
    """Let two nodes exchange counterparts where that saves most, again and again."""
    sizes, others = differ[:, 0], differ[0]
    every, size = np.arange(len(places)), sizes[a]
    for _ in range(max(LEAST_EXCHANGES, EXCHANGES // len(places) ** 2)):
        turned = b[np.ix_(places, places)]
        # What edges cost row by row and column by column, were each node (row) in each one's place (column).
        rows = np.repeat(size.sum(1)[:, None], len(places), 1)
        columns = np.repeat(size.sum(0)[:, None], len(places), 1)
        for bundle in range(1, len(others)):
            saved = differ[:, bundle][a] - size
            there = (turned == bundle).astype(np.float32)
            rows += saved @ there.T
            columns += saved.T @ there
        # What each node costs in its own place, and what each would cost in the place of another one, without
        # the edges between the two; of these each gain and loss counts once.
        now = differ[a, turned]
        held = nodes[every, places] + rows.diagonal() + columns.diagonal()
        taken = nodes[:, places] + rows + columns - size - size.T - others[turned] - others[turned].T
        between = differ[a, turned.T]
        gained = held[:, None] + held - now - now.T - taken - taken.T - between - between.T
        np.fill_diagonal(gained, 0)
        one, other = divmod(int(gained.argmax()), len(places))
        if not gained[one, other] > 0:
            break
        places[[one, other]] = places[[other, one]]
    return places
