"""Draw a blueprint as SVG: layers from left to right, shortcuts as arcs around what they skip.

Drawings hold no scripts, links or fonts, and every text in them is escaped.
"""

from typing import TYPE_CHECKING, NamedTuple
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from esper_graph.ir.draw_layout import Link, lay_out
from esper_graph.ir.draw_parts import FAINT, INK, SOFT, DrawnEdge, DrawnNode, drawn
from esper_graph.ir.listing import own_parameters

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

_LONGEST = 34
_STRAIGHT = 5.0
"""Up to this many points up or down, a line looks better than a curve."""
_MARGIN, _HEADER = 24.0, 58.0
_HEIGHT, _LOW = 56.0, 42.0
_LABEL, _FREE = 10.0, 20.0
"""Room that the name of a port needs above its line, and what a line alone has."""
_FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


def svg(blueprint: "BlueprintIR") -> str:
    """Draw a blueprint as SVG, left to right; shortcuts run around what they skip.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("small")
        >>> b.output(b.input([2]))
        >>> svg(b.finish()).count('class="node"')
        2
    """
    nodes, edges = drawn(blueprint)
    graph = blueprint.graph
    sizes = [_size(node) for node in nodes]
    order = graph.order if graph.order is not None else range(len(nodes))
    links = [Link(edge.source, edge.slot, edge.target) for edge in edges]
    layout = lay_out([(height, width) for width, height in sizes], links, order)  # downwards: turned below
    name, facts = _shortened(blueprint.name, 80), _facts(blueprint)
    width = max(layout.height, _text_width(name, 8.2), _text_width(facts, 5.8)) + 2 * _MARGIN
    height = layout.width + _HEADER + 2 * _MARGIN
    left, top = (width - layout.height) / 2, _HEADER + _MARGIN
    centres = [(along + left, across + top) for across, along in layout.centres]
    lanes = [[(across + top, a + left, b + left) for across, a, b in one] for one in layout.lanes]
    routes = _routes(edges, centres, sizes, lanes)
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{_FONT}">',
        f"<title>{escape(blueprint.name)}</title>",
        '<rect width="100%" height="100%" rx="8" fill="#ffffff"/>',
        f'<text x="{_MARGIN:g}" y="34" font-size="15" font-weight="600" fill="{INK}">{escape(name)}</text>',
        f'<text x="{_MARGIN:g}" y="54" font-size="11" fill="{FAINT}">{escape(facts)}</text>',
        *(_svg_edge(edge, nodes, route) for edge, route in zip(edges, routes, strict=True)),
        *(_svg_node(node, centre, size) for node, centre, size in zip(nodes, centres, sizes, strict=True)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _facts(blueprint: "BlueprintIR") -> str:
    facts = [f"{len(blueprint.nodes)} nodes", f"{len(blueprint.edges)} edges"]
    if blueprint.problems:
        return " · ".join([*facts, f"not valid: {_shortened(blueprint.problems[0].message, 80)}"])
    graph = blueprint.graph
    total = sum(own_parameters(blueprint, place) for place in range(len(graph.nodes)))
    return " · ".join([*facts, f"{total:,} parameters (darker: more)"])


class _Route(NamedTuple):
    """The way of an edge: where it starts, the lanes it runs through, where it ends, and room for labels."""

    start: tuple[float, float]
    lanes: list[tuple[float, float, float]]
    end: tuple[float, float]
    start_room: float
    end_room: float


def _routes(
    edges: list[DrawnEdge],
    centres: list[tuple[float, float]],
    sizes: list[tuple[float, float]],
    lanes: list[list[tuple[float, float, float]]],
) -> list[_Route]:
    """Spread the ends of edges over the right and left sides of nodes, in the order in which they come."""
    starts: dict[int, dict[int, list[float]]] = {}
    ends: dict[int, list[tuple[float, int]]] = {}
    for number, edge in enumerate(edges):
        towards = lanes[number][0][0] if lanes[number] else centres[edge.target][1]
        starts.setdefault(edge.source, {}).setdefault(edge.slot, []).append(towards)
        coming = lanes[number][-1][0] if lanes[number] else centres[edge.source][1]
        ends.setdefault(edge.target, []).append((coming, number))
    end_of: dict[int, _End] = {}
    for target, coming in ends.items():
        shares = _shares(centres[target], sizes[target], len(coming), -0.5)
        end_of |= {number: share for (_, number), share in zip(sorted(coming), shares, strict=True)}
    start_of: dict[tuple[int, int], _End] = {}
    for source, slots in starts.items():
        shares = _shares(centres[source], sizes[source], len(slots), 0.5)
        ordered = sorted(slots, key=lambda slot, slots=slots: sum(slots[slot]) / len(slots[slot]))
        start_of |= {(source, slot): share for slot, share in zip(ordered, shares, strict=True)}
    return [
        _Route(start.point, lanes[number], end.point, start.room, end.room)
        for number, edge in enumerate(edges)
        for start, end in [(start_of[edge.source, edge.slot], end_of[number])]
    ]


class _End(NamedTuple):
    """Where edges touch a node, and the room beside that."""

    point: tuple[float, float]
    room: float


def _shares(centre: tuple[float, float], size: tuple[float, float], count: int, side: float) -> list[_End]:
    """Points on the right or left side of a node, evenly spread over its middle."""
    step = min(size[1] * 0.7 / count, 20.0)
    x, top = centre[0] + side * size[0], centre[1] - (count - 1) / 2 * step
    return [_End((x, top + place * step), step if count > 1 else _FREE) for place in range(count)]


def _svg_edge(edge: DrawnEdge, nodes: list[DrawnNode], route: _Route) -> str:
    colour = edge.colour
    (x, y), (end_x, end_y) = route.start, route.end
    path = f"M{x:.1f} {y:.1f}"
    for lane, begin, end in route.lanes:
        path += f"{_curve(x, y, begin, lane)}H{end:.1f}"
        x, y = end, lane
    path += f"{_curve(x, y, end_x, end_y)}m-6 -3.5l6 3.5l-6 3.5"
    dashes = ' stroke-dasharray="6 3"' if edge.role == "attention" else ""
    notes = [
        (edge.port, route.start, 4, "start", route.start_room),
        (edge.target_port, route.end, -8, "end", route.end_room),
    ]
    labels = "".join(
        f'<text x="{x + aside:.1f}" y="{y - 3:.1f}" font-size="9" text-anchor="{anchor}" fill="{FAINT}">'
        f"{escape(text)}</text>"
        for text, (x, y), aside, anchor, room in notes
        if text and room >= _LABEL
    )
    ends = f"{nodes[edge.source].id} → {nodes[edge.target].id}{f' ({edge.label})' if edge.label else ''}"
    return (
        f'<g class="edge" data-id="{_attribute(edge.id)}"><title>{escape(ends)}</title>'
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4"{dashes}/>{labels}</g>'
    )


def _curve(x: float, y: float, end_x: float, end_y: float) -> str:
    """A curve that leaves and arrives level."""
    if abs(y - end_y) < _STRAIGHT and end_x > x:
        return f"L{end_x:.1f} {end_y:.1f}"
    bend = max((end_x - x) / 2, 12.0)
    return f"C{x + bend:.1f} {y:.1f} {end_x - bend:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}"


def _svg_node(node: DrawnNode, centre: tuple[float, float], size: tuple[float, float]) -> str:
    (x, y), (width, height) = centre, size
    corner = height / 2 if node.is_boundary else 7
    texts = [
        (node.title, 12.5, "600", INK),
        (node.note, 10.0, "400", INK),
        (node.type, 10.0, "400", SOFT),
    ]
    texts = [text for text in texts if text[0]]
    first = y - 14 * (len(texts) - 1) / 2 + 4
    lines = "".join(
        f'<text x="{x:.1f}" y="{first + 14 * number:.1f}" font-size="{size:g}" font-weight="{weight}" '
        f'text-anchor="middle" fill="{colour}">{escape(_shortened(text))}</text>'
        for number, (text, size, weight, colour) in enumerate(texts)
    )
    return (
        f'<g class="node" data-id="{_attribute(node.id)}"><title>{escape(node.hover)}</title>'
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{corner:g}" fill="{node.fill}" stroke="{node.stroke}"/>{lines}</g>'
    )


def _size(node: DrawnNode) -> tuple[float, float]:
    texts = (_text_width(_shortened(node.title), 7.7), _text_width(_shortened(node.note), 5.7))
    width = max(*texts, _text_width(_shortened(node.type), 5.4)) + 24
    return max(width, 76.0), _HEIGHT if node.type else _LOW


def _text_width(text: str, usual: float) -> float:
    return sum(usual * (1.75 if east_asian_width(sign) in "WF" else 1.0) for sign in text)


def _shortened(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})
