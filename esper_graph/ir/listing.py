"""Write a blueprint as text that reads like a program: a line a node, producers before consumers.

It says what the builder's calls would say (`esper_graph.ir.build`): inputs in port order, then the attributes
that differ from their defaults. What stands behind a call was computed from it. The definitions of blocks
follow the blueprint that uses them, each under the line `block(fingerprint=..., ...)`; uses name them by the
first digits. `read_listing` in `esper_graph.ir.listing_reader` reads the text back. For ids of edges,
declared types of edges, times and derivations, which are not part of the structure, there is JSON.
"""

import json
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from esper_graph.errors import BlueprintError, counted
from esper_graph.ir.blocks import BLOCK, definition_of, definitions
from esper_graph.ir.graph import Feed, Graph
from esper_graph.ir.specs import NodeSpec, thaw
from esper_graph.ops.attributes import Attributes
from esper_graph.ops.opdef import settle
from esper_graph.ops.values import ValueType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

HEADER = (
    *("id", "name", "version", "tags", "author", "description"),
    *("min_compute_capability", "requires_features", "limits"),
)
"""Fields of the blueprint that its first line shows where they differ from their defaults."""
_WIDEST_CALL = 76
_WIDEST_TYPE = 40
_FINGERPRINT_SHOWN = 15

_json = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


def listing(blueprint: "BlueprintIR") -> str:
    r"""Write a blueprint as text; equal blueprints give equal text.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("mlp", name="MLP")
        >>> x = b.input([-1, 8])
        >>> b.output(b.add(b.linear(x, in_features=8, out_features=8, bias=False, id="fc"), x))
        >>> for line in listing(b.finish()).splitlines()[2:]:
        ...     print(line)
        <BLANKLINE>
        input = input(shape=[-1, 8])                            -> float32[batch, 8]
        fc = linear(input, in_features=8, out_features=8, bias=false)  -> float32[batch, 8]  64 parameters
        add = add(fc, input)                                    -> float32[batch, 8]
        output = output(add)
    """
    sections = [_section("blueprint", _header(blueprint), blueprint)]
    for name, one in reversed(definitions(blueprint).items()):
        sections.append(_section("block", {"fingerprint": name, **_header(one)}, one))
    return "\n".join(sections)


def _section(name: str, header: Mapping[str, Any], blueprint: "BlueprintIR") -> str:
    graph, outputs = blueprint.graph, blueprint.inference.outputs
    places = graph.order if graph.order is not None else range(len(graph.nodes))
    rows = [
        (
            _line(graph, place, blueprint.blocks),
            shown_types(graph, place, outputs[place]),
            _parameters(blueprint, place),
        )
        for place in places
    ]
    call_width = _width([call for call, types, _ in rows if types], _WIDEST_CALL)
    type_width = _width([types for _, types, parameters in rows if parameters], _WIDEST_TYPE)
    lines = [_call(name, [], header), f"# {_facts(blueprint)}", ""]
    for call, types, parameters in rows:
        line = f"{call:{call_width}}  -> {types:{type_width}}" if types else call
        lines.append(f"{line}  {parameters}".rstrip())
    return "\n".join(lines) + "\n"


def reference(graph: Graph, feed: Feed) -> str:
    """Name a value: its node and, where the node gives several, the output port."""
    source = graph.nodes[feed.source].id
    op, values = graph.ops[feed.source], graph.values[feed.source]
    names: Sequence[str] = op.output_names(values) if op is not None and values is not None else ()
    if len(names) < 2:
        return source
    port = names[feed.source_slot]
    steps = f"{source}.{port}".split(".")
    longer = [".".join(steps[:count]) for count in range(source.count(".") + 2, len(steps) + 1)]
    # Ids may contain dots: the longest one that exists is read as the node.
    return f"{source}:{port}" if any(name in graph.position for name in longer) else f"{source}.{port}"


def shown_attributes(graph: Graph, place: int) -> dict[str, Any]:
    """Return the attributes of a node that say more than the defaults, in the order of the op's model."""
    given = graph.nodes[place].attributes
    op, values = graph.ops[place], graph.values[place]
    if op is None or values is None:
        return dict(given)
    model = cast("type[Attributes]", type(values))
    shown = {name: given[name] for name in model.model_fields if name in given}
    for name in reversed([*shown]):
        # Not compared with the default: a model may work out one attribute from another.
        fewer = {other: value for other, value in shown.items() if other != name}
        settled = settle(op, fewer)
        if settled.values is not None and settled.text == graph.texts[place]:
            shown = fewer
    return shown


def shown_types(graph: Graph, place: int, types: Sequence[ValueType] | None) -> str:
    """Write the types of a node's results, each with its port's name where there are several."""
    op, values = graph.ops[place], graph.values[place]
    if not types or op is None:
        return ""
    if len(types) == 1:
        return str(types[0])
    names = op.output_names(values)
    return ", ".join(f"{name}: {value}" for name, value in zip(names, types, strict=True))


def own_parameters(blueprint: "BlueprintIR", place: int) -> int:
    """Count the trainable numbers that a node owns; 0 where it shares those of another or is not valid."""
    graph, node = blueprint.graph, blueprint.nodes[place]
    settled = graph.settled[place]
    if settled is None or settled.values is None or node.shares is not None:
        return 0
    definition = definition_of(blueprint, node)
    if definition is None:
        return settled.trainable
    return sum(own_parameters(definition, inner) for inner in range(len(definition.nodes)))


def _header(blueprint: "BlueprintIR") -> dict[str, Any]:
    fields = type(blueprint).model_fields
    return {
        name: getattr(blueprint, name)
        for name in HEADER
        if fields[name].is_required() or getattr(blueprint, name) != fields[name].default
    }


def _facts(blueprint: "BlueprintIR") -> str:
    size = f"{len(blueprint.nodes)} nodes, {len(blueprint.edges)} edges"
    if blueprint.problems:
        first, *others = blueprint.problems
        return f"{size}  not valid: {first}{f' (and {len(others)} more)' if others else ''}"
    try:
        fingerprint = blueprint.fingerprint[:_FINGERPRINT_SHOWN]
    except BlueprintError as error:
        fingerprint = f"no fingerprint: {error.message}"
    total = blueprint.cost()
    sizes = ", ".join(f"{name}={size}" for name, size in total.binding.items())
    work = f"{total.parameters:,} parameters, {total.flops:,} FLOPs"
    if total.uncounted:
        work += f" and those of {counted(len(total.uncounted), 'node')} that are not known"
    return f"{fingerprint}  {size}  {work}{f' at {sizes}' if sizes else ''}"


def _parameters(blueprint: "BlueprintIR", place: int) -> str:
    count = own_parameters(blueprint, place)
    return counted(count, "parameter") if count else ""


def _line(graph: Graph, place: int, blocks: Container[object]) -> str:
    node, op = graph.nodes[place], graph.ops[place]
    settings: dict[str, Any] = {}
    inputs: list[str] = []
    for number, feed in enumerate(graph.feeds[place]):
        value = reference(graph, feed)
        role = graph.edges[feed.edge].connection_type
        value = value if role == "forward" else f"{role}({value})"
        if op is None or feed.slot == number == len(inputs):
            inputs.append(value)
        else:
            inputs.append(f"{op.port_name(feed.slot)}={value}")
    settings |= shown_attributes(graph, place)
    if node.op_type == BLOCK and node.attributes.get("blueprint") in blocks:
        settings["blueprint"] = settings["blueprint"][:_FINGERPRINT_SHOWN]
    return f"{node.id} = {_call(node.op_type, inputs, settings, _node_fields(node))}"


def _node_fields(node: NodeSpec) -> list[str]:
    """The fields of a node besides op and attributes that differ from their defaults."""
    shown: list[str] = []
    for name, field in type(node).model_fields.items():
        value = getattr(node, name)
        if name not in ("id", "op_type", "attributes") and value != field.default:
            shown.append(f"{name}={value if name == 'shares' else _json(thaw(value))}")
    return shown


def _call(name: str, inputs: Sequence[str], settings: Mapping[str, Any], fields: Sequence[str] = ()) -> str:
    written = [f"{key}={_json(thaw(value))}" for key, value in settings.items()]
    return f"{name}({', '.join([*inputs, *written, *fields])})"


def _width(texts: Sequence[str], widest: int) -> int:
    """The width that most texts fit into; longer ones stick out."""
    return max((len(text) for text in texts if len(text) <= widest), default=0)
