"""Where a motif stands in the blueprints of the store: chains of nodes, step by step."""

from collections.abc import Sequence
from itertools import pairwise

from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import MotifMatch
from esper_graph.property_graph.rows import node_uid
from esper_graph.store.engines import Engine
from esper_graph.store.reach import require_count

_BATCH = 5_000
Chain = tuple[str, tuple[str, ...]]  # a blueprint, and its nodes in order


def motifs(
    engine: Engine, steps: Sequence[Sequence[str]], *, residual: bool = False, limit: int | None = None
) -> Answer[MotifMatch]:
    """List all places of a motif, by blueprint and then by nodes; archived blueprints are left out.

    Args:
        steps: Op types of each node of the chain.
        residual: Only chains that some node leads around.
        limit: Most places to list; all are counted.

    Raises:
        QueryError: The limit is below 1.
    """
    require_count("limit", limit, 1)
    chains = sorted(_chains(engine, steps))
    found = _led_around(engine, chains) if residual else [MotifMatch(*chain) for chain in chains]
    if limit is None or len(found) <= limit:
        return Answer(found)
    return Answer(found[:limit], truncated_by="limit", total=len(found))


def _chains(engine: Engine, steps: Sequence[Sequence[str]]) -> set[Chain]:
    if len(steps) == 1:
        rows = engine.read(get("search/motif_nodes"), {"types": list(steps[0])})
        return {(row["blueprint"], (row["node"],)) for row in rows}
    chains: set[Chain] = set()
    for number, (sources, targets) in enumerate(pairwise(steps)):
        onward: dict[tuple[str, str], list[str]] = {}
        asked = {"sources": list(sources), "targets": list(targets)}
        for row in engine.read(get("search/motif_feeds"), asked):
            onward.setdefault((row["blueprint"], row["source"]), []).append(row["target"])
        if not number:
            chains = {(blueprint, (source,)) for blueprint, source in onward}
        chains = {
            (blueprint, (*nodes, following))
            for blueprint, nodes in chains
            for following in onward.get((blueprint, nodes[-1]), ())
        }
    return chains


def _led_around(engine: Engine, chains: Sequence[Chain]) -> list[MotifMatch]:
    found: list[MotifMatch] = []
    for begin in range(0, len(chains), _BATCH):
        asked = [
            {"number": number, "first": node_uid(blueprint, nodes[0]), "last": node_uid(blueprint, nodes[-1])}
            for number, (blueprint, nodes) in enumerate(chains[begin : begin + _BATCH], start=begin)
        ]
        for row in engine.read(get("search/motif_around"), {"chains": asked}):
            blueprint, nodes = chains[int(row["number"])]
            found.append(MotifMatch(blueprint, nodes, row["source"], row["target"]))
    return sorted(found, key=lambda one: (one.blueprint, one.nodes, one.source or "", one.target or ""))
