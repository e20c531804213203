"""What one registry allows and how it speaks of tags, devices and metrics: `manifest.yaml`, read strictly.

The table `OPS` is the truth about ops; a manifest may only narrow it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Literal, TypeVar, cast

from esper_graph.config.manifest_file import Section, read_manifest
from esper_graph.config.shipped import shipped
from esper_graph.errors import ConfigError, close_names, suggestion

Direction = Literal["lower", "higher"]
FORMAT_VERSION = "1.0"
_Entry = TypeVar("_Entry", "Device", "Metric")


@dataclass(frozen=True, slots=True)
class Registry:
    """What the registry is meant to run on.

    Attributes:
        storage_backend: `neo4j` or `embedded`.
        index_type: Always `native`: the database's own indexes.
    """

    storage_backend: str
    index_type: str


@dataclass(frozen=True, slots=True)
class Category:
    """A shelf of blueprints; one of its tags puts a blueprint on it."""

    name: str
    description: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Validation:
    """Limits that every blueprint must keep unless a call raises them.

    Attributes:
        max_nodes: Nodes of one blueprint.
        max_edges: Edges of one blueprint.
        max_depth: Ops on the longest path.
        allowed_op_types: The only op types allowed, or None for all that `OPS` has.
    """

    max_nodes: int
    max_edges: int
    max_depth: int
    allowed_op_types: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of machine that measurements are taken on.

    Attributes:
        gpu: Whether it has a GPU that kernels run on.
        compute_capability: CUDA compute capability of that GPU, or None.
        features: Hardware features that blueprints may require, by the names that they use.
    """

    name: str
    description: str
    gpu: bool = False
    compute_capability: float | None = None
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured.

    Attributes:
        direction: Whether `lower` or `higher` values are better.
        unit: Unit of the values, or None for a bare number.
        least: The smallest value that there can be, or None where there is none: no time is negative.
    """

    name: str
    description: str
    direction: Direction
    unit: str | None
    least: float | None

    def require(self, value: float) -> None:
        """Refuse a value that cannot be.

        Raises:
            ConfigError: It is no finite number, or below `least`.

        Example:
            >>> load_manifest().metric("latency_ms").require(-1.5)
            Traceback (most recent call last):
            ...
            esper_graph.errors.ConfigError: `latency_ms` cannot be -1.5: its least value is 0.0
        """
        number = finite(self.name, value)
        if self.least is not None and number < self.least:
            raise ConfigError(f"`{self.name}` cannot be {value!r}: its least value is {self.least!r}")


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """The devices and metrics that measurements may name."""

    devices: tuple[Device, ...]
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The rules of one registry.

    Attributes:
        reference_binding: Sizes of the named symbols at which stored costs are computed.
    """

    version: str
    name: str
    description: str
    registry: Registry
    categories: tuple[Category, ...]
    validation: Validation
    benchmarks: Benchmarks
    reference_binding: Mapping[str, int]

    def categories_of(self, tags: Iterable[str]) -> tuple[str, ...]:
        """List the categories that these tags lead to, in the order of the manifest.

        Example:
            >>> load_manifest().categories_of(["mobile", "vision"])
            ('efficiency', 'specialized')
        """
        present = set(tags)
        return tuple(category.name for category in self.categories if present.intersection(category.tags))

    def metric(self, name: str) -> Metric:
        """Return the metric of this name.

        Raises:
            ConfigError: The manifest has no such metric.
        """
        return _named(self.benchmarks.metrics, name, "metric")

    def device(self, name: str) -> Device:
        """Return the device of this name.

        Raises:
            ConfigError: The manifest has no such device.
        """
        return _named(self.benchmarks.devices, name, "device")


def finite(name: str, value: object) -> float:
    """Return a number, and refuse everything else.

    Raises:
        ConfigError: It is none, or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ConfigError(f"`{name}` must be a finite number, not {value!r}")
    return float(value)


def load_manifest(path: Path | None = None) -> Manifest:
    """Read a manifest; None reads the shipped one.

    Raises:
        ConfigError: The file cannot be read, or something in it is unknown, missing, doubled or ill-typed.
    """
    return _shipped_manifest() if path is None else _manifest(read_manifest(path))


@cache
def _shipped_manifest() -> Manifest:
    """The shipped one, which is asked for at every check and every cost, read once."""
    return _manifest(read_manifest(shipped("manifest.yaml")))


def _named(entries: Iterable[_Entry], name: str, what: str) -> _Entry:
    known = {entry.name: entry for entry in entries}
    if name in known:
        return known[name]
    raise ConfigError(
        f"the manifest has no {what} `{name}`",
        hint=suggestion(close_names(name, known)) or f"it has {', '.join(known)}",
    )


def _manifest(top: Section) -> Manifest:
    registry, validation, benchmarks = (top.section(key) for key in ("registry", "validation", "benchmarks"))
    manifest = Manifest(
        version=top.choice("version", (FORMAT_VERSION,)),
        name=top.text("name"),
        description=top.text("description"),
        registry=Registry(
            storage_backend=registry.choice("storage_backend", ("neo4j", "embedded")),
            index_type=registry.choice("index_type", ("native",)),
        ),
        categories=top.entries(
            "categories",
            lambda entry: Category(entry.text("name"), entry.text("description"), entry.texts("tags")),
        ),
        validation=Validation(
            max_nodes=validation.count("max_nodes"),
            max_edges=validation.count("max_edges"),
            max_depth=validation.count("max_depth"),
            allowed_op_types=validation.optional_texts("allowed_op_types"),
        ),
        benchmarks=Benchmarks(
            devices=benchmarks.entries(
                "devices",
                lambda entry: Device(
                    entry.text("name"),
                    entry.text("description"),
                    gpu=entry.optional_flag("gpu"),
                    compute_capability=entry.optional_number("compute_capability"),
                    features=entry.texts_if_any("features"),
                ),
            ),
            metrics=benchmarks.entries(
                "metrics",
                lambda entry: Metric(
                    entry.text("name"),
                    entry.text("description"),
                    cast(Direction, entry.choice("direction", ("lower", "higher"))),
                    entry.optional_text("unit"),
                    entry.optional_number("least"),
                ),
            ),
        ),
        reference_binding=top.section("reference_binding").counts(),
    )
    for section in (top, registry, validation, benchmarks):
        section.refuse_the_rest()
    return manifest
