"""Verbs about how blueprints are related, beyond who descends from whom."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from esper_graph.property_graph.answer import Answer, Stream
from esper_graph.property_graph.kinship import (
    Branch,
    CommonAncestor,
    FamilyMember,
    GenerationDepth,
    Sibling,
)
from esper_graph.property_graph.records import DerivationRecord, Relative
from esper_graph.registry.base import OpenStore

if TYPE_CHECKING:
    import networkx as nx


class Kinship(OpenStore):
    """What answers questions about several relatives at once."""

    def parents(self, blueprint_id: str, *, include_rediscoveries: bool = False) -> Answer[DerivationRecord]:
        """List the derivations of a blueprint from its parents, oldest first.

        Returns:
            `truncated_by` is `external` where there are others, from parents that this store knows by name
            only.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
        """
        from esper_graph.store import lineage

        found = self._id(blueprint_id)
        return lineage.parents(self.engine, found, include_rediscoveries=include_rediscoveries)

    def children(self, blueprint_id: str, *, include_rediscoveries: bool = False) -> Answer[DerivationRecord]:
        """List the derivations of other blueprints from this one, oldest first; raises like `parents`."""
        from esper_graph.store import lineage

        found = self._id(blueprint_id)
        return lineage.children(self.engine, found, include_rediscoveries=include_rediscoveries)

    def common_ancestors(
        self,
        *blueprint_ids: str,
        nearest: bool = False,
        limit: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
    ) -> Answer[CommonAncestor]:
        """List what all of several blueprints descend from, the nearest ones first.

        A blueprint counts here as an ancestor of itself: a parent and its child have the parent in common.

        Args:
            nearest: List only those that no other common ancestor descends from; several after crossovers.
            limit: Most to return; the answer says what it leaves out.
            as_of: The family as it was known then, by the store's clock.

        Raises:
            BlueprintNotFoundError: One of them does not exist.
            QueryError: None is given, one was not known then, or the limit is below 1.
        """
        from esper_graph.store import kinship
        from esper_graph.store.reach import View

        ids = [self._id(one) for one in blueprint_ids]
        view = View(include_rediscoveries, as_of)
        return kinship.common_ancestors(self.engine, ids, nearest=nearest, limit=limit, view=view)

    def paths(
        self,
        one: str,
        other: str,
        *,
        limit: int = 100,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
    ) -> Answer[tuple[DerivationRecord, ...]]:
        """List all chains of derivations between two blueprints, shortest first, whichever is the older one.

        All of them are counted, in `total`, and only as many made as are asked for: their number doubles with
        each crossover.

        Args:
            limit: Most chains to return.

        Raises:
            BlueprintNotFoundError: One of them does not exist.
            QueryError: One was not known then, or the limit is below 1.
        """
        from esper_graph.store import paths
        from esper_graph.store.reach import View

        view = View(include_rediscoveries, as_of)
        return paths.paths(self.engine, self._id(one), self._id(other), limit=limit, view=view)

    def siblings(
        self,
        blueprint_id: str,
        *,
        limit: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
    ) -> Answer[Sibling]:
        """List the blueprints that share a parent with one: those that share most first, then by id.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            QueryError: It was not known then, or the limit is below 1.
        """
        from esper_graph.store import kinship
        from esper_graph.store.reach import View

        view = View(include_rediscoveries, as_of)
        return kinship.siblings(self.engine, self._id(blueprint_id), limit=limit, view=view)

    def leaves(
        self,
        blueprint_id: str | None = None,
        *,
        limit: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
    ) -> Answer[Relative]:
        """List the blueprints that nothing derives from: those below one blueprint, or all.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            QueryError: It was not known then, the limit is below 1, or a time or rediscoveries are asked for
                without a blueprint.
        """
        from esper_graph.store import kinship
        from esper_graph.store.reach import View

        start = None if blueprint_id is None else self._id(blueprint_id)
        return kinship.leaves(self.engine, start, limit=limit, view=View(include_rediscoveries, as_of))

    def orphans(self, *, limit: int | None = None) -> Answer[Relative]:
        """List the blueprints without a derivation in either direction, by id.

        Raises:
            QueryError: The limit is below 1.
        """
        from esper_graph.store import kinship

        return kinship.orphans(self.engine, limit=limit)

    def depth(self, blueprint_id: str, *, as_of: datetime | None = None) -> GenerationDepth:
        """Say how many derivations a blueprint is away from roots and leaves, and how many relatives it has.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            QueryError: It was not known then.
        """
        from esper_graph.store import kinship
        from esper_graph.store.reach import View

        return kinship.depth(self.engine, self._id(blueprint_id), view=View(as_of=as_of))

    def would_cycle(self, child: str, parent: str) -> tuple[str, ...] | None:
        """Say whether `link(child, parent)` would be refused for a cycle, without writing anything.

        Returns:
            Ids along the cycle, from the child over the parent back to the child; None where there is none.

        Raises:
            BlueprintNotFoundError: One of them does not exist.
        """
        from esper_graph.store import kinship

        return kinship.would_cycle(self.engine, self._id(child), self._id(parent))

    def folded_tree(
        self,
        blueprint_id: str,
        *,
        most_children: int = 20,
        limit: int = 500,
        max_generations: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
    ) -> Answer[Branch]:
        """List the family of a blueprint folded where it is large, with totals of all that is below each.

        Args:
            most_children: Most members directly below one.
            limit: Most members in all; what leads to the blueprint itself is never folded.
            max_generations: Derivations to show below the roots.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            QueryError: It was not known then, or a limit is below 1.
        """
        from esper_graph.store import folding
        from esper_graph.store.reach import View

        return folding.folded_tree(
            self.engine,
            self._id(blueprint_id),
            most_children=most_children,
            limit=limit,
            max_generations=max_generations,
            view=View(include_rediscoveries, as_of),
        )

    def export_lineage(
        self,
        *blueprint_ids: str,
        only: bool = False,
        limit: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
    ) -> dict[str, Any]:
        """Describe families as plain data: blueprints, and the derivations between them with all they record.

        Args:
            only: Just these blueprints; otherwise everyone in their families.
            limit: Most blueprints; the document says what it leaves out.

        Raises:
            BlueprintNotFoundError: One of them does not exist.
            QueryError: None is given, one was not known then, or the limit is below 1.
        """
        from esper_graph.store import subgraph
        from esper_graph.store.reach import View

        ids = [self._id(one) for one in blueprint_ids]
        view = View(include_rediscoveries, as_of)
        return subgraph.document(self.engine, ids, only=only, limit=limit, view=view)

    def lineage_graph(
        self,
        *blueprint_ids: str,
        only: bool = False,
        limit: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
    ) -> "nx.DiGraph[str]":
        """Return families as a networkx graph with an edge from each child to each parent.

        Nodes and edges hold what `export_lineage` says of blueprints and derivations; arguments and errors
        are the same. The graph's own attributes say whether it is `complete`.
        """
        from esper_graph.bridges import lineage_to_networkx

        return lineage_to_networkx(
            self.export_lineage(
                *blueprint_ids,
                only=only,
                limit=limit,
                include_rediscoveries=include_rediscoveries,
                as_of=as_of,
            )
        )

    def stream_ancestors(
        self, blueprint_id: str, *, include_rediscoveries: bool = False
    ) -> Stream[FamilyMember]:
        """Stream all ancestors as they arrive, each once, in no order: for families too large to hold.

        The stream says at its end whether these were all; what breaks off raises. Close it to stop early.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            StoreUnavailableError: The engine was lost on the way.
        """
        return self._stream(blueprint_id, upwards=True, include_rediscoveries=include_rediscoveries)

    def stream_descendants(
        self, blueprint_id: str, *, include_rediscoveries: bool = False
    ) -> Stream[FamilyMember]:
        """Stream all descendants as they arrive, like `stream_ancestors`."""
        return self._stream(blueprint_id, upwards=False, include_rediscoveries=include_rediscoveries)

    def _stream(
        self, blueprint_id: str, *, upwards: bool, include_rediscoveries: bool
    ) -> Stream[FamilyMember]:
        from esper_graph.store import kinship

        return kinship.stream(
            self.engine,
            self._id(blueprint_id),
            upwards=upwards,
            include_rediscoveries=include_rediscoveries,
        )
