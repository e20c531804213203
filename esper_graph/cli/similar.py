"""`esper-graph similar`: what is like a blueprint, what is nearly the same, and how new it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from esper_graph.cli.context import limit_option, output_options, registry
from esper_graph.cli.files import is_file, read_blueprint
from esper_graph.cli.output import answer_table, cell, columns, emit

if TYPE_CHECKING:
    from esper_graph.property_graph.answer import Answer
    from esper_graph.property_graph.similar import Similar

_COLUMNS = columns("distance", "family", "duplicate", "id", "name", "same=identity")
_UNFIT = {"near_duplicates": ("novelty", "score", "rerank"), "novelty": ("score", "rerank")}
"""For each other question the options that say nothing about it."""


@click.command()
@click.argument("reference", metavar="ID|FILE")
@click.option(
    "--near-duplicates",
    is_flag=True,
    help="List what computes the same, is one edit apart, or has nearly all in common.",
)
@click.option("--novelty", is_flag=True, help="Say how new it is: the mean distance to the most alike.")
@limit_option("blueprints", 10)
@click.option(
    "--score",
    type=click.Choice(["family", "duplicate"]),
    default="family",
    show_default=True,
    help="By which score candidates are chosen: whether repetition counts little, or in full.",
)
@click.option(
    "--rerank",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    metavar="N",
    help="How many candidates are compared by edit distance; 0 sorts by the score.",
)
@click.option(
    "--at-least",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    metavar="SCORE",
    help="Least score of near duplicates.",
)
@click.option("--explain", is_flag=True, help="Show for each what the difference is.")
@output_options
@click.pass_context
def similar(
    context: click.Context,
    reference: str,
    near_duplicates: bool,
    novelty: bool,
    limit: int,
    score: Any,
    rerank: int,
    at_least: float,
    explain: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """List the blueprints that are most like one, nearest first.

    The one is an id, or a JSON file by a path that ends with .json, or - for standard input; it need not be
    registered. Distances are edits; scores go from 0 to 1, `family` for what is made alike whatever its
    depth, `duplicate` for what is nearly the same.
    """
    _refuse_unfit(context)
    store = registry()
    given = read_blueprint(Path(reference)) if is_file(reference) else store.resolve(reference)
    facts: dict[str, Any] = {}
    if novelty:
        new = store.novelty(given, limit)
        found, facts = new.nearest, {"novelty": new.value, "exact": new.exact}
    elif near_duplicates:
        found = store.near_duplicates(given, limit, at_least)
    else:
        found = store.similar(given, limit, rerank, score)
    emit(
        {**facts, "similar": _plain(found, explain=explain)} if novelty else _plain(found, explain=explain),
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: _show(
            found,
            facts,
            explain=explain,
            empty="nothing is nearly the same" if near_duplicates else "nothing shares a feature with it",
        ),
    )


def _refuse_unfit(context: click.Context) -> None:
    """Refuse options that would be left without effect."""
    chosen = next((name for name in _UNFIT if context.params[name]), None)
    unfit = _UNFIT[chosen] if chosen else ()
    if chosen != "near_duplicates":
        unfit = (*unfit, "at_least")
    for name in unfit:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            asked = f"--{chosen.replace('_', '-')}" if chosen else "the most alike"
            raise click.UsageError(f"--{name.replace('_', '-')} says nothing about {asked}", context)


def _plain(found: "Answer[Similar]", *, explain: bool) -> "Answer[dict[str, Any]]":
    from esper_graph.property_graph.answer import Answer

    return Answer(
        [
            {
                **{name: getattr(one, name) for name in ("id", "name", "family", "duplicate", "distance")},
                "identity": one.identity,
                **(_explained(one) if explain else {}),
            }
            for one in found
        ],
        truncated_by=found.truncated_by,
        total=found.total,
    )


def _explained(one: "Similar") -> dict[str, Any]:
    return {"edits": [edit.to_dict() for edit in one.diff.edits], "lines": one.diff.lines}


def _show(found: "Answer[Similar]", facts: dict[str, Any], *, explain: bool, empty: str) -> None:
    if facts:
        click.echo(f"novelty {cell(facts['novelty'])}{'' if facts['exact'] else ' at most'}")
        click.echo()
    answer_table(found, _COLUMNS, empty=empty)
    if explain:
        for one in found:
            click.echo(f"\n{one.id}: {one.diff}")
