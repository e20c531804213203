"""Blueprints from files, directories and standard input."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from esper_graph.cli.context import registry
from esper_graph.errors import BlueprintError, EsperGraphError, Problem

if TYPE_CHECKING:
    from esper_graph.config import Validation
    from esper_graph.ir.blueprint import BlueprintIR


class UnreadableFileError(EsperGraphError):
    """A file that the command line names cannot be read."""

    exit_code = 2


def read_blueprint(path: Path) -> "BlueprintIR":
    """Read one blueprint; `-` is standard input.

    Raises:
        UnreadableFileError: There is no such file, or it is closed to this user.
        FormatError: It holds no blueprint; the file is named.
    """
    from esper_graph.ir.blueprint import BlueprintIR

    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        return BlueprintIR.from_json(data)
    except BlueprintError as error:
        raise in_file(error, path) from None


def is_file(reference: str) -> bool:
    """Whether a reference is `-` or a path that ends with .json, rather than a blueprint of the store."""
    return reference == "-" or reference.endswith(".json")


def read_given(reference: str) -> "BlueprintIR":
    """Read a blueprint from the file or from the store that a reference names.

    Raises:
        UnreadableFileError: There is no such file, or it is closed to this user.
        FormatError: It holds no blueprint; the file is named.
        BlueprintNotFoundError: The store has no such blueprint.
    """
    if is_file(reference):
        return read_blueprint(Path(reference))
    store = registry()
    return store[store.resolve(reference)]


def read_blueprints(paths: Iterable[Path]) -> list["BlueprintIR"]:
    """Read blueprints from files, and from all `*.json` files of directories, in the order of names."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UnreadableFileError("there are no `*.json` files", hint="name files, or another directory")
    return [read_blueprint(path) for path in files]


def refuse_invalid(blueprint: "BlueprintIR", rules: "Validation") -> None:
    """Check a blueprint that was read.

    Raises:
        BlueprintError: It is not valid.
    """
    from esper_graph.ir.check import check

    problems = check(blueprint, limits=rules)
    if problems:
        raise BlueprintError.of(problems, blueprint.id or blueprint.name)


def unreadable(path: Path, error: OSError) -> UnreadableFileError:
    """Say that a file cannot be read."""
    return UnreadableFileError(f"`{path}` cannot be read: {error.strerror}", hint="check the path")


def in_file(error: BlueprintError, path: Path) -> BlueprintError:
    """Name the file in which the first problem is."""
    first, *others = error.problems
    named = Problem(first.kind, first.message, f"{path}  {first.where}".rstrip(), first.hint, first.facts)
    return BlueprintError.of([named, *others])
