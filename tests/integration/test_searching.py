"""Search: pages, facets, fronts, shapes and choices, and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from esper_graph.config import Settings
from esper_graph.errors import BlueprintNotFoundError, FilterError, NothingFitsError
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import kernels, metrics
from esper_graph.store.engines import Engine
from tests.integration.facts import DEVICES, TAGS, Fact, populate
from tests.integration.stored import COUNT, operation


@pytest.fixture
def facts(engine: Engine) -> list[Fact]:
    return populate(engine)


@pytest.fixture
def registry(facts: list[Fact], engine_settings: Settings) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


# ---------------------------------------------------------------- single answers


def test_values_and_devices_of_what_is_ordered_by_are_told(
    registry: BlueprintRegistry, facts: list[Fact]
) -> None:
    known = {one.id: one for one in facts}
    hits = registry.search(order="latency_ms", limit=100)
    assert {hit.value is None for hit in hits} == {True, False}
    for hit in hits:
        assert hit.value == known[hit.id].best("latency_ms", None)
        assert (hit.device is None) == (hit.value is None)
        if hit.device is not None:
            assert known[hit.id].values["latency_ms", hit.device] == hit.value


def test_archived_ones_are_found_when_asked_for(registry: BlueprintRegistry, facts: list[Fact]) -> None:
    archived = {one.id for one in facts if one.status == "archived"}
    assert archived
    assert {hit.id for hit in registry.search("status:archived", limit=100)} == archived
    assert len(registry.search(archived=True, limit=100)) == len(facts)
    assert not {hit.id for hit in registry.search(limit=100)} & archived


def test_names_are_found_whole_in_part_and_with_quotes_in_them(registry: BlueprintRegistry) -> None:
    (hit,) = registry.search(r'name:"Net \"3\" \\ wide"', archived=True)
    assert hit.id == "mlp_3"
    assert "mlp_3" in {hit.id for hit in registry.search(r'name~"\"3\""', archived=True)}


def test_facets_count_what_is_found(registry: BlueprintRegistry, facts: list[Fact]) -> None:
    kept = [one for one in facts if one.status != "archived" and "small" in one.tags]
    found = {(one.facet, one.value): one.blueprints for one in registry.facets("tag:small")}
    assert {name: n for (facet, name), n in found.items() if facet == "tag"} == {
        name: n for name in TAGS if (n := sum(name in one.tags for one in kept))
    }
    assert {name: n for (facet, name), n in found.items() if facet == "device"} == {
        name: n for name in DEVICES if (n := sum(any(on == name for _, on in one.values) for one in kept))
    }
    assert found["op", "linear"] == len(kept)
    with pytest.raises(FilterError, match="no facet `tags`"):
        registry.facets(facets=["tags"])


def test_a_front_is_what_nothing_beats(registry: BlueprintRegistry, facts: list[Fact]) -> None:
    here = [one for one in facts if one.status != "archived"]
    asked = ("latency_ms@cpu", "accuracy", "parameters")
    points = {
        one.id: (best, -more, one.parameters)
        for one in here
        if (best := one.best("latency_ms", "cpu")) is not None
        and (more := one.best("accuracy", None)) is not None
    }
    expected = {
        one
        for one, mine in points.items()
        if not any(
            other != mine and all(a <= b for a, b in zip(other, mine, strict=True))
            for other in points.values()
        )
    }
    front = registry.pareto(asked)
    assert {point.id for point in front} == expected
    assert (front.considered, front.without_values) == (len(here), len(here) - len(points))
    assert front.complete
    cut = registry.pareto(asked, limit=1)
    assert (len(cut), cut.truncated_by, cut.total) == (1, "limit", len(expected))


def test_what_fits_between_shapes_is_found(registry: BlueprintRegistry, facts: list[Fact]) -> None:
    here = {one.id for one in facts if one.status != "archived"}
    assert {hit.id for hit in registry.fitting(input="Bx8", output="Bx2", limit=100)} == here
    assert {hit.id for hit in registry.fitting(input="64x8", output="64x2", limit=100)} == here
    assert registry.fitting(input="Bx8", output="Cx2") == ()
    assert registry.fitting(input="Bx9") == ()
    with pytest.raises(FilterError):
        registry.fitting()


def test_the_best_that_fits_is_chosen_or_it_is_said_why_none_is(
    registry: BlueprintRegistry, facts: list[Fact]
) -> None:
    good = [
        one
        for one in facts
        if one.status != "archived"
        and one.capability <= 7.0
        and one.features <= {"tensor_cores"}
        and (best := one.best("latency_ms", "gpu_v100")) is not None
        and best <= 3
    ]
    expected = min(good, key=lambda one: (one.best("latency_ms", "gpu_v100"), one.id))
    budget = {"latency_ms": 3.0}
    found = registry.choose(input="Bx8", output="Bx2", device="gpu_v100", budget=budget, kernel=False)
    assert found.id == expected.id
    assert found.hit.device == "gpu_v100"
    with pytest.raises(NothingFitsError) as told:
        registry.choose(input="Bx8", device="gpu_v100", budget={**budget, "parameters": 1}, kernel=False)
    here = sum(one.status != "archived" for one in facts)
    assert told.value.considered == here
    assert sum(count for _, count in told.value.removed) == here
    assert dict(told.value.removed)["parameters<=1"] == len(good)
    with pytest.raises(NothingFitsError) as told:
        registry.choose(input="Bx8")
    assert told.value.removed[-1] == (
        "the bytes of a ready kernel are not here",
        sum(one.ready and one.status != "archived" for one in facts),
    )


def test_what_is_nearly_the_same_is_found(registry: BlueprintRegistry, facts: list[Fact]) -> None:
    start = next(one.id for one in facts if one.status != "archived")
    near = {one.id for one in registry.near_duplicates(start, limit=100)}
    assert near
    assert {hit.id for hit in registry.search(f"near:{start}", limit=100)} == near
    small = {one.id for one in facts if one.id in near and "small" in one.tags}
    assert {hit.id for hit in registry.search(f"tag:small near:{start}", limit=100)} == small
    here = {one.id for one in facts if one.status != "archived"}
    assert {hit.id for hit in registry.search(f"-near:{start}", limit=100)} == here - near
    with pytest.raises(BlueprintNotFoundError):
        registry.search("near:nothing")


def test_a_kernel_is_ready_by_its_newest_validation(
    registry: BlueprintRegistry, engine: Engine, facts: list[Fact]
) -> None:
    ready = {one.id for one in facts if one.ready and one.status != "archived"}
    assert {hit.id for hit in registry.search("kernel:ready", limit=100)} == ready
    (failing,) = kernels.kernels(engine, min(ready))
    checks = [{"name": '"passed": true', "passed": False}, {"name": "finite", "passed": True}]
    for verdict in (False, True):
        found = {
            "passed": verdict,
            "checks": [{**check, "passed": check["passed"] or verdict} for check in checks],
        }
        kernels.record_validation(engine, failing.digest, found, operation=operation("kernel.verify"))
        left = ready if verdict else ready - {failing.blueprint}
        assert {hit.id for hit in registry.search("kernel:ready", limit=100)} == left


# ---------------------------------------------------------------- what must be refused

HOSTILE = (
    "' OR 1=1 //",
    "x'}) DETACH DELETE n //",
    "`id` RETURN 1",
    "$seed",
    "\\u0027) MATCH (n) DELETE n",
    "{name: 'x'}",
)


@pytest.mark.parametrize("cypher", HOSTILE)
def test_cypher_in_a_filter_is_data(engine: Engine, engine_settings: Settings, cypher: str) -> None:
    populate(engine, 3)
    before = engine.read(COUNT)
    with BlueprintRegistry(settings=engine_settings) as registry:
        _is_data(registry, cypher)
    assert engine.read(COUNT) == before


def _is_data(registry: BlueprintRegistry, cypher: str) -> None:
    quoted = '"' + cypher.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for field in ("tag", "category", "name", "id", "author", "status", "description"):
        assert registry.search(f"{field}:{quoted}") == ()
    assert registry.search(f"name~{quoted}") == ()
    assert registry.search(quoted) == ()
    for field in ("derived-from", "parameters", "op", "input", "kernel", "runs-on", "kind", "registered"):
        with pytest.raises((FilterError, BlueprintNotFoundError)):
            registry.search(f"{field}:{quoted}")
    for order in (cypher, f"latency_ms@{cypher}"):
        with pytest.raises(FilterError):
            registry.search(order=order)
    with pytest.raises(FilterError):
        registry.search(page=cypher)


def test_tokens_of_other_queries_and_damaged_ones_are_refused(registry: BlueprintRegistry) -> None:
    token = registry.search(limit=2).next_page
    assert token is not None
    assert registry.search(limit=5, page=token)
    small = registry.search("params<1e9 op:linear", limit=2).next_page
    assert small is not None
    assert registry.search(" op=linear   parameters<1000000000 ", limit=2, page=small)
    others: list[dict[str, Any]] = [
        {"filter": "tag:small"},
        {"order": "parameters"},
        {"reverse": True},
        {"archived": True},
    ]
    for other in others:
        with pytest.raises(FilterError, match="another query"):
            registry.search(page=token, **other)
    for damaged in (token[:-1], token[1:], token + "A", token.swapcase(), "", "ü", token[:12]):
        with pytest.raises(FilterError, match="damaged"):
            registry.search(page=damaged)


def test_unknown_devices_are_refused_and_measured_ones_known(
    registry: BlueprintRegistry, engine: Engine
) -> None:
    metrics.record(engine, "mlp_3", {"latency_ms": 1.0}, "my_laptop", operation("metric.record"))
    assert [hit.id for hit in registry.search("latency_ms@my_laptop<2", archived=True)] == ["mlp_3"]
    with pytest.raises(FilterError, match="no device `my_lapto`") as told:
        registry.search("tag:small latency_ms@my_lapto<2")
    assert told.value.column == 11
    assert told.value.hint == "did you mean `my_laptop`?"
