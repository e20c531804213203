"""Where a family goes on outside of this store: parents that it knows by name only."""

from typing import TypeVar

from esper_graph.property_graph.answer import Answer
from esper_graph.store.engines import Engine
from esper_graph.store.family import above
from esper_graph.store.reach import NOW, View

_T = TypeVar("_T")


def external_ancestors(engine: Engine, blueprint_id: str, view: View = NOW) -> tuple[str, ...]:
    """List the names that a blueprint or one of its ancestors derives from and that this store does not hold.

    Returns:
        The names, sorted. What is above them, this store cannot know.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
        QueryError: It was not known then.
    """
    others = above(engine, blueprint_id, view).others
    return tuple(sorted({name for names in others.values() for name in names}))


def marked(answer: Answer[_T], *, external: bool) -> Answer[_T]:
    """Mark an answer as incomplete where the family that it was found in goes on outside of this store."""
    return Answer(answer, truncated_by="external") if external and answer.complete else answer
