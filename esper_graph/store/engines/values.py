"""Values on their way over Bolt: how large parameters are, and what answers become in Python."""

from datetime import UTC, datetime, timezone
from typing import Any, cast

from neo4j.graph import Node, Path, Relationship
from neo4j.time import Date, DateTime, Duration, Time

_ATOMS = frozenset({str, int, float, bool, type(None), bytes})


def plain(value: object) -> Any:
    """Make plain Python of a driver's value.

    Times become aware `datetime`s that keep their offset (the embedded engine may drop it and mean UTC);
    durations become ISO text; nodes, relationships and paths become dicts without engine ids.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is list:
        return [plain(item) for item in cast(list[object], value)]
    if kind is dict:
        return {name: plain(item) for name, item in cast(dict[str, object], value).items()}
    if isinstance(value, DateTime):
        return _aware(value.to_native())
    if isinstance(value, Date | Time):
        return value.to_native()
    if isinstance(value, Duration):
        return value.iso_format()
    if isinstance(value, Node):
        return {"labels": sorted(value.labels), "properties": _properties(value)}
    if isinstance(value, Relationship):
        return {"type": value.type, "properties": _properties(value)}
    if isinstance(value, Path):
        return {
            "nodes": [plain(node) for node in value.nodes],
            "relationships": [plain(relationship) for relationship in value.relationships],
        }
    return value


def _properties(entity: Node | Relationship) -> dict[str, Any]:
    return {name: plain(value) for name, value in entity.items()}


def _aware(time: datetime) -> datetime:
    offset = time.utcoffset()
    return time.replace(tzinfo=UTC if not offset else timezone(offset))


def message_bytes(value: object) -> int:
    """Give an upper bound of the bytes that a value takes in a Bolt message.

    Example:
        >>> message_bytes({"name": "ab", "sizes": [1, 2]})
        54
    """
    if isinstance(value, str):
        return 5 + (len(value) if value.isascii() else 4 * len(value))
    if isinstance(value, dict):
        items = cast(dict[object, object], value)
        return 5 + sum(map(message_bytes, items)) + sum(map(message_bytes, items.values()))
    if isinstance(value, list | tuple):
        return 5 + sum(map(message_bytes, cast(list[object], value)))
    if isinstance(value, bytes | bytearray):
        return 5 + len(value)
    return 9
