"""Further commands of `esper-graph lineage`: how blueprints are related, beyond who descends from whom."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from esper_graph.cli.context import output_options, registry
from esper_graph.cli.families import as_of_option, limit_option, view_options
from esper_graph.cli.output import Columns, answer_table, completeness, document, emit, note, table

if TYPE_CHECKING:
    from esper_graph.property_graph.answer import Answer
    from esper_graph.property_graph.records import DerivationRecord

_RELATIVE: Columns = {
    "generation": lambda one: one.generation,
    "id": lambda one: one.id,
    "name": lambda one: one.name,
}


@click.command()
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@limit_option("chains", 100)
@view_options
@output_options
def paths(
    one: str, other: str, limit: int, rediscoveries: bool, as_of: datetime | None, as_json: bool, quiet: bool
) -> None:
    """List all chains of derivations between two blueprints, shortest first, and count the rest."""
    store = registry()
    found = store.paths(
        store.resolve(one),
        store.resolve(other),
        limit=limit,
        include_rediscoveries=rediscoveries,
        as_of=as_of,
    )
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [" ".join(_ids(way)) for way in found],
        people=lambda: _show_paths(found),
    )
    if not found:
        click.get_current_context().exit(1)


def _ids(way: "tuple[DerivationRecord, ...]") -> list[str]:
    return [*(step.child for step in way[:1]), *(step.parent for step in way)]


def _show_paths(found: "Answer[tuple[DerivationRecord, ...]]") -> None:
    for way in found:
        steps = "".join(f" -{step.kind}-> {step.parent}" for step in way)
        click.echo(f"{len(way)}  {way[0].child if way else ''}{steps}".rstrip())
    if not found:
        note("neither derives from the other")
    elif found.complete:
        note(f"complete: {len(found):,}")
    completeness(found)


@click.command()
@click.argument("references", metavar="ID...", nargs=-1, required=True)
@click.option("--nearest", is_flag=True, help="Only those that no other common ancestor descends from.")
@limit_option("ancestors")
@view_options
@output_options
def common(
    references: tuple[str, ...],
    nearest: bool,
    limit: int | None,
    rediscoveries: bool,
    as_of: datetime | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """List what all of several blueprints descend from, nearest first; each counts as its own ancestor."""
    store = registry()
    found = store.common_ancestors(
        *(store.resolve(one) for one in references),
        nearest=nearest,
        limit=limit,
        include_rediscoveries=rediscoveries,
        as_of=as_of,
    )
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(
            found,
            {
                "nearest": lambda one: one.nearest,
                "generations": lambda one: one.generations,
                "id": lambda one: one.id,
                "name": lambda one: one.name,
            },
            empty="nothing in common",
        ),
    )


@click.command()
@click.argument("reference", metavar="ID")
@limit_option("siblings")
@view_options
@output_options
def siblings(
    reference: str,
    limit: int | None,
    rediscoveries: bool,
    as_of: datetime | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """List blueprints that share a parent with ID: those that share most first."""
    store = registry()
    found = store.siblings(
        store.resolve(reference), limit=limit, include_rediscoveries=rediscoveries, as_of=as_of
    )
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(
            found,
            {"id": lambda one: one.id, "name": lambda one: one.name, "shared": lambda one: one.shared},
            empty="no siblings",
        ),
    )


@click.command()
@click.argument("reference", metavar="[ID]", required=False)
@limit_option("leaves")
@view_options
@output_options
def leaves(
    reference: str | None,
    limit: int | None,
    rediscoveries: bool,
    as_of: datetime | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """List blueprints that nothing derives from: those below ID, or all."""
    store = registry()
    start = store.resolve(reference) if reference else None
    found = store.leaves(start, limit=limit, include_rediscoveries=rediscoveries, as_of=as_of)
    _relatives(found, as_json=as_json, quiet=quiet, empty="no blueprints")


@click.command()
@limit_option("orphans")
@output_options
def orphans(limit: int | None, as_json: bool, quiet: bool) -> None:
    """List blueprints without a derivation in either direction."""
    _relatives(registry().orphans(limit=limit), as_json=as_json, quiet=quiet, empty="no orphans")


def _relatives(found: "Answer[Any]", *, as_json: bool, quiet: bool, empty: str) -> None:
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(found, _RELATIVE, empty=empty),
    )


@click.command()
@click.argument("reference", metavar="ID")
@as_of_option
@output_options
def depth(reference: str, as_of: datetime | None, as_json: bool, quiet: bool) -> None:
    """Say how many derivations ID is away from roots and leaves, and how many relatives it has."""
    store = registry()
    found = store.depth(store.resolve(reference), as_of=as_of)
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [found.id],
        people=lambda: table(
            [found],
            {
                "nearest root": lambda one: one.nearest_root,
                "farthest root": lambda one: one.farthest_root,
                "nearest leaf": lambda one: one.nearest_leaf,
                "farthest leaf": lambda one: one.farthest_leaf,
                "ancestors": lambda one: one.ancestors,
                "descendants": lambda one: one.descendants,
            },
        ),
    )


@click.command("would-cycle")
@click.argument("child", metavar="CHILD")
@click.argument("parent", metavar="PARENT")
@output_options
def would_cycle(child: str, parent: str, as_json: bool, quiet: bool) -> None:
    """Ask whether linking CHILD to PARENT would close a cycle; nothing is written. Exit code 1: it would."""
    store = registry()
    path = store.would_cycle(store.resolve(child), store.resolve(parent))
    if as_json:
        click.echo(document({"would_cycle": path is not None, "path": path}))
    elif path is None:
        note("no cycle: it may be linked")
    else:
        click.echo("\n".join(path) if quiet else " -> ".join(path))
    if path is not None:
        click.get_current_context().exit(1)


@click.command()
@click.argument("references", metavar="ID...", nargs=-1, required=True)
@click.option("--only", is_flag=True, help="Just these, without the rest of their families.")
@limit_option("blueprints")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write instead."
)
@view_options
def export(
    references: tuple[str, ...],
    only: bool,
    limit: int | None,
    output: Path | None,
    rediscoveries: bool,
    as_of: datetime | None,
) -> None:
    """Print the families of blueprints as one JSON document: blueprints, and derivations with their edits."""
    store = registry()
    found = store.export_lineage(
        *(store.resolve(one) for one in references),
        only=only,
        limit=limit,
        include_rediscoveries=rediscoveries,
        as_of=as_of,
    )
    text = document(found)
    if output is None:
        click.echo(text)
    else:
        output.write_text(f"{text}\n", encoding="utf-8")
    if not found["complete"]:
        note(f"not complete: {found['omitted_count']:,} more, cut by {found['truncated_by']}")


@click.command()
@click.argument("reference", metavar="ID")
@click.option("--rediscoveries", is_flag=True, help="Rediscoveries too.")
@output_options
def parents(reference: str, rediscoveries: bool, as_json: bool, quiet: bool) -> None:
    """List the derivations of ID from its parents, oldest first."""
    store = registry()
    found = store.parents(store.resolve(reference), include_rediscoveries=rediscoveries)
    _derivations(found, [one.parent for one in found], as_json=as_json, quiet=quiet)


@click.command()
@click.argument("reference", metavar="ID")
@click.option("--rediscoveries", is_flag=True, help="Rediscoveries too.")
@output_options
def children(reference: str, rediscoveries: bool, as_json: bool, quiet: bool) -> None:
    """List the derivations of other blueprints from ID, oldest first."""
    store = registry()
    found = store.children(store.resolve(reference), include_rediscoveries=rediscoveries)
    _derivations(found, [one.child for one in found], as_json=as_json, quiet=quiet)


def _derivations(found: "Answer[DerivationRecord]", ids: list[str], *, as_json: bool, quiet: bool) -> None:
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: list(dict.fromkeys(ids)),
        people=lambda: answer_table(
            found,
            {
                "child": lambda one: one.child,
                "parent": lambda one: one.parent,
                "kind": lambda one: one.kind,
                "type": lambda one: one.mutation_type,
                "actor": lambda one: one.actor,
                "registered": lambda one: one.registered_at,
                "reason": lambda one: one.reason,
            },
            empty="none",
        ),
    )


COMMANDS = (paths, common, siblings, leaves, orphans, depth, would_cycle, export, parents, children)
