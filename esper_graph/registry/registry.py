"""The verbs people say: one registry over one store, composed from the rooms.

with BlueprintRegistry() as registry:
    registry.register(blueprint)
"""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from esper_graph.config import Manifest, Settings, Validation, load_manifest, load_settings
from esper_graph.errors import (
    BlueprintNotFoundError,
    ConfigError,
    EvolutionError,
    KernelError,
    UnknownParentError,
)
from esper_graph.ir.blueprint import BlueprintIR, BlueprintMetadata
from esper_graph.ir.check import raise_limits
from esper_graph.ir.edit import Edit, apply_edits
from esper_graph.ir.specs import DERIVATION_KINDS, Derivation, freeze
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.identifiers import new_id
from esper_graph.property_graph.records import (
    CompileAttempt,
    Damage,
    DerivationRecord,
    EventRecord,
    KernelRecord,
    MeasurementRecord,
    MetricRecord,
    Operation,
    Registration,
    Relative,
    Summary,
)
from esper_graph.property_graph.registration import Prepared, id_of_child, prepare

if TYPE_CHECKING:
    from esper_graph.compile import Kernel, KernelFiles
    from esper_graph.store.engines import Engine

Progress = Callable[[int, int | None], None]
"""Called with how much is done and how much there is, where that is known."""


class BlueprintRegistry:
    """All blueprints of one store, their families, their measurements and their kernels.

    Args:
        storage_path: Data directory of the embedded engine; the same as `uri="embedded:PATH"`.
        uri: `embedded`, `embedded:PATH`, or the URI of a Neo4j server; None takes it from the environment.
        settings: Everything at once; the other arguments are then left out.
        flags: Further settings by name, such as `username`, `password`, `database`, `kernels`, `actor`.

    Raises:
        ConfigError: A setting or the manifest is wrong.

    The store is opened when it is first needed; `close` lets go of it. Threads may share a registry.

    Example:
        >>> from esper_graph.templates import create_expert_network
        >>> with BlueprintRegistry(storage) as registry:                           # doctest: +SKIP
        ...     registry.register(create_expert_network(input_dim=8, output_dim=8))
    """

    def __init__(
        self,
        storage_path: str | Path | None = None,
        *,
        uri: str | None = None,
        settings: Settings | None = None,
        adopt: bool = False,
        **flags: object,
    ) -> None:
        if storage_path is not None:
            if uri is not None:
                raise ConfigError("`storage_path` and `uri` both say where the store is", hint="give one")
            uri = f"embedded:{Path(storage_path).expanduser()}"
        if settings is not None and (uri is not None or flags):
            raise ConfigError("`settings` say everything; other arguments are left out beside them")
        self.settings: Settings = settings or load_settings({"uri": uri, **flags})
        self.manifest: Manifest = load_manifest(self.settings.manifest)
        self._adopt = adopt
        self._opened: Engine | None = None
        self._finalizer: weakref.finalize[[], Self] | None = None

    # ---------------------------------------------------------------- the store

    @property
    def engine(self) -> "Engine":
        """The engine, opened and with its schema in place.

        Raises:
            StoreUnavailableError: No engine answers.
            SchemaVersionError: The database belongs to something else, or to a newer esper_graph.
        """
        if self._opened is None:
            from esper_graph.store import schema
            from esper_graph.store.engines import open_engine

            engine = open_engine(self.settings)
            try:
                schema.ensure(engine, adopt=self._adopt)
            except BaseException:
                engine.close()
                raise
            self._opened = engine
            self._finalizer = weakref.finalize(self, engine.close)
        return self._opened

    def close(self) -> None:
        """Let go of the store; the embedded engine stops by itself when nobody uses it."""
        if self._finalizer is not None:
            self._finalizer()
        self._opened = self._finalizer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of all blueprints that are not archived, in the order of registration."""
        from esper_graph.store import blueprints

        yield from blueprints.ids(self.engine)

    def __len__(self) -> int:
        from esper_graph.store import blueprints

        return blueprints.count(self.engine)

    def __contains__(self, blueprint_id: object) -> bool:
        from esper_graph.store import blueprints

        return isinstance(blueprint_id, str) and blueprints.find(self.engine, blueprint_id) is not None

    # ---------------------------------------------------------------- registering

    def register(
        self,
        blueprint: BlueprintIR,
        *,
        parents: Sequence[str] | None = None,
        kind: str | None = None,
        mutation_type: str | None = None,
        external_parents: bool = False,
        max_nodes: int | None = None,
        max_edges: int | None = None,
        max_depth: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
        operation_id: str | None = None,
    ) -> str:
        """Register a blueprint and return the id of its structure; see `register_one` for all that is known.

        A structure that is known already keeps its first id; the id given here becomes an alias of it.

        Args:
            parents: Ids of the blueprints it derives from, instead of its own derivations.
            kind: Kind of these derivations, see `DERIVATION_KINDS`; several parents are a `crossover` if
                nothing else is said.
            mutation_type: Free text beside the kind.
            external_parents: Keep parents that this store does not hold as names only.
            max_nodes: Raised limit for this blueprint; its descendants inherit it. Likewise the two after it.
            operation_id: Makes repeating the call with the same id a no-op.

        Raises:
            BlueprintError: The blueprint is not valid; nothing is stored.
            UnknownParentError: A parent is not in this store.
            IdTakenError: The id already names another structure.
        """
        return self.register_one(
            blueprint,
            parents=parents,
            kind=kind,
            mutation_type=mutation_type,
            external_parents=external_parents,
            max_nodes=max_nodes,
            max_edges=max_edges,
            max_depth=max_depth,
            actor=actor,
            reason=reason,
            operation_id=operation_id,
        ).id

    def register_one(
        self,
        blueprint: BlueprintIR,
        *,
        parents: Sequence[str] | None = None,
        kind: str | None = None,
        mutation_type: str | None = None,
        external_parents: bool = False,
        max_nodes: int | None = None,
        max_edges: int | None = None,
        max_depth: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
        operation_id: str | None = None,
    ) -> Registration:
        """Register a blueprint and tell what became of it; arguments and errors as in `register`."""
        from esper_graph.store import blueprints

        if parents is not None:
            blueprint = blueprint.changed(derivations=_derivations(parents, kind, mutation_type, reason))
        limits = raise_limits(
            self.manifest.validation, max_nodes=max_nodes, max_edges=max_edges, max_depth=max_depth
        )
        version = None
        if blueprint.derivations:
            known = blueprints.parents_of_new(self.engine, blueprint.parents)
            missing = [name for name in blueprint.parents if name not in known]
            if missing and not external_parents:
                raise UnknownParentError(
                    missing[0], child=blueprint.id, close=blueprints.close_ids(self.engine, missing[0])
                )
            for parent in known.values():
                limits = raise_limits(limits, **parent.limits)
            version = 1 + max(parent.version for parent in known.values()) if known else None
        prepared = self._prepare(blueprint, limits, version)
        operation = self._operation("blueprint.register", actor, reason, operation_id)
        (registration,) = blueprints.save(
            self.engine, [prepared], operation, self.manifest, external_parents=external_parents
        )
        return registration

    def register_all(
        self,
        blueprints: Iterable[BlueprintIR],
        *,
        progress: Progress | None = None,
        external_parents: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> list[Registration]:
        """Register many blueprints in batches; those of one batch are written in one transaction.

        Parents may stand before their children in the same call. While one batch is being written, the next
        is checked and fingerprinted.

        Returns:
            What became of each blueprint, in the order given.

        Raises:
            BlueprintError: One is not valid. Batches before it are written, its own and later ones are not.
        """
        from esper_graph.store import batches

        total = len(blueprints) if isinstance(blueprints, Sequence) else None
        return batches.register_all(
            self.engine,
            (self._prepare(blueprint, self.manifest.validation) for blueprint in blueprints),
            lambda: self._operation("blueprint.register", actor, reason),
            self.manifest,
            external_parents=external_parents,
            progress=(lambda done: progress(done, total)) if progress else None,
        )

    def evolve(
        self,
        parent_id: str,
        mutations: Sequence[Edit | Mapping[str, Any]],
        mutation_type: str = "optimization",
        *,
        kind: str | None = None,
        blueprint_id: str | None = None,
        name: str | None = None,
        repair: bool = True,
        actor: str | None = None,
        reason: str | None = None,
    ) -> str:
        """Derive a blueprint from a parent by edits, register it, and return its id.

        Args:
            mutations: Edits, or the plain data of edits, applied in order.
            mutation_type: Free text; where it is a kind of derivation it is that kind, else a `mutation`.
            blueprint_id: Id of the child; None makes one of the family's name and the fingerprint.
            repair: Adjust consumers whose input changed; the adjustments are recorded among the edits.

        Raises:
            BlueprintNotFoundError: No blueprint has the parent's id.
            EvolutionError: An edit does not fit, or the edits change nothing.
            BlueprintError: The result is not valid; nothing is stored.
        """
        parent = self[parent_id]
        outcome = apply_edits(parent, mutations, repair=repair)
        if outcome.blueprint.fingerprint == parent.fingerprint:
            raise EvolutionError(
                f"the edits leave the structure of `{parent.id}` as it is, so there is nothing to register",
                hint="names and hints are no part of the structure; see `tag`, `note` and `alias`",
            )
        kind = kind or (mutation_type if mutation_type in DERIVATION_KINDS else "mutation")
        derivation = Derivation(
            parent_id=parent.id,
            kind=kind,  # pyright: ignore[reportArgumentType]  -- checked by the value itself
            mutation_type=mutation_type if mutation_type != kind else None,
            edits=tuple([freeze(edit.to_dict()) for edit in outcome.edits]),
            reason=reason,
        )
        child = outcome.blueprint.changed(
            id=blueprint_id or id_of_child(parent.id, outcome.blueprint.fingerprint),
            name=name or parent.name,
            version=parent.version + 1,
            derivations=[derivation],
        )
        return self.register(child, actor=actor, reason=reason)

    def link(
        self,
        child: str,
        parent: str,
        *,
        kind: str = "mutation",
        mutation_type: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Record that a blueprint derives from another one, where both are registered already.

        Raises:
            LineageCycleError: The parent descends from the child; the path is named, nothing is written.
            BlueprintNotFoundError: One of them is unknown.
        """
        from esper_graph.store import lineage

        lineage.link(
            self.engine,
            self._id(child),
            self._id(parent),
            kind=kind,
            mutation_type=mutation_type,
            reason=reason,
            operation=self._operation("lineage.link", actor, reason),
        )

    # ---------------------------------------------------------------- reading

    def get(self, blueprint_id: str) -> BlueprintIR | None:
        """Return the blueprint of this id or alias, or None.

        Raises:
            IntegrityError: What is stored is no longer what was registered.
        """
        from esper_graph.store import blueprints

        return blueprints.get(self.engine, blueprint_id)

    def __getitem__(self, blueprint_id: str) -> BlueprintIR:
        """Return the blueprint of this id or alias.

        Raises:
            BlueprintNotFoundError: There is none; close ids are named.
            IntegrityError: What is stored is no longer what was registered.
        """
        found = self.get(blueprint_id)
        if found is None:
            raise self._not_found(blueprint_id)
        return found

    def resolve(self, reference: str) -> str:
        """Return the id that a reference means: an id, an alias, the beginning of one id, or `name@latest`.

        Raises:
            BlueprintNotFoundError: It means none, or several.
        """
        from esper_graph.store import blueprints

        return blueprints.resolve(self.engine, reference)

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

    def search_by_tags(self, tags: Sequence[str], match_all: bool = False) -> Answer[BlueprintIR]:  # noqa: FBT001, FBT002, the specification's call
        """Find blueprints that have one of the tags, or all of them; no tags find all blueprints."""
        from esper_graph.store import blueprints

        found = blueprints.by_tags(self.engine, tags, match_all=match_all)
        return Answer(blueprints.get_many(self.engine, found))

    def search_by_performance(
        self,
        metric: str,
        min_value: float | None = None,
        max_value: float | None = None,
        device: str | None = None,
    ) -> Answer[BlueprintIR]:
        """Find blueprints by the newest value of a metric, best first; `ranking` also tells the values.

        Args:
            device: None looks at all devices, and the best value of each blueprint counts.

        Raises:
            ConfigError: The manifest has no such metric.
        """
        from esper_graph.store import blueprints

        ranked = self.ranking(metric, min_value=min_value, max_value=max_value, device=device)
        return Answer(blueprints.get_many(self.engine, [record.blueprint for record in ranked]))

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
        return metrics.ranking(
            self.engine, metric, direction, min_value=min_value, max_value=max_value, device=device
        )

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
        """Look for anything in the store that is not as it was written."""
        from esper_graph.compile import KernelFiles
        from esper_graph.store import doctor

        here = None  # kernels at a URL cannot be listed
        if "://" not in self.settings.kernels:
            here = set(KernelFiles(self.settings.kernels).digests())
        return Answer(doctor.examine(self.engine, kernel_digests=here))

    # ---------------------------------------------------------------- families

    def get_lineage(self, blueprint_id: str) -> Answer[BlueprintIR]:
        """Return a blueprint and all its ancestors, every parent before its children, itself last."""
        from esper_graph.store import blueprints, lineage

        start = self._id(blueprint_id)
        ordered = root_first(lineage.ancestors(self.engine, start), start)
        return Answer(blueprints.get_many(self.engine, ordered))

    def get_descendants(self, blueprint_id: str) -> Answer[BlueprintIR]:
        """Return all descendants of a blueprint, nearest generation first, each once."""
        from esper_graph.store import blueprints

        found = self.descendants(blueprint_id)
        return Answer(blueprints.get_many(self.engine, [relative.id for relative in found]))

    def ancestors(
        self,
        blueprint_id: str,
        *,
        max_generations: int | None = None,
        limit: int | None = None,
        include_rediscoveries: bool = False,
    ) -> Answer[Relative]:
        """List what a blueprint derives from, nearest generation first; it is not among them.

        Args:
            max_generations: Derivations to follow; None follows all.
            limit: Most relatives to return; the answer says what it leaves out.
        """
        from esper_graph.store import lineage

        return lineage.ancestors(
            self.engine,
            self._id(blueprint_id),
            max_generations=max_generations,
            limit=limit,
            include_rediscoveries=include_rediscoveries,
        )

    def descendants(
        self,
        blueprint_id: str,
        *,
        max_generations: int | None = None,
        limit: int | None = None,
        include_rediscoveries: bool = False,
    ) -> Answer[Relative]:
        """List what derives from a blueprint, nearest generation first; arguments as in `ancestors`."""
        from esper_graph.store import lineage

        return lineage.descendants(
            self.engine,
            self._id(blueprint_id),
            max_generations=max_generations,
            limit=limit,
            include_rediscoveries=include_rediscoveries,
        )

    def ancestor_ids(self, blueprint_id: str) -> Answer[str]:
        """List the ids of all ancestors, sorted."""
        from esper_graph.store import lineage

        return Answer(lineage.ancestor_ids(self.engine, self._id(blueprint_id)))

    def descendant_ids(self, blueprint_id: str) -> Answer[str]:
        """List the ids of all descendants, sorted."""
        from esper_graph.store import lineage

        return Answer(lineage.descendant_ids(self.engine, self._id(blueprint_id)))

    def tree(self, blueprint_id: str) -> Answer[Relative]:
        """List the family of a blueprint: its ancestors, itself, and all that descends from its roots."""
        from esper_graph.store import lineage

        return lineage.tree(self.engine, self._id(blueprint_id))

    def path(self, one: str, other: str) -> tuple[DerivationRecord, ...] | None:
        """Return a shortest chain of derivations between two blueprints, or None where neither descends."""
        from esper_graph.store import lineage

        return lineage.path(self.engine, self._id(one), self._id(other))

    def roots(self, blueprint_id: str | None = None) -> Answer[Relative]:
        """List the blueprints without parents: those of one blueprint's ancestry, or all."""
        from esper_graph.store import lineage

        return lineage.roots(self.engine, None if blueprint_id is None else self._id(blueprint_id))

    def derivations(self, blueprint_id: str) -> Answer[DerivationRecord]:
        """List how a blueprint came from its parents, rediscoveries included, oldest first."""
        from esper_graph.store import lineage

        return Answer(lineage.parents(self.engine, self._id(blueprint_id), include_rediscoveries=True))

    # ---------------------------------------------------------------- what may change

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
            ConfigError: The manifest has no such metric or device, or a value is no finite number.
        """
        from esper_graph.store import metrics as stored

        for name in metrics:
            self.manifest.metric(name)
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

    # ---------------------------------------------------------------- kernels

    def compile(
        self,
        blueprint_id: str,
        *,
        mode: str = "infer",
        seed: int = 0,
        validate: bool = True,
        actor: str | None = None,
        reason: str | None = None,
    ) -> "Kernel":
        """Compile a blueprint, or find the kernel that the same request made before.

        Args:
            mode: `infer`, or `train` for a kernel whose weights can be trained.
            seed: What the initial weights are drawn with.
            validate: Compare the kernel with the reference interpreter and record the result.

        Raises:
            LoweringError: The compiler has no way to express it; the attempt is recorded with the reason.
        """
        from esper_graph.registry.compilation import compile_registered
        from esper_graph.store import blueprints

        blueprint = self[blueprint_id]
        return compile_registered(
            self.engine,
            blueprint,
            blueprints.origins(self.engine, blueprint.id),
            self._kernel_files(),
            lambda action: self._operation(action, actor, reason),
            mode=mode,
            seed=seed,
            validate=validate,
        )

    def kernel(self, digest: str) -> KernelRecord:
        """Return the record of a kernel, by its digest or the first digits of it.

        Raises:
            KernelError: No kernel has it, or several have.
        """
        from esper_graph.store import kernels

        found = kernels.kernel(self.engine, digest)
        if found is None:
            raise KernelError(
                f"no kernel has the digest `{digest}`", hint="list kernels with `esper-graph kernel list ID`"
            )
        return found

    def load_kernel(self, digest: str) -> "Kernel":
        """Return a recorded kernel; `load()` on it compares its bytes with the record first."""
        from esper_graph.compile import Kernel

        return Kernel(self.kernel(digest).digest, self._kernel_files())

    def verify_kernel(self, digest: str) -> KernelRecord:
        """Compare a kernel's bytes with the record and its results with the interpreter's; record the result.

        Raises:
            KernelBytesMissingError: Its bytes are not here.
            UntrustedKernelError: They are not the recorded ones; nothing of them was run.
        """
        from esper_graph.registry.compilation import verify

        record = self.kernel(digest)
        return verify(
            self.engine,
            self[record.blueprint],
            self.load_kernel(record.digest),
            record,
            lambda action: self._operation(action, None, None),
        )

    def remove_kernel_bytes(self, digest: str) -> None:
        """Remove the bytes of a kernel that is no longer recorded, such as one of a purged blueprint.

        Raises:
            KernelError: It is still recorded, or its bytes cannot be removed.
        """
        from esper_graph.store import kernels

        if kernels.kernel(self.engine, digest) is not None:
            raise KernelError(
                f"kernel `{digest}` is recorded, so its bytes stay", hint="purge its blueprint first"
            )
        self._kernel_files().remove(digest)

    def kernels(self, blueprint_id: str) -> Answer[KernelRecord]:
        """List the kernels of a blueprint, newest first."""
        from esper_graph.store import kernels

        return Answer(kernels.kernels(self.engine, self._id(blueprint_id)))

    def attempts(self, blueprint_id: str) -> Answer[CompileAttempt]:
        """List every attempt to compile a blueprint, newest first."""
        from esper_graph.store import kernels

        return Answer(kernels.attempts(self.engine, self._id(blueprint_id)))

    # ---------------------------------------------------------------- inside

    def _prepare(self, blueprint: BlueprintIR, limits: Validation, version: int | None = None) -> Prepared:
        return prepare(
            blueprint,
            self.manifest.validation,
            self.manifest.reference_binding,
            limits=limits,
            version=version,
        )

    def _operation(
        self, action: str, actor: str | None, reason: str | None, operation_id: str | None = None
    ) -> Operation:
        return Operation(
            operation_id or new_id(), actor or self.settings.actor, datetime.now(UTC), action, reason
        )

    def _change(
        self, verb: str, blueprint_id: str, actor: str | None, reason: str | None, **details: Any
    ) -> None:
        from esper_graph.store import changes

        operation = self._operation(f"blueprint.{verb}", actor, reason)
        getattr(changes, verb)(self.engine, self._id(blueprint_id), operation, **details)

    def _id(self, blueprint_id: str) -> str:
        """The id behind an id or alias."""
        from esper_graph.store import blueprints

        found = blueprints.find(self.engine, blueprint_id)
        if found is None:
            raise self._not_found(blueprint_id)
        return found

    def _kernel_files(self) -> "KernelFiles":
        from esper_graph.compile import KernelFiles

        return KernelFiles(self.settings.kernels)

    def _not_found(self, blueprint_id: str) -> BlueprintNotFoundError:
        from esper_graph.store import blueprints

        return BlueprintNotFoundError(blueprint_id, close=blueprints.close_ids(self.engine, blueprint_id))


def _derivations(
    parents: Sequence[str], kind: str | None, mutation_type: str | None, reason: str | None
) -> list[Derivation]:
    kind = kind or ("crossover" if len(parents) > 1 else "mutation")
    return [
        Derivation(parent_id=parent, kind=kind, mutation_type=mutation_type, reason=reason)  # pyright: ignore[reportArgumentType]
        for parent in dict.fromkeys(parents)
    ]


def root_first(relatives: Sequence[Relative], start: str) -> list[str]:
    """Order ancestors so that parents stand before their children, with the start last.

    Example:
        >>> root_first([Relative("b", "", 1, ("a",)), Relative("a", "", 1)], "c")
        ['a', 'b', 'c']
    """
    order = TopologicalSorter({one.id: one.parents for one in sorted(relatives, key=lambda one: one.id)})
    return [*order.static_order(), start]
