"""What the registry knows about a blueprint besides its content."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import PlainValidator

from esper_graph.ir.specs import EMPTY, FrozenDict, Value, freeze


def _by_name(value: object) -> FrozenDict:
    """Freeze mappings whose keys are names of things, such as devices, rather than of attributes."""
    if not isinstance(value, Mapping):
        raise ValueError("what is known is a mapping from names to values")
    named = cast(Mapping[str, object], value)
    return FrozenDict(
        {
            name: _by_name(cast(object, item)) if isinstance(item, Mapping) else freeze(item)
            for name, item in named.items()
        }
    )


if TYPE_CHECKING:
    ByName = Mapping[str, Any]
else:
    ByName = Annotated[FrozenDict, PlainValidator(_by_name)]


class BlueprintMetadata(Value):
    """What the registry knows about a blueprint besides its content; computed when it is asked for.

    Attributes:
        blueprint_id: The blueprint.
        benchmarks: Newest value of each metric, by device: `{"cpu": {"latency_ms": 1.2}}`.
        validation_passed: Whether the last check and the last kernel validation passed.
        validation_errors: What they found.
        safety_score: Share of kernel validation checks passed, 0 to 1; None without any.
        deployment_count: Deployments of its kernels.
        success_rate: Kept among finished deployments, 0 to 1; None without any.
        average_improvement: Mean of after minus before of the main metric; None without reports.
        similar_blueprints: Ids of similar blueprints, most similar first.
        derived_blueprints: Ids of its children.
        training_metrics: What was reported for its kernels and deployments, by source.
        hyperparameters: The same for hyperparameters.
        registered_at: By the store's clock.
    """

    blueprint_id: str
    benchmarks: ByName = EMPTY
    validation_passed: bool = True
    validation_errors: tuple[str, ...] = ()
    safety_score: float | None = None
    deployment_count: int = 0
    success_rate: float | None = None
    average_improvement: float | None = None
    similar_blueprints: tuple[str, ...] = ()
    derived_blueprints: tuple[str, ...] = ()
    training_metrics: ByName = EMPTY
    hyperparameters: ByName = EMPTY
    status: str = "registered"
    generation: int = 0
    registered_at: datetime | None = None
