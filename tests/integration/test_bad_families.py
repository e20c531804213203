"""What cannot be a family, or a measurement of one, is refused, and nothing of it is written."""

from collections.abc import Callable, Generator
from itertools import pairwise
from math import inf, nan
from typing import Any

import pytest

from esper_graph.config import Settings
from esper_graph.errors import (
    BlueprintError,
    BlueprintNotFoundError,
    ConfigError,
    EsperGraphError,
    LineageCycleError,
    QueryError,
    UnknownParentError,
)
from esper_graph.ir.specs import Derivation
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.integration.statements import statement
from tests.integration.stored import perceptron

_WRITTEN = statement(
    "MATCH (n) OPTIONAL MATCH (n)-[r]->() "
    "RETURN labels(n) AS labels, properties(n) AS properties, count(r) AS relationships",
    returns="labels, properties, relationships",
)
_MANY = 10_000


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings) -> Generator[BlueprintRegistry]:
    """`c` derives from `b`, which derives from `a`; `lone` stands alone."""
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register(perceptron(1, "a"))
        registry.register(perceptron(2, "b"), parents=["a"])
        registry.register(perceptron(3, "c"), parents=["b"])
        registry.register(perceptron(4, "lone"))
        yield registry


def written(engine: Engine) -> list[tuple[str, int]]:
    """All nodes with what they hold and how many relationships leave them; tickets of locks mean nothing."""
    return sorted(
        (
            f"{sorted(row['labels'])} {sorted((row['properties'] | {'ticket': None}).items())}",
            row["relationships"],
        )
        for row in engine.read(_WRITTEN)
        if "LineageLock" not in row["labels"]
    )


Bad = Callable[[BlueprintRegistry], object]

UNKNOWN: dict[str, tuple[type[EsperGraphError], Bad]] = {
    "a parent of a new one": (UnknownParentError, lambda r: r.register(perceptron(9), parents=["nobody"])),
    "one of two parents": (UnknownParentError, lambda r: r.register(perceptron(9), parents=["a", "nobody"])),
    "a linked parent": (BlueprintNotFoundError, lambda r: r.link("lone", "nobody")),
    "a linked child": (BlueprintNotFoundError, lambda r: r.link("nobody", "lone")),
    "a measured one": (BlueprintNotFoundError, lambda r: r.update_performance("nobody", {"latency_ms": 1.0})),
    "a tagged one": (BlueprintNotFoundError, lambda r: r.tag("nobody", "fast")),
    "an evolved one": (BlueprintNotFoundError, lambda r: r.evolve("nobody", [])),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_ids_are_named(registry: BlueprintRegistry, engine: Engine, name: str) -> None:
    error, bad = UNKNOWN[name]
    before = written(engine)
    with pytest.raises(error, match="nobody"):
        bad(registry)
    assert written(engine) == before


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_a_cycle_of_any_length_is_refused_with_its_path(
    registry: BlueprintRegistry, engine: Engine, steps: int
) -> None:
    ids = ["a", "b", "c", *(f"d{number}" for number in range(4, steps + 1))][:steps]
    for number, (parent, child) in enumerate(pairwise(ids[2:])):
        registry.register(perceptron(20 + number, child), parents=[parent])
    before = written(engine)
    with pytest.raises(LineageCycleError) as caught:
        registry.link(ids[0], ids[-1])
    assert caught.value.path == (ids[0], *reversed(ids))
    assert written(engine) == before


def test_nobody_is_registered_as_his_own_parent_or_in_a_circle_of_several(
    registry: BlueprintRegistry, engine: Engine
) -> None:
    before = written(engine)
    for external in (False, True):
        with pytest.raises(LineageCycleError) as caught:
            registry.register(perceptron(9, "own"), parents=["own"], external_parents=external)
        assert caught.value.path == ("own", "own")
    circle = [perceptron(10 + n, f"x{n}", parents=(f"x{(n + 1) % 3}",)) for n in range(3)]
    with pytest.raises(LineageCycleError) as caught:
        registry.register_all(circle)
    assert set(caught.value.path) == {"x0", "x1", "x2"}
    assert written(engine) == before


def test_ten_thousand_parents_of_whom_one_is_unknown_write_nothing(
    registry: BlueprintRegistry, engine: Engine
) -> None:
    before = written(engine)
    parents = ["a", *(f"nobody{number}" for number in range(_MANY - 1))]
    with pytest.raises((UnknownParentError, BlueprintError)):
        registry.register(perceptron(9, derivations=[Derivation(parent_id=one) for one in parents]))
    assert written(engine) == before


@pytest.mark.parametrize("value", [nan, inf, -inf, True, "1.5", None, [1.0], -1e-9])
@pytest.mark.parametrize("metric", ["latency_ms", "throughput"])
def test_metrics_that_are_no_numbers_or_cannot_be_are_refused(
    registry: BlueprintRegistry, engine: Engine, metric: str, value: Any
) -> None:
    before = written(engine)
    for bad in ({"accuracy": 0.5, metric: value}, {metric: value}):
        with pytest.raises(ConfigError, match=metric):
            registry.update_performance("a", bad, device="cpu")
    with pytest.raises(ConfigError, match=metric):
        registry.update_performance("a", {metric: 1.0}, device="cpu", samples={metric: [1.0, value]})
    assert written(engine) == before


def test_a_loss_may_be_negative(registry: BlueprintRegistry) -> None:
    registry.update_performance("a", {"loss": -2.5}, device="cpu")
    assert [one.value for one in registry.measurements("a")] == [-2.5]


@pytest.mark.parametrize("text", ["' OR 1=1 //", "a'}) DETACH DELETE n //", "`", "\\u0060", "$id", "a|b"])
def test_cypher_in_ids_and_names_is_a_name_that_nobody_has(
    registry: BlueprintRegistry, engine: Engine, text: str
) -> None:
    before = written(engine)
    for bad in (
        lambda: registry.link("lone", text),
        lambda: registry.ancestors(text),
        lambda: registry.update_performance("a", {text: 1.0}),
        lambda: registry.update_performance("a", {"latency_ms": 1.0}, device=text),
        lambda: registry.link("lone", "a", kind=text),
    ):
        with pytest.raises((BlueprintNotFoundError, ConfigError, QueryError)):
            bad()
    assert registry.search_by_tags([text]) == ()
    assert written(engine) == before
