"""Verbs that list, search and tell: nothing is written."""

from collections.abc import Sequence
from typing import Any, Literal

from esper_graph.errors import ConfigError, UntrustedKernelError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.metadata import BlueprintMetadata
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.records import Damage, EventRecord, MetricRecord, MotifMatch, Summary
from esper_graph.registry.base import OpenStore

Identity = Literal["fingerprint", "normal"]
IDENTITIES: tuple[str, ...] = Identity.__args__


class Reading(OpenStore):
    """What lists, searches and describes blueprints."""

    def list(
        self,
        *,
        tags: Sequence[str] = (),
        status: str | None = None,
        author: str | None = None,
        name: str | None = None,
        limit: int | None = None,
        archived: bool = False,
    ) -> Answer[Summary]:
        """List blueprints, newest registration first."""
        from esper_graph.store import blueprints

        return blueprints.summaries(
            self.engine, tags=tags, status=status, author=author, name=name, limit=limit, archived=archived
        )

    def same_as(
        self, blueprint_id: str, under: Identity = "normal", *, limit: int | None = None
    ) -> Answer[Summary]:
        """List blueprints that are the same as one, itself included, oldest registration first.

        Archived ones are left out, but for the one itself.

        Args:
            under: `fingerprint`, the same structure: that is one record, whatever its aliases. Or `normal`,
                the same once both are simplified by the present passes.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            ConfigError: There is no such identity.
            LineageOnlyError: Only the lineage of it is known.
            StoreError: Some normal fingerprints were made by other passes; `migrate` computes them again.
        """
        from esper_graph.store import blueprints
        from esper_graph.store.normal import NORMAL
        from esper_graph.store.renewal import refuse_stale

        if under not in IDENTITIES:
            raise ConfigError(
                f"`{under}` is not an identity", hint=f"the identities are {' and '.join(IDENTITIES)}"
            )
        found = self._id(blueprint_id)
        if under == "normal":
            refuse_stale(self.engine, NORMAL)
        return blueprints.same_as(self.engine, found, under, limit)

    def search_by_tags(self, tags: Sequence[str], match_all: bool = False) -> Answer[BlueprintIR]:  # noqa: FBT001, FBT002, the specification's call
        """Find blueprints that have one of the tags, or all of them; no tags find all blueprints.

        Those of which only the lineage is known are left out, and counted.
        """
        from esper_graph.store import blueprints

        found = blueprints.by_tags(self.engine, tags, match_all=match_all)
        return blueprints.contents(self.engine, found)

    def search_by_performance(
        self,
        metric: str,
        min_value: float | None = None,
        max_value: float | None = None,
        device: str | None = None,
    ) -> Answer[BlueprintIR]:
        """Find blueprints by the newest value of a metric, best first; `ranking` also tells the values.

        Those of which only the lineage is known are left out, and counted; `ranking` has them.

        Args:
            device: None looks at all devices, and the best value of each blueprint counts.

        Raises:
            ConfigError: There is no such metric or device.
        """
        from esper_graph.store import blueprints

        ranked = self.ranking(metric, min_value=min_value, max_value=max_value, device=device)
        return blueprints.contents(self.engine, [record.blueprint for record in ranked])

    def ranking(
        self,
        metric: str,
        *,
        min_value: float | None = None,
        max_value: float | None = None,
        device: str | None = None,
    ) -> Answer[MetricRecord]:
        """List the newest value of a metric for each blueprint, best first, with its device."""
        from esper_graph.store import metrics

        direction = self.manifest.metric(metric).direction
        if device is not None:
            self._know_device(device)
        return metrics.ranking(
            self.engine, metric, direction, min_value=min_value, max_value=max_value, device=device
        )

    def motifs(self, motif: str, *, limit: int | None = None) -> Answer[MotifMatch]:
        """Find chains of ops inside of blueprints, such as `conv > norm > activation, residual`.

        Args:
            motif: Op types or families, `|` between alternatives, `>` between steps; `, residual` asks for a
                node that feeds both the first step and a node that the last step feeds.
            limit: Most places to list; the answer says how many there are.

        Raises:
            FilterError: It is no motif.
            QueryError: The limit is below 1.
        """
        from esper_graph.search.motif import parse_motif
        from esper_graph.store import motifs

        wanted = parse_motif(motif)
        return motifs.motifs(self.engine, wanted.steps, residual=wanted.residual, limit=limit)

    def metadata(self, blueprint_id: str) -> BlueprintMetadata:
        """Compute what is known about a blueprint besides its content.

        Raises:
            BlueprintNotFoundError: There is none.
        """
        from esper_graph.store import blueprints

        return blueprints.metadata(self.engine, self._id(blueprint_id))

    def history(self, blueprint_id: str) -> Answer[EventRecord]:
        """List all events that concern a blueprint, oldest first."""
        from esper_graph.store import events

        return events.history(self.engine, self._id(blueprint_id))

    def export_manifest(self) -> dict[str, Any]:
        """Describe the registry as plain data: every blueprint with tags, newest metrics and metadata."""
        from esper_graph.store import blueprints

        return blueprints.manifest(self.engine)

    def query(self, name: str, **parameters: object) -> Answer[dict[str, Any]]:
        """Run a query of the catalogue that reads, by name.

        Raises:
            QueryError: There is no such query, it does not read, or its parameters are wrong.
        """
        from esper_graph.property_graph import catalogue

        return Answer(self.engine.read(catalogue.get(name), parameters))

    def doctor(self) -> Answer[Damage]:
        """Look for anything in the store that is not as it was written, the bytes of kernels included."""
        from esper_graph.compile import KernelFiles
        from esper_graph.store import doctor

        if "://" in self.settings.kernels:  # kernels at a URL cannot be listed
            return Answer(doctor.examine(self.engine))
        files = KernelFiles(self.settings.kernels)
        here = set(files.digests())
        found = doctor.examine(self.engine, kernel_digests=here)
        for digest in sorted(here):
            try:
                files.read(digest)
            except UntrustedKernelError:
                found.append(Damage("kernel_bytes", digest, "its bytes are not the recorded ones"))
        return Answer(found)
