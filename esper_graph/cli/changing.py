"""`esper-graph blueprint`, changes around a blueprint: tags, measurements, status, ids, hiding, removing."""

import click

from esper_graph.cli.context import output_options, reason_option, registry
from esper_graph.cli.output import cell, emit, note


@click.command()
@click.argument("reference", metavar="ID")
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove the tags instead of adding them.")
@reason_option
@output_options
def tag(
    reference: str, tags: tuple[str, ...], remove: bool, reason: str | None, as_json: bool, quiet: bool
) -> None:
    """Add tags to a blueprint, or remove them."""
    store = registry()
    found = store.resolve(reference)
    (store.untag if remove else store.tag)(found, *tags, reason=reason)
    _tell(found, as_json=as_json, quiet=quiet, **{"tags_removed" if remove else "tags_added": tags})


@click.command()
@click.argument("reference", metavar="ID")
@click.argument("word")
@reason_option
@output_options
def status(reference: str, word: str, reason: str | None, as_json: bool, quiet: bool) -> None:
    """Set the status of a blueprint, a word of your own."""
    store = registry()
    found = store.resolve(reference)
    store.set_status(found, word, reason=reason)
    _tell(found, status=word, as_json=as_json, quiet=quiet)


@click.command()
@click.argument("reference", metavar="ID")
@click.argument("values", metavar="METRIC=VALUE...", nargs=-1, required=True)
@click.option("--device", default="default", show_default=True, metavar="NAME", help="Where it was measured.")
@click.option("--new-device", is_flag=True, help="Accept a device that the manifest does not name.")
@click.option("--tool", metavar="NAME", help="What measured it.")
@reason_option
@output_options
def record(
    reference: str,
    values: tuple[str, ...],
    device: str,
    new_device: bool,
    tool: str | None,
    reason: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Record measurements of a blueprint, in the manifest's units; older ones stay in the history."""
    metrics: dict[str, float] = {}
    for name, value in map(_value, values):
        if name in metrics:
            raise click.UsageError(f"{name} is given twice")
        metrics[name] = value
    store = registry()
    found = store.resolve(reference)
    store.update_performance(found, metrics, device, new_device=new_device, tool=tool, reason=reason)
    _tell(found, device=device, recorded=metrics, as_json=as_json, quiet=quiet)


@click.command()
@click.argument("reference", metavar="ID")
@click.argument("name")
@reason_option
@output_options
def alias(reference: str, name: str, reason: str | None, as_json: bool, quiet: bool) -> None:
    """Give a blueprint a further id."""
    store = registry()
    found = store.resolve(reference)
    store.alias(found, name, reason=reason)
    _tell(found, alias=name, as_json=as_json, quiet=quiet)


@click.command()
@click.argument("reference", metavar="ID")
@reason_option
@output_options
def archive(reference: str, reason: str | None, as_json: bool, quiet: bool) -> None:
    """Hide a blueprint from lists and searches."""
    store = registry()
    found = store.resolve(reference)
    store.archive(found, reason=reason)
    _tell(found, archived=True, as_json=as_json, quiet=quiet)


@click.command()
@click.argument("reference", metavar="ID")
@reason_option
@output_options
def restore(reference: str, reason: str | None, as_json: bool, quiet: bool) -> None:
    """Show an archived blueprint again."""
    store = registry()
    found = store.resolve(reference)
    store.restore(found, reason=reason)
    _tell(found, archived=False, as_json=as_json, quiet=quiet)


@click.command()
@click.argument("reference", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
@output_options
def purge(reference: str, yes: bool, reason: str | None, as_json: bool, quiet: bool) -> None:
    """Remove a blueprint from which nothing derives, for good."""
    store = registry()
    found = store.resolve(reference)
    if not yes:
        click.confirm(f"Remove `{found}` for good?", abort=True, err=True)
    store.purge(found, reason=reason)
    _tell(found, purged=True, as_json=as_json, quiet=quiet)


def _value(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise click.UsageError(f"`{text}` is not of the form METRIC=VALUE, such as latency_ms=4.2") from None


def _tell(blueprint_id: str, *, as_json: bool, quiet: bool, **changed: object) -> None:
    """Say what a blueprint has now; to people on standard error, for they asked for nothing."""
    words = "; ".join(f"{name.replace('_', ' ')} {cell(value)}" for name, value in changed.items())
    emit(
        {"id": blueprint_id, **changed},
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [blueprint_id],
        people=lambda: note(f"`{blueprint_id}`: {words}"),
    )


COMMANDS = (tag, status, record, alias, archive, restore, purge)
