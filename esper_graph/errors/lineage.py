"""What is wrong with a statement about ancestry, or with a derivation in the making."""

from collections.abc import Sequence
from typing import ClassVar

from esper_graph.errors.base import EsperGraphError, counted, suggestion
from esper_graph.errors.blueprint import Problem


class LineageError(EsperGraphError):
    """A statement about ancestry cannot be accepted."""


class LineageCycleError(LineageError):
    """A derivation would make a blueprint its own ancestor.

    Attributes:
        path: Blueprint ids along the cycle that would close, first one repeated at the end.
    """

    exit_code = 6

    def __init__(self, child: str, parent: str, path: Sequence[str]) -> None:
        self.child = child
        self.parent = parent
        self.path = tuple(path)
        super().__init__(
            f"`{child}` cannot derive from `{parent}`: that would close a cycle",
            where=[f"path  {' -> '.join(self.path)}"],
            hint="derivations point from a newer blueprint to an older one; see "
            f"`esper-graph lineage path {parent} {child}`",
        )


class UnknownParentError(LineageError, ValueError):
    """A derivation names a parent that this store does not hold."""

    exit_code = 3

    def __init__(self, parent: str, *, child: str | None = None, close: Sequence[str] = ()) -> None:
        self.parent = parent
        self.child = child
        super().__init__(
            f"parent `{parent}` is not in this store",
            where=[f"child  {child}"] if child else (),
            hint=suggestion(close)
            or "register the parent first, or pass `--external-parent` to keep it as a name only",
        )


class RecordsRefusedError(LineageError, ValueError):
    """Lineage records cannot be imported.

    Attributes:
        problems: Everything that was found, in the order of the lines.
        stored: How many of the records are written: 0, unless somebody took an id while they were.
    """

    exit_code = 4
    _SHOWN: ClassVar[int] = 20

    def __init__(self, problems: Sequence[Problem], stored: int = 0) -> None:
        self.problems = tuple(problems)
        self.stored = stored
        count = len(self.problems)
        kept = f"{stored:,} before them were stored" if stored else "none was stored"
        shown = [f"{one.where}: {one.message}" for one in self.problems[: self._SHOWN]]
        if count > self._SHOWN:
            shown.append(f"and {count - self._SHOWN:,} more")
        super().__init__(
            f"these lineage records have {counted(count, 'problem')}, and {kept}",
            where=shown,
            hint=next(
                (one.hint for one in self.problems if one.hint),
                "mend these lines and import all of them again",
            ),
        )


class EvolutionError(EsperGraphError):
    """An edit cannot be applied to this blueprint."""


class MergeConflictError(EvolutionError):
    """Two blueprints contradict each other in what they changed of a common ancestor.

    Attributes:
        left: Id of the one.
        right: Id of the other.
        base: Id of what both were compared with.
        conflicts: Each place where they do.
    """

    exit_code = 6

    def __init__(self, left: str, right: str, base: str, conflicts: Sequence[object]) -> None:
        self.left = left
        self.right = right
        self.base = base
        self.conflicts = tuple(conflicts)
        count = counted(len(self.conflicts), "conflict")
        super().__init__(
            f"`{left}` and `{right}` cannot be merged over `{base}`: {count}",
            where=[str(conflict) for conflict in self.conflicts],
            hint="bring one side's change into the other with `evolve apply`, then merge again",
        )
