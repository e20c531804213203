"""A family as it was fetched: who is in it and who derives from whom, and what follows from that alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from esper_graph.errors import BlueprintNotFoundError, QueryError
from esper_graph.property_graph.answer import Answer, Limit
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import Relative
from esper_graph.store.engines import Engine
from esper_graph.store.reach import ALL, Reach, View

Onward = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Family:
    """Blueprints, and the derivations between them.

    Attributes:
        names: Of each member.
        parents: Of each member, inside the family; one stands as often as derivations lead to it.
        others: Parents that are no members, of those members that have some.
    """

    names: Mapping[str, str]
    parents: Onward
    others: Onward = field(default_factory=dict[str, Sequence[str]])

    @cached_property
    def children(self) -> Onward:
        """Of each member, inside the family; one stands as often as derivations lead from it."""
        below: dict[str, list[str]] = {member: [] for member in self.parents}
        for member, above in self.parents.items():
            for parent in above:
                below[parent].append(member)
        return below

    @cached_property
    def order(self) -> list[str] | None:
        """The members with parents before their children; None where rediscoveries lead in a circle.

        Example:
            >>> Family({}, {"b": ("a", "a"), "a": ()}).order
            ['a', 'b']
            >>> Family({}, {"b": ("a",), "a": ("b",)}).order
        """
        waiting = {member: len(above) for member, above in self.parents.items()}
        ready = [member for member, count in waiting.items() if not count]
        for member in ready:  # grows while it is walked
            for child in self.children[member]:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return ready if len(ready) == len(self.parents) else None

    def above(self, starts: Iterable[str]) -> "Family":
        """Only the starts and what they descend from."""
        return self.only(reached(self.parents, starts))

    def only(self, members: Iterable[str]) -> "Family":
        """Only some members, and the derivations between them."""
        kept = set(members)
        if len(kept) == len(self.parents):
            return self
        return Family(
            {member: self.names[member] for member in kept},
            {member: [p for p in self.parents[member] if p in kept] for member in kept},
            {member: found for member, found in self.others.items() if member in kept},
        )


def levels(onward: Onward, starts: Iterable[str]) -> dict[str, int]:
    """Find the fewest steps from any start to whatever can be reached, nearest first, then by id.

    Example:
        >>> levels({"d": ("c", "b"), "c": ("a",), "b": ("a",), "a": ()}, ["d"])
        {'d': 0, 'b': 1, 'c': 1, 'a': 2}
    """
    level = sorted(set(starts))
    found = dict.fromkeys(level, 0)
    distance = 0
    while level:
        distance += 1
        following: list[str] = []
        for member in level:
            for other in onward[member]:
                if other not in found:
                    found[other] = distance
                    following.append(other)
        if len(following) > 1:
            following.sort()
            for other in following:  # the order of a dictionary is that of insertion
                del found[other]
            found.update(dict.fromkeys(following, distance))
        level = following
    return found


def reached(onward: Onward, starts: Iterable[str]) -> set[str]:
    """Find the starts and whatever can be reached, where it does not matter how far it is.

    Example:
        >>> sorted(reached({"c": ("b",), "b": ("a",), "a": (), "d": ("a",)}, "b"))
        ['a', 'b']
    """
    found = set(starts)
    waiting = list(found)
    for member in waiting:  # grows while it is walked
        for other in onward[member]:
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def circles(family: Family) -> dict[str, int]:
    """Number the members so that those that derive from one another have the same number.

    Source: Kosaraju's algorithm, as told by Sharir, "A strong-connectivity algorithm" (1981).

    Example:
        >>> found = circles(Family({}, {"c": ("b",), "b": ("a",), "a": ("b",)}))
        >>> found["a"] == found["b"], found["b"] == found["c"]
        (True, False)
    """
    finished: list[str] = []
    seen: set[str] = set()
    for start in family.parents:
        if start in seen:
            continue
        seen.add(start)
        waiting = [(start, iter(family.parents[start]))]
        while waiting:
            member, rest = waiting[-1]
            following = next((other for other in rest if other not in seen), None)
            if following is None:
                finished.append(member)
                waiting.pop()
            else:
                seen.add(following)
                waiting.append((following, iter(family.parents[following])))
    numbers: dict[str, int] = {}
    for number, start in enumerate(reversed(finished)):
        reached = [] if start in numbers else [start]
        numbers.setdefault(start, number)
        for member in reached:  # grows while it is walked
            for child in family.children[member]:
                if child not in numbers:
                    numbers[child] = number
                    reached.append(child)
    return numbers


def longest(onward: Onward, order: Iterable[str]) -> dict[str, int]:
    """Find how many steps the longest way from each member takes.

    Args:
        order: Whatever can be reached stands before what it is reached from.

    Example:
        >>> longest({"a": (), "b": ("a",), "c": ("a", "b")}, "abc")
        {'a': 0, 'b': 1, 'c': 2}
    """
    found: dict[str, int] = {}
    for member in order:
        found[member] = max((1 + found[other] for other in onward[member]), default=0)
    return found


def relatives(
    family: Family,
    found: Mapping[str, int],
    *,
    start: str | None = None,
    kept: Iterable[str] | None = None,
    reach: Reach = ALL,
) -> Answer[Relative]:
    """Make the answer of what `levels` found.

    Args:
        start: No member of the answer, but a parent in it.
        kept: Only these are meant.
    """
    wanted = [member for member in found if member != start]
    if kept is not None:
        chosen = set(kept)
        wanted = [member for member in wanted if member in chosen]
    total = len(wanted)
    cut: Limit | None = None
    if reach.max_generations is not None:
        near = [member for member in wanted if found[member] <= reach.max_generations]
        cut = "depth" if len(near) < total else None
        wanted = near
    if reach.limit is not None and len(wanted) > reach.limit:
        wanted, cut = wanted[: reach.limit], "limit"
    inside = set(wanted) if start is None else {start, *wanted}
    names, parents = family.names, family.parents
    return Answer(
        [Relative(one, names[one], found[one], _inside(parents[one], inside)) for one in wanted],
        truncated_by=cut,
        total=total,
    )


def _inside(parents: Sequence[str], known: set[str]) -> tuple[str, ...]:
    if len(parents) == 1:  # of most
        return (parents[0],) if parents[0] in known else ()
    return tuple(sorted(known.intersection(parents)))


def cut(found: Sequence[Relative], limit: int | None, total: int | None = None) -> Answer[Relative]:
    """Keep the first ones, and say how many there are."""
    if limit is None or len(found) <= limit:
        return Answer(found)
    return Answer(found[:limit], truncated_by="limit", total=len(found) if total is None else total)


# ---------------------------------------------------------------- fetching


def fetch(engine: Engine, query: str, view: View, **parameters: object) -> Family:
    """Fetch a family whole.

    Args:
        query: Name of the query, without what the view adds to it.
    """
    (row,) = engine.read(get(query + view.suffix), {**parameters, "as_of": view.at})
    return family_of(row["ids"], row["names"], row["parents"])


def family_of(ids: Sequence[str], names: Iterable[str], parents: Iterable[list[str]]) -> Family:
    """Make a family of lists that go together."""
    known = set(ids)
    inside = dict(zip(ids, parents, strict=True))
    others: dict[str, list[str]] = {}
    for member, above in inside.items():
        if not known.issuperset(above):
            others[member] = [parent for parent in above if parent not in known]
            inside[member] = [parent for parent in above if parent in known]
    return Family(dict(zip(ids, names, strict=True)), inside, others)


def above(engine: Engine, blueprint_id: str, view: View) -> Family:
    """Fetch a blueprint and all that it descends from.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known at the time asked for.
    """
    family = fetch(engine, "lineage/ancestors", view, id=blueprint_id)
    require(engine, family, [blueprint_id], view)
    return family.above([blueprint_id]) if view.as_of else family


def above_all(engine: Engine, ids: Sequence[str], view: View) -> Family:
    """Fetch several blueprints and all that any of them descends from; raises like `above`."""
    family = fetch(engine, "lineage/common_ancestors", view, ids=ids)
    require(engine, family, ids, view)
    return family.above(ids) if view.as_of else family


def below(engine: Engine, blueprint_id: str, view: View) -> Family:
    """Fetch a blueprint and all that descends from it; raises like `above`."""
    family = fetch(engine, "lineage/descendants", view, id=blueprint_id)
    require(engine, family, [blueprint_id], view)
    return family.only(levels(family.children, [blueprint_id])) if view.as_of else family


def require(engine: Engine, family: Family, wanted: Iterable[str], view: View) -> None:
    """Refuse blueprints that are no members of what was fetched for them.

    Raises:
        BlueprintNotFoundError: One does not exist.
        QueryError: One was not known at the time asked for.
    """
    missing = [one for one in wanted if one not in family.parents]
    if not missing:
        return
    there = {row["id"]: row["registered_at"] for row in engine.read(get("lineage/members"), {"ids": missing})}
    for one in missing:
        if one not in there or view.as_of is None:
            raise BlueprintNotFoundError(one)
        raise QueryError(
            f"`{one}` was not known at {view.as_of.isoformat()}",
            where=[f"registered  {there[one].partition('[')[0]}"],  # without the name of its zone
            hint="ask for a later time",
        )
