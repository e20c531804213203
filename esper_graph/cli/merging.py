"""`esper-graph evolve merge`: combine what two blueprints changed of a common ancestor."""

import click

from esper_graph.cli.context import output_options, reason_option, registry
from esper_graph.cli.output import document, emit, note, note_alias


@click.command()
@click.argument("left", metavar="LEFT")
@click.argument("right", metavar="RIGHT")
@click.option("--base", metavar="ID", help="What to compare both with; else their nearest common ancestor.")
@click.option("--id", "blueprint_id", metavar="ID", help="Id of the result.")
@click.option("--name", metavar="NAME", help="Name of the result.")
@click.option("--no-repair", is_flag=True, help="Refuse instead of adjusting consumers.")
@click.option("--dry-run", is_flag=True, help="Show what would come out; register nothing.")
@reason_option
@output_options
def merge(
    left: str,
    right: str,
    base: str | None,
    blueprint_id: str | None,
    name: str | None,
    no_repair: bool,
    dry_run: bool,
    reason: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Merge LEFT and RIGHT over their nearest common ancestor, and register the result as a child of both.

    Where both changed the same in different ways, each place is named, nothing is registered, and the exit
    code is 6.
    """
    store = registry()
    one, other = store.resolve(left), store.resolve(right)
    start = store.merge_base(one, other) if base is None else store.resolve(base)
    if dry_run:
        _preview(one, other, start, repair=not no_repair, as_json=as_json)
        return
    child = store.merge(
        one, other, start, blueprint_id=blueprint_id, name=name, repair=not no_repair, reason=reason
    )
    emit(
        {"id": child, "base": start, "derivations": store.derivations(child)},
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [child],
        people=lambda: click.echo(child),
    )
    if not as_json and not quiet:
        note(f"merged over {start}")
        note_alias(child, blueprint_id)


def _preview(left: str, right: str, base: str, *, repair: bool, as_json: bool) -> None:
    from esper_graph.errors import MergeConflictError
    from esper_graph.ir.diff import diff

    store = registry()
    outcome = store.preview_merge(left, right, base, repair=repair)
    if as_json:
        merged = outcome.blueprint
        click.echo(
            document(
                {
                    "base": base,
                    "blueprint": merged.to_dict() if merged is not None else None,
                    "conflicts": outcome.conflicts,
                    "repaired": outcome.repaired,
                }
            )
        )
    if outcome.blueprint is None:
        raise MergeConflictError(left, right, base, outcome.conflicts)
    if not as_json:
        note(f"merged over {base}, against which it has")
        click.echo(str(diff(store[base], outcome.blueprint)))
