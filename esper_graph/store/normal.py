"""Normal fingerprints in the store: which blueprints are the same once simplified.

They follow from the content and from the set of passes. When the passes change, those in the store are of
another set, and are computed again by `renew`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from esper_graph.errors import StoreError
from esper_graph.ir.passes import NO_NORMAL, NORMAL_PREFIX, normal_fingerprint_or_none
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import Operation
from esper_graph.store.blueprints import get_many
from esper_graph.store.engines import MOST_SORTED, Engine, Row, Transaction
from esper_graph.store.journal import note_event

_BATCH = 100


class Renewal(NamedTuple):
    """What `renew` did.

    Attributes:
        renewed: Ids of blueprints that had no normal fingerprint of the present passes before.
        without: Ids of those among them that have none: what is left of them is too symmetric for one.
    """

    renewed: tuple[str, ...]
    without: tuple[str, ...]


def stale(engine: Engine, limit: int = MOST_SORTED) -> list[str]:
    """List ids of blueprints of which no normal fingerprint of the present passes is known."""
    asked = {"prefix": NORMAL_PREFIX, "limit": limit}
    return [row["id"] for row in engine.read(get("blueprint/stale_normal"), asked)]


def refuse_stale(engine: Engine) -> None:
    """Make sure that all normal fingerprints can be compared.

    Raises:
        StoreError: Some are of another set of passes, so that an answer would leave out what is the same.
    """
    found = stale(engine, limit=1)
    if found:
        raise StoreError(
            f"the normal fingerprint of `{found[0]}` is missing or was made by other passes than today's",
            hint="bring the store up to date: `esper-graph store migrate`",
        )


def renew(
    engine: Engine, operation: Operation, *, progress: Callable[[int, int], None] | None = None
) -> Renewal:
    """Compute what is missing or of another set of passes, a hundred in one transaction; with one event.

    A second time there is nothing left to do.

    Args:
        progress: Called with how many are done and how many there are.

    Raises:
        IntegrityError: The content of one is not what was registered; those before it are written.
    """
    ids = stale(engine)
    renewed: list[str] = []
    without: list[str] = []
    for part in _parts(ids):
        rows: list[Row] = [
            {"id": one.id, "value": normal_fingerprint_or_none(one)} for one in get_many(engine, part)
        ]
        _write(engine, operation, rows)
        renewed += [row["id"] for row in rows]
        without += [row["id"] for row in rows if row["value"] == NO_NORMAL]
        if progress is not None:
            progress(len(renewed), len(ids))
    return Renewal(tuple(renewed), tuple(without))


def _write(engine: Engine, operation: Operation, rows: list[Row]) -> None:
    def work(transaction: Transaction) -> None:
        transaction.run(get("blueprint/set_normal"), {"rows": rows})
        note_event(transaction, operation, [row["id"] for row in rows])

    engine.write(work, name=operation.action, retry_conflicts=True)


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(ids), _BATCH):
        yield ids[begin : begin + _BATCH]
