"""`esper-graph blueprint`, what needs no store: checking files, and the schema that they follow."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from esper_graph.cli.context import limit_options, output_options, registry
from esper_graph.cli.files import read_blueprints, refuse_invalid
from esper_graph.cli.output import document, emit, table
from esper_graph.cli.proof import RangeType, proof_document, proof_lines, with_counter_example
from esper_graph.errors import BlueprintError

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.ir.bounds import Range
    from esper_graph.ir.prove import Proof


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--prove", is_flag=True, help="Prove that the shapes agree for all sizes, or show where not.")
@click.option(
    "--range",
    "ranges",
    multiple=True,
    type=RangeType(),
    help="Sizes to prove it for, such as height=32..512.",
)
@limit_options
@output_options
def validate(
    files: tuple[Path, ...],
    prove: bool,
    ranges: "tuple[tuple[str, Range], ...]",
    max_nodes: int | None,
    max_edges: int | None,
    max_depth: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Check files without storing anything; no store is needed.

    With --prove the exit code is 1 unless the shapes of all of them are proved to agree; what is refused
    already because sizes differ is shown with the smallest sizes that do.
    """
    from esper_graph.ir.check import raise_limits

    if ranges and not prove:
        raise click.UsageError("--range needs --prove")
    read = read_blueprints(files)
    rules = registry().rules()
    limits = raise_limits(rules, max_nodes=max_nodes, max_edges=max_edges, max_depth=max_depth)
    for one in read:
        try:
            refuse_invalid(one, limits)
        except BlueprintError as error:
            raise (with_counter_example(one, error, dict(ranges)) if prove else error) from None
    proofs = list(_proofs(read, ranges)) if prove else []

    def people() -> None:
        table(
            read,
            {
                "id": lambda one: one.id,
                "": lambda one: "valid",
                "nodes": lambda one: len(one.nodes),
                "parameters": lambda one: one.cost().parameters,
                "FLOPs": lambda one: one.cost().flops,
                "fingerprint": lambda one: one.fingerprint[:19],
            },
        )
        for one, proof in zip(read, proofs, strict=False):
            for line in proof_lines(one.id or one.name, proof):
                click.echo(line)

    emit(
        [
            {"id": one.id, "fingerprint": one.fingerprint, "valid": True, "parameters": one.cost().parameters}
            | ({"shapes": proof_document(proofs[number])} if prove else {})
            for number, one in enumerate(read)
        ]
        if as_json
        else read,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in read],
        people=people,
    )
    if any(proof.verdict != "proved" for proof in proofs):
        click.get_current_context().exit(1)


def _proofs(blueprints: "Sequence[BlueprintIR]", ranges: "Sequence[tuple[str, Range]]") -> "Iterator[Proof]":
    from esper_graph.ir.prove import prove_shapes

    for one in blueprints:
        yield prove_shapes(one, dict(ranges))


@click.command()
def schema() -> None:
    """Print the JSON Schema of blueprint documents; no store is needed.

    Ops that are added by installed packages are part of it.
    """
    from esper_graph.ir.schema import blueprint_schema

    click.echo(document(blueprint_schema()))


COMMANDS = (validate, schema)
