"""Families of bare blueprints, for tests of lineage: ids, generations, and who derives from whom."""

from collections.abc import Iterable
from itertools import pairwise
from random import Random

import networkx as nx

from esper_graph.property_graph.catalogue import get
from esper_graph.store.engines import Engine, Transaction
from tests.integration.statements import statement

Derivation = tuple[str, str]  # child, parent

_BLUEPRINTS = statement(
    "UNWIND $rows AS row "
    "CREATE (:Blueprint:Named {id: row.id, handle: row.id, fingerprint: 'f1:' + row.id, name: row.name, "
    "generation: row.generation, op_count: 0, edge_count: 0, content_digest: 'none'})",
    access="write",
    parameters={"rows": "LIST<MAP>"},
    name="tests/blueprints",
)
_DERIVATIONS = {
    kind: statement(
        "UNWIND $rows AS row MATCH (c:Blueprint {id: row[0]}) MATCH (p:Blueprint {id: row[1]}) "
        f"CREATE (c)-[:{kind} {{key: row[0] + '|mutation|' + row[1], kind: 'mutation', edits: '[]', "
        "actor: 'test', registered_at: datetime('2026-11-24T12:00:00Z')}]->(p)",
        access="write",
        parameters={"rows": "LIST<ANY>"},
        name="tests/derivations",
    )
    for kind in ("DERIVED_FROM", "REDISCOVERED_FROM")
}


def plant(
    engine: Engine,
    derivations: Iterable[Derivation] = (),
    *,
    alone: Iterable[str] = (),
    rediscoveries: Iterable[Derivation] = (),
) -> "nx.DiGraph[str]":
    """Write a family with its right generations; return it with an edge from each child to each parent."""
    graph: nx.DiGraph[str] = nx.DiGraph(derivations)
    graph.add_nodes_from(alone)
    derivations = list(graph.edges)
    generations: dict[str, int] = {}
    for member in reversed(list(nx.topological_sort(graph))):
        generations[member] = 1 + max(
            (generations[parent] for parent in graph.successors(member)), default=-1
        )
    engine.schema(get("schema/blueprint_id_unique"))
    rows = [
        {"id": member, "name": f"name of {member}", "generation": generation}
        for member, generation in generations.items()
    ]

    def work(transaction: Transaction) -> None:
        transaction.run(_BLUEPRINTS, {"rows": rows})
        transaction.run(_DERIVATIONS["DERIVED_FROM"], {"rows": derivations})
        transaction.run(_DERIVATIONS["REDISCOVERED_FROM"], {"rows": list(rediscoveries)})

    engine.write(work)
    return graph


def random_family(random: Random, count: int) -> list[Derivation]:
    """Each blueprint derives from none to three that were there before; ids do not tell the order."""
    ids = [f"b{number:03}" for number in range(count)]
    random.shuffle(ids)
    return [
        (child, parent)
        for place, child in enumerate(ids)
        for parent in random.sample(ids[:place], min(place, random.choice([0, 1, 1, 2, 2, 3])))
    ]


def ladder(diamonds: int) -> list[Derivation]:
    """Diamonds on top of one another: twice as many paths with each."""
    rungs = [f"rung{number:03}" for number in range(diamonds + 1)]
    return [
        derivation
        for older, newer in pairwise(rungs)
        for side in (f"{older}-left", f"{older}-right")
        for derivation in ((newer, side), (side, older))
    ]


def chain(count: int) -> list[Derivation]:
    """Each blueprint derives from the one before."""
    ids = [f"link{number:05}" for number in range(count)]
    return [(child, parent) for parent, child in pairwise(ids)]
