"""Tensors of an ONNX file: their sizes are compared with their bytes before anything is made of them."""

import math
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.reading import too_large
from esper_graph.ops.attributes import LARGEST

_T = onnx.TensorProto
DTYPE_OF: Mapping[int, torch.dtype] = {
    _T.FLOAT: torch.float32,
    _T.DOUBLE: torch.float64,
    _T.FLOAT16: torch.float16,
    _T.BFLOAT16: torch.bfloat16,
    _T.INT8: torch.int8,
    _T.INT32: torch.int32,
    _T.INT64: torch.int64,
    _T.BOOL: torch.bool,
}
"""Types of elements that have a place in a blueprint."""
_STORED: Mapping[int, tuple[str, Any]] = {
    _T.FLOAT: ("float_data", np.float32),
    _T.DOUBLE: ("double_data", np.float64),
    _T.FLOAT16: ("int32_data", np.uint16),
    _T.BFLOAT16: ("int32_data", np.uint16),
    _T.INT8: ("int32_data", np.int8),
    _T.INT32: ("int32_data", np.int32),
    _T.INT64: ("int64_data", np.int64),
    _T.BOOL: ("int32_data", np.bool_),
}
_BITS = frozenset({_T.FLOAT16, _T.BFLOAT16})


def dtype_of(elements: int) -> torch.dtype:
    """Return torch's name of ONNX's type of elements.

    Raises:
        CannotRaiseError: It has no place in a blueprint.
    """
    if elements not in DTYPE_OF:
        known = elements in _T.DataType.values()
        name = _T.DataType.Name(elements).lower() if known else str(elements)
        raise CannotRaiseError(f"elements of type {name} have no place in a blueprint")
    return DTYPE_OF[elements]


@dataclass(slots=True)
class TensorReader:
    """Reads the tensors of one file.

    Attributes:
        folder: Where external data may lie; None where there may be none.
        limit: Bytes that all tensors together may take.
        taken: Bytes that have been read.
    """

    folder: Path | None
    limit: int
    taken: int = 0

    def read(self, proto: Any) -> Tensor:
        """Return a tensor.

        Raises:
            CannotRaiseError: Its sizes and its bytes do not fit, or lie where they must not.
            ImporterError: All tensors together are larger than allowed.
        """
        dtype = dtype_of(proto.data_type)
        shape = tuple(proto.dims)
        count = math.prod(shape)
        if any(size < 0 for size in shape) or (
            not count and math.prod(size or 1 for size in shape) > LARGEST
        ):
            raise CannotRaiseError(f"its shape is {list(shape)}")
        size = count * dtype.itemsize
        self.taken += size
        if self.taken > self.limit:
            raise too_large("what its tensors declare", self.taken, self.limit)
        if proto.HasField("segment"):
            raise CannotRaiseError("it is one segment of a tensor")
        stored, kind = _STORED[proto.data_type]
        if proto.data_location == _T.EXTERNAL:
            content = self._external(proto, size)
        elif proto.HasField("raw_data"):
            content = proto.raw_data
        else:
            entries = getattr(proto, stored)
            if len(entries) != count:
                raise CannotRaiseError(
                    f"its shape {list(shape)} asks for {count} elements, it holds {len(entries)}"
                )
            plain = np.array(entries, dtype=np.int64 if stored == "int32_data" else kind)
            return _shaped(plain.astype(kind), proto.data_type, shape)
        if len(content) != size:
            raise CannotRaiseError(f"its shape {list(shape)} asks for {size} bytes, it holds {len(content)}")
        found = np.frombuffer(content, dtype=np.dtype(kind).newbyteorder("<"))
        return _shaped(found.astype(kind) if sys.byteorder == "big" else found.copy(), proto.data_type, shape)

    def _external(self, proto: Any, size: int) -> bytes:
        entries = {entry.key: entry.value for entry in proto.external_data}
        location = entries.get("location", "")
        path = self._within(location)
        try:
            offset, length = int(entries.get("offset", "0")), int(entries.get("length", str(size)))
        except ValueError:
            raise CannotRaiseError(f"its place in `{location}` is not given by whole numbers") from None
        if length != size:
            raise CannotRaiseError(f"its shape asks for {size} bytes, `{location}` holds {length} for it")
        try:
            opened = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise CannotRaiseError(f"`{location}` cannot be read: {os.strerror(error.errno or 0)}") from None
        with os.fdopen(opened, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise CannotRaiseError(f"`{location}` is not a file")
            if offset < 0 or offset + length > facts.st_size:
                raise CannotRaiseError(
                    f"its bytes {offset} to {offset + length} lie beyond the {facts.st_size} of `{location}`"
                )
            file.seek(offset)
            return file.read(length)

    def _within(self, location: str) -> Path:
        """Return where a location is, in the model's own folder and not by way of a link."""
        if self.folder is None:
            raise CannotRaiseError("its data lies in another file, and only bytes were given")
        parts = Path(location).parts
        if not parts or Path(location).is_absolute() or ".." in parts or "\\" in location or "\0" in location:
            raise CannotRaiseError(f"its data lies outside the model's folder: `{location}`")
        path = self.folder
        for part in parts:
            path /= part
            if path.is_symlink():
                raise CannotRaiseError(f"its data lies behind a link: `{location}`")
        return path


def _shaped(found: Any, elements: int, shape: tuple[int, ...]) -> Tensor:
    tensor = torch.from_numpy(found)  # pyright: ignore[reportUnknownMemberType]
    if elements in _BITS:
        tensor = tensor.view(DTYPE_OF[elements])
    return tensor.reshape(shape)
