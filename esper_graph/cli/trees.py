"""`esper-graph lineage`, whole families: drawn, exported, and how deep they are."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from esper_graph.cli.context import limit_option, output_options, registry
from esper_graph.cli.families import Viewed, as_of_option, generations_option, view_options
from esper_graph.cli.output import columns, completeness, document, emit, note, table

if TYPE_CHECKING:
    from esper_graph.property_graph.answer import Answer
    from esper_graph.property_graph.kinship import Branch

_ALL = 10**9


@click.command()
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
@generations_option("show")
@limit_option("members", 500)
@view_options
@output_options
def tree(
    reference: str,
    fold: int,
    unfold: bool,
    max_generations: int | None,
    limit: int,
    as_json: bool,
    quiet: bool,
    **view: Unpack[Viewed],
) -> None:
    """Draw the family of a blueprint, folded where it is large: its roots and all that descends from them."""
    store = registry()
    start = store.resolve(reference)
    found = store.folded_tree(
        start,
        most_children=_ALL if unfold else fold,
        limit=_ALL if unfold else limit,
        max_generations=max_generations,
        **view,
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


@click.command()
@click.argument("reference", metavar="ID")
@as_of_option
@output_options
def depth(reference: str, as_of: datetime | None, as_json: bool, quiet: bool) -> None:
    """Say how many derivations ID is away from roots and leaves, and how many relatives it has."""
    store = registry()
    found = store.depth(store.resolve(reference), as_of=as_of)
    shown = columns(
        *("nearest_root", "farthest_root", "nearest_leaf", "farthest_leaf"), *("ancestors", "descendants")
    )
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [found.id],
        people=lambda: table([found], shown),
    )


@click.command()
@click.argument("references", metavar="ID...", nargs=-1, required=True)
@click.option("--only", is_flag=True, help="Just these, without the rest of their families.")
@limit_option("blueprints")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write instead."
)
@view_options
def export(
    references: tuple[str, ...], only: bool, limit: int | None, output: Path | None, **view: Unpack[Viewed]
) -> None:
    """Print the families of blueprints as one JSON document: blueprints, and derivations with their edits."""
    store = registry()
    ids = [store.resolve(one) for one in references]
    found = store.export_lineage(*ids, only=only, limit=limit, **view)
    text = document(found)
    if output is None:
        click.echo(text)
    else:
        output.write_text(f"{text}\n", encoding="utf-8")
    if not found["complete"]:
        note(f"not complete: {found['omitted_count']:,} more, cut by {found['truncated_by']}")


COMMANDS = (tree, depth, export)
