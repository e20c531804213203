"""Who descends from whom. Every answer says whether it is complete.

A statement returns each member of a family once, with its own parents, and never a path: the number of paths
doubles with each crossover. How far a member is from the start is computed here, level by level. Answers that
are cut short are also fetched level by level, so that they cost what they return, unless they are very deep.

All functions take ids of blueprints, not aliases.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from esper_graph.errors import BlueprintNotFoundError, IntegrityError, QueryError
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import DerivationRecord, Relative
from esper_graph.store.engines import Engine, Row
from esper_graph.store.link import link
from esper_graph.store.walk import Fetch, Member, Walk, inside, walk

__all__ = [
    "ancestor_ids",
    "ancestors",
    "children",
    "descendant_ids",
    "descendants",
    "link",
    "parents",
    "path",
    "roots",
    "tree",
]

_ROUNDS = 24  # an answer that needs more levels than this is cheaper to fetch whole
_ROOTS = 8  # descents from more roots than this visit the same members too often
_BATCH = 5_000
_SUFFIX = {False: "", True: "_with_rediscoveries"}


def ancestors(
    engine: Engine,
    blueprint_id: str,
    *,
    max_generations: int | None = None,
    limit: int | None = None,
    include_rediscoveries: bool = False,
) -> Answer[Relative]:
    """List what a blueprint descends from: nearest generation first, then by id.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    return _relatives(engine, _UP, blueprint_id, max_generations, limit, wide=include_rediscoveries)


def descendants(
    engine: Engine,
    blueprint_id: str,
    *,
    max_generations: int | None = None,
    limit: int | None = None,
    include_rediscoveries: bool = False,
) -> Answer[Relative]:
    """List what descends from a blueprint: nearest generation first, then by id.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    return _relatives(engine, _DOWN, blueprint_id, max_generations, limit, wide=include_rediscoveries)


def ancestor_ids(
    engine: Engine, blueprint_id: str, *, include_rediscoveries: bool = False
) -> tuple[str, ...]:
    """List the ids of all that a blueprint descends from, sorted.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    return _ids(engine, _UP, blueprint_id, wide=include_rediscoveries)


def descendant_ids(
    engine: Engine, blueprint_id: str, *, include_rediscoveries: bool = False
) -> tuple[str, ...]:
    """List the ids of all that descends from a blueprint, sorted.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    return _ids(engine, _DOWN, blueprint_id, wide=include_rediscoveries)


def parents(
    engine: Engine, blueprint_id: str, *, include_rediscoveries: bool = False
) -> tuple[DerivationRecord, ...]:
    """List the derivations from a blueprint to its parents, oldest first.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    return _derivations(engine, "lineage/parents", blueprint_id, wide=include_rediscoveries)


def children(
    engine: Engine, blueprint_id: str, *, include_rediscoveries: bool = False
) -> tuple[DerivationRecord, ...]:
    """List the derivations of other blueprints from this one, oldest first.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    return _derivations(engine, "lineage/children", blueprint_id, wide=include_rediscoveries)


def tree(
    engine: Engine, blueprint_id: str, *, max_generations: int | None = None, limit: int | None = None
) -> Answer[Relative]:
    """List the whole family of a blueprint: the roots above it and everything that descends from them.

    The blueprint itself is a member. Generations count from the nearest of these roots.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    _check(max_generations, limit)
    starts = [root.id for root in roots(engine, blueprint_id)]
    if len(starts) <= _ROOTS:
        fetch = inside(_members(engine, "lineage/family", {"ids": starts}), upwards=False)
        met = walk(fetch, starts, 0, max_generations, limit)
        total = walk(fetch, starts, 0).size if met.cut else None
        return met.answer(total)
    met = walk(_stepwise(engine, _DOWN, wide=False), starts, 0, max_generations, limit)
    return met.answer(None)


def roots(engine: Engine, blueprint_id: str | None = None, *, limit: int | None = None) -> Answer[Relative]:
    """List the blueprints that derive from nothing: of the whole store, or those above one blueprint.

    A blueprint without parents is its own root. Above one blueprint, `generation` says how far up they are
    and the nearest come first; in the whole store they come by id.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    _check(None, limit)
    if blueprint_id is None:
        rows = engine.read(get("lineage/roots"), {"limit": _EVERY if limit is None else limit + 1})
        found = [Relative(row["id"], row["name"], 0) for row in rows]
        total = None
        if limit is not None and len(found) > limit:
            total = engine.read(get("lineage/root_count"))[0]["total"]
    else:
        members = _start_members(engine, _UP, blueprint_id, wide=False)
        met = walk(inside(members, upwards=True), [blueprint_id], 0)
        found = [
            Relative(member, members[member].name, generation)
            for member, generation in met.generations.items()
            if not members[member].parents
        ]
        total = len(found)
    if limit is None or len(found) <= limit:
        return Answer(found)
    return Answer(found[:limit], truncated_by="limit", total=total)


def path(
    engine: Engine, one: str, other: str, *, include_rediscoveries: bool = False
) -> tuple[DerivationRecord, ...] | None:
    """Find one shortest chain of derivations between two blueprints, whichever of them is the older one.

    Returns:
        The derivations from the newer one up to the older one; empty when both are the same blueprint,
        None when neither descends from the other.

    Raises:
        BlueprintNotFoundError: One of them does not exist.
    """
    query = get("lineage/path" + _SUFFIX[include_rediscoveries])
    if one == other:
        _found(engine, [one])
        return ()
    shortest: tuple[DerivationRecord, ...] | None = None
    for child, ancestor in ((one, other), (other, one)):
        rows = engine.read(query, {"child": child, "ancestor": ancestor})
        if not rows:
            _found(engine, [one, other])
            continue  # they appeared in between
        chain = chain_of(rows[0])
        if chain and (shortest is None or len(chain) < len(shortest)):
            shortest = chain  # with rediscoveries both directions can lead to the goal
        if shortest and not include_rediscoveries:
            break
    return shortest


def chain_of(row: Row) -> tuple[DerivationRecord, ...] | None:
    """Make records of a row of `lineage/path`."""
    if row["ids"] is None:
        return None
    ends = zip(row["ids"], row["ids"][1:], row["derivations"], strict=False)
    return tuple(_record(child, parent, found["type"], found) for child, parent, found in ends)


# ---------------------------------------------------------------- walking


@dataclass(frozen=True, slots=True)
class _Direction:
    """Up or down, and what its queries are called."""

    members: str
    member: str
    step: str
    upwards: bool


_UP = _Direction("lineage/ancestors", "lineage/ancestor", "lineage/step_up", upwards=True)
_DOWN = _Direction("lineage/descendants", "lineage/descendant", "lineage/step_down", upwards=False)
_EVERY = 10**9  # above 2^31 - 2 the embedded engine fails, or returns nothing at all


def _relatives(
    engine: Engine,
    direction: _Direction,
    blueprint_id: str,
    max_generations: int | None,
    limit: int | None,
    *,
    wide: bool,
) -> Answer[Relative]:
    _check(max_generations, limit)
    if max_generations is None and limit is None:
        members = _start_members(engine, direction, blueprint_id, wide=wide)
        return _walk_from(inside(members, upwards=direction.upwards), blueprint_id).answer(None)
    step = _stepwise(engine, direction, wide=wide)
    met = _walk_from(step, blueprint_id, max_generations, limit, rounds=_ROUNDS)
    if met.too_deep:
        members = _start_members(engine, direction, blueprint_id, wide=wide)
        met = _walk_from(inside(members, upwards=direction.upwards), blueprint_id, max_generations, limit)
        return met.answer(len(members) - 1)
    if met.cut is None:
        return met.answer(None)
    query = get(f"{direction.member}_count{_SUFFIX[wide]}")
    rows = engine.read(query, {"id": blueprint_id})
    return met.answer(rows[0]["total"] if rows else None)


def _walk_from(
    fetch: Fetch,
    blueprint_id: str,
    max_generations: int | None = None,
    limit: int | None = None,
    *,
    rounds: int | None = None,
) -> Walk:
    start = fetch([blueprint_id]).get(blueprint_id)
    if start is None:
        raise BlueprintNotFoundError(blueprint_id)
    onward = [following for following in start.onward if following != blueprint_id]
    return walk(fetch, onward, 1, max_generations, limit, start=blueprint_id, rounds=rounds)


def _stepwise(engine: Engine, direction: _Direction, *, wide: bool) -> Fetch:
    """Fetch each level when the walk comes to it."""
    query = get(direction.step)

    def fetch(ids: Sequence[str]) -> Mapping[str, Member]:
        return {
            row["id"]: Member(row["name"], tuple(row["parents"]), tuple(row["onward"]))
            for begin in range(0, len(ids), _BATCH)
            for row in engine.read(query, {"ids": ids[begin : begin + _BATCH], "rediscoveries": wide})
        }

    return fetch


def _start_members(
    engine: Engine, direction: _Direction, blueprint_id: str, *, wide: bool
) -> Mapping[str, Member]:
    members = _members(engine, direction.members + _SUFFIX[wide], {"id": blueprint_id})
    if not members:
        raise BlueprintNotFoundError(blueprint_id)
    return members


def _members(engine: Engine, query: str, parameters: Mapping[str, object]) -> dict[str, Member]:
    (row,) = engine.read(get(query), parameters)
    columns = zip(row["ids"], row["names"], row["parents"], strict=True)
    return {
        member: Member(name, above, above)
        for member, name, above in ((member, name, tuple(above)) for member, name, above in columns)
    }


def _ids(engine: Engine, direction: _Direction, blueprint_id: str, *, wide: bool) -> tuple[str, ...]:
    query = get(f"{direction.member}_ids{_SUFFIX[wide]}")
    (row,) = engine.read(query, {"id": blueprint_id})
    if not row["ids"]:
        raise BlueprintNotFoundError(blueprint_id)
    return tuple(member for member in row["ids"] if member != blueprint_id)


def _found(engine: Engine, ids: Sequence[str]) -> None:
    found = _stepwise(engine, _UP, wide=False)(ids)
    for wanted in ids:
        if wanted not in found:
            raise BlueprintNotFoundError(wanted)


def _check(max_generations: int | None, limit: int | None) -> None:
    for name, value in (("max_generations", max_generations), ("limit", limit)):
        if value is not None and value < 0:
            raise QueryError(
                f"{name} is {value}, but must be 0 or more", hint="leave it out to have them all"
            )


# ---------------------------------------------------------------- derivations


def _derivations(
    engine: Engine, query: str, blueprint_id: str, *, wide: bool
) -> tuple[DerivationRecord, ...]:
    rows = engine.read(get(query), {"id": blueprint_id, "rediscoveries": wide})
    if not rows:
        raise BlueprintNotFoundError(blueprint_id)
    return tuple(
        _record(row["child"], row["parent"], row["type"], row["properties"])
        for row in rows
        if row["type"] is not None
    )


def _record(child: str, parent: str, relationship: str, properties: Mapping[str, Any]) -> DerivationRecord:
    missing = [name for name in ("kind", "actor", "registered_at") if properties.get(name) is None]
    if missing:
        raise IntegrityError(
            child,
            f"its derivation from `{parent}` has no {' and no '.join(missing)}",
            recorded=str(properties.get("key")),
        )
    at: datetime | str = properties["registered_at"]
    return DerivationRecord(
        child=child,
        parent=parent,
        kind=properties["kind"],
        mutation_type=properties.get("mutation_type"),
        edits=tuple(json.loads(properties.get("edits") or "[]")),
        actor=properties["actor"],
        reason=properties.get("reason"),
        # Where a zone has a name, it stands in brackets behind the offset.
        registered_at=datetime.fromisoformat(at.partition("[")[0]) if isinstance(at, str) else at,
        rediscovery=relationship == "REDISCOVERED_FROM",
    )
