"""Verbs that say what is like a blueprint, whether it is registered or not."""

from typing import TYPE_CHECKING

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.similar import Novelty, Score, Similar
from esper_graph.registry.base import OpenStore

if TYPE_CHECKING:
    from esper_graph.store.similarity import Asked


class Similarity(OpenStore):
    """What compares one blueprint with all others.

    Each verb takes an id or alias, whose blueprint is left out of the answer, or a blueprint, which need not
    be registered; where its structure is, that is in the answer. Archived blueprints are left out.
    """

    def similar(
        self,
        blueprint: str | BlueprintIR,
        limit: int = 10,
        rerank: int = 200,
        score: Score = "family",
    ) -> Answer[Similar]:
        """List what is most like a blueprint, with scores, edit distance, and what the difference is.

        Candidates are those that share an edit key, then those with the best scores over the features that
        they share. They are compared by edit distance and sorted by it, then by score, then by id.

        Args:
            limit: Most to return.
            rerank: How many candidates are compared; fewer where they have more than about 70 nodes, never
                fewer than the limit. 0 keeps the order of the scores.
            score: `family` lets repetition count little, so that networks of different depths are alike;
                `duplicate` counts each feature as often as it is there.

        Returns:
            `truncated_by` is `df_cut` where features that very many blueprints have were not looked at, so
            that something nearer may be missing. Otherwise it is `limit` where more blueprints share a
            feature; `total` is how many do, where they were counted.

        Raises:
            BlueprintNotFoundError: There is no such blueprint.
            BlueprintError: The blueprint given is not valid.
            QueryError: A number is out of range, or there is no such score.
            StoreError: The store is older than features are; `migrate` writes them.
        """
        from esper_graph.store import similarity

        asked = self._asked(blueprint)
        return similarity.similar(self.engine, asked, limit=limit, rerank=rerank, score=score)

    def near_duplicates(
        self, blueprint: str | BlueprintIR, limit: int = 10, at_least: float = 0.8
    ) -> Answer[Similar]:
        """List what is nearly the same as a blueprint, nearest first.

        That is whatever computes the same once simplified, shares an edit key, or has a score by
        `near_duplicate` of at least so much. All of it is found, however large the store. Everything that is
        one edit apart shares an edit key, where both have at most 64 nodes and edges.

        Returns:
            `truncated_by` is `limit` where there are more than the limit; `total` is how many there are, None
            where they were too many to count.

        Raises:
            QueryError: The limit is below 1, or the score is not above 0 and at most 1; others as in
                `similar`.
        """
        from esper_graph.store import similarity

        asked = self._asked(blueprint)
        return similarity.near_duplicates(self.engine, asked, limit=limit, at_least=at_least)

    def novelty(self, blueprint: str | BlueprintIR, k: int = 10) -> Novelty:
        """Say how new a blueprint is: the mean distance to the k blueprints that are most like it.

        The distance of two is 1 - `near_duplicate`, so 1 where they share no feature. With fewer than k
        others it is the mean over those; with none it is 1.

        Returns:
            `value` from 0 to 1; `exact` is false where frequent features were not looked at, and the value is
            at most this; `nearest` are the k.

        Raises:
            QueryError: k is below 1; others as in `similar`.
        """
        from esper_graph.store import similarity

        return similarity.novelty(self.engine, self._asked(blueprint), k=k)

    def _asked(self, blueprint: str | BlueprintIR) -> "Asked":
        from esper_graph.store import similarity

        if isinstance(blueprint, str):
            return similarity.asked_by_id(self.engine, blueprint)
        return similarity.Asked(blueprint)
