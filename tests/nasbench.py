"""The cells of NAS-Bench-101: all labelled graphs, as edges and ops, and as blueprints.

Source of the space: Ying et al., "NAS-Bench-101: Towards reproducible neural architecture search" (2019).
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations, permutations, product
from typing import NamedTuple

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import EdgeSpec, NodeSpec

MOST_EDGES = 9
OPS = ("conv3x3", "conv1x1", "maxpool3x3")
CHANNELS = 8

LABELLED = 1_293_208
CLASSES = {2: 1, 3: 7, 4: 91, 5: 2_532, 6: 64_542, 7: 423_624}
"""How many cells with so many vertices or fewer there are up to isomorphism."""


class Cell(NamedTuple):
    """Vertex 0 is the input and the last one the output; `ops` are those of the vertices between."""

    edges: tuple[tuple[int, int], ...]
    ops: tuple[str, ...]

    @property
    def vertices(self) -> int:
        return len(self.ops) + 2


def wirings(vertices: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """List the edge sets: at most nine edges, all forwards, each vertex but the ends with edges both ways."""
    pairs = list(combinations(range(vertices), 2))
    for count in range(vertices - 1, MOST_EDGES + 1):
        for edges in combinations(pairs, count):
            sources = {source for source, _ in edges}
            targets = {target for _, target in edges}
            if len(sources) == len(targets) == vertices - 1:
                yield edges


def cells(vertices: int) -> Iterator[Cell]:
    """List the labelled cells with exactly so many vertices."""
    for edges in wirings(vertices):
        for ops in product(OPS, repeat=vertices - 2):
            yield Cell(edges, ops)


def least_form(cell: Cell) -> Cell:
    """The least of all ways to number the vertices between input and output: a canonical form by force."""
    last = cell.vertices - 1
    return min(
        Cell(
            tuple(sorted((number[source], number[target]) for source, target in cell.edges)),
            tuple(cell.ops[number.index(place) - 1] for place in range(1, last)),
        )
        for order in permutations(range(1, last))
        for number in [(0, *order, last)]
    )


@cache
def _node(name: str, op: str) -> NodeSpec:
    convolution = {"in_channels": CHANNELS, "out_channels": CHANNELS, "padding": "same"}
    attributes = {
        "input": {"shape": [-1, CHANNELS, -1, -1]},
        "conv3x3": {**convolution, "kernel_size": 3},
        "conv1x1": {**convolution, "kernel_size": 1},
        "maxpool3x3": {"type": "max_pool2d", "kernel_size": 3, "stride": 1, "padding": 1},
    }
    kinds = {"conv3x3": "conv2d", "conv1x1": "conv2d", "maxpool3x3": "pooling"}
    return NodeSpec(id=name, op_type=kinds.get(op, op), attributes=attributes.get(op, {}))


@cache
def _edge(source: str, target: str) -> EdgeSpec:
    return EdgeSpec(id=f"{source}.{target}", source=source, target=target)


def blueprint(cell: Cell) -> BlueprintIR:
    """The cell as a network: what arrives at a vertex is added up."""
    last = cell.vertices - 1
    arriving: dict[int, list[str]] = {}
    for source, target in cell.edges:
        arriving.setdefault(target, []).append(f"v{source}")
    nodes = [_node("v0", "input")]
    edges: list[EdgeSpec] = []
    for vertex in range(1, last + 1):
        sources = arriving[vertex]
        if len(sources) > 1:
            nodes.append(_node(f"sum{vertex}", "add"))
            edges += [_edge(source, f"sum{vertex}") for source in sources]
            sources = [f"sum{vertex}"]
        nodes.append(_node(f"v{vertex}", "output" if vertex == last else cell.ops[vertex - 1]))
        edges.append(_edge(sources[0], f"v{vertex}"))
    return BlueprintIR(name="cell", nodes=nodes, edges=edges)


def fingerprints(vertices: int, part: int, parts: int) -> tuple[int, set[bytes]]:
    """Fingerprint the cells of every `parts`-th wiring; return how many there are, and the digests."""
    found: set[bytes] = set()
    count = 0
    for number, edges in enumerate(wirings(vertices)):
        if number % parts == part:
            for ops in product(OPS, repeat=vertices - 2):
                found.add(bytes.fromhex(blueprint(Cell(edges, ops)).fingerprint.partition(":")[2]))
                count += 1
    return count, found
