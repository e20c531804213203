"""What is known about blueprints besides their content, computed when it is asked for."""

import json
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from esper_graph.errors import BlueprintNotFoundError
from esper_graph.ir.metadata import BlueprintMetadata
from esper_graph.property_graph.catalogue import get
from esper_graph.store.engines import Engine, Row

MANIFEST_VERSION = "1.0"


def metadata(engine: Engine, blueprint_id: str) -> BlueprintMetadata:
    """Compute what is known about a blueprint besides its content.

    Raises:
        BlueprintNotFoundError: There is none.
    """
    rows = engine.read(get("blueprint/facts"), {"id": blueprint_id})
    if not rows:
        raise BlueprintNotFoundError(blueprint_id)
    row = rows[0]
    validations: list[Row] = [json.loads(text) for text in row["validations"] if text]
    checks: list[Row] = [check for one in validations for check in one.get("checks", [])]
    failed = sorted({str(check["name"]) for check in checks if not check["passed"]})
    deployments: list[Row] = row["deployments"]
    outcomes = [one["outcome"] for one in deployments if one.get("outcome") is not None]
    gains = [one["after"] - one["before"] for one in row["reports"] if {"after", "before"} <= one.keys()]
    return BlueprintMetadata(
        blueprint_id=row["id"],
        benchmarks=_by_device(row["metrics"]),
        validation_passed=not failed,
        validation_errors=tuple(failed),
        safety_score=sum(bool(check["passed"]) for check in checks) / len(checks) if checks else None,
        deployment_count=len(deployments),
        success_rate=sum(outcome == "kept" for outcome in outcomes) / len(outcomes) if outcomes else None,
        average_improvement=fmean(gains) if gains else None,
        derived_blueprints=tuple(sorted(set(row["children"]))),
        status=row["status"],
        generation=row["generation"],
        registered_at=row["registered_at"],
    )


def manifest(engine: Engine) -> dict[str, Any]:
    """Describe all blueprints that are not archived, with the mean newest value of each metric and device."""
    blueprints: list[dict[str, Any]] = []
    values: dict[tuple[str, str], list[float]] = {}
    tags: set[str] = set()
    for row in engine.read(get("blueprint/export")):
        tags.update(row["tags"])
        for metric in row["metrics"]:
            values.setdefault((metric["device"], metric["name"]), []).append(metric["value"])
        blueprints.append(
            {
                "id": row["id"],
                "name": row["name"],
                "tags": sorted(row["tags"]),
                "performance": _by_device(row["metrics"]),
            }
        )
    average: dict[str, dict[str, Any]] = {}
    for (device, name), found in sorted(values.items()):
        average.setdefault(device, {})[name] = {"mean": fmean(found), "count": len(found)}
    return {
        "version": MANIFEST_VERSION,
        "blueprints": blueprints,
        "statistics": {
            "total_blueprints": len(blueprints),
            "total_tags": len(tags),
            "average_performance": average,
        },
    }


def _by_device(metrics: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    devices: dict[str, dict[str, float]] = {}
    for metric in sorted(metrics, key=lambda one: (one["device"], one["name"])):
        devices.setdefault(metric["device"], {})[metric["name"]] = metric["value"]
    return devices
