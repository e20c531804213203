import json
import os
import subprocess
import sys
from hashlib import sha256
from itertools import combinations, permutations, product
from pathlib import Path
from random import Random

import pytest

from esper_graph.ir.canonical import SearchLimitExceeded, canonical_form
from tests import graph_families as families
from tests.graph_families import Labelled

CELL: Labelled = (
    ["input", "conv3x3", "conv3x3", "conv1x1", "add", "concat", "output"],
    [(0, 1, "0"), (0, 2, "0"), (1, 3, "0"), (2, 4, ""), (3, 4, ""), (4, 5, "0"), (2, 5, "1"), (5, 6, "0")],
)
EXPERTS = families.side_by_side(families.branches(20, 3), families.branches(20, 3, last="gelu"))
SYMMETRIC: dict[str, Labelled] = {
    "empty": ([], []),
    "one vertex with two loops": (["a"], [(0, 0, "x"), (0, 0, "x")]),
    "two lone vertices": (["a", "a"], []),
    "cell": CELL,
    "experts": EXPERTS,
    "binary tree of additions": (
        ["input", *["relu"] * 8, *["add"] * 7],
        [
            *((0, leaf, "0") for leaf in range(1, 9)),
            *((node, 9 + (node - 1) // 2, "") for node in range(1, 9)),
            *((9 + node, 13 + node // 2, "") for node in range(4)),
            *((13 + node, 15, "") for node in range(2)),
        ],
    ),
    "all pairs but one's own": families.undirected(
        16, [(one, 8 + other) for one, other in permutations(range(8), 2)]
    ),
    "rings": families.crossing([6, 3, 3]),
    "ring of arcs": (["v"] * 9, [(place, (place + 1) % 9, "") for place in range(9)]),
    "zigzag": (["v"] * 41, [(place + place % 2, place + 1 - place % 2, "") for place in range(40)]),
    "complete": families.complete(12),
    "rook": families.rook(6),
    "torus": families.torus(20),
    "shrikhande": families.shrikhande(),
    "petersen": families.undirected(10, families.PETERSEN),
    "cfi of petersen": families.cai_furer_immerman(families.PETERSEN, twisted=False),
    "many petersens": families.side_by_side(*[families.undirected(10, families.PETERSEN)] * 30),
}


def encoding(graph: Labelled) -> bytes:
    return canonical_form(*graph).encoding


@pytest.mark.parametrize("name", SYMMETRIC)
def test_renumbering_vertices_and_shuffling_arcs_keeps_the_encoding(name: str) -> None:
    random = Random(name)
    graph = SYMMETRIC[name]
    for _ in range(3):
        assert encoding(families.renumbered(graph, random)) == encoding(graph)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_the_encoding_is_the_graph_in_the_order_given(name: str) -> None:
    labels, arcs = SYMMETRIC[name]
    form = canonical_form(labels, arcs)
    assert sorted(form.order) == list(range(len(labels)))
    names, places, arc_names, ends = json.loads(form.encoding)
    assert [names[place] for place in places] == [labels[vertex] for vertex in form.order]
    decoded = [(*divmod(end // len(arc_names), len(labels)), arc_names[end % len(arc_names)]) for end in ends]
    back = [(form.order[source], form.order[target], label) for source, target, label in decoded]
    assert sorted(back) == sorted(arcs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            families.cycle(6), families.side_by_side(families.cycle(3), families.cycle(3)), id="6 = 3 + 3"
        ),
        pytest.param(
            families.undirected(5, [(0, 1), (0, 2), (0, 3), (0, 4)]),
            families.undirected(5, [(0, 1), (1, 2), (2, 3), (3, 0)]),
            id="cospectral: star, and square with a lone vertex",
        ),
        pytest.param(families.rook(4), families.shrikhande(), id="strongly regular"),
        pytest.param(families.crossing([200]), families.crossing([100, 100]), id="acyclic rings"),
        pytest.param(families.crossing([7, 5]), families.crossing([8, 4]), id="uneven rings"),
        pytest.param(
            families.cai_furer_immerman(list(combinations(range(4), 2)), twisted=False),
            families.cai_furer_immerman(list(combinations(range(4), 2)), twisted=True),
            id="Cai-Fürer-Immerman of the complete graph of 4",
        ),
        pytest.param(
            families.cai_furer_immerman(families.PETERSEN, twisted=False),
            families.cai_furer_immerman(families.PETERSEN, twisted=True),
            id="Cai-Fürer-Immerman of Petersen's graph",
        ),
        pytest.param(
            families.branches(2, 2000), families.branches(2, 2000, last="gelu"), id="ends of long chains"
        ),
        pytest.param(
            families.side_by_side(families.branches(2, 6), families.branches(2, 6)),
            families.side_by_side(families.branches(3, 6), families.branches(1, 6)),
            id="as many branches, bundled otherwise",
        ),
    ],
)
def test_graphs_that_look_alike_at_every_vertex_differ(one: Labelled, other: Labelled) -> None:
    assert encoding(one) != encoding(other)


def test_one_twist_more_or_less_anywhere_is_the_same_graph() -> None:
    pairs = families.PETERSEN
    turned = [((one + 1) % 5 + one // 5 * 5, (other + 1) % 5 + other // 5 * 5) for one, other in pairs]
    plain, twisted = (families.cai_furer_immerman(pairs, twisted=twist) for twist in (False, True))
    assert encoding(families.cai_furer_immerman(turned, twisted=True)) == encoding(twisted) != encoding(plain)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param([(0, 1, "x")], [(0, 1, "y")], id="label"),
        pytest.param([(0, 1, "x")], [(0, 1, "x"), (0, 1, "x")], id="multiplicity"),
        pytest.param(
            [(0, 1, "x"), (0, 1, "x"), (0, 1, "y")], [(0, 1, "x"), (0, 1, "y"), (0, 1, "y")], id="which"
        ),
        pytest.param([(0, 1, "x"), (1, 0, "y")], [(0, 1, "x"), (0, 1, "y")], id="direction"),
        pytest.param([(0, 0, "x"), (1, 1, "x")], [(0, 1, "x"), (1, 0, "x")], id="loops"),
        pytest.param([(0, 0, "x"), (0, 1, "x")], [(1, 1, "x"), (0, 1, "x")], id="loop at either end"),
    ],
)
def test_arcs_count_with_label_direction_and_multiplicity(
    one: list[families.Arc], other: list[families.Arc]
) -> None:
    assert encoding((["v", "v"], one)) != encoding((["v", "v"], other))


def test_labels_are_told_apart_whatever_they_contain() -> None:
    texts = ["", '"', "\\", ",", '","', "\n", "\0", "é", "e\u0301", "\U0001f600", "\ud83d\ude00", "0", "[]"]
    assert len({encoding(([text], [])) for text in texts}) == len(texts)
    assert len({encoding((["v"], [(0, 0, text)])) for text in texts}) == len(texts)
    assert encoding((["a,b"], [])) != encoding((["a", "b"], []))


def test_arcs_lead_forwards_in_the_order_of_an_acyclic_graph() -> None:
    random = Random(7)
    for graph in (CELL, EXPERTS, SYMMETRIC["rings"], SYMMETRIC["binary tree of additions"]):
        labels, arcs = families.renumbered(graph, random)
        place = {vertex: place for place, vertex in enumerate(canonical_form(labels, arcs).order)}
        assert all(place[source] < place[target] for source, target, _ in arcs)


# How many graphs there are up to isomorphism is known (OEIS): the encodings must count the same.
@pytest.mark.parametrize(
    ("count", "pairs", "both_ways", "classes"),
    [
        pytest.param(5, list(combinations(range(5), 2)), True, 34, id="graphs of 5 vertices, A000088"),
        pytest.param(4, list(permutations(range(4), 2)), False, 218, id="digraphs of 4 vertices, A000273"),
        pytest.param(3, list(product(range(3), repeat=2)), False, 104, id="3 vertices with loops, A000595"),
        pytest.param(5, list(combinations(range(5), 2)), False, 302, id="acyclic, 5 vertices, A003087"),
    ],
)
def test_there_are_as_many_encodings_as_graphs(
    count: int, pairs: list[tuple[int, int]], both_ways: bool, classes: int
) -> None:
    encodings: set[bytes] = set()
    for chosen in product((False, True), repeat=len(pairs)):
        arcs = [(*pair, "") for pair, there in zip(pairs, chosen, strict=True) if there]
        back = [(target, source, label) for source, target, label in arcs] if both_ways else []
        encodings.add(encoding((["v"] * count, arcs + back)))
    assert len(encodings) == classes


def test_equal_branches_and_zigzags_need_no_search() -> None:
    for graph in (
        families.branches(300, 10),
        families.branches(300, 10, last="gelu"),
        families.complete(30),
        (["v"] * 16, [(one, 8 + other, "") for one, other in permutations(range(8), 2)]),
        SYMMETRIC["binary tree of additions"],
        SYMMETRIC["zigzag"],
        EXPERTS,
    ):
        canonical_form(*graph, visit_limit=0)


def test_a_search_over_the_limit_names_the_symmetric_part_only() -> None:
    labels, arcs = families.side_by_side(families.branches(3, 2), families.rook(4), families.branches(3, 2))
    with pytest.raises(SearchLimitExceeded) as caught:
        canonical_form(labels, arcs, visit_limit=200)
    assert caught.value.vertices == tuple(range(8, 24))
    assert caught.value.visit_limit == 200
    assert str(caught.value) == "a symmetric part of 16 vertices cannot be ordered within 200 visits"
    assert encoding((labels, arcs)) == canonical_form(labels, arcs, visit_limit=20_000).encoding


LADDER = [
    *((place, (place + 1) % 400) for place in range(400)),
    *((place, place + 200) for place in range(200)),
]


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(families.rook(20), id="dense"),
        pytest.param(families.cai_furer_immerman(LADDER, twisted=False), id="large"),
        pytest.param(
            families.side_by_side(
                *[
                    families.cai_furer_immerman(families.PETERSEN, twisted=twist % 2 == 1)
                    for twist in range(60)
                ]
            ),
            id="many",
        ),
    ],
)
@pytest.mark.timeout(20)  # a second or two; the limit would bound nothing if it counted too little
def test_a_symmetric_part_beyond_the_limit_is_refused_soon_and_not_guessed(graph: Labelled) -> None:
    with pytest.raises(SearchLimitExceeded):
        canonical_form(*graph)


@pytest.mark.parametrize("arc", [(0, 2, ""), (2, 0, ""), (-1, 0, ""), (0, -1, "")])
def test_an_arc_to_a_vertex_that_does_not_exist_is_refused(arc: families.Arc) -> None:
    with pytest.raises(IndexError, match="the vertices are 0 to 1"):
        canonical_form(["a", "b"], [arc])


# Stored fingerprints hold these: when one moves, nothing that was registered before is recognised.
GOLDEN = {
    "empty": "210e130878aabaf46f1fe72749a263f9eb71c6a262b80f13882ed08d472c0ecd",
    "one vertex with two loops": "da2d1ba9d2a69df7be652040d6768c990a0c2bda1701207d2537cf72c3b9d874",
    "two lone vertices": "f728bd1e06fd2c26815c0471133710515adc938d93d1aba2f122e3caf522b6e8",
    "cell": "37fb23186c768092e7ffe95fc1c8e02e004a490fc609be16fb7695b57301d1eb",
    "experts": "b93300cb798f87d8400fdc62bb318e0f56d1a01eb3acd2d4874f72a8e1487ac0",
    "binary tree of additions": "7ae37120f7adf744702dc7bb4060cacac1a9a9e605460b1887375464391c385e",
    "all pairs but one's own": "230e33cf282347f5fc1dce3178024325a1e0f3a1fbd3e9a6cb0322976792e9b2",
    "rings": "8f919fa9fa2979beec346a8103a557024371aa8db73c56fb2ba0ddaa14accfc1",
    "ring of arcs": "e4db8ef2cae80b54587fbd7cb49dd5ed4856b40d93dc3e87fab627ee9369b5c7",
    "zigzag": "baed939689447650c0a7d07469709813a469c0a527d7846400e0dbf47496ac98",
    "complete": "032a2b87bb55fdf6452a851804f64fc2800e776f0057184b2c11b4a9fc8759b4",
    "rook": "fb907cc38298124573171826ff5095b4e6f0c5ea350822af68f3c6709bdcfce6",
    "torus": "e28687e1561d498b99ac6f0dd6bb3867cd98f5542472ba3bcad4c61ffbd1b9ef",
    "shrikhande": "0424bbcf4d22832ab39ab122f0cd2dfc984feb9fd0a7e5da13c20c6207366ab9",
    "petersen": "52c77755abb1164d47fe99e8e91be5a84702c1d0b683f1c99c884ed1fa66406d",
    "cfi of petersen": "40e8fa66f39efb8ab953fe5de6c43d381dc38678e9fa69dbf2717199fc871624",
    "many petersens": "c2d84092150ba791d7ee4dfd9e1237c1e53873175c0a04606d61f14a8094e43b",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_encodings_never_move(name: str) -> None:
    assert sha256(encoding(SYMMETRIC[name])).hexdigest() == GOLDEN[name]


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_another_process_with_other_hashes_gives_the_same_encodings(seed: str) -> None:
    program = (
        "from hashlib import sha256\n"
        "from tests.unit.ir.test_canonical import GOLDEN, SYMMETRIC, encoding\n"
        "for name in GOLDEN: print(sha256(encoding(SYMMETRIC[name])).hexdigest())\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == list(GOLDEN.values())
