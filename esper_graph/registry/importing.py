"""The verb that brings the lineage of another hub."""

from collections.abc import Iterable, Mapping
from typing import Any

from esper_graph.property_graph.lineage_record import LineageRecord, read_records
from esper_graph.property_graph.records import LineageImport
from esper_graph.registry.base import OpenStore
from esper_graph.registry.registering import Progress


class Importing(OpenStore):
    """What adds blueprints of which only the lineage is known."""

    def import_lineage(
        self,
        records: Iterable[LineageRecord | Mapping[str, Any] | str | bytes],
        *,
        external_parents: bool = False,
        new_device: bool = False,
        progress: Progress | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> LineageImport:
        """Bring the family tree of another hub into the store: blueprints of which only the lineage is known.

        Records that are there already, exactly so, stay as they are, so that an import can be repeated.
        Everything is looked at before anything is written, in transactions of up to 1,000 records.

        Args:
            records: Records, plain data, or lines of JSON; parents may stand after their children.
            external_parents: Keep parents that are neither among them nor in this store as names only.
            new_device: Accept devices that the manifest does not name.
            progress: Called with how many are written and how many there are to write.

        Raises:
            RecordsRefusedError: Some are not as they must be, ids are taken, or parents are nowhere; all
                problems are named with their lines, and nothing is stored.
            LineageCycleError: Records would be their own ancestors; nothing is stored.
        """
        from esper_graph.store.collecting import seldom_collected
        from esper_graph.store.lineage_records import import_records

        with seldom_collected():
            return import_records(
                self.engine,
                read_records(records, self.manifest, new_device=new_device),
                lambda: self._operation("lineage.import", actor, reason),
                self.manifest,
                external_parents=external_parents,
                progress=progress,
            )
