"""`esper-graph lineage blame` and `bisect`: who made a part what it is, and who made it worse."""

from typing import TYPE_CHECKING

import click

from esper_graph.cli.context import output_options, registry
from esper_graph.cli.output import document, emit_answer, note
from esper_graph.errors import counted
from esper_graph.property_graph.answer import Answer

if TYPE_CHECKING:
    from esper_graph.ir.bisect import Bisection
    from esper_graph.ir.blame import Origin


@click.command()
@click.argument("reference", metavar="ID")
@click.option("--node", "nodes", multiple=True, metavar="NODE", help="Only this node; may be repeated.")
@output_options
def blame(reference: str, nodes: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Tell where each node, attribute and input of a blueprint comes from: by which edit, by whom, when.

    -q prints the ids of the blueprints that made it what it is, each once.
    """
    from esper_graph.errors import QueryError, close_names, suggestion

    store = registry()
    found = store.blame(store.resolve(reference))
    known = dict.fromkeys(one.node for one in found)
    for node in nodes:
        if node not in known:
            raise QueryError(
                f"`{reference}` has no node `{node}`",
                hint=suggestion(close_names(node, known)) or f"it has {', '.join(known)}",
            )
    parts = Answer([one for one in found if not nodes or one.node in nodes], truncated_by=found.truncated_by)
    emit_answer(
        parts,
        {
            "node": lambda one: one.node,
            "part": _part,
            "is": _shown,
            "since": lambda one: one.blueprint,
            "by edit": lambda one: one.edit["type"] if one.edit is not None else None,
            "actor": lambda one: one.actor,
            "at": lambda one: one.at,
        },
        as_json=as_json,
        quiet=quiet,
        ids=lambda one: one.blueprint,
    )


def _part(one: "Origin") -> str:
    return {"node": "op", "edge": f"<- {one.subject}"}.get(one.kind, str(one.subject))


def _shown(one: "Origin") -> str:
    text = str(one.value)
    return text if len(text) <= 40 else f"{text[:39]}…"


@click.command()
@click.argument("good", metavar="GOOD")
@click.argument("bad", metavar="BAD")
@click.option("--metric", required=True, metavar="NAME", help="Metric that got worse.")
@click.option("--device", default="default", show_default=True, metavar="NAME", help="Where it was measured.")
@click.option("--threshold", type=float, metavar="X", help="Worst good value; else the middle of both.")
@output_options
def bisect(
    good: str, bad: str, metric: str, device: str, threshold: float | None, as_json: bool, quiet: bool
) -> None:
    """Find the derivation between GOOD and BAD that made a metric worse.

    Prints the blueprint to measure next; record its value (`blueprint record`) and ask again, until the
    culprit is named with its edits. -q prints one id: the culprit if it is found, else what to
    measure next (exit code 1).
    """
    store = registry()
    found = store.bisect(store.resolve(good), store.resolve(bad), metric, device=device, threshold=threshold)
    derivations = store.derivations(found.culprit) if found.culprit is not None else ()
    if as_json:
        click.echo(document({"bisection": found, "derivations": derivations}))
    elif quiet:
        click.echo(found.culprit or found.next or "")
    elif found.culprit is not None:
        click.echo(f"culprit  {found.culprit}")
        for step in derivations:
            text = f" ({step.mutation_type})" if step.mutation_type else ""
            click.echo(f"from     {step.parent}  {step.kind}{text} by {step.actor}")
            for edit in step.edits:
                shown = ", ".join(f"{key}={value}" for key, value in edit.items() if key != "type")
                click.echo(f"         {edit['type']}: {shown}")
    else:
        _ask(found, metric, device)
    if found.culprit is None:
        click.get_current_context().exit(1)


def _ask(found: "Bisection", metric: str, device: str) -> None:
    count = len(found.suspects)
    if found.next is None:
        click.echo(f"one of  {' '.join(found.suspects)}")
        note("none of them can be measured, so the culprit stays open")
        return
    click.echo(f"measure  {found.next}")
    note(
        f"{metric} on {device}; {counted(count, 'blueprint')} under suspicion, "
        f"about {counted(found.steps, 'measurement')} to go"
    )


COMMANDS = (blame, bisect)
