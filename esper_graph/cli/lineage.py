"""`esper-graph lineage`: where blueprints come from and what came of them."""

import click

from esper_graph.cli import chains, lineage_import, relatives, tracing, trees


@click.group(no_args_is_help=True)
def lineage() -> None:
    """Ask where blueprints come from and what came of them."""


for _command in (
    *relatives.COMMANDS,
    *chains.COMMANDS,
    *trees.COMMANDS,
    *tracing.COMMANDS,
    lineage_import.import_,
):
    lineage.add_command(_command)
