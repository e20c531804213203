"""Verbs about ancestry: who derives from whom."""

from collections.abc import Sequence
from datetime import datetime
from graphlib import TopologicalSorter

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.kinship import EVERYONE, Which
from esper_graph.property_graph.records import DerivationRecord, Relative
from esper_graph.registry.base import OpenStore


class Families(OpenStore):
    """What answers questions about ancestors and descendants."""

    def get_lineage(self, blueprint_id: str) -> Answer[BlueprintIR]:
        """Return a blueprint and all its ancestors, every parent before its children, itself last.

        Those of which only the lineage is known are left out, and counted; `ancestors` has them.
        """
        from esper_graph.store import blueprints, lineage

        start = self._id(blueprint_id)
        above = lineage.ancestors(self.engine, start)
        return blueprints.contents(self.engine, root_first(above, start), truncated_by=above.truncated_by)

    def external_ancestors(self, blueprint_id: str) -> tuple[str, ...]:
        """List the names, sorted, that its family derives from and that this store does not hold."""
        from esper_graph.store import lineage

        return lineage.external_ancestors(self.engine, self._id(blueprint_id))

    def get_descendants(self, blueprint_id: str) -> Answer[BlueprintIR]:
        """Return all descendants of a blueprint, nearest generation first, each once.

        Those of which only the lineage is known are left out, and counted; `descendants` has them.
        """
        from esper_graph.store import blueprints

        found = self.descendants(blueprint_id)
        return blueprints.contents(self.engine, [relative.id for relative in found])

    def ancestors(
        self,
        blueprint_id: str,
        *,
        max_generations: int | None = None,
        limit: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
        which: Which = EVERYONE,
    ) -> Answer[Relative]:
        """List what a blueprint derives from, nearest generation first; it is not among them.

        Args:
            max_generations: Derivations to follow; None follows all.
            limit: Most relatives to return; the answer says what it leaves out.
            as_of: The family as it was known then, by the store's clock.
            which: Whom to list: of which kind, by whom, with which tags, when, how well measured. The walk
                goes through the others too. Tags and metrics are those of now, whatever `as_of` says.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            ConfigError: `which` names a metric or a device that there is none of.
            QueryError: It was not known then, a limit is below 0, or `which` makes no sense.
        """
        from esper_graph.store import lineage
        from esper_graph.store.reach import Reach, View

        self._know(which)
        reach = Reach(max_generations, limit, View(include_rediscoveries, as_of), which)
        return lineage.ancestors(self.engine, self._id(blueprint_id), reach)

    def descendants(
        self,
        blueprint_id: str,
        *,
        max_generations: int | None = None,
        limit: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
        which: Which = EVERYONE,
    ) -> Answer[Relative]:
        """List what derives from a blueprint, nearest generation first; arguments as in `ancestors`."""
        from esper_graph.store import lineage
        from esper_graph.store.reach import Reach, View

        self._know(which)
        reach = Reach(max_generations, limit, View(include_rediscoveries, as_of), which)
        return lineage.descendants(self.engine, self._id(blueprint_id), reach)

    def ancestor_ids(self, blueprint_id: str) -> Answer[str]:
        """List the ids of all ancestors, sorted."""
        from esper_graph.store import lineage

        return lineage.ancestor_ids(self.engine, self._id(blueprint_id))

    def descendant_ids(self, blueprint_id: str) -> Answer[str]:
        """List the ids of all descendants, sorted."""
        from esper_graph.store import lineage

        return lineage.descendant_ids(self.engine, self._id(blueprint_id))

    def tree(
        self,
        blueprint_id: str,
        *,
        max_generations: int | None = None,
        limit: int | None = None,
        include_rediscoveries: bool = False,
        as_of: datetime | None = None,
    ) -> Answer[Relative]:
        """List the family of a blueprint: its ancestors, itself, and all that descends from its roots."""
        from esper_graph.store import lineage
        from esper_graph.store.reach import Reach, View

        reach = Reach(max_generations, limit, View(include_rediscoveries, as_of))
        return lineage.tree(self.engine, self._id(blueprint_id), reach)

    def path(
        self, one: str, other: str, *, include_rediscoveries: bool = False, as_of: datetime | None = None
    ) -> tuple[DerivationRecord, ...] | None:
        """Return a shortest chain of derivations between two blueprints, or None where neither descends."""
        from esper_graph.store import lineage
        from esper_graph.store.reach import View

        view = View(include_rediscoveries, as_of)
        return lineage.path(self.engine, self._id(one), self._id(other), view)

    def roots(
        self, blueprint_id: str | None = None, *, limit: int | None = None, as_of: datetime | None = None
    ) -> Answer[Relative]:
        """List the blueprints without parents: those of one blueprint's ancestry, or all."""
        from esper_graph.store import lineage

        start = None if blueprint_id is None else self._id(blueprint_id)
        return lineage.roots(self.engine, start, limit=limit, as_of=as_of)

    def derivations(self, blueprint_id: str) -> Answer[DerivationRecord]:
        """List how a blueprint came from its parents, rediscoveries included, oldest first."""
        from esper_graph.store import lineage

        return lineage.parents(self.engine, self._id(blueprint_id), include_rediscoveries=True)

    def _know(self, which: Which) -> None:
        """Refuse a metric or a device that there is none of."""
        if which.metric is not None:
            self.manifest.metric(which.metric)
        if which.device is not None:
            self._know_device(which.device)


def root_first(relatives: Sequence[Relative], start: str) -> list[str]:
    """Order ancestors so that parents stand before their children, with the start last.

    Example:
        >>> root_first([Relative("b", "", 1, ("a",)), Relative("a", "", 1)], "c")
        ['a', 'b', 'c']
    """
    order = TopologicalSorter({one.id: one.parents for one in sorted(relatives, key=lambda one: one.id)})
    return [*order.static_order(), start]
