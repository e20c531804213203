"""Write a diff as text: the calls that were removed, added and changed, in the order of computation."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from esper_graph.ir.align import align
from esper_graph.ir.diff_edits import FIELDS, Port, pair_ports, ports_of
from esper_graph.ir.graph import Graph
from esper_graph.ir.listing import shown_attributes
from esper_graph.ir.specs import NodeSpec, thaw

if TYPE_CHECKING:
    from esper_graph.ir.diff import Diff

_json = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode
Part = tuple[str, str | None, str | None]
"""A part of a call: its keyword (or nothing), and how it is written before and after."""


def headline(diff: "Diff") -> str:
    """Count what was added, removed and changed."""
    kinds = [line[:1] for line in diff.lines]
    same = len(diff.matched) - kinds.count("~")
    counted = f"{kinds.count('+')} added, {kinds.count('-')} removed, {kinds.count('~')} changed"
    return f"{counted}, {same} as they were"


def listed(diff: "Diff") -> tuple[str, ...]:
    """List the lines: `-` removed, `+` added, `~` changed, where `old -> new` says what changed."""
    before, after = diff.before.graph, align(diff.after, diff.before).graph
    names = [diff.names[node.id] for node in after.nodes]
    old_names = [node.id for node in before.nodes]
    back = {diff.names[new]: old for old, new in diff.matched.items()}
    removed = [place for place in before.order or () if before.nodes[place].id not in diff.matched]
    rank = {place: number for number, place in enumerate(before.order or ())}
    lines: list[str] = []
    for place in after.order or ():
        name = names[place]
        if name not in back:
            lines.append(f"+ {_call(name, after, place, names)}")
            continue
        old = before.position[name]
        while removed and rank[removed[0]] < rank[old]:
            lines.append(f"- {_removed(before, removed.pop(0), old_names)}")
        lines += _changed(before, old, old_names, after, place, names)
    lines += [f"- {_removed(before, place, old_names)}" for place in removed]
    return tuple(lines)


def _removed(graph: Graph, place: int, names: Sequence[str]) -> str:
    return _call(names[place], graph, place, names)


def _call(name: str, graph: Graph, place: int, names: Sequence[str]) -> str:
    parts = [
        *[(keyword, text) for keyword, text in _inputs(graph, place, names)],
        *_settings(graph, place, names).items(),
    ]
    return _written(name, graph.nodes[place].op_type, [(key, text, text) for key, text in parts])


def _changed(
    before: Graph, old: int, old_names: Sequence[str], after: Graph, new: int, names: Sequence[str]
) -> Iterator[str]:
    one, other = before.nodes[old], after.nodes[new]
    held, wanted = ports_of(before, old, old_names), ports_of(after, new, names)
    parts: list[Part] = []
    for ours, theirs in sorted(pair_ports(held, wanted), key=_first_slot):
        texts = [
            _value(graph, port) if port is not None else None
            for graph, port in ((before, ours), (after, theirs))
        ]
        moved = ours is not None and theirs is not None and ours.key != theirs.key
        keyword = f"{ours.slot} -> {theirs.slot}" if moved and ours and theirs else ""
        parts.append((keyword, texts[0], texts[1]))
    settings, others = _settings(before, old, old_names), _settings(after, new, names)
    if one.op_type == other.op_type and before.texts[old] == after.texts[new]:
        fields = {*FIELDS, "shares"}
        attributes = {key: text for key, text in others.items() if key not in fields}
        settings = attributes | {key: text for key, text in settings.items() if key in fields}
    parts += [(key, settings.get(key), others.get(key)) for key in dict.fromkeys([*settings, *others])]
    op_type = one.op_type if one.op_type == other.op_type else f"{one.op_type} -> {other.op_type}"
    if op_type != one.op_type or any(left != right or " -> " in key for key, left, right in parts):
        yield f"~ {_written(old_names[old], op_type, parts)}"


def _first_slot(pair: tuple[Port | None, Port | None]) -> int:
    """Where an input stood before, or stands now."""
    return next(port.slot for port in pair if port is not None)


def _inputs(graph: Graph, place: int, names: Sequence[str]) -> list[tuple[str, str]]:
    op = graph.ops[place]
    found: list[tuple[str, str]] = []
    for number, port in enumerate(ports_of(graph, place, names)):
        name = op.port_name(port.slot) if op is not None and port.slot != number else None
        found.append((name or "", _value(graph, port)))
    return found


def _value(graph: Graph, port: Port) -> str:
    settled = graph.settled[graph.position[port.edge.source]]
    outputs = settled.outputs if settled is not None else ()
    text = port.source if len(outputs) < 2 else f"{port.source}.{outputs[port.source_slot]}"
    role, shape, dtype = port.edge.connection_type, port.edge.tensor_shape, port.edge.dtype
    text = text if role == "forward" else f"{role}({text})"
    declared = [*([_json(thaw(shape))] if shape is not None else []), *([dtype] if dtype is not None else [])]
    return f"{text}: {' '.join(declared)}" if declared else text


def _settings(graph: Graph, place: int, names: Sequence[str]) -> dict[str, str]:
    node = graph.nodes[place]
    shown: dict[str, Any] = {key: _json(thaw(value)) for key, value in shown_attributes(graph, place).items()}
    for field in FIELDS:
        value = getattr(node, field)
        if value != NodeSpec.model_fields[field].default:
            shown[field] = _json(thaw(value))
    if node.shares is not None:
        shown["shares"] = names[graph.position[node.shares]]
    return shown


def _written(name: str, op_type: str, parts: Sequence[Part]) -> str:
    written: list[str] = []
    for key, old, new in parts:
        text = old if old == new else f"{old or 'nothing'} -> {new or 'nothing'}"
        written.append(f"{key}={text}" if key else str(text))
    return f"{name} = {op_type}({', '.join(written)})"
