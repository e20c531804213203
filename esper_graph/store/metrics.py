"""Record and rank what was measured: a metric holds its newest value, measurements are its history."""

from collections.abc import Mapping, Sequence
from statistics import stdev
from typing import Any

from esper_graph.config.manifest import Direction, finite
from esper_graph.errors import BlueprintNotFoundError, ConfigError
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.places import places
from esper_graph.property_graph.records import MeasurementRecord, MetricRecord, Operation
from esper_graph.store.engines import Engine, Transaction
from esper_graph.store.journal import note_event

_NO_SAMPLES: Mapping[str, Sequence[float]] = {}


def record(
    engine: Engine,
    blueprint_id: str,
    metrics: Mapping[str, float],
    device: str,
    operation: Operation,
    *,
    samples: Mapping[str, Sequence[float]] = _NO_SAMPLES,
    tool: str | None = None,
    kernel: str | None = None,
) -> None:
    """Record measurements of a blueprint in one transaction; repeating the operation changes nothing.

    Args:
        metrics: Values by name of metric.
        samples: The single values behind them, by name of metric.
        tool: What measured.
        kernel: Digest of the kernel that was measured.

    Raises:
        ConfigError: A value is no finite number, samples belong to no value, or there is no value.
        BlueprintNotFoundError: There is no such blueprint.
    """
    if not metrics:
        raise ConfigError("there is no value to record", hint='name one, such as {"latency_ms": 1.2}')
    for name in samples:
        if name not in metrics:
            raise ConfigError(f"there are samples of `{name}`, but no value of it")
    values = [
        _row(blueprint_id, name, metrics[name], samples.get(name, ()), device, operation, tool, kernel)
        for name in sorted(metrics)
    ]
    asked = {"id": blueprint_id, "device": device, "at": operation.at.isoformat(), "values": values}

    def work(transaction: Transaction) -> None:
        (row,) = transaction.run(get("metric/record"), asked)
        if not row["recorded"]:
            raise BlueprintNotFoundError(blueprint_id)
        note_event(transaction, operation, [blueprint_id])

    engine.write(work, name=operation.action, retry_conflicts=True)


def newest(engine: Engine, blueprint_id: str) -> Answer[MetricRecord]:
    """List the newest value of each metric of a blueprint on each device, sorted by metric and device."""
    rows = engine.read(get("metric/newest"), {"id": blueprint_id})
    return Answer(MetricRecord(blueprint=blueprint_id, **row) for row in rows)


def measurements(engine: Engine, blueprint_id: str) -> Answer[MeasurementRecord]:
    """List everything that was measured of a blueprint, oldest first."""
    rows = engine.read(get("metric/measurements"), {"id": blueprint_id})
    rows.sort(key=lambda row: (row["properties"]["measured_at"], row["name"], row["device"]))
    return Answer(_measurement(blueprint_id, row) for row in rows)


def ranking(
    engine: Engine,
    metric: str,
    direction: Direction,
    *,
    min_value: float | None = None,
    max_value: float | None = None,
    device: str | None = None,
) -> Answer[MetricRecord]:
    """Rank blueprints by the newest value of a metric, best first; archived ones are left out.

    Args:
        direction: Whether `lower` or `higher` values are better.
        device: None looks at all devices: the best newest value of each blueprint counts, and must lie
            between the bounds.
    """
    bounds = {"least": _bound("min_value", min_value), "most": _bound("max_value", max_value)}
    sign = 1.0 if direction == "lower" else -1.0
    # A bound on the good side is about the best value, which is not known before all are here.
    good_side = "least" if direction == "lower" else "most"
    asked = {**bounds, good_side: bounds[good_side] if device is not None else None}
    best: dict[str, MetricRecord] = {}
    for row in engine.read(get("metric/values"), {"name": metric, "device": device, **asked}):
        found = MetricRecord(name=metric, **row)
        held = best.get(found.blueprint)
        if held is None or sign * found.value < sign * held.value:
            best[found.blueprint] = found
    least, most = bounds["least"], bounds["most"]
    return Answer(
        sorted(
            (
                one
                for one in best.values()
                if (least is None or one.value >= least) and (most is None or one.value <= most)
            ),
            key=lambda one: (sign * one.value, one.blueprint),
        )
    )


def devices(engine: Engine, metric: str | None = None) -> tuple[str, ...]:
    """List the devices that a metric was measured on, or anything; sorted."""
    return tuple(row["name"] for row in engine.read(get("metric/devices"), {"metric": metric}))


def _row(
    blueprint_id: str,
    name: str,
    value: float,
    samples: Sequence[float],
    device: str,
    operation: Operation,
    tool: str | None,
    kernel: str | None,
) -> dict[str, Any]:
    number = finite(name, value)
    single = [finite(name, sample) for sample in samples]
    properties = {
        "value": number,
        "samples": single or None,
        "spread": stdev(single) if len(single) > 1 else None,
        "tool": tool,
        "kernel": kernel,
        "actor": operation.actor,
        "operation_id": operation.id,
    }
    return {
        "key": f"{blueprint_id}|{name}|{device}",
        "name": name,
        "value": number,
        **places(name, device, number, blueprint_id),
        "measurement": f"{operation.id}|{blueprint_id}|{name}|{device}",
        "properties": {key: item for key, item in properties.items() if item is not None},
    }


def _bound(name: str, value: float | None) -> float | None:
    return None if value is None else finite(name, value)


def _measurement(blueprint_id: str, row: Mapping[str, Any]) -> MeasurementRecord:
    properties: Mapping[str, Any] = row["properties"]
    return MeasurementRecord(
        blueprint=blueprint_id,
        name=row["name"],
        device=row["device"],
        value=properties["value"],
        measured_at=properties["measured_at"],
        actor=properties["actor"],
        samples=tuple(properties.get("samples", ())),
        spread=properties.get("spread"),
        tool=properties.get("tool"),
        kernel=properties.get("kernel"),
    )
