"""What is asked of a family: how it is looked at, how far an answer goes, and whom it lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from esper_graph.errors import QueryError
from esper_graph.property_graph.kinship import EVERYONE, Which, require_zone

SUFFIX = {False: "", True: "_with_rediscoveries"}


class View(NamedTuple):
    """How a family is looked at.

    Attributes:
        rediscoveries: Whether they count as derivations.
        as_of: Only what was known then; None for all that is.
    """

    rediscoveries: bool = False
    as_of: datetime | None = None

    @property
    def suffix(self) -> str:
        """What the names of queries end in."""
        return SUFFIX[self.rediscoveries]

    @property
    def at(self) -> str | None:
        """The time as it travels.

        Raises:
            QueryError: It has no time zone.
        """
        require_zone("as_of", self.as_of)
        return None if self.as_of is None else up_to(self.as_of)


def up_to(moment: datetime) -> str:
    """Write the last moment that Python would call by this time: engines count nanoseconds.

    Example:
        >>> from datetime import UTC
        >>> up_to(datetime(2026, 11, 25, 12, 30, 0, 5, tzinfo=UTC))
        '2026-11-25T12:30:00.000005999+00:00'
    """
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "999+00:00"


def require_count(name: str, value: int | None, least: int = 0) -> None:
    """Refuse a limit that is too small.

    Raises:
        QueryError: It is.
    """
    if value is not None and (isinstance(value, bool) or value < least):
        raise QueryError(
            f"{name} is {value}, but must be {least} or more", hint="leave it out to have them all"
        )


def each_once(what: str, ids: Sequence[str]) -> list[str]:
    """List the blueprints of a question about several, each once.

    Raises:
        QueryError: There are none.

    Example:
        >>> each_once("the lineage", ["b", "a", "b"])
        ['b', 'a']
    """
    if not ids:
        raise QueryError(f"{what} of which blueprints?", hint="give one or more ids")
    return list(dict.fromkeys(ids))


NOW = View()


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an answer about relatives goes, and whom it lists.

    Attributes:
        max_generations: Derivations to follow; None follows all.
        limit: Most relatives to list; None lists all.
        view: How the family is looked at.
        which: Whom to list. Tags and metrics are those of now, whatever the view says.

    Raises:
        QueryError: A limit is below 0.
    """

    max_generations: int | None = None
    limit: int | None = None
    view: View = NOW
    which: Which = EVERYONE

    def __post_init__(self) -> None:
        require_count("max_generations", self.max_generations)
        require_count("limit", self.limit)


ALL = Reach()
