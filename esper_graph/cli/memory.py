"""`esper-graph blueprint cost --memory`: where results could lie in one block of memory."""

from typing import TYPE_CHECKING, Any

import click

from esper_graph.cli.output import document, note, table

if TYPE_CHECKING:
    from esper_graph.ir.memory import MemoryPlan

ESTIMATE = "an estimate, without inputs, parameters and workspace; kernels leave memory to torch's allocator"


def show_plan(plan: "MemoryPlan", *, as_json: bool) -> None:
    """Print a memory plan: the order, each result with its address, and what reuse saves."""
    results = [_result(plan, number) for number in range(len(plan.placed))]
    if as_json:
        facts = {name: value for name, value in plan._asdict().items() if name != "placed"}
        click.echo(
            document({"about": ESTIMATE, **facts, "reused_bytes": plan.reused_bytes, "results": results})
        )
        return
    shown = ", ".join(f"{name}={size}" for name, size in plan.binding.items())
    note(f"one call{f' at {shown}' if shown else ''}; {ESTIMATE}")
    table(
        results,
        {
            "step": lambda one: one["first"],
            "result": lambda one: one["result"],
            "bytes": lambda one: one["bytes"],
            "address": lambda one: one["address"],
            "alive until": lambda one: one["until"],
            "in place of": lambda one: one["in_place_of"],
        },
    )
    click.echo()
    facts = {
        "peak": f"{plan.peak_bytes:,} bytes, placed by {plan.strategy}",
        "at least": f"{plan.least_bytes:,} bytes, alive at once",
        "reuse saves": f"{plan.reused_bytes:,} of {plan.total_bytes:,} bytes",
    }
    for name, value in facts.items():
        click.echo(f"{name:<13}{value}")


def _result(plan: "MemoryPlan", number: int) -> dict[str, Any]:
    """One result as plain data."""
    placed = plan.placed[number]
    before = plan.taken_over(placed)
    return {
        "result": placed.buffer.name,
        "bytes": placed.buffer.size,
        "address": placed.address,
        "first": placed.buffer.first,
        "last": placed.buffer.last,
        "until": plan.order[placed.buffer.last],
        "in_place_of": None if before is None else before.name,
    }
