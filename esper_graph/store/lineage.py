"""Who descends from whom. Every answer says whether it is complete.

A statement returns each member of a family once, with its own parents, and never a path: the number of paths
doubles with each crossover. How far a member is from the start is computed here, level by level. Answers that
are cut short are also fetched level by level, so that they cost what they return, unless they are very deep.

All functions take ids of blueprints, not aliases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from esper_graph.errors import BlueprintNotFoundError, QueryError
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import DerivationRecord, Relative
from esper_graph.store.collecting import seldom_collected
from esper_graph.store.derivations import chain_of, record_of
from esper_graph.store.engines import Engine, Row
from esper_graph.store.family import Family, above, cut, fetch, levels, reached, relatives, require
from esper_graph.store.link import link
from esper_graph.store.matching import fetch_matching
from esper_graph.store.outside import external_ancestors, marked
from esper_graph.store.paths import paths, shortest
from esper_graph.store.reach import ALL, NOW, SUFFIX, Reach, View, require_count
from esper_graph.store.walk import Fetch, Member, Walk, walk

__all__ = [
    "ancestor_ids",
    "ancestors",
    "children",
    "descendant_ids",
    "descendants",
    "external_ancestors",
    "link",
    "parents",
    "path",
    "paths",
    "roots",
    "tree",
]

_ROUNDS = 24  # an answer that needs more levels than this is cheaper to fetch whole
_ROOTS = 8  # descents from more roots than this visit the same members too often
_BATCH = 10_000


def ancestors(engine: Engine, blueprint_id: str, reach: Reach = ALL) -> Answer[Relative]:
    """List what a blueprint descends from: nearest generation first, then by id.

    An answer that would be complete is marked `external` where the family goes on outside of this store.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then.
    """
    return _relatives(engine, _UP, blueprint_id, reach)


def descendants(engine: Engine, blueprint_id: str, reach: Reach = ALL) -> Answer[Relative]:
    """List what descends from a blueprint: nearest generation first; all else as in `ancestors`."""
    return _relatives(engine, _DOWN, blueprint_id, reach)


def ancestor_ids(engine: Engine, blueprint_id: str, *, include_rediscoveries: bool = False) -> Answer[str]:
    """List the ids of all that a blueprint descends from, sorted; marked like `ancestors`.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    row = _ids(engine, _UP, blueprint_id, wide=include_rediscoveries)
    return marked(Answer(_others(row["ids"], blueprint_id)), external=bool(row["outside"]))


def descendant_ids(engine: Engine, blueprint_id: str, *, include_rediscoveries: bool = False) -> Answer[str]:
    """List the ids of all that descends from a blueprint, sorted.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    row = _ids(engine, _DOWN, blueprint_id, wide=include_rediscoveries)
    return Answer(_others(row["ids"], blueprint_id))


def parents(
    engine: Engine, blueprint_id: str, *, include_rediscoveries: bool = False
) -> Answer[DerivationRecord]:
    """List the derivations from a blueprint to its parents, oldest first.

    The answer is marked `external` where there are others, from parents that the store knows by name only.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    return _derivations(engine, "lineage/parents", blueprint_id, wide=include_rediscoveries)


def children(
    engine: Engine, blueprint_id: str, *, include_rediscoveries: bool = False
) -> Answer[DerivationRecord]:
    """List the derivations of other blueprints from this one, oldest first.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    return _derivations(engine, "lineage/children", blueprint_id, wide=include_rediscoveries)


@seldom_collected()
def tree(engine: Engine, blueprint_id: str, reach: Reach = ALL) -> Answer[Relative]:
    """List the whole family of a blueprint: the roots above it and everything that descends from them.

    The blueprint itself is a member. Generations count from the nearest of these roots. Everyone is listed,
    whatever `reach.which` says. An answer that would be complete is marked `external` where the family goes
    on above the blueprint and outside of this store.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then.
    """
    family, starts, external = whole_tree(engine, blueprint_id, reach.view)
    return marked(relatives(family, levels(family.children, starts), reach=reach), external=external)


def whole_tree(engine: Engine, blueprint_id: str, view: View) -> tuple[Family, list[str], bool]:
    """Fetch the whole family of a blueprint.

    Returns:
        The family, the roots above the blueprint, and whether something is above it outside of this store.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then.
    """
    family = fetch(engine, "lineage/tree", view, id=blueprint_id, most_roots=_ROOTS)
    if not family.parents:
        up = above(engine, blueprint_id, view)
        starts = [one for one, parents in up.parents.items() if not parents]
        if view.rediscoveries:  # they can lead in a circle, above which there is nothing
            starts = _without_parents(engine, list(up.parents), view)
        met = walk(_stepwise(engine, _DOWN, view), starts, 0)
        family = Family(
            {one: met.members[one].name for one in met.generations},
            {
                one: tuple(p for p in met.members[one].parents if p in met.generations)
                for one in met.generations
            },
        )
        return family, sorted(starts), bool(up.others)
    require(engine, family, [blueprint_id], view)
    over = reached(family.parents, [blueprint_id])
    external = not family.others.keys().isdisjoint(over)  # whose parents in the store are all members
    if view.rediscoveries:
        return family, _without_parents(engine, list(over), view), external
    starts = sorted(one for one in over if not family.parents[one])
    return (family.only(levels(family.children, starts)) if view.as_of else family), starts, external


def _without_parents(engine: Engine, ids: Sequence[str], view: View) -> list[str]:
    """List which of some blueprints derive from nothing, rediscoveries apart."""
    members = _stepwise(engine, _UP, View(as_of=view.as_of))(ids)
    return sorted(one for one, member in members.items() if not member.parents)


@seldom_collected()
def roots(
    engine: Engine,
    blueprint_id: str | None = None,
    *,
    limit: int | None = None,
    as_of: datetime | None = None,
) -> Answer[Relative]:
    """List the blueprints that derive from nothing: of the whole store, or those above one blueprint.

    A blueprint without parents is its own root. Above one blueprint, `generation` says how far up they are
    and the nearest come first; in the whole store they come by id.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then, a limit is below 0, or a time is asked for of the whole store.
    """
    require_count("limit", limit)
    if blueprint_id is not None:
        family = above(engine, blueprint_id, View(as_of=as_of))
        distance = levels(family.parents, [blueprint_id])
        ends = [
            Relative(member, family.names[member], generation)
            for member, generation in distance.items()
            if not family.parents[member]
        ]
        return marked(cut(ends, limit), external=bool(family.others))
    if as_of is not None:
        raise QueryError("roots of the whole store are those of now", hint="name a blueprint beside the time")
    rows = engine.read(get("lineage/roots"), {"limit": _EVERY if limit is None else limit + 1})
    found = [Relative(row["id"], row["name"], 0) for row in rows]
    counted = engine.read(get("lineage/root_count"))[0]["total"] if len(found) > (limit or _EVERY) else None
    return cut(found, limit, counted)


@seldom_collected()
def path(engine: Engine, one: str, other: str, view: View = NOW) -> tuple[DerivationRecord, ...] | None:
    """Find one shortest chain of derivations between two blueprints, whichever of them is the older one.

    Returns:
        The derivations from the newer one up to the older one; empty when both are the same blueprint,
        None when neither descends from the other.

    Raises:
        BlueprintNotFoundError: One of them does not exist.
        QueryError: One was not known then.
    """
    if view.as_of is not None:
        return shortest(engine, one, other, view)
    query = get("lineage/path" + view.suffix)
    if one == other:
        _found(engine, [one])
        return ()
    best: tuple[DerivationRecord, ...] | None = None
    for child, ancestor in ((one, other), (other, one)):
        rows = engine.read(query, {"child": child, "ancestor": ancestor})
        if not rows:
            _found(engine, [one, other])
            continue  # they appeared in between
        chain = chain_of(rows[0])
        if chain and (best is None or len(chain) < len(best)):
            best = chain  # with rediscoveries both directions can lead to the goal
        if best and not view.rediscoveries:
            break
    return best


# ---------------------------------------------------------------- walking


@dataclass(frozen=True, slots=True)
class _Direction:
    """Up or down, and what its queries are called."""

    member: str
    step: str
    upwards: bool


_UP = _Direction("lineage/ancestor", "lineage/step_up", upwards=True)
_DOWN = _Direction("lineage/descendant", "lineage/step_down", upwards=False)
_EVERY = 10**9  # above 2^31 - 2 the embedded engine fails, or returns nothing at all


@seldom_collected()
def _relatives(engine: Engine, direction: _Direction, blueprint_id: str, reach: Reach) -> Answer[Relative]:
    everyone = reach.max_generations is None and reach.limit is None
    if everyone or reach.which.narrows or reach.view.as_of is not None:
        return _whole(engine, direction, blueprint_id, reach)
    met, external = _walk_from(_stepwise(engine, direction, reach.view), blueprint_id, reach)
    if met.too_deep:
        return _whole(engine, direction, blueprint_id, reach)
    if met.cut is None:
        return marked(met.answer(None), external=external)
    rows = engine.read(get(f"{direction.member}_count{reach.view.suffix}"), {"id": blueprint_id})
    return met.answer(rows[0]["total"] if rows else None)


def _whole(engine: Engine, direction: _Direction, blueprint_id: str, reach: Reach) -> Answer[Relative]:
    """Fetch a family whole, and cut it here."""
    view, which, query = reach.view, reach.which, f"{direction.member}s"
    if which.narrows:
        family, kept = fetch_matching(engine, query, view, blueprint_id, which)
    else:
        family, kept = fetch(engine, query, view, id=blueprint_id), None
    require(engine, family, [blueprint_id], view)
    found = levels(family.parents if direction.upwards else family.children, [blueprint_id])
    external = direction.upwards and not family.others.keys().isdisjoint(found)
    answer = relatives(family, found, start=blueprint_id, kept=kept, reach=reach)
    return marked(answer, external=external)


def _walk_from(fetch_level: Fetch, blueprint_id: str, reach: Reach) -> tuple[Walk, bool]:
    """Walk, and say whether the family goes on outside of this store."""
    start = fetch_level([blueprint_id]).get(blueprint_id)
    if start is None:
        raise BlueprintNotFoundError(blueprint_id)
    onward = [following for following in start.onward if following != blueprint_id]
    met = walk(fetch_level, onward, 1, reach.max_generations, reach.limit, start=blueprint_id, rounds=_ROUNDS)
    return met, any(one.outside for one in (start, *met.members.values()))


def _stepwise(engine: Engine, direction: _Direction, view: View) -> Fetch:
    """Fetch each level when the walk comes to it."""
    query = get(direction.step)
    asked = {"rediscoveries": view.rediscoveries, "as_of": view.at}

    def fetch_level(ids: Sequence[str]) -> Mapping[str, Member]:
        return {
            row["id"]: Member(
                row["name"], tuple(row["parents"]), tuple(row["onward"]), bool(row.get("outside"))
            )
            for begin in range(0, len(ids), _BATCH)
            for row in engine.read(query, {"ids": list(ids[begin : begin + _BATCH]), **asked})
        }

    return fetch_level


def _ids(engine: Engine, direction: _Direction, blueprint_id: str, *, wide: bool) -> Row:
    query = get(f"{direction.member}_ids{SUFFIX[wide]}")
    (row,) = engine.read(query, {"id": blueprint_id})
    if not row["ids"]:
        raise BlueprintNotFoundError(blueprint_id)
    return row


def _others(ids: Sequence[str], blueprint_id: str) -> list[str]:
    return [member for member in ids if member != blueprint_id]


def _found(engine: Engine, ids: Sequence[str]) -> None:
    found = _stepwise(engine, _UP, NOW)(ids)
    for wanted in ids:
        if wanted not in found:
            raise BlueprintNotFoundError(wanted)


# ---------------------------------------------------------------- derivations


def _derivations(engine: Engine, query: str, blueprint_id: str, *, wide: bool) -> Answer[DerivationRecord]:
    rows = engine.read(get(query), {"id": blueprint_id, "rediscoveries": wide})
    if not rows:
        raise BlueprintNotFoundError(blueprint_id)
    found = [
        record_of(row["child"], row["parent"], row["type"], row["properties"])
        for row in rows
        if row["type"] is not None
    ]
    return marked(Answer(found), external=bool(rows[0].get("outside")))
