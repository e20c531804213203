"""Which members of a family are meant: how they came to be, their tags, their times, their measurements."""

from collections.abc import Iterable, Sequence

from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.kinship import Which
from esper_graph.store.engines import Engine
from esper_graph.store.family import Family, family_of
from esper_graph.store.reach import View, up_to

_Derivation = Sequence[str]  # parent, kind, actor


def fetch_matching(
    engine: Engine, query: str, view: View, blueprint_id: str, which: Which
) -> tuple[Family, set[str]]:
    """Fetch a family whole, as `fetch` does, and which of its members are meant.

    Args:
        query: Name of the query, without what this and the view add to it.
    """
    (row,) = engine.read(
        get(f"{query}_matching{view.suffix}"),
        {
            "id": blueprint_id,
            "tags": sorted(set(which.tags)),
            "since": None if which.since is None else which.since.isoformat(),
            "until": None if which.until is None else up_to(which.until),
            "metric": which.metric,
            "device": which.device,
            "least": which.least,
            "most": which.most,
            "as_of": view.at,
        },
    )
    ids: list[str] = row["ids"]
    derivations: list[list[_Derivation]] = row["derivations"]
    family = family_of(ids, row["names"], ([one[0] for one in came] for came in derivations))
    meant = {
        one
        for one, came, fits in zip(ids, derivations, row["matching"], strict=True)
        if fits and _came_so(came, which)
    }
    return family, meant


def _came_so(derivations: Iterable[_Derivation], which: Which) -> bool:
    if which.kind is None and which.actor is None:
        return True
    return any(which.kind in {None, kind} and which.actor in {None, actor} for _, kind, actor in derivations)
