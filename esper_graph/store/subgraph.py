"""A part of the family tree as one plain document: blueprints and the derivations between them."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from esper_graph.property_graph.answer import Answer, Limit
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import DerivationRecord
from esper_graph.store.collecting import seldom_collected
from esper_graph.store.derivations import derivations_of, time_of
from esper_graph.store.engines import Engine, Row
from esper_graph.store.family import above_all
from esper_graph.store.lineage import tree
from esper_graph.store.outside import marked
from esper_graph.store.reach import NOW, Reach, View, each_once, require_count

FORMAT = "esper-graph/lineage"
FORMAT_VERSION = 1

_BATCH = 5_000


@seldom_collected()
def document(
    engine: Engine, ids: Sequence[str], *, only: bool = False, limit: int | None = None, view: View = NOW
) -> dict[str, Any]:
    """Describe the families of some blueprints, or only these blueprints, as plain data.

    Args:
        ids: One or more.
        only: Leave out whom they are related to: just these, with the derivations between them.
        limit: Most blueprints; derivations to those that are left out are left out too.

    Returns:
        `format`, `format_version`, `as_of`, `include_rediscoveries`, `blueprints` and `derivations`, both in
        the order of ids, and `complete`, `truncated_by`, `omitted_count` and `total` of the blueprints. Whole
        families are marked `external` where one goes on outside of this store.

    Raises:
        BlueprintNotFoundError: One of them does not exist.
        QueryError: None is given, one was not known then, or the limit is below 1.
    """
    require_count("limit", limit, 1)
    asked = each_once("the lineage", ids)
    external = False
    if only:
        above_all(engine, asked, view)
        chosen = asked
    else:
        nearest: dict[str, int] = {}
        for one in asked:
            family = tree(engine, one, Reach(view=view))
            external = external or family.truncated_by == "external"
            for member in family:
                nearest[member.id] = min(member.generation, nearest.get(member.id, member.generation))
        chosen = sorted(nearest, key=lambda one: (nearest[one], one))
    cut: Limit | None = None if limit is None or len(chosen) <= limit else "limit"
    kept = marked(Answer(chosen[:limit], truncated_by=cut, total=len(chosen)), external=external)
    rows: list[Row] = []
    for begin in range(0, len(kept), _BATCH):
        some = {"ids": sorted(kept)[begin : begin + _BATCH]}
        rows += [
            row | {"registered_at": at and time_of(at).isoformat()}
            for row in engine.read(get("lineage/members"), some)
            for at in (row["registered_at"],)
        ]
    inside = {row["id"] for row in rows}
    derivations = [one for one in derivations_of(engine, list(inside), view) if one.parent in inside]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "as_of": None if view.as_of is None else view.as_of.isoformat(),
        "include_rediscoveries": view.rediscoveries,
        "complete": kept.complete,
        "truncated_by": kept.truncated_by,
        "omitted_count": kept.omitted_count,
        "total": kept.total,
        "blueprints": rows,
        "derivations": [_plain(one) for one in derivations],
    }


def _plain(derivation: DerivationRecord) -> dict[str, Any]:
    values = {one.name: getattr(derivation, one.name) for one in fields(derivation)}
    at: datetime = values["registered_at"]
    return values | {"edits": [dict(edit) for edit in values["edits"]], "registered_at": at.isoformat()}
