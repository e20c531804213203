"""Blueprints as JSON documents, read strictly.

The layout is `{"format", "format_version", "id", "name", "version", "nodes", "edges", "blocks", "tags",
"metadata"}`; `format` and `blocks` may be left out. Unknown and doubled keys, numbers that are not finite and
values of another type are refused with their JSON path.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from pydantic import ValidationError

from esper_graph.errors import FormatError, Problem, close_names, suggestion
from esper_graph.ir.specs import Derivation, EdgeSpec, NodeSpec, Value, format_problems, thaw

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

FORMAT = "esper-graph/blueprint"
FORMAT_VERSION = 1
MAX_BYTES = 64 << 20
MAX_NESTING = 32
TOP = ("format", "format_version", "id", "name", "version", "nodes", "edges", "blocks", "tags", "metadata")
METADATA = (
    *("author", "created_at", "description", "derivations", "parent_id", "mutation_type", "limits"),
    *("estimated_flops", "estimated_parameters", "estimated_memory_mb"),
    *("min_compute_capability", "requires_features"),
)
_Spec = TypeVar("_Spec", bound=Value)


# ---------------------------------------------------------------- writing


def to_dict(blueprint: "BlueprintIR") -> dict[str, Any]:
    """Return plain data that `from_dict` reads back; every field is there."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "id": blueprint.id,
        "name": blueprint.name,
        "version": blueprint.version,
        "nodes": [_fields(node) for node in blueprint.nodes],
        "edges": [_fields(edge) for edge in blueprint.edges],
        **(
            {"blocks": {name: to_dict(one) for name, one in blueprint.blocks.items()}}
            if blueprint.blocks
            else {}
        ),
        "tags": list(blueprint.tags),
        "metadata": {
            "author": blueprint.author,
            "created_at": blueprint.created_at.isoformat(),
            "description": blueprint.description,
            "derivations": [_fields(derivation) for derivation in blueprint.derivations],
            "parent_id": blueprint.parent_id,
            "mutation_type": blueprint.mutation_type,
            "limits": dict(blueprint.limits),
            "estimated_flops": blueprint.estimated_flops,
            "estimated_parameters": blueprint.estimated_parameters,
            "estimated_memory_mb": blueprint.estimated_memory_mb,
            "min_compute_capability": blueprint.min_compute_capability,
            "requires_features": list(blueprint.requires_features),
        },
    }


def to_json(blueprint: "BlueprintIR", *, indent: int | None = 2) -> str:
    """Return the JSON document that `from_json` reads back."""
    return json.dumps(to_dict(blueprint), ensure_ascii=False, indent=indent, allow_nan=False)


def content_digest(blueprint: "BlueprintIR") -> str:
    """Return the SHA-256 of format, name, version, nodes and edges in canonical JSON.

    Tags, status, lineage and times may change after registration and are left out. The nodes name the
    definitions of their blocks by fingerprint; each definition has a digest of its own.
    """
    content = [
        FORMAT_VERSION,
        blueprint.name,
        blueprint.version,
        [vars(node) for node in blueprint.nodes],
        [vars(edge) for edge in blueprint.edges],
    ]
    return sha256(_canonical_json(content).encode("utf-8", "surrogatepass")).hexdigest()


_canonical_json = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def _fields(spec: Value) -> dict[str, Any]:
    return {name: thaw(getattr(spec, name)) for name in type(spec).model_fields}


# ---------------------------------------------------------------- reading text


def from_json(text: str | bytes) -> "BlueprintIR":
    """Read a JSON document strictly.

    Raises:
        FormatError: It is not JSON, too large or too deep, has a key twice or a number that is not finite,
            or is no blueprint.
    """
    return from_dict(read_json(text))


def read_json(text: str | bytes) -> Any:
    """Read JSON as it is meant: no doubled keys, no numbers that are not finite.

    Raises:
        FormatError: It is anything else, or longer than 64 MiB.
    """
    if len(text) > MAX_BYTES:
        _refuse(f"the document is longer than {MAX_BYTES >> 20} MiB", "$")
    try:
        return _READER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except (ValueError, RecursionError):  # read again, to say what is wrong and where
        return _read_slowly(text)


def _read_slowly(text: str | bytes) -> Any:
    strange: list[_Strange] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            strange.append(_Strange(f"the key `{twice}` stands twice"))
            return {**found, twice: strange[-1]}
        return found

    def number(literal: str) -> Any:
        value = float(literal)
        if isfinite(value):
            return value
        strange.append(_Strange(f"`{literal}` is not a finite number"))
        return strange[-1]

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        data = json.loads(text, object_pairs_hook=pairs, parse_constant=number, parse_float=number)
    except json.JSONDecodeError as error:
        _refuse(f"the document is not JSON: {error.msg}", f"line {error.lineno} column {error.colno}")
    except UnicodeDecodeError as error:
        _refuse(f"the document is not UTF-8: {error.reason}", f"byte {error.start}")
    except RecursionError:
        _refuse("the document nests too deeply", "$")
    except ValueError as error:  # a whole number of thousands of digits
        _refuse(f"the document has a number that cannot be read: {error}", "$")
    if strange:
        first = strange[0]
        _refuse(first.message, _path_of(first, data) or "$")
    return data


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) < len(items):
        raise ValueError("a key stands twice")
    return found


def _number(literal: str) -> float:
    value = float(literal)
    if not isfinite(value):
        raise ValueError("a number is not finite")
    return value


_READER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_number, parse_float=_number)


class _Strange:
    """Stands in the data where something was not as it must be, so that its path can be found."""

    def __init__(self, message: str) -> None:
        self.message = message


def _path_of(wanted: _Strange, data: object) -> str | None:
    waiting: list[tuple[str, object]] = [("$", data)]
    while waiting:
        path, value = waiting.pop()
        if value is wanted:
            return path
        if isinstance(value, dict):
            items = cast(dict[str, object], value).items()
            waiting += [(f"{path}.{key}", item) for key, item in items]
        elif isinstance(value, list):
            waiting += [(f"{path}[{number}]", item) for number, item in enumerate(cast(list[object], value))]
    return None


# ---------------------------------------------------------------- reading data


def from_dict(data: Mapping[str, Any]) -> "BlueprintIR":
    """Read plain data strictly.

    Raises:
        FormatError: Something is missing, unknown or ill-typed; each problem has its JSON path.
    """
    return _from_dict(data, 0)


def _from_dict(data: object, depth: int) -> "BlueprintIR":
    from esper_graph.ir.blueprint import BlueprintIR

    top = _mapping(data, "$", TOP, required=("name", "nodes", "edges"))
    if top.get("format", FORMAT) != FORMAT:
        _refuse(f"the format is {top['format']!r}, not {FORMAT!r}", "$.format")
    version = top.get("format_version", FORMAT_VERSION)
    if type(version) is not int or version != FORMAT_VERSION:
        hint = (
            "it was written by a newer esper_graph: update"
            if isinstance(version, int) and version > 1
            else None
        )
        _refuse(f"the format version is {version!r}, this reads {FORMAT_VERSION}", "$.format_version", hint)
    metadata = _mapping(top.get("metadata", {}), "$.metadata", METADATA)
    nodes = read_specs(NodeSpec, top["nodes"], "$.nodes")
    edges = read_specs(EdgeSpec, top["edges"], "$.edges")
    blocks = _blocks(top.get("blocks", {}), depth)
    fields = {name: top[name] for name in ("id", "name", "version", "tags") if name in top}
    fields |= {name: value for name, value in metadata.items() if name not in ("created_at", "derivations")}
    if "created_at" in metadata:
        fields["created_at"] = _time(metadata["created_at"], "$.metadata.created_at")
    if "derivations" in metadata:
        fields["derivations"] = read_specs(Derivation, metadata["derivations"], "$.metadata.derivations")
    try:
        return BlueprintIR(**fields, nodes=nodes, edges=edges, blocks=blocks)
    except FormatError as error:
        raise FormatError(*[_at_document(problem) for problem in error.problems]) from None


def _blocks(items: object, depth: int) -> "dict[str, BlueprintIR]":
    """Read the definitions of blocks, which are documents themselves."""
    if not isinstance(items, Mapping):
        _refuse(f"blocks are an object, not {_shown(items)}", "$.blocks")
    if depth == MAX_NESTING:
        _refuse(f"blocks nest more than {MAX_NESTING} levels", "$.blocks")
    found: dict[str, BlueprintIR] = {}
    for name, item in cast(Mapping[str, object], items).items():
        try:
            found[name] = _from_dict(item, depth + 1)
        except FormatError as error:
            path = f"$.blocks.{name}"
            raise FormatError(
                *[
                    Problem(one.kind, one.message, path + one.where.removeprefix("$"), one.hint, one.facts)
                    for one in error.problems
                ]
            ) from None
    return found


def read_specs(kind: type[_Spec], items: object, path: str) -> list[_Spec]:
    """Read plain data as a list of values.

    Raises:
        FormatError: It is no list, or some are not as they must be; all problems have their paths.
    """
    if not isinstance(items, list):
        _refuse(f"{path.rpartition('.')[2]} are a list, not {_shown(items)}", path)
    specs: list[_Spec] = []
    problems: list[Problem] = []
    for number, item in enumerate(cast(list[object], items)):
        try:
            specs.append(read_spec(kind, item, f"{path}[{number}]"))
        except FormatError as error:
            problems += error.problems
    if problems:
        raise FormatError(*problems)
    return specs


def read_spec(kind: type[_Spec], item: object, path: str) -> _Spec:
    """Read plain data as a value.

    Raises:
        FormatError: It is not as it must be; all problems have their paths.
    """
    if not isinstance(item, Mapping):
        _refuse(f"an object must be here, not {_shown(item)}", path)
    spec = object.__new__(kind)
    try:
        kind.__pydantic_validator__.validate_python(item, self_instance=spec)
    except ValidationError as error:
        raise FormatError(*[_with_hint(one, kind) for one in format_problems(error, path)]) from None
    return spec


def _with_hint(problem: Problem, kind: type[Value]) -> Problem:
    """Add the close names to what is said of an unknown key."""
    name = problem.where.rpartition(".")[2]
    if "extra inputs" not in problem.message.lower():
        return problem
    known = tuple(kind.model_fields)
    hint = suggestion(close_names(name, known)) or f"known: {', '.join(known)}"
    return Problem("format", f"the key `{name}` is unknown", problem.where, hint, problem.facts)


def _mapping(value: object, path: str, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(f"an object must be here, not {_shown(value)}", path)
    found = {str(key): item for key, item in cast(Mapping[object, Any], value).items()}
    problems = [
        Problem(
            "format",
            f"the key `{key}` is unknown",
            f"{path}.{key}",
            suggestion(close_names(key, known)) or f"known: {', '.join(known)}",
            {"path": f"{path}.{key}", "key": key},
        )
        for key in found
        if key not in known
    ]
    problems += [
        Problem("format", f"the key `{key}` is missing", path, facts={"path": path, "key": key})
        for key in required
        if key not in found
    ]
    if problems:
        raise FormatError(*problems)
    return found


def _time(value: object, path: str) -> datetime:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    return _refuse(f"{_shown(value)} is not a point in time", path, "write it as 2026-11-24T08:30:00+00:00")


def _at_document(problem: Problem) -> Problem:
    """Turn the path below the class into one below the document."""
    path = problem.where.removeprefix("BlueprintIR").removeprefix(".")
    name = path.split(".", 1)[0].split("[", 1)[0]
    where = f"$.metadata.{path}" if name in METADATA else f"$.{path}" if path else "$"
    if problem.where.startswith(("edge `", "node `")):
        where = problem.where
    return Problem(problem.kind, problem.message, where, problem.hint, problem.facts)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _refuse(message: str, path: str, hint: str | None = None) -> NoReturn:
    raise FormatError(Problem("format", message, path, hint, {"path": path}))
