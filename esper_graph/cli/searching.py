"""`esper-graph blueprint search`: blueprints by tags, or by a metric."""

import click

from esper_graph.cli.context import output_options, registry
from esper_graph.cli.output import columns, emit_answer


@click.command()
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="With this tag; may be repeated.")
@click.option("--match-all", is_flag=True, help="With all of the tags.")
@click.option("--metric", metavar="NAME", help="With a value of this metric, best first.")
@click.option("--min", "min_value", type=float, metavar="X", help="At least this value.")
@click.option("--max", "max_value", type=float, metavar="X", help="At most this value.")
@click.option("--device", metavar="NAME", help="Measured on this device.")
@output_options
def search(
    tags: tuple[str, ...],
    match_all: bool,
    metric: str | None,
    min_value: float | None,
    max_value: float | None,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find blueprints by tags, or by a metric."""
    if metric is None and (min_value is not None or max_value is not None or device is not None):
        raise click.UsageError("--min, --max and --device need --metric")
    if metric is not None and tags:
        raise click.UsageError("give --tag or --metric, not both")
    if metric is not None:
        ranked = registry().ranking(metric, min_value=min_value, max_value=max_value, device=device)
        shown = columns("id=blueprint", "value", "metric=name", "device", "measured=measured_at")
        emit_answer(ranked, shown, as_json=as_json, quiet=quiet, ids=lambda one: one.blueprint)
        return
    found = registry().search_by_tags(tags, match_all)
    emit_answer(found, columns("id", "name", "tags"), as_json=as_json, quiet=quiet)
