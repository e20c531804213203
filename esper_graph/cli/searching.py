"""`esper-graph blueprint search`, `facets`, `pareto` and `choose`."""

from typing import TYPE_CHECKING, Any

import click

from esper_graph.cli.context import limit_option, output_options, registry
from esper_graph.cli.output import cell, columns, completeness, document, emit, emit_answer, note, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from esper_graph.property_graph.found import Choice, Point

_FACETS = ("tag", "category", "op", "status", "author", "device", "signature")
_LANGUAGE = """

    FILTER is one quoted text of terms that all must hold: 'tag:small -tag:draft params<5e6 latency_ms@cpu<5'.
    `-` negates a term, commas give alternatives, a..b is a range, * is any value, quotes hold spaces, and a
    bare word is looked for in name and id. --fields lists what can be asked.
"""


def _fields(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from esper_graph.search.fields import help_lines

        click.echo("\n".join(help_lines()))
        ctx.exit()


def _filtered(command: Any) -> Any:
    """Add FILTER, --archived and --fields."""
    command.__doc__ = f"{command.__doc__}{_LANGUAGE}"
    command = click.option(
        "--fields", is_flag=True, is_eager=True, expose_value=False, callback=_fields, help="List the fields."
    )(command)
    command = click.option("--archived", is_flag=True, help="Archived ones too.")(command)
    return click.argument("filter_", metavar="[FILTER]", default="")(command)


@click.command()
@click.option(
    "--order",
    metavar="FIELD",
    default="registered",
    show_default=True,
    help="What to order by, best ones first.",
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@limit_option("blueprints", 25)
@click.option("--page", metavar="TOKEN", help="Continue where a page ended.")
@click.option("--count", is_flag=True, help="Count all that is found.")
@output_options
@_filtered
def search(filter_: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Find blueprints, one page at a time."""
    found = registry().search(filter_, **options)
    ordered = [] if options["order"] == "registered" else ["value", "device"]
    shown = columns(
        *("id", "name=blueprint.name", *ordered),
        *("parameters=blueprint.parameters", "status=blueprint.status", "tags=blueprint.tags"),
    )

    def people() -> None:
        if found:
            table(found, shown)
        else:
            note("nothing found")
        if options["page"] and not found.next_page:
            note("this is the last page")
        else:
            completeness(found)
        if found.next_page:
            note(f"next page: --page {found.next_page}")

    emit(found, as_json=as_json, quiet=quiet, ids=lambda: [hit.id for hit in found], people=people)


@click.command()
@click.option(
    "--by", "by", multiple=True, type=click.Choice(_FACETS), help="What to count by; may be repeated."
)
@output_options
@_filtered
def facets(filter_: str, by: tuple[str, ...], archived: bool, as_json: bool, quiet: bool) -> None:
    """Count what a filter finds by tag, category, op type, status, author, device."""
    found = registry().facets(filter_, archived=archived, facets=by or _FACETS[:-1])
    emit_answer(
        found,
        columns("facet", "value", "blueprints"),
        as_json=as_json,
        quiet=quiet,
        ids=lambda one: one.value,
    )


@click.command()
@click.option(
    "--figure", "figures", multiple=True, required=True, metavar="FIELD", help="A number or METRIC@DEVICE."
)
@limit_option("blueprints")
@output_options
@_filtered
def pareto(filter_: str, figures: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Find the blueprints that no other beats in every figure."""
    found = registry().pareto(figures, filter=filter_, **options)
    shown = {**columns("id", "name"), **{name: _value(place) for place, name in enumerate(figures)}}

    def people() -> None:
        if found:
            table(found, shown)
        else:
            note("nothing found")
        completeness(found)
        note(f"of {found.considered:,} blueprints, {found.without_values:,} lack one of the figures")

    emit(found, as_json=as_json, quiet=quiet, ids=lambda: [one.id for one in found], people=people)


def _value(place: int) -> "Callable[[Point], float]":
    return lambda point: int(point.values[place]) if point.values[place].is_integer() else point.values[place]


def _budget(_ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name in found:
            raise click.BadParameter(f"`{name}` is given twice")
        try:
            found[name] = float(value)
        except ValueError:
            raise click.BadParameter(f"`{text}` is not like latency_ms=5") from None
    return found


@click.command()
@click.option("--input", "input", metavar="SHAPE", help="Shapes that it takes, such as Bx3x224x224.")
@click.option("--output", "output", metavar="SHAPE", help="Shapes that it gives, such as Bx1000.")
@click.option("--device", metavar="DEVICE", help="A device of the manifest that it must run on.")
@click.option("--budget", multiple=True, callback=_budget, metavar="FIELD=X", help="The worst that will do.")
@click.option("--objective", metavar="FIELD", help="What is best; by default the first metric of the budget.")
@click.option("--no-kernel", is_flag=True, help="Do not ask for a ready kernel.")
@click.option("--filter", "filter", default="", metavar="FILTER", help="Further terms, as of `search`.")
@output_options
def choose(no_kernel: bool, as_json: bool, quiet: bool, **options: Any) -> None:
    """Choose the best blueprint that fits shapes, device and budget, with a ready kernel.

    When none fits, the error says which condition removed how many.
    """
    found = registry().choose(kernel=not no_kernel, **options)
    if as_json:
        click.echo(document(found))
    elif quiet:
        click.echo(found.id)
    else:
        _show(found)


def _show(found: "Choice") -> None:
    facts = {
        "id": found.id,
        "name": found.hit.blueprint.name,
        "value": found.hit.value,
        "device": found.hit.device,
        "parameters": found.hit.blueprint.parameters,
        "kernel": found.kernel.digest if found.kernel else None,
        "filter": found.filter,
    }
    for name, value in facts.items():
        click.echo(f"{name:<12}{cell(value)}")


COMMANDS = (search, facets, pareto, choose)
