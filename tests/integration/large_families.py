"""Families of bare blueprints with times, kinds and actors, written in batches: for tests of lineage.

Unlike `families.plant`, every record has its time, so that questions as of a time can be asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import networkx as nx

from esper_graph.property_graph.catalogue import get
from esper_graph.store.engines import Engine, Transaction
from tests.integration.statements import statement

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
KINDS = ("mutation", "crossover", "merge")
ACTORS = ("ada", "bob")
_BATCH = 5_000

_MEMBERS = statement(
    "UNWIND $rows AS row "
    "CREATE (:Blueprint:Named {id: row.id, handle: row.id, fingerprint: 'f1:' + row.id, name: row.name, "
    "generation: row.generation, version: 1, status: 'registered', op_count: 0, edge_count: 0, "
    "content_digest: 'none', registered_at: datetime(row.at)})",
    access="write",
    parameters={"rows": "LIST<MAP>"},
    name="tests/members",
)
_EDGES = {
    kind: statement(
        "UNWIND $rows AS row MATCH (c:Blueprint {id: row.child}) MATCH (p:Blueprint {id: row.parent}) "
        f"CREATE (c)-[:{kind} {{key: row.key, kind: row.kind, edits: '[]', actor: row.actor, "
        "registered_at: datetime(row.at)}]->(p)",
        access="write",
        parameters={"rows": "LIST<MAP>"},
        name="tests/edges",
    )
    for kind in ("DERIVED_FROM", "REDISCOVERED_FROM")
}


@dataclass(frozen=True)
class Edge:
    """One derivation; `at` in seconds after the start."""

    child: str
    parent: str
    at: int
    kind: str = "mutation"
    actor: str = "ada"
    rediscovery: bool = False

    @property
    def key(self) -> str:
        return f"{self.child}|{self.kind}|{self.parent}|{self.rediscovery}"


@dataclass(frozen=True)
class Plan:
    """A family before it is written: when each member was registered, and who derives from whom."""

    members: dict[str, int]
    edges: list[Edge] = field(default_factory=list)

    def graph(self, at: int | None = None, *, wide: bool = False) -> "nx.MultiDiGraph[str]":
        """The family by networkx, with an edge from each child to each parent, as it was known at a time."""
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        graph.add_nodes_from(one for one, since in self.members.items() if at is None or since <= at)
        for edge in self.edges:
            if (wide or not edge.rediscovery) and (at is None or edge.at <= at):
                graph.add_edge(
                    edge.child,
                    edge.parent,
                    key=edge.key,
                    kind=edge.kind,
                    actor=edge.actor,
                    rediscovery=edge.rediscovery,
                )
        return graph


def random_plan(random: Random, count: int, *, rediscoveries: int = 0) -> Plan:
    """Members in random order of ids, one a minute; some derivations are added late, some pairs have two."""
    ids = [f"b{number:05}" for number in range(count)]
    random.shuffle(ids)
    members = {one: 60 * place for place, one in enumerate(ids)}
    edges: dict[str, Edge] = {}
    for place, child in enumerate(ids):
        for parent in random.sample(ids[:place], min(place, random.choice([0, 1, 1, 2, 2, 3]))):
            late = random.choice([0, 0, 0, 60 * random.randrange(count)])
            for kind in random.sample(KINDS, random.choice([1, 1, 1, 2])):
                edge = Edge(child, parent, members[child] + late, kind, random.choice(ACTORS))
                edges[edge.key] = edge
    for _ in range(rediscoveries if count > 1 else 0):
        child, parent = random.sample(ids, 2)
        since = max(members[child], members[parent])
        edge = Edge(child, parent, since + 30, random.choice(KINDS), rediscovery=True)
        edges[edge.key] = edge
    return Plan(members, list(edges.values()))


def moment(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def write(engine: Engine, plan: Plan) -> None:
    """Write a family with its right generations."""
    engine.schema(get("schema/blueprint_id_unique"))
    graph = plan.graph()
    generations: dict[str, int] = {}
    for member in reversed(list(nx.topological_sort(graph))):
        above = (generations[parent] for parent in graph.successors(member))
        generations[member] = 1 + max(above, default=-1)
    members = [
        {"id": one, "name": f"name of {one}", "generation": generations[one], "at": moment(at).isoformat()}
        for one, at in plan.members.items()
    ]
    for some in _batches(members):
        engine.write(lambda transaction, some=some: transaction.run(_MEMBERS, {"rows": some}))
    for kind, wanted in (("DERIVED_FROM", False), ("REDISCOVERED_FROM", True)):
        rows = [
            {
                "child": edge.child,
                "parent": edge.parent,
                "key": edge.key,
                "kind": edge.kind,
                "actor": edge.actor,
                "at": moment(edge.at).isoformat(),
            }
            for edge in plan.edges
            if edge.rediscovery == wanted
        ]
        for some in _batches(rows):

            def work(transaction: Transaction, some: Sequence[Any] = some, kind: str = kind) -> None:
                transaction.run(_EDGES[kind], {"rows": some})

            engine.write(work)


def _batches(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[begin : begin + _BATCH] for begin in range(0, len(rows), _BATCH))
