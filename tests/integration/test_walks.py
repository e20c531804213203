"""Pages that are read along an index: the same as of all that is found, with many equal values among them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from esper_graph.config import Settings
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.places import places
from esper_graph.registry import BlueprintRegistry
from esper_graph.search import begin
from esper_graph.store import schema
from esper_graph.store.engines import Engine
from esper_graph.store.engines.bolt import BoltEngine
from tests.integration.statements import statement

WRITE = statement(
    "UNWIND $rows AS row "
    "CREATE (b:Blueprint:Named {created_at: datetime($at), registered_at: datetime(row.registered)}) "
    "SET b += row.properties "
    "FOREACH (name IN row.tags | MERGE (t:Tag {name: name}) MERGE (b)-[:TAGGED]->(t)) "
    "FOREACH (metric IN row.metrics | CREATE (m:Metric)-[:MEASURES]->(b) SET m += metric) "
    "RETURN count(b) AS written",
    access="write",
    returns="written",
    parameters={"rows": "LIST<MAP>", "at": "STRING"},
)
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
WALKS = ("walk_places", "walk_places_from_top", "walk_parameters", "walk_newest")


@dataclass(frozen=True)
class Fact:
    """What is so of one blueprint."""

    id: str
    parameters: int
    tags: tuple[str, ...]
    archived: bool
    latency: float | None
    accuracy: float | None
    registered: datetime


@pytest.fixture
def facts(engine: Engine) -> list[Fact]:
    """A few hundred bare blueprints, whose values and ids are drawn from few, so that many are equal."""
    schema.ensure(engine)
    random = Random(7)
    ids = random.sample(
        [f"{a}{b}{c}" for a in ("a", "a.", "a-", "A", "b_") for b in "0aZ" for c in range(20)], 240
    )
    found = [
        Fact(
            id=name,
            parameters=random.choice([0, 7, 7, 2**40, random.randrange(20)]),
            tags=tuple(
                tag for tag in ("half", "seldom") if random.random() < {"half": 0.5, "seldom": 0.05}[tag]
            ),
            archived=random.random() < 0.1,
            latency=random.choice([None, 0.0, 1.5, 2.0, 2.0, random.random() * 4]),
            accuracy=random.choice([None, 1.0, 1.0, 0.5, round(random.random(), 2)]),
            registered=AT + timedelta(microseconds=random.choice([0, 0, 1, 10**6, random.randrange(10**11)])),
        )
        for name in ids
    ]
    engine.write(
        lambda transaction: transaction.run(WRITE, {"rows": [*map(_row, found)], "at": AT.isoformat()})
    )
    return found


def _microseconds(one: Fact) -> int:
    return (one.registered - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _row(one: Fact) -> dict[str, Any]:
    values = {"latency_ms": one.latency, "accuracy": one.accuracy}
    texts = ("name", "handle", "fingerprint", "content_digest", "normal_fingerprint")
    numbers = ("version", "generation", "flops", "macs", "op_count", "edge_count", "depth")
    return {
        "properties": {
            **dict.fromkeys(texts, one.id),
            **dict.fromkeys(numbers, 1),
            "id": one.id,
            "author": "",
            "description": "",
            "memory_mb": 1.0,
            "op_types": ["linear"],
            "input_signature": "float32[batch, 8]",
            "output_signature": "float32[batch, 2]",
            "status": "archived" if one.archived else "registered",
            "parameters": one.parameters,
            "newest_first": -_microseconds(one),
        },
        "registered": one.registered.isoformat(),
        "tags": list(one.tags),
        "metrics": [
            {
                "key": f"{one.id}|{name}|cpu",
                "name": name,
                "device": "cpu",
                "value": value,
                **places(name, "cpu", value, one.id),
            }
            for name, value in values.items()
            if value is not None
        ],
    }


@pytest.fixture
def registry(
    facts: list[Fact], engine_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BlueprintRegistry]:
    for name in ("FEW", "FEW_LINKED"):
        monkeypatch.setattr(begin, name, 3)
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


Test = Callable[[Fact], bool]
FILTERS: dict[str, Test] = {
    "": lambda one: True,
    "tag:half": lambda one: "half" in one.tags,
    "-tag:half params:7": lambda one: "half" not in one.tags and one.parameters == 7,
    "params:0..3,7,1e9.. tag:half,seldom": lambda one: (
        bool(one.tags) and (one.parameters <= 3 or one.parameters == 7 or one.parameters >= 1e9)
    ),
    "params>=2 params<9.5": lambda one: 2 <= one.parameters < 9.5,
    "latency_ms@cpu>0.5 latency_ms@cpu<=2": lambda one: one.latency is not None and 0.5 < one.latency <= 2,
    "latency_ms@cpu:0,2..3 accuracy@cpu>=0.5": lambda one: (
        one.latency is not None and (one.latency == 0 or 2 <= one.latency <= 3) and (one.accuracy or 0) >= 0.5
    ),
    "-accuracy@cpu:* tag:half": lambda one: one.accuracy is None and "half" in one.tags,
    "accuracy@cpu<0.9": lambda one: one.accuracy is not None and one.accuracy < 0.9,
    "params>5 params<5": lambda one: False,
    "registered>2026-11-25T12:00 registered<=2026-11-26T04:00:00.5": lambda one: (
        AT < one.registered <= AT + timedelta(hours=16, seconds=0.5)
    ),
    "registered:2026-11-25T12:00,2026-11-26.. tag:half": lambda one: (
        "half" in one.tags and (one.registered == AT or one.registered >= AT + timedelta(hours=12))
    ),
    "registered>2026-11-25T12:00 registered<2026-11-25T12:00": lambda one: False,
}
ORDERS: dict[str, tuple[int, Callable[[Fact], Any]]] = {
    "parameters": (1, lambda one: one.parameters),
    "latency_ms@cpu": (1, lambda one: one.latency),
    "accuracy@cpu": (-1, lambda one: one.accuracy),
    "registered": (-1, lambda one: one.registered),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_pages_along_an_index_are_those_of_a_walk_over_the_facts(
    registry: BlueprintRegistry, facts: list[Fact], order: str, reverse: bool
) -> None:
    sign, value = ORDERS[order]
    turn = -sign if reverse else sign

    def key(one: Fact) -> tuple[bool, float, str]:
        found = _microseconds(one) if order == "registered" else value(one)
        return found is None, 0.0 if found is None else turn * found, one.id

    for filter_, test in FILTERS.items():
        kept = sorted((one for one in facts if not one.archived and test(one)), key=key)
        listed: list[str] = []
        token: str | None = None
        while True:
            page = registry.search(filter_, order=order, reverse=reverse, limit=17, page=token)
            assert [hit.value for hit in page] == [
                value(one) for one in kept[len(listed) : len(listed) + len(page)]
            ]
            listed += [hit.id for hit in page]
            token = page.next_page
            if token is None:
                break
        assert listed == [one.id for one in kept], filter_


def test_a_new_value_takes_its_place(registry: BlueprintRegistry, facts: list[Fact]) -> None:
    one = next(one for one in facts if not one.archived and one.latency == 2.0)
    for value in (-0.0, 0.001, 99.0):
        registry.update_performance(one.id, {"latency_ms": value}, device="cpu")
        best = [(hit.value, hit.id) for hit in registry.search(order="latency_ms@cpu", limit=100)]
        assert (value, one.id) in best or value == 99.0
        worst = registry.search("latency_ms@cpu:*", order="latency_ms@cpu", reverse=True, limit=1)
        assert (worst[0].id == one.id) == (value == 99.0)
        assert best == sorted(best)


@pytest.mark.parametrize("name", WALKS)
def test_walks_read_an_index_in_its_order(engine: Engine, name: str) -> None:
    schema.ensure(engine)
    assert isinstance(engine, BoltEngine)
    query = get(f"search/{name}")
    given = {
        "archived": False,
        "conditions": [],
        "shown": [],
        "limit": 10,
        "sign": 1.0,
        "beyond": "",
        "most": "~",
        "least": 0,
        "after_id": None,
    }
    asked = {one.name: given[one.name] for one in query.parameters}
    plan = engine._driver.execute_query(f"EXPLAIN {query.text}", asked).summary.plan
    assert plan is not None
    if engine.name == "embedded":
        assert "[index order]" in plan["args"]["string-representation"]
        return
    operators = [*_operators(plan)]
    assert not {"Sort", "Top", "PartialSort", "PartialTop", "NodeByLabelScan"} & {*operators}
    assert any(one.startswith("NodeIndexSeek") for one in operators)


def _operators(plan: dict[str, Any]) -> Iterator[str]:
    yield str(plan["operatorType"]).partition("@")[0]
    for child in plan.get("children", []):
        yield from _operators(child)
