"""All ways between two blueprints: counted by arithmetic, and only as many made as are asked for.

The number of ways doubles with each crossover, so none is made to be counted: a blueprint is reached in as
many ways as its children together. The ways that are listed are made in order, shortest first, and whatever
is begun leads to the goal, so that the work is bounded by what is returned.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, product
from typing import Any

from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import DerivationRecord
from esper_graph.store.collecting import seldom_collected
from esper_graph.store.derivations import record_of_list
from esper_graph.store.engines import Engine
from esper_graph.store.family import Family, family_of, levels, require
from esper_graph.store.reach import NOW, View, require_count

Way = tuple[DerivationRecord, ...]


@seldom_collected()
def paths(engine: Engine, one: str, other: str, *, limit: int = 100, view: View = NOW) -> Answer[Way]:
    """List the chains of derivations between two blueprints, whichever of them is the older one.

    Each leads from the newer one up to the older one and meets no blueprint twice. Shorter ones come first,
    then by the ids along them; of two derivations between the same pair, the older one. With rediscoveries
    there can be chains in both directions: those from `one` up to `other` stand first.

    Args:
        limit: Most to make.

    Returns:
        None at all where neither descends from the other; one empty chain where both are the same blueprint.
        `total` counts all of them, made or not; only where rediscoveries lead in a circle nobody counted.

    Raises:
        BlueprintNotFoundError: One of them does not exist.
        QueryError: One was not known then, or the limit is below 1.
    """
    require_count("limit", limit, 1)
    ancestry = _ancestry(engine, one, other, view)
    if one == other:
        return Answer([()])
    found: list[Way] = []
    total: int | None = 0
    more = False
    for child, ancestor, between in _directions(ancestry.family, one, other):
        count = ways(between, child, ancestor)
        total = None if total is None or count is None else total + count
        room = limit - len(found) + 1
        made = _made(ancestry, between, child, ancestor, room)
        more = more or len(made) == room
        found += made[: limit - len(found)]
    return Answer(found, truncated_by="limit", total=total) if more else Answer(found)


def shortest(engine: Engine, one: str, other: str, view: View) -> Way | None:
    """Find one shortest chain of derivations between two blueprints, or None; raises like `paths`."""
    ancestry = _ancestry(engine, one, other, view)
    if one == other:
        return ()
    found = [
        way
        for child, ancestor, between in _directions(ancestry.family, one, other)
        for way in _made(ancestry, between, child, ancestor, 1)
    ]
    return min(found, key=len, default=None)


@dataclass(frozen=True)
class _Ancestry:
    """What two blueprints descend from, and how: of each member, its derivations as they came."""

    family: Family
    derivations: Mapping[str, Sequence[Sequence[Any]]]

    def between(self, child: str, parent: str) -> list[DerivationRecord]:
        """Make the records of the derivations of a child from a parent, oldest first."""
        found = [record_of_list(child, one) for one in self.derivations[child] if one[0] == parent]
        if len(found) == 1:
            return found
        return sorted(found, key=lambda one: (one.registered_at, one.rediscovery, one.kind))


def _ancestry(engine: Engine, one: str, other: str, view: View) -> _Ancestry:
    ids = sorted({one, other})
    (row,) = engine.read(get("lineage/derivations_above" + view.suffix), {"ids": ids, "as_of": view.at})
    members: list[str] = row["ids"]
    derivations: list[list[list[Any]]] = row["derivations"]
    parents = ([derivation[0] for derivation in came] for came in derivations)
    family = family_of(members, members, parents)  # nobody asks for names
    require(engine, family, ids, view)
    return _Ancestry(family, dict(zip(members, derivations, strict=True)))


def _directions(family: Family, one: str, other: str) -> list[tuple[str, str, Family]]:
    """List in which directions a blueprint leads up to the other, with what lies between."""
    found: list[tuple[str, str, Family]] = []
    for child, ancestor in ((one, other), (other, one)):
        below = levels(family.children, [ancestor])
        if child in below:
            found.append((child, ancestor, family.only(below).above([child])))
    return found


def ways(family: Family, child: str, ancestor: str) -> int | None:
    """Count the chains of derivations from a blueprint up to an ancestor; None where some lead in a circle.

    Example:
        >>> ways(Family({}, {"d": ("b", "c"), "b": ("a", "a"), "c": ("a",), "a": ()}), "d", "a")
        3
    """
    order = family.order
    if order is None:
        return None
    counts = dict.fromkeys(order, 0)
    counts[child] = 1
    for member in reversed(order):
        for parent in family.parents[member]:
            counts[parent] += counts[member]
    return counts[ancestor]


def chains(family: Family, child: str, ancestor: str, most: int | None = None) -> Iterator[tuple[str, ...]]:
    """Yield the ids along each chain, shortest first, then by id; none meets a blueprint twice.

    What is begun and waits is ordered by the length that it will have at least, and every beginning leads
    to the goal: best-first search with exact distances.

    Args:
        family: Only members that lie between the two.
        most: How many will be asked for: no more need to wait.

    Example:
        >>> family = Family({}, {"d": ("b", "a"), "c": ("a",), "b": ("c", "a"), "a": ()})
        >>> list(chains(family, "d", "a"))
        [('d', 'a'), ('d', 'b', 'a'), ('d', 'b', 'c', 'a')]
    """
    acyclic = family.order is not None
    distance = levels(family.children, [ancestor])
    waiting: list[tuple[int, tuple[str, ...]]] = [(distance[child], (child,))]
    while waiting:
        _, begun = heapq.heappop(waiting)
        chain = list(begun)
        while chain[-1] != ancestor:
            onward = family.parents[chain[-1]]
            if len(onward) == 1:  # every beginning leads to the goal
                chain.append(onward[0])
                continue
            left = distance if acyclic else _left(family, ancestor, chain)
            best, *others = sorted({(left[one], one) for one in onward if one in left})
            for steps, one in others:
                heapq.heappush(waiting, (len(chain) + steps, (*chain, one)))
            if most is not None and len(waiting) > 2 * most:
                waiting = heapq.nsmallest(most, waiting)
            chain.append(best[1])
        yield tuple(chain)


def _left(family: Family, ancestor: str, chain: Sequence[str]) -> Mapping[str, int]:
    """How far each member is from the goal, where what the chain has met is left out."""
    met = set(chain)
    below = {
        one: () if one in met else [child for child in children if child not in met]
        for one, children in family.children.items()
    }
    return levels(below, [ancestor])


def _made(ancestry: _Ancestry, between: Family, child: str, ancestor: str, most: int) -> list[Way]:
    """Make the first chains, with their derivations."""
    first = list(islice(chains(between, child, ancestor, most), most))
    steps = {pair for chain in first for pair in pairwise(chain)}
    records = {pair: ancestry.between(*pair) for pair in steps}
    every = (way for chain in first for way in product(*(records[pair] for pair in pairwise(chain))))
    return list(islice(every, most))
