"""`esper-graph lineage`, chains of derivations: which there are between two blueprints, adding one."""

from typing import TYPE_CHECKING, Unpack

import click

from esper_graph.cli.context import limit_option, output_options, reason_option, registry
from esper_graph.cli.families import Viewed, view_options
from esper_graph.cli.output import completeness, document, emit, note

if TYPE_CHECKING:
    from esper_graph.property_graph.answer import Answer
    from esper_graph.property_graph.records import DerivationRecord


@click.command()
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@view_options
@output_options
def path(one: str, other: str, as_json: bool, quiet: bool, **view: Unpack[Viewed]) -> None:
    """Show a shortest chain of derivations between two blueprints."""
    store = registry()
    found = store.path(store.resolve(one), store.resolve(other), **view)
    if as_json:
        click.echo(document({"connected": found is not None, "derivations": found or ()}))
        return
    if found is None:
        note("neither derives from the other")
        click.get_current_context().exit(1)
        return
    ids = _ids(found) or [store.resolve(one)]
    if quiet:
        for name in ids:
            click.echo(name)
        return
    if not found:
        note(f"both are `{ids[0]}`")
    for step in found:
        text = f" ({step.mutation_type})" if step.mutation_type else ""
        click.echo(f"{step.child} -> {step.parent}  {step.kind}{text}")


@click.command()
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@limit_option("chains", 100)
@view_options
@output_options
def paths(one: str, other: str, limit: int, as_json: bool, quiet: bool, **view: Unpack[Viewed]) -> None:
    """List all chains of derivations between two blueprints, shortest first, and count the rest."""
    store = registry()
    found = store.paths(store.resolve(one), store.resolve(other), limit=limit, **view)
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
    completeness(found)


@click.command("would-cycle")
@click.argument("child", metavar="CHILD")
@click.argument("parent", metavar="PARENT")
@output_options
def would_cycle(child: str, parent: str, as_json: bool, quiet: bool) -> None:
    """Ask whether linking CHILD to PARENT would close a cycle; nothing is written. Exit code 1: it would."""
    store = registry()
    found = store.would_cycle(store.resolve(child), store.resolve(parent))
    if as_json:
        click.echo(document({"would_cycle": found is not None, "path": found}))
    elif found is None:
        note("no cycle: it may be linked")
    else:
        click.echo("\n".join(found) if quiet else " -> ".join(found))
    if found is not None:
        click.get_current_context().exit(1)


@click.command()
@click.argument("child", metavar="CHILD")
@click.argument("parent", metavar="PARENT")
@click.option("--kind", default="mutation", show_default=True, metavar="KIND", help="Kind of the derivation.")
@reason_option
@output_options
def link(child: str, parent: str, kind: str, reason: str | None, as_json: bool, quiet: bool) -> None:
    """Record that CHILD derives from PARENT, both registered already; a cycle is refused with its path."""
    store = registry()
    child, parent = store.resolve(child), store.resolve(parent)
    store.link(child, parent, kind=kind, reason=reason)
    emit(
        {"child": child, "parent": parent, "kind": kind},
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [child],
        people=lambda: note(f"{child} -> {parent}  {kind}"),
    )


COMMANDS = (path, paths, would_cycle, link)
