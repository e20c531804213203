"""`esper-graph blueprint show`: one blueprint, and all that is known about it."""

import click

from esper_graph.cli.context import output_options, registry
from esper_graph.cli.output import cell, document


@click.command()
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
