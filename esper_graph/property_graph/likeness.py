"""What says whom a blueprint is like: its features and edit keys, and how they are written as rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, Any

from esper_graph.ir.edit_keys import PREFIX, edit_keys
from esper_graph.ir.features import AROUND, EDGE, damped
from esper_graph.ir.features import features as count_features

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

PRESENT = (EDGE, AROUND, PREFIX)
"""Beginnings of the keys of features and edit keys, which rise when their meaning changes."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What says whom a blueprint is like.

    Attributes:
        features: How often each is there, by key.
        edit_keys: Sorted; none for a large blueprint.
    """

    features: Mapping[str, int]
    edit_keys: tuple[str, ...]

    @property
    def count(self) -> int:
        """All features, each as often as it is there."""
        return sum(self.features.values())

    @property
    def weight(self) -> float:
        """All features, damped as `same_family` weighs them."""
        return fsum(map(damped, self.features.values()))

    @property
    def is_present(self) -> bool:
        """Whether nothing in it is of another version."""
        return all(key.startswith(PRESENT) for key in (*self.features, *self.edit_keys))


def likeness(blueprint: "BlueprintIR") -> Likeness:
    """Compute the features and edit keys of a valid blueprint."""
    return Likeness(count_features(blueprint), edit_keys(blueprint))


def likeness_rows(found: Mapping[str, Likeness]) -> dict[str, Any]:
    """Write likenesses of blueprints, by id, as the parameters of `similarity/save`.

    Each feature comes once, sorted, with everyone who has it.

    Example:
        >>> rows = likeness_rows({"a": Likeness({"e1:x": 2}, ("k1:0",)), "b": Likeness({"e1:x": 1}, ())})
        >>> rows["features"]
        [{'key': 'e1:x', 'found': [[0, 2], [1, 1]]}]
    """
    owners: dict[str, list[list[int]]] = {}
    for number, one in enumerate(found.values()):
        for key, count in one.features.items():
            owners.setdefault(key, []).append([number, count])
    rows = [
        {"number": number, "id": name, "count": one.count, "weight": one.weight, "edit_keys": one.edit_keys}
        for number, (name, one) in enumerate(found.items())
    ]
    features = [{"key": key, "found": owners[key]} for key in sorted(owners)]
    return {"rows": rows, "features": features}
