"""Blueprints that look alike at every node, and still are or are not the same."""

from collections.abc import Iterable, Sequence
from itertools import combinations, product
from random import Random

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.errors import LimitExceededError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.canonical import SearchLimitExceeded, canonical_form
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from tests import graph_families as families
from tests.graph_families import Labelled
from tests.unit.ir.test_fingerprint import shuffled

Pairs = Sequence[tuple[int, int]]


def network(count: int, pairs: Iterable[tuple[int, int]]) -> BlueprintIR:
    """A graph as a network: each vertex is a `sin`, each edge adds two of them, all edges are multiplied."""
    nodes = [NodeSpec(id="input", op_type="input", attributes={"shape": [-1, 4]})]
    nodes += [NodeSpec(id=f"v{vertex}", op_type="sin") for vertex in range(count)]
    ends = [("input", f"v{vertex}") for vertex in range(count)]
    for number, (one, other) in enumerate(pairs):
        nodes.append(NodeSpec(id=f"sum{number}", op_type="add"))
        ends += [(f"v{one}", f"sum{number}"), (f"v{other}", f"sum{number}"), (f"sum{number}", "all")]
    ends += [(f"v{vertex}", "all") for vertex in range(count)]
    nodes += [NodeSpec(id="all", op_type="multiply"), NodeSpec(id="output", op_type="output")]
    ends.append(("all", "output"))
    edges = [EdgeSpec(id=f"e{number}", source=one, target=other) for number, (one, other) in enumerate(ends)]
    return BlueprintIR(
        name="network", nodes=nodes, edges=edges, limits={"max_nodes": 9999, "max_edges": 99999}
    )


def pairs_of(graph: Labelled) -> tuple[int, Pairs]:
    labels, arcs = graph
    return len(labels), sorted({(min(one, other), max(one, other)) for one, other, _ in arcs})


def ring(*lengths: int) -> tuple[int, Pairs]:
    pairs: list[tuple[int, int]] = []
    start = 0
    for length in lengths:
        pairs += [(start + place, start + (place + 1) % length) for place in range(length)]
        start += length
    return start, pairs


def switched(count: int, pairs: Pairs, chosen: Iterable[int]) -> tuple[int, Pairs]:
    """Seidel's switching: exchange edges and gaps between the chosen vertices and the others."""
    inside, joined = set(chosen), set(pairs)
    return count, [
        pair
        for pair in combinations(range(count), 2)
        if (pair in joined) != ((pair[0] in inside) != (pair[1] in inside))
    ]


EIGHT = list(combinations(range(8), 2))
TRIANGULAR = (
    28,
    [(one, other) for one, other in combinations(range(28), 2) if {*EIGHT[one]} & {*EIGHT[other]}],
)
"""Edges of the complete graph of 8, joined where they meet; strongly regular (28, 12, 6, 4)."""


def chang(*cycles: int) -> tuple[int, Pairs]:
    """One of the three Chang graphs: as strongly regular as the triangular graph, and other graphs.

    Source: L. C. Chang, "Association schemes of partially balanced designs with parameters v = 28, n1 = 12,
    n2 = 15 and p11 = 4" (1960), by switching at a perfect matching, a ring of 8, or rings of 3 and 5.
    """
    edges = ring(*cycles)[1] if cycles else [(0, 1), (2, 3), (4, 5), (6, 7)]
    chosen = [EIGHT.index((min(pair), max(pair))) for pair in edges]
    return switched(*TRIANGULAR, chosen)


MOEBIUS = [*((place, (place + 1) % 8) for place in range(8)), *((place, place + 4) for place in range(4))]
CUBE = [(one, one ^ bit) for one in range(8) for bit in (1, 2, 4) if one < one ^ bit]
PRISM = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (0, 3), (1, 4), (2, 5)]
BIPARTITE = [(one, 3 + other) for one, other in product(range(3), repeat=2)]

DIFFERENT: list[tuple[str, list[tuple[int, Pairs]]]] = [
    ("rings", [ring(6), ring(3, 3)]),
    ("long rings", [ring(60), ring(30, 30), ring(29, 31), ring(20, 20, 20)]),
    ("cubic of 6", [(6, PRISM), (6, BIPARTITE)]),
    ("cubic of 8", [(8, MOEBIUS), (8, CUBE)]),
    ("strongly regular of 16", [pairs_of(families.rook(4)), pairs_of(families.shrikhande())]),
    ("strongly regular of 28", [TRIANGULAR, chang(), chang(8), chang(3, 5)]),
    (
        "cospectral trees",
        [
            (8, [(0, 1), (1, 2), (2, 3), (3, 4), (2, 5), (5, 6), (2, 7)]),
            (8, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (1, 6), (4, 7)]),
        ],
    ),
    *(
        (
            f"Cai-Fürer-Immerman of {name}",
            [pairs_of(families.cai_furer_immerman(base, twisted=twist)) for twist in (False, True)],
        )
        for name, base in (
            ("the complete graph of 4", list(combinations(range(4), 2))),
            ("three by three", BIPARTITE),
            ("the prism", PRISM),
            ("the cube", CUBE),
            ("Petersen's graph", families.PETERSEN),
        )
    ),
]


@pytest.mark.parametrize("graphs", [one for _, one in DIFFERENT], ids=[name for name, _ in DIFFERENT])
def test_networks_that_refinement_cannot_tell_apart_differ(graphs: list[tuple[int, Pairs]]) -> None:
    random = Random(0)
    fingerprints: set[str] = set()
    for count, pairs in graphs:
        made = network(count, pairs)
        order = list(range(count))
        random.shuffle(order)
        again = network(count, [(order[one], order[other]) for one, other in pairs])
        assert shuffled(again, random).fingerprint == made.fingerprint
        fingerprints.add(made.fingerprint)
    assert len(fingerprints) == len(graphs)


def test_regular_networks_share_a_fingerprint_exactly_when_networkx_finds_an_isomorphism() -> None:
    for degree, count in ((2, 9), (3, 8), (3, 10), (4, 9)):
        graphs = [nx.random_regular_graph(degree, count, seed=seed) for seed in range(12)]
        prints = [network(count, list(graph.edges)).fingerprint for graph in graphs]
        for one, other in combinations(range(len(graphs)), 2):
            assert (prints[one] == prints[other]) == nx.is_isomorphic(graphs[one], graphs[other])


def chains(count: int, length: int, crossings: Iterable[tuple[int, int]], marked: int) -> BlueprintIR:
    """Chains side by side; pairs of neighbours change places at some depths, one end is marked."""
    nodes = [NodeSpec(id="input", op_type="input", attributes={"shape": [-1, 4]})]
    edges: list[tuple[str, str]] = []
    swaps = set(crossings)
    at = [f"n{chain}_0" for chain in range(count)]
    edges += [("input", name) for name in at]
    for depth in range(length):
        for chain in range(count - 1):
            if (chain, depth) in swaps:
                at[chain], at[chain + 1] = at[chain + 1], at[chain]
        fresh = [f"n{chain}_{depth}" for chain in range(count)]
        nodes += [NodeSpec(id=name, op_type="sin") for name in fresh]
        edges += list(zip(at, fresh, strict=True)) if depth else []
        at = fresh
    nodes += [NodeSpec(id="mark", op_type="cos"), NodeSpec(id="sum", op_type="add")]
    edges += [(at[marked], "mark"), ("mark", "sum"), *((name, "sum") for name in at), ("sum", "output")]
    nodes.append(NodeSpec(id="output", op_type="output"))
    specs = [EdgeSpec(id=f"e{number}", source=one, target=other) for number, (one, other) in enumerate(edges)]
    return BlueprintIR(
        name="chains", nodes=nodes, edges=specs, limits={"max_nodes": 99999, "max_edges": 99999}
    )


def test_long_chains_that_cross_are_told_by_their_ends_alone() -> None:
    straight = chains(3, 300, [], 0)
    assert chains(3, 300, [(0, 5), (1, 90), (0, 250)], 2).fingerprint == straight.fingerprint
    longer = chains(3, 301, [], 0)
    assert longer.fingerprint != straight.fingerprint
    random = Random(1)
    assert shuffled(straight, random).fingerprint == straight.fingerprint


# ---------------------------------------------------------------- the limit


GRAPHS = [
    families.rook(4),
    families.shrikhande(),
    families.undirected(10, families.PETERSEN),
    families.crossing([6, 3, 3]),
    families.cai_furer_immerman(list(combinations(range(4), 2)), twisted=True),
    families.side_by_side(families.cycle(5), families.cycle(5), families.rook(3)),
]


@given(st.sampled_from(GRAPHS), st.integers(0, 4000), st.randoms(use_true_random=False))
def test_whatever_the_limit_the_answer_is_the_exact_one_or_none(
    graph: Labelled, limit: int, random: Random
) -> None:
    try:
        found = canonical_form(*families.renumbered(graph, random), visit_limit=limit).encoding
    except SearchLimitExceeded as error:
        found = error.vertices
        limits = {error.visit_limit}
    else:
        limits = {limit}
        assert found == canonical_form(*graph).encoding
    assert found
    assert limits == {limit}


def test_a_network_beyond_the_limit_has_no_fingerprint_and_the_symmetric_part_is_named() -> None:
    count, pairs = pairs_of(families.rook(12))
    blueprint = network(count, pairs)
    with pytest.raises(LimitExceededError, match="too much alike") as caught:
        blueprint.fingerprint  # noqa: B018
    assert "fingerprint" not in vars(blueprint)  # nothing weaker is kept
    named = set(caught.value.facts["nodes"])  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
    assert {f"v{vertex}" for vertex in range(count)} <= named
    assert not named & {"input", "all", "output"}


# ---------------------------------------------------------------- another implementation


@pytest.mark.full
def test_encodings_are_equal_exactly_when_nauty_finds_equal_certificates() -> None:
    """Nauty is GPL: an oracle that is used where somebody installed `pynauty`, and no dependency."""
    pynauty = pytest.importorskip("pynauty")

    def certificate(graph: Labelled) -> tuple[object, ...]:
        """Arcs become vertices, coloured by their labels, in the middle of two plain arcs.

        Graphs without directions and labels stay as they are: nauty is slow on directed ones.
        """
        labels, arcs = graph
        plain = all(label == "" for _, _, label in arcs)
        count = len(labels)
        adjacent: dict[int, list[int]] = {}
        for number, (source, target, _) in enumerate(arcs, start=count):
            adjacent.setdefault(source, []).append(target if plain else number)
            if not plain:
                adjacent.setdefault(number, []).append(target)
        middle = [] if plain else [("a", label) for _, _, label in arcs]
        colours: dict[tuple[str, str], set[int]] = {}
        for number, name in enumerate([*(("v", label) for label in labels), *middle]):
            colours.setdefault(name, set()).add(number)
        names = sorted(colours)
        made = pynauty.Graph(
            count + len(middle),
            directed=not plain,
            adjacency_dict=adjacent,
            vertex_coloring=[colours[name] for name in names],
        )
        return plain, tuple((name, len(colours[name])) for name in names), pynauty.certificate(made)

    undirected = [*GRAPHS[:3], families.undirected(*TRIANGULAR), families.undirected(*chang())]
    undirected += [families.undirected(*chang(8)), families.undirected(*chang(3, 5)), families.complete(9)]
    random = Random(3)
    seen: dict[bytes, tuple[object, ...]] = {}
    known: dict[tuple[object, ...], bytes] = {}
    for turn in range(10_000):
        count = random.randint(1, 7)
        labels = [random.choice("ab" if turn % 2 else "a") for _ in range(count)]
        arcs = [
            (random.randrange(count), random.randrange(count), random.choice("01" if turn % 3 else "0"))
            for _ in range(random.randint(0, 9))
        ]
        graphs: list[Labelled] = [(labels, arcs)]
        if turn % 100 == 0:
            graphs += [families.renumbered(graph, random) for graph in undirected]
        for graph in graphs:
            encoding, other = canonical_form(*graph).encoding, certificate(graph)
            assert seen.setdefault(encoding, other) == other
            assert known.setdefault(other, encoding) == encoding
    assert len(seen) > 1000
