"""`esper-graph lineage`, lists of relatives: ancestors, descendants, parents, children, siblings and ends."""

import json
from typing import TYPE_CHECKING, Any, Unpack

import click

from esper_graph.cli.context import limit_option, output_options, registry
from esper_graph.cli.families import (
    Command,
    Viewed,
    as_of_option,
    generations_option,
    rediscoveries_option,
    view_options,
    which_options,
)
from esper_graph.cli.output import columns, emit_answer, note, plain

if TYPE_CHECKING:
    from datetime import datetime

    from esper_graph.property_graph.answer import Answer, Stream
    from esper_graph.property_graph.kinship import FamilyMember
    from esper_graph.property_graph.records import Relative

_RELATIVE = columns("generation", "id", "name", "parents")
_END = columns("generation", "id", "name")
_DERIVATION = columns(
    *("child", "parent", "kind", "type=mutation_type", "actor", "registered=registered_at", "reason")
)


def _relatives(command: Command) -> Command:
    for option in (
        output_options,
        click.option("--stream", is_flag=True, help="Print JSON lines as they arrive, in no order."),
        which_options,
        view_options,
        limit_option("relatives"),
        generations_option("follow"),
        click.argument("reference", metavar="ID"),
    ):
        command = option(command)
    return command


@click.command()
@_relatives
def ancestors(**asked: Any) -> None:
    """List what a blueprint derives from, nearest generation first."""
    _list("ancestors", "no ancestors: it is a root", **asked)


@click.command()
@_relatives
def descendants(**asked: Any) -> None:
    """List what derives from a blueprint, nearest generation first."""
    _list("descendants", "no descendants: it is a leaf", **asked)


def _list(
    verb: str,
    empty: str,
    *,
    reference: str,
    max_generations: int | None,
    limit: int | None,
    include_rediscoveries: bool,
    as_of: "datetime | None",
    stream: bool,
    as_json: bool,
    quiet: bool,
    **narrowed: Any,
) -> None:
    from esper_graph.property_graph.kinship import Which

    which = Which(**narrowed)
    store = registry()
    start = store.resolve(reference)
    if stream:
        if which.narrows or (max_generations, limit, as_of) != (None, None, None):
            raise click.UsageError("--stream takes all relatives: only --rediscoveries goes with it")
        _stream(
            getattr(store, f"stream_{verb}")(start, include_rediscoveries=include_rediscoveries), quiet=quiet
        )
        return
    found: Answer[Relative] = getattr(store, verb)(
        start,
        max_generations=max_generations,
        limit=limit,
        include_rediscoveries=include_rediscoveries,
        as_of=as_of,
        which=which,
    )
    narrowed_to_none = which.narrows or as_of is not None or not found.complete
    told = "nothing found" if narrowed_to_none else empty
    emit_answer(found, _RELATIVE, as_json=as_json, quiet=quiet, empty=told)
    if found.truncated_by == "external":
        note(f"outside of this store: {' '.join(store.external_ancestors(start))}")


def _stream(members: "Stream[FamilyMember]", *, quiet: bool) -> None:
    """Print one document or id a line, and at last whether these were all: ids stay apart from that."""
    count = 0
    for member in members:
        count += 1
        click.echo(member.id if quiet else json.dumps(plain(member), ensure_ascii=False))
    if quiet:
        if not members.complete:
            note(f"not complete: more, cut by {members.truncated_by}")
        return
    ended = {"complete": members.complete, "truncated_by": members.truncated_by, "count": count}
    click.echo(json.dumps(ended))


@click.command()
@click.argument("reference", metavar="ID")
@rediscoveries_option
@output_options
def parents(reference: str, include_rediscoveries: bool, as_json: bool, quiet: bool) -> None:
    """List the derivations of ID from its parents, oldest first."""
    store = registry()
    found = store.parents(store.resolve(reference), include_rediscoveries=include_rediscoveries)
    emit_answer(found, _DERIVATION, as_json=as_json, quiet=quiet, ids=lambda one: one.parent, empty="none")
    if found.truncated_by == "external":
        note("others are outside of this store: `esper-graph lineage ancestors` names them")


@click.command()
@click.argument("reference", metavar="ID")
@rediscoveries_option
@output_options
def children(reference: str, include_rediscoveries: bool, as_json: bool, quiet: bool) -> None:
    """List the derivations of other blueprints from ID, oldest first."""
    store = registry()
    found = store.children(store.resolve(reference), include_rediscoveries=include_rediscoveries)
    emit_answer(found, _DERIVATION, as_json=as_json, quiet=quiet, ids=lambda one: one.child, empty="none")


@click.command()
@click.argument("references", metavar="ID...", nargs=-1, required=True)
@click.option("--nearest", is_flag=True, help="Only those that no other common ancestor descends from.")
@limit_option("ancestors")
@view_options
@output_options
def common(
    references: tuple[str, ...],
    nearest: bool,
    limit: int | None,
    as_json: bool,
    quiet: bool,
    **view: Unpack[Viewed],
) -> None:
    """List what all of several blueprints descend from, nearest first; each counts as its own ancestor."""
    store = registry()
    ids = [store.resolve(one) for one in references]
    found = store.common_ancestors(*ids, nearest=nearest, limit=limit, **view)
    shown = columns("nearest", "generations", "id", "name")
    emit_answer(found, shown, as_json=as_json, quiet=quiet, empty="nothing in common")


@click.command()
@click.argument("reference", metavar="ID")
@limit_option("siblings")
@view_options
@output_options
def siblings(reference: str, limit: int | None, as_json: bool, quiet: bool, **view: Unpack[Viewed]) -> None:
    """List blueprints that share a parent with ID: those that share most first."""
    store = registry()
    found = store.siblings(store.resolve(reference), limit=limit, **view)
    emit_answer(found, columns("id", "name", "shared"), as_json=as_json, quiet=quiet, empty="no siblings")


@click.command()
@click.argument("reference", metavar="[ID]", required=False)
@limit_option("roots")
@as_of_option
@output_options
def roots(
    reference: str | None, limit: int | None, as_of: "datetime | None", as_json: bool, quiet: bool
) -> None:
    """List blueprints without parents: those above ID, or all."""
    store = registry()
    found = store.roots(store.resolve(reference) if reference else None, limit=limit, as_of=as_of)
    emit_answer(found, columns("id", "name"), as_json=as_json, quiet=quiet, empty="no blueprints")


@click.command()
@click.argument("reference", metavar="[ID]", required=False)
@limit_option("leaves")
@view_options
@output_options
def leaves(
    reference: str | None, limit: int | None, as_json: bool, quiet: bool, **view: Unpack[Viewed]
) -> None:
    """List blueprints that nothing derives from: those below ID, or all."""
    store = registry()
    found = store.leaves(store.resolve(reference) if reference else None, limit=limit, **view)
    emit_answer(found, _END, as_json=as_json, quiet=quiet, empty="no blueprints")


@click.command()
@limit_option("orphans")
@output_options
def orphans(limit: int | None, as_json: bool, quiet: bool) -> None:
    """List blueprints without a derivation in either direction."""
    emit_answer(registry().orphans(limit=limit), _END, as_json=as_json, quiet=quiet, empty="no orphans")


COMMANDS = (ancestors, descendants, parents, children, common, siblings, roots, leaves, orphans)
