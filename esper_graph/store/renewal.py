"""Compute again what follows from content by rules that have changed since: one loop for all that does.

What follows is written with the version of its rules in front, and indexed. What is of another version stands
before or behind all of the present one in the index, so a look at the ends tells whether there is any.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from esper_graph.errors import StoreError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import Operation
from esper_graph.store.engines import MOST_SORTED, Engine, Transaction
from esper_graph.store.journal import note_event
from esper_graph.store.materialise import read

_BATCH = 100
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Derived(Generic[_T]):
    """Something that follows from the content of a blueprint and is written beside it.

    Attributes:
        name: What it is, in messages.
        version: Of the present rules, in messages.
        stale: Query for ids of blueprints of which it is of another version.
        present: What that query asks for, apart from the limit.
        compute: Find it out.
        replace: Write it for blueprints, by id, in place of what is there; twice is as good as once.
    """

    name: str
    version: str
    stale: str
    present: Mapping[str, str]
    compute: Callable[[BlueprintIR], _T]
    replace: Callable[[Transaction, Mapping[str, _T]], None]


def behind(prefix: str) -> str:
    """Return the least text that comes after all texts with a beginning, in the order of an index.

    Example:
        >>> "n1.0a:" < "n1.0a:ff" < behind("n1.0a:") == "n1.0a;"
        True
    """
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def stale(engine: Engine, what: Derived[Any], limit: int = MOST_SORTED) -> list[str]:
    """List ids of blueprints of which it is of another version, sorted; some of them where they are more."""
    rows = engine.read(get(what.stale), {**what.present, "limit": limit})
    return sorted({row["id"] for row in rows})[:limit]


def refuse_stale(engine: Engine, what: Derived[Any]) -> None:
    """Make sure that all blueprints can be compared.

    Raises:
        StoreError: Something is of another version, so that an answer would leave blueprints out.
    """
    found = stale(engine, what, limit=1)
    if found:
        raise StoreError(
            f"`{found[0]}` has no {what.name} of the present version, {what.version}",
            hint="bring the store up to date: `esper-graph store migrate`",
        )


def renew(
    engine: Engine,
    operation: Operation,
    what: Derived[_T],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Mapping[str, _T]]:
    """Compute what is of another version, a hundred in one transaction; with one event.

    A second time there is nothing left to do.

    Args:
        progress: Called with how many are done and how many there are.

    Yields:
        What was written, by id, one batch after the other.

    Raises:
        IntegrityError: The content of one is not what was registered; those before it are written.
    """
    ids = stale(engine, what)
    for begin in range(0, len(ids), _BATCH):
        part = ids[begin : begin + _BATCH]
        found = {name: what.compute(one) for name, one in read(engine, part).items()}

        def work(transaction: Transaction, found: Mapping[str, _T] = found) -> None:
            what.replace(transaction, found)
            note_event(transaction, operation, sorted(found))

        engine.write(work, name=operation.action, retry_conflicts=True, in_turn=True)
        if progress is not None:
            progress(begin + len(part), len(ids))
        yield found
