"""What may change about a registered blueprint: tags, status, aliases, notes, and whether it is there at all.

Each change is one transaction with one event. Repeating its operation changes nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from esper_graph.config import Manifest, load_manifest
from esper_graph.errors import (
    BlueprintNotFoundError,
    ConfigError,
    IdTakenError,
    LineageError,
    StoreError,
    counted,
)
from esper_graph.ir.specs import ID_CHARACTERS, Id, Tag
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import Operation
from esper_graph.store.awaited import fill_external_parents
from esper_graph.store.engines import ConflictError, Engine, Row, Transaction
from esper_graph.store.journal import note_event

_TAG: TypeAdapter[str] = TypeAdapter(Tag)
_ID: TypeAdapter[str] = TypeAdapter(Id)
_ARCHIVED = "archived"


def tag(
    engine: Engine,
    blueprint_id: str,
    operation: Operation,
    *,
    tags: Iterable[str],
    manifest: Manifest | None = None,
) -> None:
    """Add tags; those that are there stay.

    Args:
        manifest: Says which categories the tags lead to; None means the shipped one.

    Raises:
        ConfigError: A tag is empty, too long, or holds control characters.
        BlueprintNotFoundError: There is no such blueprint.
    """
    _set_tags(engine, blueprint_id, operation, "blueprint/add_tags", tags, manifest)


def untag(
    engine: Engine,
    blueprint_id: str,
    operation: Operation,
    *,
    tags: Iterable[str],
    manifest: Manifest | None = None,
) -> None:
    """Remove tags; those that are not there are no error. Arguments and errors as in `tag`."""
    _set_tags(engine, blueprint_id, operation, "blueprint/remove_tags", tags, manifest)


def set_status(engine: Engine, blueprint_id: str, operation: Operation, *, status: str) -> None:
    """Set the status, a word of the user's own.

    Raises:
        ConfigError: It is no such word, or `archived`.
        StoreError: The blueprint is archived.
        BlueprintNotFoundError: There is no such blueprint.
    """
    if status == _ARCHIVED:
        raise ConfigError("`archived` is not set as a status", hint="archive the blueprint")
    asked = {"id": blueprint_id, "status": _checked(_TAG, status, "status")}

    def work(transaction: Transaction) -> None:
        row = _changed(transaction.run(get("blueprint/set_status"), asked), blueprint_id)
        if row["archived"]:
            raise StoreError(f"blueprint `{blueprint_id}` is archived", hint="restore it first")

    _write(engine, blueprint_id, operation, work)


def add_alias(engine: Engine, blueprint_id: str, operation: Operation, *, alias: str) -> None:
    """Give a blueprint a further id; one that it has already is no error.

    Raises:
        ConfigError: It is no id.
        IdTakenError: It names another blueprint.
        LineageCycleError: Blueprints that it descends from wait for a parent of this name.
        BlueprintNotFoundError: There is no such blueprint.
    """
    asked = {"id": blueprint_id, "alias": _checked(_ID, alias, "alias")}

    def work(transaction: Transaction) -> None:
        row = _changed(transaction.run(get("blueprint/add_alias"), asked), blueprint_id)
        if row["names"] != blueprint_id:
            raise _taken(transaction.run, alias, blueprint_id)
        if row["awaited"]:
            fill_external_parents(transaction, {alias: blueprint_id})

    try:
        _write(engine, blueprint_id, operation, work, in_turn=True)
    except ConflictError:
        raise _taken(engine.read, alias, blueprint_id) from None


def note(engine: Engine, blueprint_id: str, operation: Operation) -> None:
    """Write a note, the operation's reason, into the history.

    Raises:
        ConfigError: There is no text.
        BlueprintNotFoundError: There is no such blueprint.
    """
    if not operation.reason:
        raise ConfigError("a note needs a text")

    def work(transaction: Transaction) -> None:
        _changed(transaction.run(get("blueprint/find"), {"names": [blueprint_id]}), blueprint_id)

    _write(engine, blueprint_id, operation, work)


def archive(engine: Engine, blueprint_id: str, operation: Operation) -> None:
    """Hide a blueprint from lists and searches; `get` and lineage still know it.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    _write(engine, blueprint_id, operation, _simple("blueprint/archive", blueprint_id))


def restore(engine: Engine, blueprint_id: str, operation: Operation) -> None:
    """Show an archived blueprint again, with the status it had.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    _write(engine, blueprint_id, operation, _simple("blueprint/restore", blueprint_id))


def purge(engine: Engine, blueprint_id: str, operation: Operation) -> None:
    """Remove a blueprint for good, with its aliases, measurements and kernel records; an event stays.

    Raises:
        LineageError: Something derives from it.
        StoreError: One of its kernels is deployed.
        BlueprintNotFoundError: There is no such blueprint.
    """

    def work(transaction: Transaction) -> None:
        if transaction.run(get("event/count"), {"operation_id": operation.id})[0]["events"]:
            return
        # The lock keeps `link` from adding a child between the look and the removal.
        transaction.run(get("lineage/lock"))
        state = _changed(transaction.run(get("blueprint/purge_state"), {"id": blueprint_id}), blueprint_id)
        if state["children"]:
            children = sorted(set(state["children"]))
            raise LineageError(
                f"`{blueprint_id}` cannot be purged: it is a parent of {counted(len(children), 'blueprint')}",
                where=[f"child  {child}" for child in children[:5]],
                hint="archive it instead: that hides it and keeps the family whole",
            )
        if state["deployments"]:
            raise StoreError(
                f"`{blueprint_id}` cannot be purged: its kernels run in "
                f"{counted(len(state['deployments']), 'deployment')}",
                where=[f"deployment  {name}" for name in sorted(state["deployments"])[:5]],
                hint="end them first, or archive the blueprint",
            )
        removed = transaction.run(get("blueprint/purge"), {"id": blueprint_id})[0]["nodes"]
        tombstone = {
            **operation.detail,
            **{name: state[name] for name in ("id", "name", "fingerprint", "content_digest")},
            "registered_at": state["registered_at"].isoformat(),
            "kernels": sorted(state["kernels"]),
            "aliases": sorted(state["aliases"]),
            "rediscovered_by": sorted(set(state["rediscovered_by"])),
            "nodes": removed,
        }
        note_event(transaction, replace(operation, detail=tombstone), [])

    engine.write(work, name=operation.action, retry_conflicts=True)


# ---------------------------------------------------------------- inside


def _set_tags(
    engine: Engine,
    blueprint_id: str,
    operation: Operation,
    query: str,
    tags: Iterable[str],
    manifest: Manifest | None,
) -> None:
    rules = manifest or load_manifest()
    asked = {"id": blueprint_id, "tags": sorted({_checked(_TAG, name, "tag") for name in tags})}

    def work(transaction: Transaction) -> None:
        # Held first: categories follow from all tags, and others may add or remove some at the same time.
        transaction.run(get("blueprint/hold"), {"names": [blueprint_id], "fingerprints": []})
        _changed(transaction.run(get(query), asked), blueprint_id)
        now = [row["tag"] for row in transaction.run(get("blueprint/tags"), {"id": blueprint_id})]
        categories = sorted(rules.categories_of(now))
        transaction.run(get("blueprint/set_categories"), {"id": blueprint_id, "categories": categories})

    _write(engine, blueprint_id, operation, work)


def _write(
    engine: Engine,
    blueprint_id: str,
    operation: Operation,
    change: Callable[[Transaction], None],
    *,
    in_turn: bool = False,
) -> None:
    """Carry out a change and write its event, unless the operation was carried out before."""

    def work(transaction: Transaction) -> None:
        if transaction.run(get("event/count"), {"operation_id": operation.id})[0]["events"]:
            return
        change(transaction)
        note_event(transaction, operation, [blueprint_id])

    engine.write(work, name=operation.action, retry_conflicts=True, in_turn=in_turn)


def _simple(query: str, blueprint_id: str) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        _changed(transaction.run(get(query), {"id": blueprint_id}), blueprint_id)

    return work


def _changed(rows: list[Row], blueprint_id: str) -> Row:
    if not rows:
        raise BlueprintNotFoundError(blueprint_id)
    return rows[0]


def _checked(adapter: TypeAdapter[str], value: object, what: str) -> str:
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError as error:
        detail = error.errors()[0]
        if detail["type"] == "string_pattern_mismatch":
            raise ConfigError(f"`{value}` is no {what}", hint=f"make it of {ID_CHARACTERS}") from None
        reason = detail["msg"].removeprefix("Value error, ")
        raise ConfigError(f"`{value}` is no {what}: {reason[:1].lower()}{reason[1:]}") from None


def _taken(run: Callable[..., list[Row]], alias: str, blueprint_id: str) -> IdTakenError:
    rows = run(get("blueprint/holders"), {"names": [alias, blueprint_id]})
    held: dict[str, str | None] = {row["name"]: row["fingerprint"] for row in rows}
    return IdTakenError(alias, held=held.get(alias, ""), offered=held.get(blueprint_id, ""))
