"""Families that go on outside of the store: answers about what is above say so, and only these."""

from random import Random
from typing import Any

import networkx as nx
import pytest

from esper_graph.errors import BlueprintNotFoundError
from esper_graph.property_graph.answer import Answer, Limit, Stream
from esper_graph.store import folding, kinship, lineage, subgraph
from esper_graph.store.engines import Engine
from esper_graph.store.reach import Reach, View
from tests.integration.large_families import Edge, Plan, moment, random_plan, write
from tests.integration.statements import statement

_OUTSIDE = statement(
    "UNWIND $rows AS row MATCH (c:Blueprint {id: row.child}) MERGE (x:ExternalParent {id: row.name}) "
    "CREATE (c)-[:DERIVED_FROM_EXTERNAL {key: row.child + row.name, kind: 'mutation', actor: 'ada', "
    "registered_at: datetime(row.at)}]->(x)",
    access="write",
    parameters={"rows": "LIST<MAP>"},
    name="tests/outside",
)

Outside = dict[str, dict[str, int]]


def send_outside(engine: Engine, outside: Outside) -> None:
    rows = [
        {"child": child, "name": name, "at": moment(at).isoformat()}
        for child, names in outside.items()
        for name, at in names.items()
    ]
    engine.write(lambda transaction: transaction.run(_OUTSIDE, {"rows": rows}))


def names_above(graph: "nx.MultiDiGraph[str]", outside: Outside, start: str, at: int | None) -> set[str]:
    """What networkx and a look at each member say."""
    return {
        name
        for member in {start, *nx.descendants(graph, start)}
        for name, since in outside.get(member, {}).items()
        if at is None or since <= at
    }


def streamed(stream: Stream[Any]) -> Limit | None:
    for _ in stream:
        assert not stream.complete
    assert stream.complete == (stream.truncated_by is None)
    return stream.truncated_by


@pytest.mark.parametrize("seed", range(3))
def test_answers_about_ancestors_tell_of_parents_outside(engine: Engine, seed: int) -> None:
    random = Random(seed)
    plan = random_plan(random, 25, rediscoveries=4)
    members = list(plan.members)
    outside = {
        child: {f"far{random.randrange(4)}": plan.members[child] + random.choice([0, 900])}
        for child in random.sample(members, 3)
    }
    write(engine, plan)
    send_outside(engine, outside)
    told: set[bool] = set()
    for start in {*random.sample(members, 8), *outside}:
        for wide, at in ((False, None), (True, None), (False, plan.members[start]), (True, 60 * 25)):
            names = names_above(plan.graph(at, wide=wide), outside, start, at)
            view = View(wide, None if at is None else moment(at))
            reach = Reach(view=view)
            mark = "external" if names else None
            told.add(bool(names))
            assert lineage.external_ancestors(engine, start, view) == tuple(sorted(names))
            answers: list[Answer[Any]] = [
                lineage.ancestors(engine, start, reach),
                lineage.ancestors(engine, start, Reach(max_generations=25, view=view)),
                lineage.tree(engine, start, reach),
                folding.folded_tree(engine, start, view=view),
                kinship.common_ancestors(engine, [start], view=view),
            ]
            assert [one.truncated_by for one in answers] == [mark] * len(answers)
            assert {one.total is None for one in answers} == {bool(names)}
            exported = subgraph.document(engine, [start], view=view)
            assert (exported["truncated_by"], exported["complete"]) == (mark, not names)
            assert lineage.descendants(engine, start, reach).complete
            if at is None:
                assert lineage.ancestor_ids(engine, start, include_rediscoveries=wide).truncated_by == mark
                up = kinship.stream(engine, start, upwards=True, include_rediscoveries=wide)
                down = kinship.stream(engine, start, upwards=False, include_rediscoveries=wide)
                assert (streamed(up), streamed(down)) == (mark, None)
                own = lineage.parents(engine, start, include_rediscoveries=wide)
                assert own.truncated_by == ("external" if start in outside else None)
                assert lineage.children(engine, start, include_rediscoveries=wide).complete
    assert told == {True, False}


def test_what_a_limit_leaves_out_is_told_first(engine: Engine) -> None:
    write(engine, Plan({"old": 0, "new": 60}, [Edge("new", "old", 60)]))
    send_outside(engine, {"old": {"far": 0}})
    cut = lineage.tree(engine, "old", Reach(limit=1))
    assert (cut.truncated_by, cut.omitted_count) == ("limit", 1)
    near = lineage.ancestors(engine, "new", Reach(max_generations=0))
    assert (near.truncated_by, near.omitted_count) == ("depth", 1)
    assert kinship.common_ancestors(engine, ["new", "old"]).truncated_by == "external"


def test_a_stream_that_is_closed_never_calls_itself_complete(engine: Engine) -> None:
    plan = random_plan(Random(3), 30)
    write(engine, plan)
    graph = plan.graph()
    start = max(plan.members, key=lambda one: len(nx.descendants(graph, one)))
    stream = kinship.stream(engine, start, upwards=True)
    next(stream)
    stream.close()
    assert list(stream) == []
    assert not stream.complete
    unknown = kinship.stream(engine, "nobody", upwards=True)
    with pytest.raises(BlueprintNotFoundError):
        next(unknown)
    assert list(unknown) == []
    assert not unknown.complete
