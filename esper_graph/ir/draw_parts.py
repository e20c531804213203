"""What a drawing shows of nodes and edges, whatever it is drawn with: short texts and colours.

The colour of a node says its family; the darker it is, the more parameters the node owns. Residual edges are
blue, attention edges orange.
"""

from collections.abc import Iterator, Mapping, Sequence
from colorsys import hls_to_rgb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from esper_graph.ir.blocks import definition_of
from esper_graph.ir.graph import Graph
from esper_graph.ir.listing import own_parameters, reference, shown_types
from esper_graph.ops.values import TupleType, ValueType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

INK, SOFT, FAINT = "#0f172a", "#334155", "#64748b"
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
        "Block": (100, 0.45),
    }
)
"""Hue and saturation of each family; the others are grey."""
_GREY = (215, 0.12)
_EDGES: Mapping[str, str] = MappingProxyType(
    {"forward": "#64748b", "residual": "#2563eb", "attention": "#d97706"}
)
_SIZES = (
    ("in_features", "out_features"),
    ("in_channels", "out_channels"),
    ("input_size", "hidden_size"),
    ("num_embeddings", "embedding_dim"),
)


class DrawnNode(NamedTuple):
    """What is drawn of a node."""

    id: str
    title: str
    type: str
    hover: str
    fill: str
    stroke: str
    is_boundary: bool
    parameters: int

    @property
    def note(self) -> str:
        """The id, and the number of parameters where there are any."""
        return f"{self.id} · {self.parameters:,}" if self.parameters else self.id


class DrawnEdge(NamedTuple):
    """What is drawn of an edge; both ends by position."""

    id: str
    source: int
    slot: int
    target: int
    role: str
    port: str
    """Output port, where the source gives several."""
    target_port: str
    """Input port, where the target has several and their order matters."""

    @property
    def colour(self) -> str:
        """The colour of its role."""
        return _EDGES.get(self.role, _EDGES["forward"])

    @property
    def label(self) -> str:
        """Both ports."""
        return " → ".join(filter(None, (self.port, self.target_port)))


def drawn(blueprint: "BlueprintIR") -> tuple[list[DrawnNode], list[DrawnEdge]]:
    """List what is drawn: nodes and edges in listing order. Edges to nowhere are left out."""
    graph = blueprint.graph
    most = max((own_parameters(blueprint, place) for place in range(len(graph.nodes))), default=0)
    nodes = [_node(blueprint, place, most) for place in range(len(graph.nodes))]
    return nodes, list(_edges(graph))


def _node(blueprint: "BlueprintIR", place: int, most: int) -> DrawnNode:
    graph = blueprint.graph
    node, op, values = graph.nodes[place], graph.ops[place], graph.values[place]
    parameters = own_parameters(blueprint, place)
    hue, saturation = _COLOURS.get(op.family, _GREY) if op is not None else _GREY
    # The root spreads the many small nodes; a share of the largest would leave them all white.
    weight = (parameters / most) ** 0.35 if parameters else 0.0
    types = blueprint.inference.outputs[place] or ()
    definition = definition_of(blueprint, node)
    words = _title(node.op_type, node.attributes if values is None else dict(values))
    return DrawnNode(
        id=node.id,
        title=" ".join(words) if definition is None else definition.name,
        type=_short_type(types),
        hover=f"{node.op_type} {node.id}\n{shown_types(graph, place, types)}".rstrip(),
        fill=_hex(hue, saturation, 0.965 - 0.245 * weight),
        stroke=_hex(hue, saturation * 0.8, 0.55),
        is_boundary=op is not None and op.family == "Boundary",
        parameters=parameters,
    )


def _title(op_type: str, attributes: Mapping[str, Any]) -> Iterator[str]:
    """What the node does, in a few words: `linear 784 → 256`, `relu`, `conv2d 3 → 64 7×7 /2`."""
    kind = attributes.get("type")
    yield kind if isinstance(kind, str) else op_type
    for before, after in _SIZES:
        if before in attributes and after in attributes:
            yield f"{attributes[before]} → {attributes[after]}"
    if "kernel_size" in attributes:
        window = attributes["kernel_size"]
        yield (
            "×".join(map(str, cast("tuple[object, ...]", window)))
            if isinstance(window, tuple)
            else str(window)
        )
    if "stride" in attributes and _per_axis(attributes["stride"]) != "1":
        yield f"/{_per_axis(attributes['stride'])}"
    if "num_heads" in attributes:
        yield f"{attributes['num_heads']} heads"


def _short_type(types: Sequence[ValueType]) -> str:
    if len(types) > 1:
        return f"{len(types)} results"
    return "".join(
        f"{one.name}(…)" if isinstance(one, TupleType) else str(one).removeprefix("float32") for one in types
    )


def _per_axis(value: Any) -> str:
    """Write sizes an axis as `3×5`, equal ones once."""
    sizes = (
        [str(size) for size in cast("tuple[object, ...]", value)]
        if isinstance(value, tuple)
        else [str(value)]
    )
    return sizes[0] if len(set(sizes)) == 1 else "×".join(sizes)


def _edges(graph: Graph) -> Iterator[DrawnEdge]:
    feeds = {feed.edge: feed for some in graph.feeds for feed in some}
    for number, edge in enumerate(graph.edges):
        source, target = graph.position.get(edge.source), graph.position.get(edge.target)
        if source is None or target is None:
            continue
        slot, port, target_port = 0, "", ""
        feed, op = feeds.get(number), graph.ops[target]
        if feed is not None and op is not None:
            slot = feed.source_slot
            port = reference(graph, feed)[len(edge.source) + 1 :].rpartition(".")[2]
            if len(graph.feeds[target]) > 1 and not op.commutative:
                target_port = (op.port_name(feed.slot) or "").removeprefix(f"{op.variadic}.")
        yield DrawnEdge(edge.id, source, slot, target, edge.connection_type, port, target_port)


def _hex(hue: float, saturation: float, lightness: float) -> str:
    red, green, blue = hls_to_rgb(hue / 360, lightness, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
