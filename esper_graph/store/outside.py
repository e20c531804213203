"""Where a family goes on outside of this store: parents that it knows by name only."""

from typing import TypeVar

from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.store.engines import Engine
from esper_graph.store.family import above, levels
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
    rows = engine.read(get("lineage/external_parents"), {"as_of": view.at})
    if not rows:
        return ()
    family = levels(above(engine, blueprint_id, view).parents, [blueprint_id])
    return tuple(sorted({row["parent"] for row in rows if row["child"] in family}))


def marked(engine: Engine, answer: Answer[_T], blueprint_id: str, view: View = NOW) -> Answer[_T]:
    """Mark an answer about ancestors as incomplete where the family goes on outside of this store."""
    if answer.complete and external_ancestors(engine, blueprint_id, view):
        return Answer(answer, truncated_by="external")
    return answer
