"""Lineage records that are written together, in one transaction with one event."""

from esper_graph.errors import StoreError, UnknownParentError
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.identifiers import new_id
from esper_graph.property_graph.lineage_record import Placed
from esper_graph.property_graph.records import Operation
from esper_graph.store.awaited import claim, fill_external_parents
from esper_graph.store.engines import ConflictError, Engine, Row, Transaction
from esper_graph.store.engines.values import message_bytes
from esper_graph.store.lineage_rows import Height, Rows, Surroundings

BATCH_RECORDS = 1_000  # what one transaction holds is what the engine's garbage collector moves
BATCH_BYTES = 4 << 20
_DERIVATION_BYTES = 600  # more than the ids of parent and child and the key take, at their longest
_RECORD_BYTES = 2_000  # likewise id, name and author
_ATTEMPTS = 3


class _StaleError(Exception):
    """A parent came, was removed or numbered anew between look-up and write."""


class TakenError(Exception):
    """Somebody took an id of the batch between look-up and write; nothing of it is written."""


class Batch:
    """Records of one transaction, parents before their children.

    Their rows are made when they are added, so that this can be done beside the writing of other batches.
    """

    def __init__(self, operation: Operation, around: Surroundings) -> None:
        self.placed: list[Placed] = []
        self._operation = operation
        self._around = around
        self._event_id = new_id()
        self._bytes = 0
        self._rows = Rows()

    def add(self, one: Placed) -> bool:
        """Add a record and tell whether there was room for it; the first always finds some."""
        record = one.record
        size = _RECORD_BYTES + message_bytes([record.description, record.tags, record.metrics])
        size += sum(_DERIVATION_BYTES + message_bytes(each.edits) for each in record.derivations)
        if self.placed and (self._bytes + size > BATCH_BYTES or len(self.placed) == BATCH_RECORDS):
            return False
        self._bytes += size
        self.placed.append(one)
        self._rows.add(record, self._around)
        return True

    def save(self, engine: Engine) -> int:
        """Write everything and return how many derivations that were.

        Raises:
            TakenError: Somebody took one of the ids meanwhile.
            UnknownParentError: A parent was removed meanwhile.
            LineageCycleError: A record arrives as the parent that its own ancestor waits for.
        """
        for _ in range(_ATTEMPTS):
            self._rows.number(self._around.heights)
            try:
                engine.write(self._write, name=self._operation.action, retry_conflicts=True, in_turn=True)
            except _StaleError:
                self._look_again(engine)
            except ConflictError:
                if states(engine, sorted(one.record.id for one in self.placed)):
                    raise TakenError from None
                if not self._look_again(engine):
                    raise
            else:
                return len(self._rows.external) + len(self._rows.derivations)
        raise StoreError("the parents kept changing while the records were written")

    def _write(self, transaction: Transaction) -> None:
        operation, rows = self._operation, self._rows
        at, actor = {"at": operation.at.isoformat()}, {"actor": operation.actor}
        identified = {"operation_id": operation.id, **at}
        event = {
            "id": self._event_id,
            "actor": operation.actor,
            "action": operation.action,
            "reason": operation.reason,
            "detail": "{}",
        }
        transaction.run(get("lineage/lock"))
        if transaction.run(get("event/count"), {"operation_id": operation.id})[0]["events"]:
            return  # it was written, and nobody heard of it
        transaction.run(get("lineage/import_records"), {"rows": rows.records, "event": event, **identified})
        if derivations := rows.derivations:
            (found,) = transaction.run(get("lineage/import_derivations"), {"rows": derivations, **actor})
            if found["written"] != len(derivations):
                raise _StaleError
        if rows.external:
            parents = [row["parent"] for row in rows.external]
            if transaction.run(get("lineage/import_state"), {"names": parents}):
                raise _StaleError
            claim(transaction, parents)
            transaction.run(get("lineage/import_external_parents"), {"rows": rows.external, **actor})
        for device, values in sorted(rows.metrics.items()):
            asked = {"rows": values, "device": device, **at, **actor}
            transaction.run(get("lineage/import_metrics"), asked)
        if rows.tags:
            transaction.run(get("lineage/import_tags"), {"rows": rows.tags})
        names = [row["id"] for row in rows.records]
        awaited = [row["name"] for row in transaction.run(get("lineage/awaited"), {"names": names})]
        if awaited:
            fill_external_parents(transaction, {name: name for name in awaited})

    # ---------------------------------------------------------------- what others did meanwhile

    def _look_again(self, engine: Engine) -> bool:
        """Look at the parents that are not of this batch, and tell whether some came that were nowhere."""
        around = self._around
        came = states(engine, sorted({row["parent"] for row in self._rows.external}))
        for row in came:
            around.external.discard(row["name"])
            around.ids[row["name"]] = row["id"]
            around.heights[row["id"]] = height(row)
        self._rows = Rows()
        for one in self.placed:
            self._rows.add(one.record, around)
        own = {one.record.id for one in self.placed}
        children = {row["parent"]: row["child"] for row in self._rows.derivations}
        found = {row["name"]: row for row in states(engine, sorted(children.keys() - own))}
        for parent in sorted(children.keys() - own):
            if parent not in found:
                raise UnknownParentError(parent, child=children[parent])
            around.heights[parent] = height(found[parent])
        return bool(came)


def states(engine: Engine, names: list[str]) -> list[Row]:
    """Say what is known about names; those that nobody has are left out."""
    return engine.read(get("lineage/import_state"), {"names": names})


def height(state: Row) -> Height:
    """Say how far down a blueprint is."""
    return Height(state["generation"], state["version"])
