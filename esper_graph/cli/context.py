"""What commands share: the options that name the store, the options of output, and the opened registry."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from esper_graph.registry import BlueprintRegistry

_P = ParamSpec("_P")
_T = TypeVar("_T")

_FLAGS = {
    "uri": "Where the store is: `embedded`, `embedded:DIRECTORY`, or the URI of a Neo4j server.",
    "username": "Login at the server.",
    "database": "Database at the server.",
    "home": "Directory of the embedded engine and of the kernels.",
    "actor": "Name that is written on every event.",
    "manifest": "Manifest file of this registry.",
}


def CONNECTION(command: Callable[_P, _T]) -> Callable[_P, _T]:  # noqa: N802, used as a constant decorator
    """Add the options that name the store."""
    for name, text in reversed(_FLAGS.items()):
        command = click.option(f"--{name}", metavar=name.upper(), default=None, help=text)(command)
    return click.option("--adopt", is_flag=True, help="Use a database that holds other data already.")(
        command
    )


def output_options(command: Callable[_P, _T]) -> Callable[_P, _T]:
    """Add --json and -q."""
    command = click.option("-q", "--quiet", is_flag=True, help="Print ids only, one a line.")(command)
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def reason_option(command: Callable[_P, _T]) -> Callable[_P, _T]:
    """Add --reason."""
    return click.option("--reason", metavar="TEXT", default=None, help="Why; written on the event.")(command)


def limit_option(
    what: str, default: int | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add --limit."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        metavar="N",
        help=f"Most {what} to list.",
    )


def limit_options(command: Callable[_P, _T]) -> Callable[_P, _T]:
    """Add --max-nodes, --max-edges and --max-depth."""
    for name in ("depth", "edges", "nodes"):
        command = click.option(
            f"--max-{name}",
            type=click.IntRange(min=1),
            default=None,
            metavar="N",
            help=f"Raise the limit of {name}.",
        )(command)
    return command


class State:
    """The options given to the root command, and the registry once it is opened."""

    def __init__(self, flags: Mapping[str, Any]) -> None:
        self.adopt = bool(flags.get("adopt"))
        self.flags = {name: value for name, value in flags.items() if name != "adopt"}
        self._registry: BlueprintRegistry | None = None

    @property
    def registry(self) -> "BlueprintRegistry":
        """The registry, which ends with the command."""
        if self._registry is None:
            from esper_graph.registry import BlueprintRegistry

            self._registry = BlueprintRegistry(adopt=self.adopt, **self.flags)
            click.get_current_context().call_on_close(self._registry.close)
        return self._registry


def registry() -> "BlueprintRegistry":
    """Return the registry of the running command."""
    return state().registry


def state() -> State:
    """Return what the root command was given."""
    found = click.get_current_context().find_object(State)
    return found if found is not None else State({})
