"""Values on their way over Bolt: how large parameters are, and what answers become in Python."""

from datetime import UTC, datetime, timezone
from itertools import chain
from typing import Any, cast

from neo4j.graph import Node, Path, Relationship
from neo4j.time import Date, DateTime, Duration, Time

_SEQUENCES = (list, tuple)
_BYTES = (bytes, bytearray)
_ATOMS = frozenset({str, int, float, bool, type(None), bytes})
_LISTS: frozenset[type] = frozenset({list})


def plain(value: object) -> Any:
    """Make plain Python of a driver's value.

    Times become aware `datetime`s that keep their offset (the embedded engine may drop it and mean UTC);
    durations become ISO text; nodes, relationships and paths become dicts without engine ids.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is list:
        items = cast(list[object], value)
        return items if _plain_already(items) else [plain(item) for item in items]
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


def _plain_already(items: list[object]) -> bool:
    """Whether lists hold nothing to convert, however deep: most of what travels are thousands of ids."""
    while not _ATOMS.issuperset(map(type, items)):
        if not _LISTS.issuperset(map(type, items)):
            return False
        items = list(chain.from_iterable(cast(list[list[object]], items)))
    return True


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
    size = 0
    waiting = [value]
    for one in waiting:  # which grows meanwhile
        if isinstance(one, str):
            size += 5 + (len(one) if one.isascii() else 4 * len(one))
        elif isinstance(one, dict):
            items = cast(dict[object, object], one)
            size += 5
            waiting += items
            waiting += items.values()
        elif isinstance(one, _SEQUENCES):
            size += 5
            waiting += cast(list[object], one)
        elif isinstance(one, _BYTES):
            size += 5 + len(one)
        else:
            size += 9
    return size
