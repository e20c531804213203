"""Walk a family level by level: who is met, how far from the start, and what was left out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from esper_graph.property_graph.answer import Answer, Limit
from esper_graph.property_graph.records import Relative


@dataclass(frozen=True, slots=True)
class Member:
    """One blueprint.

    Attributes:
        onward: Where a walk goes from it.
        outside: Whether it would go on to what this store does not hold.
    """

    name: str
    parents: tuple[str, ...]
    onward: tuple[str, ...]
    outside: bool = False


Fetch = Callable[[Sequence[str]], Mapping[str, Member]]


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk met.

    Attributes:
        generations: Members in the order of the answer, with the level on which each was met first.
        start: Where it began, if that is no member of the answer.
        cut: What ended it early.
        too_deep: It was given up: there are more levels than were to be fetched.
    """

    members: Mapping[str, Member]
    generations: Mapping[str, int]
    start: str | None
    cut: Limit | None
    too_deep: bool = False

    @property
    def size(self) -> int:
        """How many were met."""
        return len(self.generations)

    def answer(self, total: int | None) -> Answer[Relative]:
        """Make the answer.

        Args:
            total: How many there are in all, where somebody counted.
        """
        known = set(self.generations)
        if self.start is not None:
            known.add(self.start)
        return Answer(
            (
                Relative(
                    member,
                    self.members[member].name,
                    generation,
                    tuple(sorted(known.intersection(self.members[member].parents))),
                )
                for member, generation in self.generations.items()
            ),
            truncated_by=self.cut,
            total=None if total is None else max(total, self.size),
        )


def walk(
    fetch: Fetch,
    starts: Iterable[str],
    first_generation: int,
    max_generations: int | None = None,
    limit: int | None = None,
    *,
    start: str | None = None,
    rounds: int | None = None,
) -> Walk:
    """Visit level by level, each blueprint on the nearest level that has it.

    Args:
        fetch: Returns the blueprints of a level.
        starts: The first level.
        first_generation: Its number.
        start: Where the first level was reached from: no member, whoever leads back to it.
        rounds: Give up when there are more levels.
    """
    members: dict[str, Member] = {}
    generations: dict[str, int] = {}
    seen = set(starts) if start is None else {start, *starts}
    level = sorted(set(starts))
    generation = first_generation
    cut: Limit | None = None
    while level and cut is None:
        if max_generations is not None and generation > max_generations:
            cut = "depth"
            break
        if limit is not None and len(generations) + len(level) > limit:
            cut = "limit"
            level = level[: limit - len(generations)]
        if rounds is not None and generation > rounds:
            return Walk(members, generations, start, cut, too_deep=True)
        found = fetch(level)
        members.update(found)
        generations.update((member, generation) for member in level if member in found)
        onward = {following for member in found.values() for following in member.onward}
        level = sorted(onward - seen)
        seen |= onward
        generation += 1
    return Walk(members, generations, start, cut)
