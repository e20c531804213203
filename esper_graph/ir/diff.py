"""What distinguishes two blueprints: edits that turn one into the other, and the same as text.

Nodes are matched by what they are and how they are connected, never by their ids (see `matching`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from esper_graph.ir.align import align
from esper_graph.ir.diff_edits import edits_between
from esper_graph.ir.edit import Edit
from esper_graph.ir.matching import match

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

FIGURES = ("parameters", "flops", "macs", "elementwise", "memory_mb")


class Change(NamedTuple):
    """One figure of both blueprints."""

    before: float
    after: float

    @property
    def factor(self) -> float | None:
        """How many times as much it is afterwards; None where it was 0."""
        return self.after / self.before if self.before else None


@dataclass(frozen=True, eq=False)
class Diff:
    """What distinguishes two blueprints.

    Attributes:
        before: The first blueprint.
        after: The second one.
        edits: What turns the first into the second, hints included: `apply_edits` gives a blueprint with the
            second one's fingerprint. Empty where they are the same in all but ids and names. Where the second
            one needs raised limits they are applied with `limits=after.limits`.
        matched: For each node of the first that has a counterpart in the second, the id of that.
        names: For each node of the second, its id in what the edits make of the first.
        isomorphic: Whether every node has a counterpart that is the same, hints aside.

    `str` gives the listing: removed, added and changed calls, in the order of computation.
    """

    before: "BlueprintIR"
    after: "BlueprintIR"
    edits: tuple[Edit, ...]
    matched: Mapping[str, str]
    names: Mapping[str, str]
    isomorphic: bool

    def cost(self, binding: Mapping[str, int] | None = None) -> Mapping[str, Change]:
        """Compare what one call costs: parameters, FLOPs and the like, see `BlueprintIR.cost`.

        Args:
            binding: Sizes for the symbols of both; those not named keep the reference sizes.
        """
        one, other = self.before.cost(binding), self.after.cost(binding)
        return {name: Change(getattr(one, name), getattr(other, name)) for name in FIGURES}

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The listing, line by line, without its first line."""
        from esper_graph.ir.diff_listing import listed

        return listed(self)

    def __str__(self) -> str:
        from esper_graph.ir.diff_listing import headline

        return "\n".join([headline(self), *self.lines])

    def __bool__(self) -> bool:
        return bool(self.edits)


def diff(before: "BlueprintIR", after: "BlueprintIR") -> Diff:
    """Compare two blueprints by structure.

    Raises:
        BlueprintError: One of them is not valid.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> def mlp(width: int, *, regular: bool = False) -> "BlueprintIR":
        ...     b = Builder("mlp", name="MLP")
        ...     x = b.linear(b.input([-1, 8]), in_features=8, out_features=width, id="fc1")
        ...     if regular:
        ...         x = b.dropout(x, p=0.1)
        ...     b.output(b.linear(x, in_features=width, out_features=2, id="fc2"))
        ...     return b.finish()
        >>> print(diff(mlp(4), mlp(16, regular=True)))
        1 added, 0 removed, 2 changed, 2 as they were
        ~ fc1 = linear(input, in_features=8, out_features=4 -> 16)
        + dropout = dropout(fc1, p=0.1)
        ~ fc2 = linear(fc1 -> dropout, in_features=4 -> 16, out_features=2)
    """
    aligned = align(after, before)
    matching = match(before, aligned)
    edits, names = edits_between(before, aligned, matching)
    matched = {
        before.nodes[place].id: after.nodes[other].id
        for place, other in enumerate(matching.places)
        if other is not None
    }
    return Diff(before, after, edits, MappingProxyType(matched), MappingProxyType(names), matching.complete)
