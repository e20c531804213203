"""Search: generated filters find what a plain walk over the same facts finds, page by page."""

import operator
from collections.abc import Callable, Iterator
from math import inf

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esper_graph.config import Settings
from esper_graph.registry import BlueprintRegistry
from esper_graph.search import begin
from esper_graph.store.engines import Engine
from tests.integration.facts import AUTHORS, DEVICES, SIGN, TAGS, Fact, populate


@pytest.fixture
def facts(engine: Engine) -> list[Fact]:
    return populate(engine)


@pytest.fixture(params=["collected", "walked"])
def registry(
    facts: list[Fact],
    engine_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[BlueprintRegistry]:
    """Searches that begin with few, and ones for which nothing is few, so that they walk along indexes."""
    if request.param == "walked":
        for name in ("FEW", "FEW_LINKED"):
            monkeypatch.setattr(begin, name, 0)
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


@pytest.mark.parametrize("order", ["id", "accuracy@cpu"])
def test_bounds_are_met_exactly_or_not(registry: BlueprintRegistry, facts: list[Fact], order: str) -> None:
    here = [one for one in facts if one.status != "archived"]
    bound = here[len(here) // 2].parameters
    for sign, compare in COMPARE.items():
        kept = {one.id for one in here if compare(one.parameters, bound)}
        assert {hit.id for hit in registry.search(f"params{sign}{bound}", order=order, limit=99)} == kept
        assert kept
    for sign, compare in COMPARE.items():
        kept = {
            one.id for one in here if (best := one.best("latency_ms", None)) is not None and compare(best, 2)
        }
        assert {hit.id for hit in registry.search(f"latency_ms{sign}2", order=order, limit=99)} == kept
        assert kept


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
    compare, value = draw(st.sampled_from(sorted(COMPARE))), 11 * draw(st.integers(2, 27)) + 2  # as some have
    return f"params{compare}{value}", lambda one: COMPARE[compare](one.parameters, value)


@st.composite
def several_ranges(draw: st.DrawFn) -> tuple[str, Test]:
    low, high, other = (11 * draw(st.integers(*ends)) + 2 for ends in ((2, 12), (12, 27), (2, 27)))
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
    *(tag(), any_tag(), category(), author(), status(), number(), several_ranges()),
    *(metric(), metric(), metric(), metric()),
    *(measured(), family(), kind(), text(), name(), runs_on(), rest()),
)
ORDERS = ("id", "parameters", "latency_ms@cpu", "accuracy@cpu", "accuracy", "latency_ms")


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

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
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
