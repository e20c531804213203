"""`esper-graph blueprint diff`: what distinguishes two blueprints."""

from typing import TYPE_CHECKING

import click

from esper_graph.cli.context import output_options, registry
from esper_graph.cli.files import read_given
from esper_graph.cli.output import cell, document, note, table

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.ir.diff import Change


@click.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option("--cost", is_flag=True, help="Compare parameters, FLOPs, memory and what was measured of both.")
@output_options
def diff(one: str, other: str, cost: bool, as_json: bool, quiet: bool) -> None:
    """Show what turns blueprint A into blueprint B, whatever their nodes are called.

    A and B are ids, JSON files by a path that ends with .json, or - for standard input; files need no store.
    Lines begin with `-` for removed, `+` for added and `~` for changed calls. -q prints the types of the
    edits, one a line.
    """
    from esper_graph.ir.diff import diff as compare

    before, after = read_given(one), read_given(other)
    found = compare(before, after)
    changes = {**found.cost(), **_measured(before, after)} if cost else {}
    if as_json:
        content: dict[str, object] = {
            "before": before.id,
            "after": after.id,
            "isomorphic": found.isomorphic,
            "edits": [edit.to_dict() for edit in found.edits],
            "matched": found.matched,
            "lines": found.lines,
        }
        if cost:
            content["cost"] = {
                name: {"before": change.before, "after": change.after, "factor": change.factor}
                for name, change in changes.items()
            }
        click.echo(document(content))
        return
    if quiet:
        for edit in found.edits:
            click.echo(edit.type)
        return
    headline, *lines = str(found).splitlines()
    note(headline)
    for line in lines:
        click.echo(line)
    if cost:
        if lines:
            click.echo()
        table(
            changes.items(),
            {
                "figure": lambda row: row[0],
                "before": lambda row: row[1].before,
                "after": lambda row: row[1].after,
                "": lambda row: _times(row[1]),
            },
        )


def _measured(before: "BlueprintIR", after: "BlueprintIR") -> "dict[str, Change]":
    """What was measured of both on the same device."""
    from esper_graph.ir.diff import Change

    if not before.id or not after.id:
        return {}
    store = registry()
    if before.id not in store or after.id not in store:
        return {}
    ours, theirs = (store.metadata(one.id).benchmarks for one in (before, after))
    return {
        f"{name}@{device}": Change(value, theirs[device][name])
        for device, values in ours.items()
        for name, value in values.items()
        if name in theirs.get(device, {})
    }


def _times(change: "Change") -> str:
    if change.before == change.after:
        return "same"
    return "-" if change.factor is None else f"{cell(float(change.factor))} times"
