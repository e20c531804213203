"""`esper-graph query`: the Cypher catalogue."""

import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import click

from esper_graph.cli.context import output_options, registry
from esper_graph.cli.output import cell, emit, note, plain, table

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
@output_options
def show(name: str, as_json: bool, quiet: bool) -> None:
    """Print a query as it can be pasted into Neo4j Browser."""
    from esper_graph.property_graph import catalogue

    found = catalogue.get(name)
    facts = {key: getattr(found, key) for key in ("name", "access", "summary", "returns", "examples", "text")}
    emit(
        facts,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [found.name],
        people=lambda: click.echo(found.source.rstrip()),
    )


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
        ids=lambda: [cell(shown(row[columns[0]])) for row in found],
        people=lambda: (
            table(found, {column: lambda row, column=column: shown(row[column]) for column in columns})
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
@output_options
def open_(name: str, browser: str, as_json: bool, quiet: bool) -> None:
    """Print the link that opens a query in Neo4j Browser, ready to run."""
    from esper_graph.property_graph import catalogue

    found = catalogue.get(name)
    link = f"{browser}?cmd=edit&arg={quote(_with_examples(found))}"
    if not (as_json or quiet):
        for example in found.examples:
            note(f"with  {example.removeprefix(':param ')}")
    emit(
        {"name": found.name, "link": link, "examples": found.examples},
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [found.name],
        people=lambda: click.echo(link),
    )


def _with_examples(query: "NamedQuery") -> str:
    """Put what the header says to try in place of the parameters: a link cannot carry them."""
    values = dict(example.removeprefix(":param ").split(" => ", 1) for example in query.examples)
    return re.sub(r"\$(\w+)", lambda found: values.get(found[1], found[0]), query.text)


def shown(value: object) -> object:
    """Write nodes, relationships and paths as Cypher draws them, each with the name that it goes by.

    Example:
        >>> shown({"labels": ["Blueprint", "Named"], "properties": {"id": "mlp", "name": "MLP"}})
        '(:Blueprint mlp)'
        >>> shown({"type": "DERIVED_FROM", "properties": {"kind": "mutation"}})
        '[:DERIVED_FROM mutation]'
    """
    if isinstance(value, list):
        return [shown(item) for item in cast(list[object], value)]
    if not isinstance(value, dict):
        return value
    entity = cast(dict[str, Any], value)
    if entity.keys() == {"nodes", "relationships"}:
        parts = [*zip(entity["nodes"], entity["relationships"], strict=False)]
        return "-".join(str(shown(part)) for part in [*chain(*parts), entity["nodes"][-1]])
    if "properties" not in entity or not entity.keys() & {"labels", "type"}:
        return json.dumps(plain(entity), ensure_ascii=False)
    properties = entity["properties"]
    name = next((f" {properties[key]}" for key in _GOES_BY if key in properties), "")
    if "type" in entity:
        return f"[:{entity['type']}{name}]"
    return f"({''.join(f':{label}' for label in entity['labels'] if label != 'Named')}{name})"


_GOES_BY = ("id", "node_id", "edge_id", "name", "kind", "key", "digest", "handle")


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"`{text}` is not of the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
