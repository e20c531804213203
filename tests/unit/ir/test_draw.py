import re
from itertools import combinations
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, attention, residual
from esper_graph.ir.draw import dot, mermaid, svg
from esper_graph.ir.draw_layout import Link, lay_out, spread
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from esper_graph.templates import TEMPLATES

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '"><script>alert(1)</script>&amp; `x` #quot; %%{init}%% \\N \\" ]; end </text>'
ALL = {
    name: template(**{one.name: 16 for one in template.parameters if one.required})
    for name, template in TEMPLATES.items()
}


def block() -> BlueprintIR:
    b = Builder("block", name="Block")
    x = b.input([-1, 4, 8])
    first, second = b.split(x, chunks=2, dim=2, id="parts")
    h = b.linear(b.concat(second, first), in_features=8, out_features=8, id="big")
    h = b.linear(h, in_features=8, out_features=8, bias=False, shares=None, id="small", precision="bf16")
    h = b.attention(h, attention(x), embed_dim=8, num_heads=2)
    b.output(b.add(h, residual(x)))
    return b.finish()


def cyclic() -> BlueprintIR:
    nodes = [NodeSpec(id=name, op_type="linaer" if name == "b" else "neg") for name in "abc"]
    ends = [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")]
    edges = [EdgeSpec(id=f"e{number}", source=one, target=two) for number, (one, two) in enumerate(ends)]
    return BlueprintIR(name="round", nodes=nodes, edges=edges)


def hostile() -> BlueprintIR:
    attributes: Any = {"metric_name": HOSTILE, "type": HOSTILE}
    nodes = [
        NodeSpec(id="x", op_type=HOSTILE[:100], attributes=attributes),
        NodeSpec(id="end", op_type="neg"),
    ]
    return BlueprintIR(name=HOSTILE, nodes=nodes, edges=[EdgeSpec(id="e", source="x", target="end")])


DRAWN = {**ALL, "block": block(), "cyclic": cyclic(), "hostile": hostile()}


def groups(picture: str, kind: str) -> dict[str, ET.Element]:
    """The groups of a kind by id; an id that is drawn twice is an error."""
    found = [one for one in ET.fromstring(picture).iter(f"{SVG}g") if one.get("class") == kind]
    by_id = {one.attrib["data-id"]: one for one in found}
    assert len(by_id) == len(found)
    return by_id


def box(node: ET.Element) -> tuple[float, float, float, float]:
    """Left, top, right and bottom."""
    shape = node.find(f"{SVG}rect")
    assert shape is not None
    x, y, width, height = (float(shape.attrib[name]) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def ends(edge: ET.Element) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where a path starts, and where the tip of its arrow is."""
    path = edge.find(f"{SVG}path")
    assert path is not None
    line = path.attrib["d"].removesuffix("m-6 -3.5l6 3.5l-6 3.5")
    assert line != path.attrib["d"], "every edge ends in an arrow"
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", line)]
    return (numbers[0], numbers[1]), (numbers[-2], numbers[-1])


@pytest.mark.parametrize("name", DRAWN)
def test_the_picture_has_every_node_and_edge_once_and_edges_touch_their_nodes(name: str) -> None:
    blueprint = DRAWN[name]
    nodes, edges = groups(svg(blueprint), "node"), groups(svg(blueprint), "edge")
    assert set(nodes) == {node.id for node in blueprint.nodes}
    assert set(edges) == {edge.id for edge in blueprint.edges}
    for edge in blueprint.edges:
        (start_x, start_y), (end_x, end_y) = ends(edges[edge.id])
        _, top, right, bottom = box(nodes[edge.source])
        assert start_x == pytest.approx(right, abs=0.11)
        assert top <= start_y <= bottom
        left, top, _, bottom = box(nodes[edge.target])
        assert end_x == pytest.approx(left, abs=0.11)
        assert top <= end_y <= bottom


@pytest.mark.parametrize("name", DRAWN)
def test_no_two_nodes_overlap_and_all_are_inside_the_picture(name: str) -> None:
    picture = svg(DRAWN[name])
    _, _, width, height = map(float, ET.fromstring(picture).attrib["viewBox"].split())
    boxes = [box(node) for node in groups(picture, "node").values()]
    for left, top, right, bottom in boxes:
        assert 0 < left < right < width
        assert 0 < top < bottom < height
    for one, other in combinations(boxes, 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


@pytest.mark.parametrize("name", ALL)
def test_producers_stand_left_of_consumers(name: str) -> None:
    nodes = groups(svg(ALL[name]), "node")
    assert all(box(nodes[edge.source])[2] < box(nodes[edge.target])[0] for edge in ALL[name].edges)


def test_a_shortcut_runs_around_what_it_skips() -> None:
    b = Builder("chain")
    x = b.input([-1, 8])
    h = x
    for _ in range(4):
        h = b.neg(h)
    b.output(b.add(h, residual(x)))
    picture = svg(b.finish())
    nodes = groups(picture, "node")
    path = groups(picture, "edge")["e6"].find(f"{SVG}path")
    assert path is not None
    lanes = {float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)H", path.attrib["d"])}
    (lane,) = lanes
    assert all(box(nodes[name])[3] < lane for name in ("neg", "neg_2", "neg_3", "neg_4"))
    middles = {round((box(node)[1] + box(node)[3]) / 2) for node in nodes.values()}
    assert len(middles) == 1, "the chain is straight"


def test_a_node_with_more_parameters_is_darker() -> None:
    b = Builder("sizes")
    x = b.input([-1, 8])
    for number, features in enumerate((8, 80, 800)):
        b.output(b.linear(x, in_features=8, out_features=features, id=f"fc{number}"))
    nodes = groups(svg(b.finish()), "node")
    fills = [nodes[f"fc{number}"].find(f"{SVG}rect") for number in range(3)]
    light = [sum(bytes.fromhex(fill.attrib["fill"][1:])) for fill in fills if fill is not None]
    assert light == sorted(light, reverse=True)
    assert len(set(light)) == 3


def test_titles_say_what_a_node_does() -> None:
    b = Builder("titles")
    x = b.input([-1, 3, 32, 32])
    x = b.conv2d(x, in_channels=3, out_channels=16, kernel_size=[3, 5], stride=2)
    b.output(b.activation(x, type="relu"))
    texts = [text.text for text in ET.fromstring(svg(b.finish())).iter(f"{SVG}text")]
    assert "conv2d 3 → 16 3×5 /2" in texts
    assert "relu" in texts
    assert "conv2d · 736" in texts
    assert "[batch, 16, 15, 14]" in texts


@pytest.mark.parametrize("draw", [svg, mermaid, dot])
def test_the_same_blueprint_gives_the_same_drawing(draw: Any) -> None:
    one, other = block(), BlueprintIR.from_json(block().to_json())
    assert draw(one) == draw(other)


def test_an_empty_blueprint_is_an_empty_drawing() -> None:
    empty = BlueprintIR(name="empty", nodes=[], edges=[])
    assert not groups(svg(empty), "node")
    assert mermaid(empty) == "flowchart TD\n"
    assert dot(empty).startswith('digraph "empty" {')


# ---------------------------------------------------------------- read back

_MERMAID_NODE = re.compile(r'    (n\d+)(?:\[|\(\[)"([^"]*)"(?:\]|\]\))')
_MERMAID_EDGE = re.compile(r'    (n\d+) (-->|-\.->|==>)(?:\|"([^"]*)"\|)? (n\d+)')
_MERMAID_STYLE = re.compile(r"    style n\d+ fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}")
_DOT_TEXT = r'"((?:[^"\\]|\\["\\n])*)"'
_DOT_NODE = re.compile(rf'    (n\d+) \[label={_DOT_TEXT}, fillcolor="#\w{{6}}", color="#\w{{6}}"\];')
_DOT_EDGE = re.compile(rf'    (n\d+) -> (n\d+) \[color="#\w{{6}}"(, style=\w+)?(?:, label={_DOT_TEXT})?\];')


@pytest.mark.parametrize("name", DRAWN)
def test_mermaid_reads_back_as_the_graph(name: str) -> None:
    blueprint = DRAWN[name]
    first, *lines = mermaid(blueprint).splitlines()
    assert first == "flowchart TD"
    labels: dict[str, list[str]] = {}
    arrows: list[tuple[str, str, str]] = []
    for line in lines:
        if node := _MERMAID_NODE.fullmatch(line):
            plain = [
                re.sub(r"#(\d+);", lambda code: chr(int(code[1])), text) for text in node[2].split("<br/>")
            ]
            assert not re.search(r"[<>&`\\%]", node[2].replace("<br/>", ""))
            labels[node[1]] = plain
        elif edge := _MERMAID_EDGE.fullmatch(line):
            arrows.append((edge[1], edge[2], edge[4]))
        else:
            assert _MERMAID_STYLE.fullmatch(line), line
    ids = {number: text[1].split(" · ")[0] for number, text in labels.items()}
    assert sorted(ids.values()) == sorted(node.id for node in blueprint.nodes)
    kinds = {"-->": "forward", "-.->": "residual", "==>": "attention"}
    expected = sorted((edge.source, edge.connection_type, edge.target) for edge in blueprint.edges)
    assert sorted((ids[one], kinds[arrow], ids[two]) for one, arrow, two in arrows) == expected


@pytest.mark.parametrize("name", DRAWN)
def test_dot_reads_back_as_the_graph(name: str) -> None:
    blueprint = DRAWN[name]
    first, _, _, *lines, last = dot(blueprint).splitlines()
    assert re.fullmatch(rf"digraph {_DOT_TEXT} {{", first)
    assert last == "}"
    ids: dict[str, str] = {}
    arrows: list[tuple[str, str]] = []
    for line in lines:
        if node := _DOT_NODE.fullmatch(line):
            ids[node[1]] = re.split(r"(?<!\\)\\n", node[2].replace("\\\\", "\0"))[1].split(" · ")[0]
        else:
            edge = _DOT_EDGE.fullmatch(line)
            assert edge, line
            arrows.append((edge[1], edge[2]))
    assert sorted(ids.values()) == sorted(node.id for node in blueprint.nodes)
    expected = sorted((edge.source, edge.target) for edge in blueprint.edges)
    assert sorted((ids[one], ids[two]) for one, two in arrows) == expected


def test_ports_are_named_where_there_are_several() -> None:
    assert '|"1 → 0"|' in mermaid(block())
    assert '|"key"|' in mermaid(block())
    assert 'label="query"' in dot(block())
    assert "|" not in mermaid(ALL["transformer_block"]), "one input, or a sum, needs no names"


def test_hostile_names_become_no_markup() -> None:
    picture = svg(hostile())
    root = ET.fromstring(picture)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg",
        "title",
        "rect",
        "text",
        "g",
        "path",
    }
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == HOSTILE
    assert HOSTILE not in mermaid(hostile())


# ---------------------------------------------------------------- layout


def test_spreading_keeps_order_and_distances_and_moves_as_little_as_can_be() -> None:
    assert spread([5.0, 5.0, 5.0], [1.0, 1.0, 1.0], [0.0, 2.0, 4.0]) == [3.0, 5.0, 7.0]
    assert spread([9.0, 0.0], [3.0, 1.0], [0.0, 4.0]) == [5.75, 9.75]
    assert spread([0.0, 100.0], [1.0, 1.0], [0.0, 4.0]) == [0.0, 100.0]


def test_crossings_that_need_not_be_are_avoided() -> None:
    pairs = [(0, 7), (1, 6), (2, 5), (3, 4)]
    layout = lay_out([(10.0, 10.0)] * 8, [Link(one, 0, other) for one, other in pairs], range(8))
    upper = sorted(range(4), key=lambda node: layout.centres[node][0])
    lower = sorted(range(4, 8), key=lambda node: layout.centres[node][0])
    assert [dict(pairs)[node] for node in upper] == lower


def test_a_node_that_nothing_feeds_stands_right_above_its_first_use() -> None:
    links = [Link(0, 0, 1), Link(1, 0, 2), Link(2, 0, 3), Link(4, 0, 3)]
    layout = lay_out([(10.0, 10.0)] * 5, links, [0, 1, 2, 4, 3])
    assert layout.centres[4][1] == layout.centres[2][1]
