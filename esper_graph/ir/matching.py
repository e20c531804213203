"""Match the nodes of two blueprints: which node of one is which node of the other.

Ids say nothing here, for a blueprint may have been written anew; only where several matchings are equally
good, the one that keeps ids is taken. Matching goes in stages; each works on what the stage before left open.

1. *Isomorphic* blueprints are matched by their canonical forms, completely.
2. *Colours.* A node's upper colour says all that it is computed from, its lower colour all that is computed
   from it, its near colours what stands around it. Nodes that share the strongest colours are matched first,
   unique ones before others, and each match is extended along the edges to neighbours of equal colour.
3. *The rest* is assigned by a search that keeps as much as possible, see `matching_rest`.

Sources: colours are refined as by B. Weisfeiler and A. Leman, "The reduction of a graph to canonical form and
the algebra which appears therein" (1968), in its form for nodes; matching the surest pairs first and
extending along edges follows J.-R. Falleri, F. Morandat, X. Blanc, M. Martinez and M. Monperrus,
"Fine-grained and accurate source code differencing", ASE 2014.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import eq
from typing import TYPE_CHECKING, NamedTuple

from esper_graph.ir.canonical import SearchLimitExceeded, canonical_form
from esper_graph.ir.graph import Graph
from esper_graph.ir.matching_rest import EXACT, Side, assign_rest, likeness, score

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

NEAR = 4
"""How far near colours look."""


class Matching(NamedTuple):
    """Which node is which.

    Attributes:
        places: For each node of the first blueprint, by position, the position of its counterpart in the
            second one; None where it has none. No counterpart is named twice.
        complete: Whether the blueprints are isomorphic and every node has its counterpart.
    """

    places: tuple[int | None, ...]
    complete: bool

    @property
    def back(self) -> dict[int, int]:
        """For each matched node of the second blueprint, its counterpart in the first one."""
        return {other: place for place, other in enumerate(self.places) if other is not None}


def match(one: "BlueprintIR", other: "BlueprintIR") -> Matching:
    """Match the nodes of two valid blueprints; their sizes are taken as they are written, see `align`.

    Raises:
        BlueprintError: One of them is not valid.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> def chain(*ops: str) -> "BlueprintIR":
        ...     b = Builder("chain", name="Chain")
        ...     x = b.input([-1, 8])
        ...     for op in ops:
        ...         x = b.node(op, x)
        ...     b.output(x)
        ...     return b.finish()
        >>> match(chain("abs", "neg"), chain("abs", "exp", "neg"))
        Matching(places=(0, 1, 3, 4), complete=False)
    """
    for blueprint in (one, other):
        blueprint.validate()
    a, b = side(one.graph), side(other.graph)
    by_id = _by_id(a, b)
    kept = sum(len(keys) for feeds in a.arriving for keys in feeds.values())
    if len(a.labels) == len(b.labels) == sum(target is not None for target in by_id):
        same = all(
            a.labels[place] == b.labels[target] for place, target in enumerate(by_id) if target is not None
        )
        if same and kept == b.edges and _kept(a, b, by_id) == kept:
            return Matching(tuple(by_id), complete=_same_ties(one.graph, other.graph, by_id))
    isomorphism = _isomorphism(one.graph, other.graph)
    if isomorphism is not None:
        return Matching(isomorphism, complete=True)
    found = _by_colours(a, b)
    if max(len(a.labels), len(b.labels)) <= EXACT:  # few enough to try everything
        found.append([None] * len(a.labels))
    for mapping in found:
        assign_rest(a, b, mapping)
    best = max((*found, by_id), key=lambda mapping: score(a, b, mapping))
    return Matching(tuple(best), complete=False)


def side(graph: Graph) -> Side:
    """Write the wiring of a valid blueprint so that two can be compared."""
    labels: list[tuple[str, str, str]] = []
    arriving: list[dict[int, tuple[tuple[int, int], ...]]] = []
    leaving: list[dict[int, tuple[tuple[int, int], ...]]] = [{} for _ in graph.nodes]
    for place, node in enumerate(graph.nodes):
        labels.append((node.op_type, node.precision, graph.texts[place]))
        feeds: dict[int, list[tuple[int, int]]] = {}
        for feed in graph.feeds[place]:
            feeds.setdefault(feed.source, []).append((port_key(graph, place, feed.slot), feed.source_slot))
        arriving.append({source: tuple(sorted(keys)) for source, keys in feeds.items()})
        for source, keys in arriving[place].items():
            leaving[source][place] = keys
    return Side(graph, labels, arriving, leaving)


def port_key(graph: Graph, place: int, slot: int) -> int:
    """Number the input port, with -1 for all ports of a node whose order means nothing."""
    op = graph.ops[place]
    return -1 if op is not None and op.commutative and slot >= len(op.fixed) else slot


# ---------------------------------------------------------------- isomorphic blueprints


def _isomorphism(one: Graph, other: Graph) -> tuple[int, ...] | None:
    """Match isomorphic blueprints completely; None where they are not, or cannot be told apart in time."""
    if len(one.nodes) != len(other.nodes) or len(one.edges) != len(other.edges):
        return None
    try:
        ours, theirs = (canonical_form(*_labelled(graph)) for graph in (one, other))
    except SearchLimitExceeded:
        return None
    if ours.encoding != theirs.encoding:
        return None
    places = [0] * len(one.nodes)
    for ours_place, theirs_place in zip(ours.order, theirs.order, strict=True):
        if ours_place < len(places):
            places[ours_place] = theirs_place
    return tuple(places)


def _labelled(graph: Graph) -> tuple[list[str], list[tuple[int, int, str]]]:
    """The graph of `fingerprint.labelled_graph`, with sizes as they are written."""
    labels = [
        f"{node.op_type} {node.precision} {text}" for node, text in zip(graph.nodes, graph.texts, strict=True)
    ]
    arcs = [
        (feed.source, place, f"{feed.source_slot}>{port_key(graph, place, feed.slot)}")
        for place, feeds in enumerate(graph.feeds)
        for feed in feeds
    ]
    for members in ties(graph):
        arcs += [(len(labels), place, "tie") for place in members]
        labels.append("tie")
    return labels, arcs


def ties(graph: Graph) -> set[frozenset[int]]:
    """Group the nodes that use the same parameters, owners included; others stand in no group."""
    groups: dict[int, set[int]] = {}
    for place, node in enumerate(graph.nodes):
        if node.shares is not None:
            owner = graph.position[node.shares]
            groups.setdefault(owner, {owner}).add(place)
    return {frozenset(members) for members in groups.values()}


def _same_ties(one: Graph, other: Graph, mapping: Sequence[int | None]) -> bool:
    moved = {frozenset(mapping[place] for place in members) for members in ties(one)}
    return moved == ties(other)


def _by_id(a: Side, b: Side) -> list[int | None]:
    position = b.graph.position
    found: list[int | None] = []
    for node in a.graph.nodes:
        target = position.get(node.id)
        fits = target is not None and b.graph.nodes[target].op_type == node.op_type
        found.append(target if fits else None)
    return found


def _kept(a: Side, b: Side, mapping: Sequence[int | None]) -> int:
    kept = 0
    for place, feeds in enumerate(a.arriving):
        target = mapping[place]
        for source, keys in feeds.items():
            other = mapping[source]
            if target is not None and other is not None and b.arriving[target].get(other) == keys:
                kept += len(keys)
    return kept


# ---------------------------------------------------------------- by colours

Colours = list[int]


class _Palette:
    """Numbers for colours, the same number for the same colour on both sides."""

    def __init__(self) -> None:
        self.known: dict[Hashable, int] = {}

    def number(self, colour: Hashable) -> int:
        return self.known.setdefault(colour, len(self.known))


def _by_colours(a: Side, b: Side) -> list[list[int | None]]:
    palette = _Palette()
    labels = [[palette.number(label) for label in one.labels] for one in (a, b)]
    upper = [_cone(one, own, palette, upwards=True) for one, own in zip((a, b), labels, strict=True)]
    lower = [_cone(one, own, palette, upwards=False) for one, own in zip((a, b), labels, strict=True)]
    near = [_near(one, own, palette) for one, own in zip((a, b), labels, strict=True)]
    found = _Pairing(a, b)
    sequences = [_sequence(one, own) for one, own in zip((a, b), labels, strict=True)]
    stages: list[tuple[Callable[[int, int], Hashable], bool]] = [
        (lambda which, place: (upper[which][place], lower[which][place]), True),
        (lambda which, place: (0, upper[which][place], near[which][-1][place]), True),
        (lambda which, place: (1, lower[which][place], near[which][-1][place]), True),
        (lambda which, place: (0, upper[which][place], near[which][1][place]), True),
        (lambda which, place: (1, lower[which][place], near[which][1][place]), True),
        *[
            (lambda which, place, depth=depth: near[which][depth][place], False)
            for depth in range(NEAR, -1, -1)
        ],
    ]
    aligned: list[int | None] = []
    for key, sure in stages:
        if not sure and not aligned:
            aligned = _aligned(a, b, found, sequences, near)
        found.stage(key, sure=sure)
    return [aligned, found.mapping]


def _sequence(one: Side, labels: Colours) -> list[int]:
    """Order the nodes by how far they are from the inputs, then by what they are."""
    level = [0] * len(labels)
    for place in one.graph.order or ():
        level[place] = 1 + max((level[source] for source in one.arriving[place]), default=-1)
    return sorted(range(len(labels)), key=lambda place: (level[place], labels[place], place))


def _aligned(
    a: Side, b: Side, found: "_Pairing", sequences: list[list[int]], near: list[list[Colours]]
) -> list[int | None]:
    """Match what is open in the order of computation, as two texts are aligned: most likeness in all wins."""
    ours = [place for place in sequences[0] if found.mapping[place] is None]
    theirs = [target for target in sequences[1] if found.back[target] is None]
    columns = [[near[1][depth][target] for depth in range(1, NEAR + 1)] for target in theirs]
    table = [[0.0] * (len(theirs) + 1)]
    worth: list[list[float]] = []
    for place in ours:
        colours = [near[0][depth][place] for depth in range(1, NEAR + 1)]
        row = [
            likeness(a, b, place, target) + sum(map(eq, colours, others))
            for target, others in zip(theirs, columns, strict=True)
        ]
        worth.append(row)
        above, line = table[-1], [0.0]
        for number, gain in enumerate(row):
            line.append(max(above[number] + gain, above[number + 1], line[number]))
        table.append(line)
    mapping = list(found.mapping)
    row, column = len(ours), len(theirs)
    while row and column:
        here = table[row][column]
        if here == table[row - 1][column]:
            row -= 1
        elif here == table[row][column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            if a.labels[ours[row]][0] == b.labels[theirs[column]][0]:
                mapping[ours[row]] = theirs[column]
    return mapping


def _cone(one: Side, labels: Colours, palette: _Palette, *, upwards: bool) -> Colours:
    """Colour each node by all that is above it, or all that is below it."""
    order = one.graph.order or ()
    colours = [0] * len(labels)
    neighbours = one.arriving if upwards else one.leaving
    for place in order if upwards else reversed(order):
        around = sorted([(keys, colours[other]) for other, keys in neighbours[place].items()])
        colours[place] = palette.number((upwards, labels[place], *around))
    return colours


def _near(one: Side, labels: Colours, palette: _Palette) -> list[Colours]:
    """Colour each node by what stands around it, from nothing but itself to `NEAR` edges away."""
    rounds = [[palette.number(("near", label)) for label in labels]]
    for _ in range(NEAR):
        last = rounds[-1]
        rounds.append(
            [
                palette.number(
                    (
                        last[place],
                        tuple(sorted([(keys, last[other]) for other, keys in one.arriving[place].items()])),
                        tuple(sorted([(keys, last[other]) for other, keys in one.leaving[place].items()])),
                    )
                )
                for place in range(len(labels))
            ]
        )
    return rounds


class _Pairing:
    """Matches made so far."""

    def __init__(self, a: Side, b: Side) -> None:
        self.a, self.b = a, b
        self.mapping: list[int | None] = [None] * len(a.labels)
        self.back: list[int | None] = [None] * len(b.labels)

    def stage(self, key: Callable[[int, int], Hashable], *, sure: bool) -> None:
        """Match nodes of equal keys: where a key is unique, along edges, and if `sure` also among equals."""
        ours, theirs = self._groups(key, 0, self.mapping), self._groups(key, 1, self.back)
        if not ours or not theirs:
            return
        keys = (
            {place: name for name, places in group.items() for place in places} for group in (ours, theirs)
        )
        ours_key, theirs_key = keys
        for place, target in list(enumerate(self.mapping)):
            if target is not None:
                self._extend(place, target, ours_key, theirs_key)
        common = sorted(
            (name for name in ours if name in theirs),
            key=lambda name: (max(len(ours[name]), len(theirs[name])), ours[name][0]),
        )
        for name in common:
            alone = len(ours[name]) == len(theirs[name]) == 1
            if not (alone or sure):
                continue
            for place in ours[name]:
                free = [target for target in theirs[name] if self.back[target] is None]
                if self.mapping[place] is None and free:
                    target = self._preferred(place, free)
                    self._pair(place, target)
                    self._extend(place, target, ours_key, theirs_key)

    def _groups(
        self, key: Callable[[int, int], Hashable], which: int, matched: Sequence[int | None]
    ) -> dict[Hashable, list[int]]:
        groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for place, target in enumerate(matched):
            if target is None:
                groups[key(which, place)].append(place)
        return groups

    def _preferred(self, place: int, free: Iterable[int]) -> int:
        """Of nodes that are alike: the one with most matched neighbours, then the one of the same id."""
        name, nodes = self.a.graph.nodes[place].id, self.b.graph.nodes
        return max(
            free,
            key=lambda target: (
                self.a.kept_with(self.b, self.mapping, place, target),
                nodes[target].id == name,
                -target,
            ),
        )

    def _pair(self, place: int, target: int) -> None:
        self.mapping[place], self.back[target] = target, place

    def _extend(
        self, place: int, target: int, ours: dict[int, Hashable], theirs: dict[int, Hashable]
    ) -> None:
        """Match neighbours of a matched pair that are alike and attached alike, and theirs in turn."""
        waiting = [(place, target)]
        while waiting:
            place, target = waiting.pop()
            for around, others in (
                (self.a.arriving[place], self.b.arriving[target]),
                (self.a.leaving[place], self.b.leaving[target]),
            ):
                for neighbour, keys in around.items():
                    if self.mapping[neighbour] is not None or neighbour not in ours:
                        continue
                    alike = [
                        other
                        for other, other_keys in others.items()
                        if other_keys == keys
                        and self.back[other] is None
                        and other in theirs
                        and theirs[other] == ours[neighbour]
                    ]
                    if alike:
                        chosen = self._preferred(neighbour, alike)
                        self._pair(neighbour, chosen)
                        waiting.append((neighbour, chosen))
