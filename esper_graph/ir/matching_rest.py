"""Assign the nodes that colours could not match, so that as much as possible is kept.

What a matching keeps is its *score*: for each matched pair how alike the two are, and `EDGE` for each edge
that both blueprints have between matched nodes. Leaving a node out costs nothing, so the score of a pair is
what an edit of the one node saves over removing it and adding the other. A first assignment is greedy; it is
improved by moving and swapping; where little is open, every assignment is tried, cut off where it cannot win
any more.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from heapq import heapify, heappop, heappush

from esper_graph.ir.graph import Graph

EDGE = 2.0
SAME, OTHER_OP, EACH_ATTRIBUTE, MOST_ATTRIBUTES = 4.0, -1.0, 0.5, 2.5
PRECISION = 0.5
SAME_ID = 0.01
"""Decides between matchings that keep equally much."""
EXACT, EXACT_OTHER = 8, 16
"""Up to so many open nodes on the smaller and on the larger side, every assignment is tried."""
VISITS = 5_000
ROUNDS = 10

Label = tuple[str, str, str]
Keys = tuple[tuple[int, int], ...]
"""How two nodes are connected: input port and output port of each edge, sorted."""


@dataclass(eq=False)
class Side:
    """One of the two blueprints.

    Attributes:
        labels: What each node is: op type, precision, attributes.
        arriving: For each node, the nodes that feed it and how.
        leaving: For each node, the nodes that it feeds and how.
    """

    graph: Graph
    labels: list[Label]
    arriving: list[dict[int, Keys]]
    leaving: list[dict[int, Keys]]

    @cached_property
    def ids(self) -> list[str]:
        """The id of each node."""
        return [node.id for node in self.graph.nodes]

    @property
    def edges(self) -> int:
        """How many edges there are."""
        return sum(len(keys) for feeds in self.arriving for keys in feeds.values())

    def kept_with(self, other: "Side", mapping: Sequence[int | None], place: int, target: int) -> int:
        """Count the edges that are kept when a node is matched, beside those kept already."""
        kept = 0
        for ours, theirs in ((self.arriving, other.arriving), (self.leaving, other.leaving)):
            there = theirs[target]
            for neighbour, keys in ours[place].items():
                matched = mapping[neighbour]
                if matched is not None and matched in there:
                    kept += _common(keys, there[matched])
        return kept


def score(a: Side, b: Side, mapping: Sequence[int | None]) -> float:
    """Tell how much a matching keeps."""
    total = 0.0
    for place, target in enumerate(mapping):
        if target is None:
            continue
        total += likeness(a, b, place, target)
        for source, keys in a.arriving[place].items():
            other = mapping[source]
            if other is not None and other in b.arriving[target]:
                total += EDGE * _common(keys, b.arriving[target][other])
    return total


def likeness(a: Side, b: Side, place: int, target: int) -> float:
    """Tell how alike two nodes are in themselves."""
    same_id = SAME_ID if a.ids[place] == b.ids[target] else 0.0
    return _alike(a.labels[place], b.labels[target]) + same_id


@lru_cache(maxsize=65_536)
def _alike(ours: Label, theirs: Label) -> float:
    if ours is theirs or ours == theirs:
        return SAME
    if ours[0] != theirs[0]:
        return OTHER_OP
    changed = _differing(ours[2], theirs[2])
    other_precision = PRECISION if ours[1] != theirs[1] else 0.0
    return SAME - bool(changed) - min(EACH_ATTRIBUTE * changed, MOST_ATTRIBUTES) - other_precision


def assign_rest(a: Side, b: Side, mapping: list[int | None]) -> None:
    """Extend a matching in place by nodes that it leaves open."""
    matched = {target for target in mapping if target is not None}
    ours = [place for place, target in enumerate(mapping) if target is None]
    theirs = [place for place in range(len(b.labels)) if place not in matched]
    if not ours or not theirs:
        return
    rest = _Rest(a, b, mapping, ours, theirs)
    rest.greedy()
    rest.improve()
    if min(len(ours), len(theirs)) <= EXACT and max(len(ours), len(theirs)) <= EXACT_OTHER:
        rest.search()


class _Rest:
    def __init__(
        self, a: Side, b: Side, mapping: list[int | None], ours: list[int], theirs: list[int]
    ) -> None:
        self.a, self.b, self.mapping = a, b, mapping
        self.ours, self.theirs = ours, theirs
        self.back: dict[int, int] = {}
        self.open = set(theirs)
        self.alike = {(place, target): likeness(a, b, place, target) for place in ours for target in theirs}

    def gain(self, place: int, target: int) -> float:
        """What matching the two adds to the score."""
        return self.alike[place, target] + EDGE * self.a.kept_with(self.b, self.mapping, place, target)

    def pair(self, place: int, target: int | None) -> None:
        held = self.mapping[place]
        if held is not None:
            del self.back[held]
        self.mapping[place] = target
        if target is not None:
            self.back[target] = place

    def greedy(self) -> None:
        """Match the pair that gains most, again and again; a match raises what its neighbours gain."""
        heap = [(-alike, *pair) for pair, alike in self.alike.items() if alike >= SAME]
        heap += [
            (-self.gain(place, target), place, target)
            for place in self.ours
            for target in self._candidates(place)
        ]
        heapify(heap)
        while heap:
            gain, place, target = heappop(heap)
            if self.mapping[place] is not None or target in self.back or -gain <= 0:
                continue
            self.pair(place, target)
            for ours, theirs in ((self.a.arriving, self.b.arriving), (self.a.leaving, self.b.leaving)):
                for near in ours[place]:
                    for other in theirs[target]:
                        if self.mapping[near] is None and other in self.open and other not in self.back:
                            heappush(heap, (-self.gain(near, other), near, other))

    def improve(self) -> None:
        """Move a node to another counterpart, or let two swap theirs, as long as that gains something."""
        for _ in range(ROUNDS):
            better = False
            for place in self.ours:
                for target in (*self._candidates(place), None):
                    held = self.mapping[place]
                    if target != held and self._move(place, held, target):
                        better = True
            if not better:
                return

    def _candidates(self, place: int) -> list[int]:
        """Open nodes of the other side that are attached to counterparts of this one's neighbours."""
        found: set[int] = set()
        for ours, theirs in ((self.a.arriving, self.b.leaving), (self.a.leaving, self.b.arriving)):
            for neighbour in ours[place]:
                matched = self.mapping[neighbour]
                if matched is not None:
                    found.update(theirs[matched])
        return sorted(found & self.open)

    def _move(self, place: int, held: int | None, target: int | None) -> bool:
        """Match a node with another one if that is better; whoever has that one takes what becomes free."""
        other = self.back.get(target) if target is not None else None
        before = self._worth([place, other])
        self.pair(place, None)
        if other is not None:
            self.pair(other, held)
        self.pair(place, target)
        if self._worth([place, other]) > before + 1e-9:
            return True
        self.pair(place, None)
        if other is not None:
            self.pair(other, target)
        self.pair(place, held)
        return False

    def _worth(self, places: Sequence[int | None]) -> float:
        """The part of the score that hangs on these nodes; an edge between two of them counts once."""
        total = 0.0
        held: list[tuple[int, int]] = []
        for place in places:
            target = self.mapping[place] if place is not None else None
            if place is not None and target is not None:
                held.append((place, target))
                self.mapping[place] = None
        for place, target in held:
            total += self.gain(place, target)
            self.mapping[place] = target
        return total

    def search(self) -> None:
        """Try all assignments, surest nodes first, and keep the best; stop after `VISITS` steps."""
        flipped = len(self.ours) > len(self.theirs)
        rows = self.theirs if flipped else self.ours
        columns = self.ours if flipped else self.theirs
        best = score(self.a, self.b, self.mapping)
        found = {place: self.mapping[place] for place in self.ours}
        for place in self.ours:
            self.pair(place, None)
        fixed = score(self.a, self.b, self.mapping)

        def cell(row: int, column: int) -> tuple[int, int]:
            return (column, row) if flipped else (row, column)

        side = self.b if flipped else self.a
        most = {
            row: max(0.0, *(self.alike[cell(row, column)] for column in columns))
            + EDGE * sum(map(len, (*side.arriving[row].values(), *side.leaving[row].values())))
            for row in rows
        }
        rows = sorted(rows, key=lambda row: -most[row])
        ahead = [0.0] * (len(rows) + 1)
        for number in range(len(rows) - 1, -1, -1):
            ahead[number] = ahead[number + 1] + most[rows[number]]
        visits = 0

        def descend(number: int, total: float) -> None:
            nonlocal best, found, visits
            visits += 1
            if total > best + 1e-9:
                best, found = total, {place: self.mapping[place] for place in self.ours}
            if number == len(rows) or total + ahead[number] <= best + 1e-9 or visits > VISITS:
                return
            free = [
                cell(rows[number], column)
                for column in columns
                if (column not in self.back if not flipped else self.mapping[column] is None)
            ]
            for gain, place, target in sorted((-self.gain(*pair), *pair) for pair in free):
                self.pair(place, target)
                descend(number + 1, total - gain)
                self.pair(place, None)
            descend(number + 1, total)

        descend(0, fixed)
        for place in found:
            self.pair(place, None)
        for place, target in found.items():
            self.pair(place, target)


def _common(ours: Keys, theirs: Keys) -> int:
    if ours == theirs:
        return len(ours)
    left, common = list(theirs), 0
    for key in ours:
        if key in left:
            left.remove(key)
            common += 1
    return common


def _differing(one: str, other: str) -> int:
    """Count the attributes that differ, given all of them as JSON."""
    ours, theirs = json.loads(one), json.loads(other)
    return sum(ours.get(name) != theirs.get(name) for name in ours.keys() | theirs.keys())
