"""`esper-graph query`: the Cypher catalogue."""

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from esper_graph.cli.context import output_options, registry
from esper_graph.cli.output import cell, emit, note, table

if TYPE_CHECKING:
    from esper_graph.property_graph.catalogue import NamedQuery


@click.group(no_args_is_help=True)
def query() -> None:
    """Run the Cypher queries of the catalogue."""


@query.command("list")
@output_options
def list_(as_json: bool, quiet: bool) -> None:
    """List all queries; no store is needed."""
    from esper_graph.property_graph import catalogue

    found = [catalogue.get(name) for name in catalogue.names()]
    emit(
        [
            {"name": one.name, "access": one.access, "summary": one.summary, "returns": one.returns}
            for one in found
        ],
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.name for one in found],
        people=lambda: table(
            found,
            {
                "name": lambda one: one.name,
                "access": lambda one: one.access,
                "summary": lambda one: one.summary,
            },
        ),
    )


@query.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a query as it can be pasted into Neo4j Browser."""
    from esper_graph.property_graph import catalogue

    click.echo(catalogue.get(name).source.rstrip())


@query.command()
@click.argument("name")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@output_options
def run(name: str, parameters: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Run a query that reads; values are JSON, or words."""
    found = registry().query(name, **dict(_pair(text) for text in parameters))
    columns = list(found[0]) if found else []
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [cell(row[columns[0]]) for row in found],
        people=lambda: (
            table(found, {column: lambda row, column=column: row[column] for column in columns})
            if found
            else note("no rows")
        ),
    )


@query.command("open")
@click.argument("name")
@click.option(
    "--browser",
    default="http://localhost:7474/browser/",
    show_default=True,
    metavar="URL",
    help="Where Neo4j Browser is.",
)
def open_(name: str, browser: str) -> None:
    """Print the link that opens a query in Neo4j Browser, ready to run."""
    from esper_graph.property_graph import catalogue

    found = catalogue.get(name)
    for example in found.examples:
        note(f"with  {example.removeprefix(':param ')}")
    click.echo(f"{browser}?cmd=edit&arg={quote(_with_examples(found))}")


def _with_examples(query: "NamedQuery") -> str:
    """Put what the header says to try in place of the parameters: a link cannot carry them."""
    values = dict(example.removeprefix(":param ").split(" => ", 1) for example in query.examples)
    return re.sub(r"\$(\w+)", lambda found: values.get(found[1], found[0]), query.text)


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"`{text}` is not of the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
