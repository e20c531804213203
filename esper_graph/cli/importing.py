"""`esper-graph blueprint import`: read a network written for torch, or an ONNX file."""

from pathlib import Path

import click

from esper_graph.cli.context import output_options, reason_option, registry
from esper_graph.cli.output import emit, note, table


@click.command("import")
@click.argument("module", metavar="MODULE:CALLABLE|FILE.onnx")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="SHAPE",
    help="An example input of a module, such as 1x3x224x224 or 1x16:int64; once for each argument.",
)
@click.option("--id", "blueprint_id", default="", metavar="ID", help="Id of the blueprint.")
@click.option(
    "--name", metavar="NAME", help="Name of the blueprint; by default that of the class or the file."
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Add a tag; may be repeated.")
@click.option(
    "--opaque",
    is_flag=True,
    help="Keep calls that no op stands for as nodes aten.<name>.<overload>, where that is sound.",
)
@click.option("--fixed-batch", is_flag=True, help="Keep the number of samples of the example.")
@click.option("--max-nodes", type=click.IntRange(min=1), metavar="N", help="Raise the limit of nodes.")
@click.option("--max-depth", type=click.IntRange(min=1), metavar="N", help="Raise the limit of depth.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the weights to this file, in the safetensors format.",
)
@click.option(
    "--flat", is_flag=True, help="Write out parts that repeat, instead of folding them into blocks."
)
@click.option("--print", "printed", is_flag=True, help="Print the blueprint as JSON; register nothing.")
@reason_option
@output_options
def import_(
    module: str,
    inputs: tuple[str, ...],
    blueprint_id: str,
    name: str | None,
    tags: tuple[str, ...],
    opaque: bool,
    fixed_batch: bool,
    max_nodes: int | None,
    max_depth: int | None,
    weights: Path | None,
    flat: bool,
    printed: bool,
    reason: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Import a torch network or an ONNX file and register its blueprint.

    CALLABLE makes the network and takes no arguments, such as torchvision.models:resnet18. Importing runs
    its code: import only what you trust. Nothing of an ONNX file is run; it tells its inputs itself. Parts
    that repeat, as the names of their nodes tell, become blocks.
    """
    from esper_graph.compile import import_onnx, import_with_weights, save_weights
    from esper_graph.compile.importer.examples import example_inputs, module_named
    from esper_graph.ir.fold import fold

    if module.endswith(".onnx"):
        if inputs or fixed_batch or opaque:
            raise click.UsageError(
                "an ONNX file tells its inputs itself and calls nothing of torch: "
                "leave out --input, --fixed-batch and --opaque"
            )
        click.Path(exists=True, dir_okay=False).convert(module, None, click.get_current_context())
        found = import_onnx(
            module, name=name, id=blueprint_id, tags=tags, max_nodes=max_nodes, max_depth=max_depth
        )
    else:
        if not inputs:
            raise click.UsageError("a module needs an example of each input: --input SHAPE")
        found = import_with_weights(
            module_named(module),
            example_inputs(inputs),
            name=name or module.rpartition(":")[2],
            id=blueprint_id,
            tags=tags,
            dynamic_batch=not fixed_batch,
            opaque=opaque,
            max_nodes=max_nodes,
            max_depth=max_depth,
        )
    blueprint = found.blueprint if flat else fold(found.blueprint)
    for text in found.notes:
        note(f"note: {text}")
    if weights is not None:
        save_weights(found, weights)
    if printed:
        click.echo(blueprint.to_json())
        return
    registration = registry().register_one(
        blueprint,
        max_nodes=max_nodes,
        max_edges=blueprint.limits.get("max_edges"),
        max_depth=max_depth,
        reason=reason,
    )
    emit(
        registration,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [registration.id],
        people=lambda: table(
            [registration],
            {
                "id": lambda one: one.id,
                "": lambda one: "registered" if one.created else "known already",
                "alias": lambda one: one.alias,
                "fingerprint": lambda one: one.fingerprint[:19],
            },
        ),
    )
