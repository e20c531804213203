"""What is wrong with a blueprint itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, cast

from esper_graph.errors.base import EsperGraphError

_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a blueprint, as data.

    Attributes:
        kind: Key of the error class that stands for it, such as `shape_mismatch`.
        message: One sentence that says what is wrong, with both values.
        where: The node, edge or JSON path concerned, such as "node `fc2`" or "$.nodes[3].id".
        hint: What to do next, or None.
        facts: The values that the message was composed from.
    """

    kind: str
    message: str
    where: str = ""
    hint: str | None = None
    facts: Mapping[str, object] = field(default_factory=lambda: _NOTHING)

    def __str__(self) -> str:
        return f"{self.message} ({self.where})" if self.where else self.message


class BlueprintError(EsperGraphError, ValueError):
    """A blueprint is wrong.

    Attributes:
        problems: Everything that was found, most basic first; never empty.
        blueprint_id: The blueprint concerned, or None where it could not be read.
    """

    exit_code = 4
    kind: ClassVar[str] = "blueprint"
    _SHOWN: ClassVar[int] = 20

    def __init__(self, *problems: Problem, blueprint_id: str | None = None) -> None:
        first, *others = problems
        shown = [first.where] if first.where else []
        if blueprint_id:
            shown.insert(0, f"blueprint `{blueprint_id}`")
        shown += [f"also: {problem}" for problem in others[: self._SHOWN]]
        if len(others) > self._SHOWN:
            shown.append(f"and {len(others) - self._SHOWN} more")
        super().__init__(first.message, where=shown, hint=first.hint)
        self.problems = problems
        self.blueprint_id = blueprint_id

    @property
    def facts(self) -> Mapping[str, object]:
        """The values behind the first problem."""
        return self.problems[0].facts

    @staticmethod
    def of(problems: Sequence[Problem], blueprint_id: str | None = None) -> "BlueprintError":
        """Make the error of the first problem's class, carrying all of them."""
        error = _BLUEPRINT_ERRORS[problems[0].kind]
        return error(*problems, blueprint_id=blueprint_id)


class UnknownOpError(BlueprintError):
    """An op type is not in the `OPS` table, or the manifest does not allow it."""

    kind = "unknown_op"


class BadAttributeError(BlueprintError):
    """An attribute is missing, unknown, of the wrong type, or out of range."""

    kind = "bad_attribute"


class DanglingEdgeError(BlueprintError):
    """An edge names a node or port that does not exist, or a port is fed too often or not at all."""

    kind = "dangling_edge"


class GraphCycleError(BlueprintError):
    """The edges of a blueprint form a cycle."""

    kind = "graph_cycle"

    @property
    def path(self) -> tuple[str, ...]:
        """Node ids along the cycle, first one repeated at the end."""
        return cast(tuple[str, ...], self.facts["path"])


class ShapeMismatchError(BlueprintError):
    """Shapes or dtypes do not fit together."""

    kind = "shape_mismatch"


class LimitExceededError(BlueprintError):
    """A blueprint is larger, deeper or more symmetric than allowed."""

    kind = "limit_exceeded"


class FormatError(BlueprintError):
    """A document or a value cannot be read as a blueprint."""

    kind = "format"


_BLUEPRINT_ERRORS: Mapping[str, type[BlueprintError]] = {
    error.kind: error
    for error in (
        UnknownOpError,
        BadAttributeError,
        DanglingEdgeError,
        GraphCycleError,
        ShapeMismatchError,
        LimitExceededError,
        FormatError,
    )
}
