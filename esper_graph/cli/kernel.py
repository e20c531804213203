"""`esper-graph kernel`: compile blueprints to TorchScript kernels."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from esper_graph.cli.context import output_options, reason_option, registry
from esper_graph.cli.output import Columns, emit, emit_answer, note, table

if TYPE_CHECKING:
    from esper_graph.property_graph.records import KernelRecord


@click.group(no_args_is_help=True)
def kernel() -> None:
    """Compile blueprints to TorchScript kernels."""


@kernel.command("compile")
@click.argument("references", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--mode",
    type=click.Choice(["infer", "train"]),
    default="infer",
    show_default=True,
    help="What it is for.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the initial weights."
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Weights to compile in, as safetensors; of a single blueprint.",
)
@click.option("--no-validate", is_flag=True, help="Do not compare the kernel with the interpreter.")
@reason_option
@output_options
def compile_(
    references: tuple[str, ...],
    mode: str,
    seed: int,
    weights: Path | None,
    no_validate: bool,
    reason: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compile blueprints, or find the kernels that the same request made before.

    With weights and for inference, batch norms are folded into the layers before them.
    """
    if weights is not None and len(references) > 1:
        raise click.UsageError(f"one file of weights belongs to one blueprint, not to {len(references)}")
    store = registry()
    found: list[KernelRecord] = []
    for reference in references:
        made = store.compile(
            store.resolve(reference),
            mode=mode,
            seed=seed,
            weights=weights,
            validate=not no_validate,
            reason=reason,
        )
        found.append(store.kernel(made.digest))
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.digest for one in found],
        people=lambda: table(found, _COLUMNS),
    )


_COLUMNS: Columns = {
    "digest": lambda one: one.digest[:16],
    "blueprint": lambda one: one.blueprint,
    "mode": lambda one: one.mode,
    "seed": lambda one: one.seed,
    "weights": lambda one: one.weights and one.weights[:16],
    "bytes": lambda one: one.size_bytes,
    "torch": lambda one: one.torch_version,
    "checks": lambda one: _checks(one.validation),
    "compiled": lambda one: one.compiled_at,
}


def _checks(validation: Mapping[str, Any]) -> str | None:
    checks = validation.get("checks")
    return f"{sum(one['passed'] for one in checks)} of {len(checks)} passed" if checks else None


@kernel.command("list")
@click.argument("reference", metavar="ID")
@output_options
def list_(reference: str, as_json: bool, quiet: bool) -> None:
    """List the kernels of a blueprint, newest first."""
    store = registry()
    found = store.kernels(store.resolve(reference))
    emit_answer(found, _COLUMNS, as_json=as_json, quiet=quiet, ids=lambda one: one.digest, empty="no kernels")


@kernel.command()
@click.argument("reference", metavar="ID")
@output_options
def attempts(reference: str, as_json: bool, quiet: bool) -> None:
    """List every attempt to compile a blueprint, newest first: done, failed, running or interrupted.

    Interrupted is one whose process has ended on this machine without saying how.
    """
    store = registry()
    emit_answer(
        store.attempts(store.resolve(reference)),
        {
            "id": lambda one: one.id,
            "outcome": lambda one: one.outcome,
            "mode": lambda one: one.mode,
            "started": lambda one: one.started_at,
            "finished": lambda one: one.finished_at,
            "process": lambda one: one.process and f"{one.process.pid} on {one.process.host}",
            "reason": lambda one: one.reason,
        },
        as_json=as_json,
        quiet=quiet,
        empty="no attempts",
    )


@kernel.command()
@click.argument("digest")
@output_options
def show(digest: str, as_json: bool, quiet: bool) -> None:
    """Show one kernel: which blueprint, weights and passes, what became of hints, what validation found."""
    found = registry().kernel(digest)
    facts = {name: getattr(found, name) for name in found.__slots__ if name not in ("validation", "hints")}

    def people() -> None:
        from esper_graph.cli.output import cell

        for name, value in facts.items():
            click.echo(f"{name:<16}{cell(value) if name != 'seed' else value}")
        for hint in found.hints:
            click.echo(f"{'hint':<16}{_hint(hint)}")
        for check in found.validation.get("checks", ()):
            click.echo(f"{'check':<16}{check.get('name')}: {'passed' if check.get('passed') else 'failed'}")

    emit(found, as_json=as_json, quiet=quiet, ids=lambda: [found.digest], people=people)


def _hint(hint: Mapping[str, Any]) -> str:
    """Write what became of a hint: `fusion of 17 conv2d+activation: not honoured, because …`."""
    match hint:
        case {"node": str(node)}:
            about = f"{hint['name']} {hint['value']} of {node}"
        case {"value": {"kind": kind, "groups": count}}:
            about = f"{hint['name']} of {count:,} {kind}"
        case {"value": [*several]}:
            about = f"{hint['name']} of {len(several):,} {'node' if len(several) == 1 else 'nodes'}"
        case _:
            about = hint["name"]
    return f"{about}: {hint['outcome']}, {hint['reason']}"


@kernel.command()
@click.argument("digest")
@output_options
def verify(digest: str, as_json: bool, quiet: bool) -> None:
    """Compare a kernel's bytes with the record, load it, and compare its results with the interpreter's."""
    found = registry().verify_kernel(digest)
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [found.digest],
        people=lambda: click.echo(
            f"{found.digest[:16]}  {found.blueprint}  bytes as recorded, {_checks(found.validation)}"
        ),
    )
    if not found.validation["passed"]:
        note("the kernel does not compute what its blueprint says")
        click.get_current_context().exit(1)


@kernel.command()
@click.argument("digest")
@click.option(
    "--weights",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Write the weights to this file, as safetensors.",
)
@output_options
def export(digest: str, path: Path, as_json: bool, quiet: bool) -> None:
    """Write the weights of a kernel to a file, under the names of the network that they came from."""
    from esper_graph.compile import save_weights

    store = registry()
    found = store.load_kernel(digest)
    weights = found.weights()
    written = save_weights(weights, path)
    facts = {
        "kernel": found.digest,
        "weights": written,
        "path": str(path),
        "tensors": len(weights.state_dict()),
    }
    emit(
        facts,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [written],
        people=lambda: table([facts], {name: lambda one, name=name: one[name] for name in facts}),
    )
