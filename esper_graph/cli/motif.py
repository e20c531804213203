"""`esper-graph blueprint motif`: chains of ops inside of blueprints."""

import click

from esper_graph.cli.context import limit_option, output_options, registry
from esper_graph.cli.output import columns, emit_answer


@click.command()
@click.argument("chain", metavar="MOTIF")
@limit_option("places", 100)
@output_options
def motif(chain: str, limit: int, as_json: bool, quiet: bool) -> None:
    """Find a chain of ops inside of blueprints, such as "conv > norm > activation, residual".

    Steps are op types or families, with | between alternatives. A residual is a node that feeds both the
    first step and a node that the last step feeds. -q prints ids of blueprints, each once.
    """
    found = registry().motifs(chain, limit=limit)
    shown = columns("blueprint", "chain=nodes", "source", "target")
    emit_answer(found, shown, as_json=as_json, quiet=quiet, ids=lambda one: one.blueprint)
