"""Place the nodes of a graph on layers, so that edges lead downwards and cross seldom.

1. A node's layer is the longest way to it; nodes that nothing feeds stand right above who uses them first.
2. A value that is used further down gets a *lane* in each layer between. All its uses share the lanes.
3. Sweeps down and up sort each layer by the middle of its neighbours; the order with fewest crossings stays.
4. More sweeps pull nodes under their neighbours and lanes straight; within a layer the best places that keep
   order and distances are found exactly (isotonic regression).

Source for 1 to 3: K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical
system structures" (1981).
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import NamedTuple

GAP = 26.0
"""Least distance between neighbours of a layer."""
LANE = 12.0
"""Width of a lane."""
_SORTING_SWEEPS = 8
_PLACING_SWEEPS = 12
_NODE_WEIGHT, _LANE_WEIGHT = 1.0, 0.001
_LEAST_LAYER_GAP, _MOST_LAYER_GAP, _STEEPNESS = 34.0, 90.0, 0.12


class Link(NamedTuple):
    """An edge to draw: from an output port of a node to another node, by position."""

    source: int
    slot: int
    target: int


class Layout(NamedTuple):
    """Where everything stands.

    Attributes:
        centres: Middle of each node.
        lanes: For each link the lanes it runs through: middle, top and bottom of each.
        width: Width of the whole; its height is `height`.
        height: See `width`.
    """

    centres: list[tuple[float, float]]
    lanes: list[list[tuple[float, float, float]]]
    width: float
    height: float


def lay_out(sizes: Sequence[tuple[float, float]], links: Sequence[Link], order: Iterable[int]) -> Layout:
    """Place nodes of these widths and heights.

    Args:
        order: The nodes, producers first; links that lead against it are left out of account.

    Example:
        >>> chain = lay_out([(10, 10)] * 3, [Link(0, 0, 1), Link(1, 0, 2), Link(0, 0, 2)], range(3))
        >>> [round(x) for x, _ in chain.centres], len(chain.lanes[2])
        ([5, 5, 5], 1)
    """
    if not sizes:
        return Layout([], [], 0.0, 0.0)
    layer_of = _layers(len(sizes), links, order)
    grid = _Grid(sizes, links, layer_of)
    grid.sort()
    grid.place()
    return grid.finish(sizes, links, layer_of)


def _layers(count: int, links: Sequence[Link], order: Iterable[int]) -> list[int]:
    """The layer of each node, counted from the top."""
    place = [0] * count
    for number, node in enumerate(order):
        place[node] = number
    feeding: list[list[int]] = [[] for _ in range(count)]
    using: list[list[int]] = [[] for _ in range(count)]
    for source, _, target in links:
        if place[source] < place[target]:
            feeding[target].append(source)
            using[source].append(target)
    layers = [0] * count
    for node in sorted(range(count), key=place.__getitem__):
        layers[node] = 1 + max((layers[source] for source in feeding[node]), default=-1)
    for node in range(count):
        if using[node] and not feeding[node]:
            layers[node] = min(layers[target] for target in using[node]) - 1
    return layers


class _Grid:
    """Nodes and lanes as cells in layers; cells `0 ... n-1` are the nodes."""

    def __init__(
        self, sizes: Sequence[tuple[float, float]], links: Sequence[Link], layer_of: list[int]
    ) -> None:
        self.nodes = len(sizes)
        self.widths = [width for width, _ in sizes]
        self.layers: list[list[int]] = [[] for _ in range(max(layer_of) + 1)]
        for node, layer in enumerate(layer_of):
            self.layers[layer].append(node)
        self.lane_of: dict[tuple[int, int, int], int] = {}
        self.above: list[list[int]] = [[] for _ in sizes]
        self.below: list[list[int]] = [[] for _ in sizes]
        # Lanes of late sources first: the shortcut inside another one stays next to what it skips.
        for source, slot, target in sorted(links, key=lambda link: -layer_of[link.source]):
            if layer_of[source] >= layer_of[target]:
                continue
            upper = source
            for layer in range(layer_of[source] + 1, layer_of[target]):
                upper = self._lane(source, slot, layer, upper)
            if target not in self.below[upper]:
                self.below[upper].append(target)
                self.above[target].append(upper)
        self.x = [0.0] * len(self.widths)

    def _lane(self, source: int, slot: int, layer: int, upper: int) -> int:
        lane = self.lane_of.get((source, slot, layer))
        if lane is None:
            lane = self.lane_of[source, slot, layer] = len(self.widths)
            self.widths.append(LANE)
            self.layers[layer].append(lane)
            self.above.append([upper])
            self.below.append([])
            self.below[upper].append(lane)
        return lane

    def sort(self) -> None:
        """Order the cells of each layer."""
        best, fewest = [list(layer) for layer in self.layers], self._crossings()
        for sweep in range(_SORTING_SWEEPS):
            if not fewest:
                break
            downwards = sweep % 2 == 0
            beside = self.above if downwards else self.below
            place = [0.0] * len(self.widths)
            for layer in self.layers if downwards else reversed(self.layers):
                for number, cell in enumerate(layer):
                    place[cell] = number
                layer.sort(
                    key=lambda cell, place=place: _mean([place[other] for other in beside[cell]], place[cell])
                )
                for number, cell in enumerate(layer):
                    place[cell] = number
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best

    def _crossings(self) -> int:
        total = 0
        for upper, lower in pairwise(self.layers):
            place = {cell: number for number, cell in enumerate(lower)}
            seen: list[int] = []
            for cell in upper:
                ends = sorted(place[other] for other in self.below[cell])
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    def place(self) -> None:
        """Find the horizontal middle of each cell."""
        for layer in self.layers:
            offsets = self._offsets(layer)
            for cell, offset in zip(layer, offsets, strict=True):
                self.x[cell] = offset - offsets[-1] / 2
        for sweep in range(_PLACING_SWEEPS):
            downwards = sweep % 2 == 0
            last = sweep == _PLACING_SWEEPS - 1
            for layer in self.layers if downwards else reversed(self.layers):
                wanted = [
                    self._wanted(cell, up=downwards or last, down=not downwards or last) for cell in layer
                ]
                weights = [_NODE_WEIGHT if cell < self.nodes else _LANE_WEIGHT for cell in layer]
                for cell, x in zip(layer, spread(wanted, weights, self._offsets(layer)), strict=True):
                    self.x[cell] = x
        self._straighten()

    def _straighten(self) -> None:
        """Put lanes that follow one another at one place, where there is room for that."""
        chains: dict[tuple[int, int], list[int]] = {}
        for (source, slot, _), lane in self.lane_of.items():
            chains.setdefault((source, slot), []).append(lane)
        offsets = [self._offsets(layer) for layer in self.layers]
        spot = {
            cell: (one, place) for one, layer in enumerate(self.layers) for place, cell in enumerate(layer)
        }
        for chain in [*chains.values(), *reversed(chains.values())]:
            least, most = -inf, inf
            for lane in chain:
                one, place = spot[lane]
                layer, steps = self.layers[one], offsets[one]
                if place:
                    least = max(least, self.x[layer[place - 1]] + steps[place] - steps[place - 1])
                if place + 1 < len(layer):
                    most = min(most, self.x[layer[place + 1]] - steps[place + 1] + steps[place])
            if least <= most:
                middle = min(max(_mean([self.x[lane] for lane in chain], 0.0), least), most)
                for lane in chain:
                    self.x[lane] = middle

    def _wanted(self, cell: int, *, up: bool, down: bool) -> float:
        """The middle of its neighbours; where it has some of its own kind (node or lane), of those."""
        beside = [*(self.above[cell] if up else ()), *(self.below[cell] if down else ())]
        alike = [other for other in beside if (other < self.nodes) == (cell < self.nodes)]
        return _mean([self.x[other] for other in alike or beside], self.x[cell])

    def _offsets(self, layer: list[int]) -> list[float]:
        """Least distance of each cell of a layer from the first."""
        steps = [
            (self.widths[one] + self.widths[other]) / 2
            + (GAP if one < self.nodes and other < self.nodes else GAP / 2)
            for one, other in pairwise(layer)
        ]
        return list(accumulate(steps, initial=0.0))

    def finish(
        self, sizes: Sequence[tuple[float, float]], links: Sequence[Link], layer_of: list[int]
    ) -> Layout:
        """Add the vertical places."""
        left = min(x - width / 2 for x, width in zip(self.x, self.widths, strict=True))
        right = max(x + width / 2 for x, width in zip(self.x, self.widths, strict=True))
        tops: list[float] = []
        heights: list[float] = []
        top = 0.0
        for layer in self.layers:
            tops.append(top)
            heights.append(max((sizes[cell][1] for cell in layer if cell < self.nodes), default=0.0))
            sideways = [abs(self.x[cell] - self.x[other]) for cell in layer for other in self.below[cell]]
            gap = min(max(_LEAST_LAYER_GAP, _STEEPNESS * max(sideways, default=0.0)), _MOST_LAYER_GAP)
            top += heights[-1] + gap
        centres = [
            (self.x[node] - left, tops[layer] + heights[layer] / 2) for node, layer in enumerate(layer_of)
        ]
        lanes = [
            [
                (self.x[self.lane_of[source, slot, layer]] - left, tops[layer], tops[layer] + heights[layer])
                for layer in range(layer_of[source] + 1, layer_of[target])
            ]
            for source, slot, target in links
        ]
        return Layout(centres, lanes, right - left, tops[-1] + heights[-1])


def spread(wanted: Sequence[float], weights: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """Find the places nearest to the wanted ones that keep order and distances.

    Minimises the weighted sum of squares under `place[i] - place[i-1] >= offsets[i] - offsets[i-1]`, by
    pooling neighbours that want to pass each other.

    Example:
        >>> spread([0.0, 1.0, 50.0], [1.0, 1.0, 1.0], [0.0, 10.0, 20.0])
        [-4.5, 5.5, 50.0]
    """
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        pool = (want - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            middle, heavy, count = pools.pop()
            both = heavy + pool[1]
            pool = ((middle * heavy + pool[0] * pool[1]) / both, both, count + pool[2])
        pools.append(pool)
    places = [middle for middle, _, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
