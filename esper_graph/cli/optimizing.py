"""`esper-graph blueprint optimize`: a smaller blueprint with the same results."""

from typing import TYPE_CHECKING

import click

from esper_graph.cli.files import read_given
from esper_graph.cli.output import note

if TYPE_CHECKING:
    from esper_graph.ir.passes import Figures


@click.command()
@click.argument("source", metavar="ID|FILE")
@click.option(
    "--explain",
    is_flag=True,
    help="Say what each pass did and saved, and which nodes of the result could run as one.",
)
def optimize(source: str, explain: bool) -> None:
    """Print a smaller blueprint with the same results, as JSON.

    What is given is an id, a JSON file by a path that ends with .json, or - for standard input. The result
    derives from it by the kind optimization, so that it can be registered as its child.
    """
    from esper_graph.ir.fusion import fusion_groups
    from esper_graph.ir.passes import optimize_explained

    found, steps = optimize_explained(read_given(source))
    for step in steps if explain else ():
        note(f"{step.name}: {_figures(step.before, step.after)}")
        for line in step.notes:
            note(f"  {line}")
    if explain and not steps:
        note("there is nothing to do")
    for group in fusion_groups(found) if explain else ():
        note(f"could run as one: {group.kind} ({', '.join(group.nodes)})")
    click.echo(found.to_json())


def _figures(before: "Figures", after: "Figures") -> str:
    """What a pass changed: `12 -> 9 nodes, 14 -> 11 edges, 1,000 parameters, 2,000 FLOPs`."""
    words = {"flops": "FLOPs"}
    pairs = zip(before._fields, before, after, strict=True)
    return ", ".join(
        f"{old:,} {words.get(name, name)}" if old == new else f"{old:,} -> {new:,} {words.get(name, name)}"
        for name, old, new in pairs
    )
