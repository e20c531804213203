"""`esper-graph lineage`: where blueprints come from and what came of them."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from esper_graph.cli.context import output_options, reason_option, registry
from esper_graph.cli.families import as_of_option, limit_option, view_options, which_options
from esper_graph.cli.kinship import COMMANDS
from esper_graph.cli.output import Columns, answer_table, completeness, document, emit, note, plain
from esper_graph.cli.tracing import bisect, blame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esper_graph.property_graph.answer import Answer
    from esper_graph.property_graph.kinship import Branch, FamilyMember
    from esper_graph.property_graph.records import Relative

_ALL = 10**9

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
        click.option("--stream", is_flag=True, help="Print JSON lines as they arrive, in no order."),
        which_options,
        view_options,
        limit_option("relatives"),
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
    _list("ancestors", "no ancestors: it is a root", **asked)


@lineage.command()
@_relatives
@output_options
def descendants(**asked: Any) -> None:
    """List what derives from a blueprint, nearest generation first."""
    _list("descendants", "no descendants: it is a leaf", **asked)


def _list(
    verb: str,
    empty: str,
    *,
    reference: str,
    max_generations: int | None,
    limit: int | None,
    rediscoveries: bool,
    as_of: datetime | None,
    stream: bool,
    as_json: bool,
    quiet: bool,
    **narrowed: Any,
) -> None:
    from esper_graph.property_graph.kinship import Which

    which = Which(
        kind=narrowed["kind"],
        actor=narrowed["by"],
        tags=narrowed["tag"],
        since=narrowed["since"],
        until=narrowed["until"],
        metric=narrowed["metric"],
        device=narrowed["device"],
        least=narrowed["min"],
        most=narrowed["max"],
    )
    store = registry()
    start = store.resolve(reference)
    if stream:
        if which.narrows or (max_generations, limit, as_of) != (None, None, None):
            raise click.UsageError("--stream takes all relatives: only --rediscoveries goes with it")
        _stream(getattr(store, f"stream_{verb}")(start, include_rediscoveries=rediscoveries))
        return
    found: Answer[Relative] = getattr(store, verb)(
        start,
        max_generations=max_generations,
        limit=limit,
        include_rediscoveries=rediscoveries,
        as_of=as_of,
        which=which,
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


def _stream(members: "Iterator[FamilyMember]") -> None:
    """Print one document a line; the last line says that these were all."""
    count = 0
    for member in members:
        count += 1
        click.echo(json.dumps(plain(member), ensure_ascii=False))
    click.echo(json.dumps({"complete": True, "count": count}))


@lineage.command()
@click.argument("reference", metavar="ID")
@click.option(
    "--fold",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Most members directly below one.",
)
@click.option("--unfold", is_flag=True, help="All of it, however large.")
@click.option("--max-generations", type=click.IntRange(min=1), metavar="N", help="Derivations to show.")
@limit_option("members", 500)
@view_options
@output_options
def tree(
    reference: str,
    fold: int,
    unfold: bool,
    max_generations: int | None,
    limit: int,
    rediscoveries: bool,
    as_of: datetime | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Draw the family of a blueprint, folded where it is large: its roots and all that descends from them."""
    store = registry()
    start = store.resolve(reference)
    found = store.folded_tree(
        start,
        most_children=_ALL if unfold else fold,
        limit=_ALL if unfold else limit,
        max_generations=max_generations,
        include_rediscoveries=rediscoveries,
        as_of=as_of,
    )
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
@view_options
@output_options
def path(
    one: str, other: str, rediscoveries: bool, as_of: datetime | None, as_json: bool, quiet: bool
) -> None:
    """Show a shortest chain of derivations between two blueprints."""
    store = registry()
    found = store.path(
        store.resolve(one), store.resolve(other), include_rediscoveries=rediscoveries, as_of=as_of
    )
    if as_json:
        click.echo(document({"connected": found is not None, "derivations": found or ()}))
        return
    if found is None:
        note("neither derives from the other")
        click.get_current_context().exit(1)
        return
    ids = [*(step.child for step in found[:1]), *(step.parent for step in found)] or [store.resolve(one)]
    if quiet:
        for name in ids:
            click.echo(name)
        return
    if not found:
        note(f"both are `{ids[0]}`")
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
@limit_option("roots")
@as_of_option
@output_options
def roots(
    reference: str | None, limit: int | None, as_of: datetime | None, as_json: bool, quiet: bool
) -> None:
    """List blueprints without parents: those above ID, or all."""
    store = registry()
    found = store.roots(store.resolve(reference) if reference else None, limit=limit, as_of=as_of)
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(
            found, {"id": lambda one: one.id, "name": lambda one: one.name}, empty="no blueprints"
        ),
    )


def draw_tree(family: "Answer[Branch]", start: str | None = None) -> str:
    """Draw a family as text: each member under its first parent, further parents named behind it."""
    children: dict[str | None, list[Branch]] = {}
    for one in family:
        children.setdefault(one.parents[0] if one.generation else None, []).append(one)
    lines: list[str] = []
    # A stack instead of recursion: families may be thousands of generations deep.
    waiting: list[tuple[Branch | str, str, str]] = [
        (one, "", "") for one in sorted(children.get(None, []), key=lambda one: one.id, reverse=True)
    ]
    while waiting:
        one, lead, branch = waiting.pop()
        if isinstance(one, str):
            lines.append(f"{lead}{branch}{one}")
            continue
        others = one.parents[1:] if one.generation else one.parents
        also = f"  (also from {', '.join(others)})" if others else ""
        lines.append(f"{lead}{branch}{one.id}{'  <-' if one.id == start else ''}{also}")
        shown = sorted(children.get(one.id, []), key=lambda other: other.id)
        below: list[Branch | str] = [*shown]
        if one.folded:
            below.append(
                f"... {one.folded:,} more ({one.children:,} children, {one.descendants:,} descendants in all)"
            )
        inner = lead + {"": "", "├── ": "│   ", "└── ": "    "}[branch]
        for number, child in reversed(list(enumerate(below))):
            waiting.append((child, inner, "└── " if number == len(below) - 1 else "├── "))
    return "\n".join(lines)


for _command in (*COMMANDS, blame, bisect):
    lineage.add_command(_command)
