"""Verbs that add to the store: register, evolve, link."""

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from esper_graph.config import Validation
from esper_graph.errors import (
    EvolutionError,
    FormatError,
    LimitExceededError,
    LineageError,
    Problem,
    UnknownParentError,
)
from esper_graph.ir.blocks import definitions
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.check import raise_limits
from esper_graph.ir.edit import Edit, apply_edits
from esper_graph.ir.specs import DERIVATION_KINDS, Derivation, freeze
from esper_graph.property_graph.records import Registration
from esper_graph.property_graph.registration import Prepared, id_of_child, prepare
from esper_graph.registry.base import OpenStore

if TYPE_CHECKING:
    from esper_graph.store.blueprints import Inheritance

Progress = Callable[[int, int | None], None]
"""Called with how much is done and how much there is, where that is known."""


class Registering(OpenStore):
    """What adds blueprints and derivations."""

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
            OperationTakenError: The operation of this id did something else.
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
        from esper_graph.store import blueprints, events

        require_blueprint(blueprint)
        if parents is not None:
            blueprint = blueprint.changed(derivations=_derivations(parents, kind, mutation_type, reason))
        limits = raise_limits(
            self.manifest.validation, max_nodes=max_nodes, max_edges=max_edges, max_depth=max_depth
        )
        version = None
        if blueprint.derivations:
            known = blueprints.parents_of_new(self.engine, blueprint.parents)
            own = {blueprint.id}  # who is his own parent is refused as a cycle
            missing = [name for name in blueprint.parents if name not in known.keys() | own]
            if missing and not external_parents:
                raise UnknownParentError(
                    missing[0], child=blueprint.id, close=blueprints.close_ids(self.engine, missing[0])
                )
            limits = _inherited(limits, known.values())
            version = 1 + max(parent.version for parent in known.values()) if known else None
        prepared = self._with_definitions(blueprint, limits, version)
        operation = self._operation("blueprint.register", actor, reason, operation_id)
        if operation_id is not None:
            events.require_repeat(self.engine, operation_id, operation.action, blueprint.fingerprint)
        *_, registration = blueprints.save(
            self.engine, prepared, operation, self.manifest, external_parents=external_parents
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
        asked: list[int] = []  # places of the blueprints given, among the definitions of their blocks

        def prepared() -> Iterator[Prepared]:
            place, defined = 0, set[str]()
            for blueprint in blueprints:
                require_blueprint(blueprint)
                *inner, own = self._inheriting(blueprint)
                new = [one for one in inner if one.blueprint.fingerprint not in defined]
                defined.update(one.blueprint.fingerprint for one in new)
                asked.append(place + len(new))
                place += len(new) + 1
                yield from (*new, own)

        found = batches.register_all(
            self.engine,
            prepared(),
            lambda: self._operation("blueprint.register", actor, reason),
            self.manifest,
            external_parents=external_parents,
            progress=(lambda done: progress(bisect(asked, done - 1), total)) if progress else None,
        )
        return [found[place] for place in asked]

    def rules(self, parents: Sequence[str] = ()) -> Validation:
        """Return the manifest's rules, with the limits that children of these parents inherit."""
        if not parents:
            return self.manifest.validation
        from esper_graph.store import blueprints

        known = blueprints.parents_of_new(self.engine, parents)
        return _inherited(self.manifest.validation, known.values())

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
        return self._register_child(
            outcome.blueprint.changed(id=blueprint_id or "", name=name or parent.name),
            [(parent, outcome.edits)],
            kind=kind,
            mutation_type=mutation_type if mutation_type != kind else None,
            actor=actor,
            reason=reason,
        )

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
            FormatError: The mutation type is longer than a name, or holds what cannot be printed.
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

    def _register_child(
        self,
        child: BlueprintIR,
        parents: Sequence[tuple[BlueprintIR, Sequence[Edit]]],
        *,
        kind: str,
        mutation_type: str | None,
        actor: str | None,
        reason: str | None,
    ) -> str:
        """Register what came of parents, each beside the edits that lead from it to the child.

        Without an id of its own the child gets one of the first parent's family.
        """
        derivations = [
            Derivation(
                parent_id=parent.id,
                kind=kind,  # pyright: ignore[reportArgumentType]  -- checked by the value itself
                mutation_type=mutation_type,
                edits=tuple([freeze(edit.to_dict()) for edit in edits]),
                reason=reason,
            )
            for parent, edits in parents
        ]
        named = child.changed(
            id=child.id or id_of_child(derivations[0].parent_id, child.fingerprint),
            version=1 + max(parent.version for parent, _ in parents),
            derivations=derivations,
        )
        return self.register(named, actor=actor, reason=reason)

    def _inheriting(self, blueprint: BlueprintIR) -> list[Prepared]:
        """Prepare a blueprint under the manifest's rules, or those of its parents where it needs them."""
        try:
            return self._with_definitions(blueprint, self.manifest.validation)
        except LimitExceededError:
            if not blueprint.parents:
                raise
            return self._with_definitions(blueprint, self.rules(blueprint.parents))

    def _with_definitions(
        self, blueprint: BlueprintIR, limits: Validation, version: int | None = None
    ) -> list[Prepared]:
        """Prepare a blueprint behind the definitions of its blocks, which are blueprints themselves."""
        own = self._prepare(blueprint, limits, version)  # first: it says what is wrong with a definition
        inner = definitions(blueprint).values() if blueprint.blocks else ()
        return [*(self._prepare(one.changed(id="", derivations=()), limits) for one in inner), own]

    def _prepare(self, blueprint: BlueprintIR, limits: Validation, version: int | None = None) -> Prepared:
        return prepare(
            blueprint,
            self.manifest.validation,
            self.manifest.reference_binding,
            limits=limits,
            version=version,
        )


def _inherited(limits: Validation, parents: Iterable["Inheritance"]) -> Validation:
    """Raise limits to what the parents were allowed."""
    for parent in parents:
        limits = raise_limits(limits, **parent.limits)
    return limits


def require_blueprint(value: object) -> None:
    """Refuse what is no `BlueprintIR`."""
    if not isinstance(value, BlueprintIR):
        message = f"a blueprint is wanted, and this is a {type(value).__name__}"
        hint = "`BlueprintIR.from_dict` makes one of plain data"
        raise FormatError(Problem("format", message, hint=hint))


def _derivations(
    parents: Sequence[str], kind: str | None, mutation_type: str | None, reason: str | None
) -> list[Derivation]:
    if isinstance(parents, str):
        raise LineageError(
            f"`parents` is a list of ids, and this is the text {parents!r}", hint=f"parents=[{parents!r}]"
        )
    kind = kind or ("crossover" if len(parents) > 1 else "mutation")
    return [
        Derivation(parent_id=parent, kind=kind, mutation_type=mutation_type, reason=reason)  # pyright: ignore[reportArgumentType]
        for parent in dict.fromkeys(parents)
    ]
