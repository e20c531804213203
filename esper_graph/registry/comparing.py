"""Verbs that compare blueprints, combine them, and look for what changed where."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from esper_graph.errors import (
    ConfigError,
    EvolutionError,
    LineageError,
    LineageOnlyError,
    MergeConflictError,
)
from esper_graph.property_graph.answer import Answer
from esper_graph.registry.registering import Registering

if TYPE_CHECKING:
    from esper_graph.ir.bisect import Bisection
    from esper_graph.ir.blame import Origin
    from esper_graph.ir.diff import Diff
    from esper_graph.ir.merge import Merge


class Comparing(Registering):
    """What says how blueprints differ, merges them, and finds where something came from."""

    def diff(self, one: str, other: str) -> "Diff":
        """Compare two blueprints by structure, whatever their nodes are called.

        Returns:
            `edits` turn the first into the second; `str` is a listing; `cost()` compares what a call costs.

        Raises:
            BlueprintNotFoundError: One of them is unknown.
        """
        from esper_graph.ir.diff import diff

        return diff(self[one], self[other])

    def merge_base(self, left: str, right: str) -> str:
        """Return the nearest common ancestor of two blueprints, from which a merge starts.

        Raises:
            BlueprintNotFoundError: One of them is unknown.
            LineageError: They have none, or several that are equally near, as crossovers make them.
        """
        from esper_graph.store import kinship

        ids = [self._id(left), self._id(right)]
        found = kinship.common_ancestors(self.engine, ids, nearest=True)
        if not found:
            raise LineageError(
                f"`{ids[0]}` and `{ids[1]}` have no common ancestor",
                hint="name a blueprint to compare both with as the base: `--base ID`",
            )
        nearest = [one.id for one in found if sum(one.generations) == sum(found[0].generations)]
        if len(nearest) > 1:
            raise LineageError(
                f"`{ids[0]}` and `{ids[1]}` have several nearest common ancestors: "
                + ", ".join(f"`{name}`" for name in nearest),
                hint=f"name one of them as the base: `--base {nearest[0]}`",
            )
        return nearest[0]

    def preview_merge(
        self, left: str, right: str, base: str | None = None, *, repair: bool = True
    ) -> "Merge":
        """Combine what two blueprints changed of a common ancestor, and register nothing; see `merge`."""
        from esper_graph.ir.merge import merge

        start = self.merge_base(left, right) if base is None else base
        return merge(self[start], self[left], self[right], repair=repair)

    def merge(
        self,
        left: str,
        right: str,
        base: str | None = None,
        *,
        blueprint_id: str | None = None,
        name: str | None = None,
        repair: bool = True,
        actor: str | None = None,
        reason: str | None = None,
    ) -> str:
        """Combine what two blueprints changed of a common ancestor, register the result, and return its id.

        It is recorded as derived from both, by derivations of kind `merge` that hold the edits from each.

        Args:
            base: The blueprint to compare both with; None takes the nearest common ancestor.
            blueprint_id: Id of the result; None makes one of the left one's name and the fingerprint.
            name: Name of the result; None takes the left one's.
            repair: Adjust attributes of consumers whose input changed on the other side.

        Raises:
            BlueprintNotFoundError: One of them is unknown.
            LineageError: There is no single nearest common ancestor.
            MergeConflictError: Both sides changed the same in different ways; nothing is stored.
            EvolutionError: One of them has all changes already, so there is nothing to register.
        """
        from esper_graph.ir.merge import merge

        start = self[self.merge_base(left, right) if base is None else base]
        sides = [self[left], self[right]]
        outcome = merge(start, *sides, repair=repair)
        if outcome.blueprint is None:
            raise MergeConflictError(sides[0].id, sides[1].id, start.id, outcome.conflicts)
        for side in sides:
            if side.fingerprint == outcome.blueprint.fingerprint:
                raise EvolutionError(
                    f"merging `{sides[0].id}` and `{sides[1].id}` over `{start.id}` gives `{side.id}` "
                    "itself, so there is nothing to register",
                    hint=f"go on with `{side.id}`: it has all that either of them changed",
                )
        return self._register_child(
            outcome.blueprint.changed(id=blueprint_id or "", name=name or sides[0].name),
            [*zip(sides, (outcome.left_edits, outcome.right_edits), strict=True)],
            kind="merge",
            mutation_type=f"merge over {start.id}",
            actor=actor,
            reason=reason,
        )

    def blame(self, blueprint_id: str) -> "Answer[Origin]":
        """Tell where every node, attribute and edge of a blueprint comes from.

        Returns:
            For each part the ancestor that introduced or last changed it, by which edit, by whom and when:
            nodes in the order of computation, each followed by its attributes and its inputs. `truncated_by`
            is `lineage_only` or `external` where an ancestor has no content here: what came from there then
            begins with the first blueprint that has content.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            LineageOnlyError: Only the lineage of it is known.
        """
        from esper_graph.ir.blame import Family, Step, blame
        from esper_graph.store import blueprints, events, lineage
        from esper_graph.store.derivations import derivations_of
        from esper_graph.store.reach import View

        start = self._id(blueprint_id)
        above = lineage.ancestor_ids(self.engine, start)
        ids = [start, *above]
        known = blueprints.contents(self.engine, ids, truncated_by=above.truncated_by)
        found = {one.id: one for one in known}
        if start not in found:
            raise LineageOnlyError(start)
        steps = [
            Step(
                record.child,
                record.parent,
                record.edits,
                record.actor,
                record.registered_at,
                record.kind,
                record.mutation_type,
                record.reason,
            )
            for record in derivations_of(self.engine, ids, View())
            if record.parent in found
        ]
        derived = {step.child for step in steps}
        registered: dict[str, tuple[str | None, datetime | None]] = {}
        for root in found:
            if root not in derived:
                history = events.history(self.engine, root)
                registered[root] = (history[0].actor, history[0].at) if history else (None, None)
        return Answer(blame(Family(found, steps, registered), start), truncated_by=known.truncated_by)

    def bisect(
        self,
        good: str,
        bad: str,
        metric: str,
        *,
        device: str = "default",
        threshold: float | None = None,
    ) -> "Bisection":
        """Say which blueprint to measure next to find the derivation that made a metric worse.

        Everything that was measured on the device so far is taken into account. Measure what `next` names,
        record it with `update_performance`, and ask again until `culprit` is there: `cleared` are its parents
        without the change, and its derivations from them, or `diff(parent, culprit)`, say what was done.

        Args:
            good: An ancestor from before the change.
            bad: A blueprint that has it.
            threshold: The worst value that is still good; None takes the middle between good and bad.

        Raises:
            BlueprintNotFoundError: One of the two is unknown.
            ConfigError: There is no such metric or device, or the metric was measured on other devices only.
            LineageError: `good` is no ancestor of `bad`, is not better, or no single change explains the
                values.
            QueryError: The threshold is no finite number.
        """
        from esper_graph.ir.bisect import bisect
        from esper_graph.store import lineage, metrics

        direction = self.manifest.metric(metric).direction
        self._know_device(device)
        measured = metrics.devices(self.engine, metric)
        if measured and device not in measured:
            raise ConfigError(
                f"`{metric}` was never measured on `{device}`",
                hint=f"it was on {', '.join(measured)}; to begin on another device, record the value of "
                f"`{good}` there",
            )
        start, end = self._id(good), self._id(bad)
        parents: Mapping[str, tuple[str, ...]] = {
            end: self._parents(end),
            **{one.id: one.parents for one in lineage.ancestors(self.engine, end)},
        }
        ranked = metrics.ranking(self.engine, metric, direction, device=device)
        values = {record.blueprint: record.value for record in ranked if record.blueprint in parents}
        while True:
            found = bisect(parents, start, end, values, direction=direction, threshold=threshold)
            known = self._value(found.next, metric, device)
            if found.next is None or known is None:
                return found
            values[found.next] = known

    def _parents(self, blueprint_id: str) -> tuple[str, ...]:
        from esper_graph.store import lineage

        return tuple(sorted({record.parent for record in lineage.parents(self.engine, blueprint_id)}))

    def _value(self, blueprint_id: str | None, metric: str, device: str) -> float | None:
        """The newest value of a blueprint that may be archived, which rankings leave out."""
        from esper_graph.store import metrics

        if blueprint_id is None:
            return None
        for record in metrics.newest(self.engine, blueprint_id):
            if (record.name, record.device) == (metric, device):
                return record.value
        return None
