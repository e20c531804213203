from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from esper_graph.ir.draw_layout import Link, lay_out, spread

SIZES = st.tuples(st.floats(10, 200), st.sampled_from([42.0, 56.0]))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[Link]]:
    sizes = draw(st.lists(SIZES, min_size=1, max_size=14))
    places = st.integers(0, len(sizes) - 1)
    ends = draw(st.lists(st.tuples(places, st.integers(0, 1), places), max_size=24))
    return sizes, [Link(min(one, two), slot, max(one, two)) for one, slot, two in ends if one != two]


@given(graphs())
def test_nodes_and_lanes_never_overlap_and_links_lead_downwards(
    graph: tuple[list[tuple[float, float]], list[Link]],
) -> None:
    sizes, links = graph
    layout = lay_out(sizes, links, range(len(sizes)))
    boxes = [
        (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        for (x, y), (width, height) in zip(layout.centres, sizes, strict=True)
    ]
    for left, top, right, bottom in boxes:
        assert left > -1e-6
        assert top > -1e-6
        assert right < layout.width + 1e-6
        assert bottom < layout.height + 1e-6
    for one, other in combinations(boxes, 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    for link, lanes in zip(links, layout.lanes, strict=True):
        heights = [
            boxes[link.source][3],
            *[y for _, top, bottom in lanes for y in (top, bottom)],
            boxes[link.target][1],
        ]
        assert heights == sorted(heights)
        for x, top, bottom in lanes:
            assert not [box for box in boxes if box[0] <= x <= box[2] and box[1] < bottom and top < box[3]]


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 5), st.floats(0, 20)), min_size=1, max_size=8),
    st.data(),
)
def test_no_allowed_places_are_nearer_to_the_wanted_ones(
    cells: list[tuple[float, float, float]], data: st.DataObject
) -> None:
    wanted, weights, steps = (list(column) for column in zip(*cells, strict=True))
    offsets = [sum(steps[: number + 1]) for number in range(len(steps))]

    def cost(places: list[float]) -> float:
        return sum(
            weight * (one - want) ** 2 for one, want, weight in zip(places, wanted, weights, strict=True)
        )

    places = spread(wanted, weights, offsets)
    slack = [places[number] - offsets[number] for number in range(len(places))]
    assert all(one <= two + 1e-9 for one, two in pairwise(slack))
    moved = sorted(one + data.draw(st.floats(-5, 5)) for one in slack)
    assert cost(places) <= cost([one + offset for one, offset in zip(moved, offsets, strict=True)]) + 1e-6
