"""Draw a blueprint: as SVG, or as text for Mermaid and Graphviz.

The colour of a node says its family; the darker it is, the more parameters the node owns. Residual edges are
blue, attention edges orange. Drawings hold no scripts, links or fonts, and every text in them is escaped, so
that names cannot become markup.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from esper_graph.ir.draw_layout import Link, lay_out
from esper_graph.ir.graph import Feed, Graph
from esper_graph.ir.listing import own_parameters, reference, shown_types

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

_COLOURS: Mapping[str, tuple[int, float]] = MappingProxyType(
    {
        "Boundary": (215, 0.25),
        "Dense": (221, 0.85),
        "Conv": (250, 0.75),
        "Norm": (174, 0.5),
        "Attention": (281, 0.7),
        "Activation": (40, 0.85),
        "Pooling": (195, 0.7),
        "Embedding": (145, 0.5),
        "Recurrent": (330, 0.7),
        "Routing": (18, 0.85),
        "Spectral": (300, 0.55),
        "Random": (30, 0.3),
        "Effect": (0, 0.7),
    }
)
"""Hue and saturation of each family; the others are grey."""
_GREY = (215, 0.12)
_EDGES: Mapping[str, str] = MappingProxyType(
    {"forward": "#64748b", "residual": "#2563eb", "attention": "#d97706"}
)
_INK, _FAINT = "#0f172a", "#64748b"
_SIZES = (
    ("in_features", "out_features"),
    ("in_channels", "out_channels"),
    ("input_size", "hidden_size"),
    ("num_embeddings", "embedding_dim"),
)
_LONGEST = 34
_MARGIN, _HEADER = 24.0, 58.0
_HEIGHT, _BOUNDARY_HEIGHT = 56.0, 44.0
_FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


class _Node(NamedTuple):
    """What is drawn of a node."""

    id: str
    title: str
    type: str
    fill: str
    stroke: str
    is_boundary: bool
    parameters: int

    @property
    def note(self) -> str:
        """The id, and the number of parameters where there are any."""
        return f"{self.id} · {self.parameters:,}" if self.parameters else self.id


class _Edge(NamedTuple):
    """What is drawn of an edge; both ends by position."""

    id: str
    source: int
    slot: int
    target: int
    role: str
    label: str


# ---------------------------------------------------------------- as text


def mermaid(blueprint: "BlueprintIR") -> str:
    """Draw a blueprint as a Mermaid flowchart, as Markdown pages show it.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("small")
        >>> b.output(b.neg(b.input([2])))
        >>> print(mermaid(b.finish()).partition("style")[0].rstrip())
        flowchart TD
            n0(["input<br/>input<br/>[2]"])
            n1["neg<br/>neg<br/>[2]"]
            n2(["output<br/>output"])
            n0 --> n1
            n1 --> n2
    """
    nodes, edges = _drawn(blueprint)
    lines = ["flowchart TD"]
    for number, node in enumerate(nodes):
        label = "<br/>".join(_mermaid_text(text) for text in (node.title, node.note, node.type) if text)
        opening, closing = ("([", "])") if node.is_boundary else ("[", "]")
        lines.append(f'    n{number}{opening}"{label}"{closing}')
    arrows = {"residual": "-.->", "attention": "==>"}
    for edge in edges:
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        lines.append(f"    n{edge.source} {arrows.get(edge.role, '-->')}{label} n{edge.target}")
    lines += [
        f"    style n{number} fill:{node.fill},stroke:{node.stroke},color:{_INK}"
        for number, node in enumerate(nodes)
    ]
    return "\n".join(lines) + "\n"


def dot(blueprint: "BlueprintIR") -> str:
    """Draw a blueprint in the language of Graphviz.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("small")
        >>> b.output(b.input([2]))
        >>> dot(b.finish()).splitlines()[-2]
        '    n0 -> n1 [color="#64748b"];'
    """
    nodes, edges = _drawn(blueprint)
    lines = [
        f"digraph {_dot_text(blueprint.name)} {{",
        '    node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
        '    edge [fontname="Helvetica", fontsize=9];',
    ]
    for number, node in enumerate(nodes):
        label = _dot_text(*[text for text in (node.title, node.note, node.type) if text])
        lines.append(f'    n{number} [label={label}, fillcolor="{node.fill}", color="{node.stroke}"];')
    for edge in edges:
        label = f", label={_dot_text(edge.label)}" if edge.label else ""
        style = (
            "" if edge.role == "forward" else ", style=dashed" if edge.role == "residual" else ", style=bold"
        )
        lines.append(f'    n{edge.source} -> n{edge.target} [color="{_colour(edge)}"{style}{label}];')
    return "\n".join([*lines, "}"]) + "\n"


def _mermaid_text(text: str) -> str:
    """Escape all that Mermaid, Markdown or HTML could read as markup: its entities are decimal codes."""
    return "".join(
        sign if sign.isalnum() or sign in " ._-,()[]=:/+·→×…" else f"#{ord(sign)};" for sign in text
    )


def _dot_text(*lines: str) -> str:
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'


# ---------------------------------------------------------------- as SVG


def svg(blueprint: "BlueprintIR") -> str:
    """Draw a blueprint as SVG, top to bottom; shortcuts run beside what they skip.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("small")
        >>> b.output(b.input([2]))
        >>> svg(b.finish()).count('class="node"')
        2
    """
    nodes, edges = _drawn(blueprint)
    graph = blueprint.graph
    sizes = [_size(node) for node in nodes]
    order = graph.order if graph.order is not None else range(len(nodes))
    layout = lay_out(sizes, [Link(edge.source, edge.slot, edge.target) for edge in edges], order)
    name, facts = _shortened(blueprint.name, 80), _facts(blueprint)
    width = max(layout.width, _text_width(name, 8.2), _text_width(facts, 5.8)) + 2 * _MARGIN
    height = layout.height + _HEADER + 2 * _MARGIN
    left, top = (width - layout.width) / 2, _HEADER + _MARGIN
    centres = [(x + left, y + top) for x, y in layout.centres]
    routes = _routes(
        edges, centres, sizes, [[(x + left, a + top, b + top) for x, a, b in one] for one in layout.lanes]
    )
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{_FONT}">',
        f"<title>{escape(blueprint.name)}</title>",
        '<rect width="100%" height="100%" rx="8" fill="#ffffff"/>',
        f'<text x="{_MARGIN:g}" y="34" font-size="15" font-weight="600" fill="{_INK}">{escape(name)}</text>',
        f'<text x="{_MARGIN:g}" y="54" font-size="11" fill="{_FAINT}">{escape(facts)}</text>',
        *(_svg_edge(edge, nodes, route) for edge, route in zip(edges, routes, strict=True)),
        *(
            _svg_node(node, centre, size, f"{node.title}\n{node.note}\n{node.type}".strip())
            for node, centre, size in zip(nodes, centres, sizes, strict=True)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _facts(blueprint: "BlueprintIR") -> str:
    facts = [f"{len(blueprint.nodes)} nodes", f"{len(blueprint.edges)} edges"]
    if blueprint.problems:
        return " · ".join([*facts, f"not valid: {_shortened(blueprint.problems[0].message, 80)}"])
    graph = blueprint.graph
    total = sum(own_parameters(graph, place) for place in range(len(graph.nodes)))
    return " · ".join([*facts, f"{total:,} parameters (darker: more)"])


class _Route(NamedTuple):
    """The way of an edge: where it starts, the lanes it runs through, where it ends."""

    start: tuple[float, float]
    lanes: list[tuple[float, float, float]]
    end: tuple[float, float]


def _routes(
    edges: list[_Edge],
    centres: list[tuple[float, float]],
    sizes: list[tuple[float, float]],
    lanes: list[list[tuple[float, float, float]]],
) -> list[_Route]:
    """Spread the ends of edges over the lower and upper sides of nodes, in the order in which they come."""
    starts: dict[int, dict[int, list[float]]] = {}
    ends: dict[int, list[tuple[float, int]]] = {}
    for number, edge in enumerate(edges):
        towards = lanes[number][0][0] if lanes[number] else centres[edge.target][0]
        starts.setdefault(edge.source, {}).setdefault(edge.slot, []).append(towards)
        coming = lanes[number][-1][0] if lanes[number] else centres[edge.source][0]
        ends.setdefault(edge.target, []).append((coming, number))
    end_of = {
        number: _share(centres[target], sizes[target], place, len(coming), -0.5)
        for target, coming in ends.items()
        for place, (_, number) in enumerate(sorted(coming))
    }
    start_of = {
        (source, slot): _share(centres[source], sizes[source], place, len(slots), 0.5)
        for source, slots in starts.items()
        for place, slot in enumerate(
            sorted(slots, key=lambda slot, slots=slots: sum(slots[slot]) / len(slots[slot]))
        )
    }
    return [
        _Route(start_of[edge.source, edge.slot], lanes[number], end_of[number])
        for number, edge in enumerate(edges)
    ]


def _share(
    centre: tuple[float, float], size: tuple[float, float], place: int, count: int, side: float
) -> tuple[float, float]:
    """A point on the lower or upper side of a node: one of several, evenly spread over the middle."""
    step = min(size[0] * 0.7 / count, 40.0)
    return centre[0] + (place - (count - 1) / 2) * step, centre[1] + side * size[1]


def _svg_edge(edge: _Edge, nodes: list[_Node], route: _Route) -> str:
    colour = _colour(edge)
    (x, y), (end_x, end_y) = route.start, route.end
    path = f"M{x:.1f} {y:.1f}"
    for lane, upper, lower in route.lanes:
        path += f"{_curve(x, y, lane, upper)}V{lower:.1f}"
        x, y = lane, lower
    path += f"{_curve(x, y, end_x, end_y)}m-3.5 -6l3.5 6l3.5 -6"
    dashes = ' stroke-dasharray="6 3"' if edge.role == "attention" else ""
    label = ""
    if edge.label:
        place = f'x="{end_x + 4:.1f}" y="{end_y - 8:.1f}"'
        label = f'<text {place} font-size="9" fill="{_FAINT}">{escape(edge.label)}</text>'
    ends = f"{nodes[edge.source].id} → {nodes[edge.target].id}"
    return (
        f'<g class="edge" data-id="{_attribute(edge.id)}"><title>{escape(ends)}</title>'
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4"{dashes}/>{label}</g>'
    )


def _curve(x: float, y: float, end_x: float, end_y: float) -> str:
    """A curve that leaves and arrives vertically."""
    if x == end_x and end_y > y:
        return f"V{end_y:.1f}"
    bend = max((end_y - y) / 2, 12.0)
    return f"C{x:.1f} {y + bend:.1f} {end_x:.1f} {end_y - bend:.1f} {end_x:.1f} {end_y:.1f}"


def _svg_node(node: _Node, centre: tuple[float, float], size: tuple[float, float], hover: str) -> str:
    (x, y), (width, height) = centre, size
    corner = height / 2 if node.is_boundary else 7
    texts = [
        (node.title, 12.5, "600", _INK),
        (node.note, 10.0, "400", _INK),
        (node.type, 10.0, "400", _FAINT),
    ]
    texts = [text for text in texts if text[0]]
    first = y - 14 * (len(texts) - 1) / 2 + 4
    lines = "".join(
        f'<text x="{x:.1f}" y="{first + 14 * number:.1f}" font-size="{size:g}" font-weight="{weight}" '
        f'text-anchor="middle" fill="{colour}">{escape(_shortened(text))}</text>'
        for number, (text, size, weight, colour) in enumerate(texts)
    )
    return (
        f'<g class="node" data-id="{_attribute(node.id)}"><title>{escape(hover)}</title>'
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{corner:g}" fill="{node.fill}" stroke="{node.stroke}"/>{lines}</g>'
    )


def _size(node: _Node) -> tuple[float, float]:
    texts = (_text_width(_shortened(node.title), 7.4), _text_width(_shortened(node.note), 5.7))
    width = max(*texts, _text_width(_shortened(node.type), 5.4)) + 24
    return max(width, 76.0), _BOUNDARY_HEIGHT if node.is_boundary else _HEIGHT


def _text_width(text: str, usual: float) -> float:
    return sum(usual * (1.75 if east_asian_width(sign) in "WF" else 1.0) for sign in text)


def _shortened(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})


# ---------------------------------------------------------------- what is drawn


def _drawn(blueprint: "BlueprintIR") -> tuple[list[_Node], list[_Edge]]:
    graph = blueprint.graph
    most = max((own_parameters(graph, place) for place in range(len(graph.nodes))), default=0)
    nodes = [_node(blueprint, place, most) for place in range(len(graph.nodes))]
    edges = [_edge(graph, place, feed) for place, feeds in enumerate(graph.feeds) for feed in feeds]
    return nodes, edges


def _node(blueprint: "BlueprintIR", place: int, most: int) -> _Node:
    graph = blueprint.graph
    node, op = graph.nodes[place], graph.ops[place]
    parameters = own_parameters(graph, place)
    hue, saturation = _COLOURS.get(op.family, _GREY) if op is not None else _GREY
    # The root spreads the many small nodes; a share of the largest would leave them all white.
    weight = (parameters / most) ** 0.35 if parameters else 0.0
    types = shown_types(graph, place, blueprint.inference.outputs[place])
    return _Node(
        id=node.id,
        title=" ".join(_title(node.op_type, node.attributes)),
        type=types.removeprefix("float32"),
        fill=_hex(hue, saturation, 0.965 - 0.245 * weight),
        stroke=_hex(hue, saturation * 0.8, 0.55),
        is_boundary=op is not None and op.family == "Boundary",
        parameters=parameters,
    )


def _title(op_type: str, attributes: Mapping[str, Any]) -> Iterator[str]:
    """What the node does, in a few words: `linear 784 → 256`, `relu`, `conv2d 3 → 64 7 wide /2`."""
    kind = attributes.get("type")
    yield kind if isinstance(kind, str) else op_type
    for before, after in _SIZES:
        if before in attributes and after in attributes:
            yield f"{attributes[before]} → {attributes[after]}"
    if "kernel_size" in attributes:
        yield f"{_per_axis(attributes['kernel_size'])} wide"
    if "stride" in attributes and _per_axis(attributes["stride"]) != "1":
        yield f"/{_per_axis(attributes['stride'])}"
    if "num_heads" in attributes:
        yield f"{attributes['num_heads']} heads"


def _per_axis(value: Any) -> str:
    """Write sizes an axis as `3×5`, equal ones once."""
    sizes = (
        [str(size) for size in cast("tuple[object, ...]", value)]
        if isinstance(value, tuple)
        else [str(value)]
    )
    return sizes[0] if len(set(sizes)) == 1 else "×".join(sizes)


def _edge(graph: Graph, place: int, feed: Feed) -> _Edge:
    edge, op = graph.edges[feed.edge], graph.ops[place]
    label = ""
    if op is not None and len(graph.feeds[place]) > 1 and not op.commutative:
        label = (op.port_name(feed.slot) or "").removeprefix(f"{op.variadic}.")
    source = reference(graph, feed)
    if source != graph.nodes[feed.source].id:
        port = source[len(graph.nodes[feed.source].id) + 1 :]
        label = f"{port} → {label}" if label else port
    return _Edge(edge.id, feed.source, feed.source_slot, place, edge.connection_type, label)


def _colour(edge: _Edge) -> str:
    return _EDGES.get(edge.role, _EDGES["forward"])


def _hex(hue: float, saturation: float, lightness: float) -> str:
    from colorsys import hls_to_rgb

    red, green, blue = hls_to_rgb(hue / 360, lightness, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
