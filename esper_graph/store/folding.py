"""A family tree folded where it is large: what is left out is counted where it would be."""

from collections.abc import Iterable, Mapping, Sequence

from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.kinship import Branch
from esper_graph.store.collecting import seldom_collected
from esper_graph.store.engines import Engine
from esper_graph.store.family import Family, levels
from esper_graph.store.lineage import whole_tree
from esper_graph.store.outside import marked
from esper_graph.store.reach import NOW, View, require_count

_COUNTED_AT_ONCE = 20_000  # members; a bit for each of them in each of them


@seldom_collected()
def folded_tree(
    engine: Engine,
    blueprint_id: str,
    *,
    most_children: int = 20,
    limit: int = 500,
    max_generations: int | None = None,
    view: View = NOW,
) -> Answer[Branch]:
    """List a family as it is drawn, at most so many members below each and in all.

    What leads from a root to the blueprint itself is never folded. Totals of direct and of all relatives are
    exact, whatever is left out. Order: nearest generation first, then by id. Marked `external` like `tree`.

    Args:
        most_children: Most members directly below one.
        limit: Most members in all; the way to the blueprint itself may take more.
        max_generations: Derivations to show below the roots.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then, or a limit is below 1.
    """
    for name, value in (("most_children", most_children), ("limit", limit)):
        require_count(name, value, 1)
    require_count("max_generations", max_generations)
    family, roots, external = whole_tree(engine, blueprint_id, view)
    generations = levels(family.children, roots)
    family = family.only(generations)
    above = drawn_parents(family, generations)
    below: dict[str | None, list[str]] = {}
    for member in generations:
        below.setdefault(above[member], []).append(member)
    lead = _way_down(above, blueprint_id)
    shown = set(lead)
    shown_below = dict.fromkeys(below, 0)
    for member in lead:
        shown_below[above[member]] += 1
    for member in generations:
        if len(shown) >= limit:
            break
        parent = above[member]
        fits = max_generations is None or generations[member] <= max_generations
        if member in shown or not fits or (parent is not None and parent not in shown):
            continue
        if shown_below[parent] < most_children:
            shown.add(member)
            shown_below[parent] += 1
    totals = descendant_counts(family, shown)
    branches = [
        Branch(
            member,
            family.names[member],
            generation,
            _nearest_first(family.parents[member], above[member]),
            len(set(family.children[member])),
            totals[member],
            len(below.get(member, ())) - shown_below.get(member, 0),
        )
        for member, generation in generations.items()
        if member in shown
    ]
    if len(branches) == len(generations):
        return marked(Answer(branches), external=external)
    depth = max_generations is not None and all(
        generations[member] > max_generations for member in generations if member not in shown
    )
    return Answer(branches, truncated_by="depth" if depth else "limit", total=len(generations))


def drawn_parents(family: Family, generations: Mapping[str, int]) -> dict[str, str | None]:
    """Choose below which parent each member is drawn: the first of those that are nearest to a root."""
    drawn: dict[str, str | None] = {}
    for member, generation in generations.items():
        if not generation:
            drawn[member] = None
            continue
        parents = family.parents[member]
        drawn[member] = (
            parents[0]  # of most
            if len(parents) == 1
            else min(parent for parent in parents if generations[parent] == generation - 1)
        )
    return drawn


def descendant_counts(family: Family, wanted: Iterable[str]) -> dict[str, int]:
    """Count how many descend from each of some members.

    Example:
        >>> family = Family({}, {"d": ("b", "c"), "b": ("a",), "c": ("a",), "a": ()})
        >>> sorted(descendant_counts(family, "abd").items())
        [('a', 3), ('b', 1), ('d', 0)]
    """
    order = family.order if len(family.parents) <= _COUNTED_AT_ONCE else None
    if order is None:
        return {member: len(levels(family.children, [member])) - 1 for member in wanted}
    last_first = list(reversed(order))
    if all(len(above) <= 1 for above in family.parents.values()):  # nobody is counted twice
        counts: dict[str, int] = {}
        for member in last_first:
            counts[member] = sum(1 + counts[child] for child in family.children[member])
        return {member: counts[member] for member in wanted}
    places = {member: 1 << place for place, member in enumerate(last_first)}
    reached: dict[str, int] = {}
    for member in last_first:
        found = 0
        for child in family.children[member]:
            found |= reached[child] | places[child]
        reached[member] = found
    return {member: reached[member].bit_count() for member in wanted}


def _way_down(above: Mapping[str, str | None], blueprint_id: str) -> list[str]:
    found: list[str] = []
    member: str | None = blueprint_id
    while member is not None:
        found.append(member)
        member = above[member]
    return found


def _nearest_first(parents: Sequence[str], first: str | None) -> tuple[str, ...]:
    if first is not None and len(parents) == 1:  # of most
        return (first,)
    others = sorted(set(parents) - {first})
    return tuple(others) if first is None else (first, *others)
