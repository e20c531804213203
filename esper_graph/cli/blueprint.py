"""`esper-graph blueprint`: register blueprints, look at them, search them."""

import click

from esper_graph.cli import changing, checking, listing, optimizing, registering, searching, showing
from esper_graph.cli.cost import cost
from esper_graph.cli.diff import diff
from esper_graph.cli.importing import import_
from esper_graph.cli.motif import motif


@click.group(no_args_is_help=True)
def blueprint() -> None:
    """Register blueprints, look at them, search them."""


for _command in (
    registering.register,
    import_,
    showing.show,
    *listing.COMMANDS,
    *searching.COMMANDS,
    motif,
    diff,
    cost,
    *checking.COMMANDS,
    optimizing.optimize,
    *changing.COMMANDS,
):
    blueprint.add_command(_command)
