from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from esper_graph.ir.canonical import canonical_form
from tests import graph_families as families
from tests.graph_families import Arc, Labelled

VERTEX_LABELS = st.sampled_from("ab")
ARC_LABELS = st.sampled_from("01")


@st.composite
def arbitrary(draw: st.DrawFn) -> Labelled:
    """Any directed multigraph, with loops and cycles."""
    labels = draw(st.lists(VERTEX_LABELS, min_size=1, max_size=7))
    ends = st.integers(0, len(labels) - 1)
    return labels, draw(st.lists(st.tuples(ends, ends, ARC_LABELS), max_size=14))


@st.composite
def acyclic(draw: st.DrawFn) -> Labelled:
    """Like a network: arcs lead forwards, to ports or to commutative inputs."""
    labels = draw(st.lists(VERTEX_LABELS, min_size=2, max_size=9))
    arcs: list[Arc] = []
    for target in range(1, len(labels)):
        sources = draw(st.lists(st.integers(0, target - 1), min_size=1, max_size=3))
        ordered = draw(st.booleans())
        arcs += [(source, target, str(port) if ordered else "") for port, source in enumerate(sources)]
    return labels, arcs


@st.composite
def layered(draw: st.DrawFn) -> Labelled:
    """Layers of equal vertices with one permutation or two between them: every vertex looks alike."""
    width = draw(st.integers(2, 5))
    depth = draw(st.integers(1, 3))
    arcs: list[Arc] = []
    for layer in range(depth):
        for _ in range(draw(st.integers(1, 2))):
            targets = draw(st.permutations(range(width)))
            arcs += [
                (layer * width + place, (layer + 1) * width + target, "")
                for place, target in enumerate(targets)
            ]
    return ["v"] * (width * (depth + 1)), arcs


@st.composite
def circular(draw: st.DrawFn) -> Labelled:
    """Vertices on a circle, each with arcs to those some steps further."""
    count = draw(st.integers(3, 10))
    steps = draw(st.lists(st.integers(1, count - 1), min_size=1, max_size=3))
    return ["v"] * count, [(place, (place + step) % count, "") for place in range(count) for step in steps]


def repeated(graphs: st.SearchStrategy[Labelled]) -> st.SearchStrategy[Labelled]:
    """Some graphs, one of them twice, side by side."""
    return st.tuples(graphs, graphs).map(lambda two: families.side_by_side(two[0], two[1], two[0]))


GRAPHS = st.one_of(
    arbitrary(),
    acyclic(),
    layered(),
    circular(),
    repeated(layered()),
    repeated(circular()),
    repeated(arbitrary()),
)


def encoding(graph: Labelled) -> bytes:
    return canonical_form(*graph).encoding


@st.composite
def changed(draw: st.DrawFn, graph: Labelled) -> Labelled:
    """The graph with one thing changed; now and then it happens to be isomorphic still."""
    labels, arcs = list(graph[0]), list(graph[1])
    vertices = st.integers(0, len(labels) - 1)
    change = draw(st.sampled_from(["label", "add", "remove", "relabel", "redirect", "reverse", "swap"]))
    if change == "label":
        vertex = draw(vertices)
        labels[vertex] = draw(VERTEX_LABELS)
    elif change == "add":
        arcs.append((draw(vertices), draw(vertices), draw(ARC_LABELS)))
    else:
        assume(arcs)
        place = draw(st.integers(0, len(arcs) - 1))
        source, target, label = arcs.pop(place)
        if change == "relabel":
            arcs.append((source, target, draw(ARC_LABELS)))
        elif change == "redirect":
            arcs.append((source, draw(vertices), label))
        elif change == "reverse":
            arcs.append((target, source, label))
        elif change == "swap":  # keeps every vertex's number of arcs, so refinement alone often sees nothing
            assume(arcs)
            other_source, other_target, other_label = arcs.pop(draw(st.integers(0, len(arcs) - 1)))
            arcs += [(source, other_target, label), (other_source, target, other_label)]
    return labels, arcs


@given(GRAPHS, st.randoms(use_true_random=False))
def test_any_renumbering_and_shuffling_keeps_the_encoding(graph: Labelled, random: Random) -> None:
    assert encoding(families.renumbered(graph, random)) == encoding(graph)


@given(GRAPHS, st.data())
def test_one_change_keeps_the_encoding_only_if_networkx_finds_an_isomorphism(
    graph: Labelled, data: st.DataObject
) -> None:
    other = data.draw(changed(graph))
    assert (encoding(graph) == encoding(other)) == families.isomorphic(graph, other)


@pytest.mark.parametrize("graphs", [arbitrary(), acyclic(), layered(), circular()], ids=str)
def test_two_graphs_of_a_kind_have_equal_encodings_exactly_when_isomorphic(
    graphs: st.SearchStrategy[Labelled],
) -> None:
    @given(graphs, graphs)
    def check(one: Labelled, other: Labelled) -> None:
        assert (encoding(one) == encoding(other)) == families.isomorphic(one, other)

    check()
