"""Search: generated filters find what a plain walk over the same facts finds, page by page."""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esper_graph.config import Settings
from esper_graph.errors import BlueprintNotFoundError, FilterError, NothingFitsError
from esper_graph.ir.specs import Derivation, DerivationKind
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import changes, kernels, metrics, schema
from esper_graph.store.engines import Engine
from tests.integration.stored import COUNT, operation, perceptron, save
from tests.integration.test_store_kernels import made

TAGS, AUTHORS, DEVICES = ("small", "wide", "odd", "mobile"), ("Ada", "Grace Hopper"), ("cpu", "gpu_v100")
CAME: tuple[DerivationKind, ...] = ("mutation", "merge", "crossover")
SIGN = {"latency_ms": 1, "accuracy": -1}


@dataclass(frozen=True)
class Fact:
    """What the tests know of one blueprint, without asking the store."""

    id: str
    tags: frozenset[str]
    author: str
    hidden: int
    status: str
    kinds: frozenset[str]
    ancestors: frozenset[str]
    values: dict[tuple[str, str], float]
    ready: bool
    capability: float
    features: frozenset[str]

    @property
    def parameters(self) -> int:
        return 8 * self.hidden + self.hidden + 2 * self.hidden + 2

    def best(self, metric: str, device: str | None) -> float | None:
        found = [v for (name, on), v in self.values.items() if name == metric and device in {None, on}]
        return min(found, key=lambda value: value * SIGN[metric]) if found else None


def populate(engine: Engine, count: int = 24) -> list[Fact]:
    """Register blueprints of all kinds, and return what is so of each."""
    schema.ensure(engine)
    random = Random(5)
    facts: list[Fact] = []
    for number in range(count):
        tags = frozenset(random.sample(TAGS, random.randrange(3)))
        author, capability = random.choice(AUTHORS), random.choice([0.0, 0.0, 7.0, 7.5])
        features = frozenset(random.choice([[], [], ["tensor_cores"], ["bf16", "tensor_cores"]]))
        parents = random.sample(facts, min(len(facts), random.choice([0, 1, 1, 2])))
        kind = random.choice(CAME)
        hidden = 3 + number
        name = f"mlp_{hidden}"
        save(
            engine,
            perceptron(
                hidden,
                name,
                name=f'Net "{hidden}" \\ wide' if number % 7 == 0 else f"MLP {hidden}",
                tags=sorted(tags),
                author=author,
                derivations=[Derivation(parent_id=parent.id, kind=kind) for parent in parents],
                min_compute_capability=capability or None,
                requires_features=sorted(features),
            ),
        )
        values: dict[tuple[str, str], float] = {}
        for metric in SIGN:
            for device in DEVICES:
                if random.random() < 0.5:
                    values[metric, device] = float(random.randrange(6)) / (1 if metric == "latency_ms" else 5)
        for (metric, device), value in values.items():
            metrics.record(engine, name, {metric: value}, device, operation("metric.record"))
        passed = random.choice([True, False, None])
        if passed is not None:
            _kernel(engine, name, number, passed=passed)
        status = random.choice(["registered", "registered", "production", "archived"])
        if status == "archived":
            changes.archive(engine, name, operation("blueprint.archive"))
        elif status != "registered":
            changes.set_status(engine, name, operation("blueprint.status"), status=status)
        facts.append(
            Fact(
                id=name,
                tags=tags,
                author=author,
                hidden=hidden,
                status=status,
                kinds=frozenset({kind} if parents else ()),
                ancestors=frozenset().union(*({one.id} | one.ancestors for one in parents)),
                values=values,
                ready=passed is True,
                capability=capability,
                features=features,
            )
        )
    return facts


def _kernel(engine: Engine, blueprint: str, number: int, *, passed: bool) -> None:
    attempt = kernels.begin_attempt(
        engine, blueprint, mode="infer", backend="script", profile="default", operation=operation()
    )
    validation = {"passed": passed, "checks": [{"name": "finite", "passed": passed}]}
    record = made(blueprint, f"{number:064x}", validation=validation)
    kernels.record_kernel(engine, record, attempt_id=attempt.id, operation=operation())


@pytest.fixture
def facts(engine: Engine) -> list[Fact]:
    return populate(engine)


@pytest.fixture
def registry(facts: list[Fact], engine_settings: Settings) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


# ---------------------------------------------------------------- generated filters

Test = Callable[[Fact], bool]
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    ":": operator.eq,
}


def _some(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2)


def _quoted(values: list[str]) -> str:
    return ",".join(f'"{value}"' if " " in value else value for value in values)


@st.composite
def terms(draw: st.DrawFn) -> tuple[str, Test]:
    text, test = draw(draw(st.sampled_from(KINDS)))
    if draw(st.integers(0, 3)) == 0:
        return f"-{text}", lambda one: not test(one)
    return text, test


@st.composite
def tag(draw: st.DrawFn) -> tuple[str, Test]:
    names = draw(_some((*TAGS, "unknown")))
    return f"tag:{_quoted(names)}", lambda one: bool(one.tags & {*names})


def any_tag() -> st.SearchStrategy[tuple[str, Test]]:
    return st.just(("tag:*", lambda one: bool(one.tags)))


def category() -> st.SearchStrategy[tuple[str, Test]]:
    return st.just(("category:efficiency", lambda one: "mobile" in one.tags))


@st.composite
def author(draw: st.DrawFn) -> tuple[str, Test]:
    names = draw(_some((*AUTHORS, "nobody")))
    return f"author={_quoted(names)}", lambda one: one.author in names


@st.composite
def status(draw: st.DrawFn) -> tuple[str, Test]:
    name = draw(st.sampled_from(["registered", "production"]))
    return f"status:{name}", lambda one: one.status == name


@st.composite
def number(draw: st.DrawFn) -> tuple[str, Test]:
    compare, value = draw(st.sampled_from(sorted(COMPARE))), draw(st.integers(30, 320))
    return f"params{compare}{value}", lambda one: COMPARE[compare](one.parameters, value)


@st.composite
def several_ranges(draw: st.DrawFn) -> tuple[str, Test]:
    low, high, other = draw(st.integers(0, 150)), draw(st.integers(150, 300)), draw(st.integers(30, 320))
    return (
        f"parameters:{low}..{high},{other}",
        lambda one: low <= one.parameters <= high or one.parameters == other,
    )


@st.composite
def metric(draw: st.DrawFn) -> tuple[str, Test]:
    name, device = draw(st.sampled_from(sorted(SIGN))), draw(st.sampled_from([None, *DEVICES]))
    compare = draw(st.sampled_from(sorted(COMPARE)))
    value = draw(st.integers(0, 6)) / (1 if name == "latency_ms" else 5)

    def test(one: Fact) -> bool:
        best = one.best(name, device)
        return best is not None and COMPARE[compare](best, value)

    return f"{name}{f'@{device}' if device else ''}{compare}{value}", test


@st.composite
def measured(draw: st.DrawFn) -> tuple[str, Test]:
    device = draw(st.sampled_from(DEVICES))
    return f"accuracy@{device}:*", lambda one: one.best("accuracy", device) is not None


@st.composite
def family(draw: st.DrawFn) -> tuple[str, Test]:
    roots = draw(st.lists(st.integers(3, 26), min_size=1, max_size=2))
    names = {f"mlp_{root}" for root in roots}
    return f"derived-from:{','.join(sorted(names))}", lambda one: bool(one.ancestors & names)


@st.composite
def kind(draw: st.DrawFn) -> tuple[str, Test]:
    names = draw(_some(("mutation", "merge", "crossover", "transfer")))
    return f"kind:{','.join(names)}", lambda one: bool(one.kinds & {*names})


@st.composite
def text(draw: st.DrawFn) -> tuple[str, Test]:
    part = draw(st.sampled_from(["1", "MLP_2", "mlp", "9"]))
    return part, lambda one: part.lower() in one.id or part.lower() in f"mlp {one.hidden}".lower()


@st.composite
def name(draw: st.DrawFn) -> tuple[str, Test]:
    wanted = draw(st.sampled_from(["mlp_4", "mlp_11", "nothing"]))
    return f"id:{wanted}", lambda one: one.id == wanted


@st.composite
def runs_on(draw: st.DrawFn) -> tuple[str, Test]:
    device, capability, features = draw(
        st.sampled_from(
            [
                ("cpu", 0.0, frozenset[str]()),
                ("gpu_v100", 7.0, frozenset({"tensor_cores"})),
                ("gpu_a100", 8.0, frozenset({"tensor_cores", "bf16"})),
            ]
        )
    )
    return f"runs-on:{device}", lambda one: one.capability <= capability and one.features <= features


def rest() -> st.SearchStrategy[tuple[str, Test]]:
    return st.sampled_from(
        [
            ("kernel:ready", lambda one: one.ready),
            ("op:linear", lambda one: True),
            ("op:attention", lambda one: False),
            ("input:Bx8", lambda one: True),
            ("output:Bx2", lambda one: True),
            ("output:Bx3", lambda one: False),
            ("registered>=2020-01", lambda one: True),
            ("created<2000-01-01", lambda one: False),
            ("depth:*", lambda one: True),
        ]
    )


KINDS = (
    *(tag(), any_tag(), category(), author(), status(), number(), several_ranges(), metric(), metric()),
    *(measured(), family(), kind(), text(), name(), runs_on(), rest()),
)
ORDERS = ("id", "parameters", "latency_ms@cpu", "accuracy", "latency_ms")


def _key(one: Fact, order: str, *, reverse: bool) -> tuple[bool, float | str, str]:
    turn = -1 if reverse else 1
    if order == "parameters":
        return False, turn * one.parameters, one.id
    metric_name, _, device = order.partition("@")
    best = one.best(metric_name, device or None)
    return (True, inf, one.id) if best is None else (False, turn * SIGN[metric_name] * best, one.id)


def _expected(facts: list[Fact], tests: list[Test], order: str, *, reverse: bool) -> list[str]:
    kept = [one for one in facts if one.status != "archived" and all(test(one) for test in tests)]
    if order == "id":
        return sorted((one.id for one in kept), reverse=reverse)
    return [one.id for one in sorted(kept, key=lambda one: _key(one, order, reverse=reverse))]


def _net(one: Fact) -> bool:
    """Names of every seventh are others, and bare words look at names."""
    return (one.hidden - 3) % 7 == 0


def test_generated_filters_find_what_a_walk_over_the_facts_finds(
    registry: BlueprintRegistry, facts: list[Fact]
) -> None:
    plain = [one for one in facts if not _net(one)]
    nets = "".join(f" -id:{one.id}" for one in facts if _net(one))

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(terms(), max_size=4),
        st.sampled_from(ORDERS),
        st.booleans(),
        st.integers(2, 30),
    )
    def compare(found: list[tuple[str, Test]], order: str, reverse: bool, limit: int) -> None:
        filter_ = " ".join(term for term, _ in found) + nets
        tests = [test for _, test in found]
        expected = _expected(plain, tests, order, reverse=reverse)
        listed: list[str] = []
        token: str | None = None
        while True:
            page = registry.search(
                filter_, order=order, reverse=reverse, limit=limit, page=token, count=token is None
            )
            if token is None:
                assert page.total == len(expected), filter_
                assert page.complete == (len(expected) <= limit)
            listed += [hit.id for hit in page]
            token = page.next_page
            if token is None:
                break
        assert listed == expected, filter_

    compare()


# ---------------------------------------------------------------- single answers


def test_values_and_devices_of_what_is_ordered_by_are_told(
    registry: BlueprintRegistry, facts: list[Fact]
) -> None:
    known = {one.id: one for one in facts}
    for hit in registry.search(order="latency_ms", limit=100):
        assert hit.value == known[hit.id].best("latency_ms", None)
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
