"""`esper-graph evolve`: derive new blueprints from registered ones."""

import json
from pathlib import Path
from typing import Any, cast

import click

from esper_graph.cli.context import output_options, reason_option, registry
from esper_graph.cli.files import in_file
from esper_graph.cli.merging import merge
from esper_graph.cli.output import emit, note_alias


@click.group(no_args_is_help=True)
def evolve() -> None:
    """Derive new blueprints from registered ones."""


evolve.add_command(merge)


@evolve.command()
@click.argument("reference", metavar="ID")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NODE.ATTRIBUTE=VALUE",
    help="Give an attribute another value (JSON or a word); may be repeated.",
)
@click.option("--remove", "removed", multiple=True, metavar="NODE", help="Remove a node; may be repeated.")
@click.option(
    "--edits",
    type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True),
    help="JSON file with a list of edits; `-` is standard input.",
)
@click.option(
    "--type",
    "mutation_type",
    default="mutation",
    show_default=True,
    metavar="TEXT",
    help="What the change is: a kind of derivation, or words of your own.",
)
@click.option("--id", "blueprint_id", metavar="ID", help="Id of the child.")
@click.option("--name", metavar="NAME", help="Name of the child.")
@click.option("--no-repair", is_flag=True, help="Refuse instead of adjusting consumers.")
@reason_option
@output_options
def apply(
    reference: str,
    settings: tuple[str, ...],
    removed: tuple[str, ...],
    edits: Path | None,
    mutation_type: str,
    blueprint_id: str | None,
    name: str | None,
    no_repair: bool,
    reason: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Apply edits to a blueprint and register the result as its child."""
    changes: list[dict[str, Any]] = []
    if edits is not None:
        changes += _read(edits)
    changes += [_setting(text) for text in settings]
    changes += [{"type": "remove_node", "node_id": node} for node in removed]
    if not changes:
        raise click.UsageError("no edits: name some with --set, --remove or --edits")
    store = registry()
    child = store.evolve(
        store.resolve(reference),
        changes,
        mutation_type,
        blueprint_id=blueprint_id,
        name=name,
        repair=not no_repair,
        reason=reason,
    )
    derivations = store.derivations(child)

    def people() -> None:
        click.echo(child)
        note_alias(child, blueprint_id)
        for derivation in derivations[-1:]:
            for edit in derivation.edits:
                shown = ", ".join(f"{key}={value}" for key, value in edit.items() if key != "type")
                click.echo(f"  {edit['type']}: {shown}", err=True)

    emit(
        {"id": child, "derivations": derivations},
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [child],
        people=people,
    )


def _read(path: Path) -> list[dict[str, Any]]:
    from esper_graph.errors import BlueprintError, EvolutionError
    from esper_graph.ir.codec import read_json

    with click.open_file(str(path), "rb") as file:
        try:
            found = read_json(file.read())
        except BlueprintError as error:
            raise in_file(error, path) from None
    edits = cast(list[object], found) if isinstance(found, list) else [found]
    if not all(isinstance(edit, dict) for edit in edits):
        raise EvolutionError("a file of edits holds a list of objects", where=[str(path)])
    return cast(list[dict[str, Any]], edits)


def _setting(text: str) -> dict[str, Any]:
    place, equals, value = text.partition("=")
    node, dot, attribute = place.rpartition(".")
    if not (equals and dot and node and attribute):
        raise click.UsageError(f"`{text}` is not of the form NODE.ATTRIBUTE=VALUE")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    return {"type": "modify_attribute", "node_id": node, "attribute": attribute, "value": parsed}
