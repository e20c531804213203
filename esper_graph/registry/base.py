"""One store, opened when it is first needed: what every verb of the registry stands on."""

import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from esper_graph.config import Manifest, Settings, load_manifest, load_settings
from esper_graph.errors import BlueprintNotFoundError, ConfigError, StoreError, close_names, suggestion
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.property_graph.identifiers import new_id
from esper_graph.property_graph.records import Operation

if TYPE_CHECKING:
    from esper_graph.compile import KernelFiles
    from esper_graph.store.engines import Engine


_LONGEST_NAME = 128
_LONGEST_TEXT = 10_000


class OpenStore:
    """Settings, manifest and engine of one store, and how a name in it is resolved."""

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
        self._closed = False
        self._finalizer: weakref.finalize[[], Self] | None = None

    @property
    def engine(self) -> "Engine":
        """The engine, opened and with its schema in place.

        Raises:
            StoreUnavailableError: No engine answers.
            SchemaVersionError: The database belongs to something else, or to a newer esper_graph.
            StoreError: The registry was closed.
        """
        if self._closed:
            raise StoreError("this registry is closed", hint="open another one for further calls")
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
        self._closed = True

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

    # ---------------------------------------------------------------- one blueprint by name

    def get(self, blueprint_id: str) -> BlueprintIR | None:
        """Return the blueprint of this id or alias, or None.

        Raises:
            IntegrityError: What is stored is no longer what was registered.
            LineageOnlyError: Only the lineage of it is known.
        """
        from esper_graph.store import blueprints

        return blueprints.get(self.engine, blueprint_id)

    def __getitem__(self, blueprint_id: str) -> BlueprintIR:
        """Return the blueprint of this id or alias.

        Raises:
            BlueprintNotFoundError: There is none; close ids are named.
            IntegrityError: What is stored is no longer what was registered.
            LineageOnlyError: Only the lineage of it is known.
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

    # ---------------------------------------------------------------- for the verbs

    def _operation(
        self, action: str, actor: str | None, reason: str | None, operation_id: str | None = None
    ) -> Operation:
        who = actor or self.settings.actor
        for what, text, most in (("actor", who, _LONGEST_NAME), ("reason", reason, _LONGEST_TEXT)):
            if text is not None and (len(text) > most or not text.replace("\n", " ").isprintable()):
                raise ConfigError(
                    f"the {what} has {len(text):,} characters, or holds some that cannot be printed",
                    hint=f"write up to {most:,} printable characters",
                )
        return Operation(operation_id or new_id(), who, datetime.now(UTC), action, reason)

    def _id(self, blueprint_id: str) -> str:
        """The id behind an id or alias."""
        from esper_graph.store import blueprints

        found = blueprints.find(self.engine, blueprint_id)
        if found is None:
            raise self._not_found(blueprint_id)
        return found

    def _not_found(self, blueprint_id: str) -> BlueprintNotFoundError:
        from esper_graph.store import blueprints

        return BlueprintNotFoundError(blueprint_id, close=blueprints.close_ids(self.engine, blueprint_id))

    def _know_device(self, name: str) -> None:
        """Refuse a device that neither the manifest nor a measurement names."""
        from esper_graph.store import metrics

        known = dict.fromkeys(one.name for one in self.manifest.benchmarks.devices)
        if name not in known:
            known |= dict.fromkeys(metrics.devices(self.engine))
        if name not in known:
            raise ConfigError(
                f"there is no device `{name}`",
                hint=suggestion(close_names(name, known)) or f"there are {', '.join(known)}",
            )

    def _kernel_files(self) -> "KernelFiles":
        from esper_graph.compile import KernelFiles

        return KernelFiles(self.settings.kernels)
