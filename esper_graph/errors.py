"""Every error esper_graph raises on purpose.

    EsperGraphError
    ├── BlueprintError (ValueError)        the blueprint itself is wrong; `.problems` lists everything found
    │   ├── UnknownOpError                 not in `OPS`, or not allowed by the manifest
    │   ├── BadAttributeError              an attribute is missing, unknown, ill-typed or out of range
    │   ├── DanglingEdgeError              an edge names no node or port, or a port is fed wrongly
    │   ├── GraphCycleError                the edges form a cycle; `.path` walks it in order
    │   ├── ShapeMismatchError             shapes or dtypes do not fit
    │   ├── LimitExceededError             more nodes, edges, depth or work than allowed
    │   └── FormatError                    a document or value that cannot be read as a blueprint
    ├── LineageError
    │   ├── LineageCycleError              a derivation would close a cycle; `.path` shows how
    │   ├── UnknownParentError (ValueError)
    │   └── RecordsRefusedError (ValueError)  lineage records that cannot be imported; `.problems` lists all
    ├── StoreError
    │   ├── BlueprintNotFoundError (LookupError)
    │   ├── LineageOnlyError (LookupError) only the lineage of it is known, not its content
    │   ├── IdTakenError                   the id already names another structure
    │   ├── OperationTakenError            the operation's id already names another operation
    │   ├── QueryError                     a question that makes no sense, such as a query's parameters
    │   │   ├── QueryFailedError               the engine refused a query, or broke it off
    │   │   ├── UnknownQueryError (LookupError)
    │   │   └── FilterError (ValueError)   a filter or a page token that cannot be read; `.column` says where
    │   ├── NothingFitsError (LookupError) none meets all conditions; `.removed` says why
    │   ├── StoreUnavailableError          no engine answers
    │   ├── SchemaVersionError             the database was written by another version, or holds foreign data
    │   └── IntegrityError                 what is stored is no longer what was registered
    ├── CompileError
    │   ├── LoweringError                  an op, attribute or precision the compiler cannot express
    │   ├── ImporterError                  a network that cannot be imported; `.refused` lists its ops
    │   └── KernelError
    │       ├── KernelNotFoundError (LookupError)
    │       ├── KernelBytesMissingError    the record exists, its bytes are not here
    │       └── UntrustedKernelError       the bytes are not the recorded ones
    ├── EvolutionError                     an edit that cannot be applied
    │   └── MergeConflictError             both sides of a merge changed the same; `.conflicts` lists where
    └── ConfigError                        a setting, an argument, a manifest or the installation

`str(error)` is the whole message for a person: what is wrong, where, and after a blank line a hint.
The facts it was composed from are attributes. `exit_code` is what the command line returns: 1 refused,
2 wrong use, 3 not found, 4 no valid blueprint, 5 no store answers, 6 in conflict with what is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import ClassVar, cast

_NOTHING: Mapping[str, object] = MappingProxyType({})


def close_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """List up to three known names that look like `name`, best first."""
    return tuple(get_close_matches(name, list(known), n=3, cutoff=0.6))


def suggestion(close: Sequence[str]) -> str | None:
    """Phrase close names as a hint, or None where there are none."""
    return f"did you mean {' or '.join(f'`{name}`' for name in close)}?" if close else None


class EsperGraphError(Exception):
    """Base of all errors of this package.

    Attributes:
        message: One sentence that says what is wrong, with both values.
        where: Lines that say where, outermost first.
        hint: What to do next, or None.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = tuple(where)
        self.hint = hint

    def __str__(self) -> str:
        text = "\n".join([self.message, *(f"  {line}" for line in self.where)])
        return f"{text}\n\nhint: {self.hint}" if self.hint else text


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
    """Lineage records cannot be imported; none of them was stored.

    Attributes:
        problems: Everything that was found, in the order of the lines.
    """

    exit_code = 4
    _SHOWN: ClassVar[int] = 20

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        shown = [f"{one.where}: {one.message}" for one in self.problems[: self._SHOWN]]
        if count > self._SHOWN:
            shown.append(f"and {count - self._SHOWN:,} more")
        super().__init__(
            f"these lineage records have {count:,} problem{'s' if count != 1 else ''}, and none was stored",
            where=shown,
            hint=next(
                (one.hint for one in self.problems if one.hint),
                "mend these lines and import all of them again",
            ),
        )


class StoreError(EsperGraphError):
    """The store could not do what was asked."""


class BlueprintNotFoundError(StoreError, LookupError):
    """No blueprint or alias has this id."""

    exit_code = 3

    def __init__(self, blueprint_id: str, *, close: Sequence[str] = ()) -> None:
        self.blueprint_id = blueprint_id
        self.close = tuple(close)
        super().__init__(
            f"no blueprint has the id `{blueprint_id}`",
            hint=suggestion(close) or "list what is there with `esper-graph blueprint list`",
        )


class LineageOnlyError(StoreError, LookupError):
    """Only the lineage of a blueprint is known: it was imported as a record, without its graph."""

    exit_code = 3

    def __init__(self, blueprint_id: str) -> None:
        self.blueprint_id = blueprint_id
        super().__init__(
            f"only the lineage of `{blueprint_id}` is known, not its content",
            hint=f"ask `esper-graph lineage tree {blueprint_id}`; or register its blueprint under another id "
            f"and link that with `esper-graph lineage link ID {blueprint_id} --kind import`",
        )


class IdTakenError(StoreError):
    """The id already names a blueprint of another structure.

    Attributes:
        held: Fingerprint of the blueprint that has the id; None where only its lineage is known.
        offered: Fingerprint of the one that asked for it; None where that is only a lineage record.
    """

    exit_code = 6

    def __init__(self, blueprint_id: str, *, held: str | None, offered: str | None) -> None:
        self.blueprint_id = blueprint_id
        self.held = held
        self.offered = offered
        hint = "registered content never changes: choose another id, or leave it empty to have one made"
        if held is None:
            hint = (
                "register it under another id, and link that with "
                f"`esper-graph lineage link ID {blueprint_id} --kind import`"
            )
        super().__init__(
            f"the id `{blueprint_id}` is taken by another structure"
            if held is not None
            else f"the id `{blueprint_id}` is taken by a record of which only the lineage is known",
            where=[f"held     {held or 'lineage only'}", f"offered  {offered or 'lineage only'}"],
            hint=hint,
        )


class OperationTakenError(StoreError):
    """The id of an operation was used before, for something else.

    Attributes:
        held: What the operation of this id was.
        offered: What asked for it now.
    """

    exit_code = 6

    def __init__(self, operation_id: str, *, held: str, offered: str) -> None:
        self.operation_id = operation_id
        self.held = held
        self.offered = offered
        super().__init__(
            f"the operation `{operation_id}` was another one",
            where=[f"held     {held}", f"offered  {offered}"],
            hint="the id of an operation is given again only to repeat it; choose another id",
        )


class QueryError(StoreError):
    """What is asked makes no sense: a query's parameters, a limit, a time, a choice that there is not."""

    exit_code = 2


class QueryFailedError(QueryError):
    """The engine refused a query, broke it off, or answered it otherwise than declared."""

    exit_code = 1


class UnknownQueryError(QueryError, LookupError):
    """The catalogue has no query of this name."""

    exit_code = 3


class FilterError(QueryError, ValueError):
    """A filter, an order or a page token cannot be read.

    Attributes:
        text: The whole of it.
        column: Where it went wrong, counted from 1; None where no place is to blame.
    """

    exit_code = 2

    def __init__(
        self, message: str, text: str, column: int | None = None, *, hint: str | None = None
    ) -> None:
        self.text = text
        self.column = column
        marked = [text, f"{'^':>{column}}"] if column is not None and text.isprintable() else []
        place = [] if column is None else [f"column {column}"]
        super().__init__(message, where=[*place, *marked], hint=hint)


class NothingFitsError(StoreError, LookupError):
    """No blueprint meets all conditions.

    Attributes:
        considered: How many blueprints there were.
        removed: Each condition in turn, and how many of those left it removed.
    """

    exit_code = 3

    def __init__(self, considered: int, removed: Sequence[tuple[str, int]]) -> None:
        self.considered = considered
        self.removed = tuple(removed)
        width = max((len(f"{count:,}") for _, count in removed), default=1)
        super().__init__(
            f"none of {considered:,} blueprints fits",
            where=[f"{count:>{width},} removed by  {condition}" for condition, count in removed],
            hint="loosen the condition that removed the last ones" if considered else "register some first",
        )


class StoreUnavailableError(StoreError):
    """No engine answers at the configured place."""

    exit_code = 5


class SchemaVersionError(StoreError):
    """The database was written by another version, or holds foreign data."""


class IntegrityError(StoreError):
    """What is stored is no longer what was registered.

    Attributes:
        blueprint_id: The damaged blueprint.
        recorded: Digest written at registration.
        found: Digest of what is there now, or None where it cannot be read.
    """

    def __init__(self, blueprint_id: str, message: str, *, recorded: str, found: str | None = None) -> None:
        self.blueprint_id = blueprint_id
        self.recorded = recorded
        self.found = found
        where = [f"recorded  {recorded}"] + ([f"found     {found}"] if found else [])
        super().__init__(
            f"blueprint `{blueprint_id}` was changed after registration: {message}",
            where=where,
            hint="`esper-graph store doctor` names all damage; restore from a backup or an export",
        )


class CompileError(EsperGraphError):
    """A blueprint could not be compiled."""


class LoweringError(CompileError):
    """The compiler has no way to express an op, attribute or precision."""


class ImporterError(CompileError):
    """A module cannot be read as a blueprint.

    Attributes:
        refused: What has no counterpart among our ops: op, where in the module tree, and why; each call once.
    """

    _SHOWN: ClassVar[int] = 20

    def __init__(
        self,
        message: str,
        *,
        refused: Sequence[tuple[str, str, str]] = (),
        where: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        self.refused = tuple(refused)
        shown = [f"{op}  {place or 'the module itself'}: {why}" for op, place, why in self.refused]
        if len(shown) > self._SHOWN:
            shown[self._SHOWN :] = [f"and {len(shown) - self._SHOWN} more"]
        super().__init__(message, where=[*where, *shown], hint=hint)


class KernelError(CompileError):
    """A kernel cannot be stored, found or used."""


class KernelNotFoundError(KernelError, LookupError):
    """No recorded kernel has this digest, or several begin with it.

    Attributes:
        digest: The digest, or its beginning.
        several: Some that begin with it.
    """

    exit_code = 3

    def __init__(self, digest: str, *, several: Sequence[str] = ()) -> None:
        self.digest = digest
        self.several = tuple(several)
        if several:
            super().__init__(f"several kernels begin with `{digest}`", where=several, hint="give more digits")
        else:
            super().__init__(
                f"no kernel has the digest `{digest}`",
                hint="give its first digits, four or more; `esper-graph kernel list ID` lists kernels",
            )


class KernelBytesMissingError(KernelError):
    """A kernel is recorded, but its bytes are not where this machine keeps kernels."""

    exit_code = 3

    def __init__(self, digest: str, place: str) -> None:
        self.digest = digest
        self.place = place
        super().__init__(
            f"the bytes of kernel `{digest}` are not here",
            where=[f"looked in  {place}"],
            hint="set ESPER_GRAPH_KERNELS to where they are, or compile again: the bytes are reproducible",
        )


class UntrustedKernelError(KernelError):
    """The bytes of a kernel are not the recorded ones; they were not loaded.

    Attributes:
        digest: SHA-256 in the record.
        found: SHA-256 of the bytes.
    """

    def __init__(self, digest: str, found: str, place: str) -> None:
        self.digest = digest
        self.found = found
        super().__init__(
            f"kernel `{digest}` does not have the recorded bytes and was not loaded",
            where=[f"file   {place}", f"found  {found}"],
            hint="remove the file and compile again",
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
        count = f"{len(self.conflicts)} conflict{'s' if len(self.conflicts) != 1 else ''}"
        super().__init__(
            f"`{left}` and `{right}` cannot be merged over `{base}`: {count}",
            where=[str(conflict) for conflict in self.conflicts],
            hint="bring one side's change into the other with `evolve apply`, then merge again",
        )


class ConfigError(EsperGraphError):
    """A setting, an argument, the manifest or the installation is wrong."""

    exit_code = 2
