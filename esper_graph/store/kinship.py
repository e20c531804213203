"""How blueprints are related: common ancestors, siblings, leaves, orphans, depth, and whether a link may be.

All functions take ids of blueprints, not aliases.
"""

from collections.abc import Generator, Sequence
from typing import Literal

from esper_graph.errors import BlueprintNotFoundError, QueryError
from esper_graph.property_graph.answer import Answer, Stream
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.kinship import CommonAncestor, FamilyMember, GenerationDepth, Sibling
from esper_graph.property_graph.records import Relative
from esper_graph.store.collecting import seldom_collected
from esper_graph.store.engines import Engine
from esper_graph.store.family import above, above_all, below, circles, cut, levels, longest
from esper_graph.store.outside import marked
from esper_graph.store.reach import NOW, View, each_once, require_count

_EVERY = 10**9  # above 2^31 - 2 the embedded engine fails, or returns nothing at all


@seldom_collected()
def common_ancestors(
    engine: Engine,
    ids: Sequence[str],
    *,
    nearest: bool = False,
    limit: int | None = None,
    view: View = NOW,
) -> Answer[CommonAncestor]:
    """List what all of several blueprints descend from: the nearest ones first.

    A blueprint counts here as an ancestor of itself, so that a parent and its child share the parent:
    what a merge starts from. The nearest ones are those that no other common ancestor descends from; after
    crossovers there can be several. Order: nearest ones, then fewest derivations in all, then id.
    An answer that would be complete is marked `external` where the family goes on outside of this store.

    Args:
        ids: One or more; each counts once.
        nearest: List only the nearest ones.

    Raises:
        BlueprintNotFoundError: One of them does not exist.
        QueryError: None is given, one was not known then, or the limit is below 1.
    """
    require_count("limit", limit, 1)
    asked = each_once("common ancestors", ids)
    family = above_all(engine, asked, view)
    distances = [levels(family.parents, [one]) for one in asked]
    shared = set(distances[0]).intersection(*distances[1:])
    # What rediscoveries lead to in a circle is as near as what they come from.
    circle = circles(family)
    farther = {
        circle[parent]
        for member in shared
        for parent in family.parents[member]
        if circle[parent] != circle[member]
    }
    found = [
        CommonAncestor(
            one, family.names[one], tuple(distance[one] for distance in distances), circle[one] not in farther
        )
        for one in shared
        if not nearest or circle[one] not in farther
    ]
    found.sort(key=lambda one: (not one.nearest, sum(one.generations), one.id))
    if limit is None or len(found) <= limit:
        return marked(Answer(found), external=bool(family.others))
    return Answer(found[:limit], truncated_by="limit", total=len(found))


def siblings(
    engine: Engine, blueprint_id: str, *, limit: int | None = None, view: View = NOW
) -> Answer[Sibling]:
    """List the blueprints that share a parent with one: those that share most first, then by id.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then, or the limit is below 1.
    """
    require_count("limit", limit, 1)
    rows = engine.read(
        get("lineage/siblings"),
        {
            "id": blueprint_id,
            "rediscoveries": view.rediscoveries,
            "as_of": view.at,
            "limit": _EVERY if limit is None else limit,
        },
    )
    if not rows:
        above(engine, blueprint_id, view)
        return Answer()
    (row,) = rows
    found = [
        Sibling(one, name, tuple(parents))
        for one, name, parents in zip(row["ids"], row["names"], row["shared"], strict=True)
    ]
    if len(found) == row["total"]:
        return Answer(found)
    return Answer(found, truncated_by="limit", total=row["total"])


@seldom_collected()
def leaves(
    engine: Engine, blueprint_id: str | None = None, *, limit: int | None = None, view: View = NOW
) -> Answer[Relative]:
    """List the blueprints that nothing derives from: of the whole store, or those below one blueprint.

    A blueprint without children is its own leaf. Below one blueprint, `generation` says how far down they are
    and the nearest come first; in the whole store they come by id.

    Args:
        view: Of the whole store, only what is now can be asked for, by derivations alone.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then, the limit is below 1, or the view is none of the whole store.
    """
    require_count("limit", limit, 1)
    if blueprint_id is None:
        return _whole_store(engine, "lineage/leaves", "lineage/leaf_count", limit, view)
    family = below(engine, blueprint_id, view)
    distance = levels(family.children, [blueprint_id])
    ends = [
        Relative(member, family.names[member], generation)
        for member, generation in distance.items()
        if not family.children[member]
    ]
    return cut(ends, limit)


def orphans(engine: Engine, *, limit: int | None = None) -> Answer[Relative]:
    """List the blueprints without a derivation in either direction, by id.

    Raises:
        QueryError: The limit is below 1.
    """
    require_count("limit", limit, 1)
    return _whole_store(engine, "lineage/orphans", "lineage/orphan_count", limit, NOW)


@seldom_collected()
def depth(engine: Engine, blueprint_id: str, *, view: View = NOW) -> GenerationDepth:
    """Say how deep in its family a blueprint is.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then, or rediscoveries are asked for, which can lead in a circle.
    """
    if view.rediscoveries:
        raise QueryError(
            "depth counts derivations only: rediscoveries can lead in a circle",
            hint="ask without rediscoveries",
        )
    up, down = above(engine, blueprint_id, view), below(engine, blueprint_id, view)
    older, newer = up.order, down.order
    if older is None or newer is None:
        raise QueryError(
            f"the derivations around `{blueprint_id}` form a circle",
            hint="`esper-graph store doctor` names it",
        )
    to_roots, to_leaves = levels(up.parents, [blueprint_id]), levels(down.children, [blueprint_id])
    return GenerationDepth(
        blueprint_id,
        nearest_root=min(steps for one, steps in to_roots.items() if not up.parents[one]),
        farthest_root=longest(up.parents, older)[blueprint_id],
        nearest_leaf=min(steps for one, steps in to_leaves.items() if not down.children[one]),
        farthest_leaf=longest(down.children, reversed(newer))[blueprint_id],
        ancestors=len(to_roots) - 1,
        descendants=len(to_leaves) - 1,
    )


def would_cycle(engine: Engine, child: str, parent: str) -> tuple[str, ...] | None:
    """Say whether a derivation would close a cycle, without writing anything.

    The answer holds for this moment: `link` looks again under its lock.

    Returns:
        Ids along the cycle, from the child over the parent back to the child; None where there would be none.

    Raises:
        BlueprintNotFoundError: One of them does not exist.
    """
    if child == parent:
        above(engine, child, NOW)
        return (child, child)
    rows = engine.read(get("lineage/would_cycle"), {"child": child, "parent": parent})
    if not rows:
        there = {row["id"] for row in engine.read(get("lineage/members"), {"ids": [child, parent]})}
        raise BlueprintNotFoundError(child if child not in there else parent)
    way = rows[0]["path"]
    return None if way is None else (child, *way)


def stream(
    engine: Engine, blueprint_id: str, *, upwards: bool, include_rediscoveries: bool = False
) -> Stream[FamilyMember]:
    """Stream all ancestors or all descendants as they arrive, each once, in no order; close it to stop early.

    What breaks off raises. Ancestors are marked `external` at the end where the family goes on outside of
    this store.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        StoreUnavailableError: The engine was lost on the way.
    """
    name = f"lineage/{'ancestor' if upwards else 'descendant'}_stream"
    return Stream(_arriving(engine, name + View(include_rediscoveries).suffix, blueprint_id))


def _arriving(
    engine: Engine, query: str, blueprint_id: str
) -> Generator[FamilyMember, None, Literal["external"] | None]:
    found = external = False
    for row in engine.stream(get(query), {"id": blueprint_id}):
        found = True
        one, name, parents = row["id"], row["name"], row["parents"]
        if name is None:
            external = True
        elif one != blueprint_id:
            yield FamilyMember(one, name, tuple(sorted(set(parents))))
    if not found:
        raise BlueprintNotFoundError(blueprint_id)
    return "external" if external else None


def _whole_store(engine: Engine, query: str, count: str, limit: int | None, view: View) -> Answer[Relative]:
    if view != NOW:
        raise QueryError(
            "of the whole store only what is now can be listed, by derivations alone",
            hint="name a blueprint to look at its family in another way",
        )
    rows = engine.read(get(query), {"limit": _EVERY if limit is None else limit + 1})
    found = [Relative(row["id"], row["name"], 0) for row in rows]
    total = engine.read(get(count))[0]["total"] if limit is not None and len(found) > limit else None
    return cut(found, limit, total)
