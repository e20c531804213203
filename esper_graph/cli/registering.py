"""`esper-graph blueprint register`: from files into the store."""

from pathlib import Path

import click

from esper_graph.cli.context import limit_options, output_options, reason_option, registry
from esper_graph.cli.files import read_blueprints, refuse_invalid
from esper_graph.cli.output import emit, note, table


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--parent", "parents", multiple=True, metavar="ID", help="It derives from this; may be repeated."
)
@click.option("--kind", metavar="KIND", help="Kind of the derivation, such as mutation or crossover.")
@click.option("--external-parent", is_flag=True, help="Keep parents that this store lacks as names only.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Add a tag; may be repeated.")
@limit_options
@reason_option
@output_options
def register(
    files: tuple[Path, ...],
    parents: tuple[str, ...],
    kind: str | None,
    external_parent: bool,
    tags: tuple[str, ...],
    max_nodes: int | None,
    max_edges: int | None,
    max_depth: int | None,
    reason: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Register blueprints from JSON files, `-` for standard input, or all files of directories."""
    from esper_graph.ir.check import raise_limits

    read = read_blueprints(files)
    with_tags = [one.changed(tags=[*one.tags, *tags]) if tags else one for one in read]
    store = registry()
    references = [parent if external_parent else store.resolve(parent) for parent in parents]
    for one in with_tags:  # all of them, before any is stored
        inherited = store.rules(references or one.parents)
        refuse_invalid(
            one, raise_limits(inherited, max_nodes=max_nodes, max_edges=max_edges, max_depth=max_depth)
        )
    found = [
        store.register_one(
            one,
            parents=references or None,
            kind=kind,
            external_parents=external_parent,
            max_nodes=max_nodes,
            max_edges=max_edges,
            max_depth=max_depth,
            reason=reason,
        )
        for one in with_tags
    ]
    for registration in found:
        for warning in registration.warnings:
            note(f"warning: {registration.id}: {warning}")
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [registration.id for registration in found],
        people=lambda: table(
            found,
            {
                "id": lambda one: one.id,
                "": lambda one: "registered" if one.created else "known already",
                "alias": lambda one: one.alias,
                "fingerprint": lambda one: one.fingerprint[:19],
            },
        ),
    )
