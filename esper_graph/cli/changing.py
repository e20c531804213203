"""`esper-graph blueprint`, changes around a blueprint: tags, status, further ids, hiding, removing."""

import click

from esper_graph.cli.context import reason_option, registry


@click.command()
@click.argument("reference", metavar="ID")
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove the tags instead of adding them.")
@reason_option
def tag(reference: str, tags: tuple[str, ...], remove: bool, reason: str | None) -> None:
    """Add tags to a blueprint, or remove them."""
    store = registry()
    (store.untag if remove else store.tag)(store.resolve(reference), *tags, reason=reason)


@click.command()
@click.argument("reference", metavar="ID")
@click.argument("word")
@reason_option
def status(reference: str, word: str, reason: str | None) -> None:
    """Set the status of a blueprint, a word of your own."""
    store = registry()
    store.set_status(store.resolve(reference), word, reason=reason)


@click.command()
@click.argument("reference", metavar="ID")
@click.argument("name")
@reason_option
def alias(reference: str, name: str, reason: str | None) -> None:
    """Give a blueprint a further id."""
    store = registry()
    store.alias(store.resolve(reference), name, reason=reason)


@click.command()
@click.argument("reference", metavar="ID")
@reason_option
def archive(reference: str, reason: str | None) -> None:
    """Hide a blueprint from lists and searches."""
    store = registry()
    store.archive(store.resolve(reference), reason=reason)


@click.command()
@click.argument("reference", metavar="ID")
@reason_option
def restore(reference: str, reason: str | None) -> None:
    """Show an archived blueprint again."""
    store = registry()
    store.restore(store.resolve(reference), reason=reason)


@click.command()
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


COMMANDS = (tag, status, alias, archive, restore, purge)
