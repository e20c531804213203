"""Verbs for what may change: measurements, tags, status, aliases, notes. Content never does."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.records import MeasurementRecord
from esper_graph.registry.base import OpenStore

if TYPE_CHECKING:
    from esper_graph.store.migration import Migration


class Changing(OpenStore):
    """What changes the surroundings of a blueprint, each in one transaction with one event."""

    def update_performance(
        self,
        blueprint_id: str,
        metrics: Mapping[str, float],
        device: str = "default",
        *,
        new_device: bool = False,
        samples: Mapping[str, Sequence[float]] | None = None,
        tool: str | None = None,
        kernel: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Record measurements of a blueprint; older values stay in the history.

        Args:
            metrics: Values by name of metric, in the manifest's units.
            new_device: Accept a device that the manifest does not name.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            ConfigError: The manifest has no such metric or device, or a value is no finite number or below
                the least one of the manifest.
        """
        from esper_graph.store import metrics as stored

        for name, value in metrics.items():
            metric = self.manifest.metric(name)
            for one in (value, *(samples or {}).get(name, ())):
                metric.require(one)
        if not new_device:
            self.manifest.device(device)
        stored.record(
            self.engine,
            self._id(blueprint_id),
            metrics,
            device,
            self._operation("metric.record", actor, reason),
            samples=samples or {},
            tool=tool,
            kernel=kernel,
        )

    def measurements(self, blueprint_id: str) -> Answer[MeasurementRecord]:
        """List every value that was recorded for a blueprint, oldest first."""
        from esper_graph.store import metrics

        return metrics.measurements(self.engine, self._id(blueprint_id))

    def tag(self, blueprint_id: str, *tags: str, actor: str | None = None, reason: str | None = None) -> None:
        """Add tags; those that are there stay."""
        self._change("tag", blueprint_id, actor, reason, tags=tags, manifest=self.manifest)

    def untag(
        self, blueprint_id: str, *tags: str, actor: str | None = None, reason: str | None = None
    ) -> None:
        """Remove tags; those that are not there are no error."""
        self._change("untag", blueprint_id, actor, reason, tags=tags, manifest=self.manifest)

    def set_status(
        self, blueprint_id: str, status: str, *, actor: str | None = None, reason: str | None = None
    ) -> None:
        """Set the status, a word of the user's own."""
        self._change("set_status", blueprint_id, actor, reason, status=status)

    def alias(
        self, blueprint_id: str, alias: str, *, actor: str | None = None, reason: str | None = None
    ) -> None:
        """Give a blueprint a further id.

        Raises:
            IdTakenError: It already names another blueprint.
        """
        self._change("add_alias", blueprint_id, actor, reason, alias=alias)

    def note(self, blueprint_id: str, text: str, *, actor: str | None = None) -> None:
        """Write a note into the history."""
        self._change("note", blueprint_id, actor, text)

    def archive(self, blueprint_id: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Hide a blueprint from lists and searches; `get` and lineage still know it."""
        self._change("archive", blueprint_id, actor, reason)

    def restore(self, blueprint_id: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Show an archived blueprint again."""
        self._change("restore", blueprint_id, actor, reason)

    def purge(self, blueprint_id: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Remove a blueprint for good; an event stays that says what was there.

        Raises:
            LineageError: Something derives from it.
        """
        self._change("purge", blueprint_id, actor, reason)

    def migrate(
        self,
        *,
        progress: Callable[[int, int], None] | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> "Migration":
        """Bring the store up to this version: the schema, and what follows from content by rules of ours.

        Normal fingerprints of another set of passes are computed again, and features and edit keys of another
        version. Content never changes. A second time there is nothing left to do.

        Args:
            progress: Called with how many blueprints are done and how many there are; first for normal
                fingerprints, then for features.
        """
        from esper_graph.store import migration

        operation = self._operation("store.migrate", actor, reason)
        return migration.migrate(self.engine, operation, progress=progress)

    def _change(
        self, verb: str, blueprint_id: str, actor: str | None, reason: str | None, **details: Any
    ) -> None:
        from esper_graph.store import changes

        operation = self._operation(f"blueprint.{verb}", actor, reason)
        getattr(changes, verb)(self.engine, self._id(blueprint_id), operation, **details)
