"""`esper-graph blueprint`, lists: of blueprints, of what happened to one, of op types."""

from typing import Literal

import click

from esper_graph.cli.context import limit_option, output_options, registry
from esper_graph.cli.output import columns, emit, emit_answer, table

SUMMARY = columns(
    *("id", "name", "ops=op_count", "parameters", "FLOPs=flops", "generation", "status", "tags")
)


@click.command("list")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only with this tag; may be repeated.")
@click.option("--status", metavar="WORD", help="Only with this status.")
@click.option("--author", metavar="NAME", help="Only by this author.")
@click.option("--name", metavar="NAME", help="Only with this name.")
@limit_option("blueprints", 100)
@click.option("--archived", is_flag=True, help="Show archived blueprints too.")
@click.option(
    "--same-as", metavar="ID", help="Only those that are the same as this one; takes no other filter."
)
@click.option(
    "--under",
    type=click.Choice(["fingerprint", "normal"]),
    help="What `same` means: the structure, or the structure once simplified. [default: normal]",
)
@output_options
def list_(
    tags: tuple[str, ...],
    status: str | None,
    author: str | None,
    name: str | None,
    limit: int,
    archived: bool,
    same_as: str | None,
    under: Literal["fingerprint", "normal"] | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """List blueprints, newest registration first; with --same-as, oldest first."""
    if under is not None and same_as is None:
        raise click.UsageError("--under needs --same-as")
    if same_as is not None:
        if tags or archived or any(one is not None for one in (status, author, name)):
            raise click.UsageError("--same-as takes no other filter")
        store = registry()
        found = store.same_as(store.resolve(same_as), under or "normal", limit=limit)
    else:
        found = registry().list(
            tags=tags, status=status, author=author, name=name, limit=limit, archived=archived
        )
    emit_answer(found, SUMMARY, as_json=as_json, quiet=quiet, empty="no blueprints")


@click.command()
@click.argument("reference", metavar="ID")
@output_options
def history(reference: str, as_json: bool, quiet: bool) -> None:
    """List all that happened to a blueprint, oldest first."""
    store = registry()
    found = store.history(store.resolve(reference))
    emit_answer(found, columns("at", "actor", "action", "reason"), as_json=as_json, quiet=quiet)


@click.command()
@output_options
def ops(as_json: bool, quiet: bool) -> None:
    """List the op types, with their ports and attributes; no store is needed.

    Ops of torch that an import kept as they are, aten.<name>.<overload>, are not among them.
    """
    from esper_graph.ops import OPS
    from esper_graph.ops.opdef import attribute_names

    found = [
        {
            "op_type": op.op_type,
            "family": op.family,
            "inputs": op.inputs,
            "attributes": attribute_names(op),
        }
        for op in OPS.values()
    ]
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: list(OPS),
        people=lambda: table(
            found,
            {key: lambda one, key=key: one[key] for key in ("op_type", "family", "inputs", "attributes")},
        ),
    )


COMMANDS = (list_, history, ops)
