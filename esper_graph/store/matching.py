"""Which of some blueprints are meant: how they came to be, their tags, their times, their measurements."""

from collections.abc import Sequence

from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.kinship import Which
from esper_graph.store.engines import Engine
from esper_graph.store.reach import View, up_to

_BATCH = 10_000


def matching(engine: Engine, ids: Sequence[str], which: Which, view: View) -> set[str]:
    """List which of some blueprints are meant."""
    asked = {
        "kind": which.kind,
        "actor": which.actor,
        "tags": sorted(set(which.tags)),
        "since": None if which.since is None else which.since.isoformat(),
        "until": None if which.until is None else up_to(which.until),
        "metric": which.metric,
        "device": which.device,
        "least": which.least,
        "most": which.most,
        "rediscoveries": view.rediscoveries,
        "as_of": view.at,
    }
    return {
        one
        for begin in range(0, len(ids), _BATCH)
        for row in engine.read(get("lineage/matching"), {"ids": list(ids[begin : begin + _BATCH]), **asked})
        for one in row["ids"]
    }
