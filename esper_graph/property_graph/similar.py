"""Answers to what is like a blueprint: records of the similar ones, and how new one is."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

from esper_graph.property_graph.answer import Answer

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.ir.diff import Diff

Score = Literal["family", "duplicate"]
"""Whether repetition counts little, or as often as it is there: `same_family`, `near_duplicate`."""

SCORES: tuple[Score, ...] = get_args(Score)

Identity = Literal["fingerprint", "normal"]


@dataclass(frozen=True, eq=False)
class Similar:
    """A blueprint that is like the one that was asked about.

    Attributes:
        family: `same_family` of the two, from 0 to 1.
        duplicate: `near_duplicate` of the two, from 0 to 1.
        distance: Edits between the two, see `ir.edit_distance`; 0 exactly where there is no difference.
        identity: Which identity they share: `fingerprint` (the same structure), else `normal` (the same
            computation); None where they share none.
        asked: The blueprint that was asked about.
        found: This one.
    """

    id: str
    name: str
    family: float
    duplicate: float
    distance: int
    identity: Identity | None
    asked: "BlueprintIR"
    found: "BlueprintIR"

    @cached_property
    def diff(self) -> "Diff":
        """What turns the one that was asked about into this one: edits, and as text a listing."""
        from esper_graph.ir.diff import diff

        return diff(self.asked, self.found)

    def __repr__(self) -> str:
        scores = f"family={self.family:.3f}, duplicate={self.duplicate:.3f}, distance={self.distance}"
        return f"Similar({self.id!r}, {scores})"


@dataclass(frozen=True, eq=False, slots=True)
class Novelty:
    """How new a blueprint is.

    Attributes:
        value: From 0 (there are as many of the same as were looked at) to 1 (nothing shares a feature).
        exact: Whether nothing nearer can have been missed; otherwise the value is at most this.
        nearest: The blueprints that it was taken from, most alike first.
    """

    value: float
    exact: bool
    nearest: Answer[Similar]
