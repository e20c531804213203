"""`esper-graph blueprint cost`: what one call costs, node by node."""

from typing import Any

import click

from esper_graph.cli.context import output_options, registry
from esper_graph.cli.files import read_given
from esper_graph.cli.memory import show_plan
from esper_graph.cli.output import document, note, table


class SizeType(click.ParamType["tuple[str, int]"]):
    """The size of a symbol, such as `batch=8`."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "tuple[str, int]":
        """Read one size."""
        if not isinstance(value, str):
            return value
        name, _, size = value.partition("=")
        if not name or not size.isdecimal() or not int(size):
            self.fail(f"`{value}` is not a size; write for example batch=8", param, ctx)
        return name, int(size)


@click.command()
@click.argument("reference", metavar="ID|FILE")
@click.option(
    "--bind",
    "sizes",
    multiple=True,
    type=SizeType(),
    metavar="NAME=SIZE",
    help="Size of a symbol, such as batch=8; may be repeated. Others keep the manifest's reference sizes.",
)
@click.option("--memory", is_flag=True, help="Estimate where results could lie in one block of memory.")
@output_options
def cost(
    reference: str, sizes: tuple[tuple[str, int], ...], memory: bool, as_json: bool, quiet: bool
) -> None:
    """Show what one call of a blueprint costs, node by node, and in total.

    With --memory: the order of execution, bytes and address of each result, and the peak. Blocks are written
    out. What is given is an id, an alias, the beginning of an id, name@latest, a JSON file by a path that
    ends with .json, or - for standard input; a file needs no store.
    """
    from esper_graph.errors import ConfigError, close_names, suggestion
    from esper_graph.ir.cost import CONVENTION, reference_binding
    from esper_graph.ir.memory import memory_plan

    found = read_given(reference)
    found.validate()
    usual = reference_binding(found.graph, found.inference, registry().manifest.reference_binding)
    for name, _ in sizes:
        if name not in usual:
            hint = suggestion(close_names(name, usual)) or f"its sizes are {', '.join(usual) or 'fixed'}"
            raise ConfigError(f"`{reference}` has no size `{name}`", hint=hint)
    if memory and not quiet:
        show_plan(memory_plan(found, {**usual, **dict(sizes)}), as_json=as_json)
        return
    total = found.cost({**usual, **dict(sizes)})
    if as_json:
        nodes = [
            {
                **node._asdict(),
                **{
                    name: getattr(node, name) if node.known else None
                    for name in ("macs", "elementwise", "flops")
                },
                "intensity": round(node.intensity, 6) if node.known else None,
            }
            for node in total.nodes
        ]
        figures = {**total._asdict(), "nodes": nodes, "flops": total.flops, "memory_mb": total.memory_mb}
        by_precision = total.weight_bytes_by_precision
        click.echo(document({"convention": CONVENTION, **figures, "weight_bytes_by_precision": by_precision}))
        return
    if quiet:
        click.echo(found.id)
        return
    shown = ", ".join(f"{name}={size}" for name, size in total.binding.items())
    note(f"one call{f' at {shown}' if shown else ''}; {CONVENTION}")
    table(
        total.nodes,
        {
            "node": lambda one: one.node_id,
            "op": lambda one: one.op_type,
            "parameters": lambda one: one.parameters,
            "FLOPs": lambda one: one.flops if one.known else None,
            "elementwise": lambda one: one.elementwise if one.known else None,
            "bytes": lambda one: one.weight_bytes + one.input_bytes + one.output_bytes,
            "intensity": lambda one: one.intensity if one.known else None,
        },
    )
    click.echo()
    facts: dict[str, object] = {
        "parameters": f"{total.parameters:,}, of which one row uses {total.active_parameters:,}",
        "FLOPs": f"{total.flops:,} ({total.macs:,} multiply-adds)",
        "elementwise": f"{total.elementwise:,}",
        "weights": ", ".join(
            f"{count:,} bytes in {precision}" for precision, count in total.weight_bytes_by_precision.items()
        )
        or "none",
        "activations": f"{total.activation_bytes:,} bytes alive at once",
        "memory": f"{total.memory_mb:,.3f} MB",
    }
    if total.uncounted:
        facts["not counted"] = f"the work of {', '.join(total.uncounted)}, which nobody knows"
    for name, value in facts.items():
        click.echo(f"{name:<12}{value}")
