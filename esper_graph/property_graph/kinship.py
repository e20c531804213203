"""What questions about families are answered with, and what narrows them: immutable records."""

from dataclasses import dataclass
from datetime import datetime
from math import isnan

from esper_graph.errors import QueryError, close_names, suggestion
from esper_graph.ir.specs import DERIVATION_KINDS


@dataclass(frozen=True, slots=True)
class Which:
    """Which relatives are meant; what is left out does not narrow. The walk goes through the others as well.

    Attributes:
        kind: They came from a derivation of this kind.
        actor: They came from a derivation by this actor; with `kind`, both of the same derivation.
        tags: They have all of these tags.
        since: They were registered then or later.
        until: They were registered then or earlier.
        metric: They have a newest value of this metric.
        device: That value was taken on this device.
        least: That value is this or more.
        most: That value is this or less.

    Raises:
        QueryError: There is no such kind, a time has no zone, an interval is empty, or a bound has no metric.

    Example:
        >>> Which(kind="crossover").narrows, Which().narrows
        (True, False)
    """

    kind: str | None = None
    actor: str | None = None
    tags: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    metric: str | None = None
    device: str | None = None
    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in DERIVATION_KINDS:
            raise QueryError(
                f"there is no kind of derivation `{self.kind}`",
                hint=suggestion(close_names(self.kind, DERIVATION_KINDS))
                or f"the kinds are {', '.join(DERIVATION_KINDS)}",
            )
        for name, moment in (("since", self.since), ("until", self.until)):
            require_zone(name, moment)
        if self.since is not None and self.until is not None and self.since > self.until:
            raise QueryError(
                f"since {self.since.isoformat()} is after until {self.until.isoformat()}",
                hint="give the earlier time first",
            )
        bounds = {"device": self.device, "least": self.least, "most": self.most}
        given = [name for name, value in bounds.items() if value is not None]
        if given and self.metric is None:
            raise QueryError(f"{' and '.join(given)} of which metric?", hint="name a metric beside it")
        for name, value in (("least", self.least), ("most", self.most)):
            if value is not None and isnan(value):
                raise QueryError(f"{name} is not a number", hint="leave it out for no bound")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise QueryError(
                f"least {self.least} is above most {self.most}", hint="give the smaller bound first"
            )

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return self != EVERYONE


def require_zone(name: str, moment: datetime | None) -> None:
    """Refuse a time that does not say in which zone it is.

    Raises:
        QueryError: It does not.

    Example:
        >>> require_zone("as_of", datetime(2026, 11, 25))
        Traceback (most recent call last):
        ...
        esper_graph.errors.QueryError: as_of 2026-11-25T00:00:00 has no time zone
        <BLANKLINE>
        hint: add one, such as +00:00
    """
    if moment is not None and moment.utcoffset() is None:
        raise QueryError(f"{name} {moment.isoformat()} has no time zone", hint="add one, such as +00:00")


EVERYONE = Which()


@dataclass(frozen=True, slots=True)
class CommonAncestor:
    """A blueprint that all of the asked ones descend from, or are.

    Attributes:
        generations: Fewest derivations up to it, for each of the asked ones in their order; 0 from itself.
        nearest: Whether no other common ancestor descends from it.
    """

    id: str
    name: str
    generations: tuple[int, ...]
    nearest: bool


@dataclass(frozen=True, slots=True)
class Sibling:
    """A blueprint that shares parents with another one.

    Attributes:
        shared: Ids of these parents, sorted.
    """

    id: str
    name: str
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GenerationDepth:
    """How deep in its family a blueprint is, in derivations.

    Attributes:
        nearest_root: On the shortest way up to a blueprint that derives from nothing.
        farthest_root: On the longest way up: the `generation` of the blueprint.
        nearest_leaf: On the shortest way down to a blueprint that nothing derives from.
        farthest_leaf: On the longest way down.
        ancestors: How many blueprints are above.
        descendants: How many are below.
    """

    id: str
    nearest_root: int
    farthest_root: int
    nearest_leaf: int
    farthest_leaf: int
    ancestors: int
    descendants: int


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """One member of a family, as it arrives.

    Attributes:
        parents: Ids of all its parents, sorted; of a descendant, some may be outside the family.
    """

    id: str
    name: str
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One member of a tree that is folded where it is large.

    Attributes:
        generation: Fewest derivations from a root of the tree.
        parents: Its parents in the whole tree; it is drawn below the first, which is a nearest one.
        children: How many derive from it directly.
        descendants: How many derive from it at all.
        folded: How many of those that would be drawn directly below it are left out.
    """

    id: str
    name: str
    generation: int
    parents: tuple[str, ...]
    children: int
    descendants: int
    folded: int
