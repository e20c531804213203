"""`esper-graph template`: make blueprints of the ten templates."""

import click

from esper_graph.cli.context import output_options
from esper_graph.cli.output import emit, table
from esper_graph.errors import ConfigError, close_names, suggestion


@click.group(no_args_is_help=True)
def template() -> None:
    """Make blueprints of the ten templates."""


@template.command("list")
@output_options
def list_(as_json: bool, quiet: bool) -> None:
    """List the templates and their arguments."""
    from esper_graph.templates import TEMPLATES

    rows = [{"name": name, "arguments": one.usage, "summary": one.summary} for name, one in TEMPLATES.items()]
    emit(
        rows,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: list(TEMPLATES),
        people=lambda: table(
            rows, {key: lambda row, key=key: row[key] for key in ("name", "summary", "arguments")}
        ),
    )


@template.command()
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@output_options
def show(name: str, arguments: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Show the blueprint that a template makes."""
    from esper_graph.ir.listing import listing

    found = _made(name, arguments)
    emit(
        found.to_dict() if as_json else found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [found.id],
        people=lambda: click.echo(listing(found).rstrip()),
    )


@template.command()
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
def make(name: str, arguments: tuple[str, ...]) -> None:
    """Print the blueprint that a template makes, as JSON for `blueprint register -`."""
    click.echo(_made(name, arguments).to_json())


def _made(name: str, arguments: tuple[str, ...]):  # noqa: ANN202 -- BlueprintIR, imported late
    from esper_graph.templates import TEMPLATES

    if name not in TEMPLATES:
        raise ConfigError(
            f"there is no template `{name}`",
            hint=suggestion(close_names(name, TEMPLATES)) or f"the templates are {', '.join(TEMPLATES)}",
        )
    return TEMPLATES[name].make_from_text(dict(_pair(argument) for argument in arguments))


def _pair(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not equals:
        raise click.UsageError(f"`{argument}` is not of the form NAME=VALUE")
    return name, value
