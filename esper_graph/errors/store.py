"""What the store could not do, find or keep."""

from collections.abc import Sequence

from esper_graph.errors.base import EsperGraphError, suggestion


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
