"""Weights in files: safetensors, one file of bytes for the same weights, read strictly.

Tensors have the names of the original module's `state_dict`. What belongs to which node stands in the file's
only metadata entry, as JSON: with more than one entry the format's order of them varies from run to run. A
file without the entry, such as one that was written from a `state_dict`, goes by plain names: `fc1.weight`.
"""

import hashlib
import json
import tempfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from esper_graph.compile.job import WeightsFile
from esper_graph.compile.weights import Header, Weights, as_weights, plain_names, refuse_unfit, unchecked
from esper_graph.errors import KernelError

if TYPE_CHECKING:
    from esper_graph.compile.importer.importing import Imported
    from esper_graph.compile.weights import Given
    from esper_graph.ir.blueprint import BlueprintIR

METADATA = "esper_graph"
FORMAT = "esper-graph/weights"
FORMAT_VERSION = 1
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64"}
_HINT = "write such a file with `esper-graph blueprint import … --weights FILE`"


def weights_bytes(weights: Weights) -> bytes:
    """Return the file of weights; equal weights have equal bytes."""
    facts = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "names": weights.names,
        "aliases": dict(weights.aliases),
        "rest": sorted(weights.rest),
    }
    tensors = dict(weights.named()) | dict(weights.rest)
    return tensors_bytes(tensors, {METADATA: json.dumps(facts, sort_keys=True)})


def tensors_bytes(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Return tensors in the safetensors format, each with memory of its own."""
    own: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in sorted(tensors.items()):
        found = tensor.detach().cpu().contiguous()
        storage = found.untyped_storage()
        alone = storage.nbytes() == found.nbytes and storage.data_ptr() not in seen
        own[name] = found if alone else found.clone()
        seen.add(storage.data_ptr())
    return save(own, metadata)


def weights_digest(weights: Weights) -> str:
    """Return the SHA-256 of the file of weights: that of what `save_weights` writes."""
    return hashlib.sha256(weights_bytes(weights)).hexdigest()


def save_weights(given: "Weights | Imported", path: str | Path) -> str:
    """Write weights to a file.

    Returns:
        The digest of the file.

    Raises:
        KernelError: The file cannot be written.
    """
    data = weights_bytes(unchecked(given))
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise KernelError(f"`{path}` cannot be written: {error.strerror or error}") from error
    return hashlib.sha256(data).hexdigest()


def load_weights(path: str | Path, blueprint: "BlueprintIR") -> Weights:
    """Read the weights of a blueprint. Names, sizes and dtypes are checked before any tensor is read.

    Raises:
        KernelError: The file cannot be read, or does not hold exactly the tensors that the blueprint needs.
    """
    try:
        if not Path(path).is_file():  # a pipe would be waited for
            raise KernelError(f"`{path}` is no file, so it does not hold weights", hint=_HINT)
        with safe_open(str(path), "pt") as opened:  # pyright: ignore[reportUnknownVariableType, reportNoOverloadImplementation]
            file = cast("Any", opened)
            metadata = cast("dict[str, str]", file.metadata() or {})
            found: dict[str, Header] = {}
            for name in file.keys():  # noqa: SIM118, no mapping
                view = file.get_slice(name)
                dtype: str = view.get_dtype()
                found[name] = (_DTYPES.get(dtype, dtype), tuple(view.get_shape()))
            names, aliases, rest = _layout(metadata, blueprint, path)
            _refuse_missing(path, (*aliases.values(), *rest), found)
            refuse_unfit(
                blueprint,
                names,
                {name: header for name, header in found.items() if name not in rest},
                f"`{path}`",
            )
            return Weights(
                {
                    node: {name: file.get_tensor(original) for name, original in owned.items()}
                    for node, owned in names.items()
                },
                names,
                {name: file.get_tensor(name) for name in rest},
                aliases,
            )
    except (OSError, SafetensorError) as error:
        raise KernelError(f"`{path}` does not hold weights: {error}", hint=_HINT) from error


def _layout(
    metadata: Mapping[str, str], blueprint: "BlueprintIR", path: str | Path
) -> tuple[dict[str, dict[str, str]], dict[str, str], tuple[str, ...]]:
    """What a file says of its tensors: names by node, other names, and those that no node owns."""
    if METADATA not in metadata:
        return plain_names(blueprint), {}, ()
    try:
        return _parsed(json.loads(metadata[METADATA]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise KernelError(
            f"`{path}` does not say which node each tensor belongs to: {type(error).__name__}: {error}",
            where=[f"metadata  {METADATA}"],
            hint=_HINT,
        ) from error


def _parsed(facts: Any) -> tuple[dict[str, dict[str, str]], dict[str, str], tuple[str, ...]]:
    if (facts["format"], facts["format_version"]) != (FORMAT, FORMAT_VERSION):
        raise ValueError(f"format {facts['format']!r} version {facts['format_version']!r}")
    names = {node: dict(owned) for node, owned in facts["names"].items()}
    aliases, rest = dict(facts["aliases"]), tuple(facts["rest"])
    texts = [text for owned in names.values() for pair in owned.items() for text in pair]
    if not all(isinstance(text, str) for text in [*texts, *aliases, *aliases.values(), *rest]):
        raise TypeError("names must be texts")
    return names, aliases, rest


def _refuse_missing(path: str | Path, names: Iterable[str], found: Mapping[str, Header]) -> None:
    missing = sorted(set(names) - found.keys())
    if missing:
        raise KernelError(f"`{path}` names `{missing[0]}`, and does not hold it", hint=_HINT)


# ---------------------------------------------------------------- jobs


@contextmanager
def given_weights(given: "str | Path | Given", blueprint: "BlueprintIR") -> Generator[WeightsFile]:
    """Give weights as a job takes them: a file of their own, or the one that was named.

    Raises:
        KernelError: They are not those of the blueprint, or cannot be read.
    """
    if isinstance(given, str | Path):
        yield WeightsFile(str(given), weights_digest(load_weights(given, blueprint)))
        return
    with tempfile.TemporaryDirectory(prefix="esper_graph_") as folder:
        path = Path(folder, "weights.safetensors")
        yield WeightsFile(str(path), save_weights(as_weights(given, blueprint), path))


def read_given(file: WeightsFile, blueprint: "BlueprintIR") -> Weights:
    """Read the weights of a job.

    Raises:
        KernelError: The file holds others by now.
    """
    found = load_weights(file.path, blueprint)
    digest = weights_digest(found)
    if digest != file.digest:
        raise KernelError(
            f"`{file.path}` holds other weights than when it was looked at",
            where=[f"then  {file.digest}", f"now   {digest}"],
        )
    return found


def read_tensors(data: bytes) -> dict[str, Tensor]:
    """Read what `tensors_bytes` wrote."""
    return load(data)
