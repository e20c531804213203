"""`esper-graph blueprint`: register blueprints, look at them, search them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from esper_graph.cli.context import limit_options, output_options, reason_option, registry
from esper_graph.cli.cost import cost
from esper_graph.cli.diff import diff
from esper_graph.cli.files import read_blueprint, read_blueprints, refuse_invalid
from esper_graph.cli.importing import import_
from esper_graph.cli.output import Columns, answer_table, cell, document, emit, note, table
from esper_graph.cli.proof import RangeType, proof_document, proof_lines

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.ir.bounds import Range
    from esper_graph.ir.passes import Figures
    from esper_graph.ir.prove import Proof

SUMMARY_COLUMNS: Columns = {
    "id": lambda one: one.id,
    "name": lambda one: one.name,
    "ops": lambda one: one.op_count,
    "parameters": lambda one: one.parameters,
    "FLOPs": lambda one: one.flops,
    "generation": lambda one: one.generation,
    "status": lambda one: one.status,
    "tags": lambda one: one.tags,
}


@click.group(no_args_is_help=True)
def blueprint() -> None:
    """Register blueprints, look at them, search them."""


blueprint.add_command(import_)


@blueprint.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--parent", "parents", multiple=True, metavar="ID", help="It derives from this; may be repeated."
)
@click.option("--kind", metavar="KIND", help="Kind of the derivation, such as mutation or crossover.")
@click.option("--external-parent", is_flag=True, help="Keep parents that this store lacks as names only.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Add a tag; may be repeated.")
@limit_options
@reason_option
@output_options
def register(
    files: tuple[Path, ...],
    parents: tuple[str, ...],
    kind: str | None,
    external_parent: bool,
    tags: tuple[str, ...],
    max_nodes: int | None,
    max_edges: int | None,
    max_depth: int | None,
    reason: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Register blueprints from JSON files, `-` for standard input, or all files of directories."""
    from esper_graph.ir.check import raise_limits

    read = read_blueprints(files)
    with_tags = [one.changed(tags=[*one.tags, *tags]) if tags else one for one in read]
    store = registry()
    references = [parent if external_parent else store.resolve(parent) for parent in parents]
    for one in with_tags:  # all of them, before any is stored
        inherited = store.rules(references or one.parents)
        refuse_invalid(
            one, raise_limits(inherited, max_nodes=max_nodes, max_edges=max_edges, max_depth=max_depth)
        )
    found = [
        store.register_one(
            one,
            parents=references or None,
            kind=kind,
            external_parents=external_parent,
            max_nodes=max_nodes,
            max_edges=max_edges,
            max_depth=max_depth,
            reason=reason,
        )
        for one in with_tags
    ]
    for registration in found:
        for warning in registration.warnings:
            note(f"warning: {registration.id}: {warning}")
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [registration.id for registration in found],
        people=lambda: table(
            found,
            {
                "id": lambda one: one.id,
                "": lambda one: "registered" if one.created else "known already",
                "alias": lambda one: one.alias,
                "fingerprint": lambda one: one.fingerprint[:19],
            },
        ),
    )


@blueprint.command()
@click.argument("reference", metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(["listing", "json", "mermaid", "dot", "svg"]),
    default="listing",
    show_default=True,
    help="How to show the content.",
)
@click.option("--expanded", is_flag=True, help="Write out all blocks.")
@output_options
def show(reference: str, form: str, expanded: bool, as_json: bool, quiet: bool) -> None:
    """Show one blueprint: what it is, what it costs, what is known about it.

    ID is an id, an alias, the beginning of an id, or name@latest.
    """
    from esper_graph.ir.passes import normal_fingerprint_or_none

    store = registry()
    found = store[store.resolve(reference)]
    shown = found.expanded if expanded else found
    if as_json:
        click.echo(
            document(
                {
                    "blueprint": shown.to_dict(),
                    "fingerprint": found.fingerprint,
                    "normal_fingerprint": normal_fingerprint_or_none(found),
                    "content_digest": found.content_digest,
                    "metadata": store.metadata(found.id),
                    "derivations": store.derivations(found.id),
                }
            )
        )
    elif quiet:
        click.echo(found.id)
    elif form == "json":
        click.echo(shown.to_json())
    elif form in ("mermaid", "dot", "svg"):
        from esper_graph.ir import draw

        click.echo(getattr(draw, form)(shown))
    else:
        from esper_graph.ir.listing import listing

        metadata = store.metadata(found.id)
        click.echo(listing(shown).rstrip())
        click.echo()
        facts = {
            "status": metadata.status,
            "generation": metadata.generation,
            "tags": " ".join(found.tags) or None,
            "author": found.author,
            "created": found.created_at,
            "registered": metadata.registered_at,
            "parents": " ".join(found.parents) or None,
            "children": " ".join(metadata.derived_blueprints) or None,
            "fingerprint": found.fingerprint,
            "normal": normal_fingerprint_or_none(found),
            "content": found.content_digest,
        }
        for name, value in facts.items():
            click.echo(f"{name:<12}{cell(value)}")
        for device, values in metadata.benchmarks.items():
            newest = ", ".join(f"{name} {cell(value)}" for name, value in values.items())
            click.echo(f"{'measured':<12}{device}: {newest}")


@blueprint.command("list")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only with this tag; may be repeated.")
@click.option("--status", metavar="WORD", help="Only with this status.")
@click.option("--author", metavar="NAME", help="Only by this author.")
@click.option("--name", metavar="NAME", help="Only with this name.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, metavar="N")
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
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(found, SUMMARY_COLUMNS, empty="no blueprints"),
    )


@blueprint.command()
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
        emit(
            ranked,
            as_json=as_json,
            quiet=quiet,
            ids=lambda: [one.blueprint for one in ranked],
            people=lambda: answer_table(
                ranked,
                {
                    "id": lambda one: one.blueprint,
                    "value": lambda one: one.value,
                    "metric": lambda one: one.name,
                    "device": lambda one: one.device,
                    "measured": lambda one: one.measured_at,
                },
            ),
        )
        return
    found = registry().search_by_tags(tags, match_all)
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(
            found,
            {"id": lambda one: one.id, "name": lambda one: one.name, "tags": lambda one: one.tags},
        ),
    )


@blueprint.command()
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

    With --prove the exit code is 1 unless the shapes of all of them are proved to agree.
    """
    from esper_graph.ir.check import raise_limits

    if ranges and not prove:
        raise click.UsageError("--range needs --prove")
    read = read_blueprints(files)
    rules = registry().rules()
    for one in read:
        refuse_invalid(
            one, raise_limits(rules, max_nodes=max_nodes, max_edges=max_edges, max_depth=max_depth)
        )
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


@blueprint.command()
@click.argument("source", metavar="ID|FILE")
@click.option("--explain", is_flag=True, help="Say what each pass did, and what it saved.")
def optimize(source: str, explain: bool) -> None:
    """Print a smaller blueprint with the same results, as JSON.

    What is given is a file, - for standard input, or a blueprint of the store by its id. The result derives
    from it by the kind optimization, so that it can be registered as its child.
    """
    from esper_graph.ir.passes import optimize_explained

    path = Path(source)
    in_file = source == "-" or path.is_file()
    given = read_blueprint(path) if in_file else registry()[registry().resolve(source)]
    found, steps = optimize_explained(given)
    for step in steps if explain else ():
        note(f"{step.name}: {_figures(step.before, step.after)}")
        for line in step.notes:
            note(f"  {line}")
    if explain and not steps:
        note("there is nothing to do")
    click.echo(found.to_json())


def _figures(before: "Figures", after: "Figures") -> str:
    """What a pass changed: `12 -> 9 nodes, 14 -> 11 edges, 1,000 parameters, 2,000 FLOPs`."""
    words = {"flops": "FLOPs"}
    pairs = zip(before._fields, before, after, strict=True)
    return ", ".join(
        f"{old:,} {words.get(name, name)}" if old == new else f"{old:,} -> {new:,} {words.get(name, name)}"
        for name, old, new in pairs
    )


@blueprint.command()
@click.argument("reference", metavar="ID")
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove the tags instead of adding them.")
@reason_option
def tag(reference: str, tags: tuple[str, ...], remove: bool, reason: str | None) -> None:
    """Add tags to a blueprint, or remove them."""
    store = registry()
    (store.untag if remove else store.tag)(store.resolve(reference), *tags, reason=reason)


@blueprint.command()
@click.argument("reference", metavar="ID")
@click.argument("word")
@reason_option
def status(reference: str, word: str, reason: str | None) -> None:
    """Set the status of a blueprint, a word of your own."""
    store = registry()
    store.set_status(store.resolve(reference), word, reason=reason)


@blueprint.command()
@click.argument("reference", metavar="ID")
@click.argument("name")
@reason_option
def alias(reference: str, name: str, reason: str | None) -> None:
    """Give a blueprint a further id."""
    store = registry()
    store.alias(store.resolve(reference), name, reason=reason)


@blueprint.command()
@click.argument("reference", metavar="ID")
@reason_option
def archive(reference: str, reason: str | None) -> None:
    """Hide a blueprint from lists and searches."""
    store = registry()
    store.archive(store.resolve(reference), reason=reason)


@blueprint.command()
@click.argument("reference", metavar="ID")
@reason_option
def restore(reference: str, reason: str | None) -> None:
    """Show an archived blueprint again."""
    store = registry()
    store.restore(store.resolve(reference), reason=reason)


@blueprint.command()
@click.argument("reference", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
def purge(reference: str, yes: bool, reason: str | None) -> None:
    """Remove a blueprint from which nothing derives, for good."""
    store = registry()
    found = store.resolve(reference)
    if not yes:
        click.confirm(f"Remove `{found}` for good?", abort=True, err=True)
    store.purge(found, reason=reason)


@blueprint.command()
@click.argument("reference", metavar="ID")
@output_options
def history(reference: str, as_json: bool, quiet: bool) -> None:
    """List all that happened to a blueprint, oldest first."""
    store = registry()
    found = store.history(store.resolve(reference))
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [one.id for one in found],
        people=lambda: answer_table(
            found,
            {
                "at": lambda one: one.at,
                "actor": lambda one: one.actor,
                "action": lambda one: one.action,
                "reason": lambda one: one.reason,
            },
        ),
    )


@blueprint.command()
@output_options
def ops(as_json: bool, quiet: bool) -> None:
    """List the op types, with their ports and attributes; no store is needed."""
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


@blueprint.command()
def schema() -> None:
    """Print the JSON Schema of blueprint documents; no store is needed.

    Ops that are added by installed packages are part of it.
    """
    from esper_graph.ir.schema import blueprint_schema

    click.echo(document(blueprint_schema()))


blueprint.add_command(cost)
blueprint.add_command(diff)
