"""Measurements: the newest value is searched, the history is kept."""

import threading
from datetime import timedelta
from math import inf, nan

import pytest

from esper_graph.errors import BlueprintNotFoundError, ConfigError
from esper_graph.property_graph.records import MetricRecord
from esper_graph.store import blueprints, changes, events, metrics, schema
from esper_graph.store.engines import Engine
from tests.integration.stored import COUNT, operation, perceptron, save


@pytest.fixture
def store(engine: Engine) -> Engine:
    schema.ensure(engine)
    save(engine, perceptron(3), perceptron(4), perceptron(5))
    return engine


def record(engine: Engine, blueprint_id: str, value: float, device: str = "cpu", minutes: int = 0) -> None:
    done = operation("metric.record", minutes)
    metrics.record(engine, blueprint_id, {"latency_ms": value}, device, done)


def test_the_newest_value_counts_and_all_values_stay(store: Engine) -> None:
    first, second = operation("metric.record"), operation("metric.record", 5, reason="warm")
    metrics.record(store, "mlp_3", {"latency_ms": 3, "throughput": 10.5}, "cpu", first)
    metrics.record(
        store,
        "mlp_3",
        {"latency_ms": 1.5},
        "cpu",
        second,
        samples={"latency_ms": [1.0, 1.5, 2.0]},
        tool="bench",
        kernel="abc",
    )
    assert list(metrics.newest(store, "mlp_3")) == [
        MetricRecord("mlp_3", "latency_ms", "cpu", 1.5, second.at, 2),
        MetricRecord("mlp_3", "throughput", "cpu", 10.5, first.at, 1),
    ]
    history = [one for one in metrics.measurements(store, "mlp_3") if one.name == "latency_ms"]
    assert [one.value for one in history] == [3.0, 1.5]
    assert (history[1].samples, history[1].spread) == ((1.0, 1.5, 2.0), 0.5)
    assert (history[1].tool, history[1].kernel, history[1].actor) == ("bench", "abc", "tester")
    assert history[1].measured_at == second.at
    assert [one.reason for one in events.history(store, "mlp_3")][1:] == [None, "warm"]


def test_a_value_that_arrives_late_is_kept_but_is_not_the_newest(store: Engine) -> None:
    record(store, "mlp_3", 1.0, minutes=10)
    record(store, "mlp_3", 9.0, minutes=5)
    (newest,) = metrics.newest(store, "mlp_3")
    assert (newest.value, newest.measurements) == (1.0, 2)


def test_of_many_who_measure_at_once_the_newest_value_counts(store: Engine) -> None:
    """Also when a metric has so many measurements that adding one no longer locks it by itself."""
    errors: list[BaseException] = []

    def measure(writer: int) -> None:
        try:
            for number in range(20):
                minutes = 1 + number * 8 + writer
                record(store, "mlp_3", float(minutes), minutes=minutes)
        except BaseException as error:  # noqa: BLE001, what a thread raises would be lost
            errors.append(error)

    threads = [threading.Thread(target=measure, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    known = metrics.measurements(store, "mlp_3")
    (newest,) = metrics.newest(store, "mlp_3")
    assert len(known) == newest.measurements == 160
    assert newest.measured_at == max(one.measured_at for one in known)
    assert newest.value == max(one.value for one in known)


def test_a_device_is_known_once_something_was_measured_there(store: Engine) -> None:
    assert metrics.devices(store) == ()
    record(store, "mlp_4", 1.0, "laptop")
    record(store, "mlp_3", 1.0, "cpu")
    metrics.record(store, "mlp_3", {"loss": 1.0}, "gpu", operation("metric.record"))
    assert metrics.devices(store) == ("cpu", "gpu", "laptop")
    assert metrics.devices(store, "latency_ms") == ("cpu", "laptop")
    assert metrics.devices(store, "throughput") == ()


def test_repeating_an_operation_is_no_second_measurement(store: Engine) -> None:
    done = operation("metric.record")
    for _ in range(3):
        metrics.record(store, "mlp_3", {"latency_ms": 2.0}, "cpu", done)
    assert len(metrics.measurements(store, "mlp_3")) == 1
    assert len(events.history(store, "mlp_3")) == 2


@pytest.mark.parametrize("value", [nan, inf, -inf, True, "1", None])
def test_what_is_no_finite_number_is_refused_and_nothing_is_written(store: Engine, value: object) -> None:
    before = store.read(COUNT)
    with pytest.raises(ConfigError, match="latency_ms"):
        metrics.record(store, "mlp_3", {"throughput": 1.0, "latency_ms": value}, "cpu", operation())  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match="latency_ms"):
        metrics.record(
            store,
            "mlp_3",
            {"latency_ms": 1.0},
            "cpu",
            operation(),
            samples={"latency_ms": [1.0, value]},  # pyright: ignore[reportArgumentType]
        )
    assert store.read(COUNT) == before


def test_values_of_nothing_are_refused(store: Engine) -> None:
    with pytest.raises(BlueprintNotFoundError):
        record(store, "nothing", 1.0)
    with pytest.raises(ConfigError):
        metrics.record(store, "mlp_3", {}, "cpu", operation())
    with pytest.raises(ConfigError, match="loss"):
        metrics.record(store, "mlp_3", {"latency_ms": 1.0}, "cpu", operation(), samples={"loss": [1.0]})


def test_the_best_device_of_each_blueprint_counts(store: Engine) -> None:
    for blueprint, device, value in (
        ("mlp_3", "cpu", 9.0),
        ("mlp_3", "gpu", 2.0),
        ("mlp_4", "cpu", 5.0),
        ("mlp_5", "gpu", 3.0),
    ):
        record(store, blueprint, value, device)

    def ranked(direction: str, **bounds: float | str) -> list[tuple[str, str, float]]:
        found = metrics.ranking(store, "latency_ms", direction, **bounds)  # pyright: ignore[reportArgumentType]
        return [(one.blueprint, one.device, one.value) for one in found]

    assert ranked("lower") == [("mlp_3", "gpu", 2.0), ("mlp_5", "gpu", 3.0), ("mlp_4", "cpu", 5.0)]
    assert ranked("higher") == [("mlp_3", "cpu", 9.0), ("mlp_4", "cpu", 5.0), ("mlp_5", "gpu", 3.0)]
    assert ranked("lower", min_value=2.5) == [("mlp_5", "gpu", 3.0), ("mlp_4", "cpu", 5.0)]
    assert ranked("lower", max_value=2.0) == [("mlp_3", "gpu", 2.0)]
    assert ranked("higher", max_value=6.0) == [("mlp_4", "cpu", 5.0), ("mlp_5", "gpu", 3.0)]
    assert ranked("higher", min_value=4.0) == [("mlp_3", "cpu", 9.0), ("mlp_4", "cpu", 5.0)]
    assert ranked("lower", device="cpu", min_value=5.5) == [("mlp_3", "cpu", 9.0)]
    assert ranked("lower", device="tpu") == []
    changes.archive(store, "mlp_3", operation("blueprint.archive"))
    assert [name for name, _, _ in ranked("lower")] == ["mlp_5", "mlp_4"]


def test_ties_are_ranked_by_id(store: Engine) -> None:
    for blueprint in ("mlp_5", "mlp_3", "mlp_4"):
        record(store, blueprint, 1.0)
    assert [one.blueprint for one in metrics.ranking(store, "latency_ms", "lower")] == [
        "mlp_3",
        "mlp_4",
        "mlp_5",
    ]


def test_metadata_and_manifest_show_the_newest_values(store: Engine) -> None:
    record(store, "mlp_3", 2.0)
    record(store, "mlp_3", 4.0, minutes=1)
    record(store, "mlp_4", 8.0)
    save(store, perceptron(6, parents=("mlp_3",)))
    facts = blueprints.metadata(store, "mlp_3")
    assert facts.benchmarks == {"cpu": {"latency_ms": 4.0}}
    assert facts.derived_blueprints == ("mlp_6",)
    assert (facts.safety_score, facts.success_rate, facts.deployment_count) == (None, None, 0)
    assert facts.registered_at is not None
    assert abs(facts.registered_at - blueprints.summaries(store)[0].registered_at) < timedelta(minutes=5)
    manifest = blueprints.manifest(store)
    assert [one["id"] for one in manifest["blueprints"]] == ["mlp_3", "mlp_4", "mlp_5", "mlp_6"]
    assert manifest["blueprints"][0]["performance"] == {"cpu": {"latency_ms": 4.0}}
    statistics = manifest["statistics"]
    assert statistics["total_blueprints"] == 4
    assert statistics["average_performance"] == {"cpu": {"latency_ms": {"mean": 6.0, "count": 2}}}


def test_a_new_device_may_have_any_name(store: Engine) -> None:
    record(store, "mlp_3", 2.0, "RTX 4090 | left")
    assert metrics.newest(store, "mlp_3")[0].device == "RTX 4090 | left"
