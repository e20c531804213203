"""`esper-graph lineage`: where blueprints come from and what came of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from esper_graph.cli.context import output_options, reason_option, registry
from esper_graph.cli.output import Columns, answer_table, completeness, document, emit, note

if TYPE_CHECKING:
    from esper_graph.property_graph.answer import Answer
    from esper_graph.property_graph.records import Relative
    from esper_graph.registry import BlueprintRegistry

_COLUMNS: Columns = {
    "generation": lambda one: one.generation,
    "id": lambda one: one.id,
    "name": lambda one: one.name,
    "parents": lambda one: one.parents,
}


@click.group(no_args_is_help=True)
def lineage() -> None:
    """Ask where blueprints come from and what came of them."""


def _relatives(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--rediscoveries", is_flag=True, help="Follow rediscoveries too."),
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Most relatives to list."),
        click.option(
            "--max-generations", type=click.IntRange(min=1), metavar="N", help="Derivations to follow."
        ),
        click.argument("reference", metavar="ID"),
    ):
        command = option(command)
    return command


@lineage.command()
@_relatives
@output_options
def ancestors(**asked: Any) -> None:
    """List what a blueprint derives from, nearest generation first."""
    _list(lambda store: store.ancestors, "no ancestors: it is a root", **asked)


@lineage.command()
@_relatives
@output_options
def descendants(**asked: Any) -> None:
    """List what derives from a blueprint, nearest generation first."""
    _list(lambda store: store.descendants, "no descendants: it is a leaf", **asked)


def _list(
    verb: "Callable[[BlueprintRegistry], Callable[..., Answer[Relative]]]",
    empty: str,
    *,
    reference: str,
    max_generations: int | None,
    limit: int | None,
    rediscoveries: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    store = registry()
    found = verb(store)(
        store.resolve(reference),
        max_generations=max_generations,
        limit=limit,
        include_rediscoveries=rediscoveries,
    )
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(found, _COLUMNS, empty=empty),
    )
    if not as_json and not quiet and found.complete and found:
        note(f"complete: {len(found):,}")


@lineage.command()
@click.argument("reference", metavar="ID")
@output_options
def tree(reference: str, as_json: bool, quiet: bool) -> None:
    """Draw the family of a blueprint: its roots and all that descends from them."""
    store = registry()
    start = store.resolve(reference)
    found = store.tree(start)
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: click.echo(draw_tree(found, start)),
    )
    if not as_json and not quiet:
        completeness(found)


@lineage.command()
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@output_options
def path(one: str, other: str, as_json: bool, quiet: bool) -> None:
    """Show a shortest chain of derivations between two blueprints."""
    store = registry()
    found = store.path(store.resolve(one), store.resolve(other))
    if as_json:
        click.echo(document({"connected": found is not None, "derivations": found or ()}))
        return
    if found is None:
        note("neither derives from the other")
        click.get_current_context().exit(1)
        return
    ids = [*(step.child for step in found[:1]), *(step.parent for step in found)]
    if quiet:
        for name in ids:
            click.echo(name)
        return
    for step in found:
        text = f" ({step.mutation_type})" if step.mutation_type else ""
        click.echo(f"{step.child} -> {step.parent}  {step.kind}{text}")


@lineage.command()
@click.argument("child", metavar="CHILD")
@click.argument("parent", metavar="PARENT")
@click.option("--kind", default="mutation", show_default=True, metavar="KIND", help="Kind of the derivation.")
@reason_option
def link(child: str, parent: str, kind: str, reason: str | None) -> None:
    """Record that CHILD derives from PARENT, both registered already; a cycle is refused with its path."""
    store = registry()
    store.link(store.resolve(child), store.resolve(parent), kind=kind, reason=reason)


@lineage.command()
@click.argument("reference", metavar="[ID]", required=False)
@output_options
def roots(reference: str | None, as_json: bool, quiet: bool) -> None:
    """List blueprints without parents: those above ID, or all."""
    store = registry()
    found = store.roots(store.resolve(reference) if reference else None)
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(
            found, {"id": lambda one: one.id, "name": lambda one: one.name}, empty="no blueprints"
        ),
    )


def draw_tree(family: "Answer[Relative]", start: str | None = None) -> str:
    """Draw a family as text: each member under its first parent, further parents named behind it."""
    children: dict[str | None, list[Relative]] = {}
    for one in family:
        children.setdefault(one.parents[0] if one.parents else None, []).append(one)
    lines: list[str] = []
    # A stack instead of recursion: families may be thousands of generations deep.
    waiting: list[tuple[Relative, str, str]] = [
        (one, "", "") for one in sorted(children.get(None, []), key=lambda one: one.id, reverse=True)
    ]
    while waiting:
        one, lead, branch = waiting.pop()
        also = f"  (also from {', '.join(one.parents[1:])})" if len(one.parents) > 1 else ""
        lines.append(f"{lead}{branch}{one.id}{'  <-' if one.id == start else ''}{also}")
        below = sorted(children.get(one.id, []), key=lambda other: other.id)
        inner = lead + {"": "", "├── ": "│   ", "└── ": "    "}[branch]
        for number, child in reversed(list(enumerate(below))):
            waiting.append((child, inner, "└── " if number == len(below) - 1 else "├── "))
    return "\n".join(lines)
