"""Read an ONNX file within bounds: nothing is parsed before its parts have been counted.

A message of two bytes can take a hundred in memory, and a tensor can declare more elements than it has. So
the bytes are walked over first, by the format's own description, without making anything of them.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from esper_graph.errors import ImporterError

MAX_BYTES = 1 << 30
"""Bytes of a file and of its weights, unless a caller allows more."""
MAX_PARTS = 2_000_000
"""Fields in a file: nodes, names, sizes of axes and so on."""
MAX_TEXT = 64 << 20
"""Bytes of a file beside those of its tensors."""
MAX_NESTING = 24
_PAYLOAD = frozenset({"raw_data", "float_data", "double_data", "int32_data", "int64_data", "uint64_data"})
_VARINT, _EIGHT, _SIZED, _FOUR = 0, 1, 2, 5


def read_model(given: str | Path | bytes, max_bytes: int | None) -> tuple[Any, Path | None]:
    """Return the model that a file or its bytes hold, and the folder where its weights may lie.

    Raises:
        ImporterError: It cannot be read, is no ONNX model, or is larger than allowed.
    """
    limit = MAX_BYTES if max_bytes is None else max_bytes
    if isinstance(given, bytes):
        content, folder, title = given, None, "what was given"
    else:
        path = Path(given)
        content, folder, title = _content(path, limit), path.resolve().parent, f"`{path.name}`"
    if len(content) > limit:
        raise too_large(title, len(content), limit)
    _count(content, title)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise ImporterError(f"{title} is not an ONNX model: {error}") from None
    if not model.HasField("graph") or not model.ir_version:
        raise ImporterError(f"{title} is not an ONNX model: it holds no graph")
    return model, folder


def too_large(title: str, size: int, limit: int) -> ImporterError:
    """Return the error for what is larger than a limit."""
    return ImporterError(
        f"{title} takes {size} bytes, the limit is {limit}", hint="raise the limit with `max_bytes`"
    )


def _content(path: Path, limit: int) -> bytes:
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise ImporterError(f"`{path.name}` is not a file")
        if facts.st_size > limit:
            raise too_large(f"`{path.name}`", facts.st_size, limit)
        with path.open("rb") as opened:
            return opened.read(limit + 1)
    except OSError as error:
        raise ImporterError(f"`{path.name}` cannot be read: {os.strerror(error.errno or 0)}") from error


@dataclass(slots=True)
class _Tally:
    parts: int = 0
    payload: int = 0


def _count(content: bytes, title: str) -> None:
    tally = _Tally()
    try:
        _walk(content, 0, len(content), _FIELDS[onnx.ModelProto.DESCRIPTOR.full_name], tally, 0)
    except (IndexError, ValueError) as error:
        raise ImporterError(f"{title} is not an ONNX model: {error}") from None
    if len(content) - tally.payload > MAX_TEXT:
        raise ImporterError(
            f"{title} holds {len(content) - tally.payload} bytes beside its tensors, the limit is {MAX_TEXT}"
        )


def _walk(content: bytes, at: int, end: int, fields: Mapping[int, Any], tally: _Tally, depth: int) -> None:
    if depth > MAX_NESTING:
        raise ValueError(f"its parts are nested more than {MAX_NESTING} deep")
    while at < end:
        tally.parts += 1
        if tally.parts > MAX_PARTS:
            raise ValueError(f"it has more than {MAX_PARTS} parts")
        key, at = _number(content, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _number(content, at)
        elif kind in (_EIGHT, _FOUR):
            at += 8 if kind == _EIGHT else 4
        elif kind == _SIZED:
            size, at = _number(content, at)
            inner = fields.get(key >> 3)
            if at + size > end:
                raise ValueError("it is cut off")
            if inner == "payload":
                tally.payload += size
            elif inner == "text":
                content[at : at + size].decode()
            elif inner == "numbers":
                tally.parts += size  # a packed whole number takes at least a byte
            elif inner is not None:
                _walk(content, at, at + size, _FIELDS[inner], tally, depth + 1)
            at += size
        else:
            raise ValueError(f"byte {at} starts a field of the unknown kind {kind}")
    if at > end:
        raise ValueError("it is cut off")


def _number(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"byte {at} is in a number that does not end")


def _described() -> Mapping[str, Mapping[int, str]]:
    """List the fields of each message that are messages, payload, text or packed whole numbers."""
    found: dict[str, dict[int, str]] = {}
    waiting: list[Any] = [onnx.ModelProto.DESCRIPTOR]
    while waiting:
        message = waiting.pop()
        if message.full_name in found:
            continue
        fields = found[message.full_name] = {}
        for field in message.fields:
            if field.message_type is not None:
                fields[field.number] = field.message_type.full_name
                waiting.append(field.message_type)
            elif message.name == "TensorProto" and field.name in _PAYLOAD:
                fields[field.number] = "payload"
            elif field.type == field.TYPE_STRING:
                fields[field.number] = "text"
            elif field.type != field.TYPE_BYTES:
                fields[field.number] = "numbers"
    return found


_FIELDS = _described()
