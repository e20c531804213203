"""What the store hands out besides blueprints: immutable records, one a kind of node or relationship."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Operation:
    """One change, as it is written on its event.

    Attributes:
        id: Made by whoever asks for the change; repeating an operation is no second one.
        actor: Who.
        at: When, by the clock of whoever asked.
        action: What, such as `blueprint.register`.
        reason: Why, or None.
        detail: Further facts, as plain data.
    """

    id: str
    actor: str
    at: datetime
    action: str
    reason: str | None = None
    detail: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of one blueprint that was registered.

    Attributes:
        id: The id under which the structure is stored.
        fingerprint: The structure.
        created: Whether it is new; otherwise it was known, and `id` is that of the first registration.
        alias: The id that was asked for and now leads to `id`; None where it is `id` itself.
        warnings: What was accepted although it is odd, such as estimates that differ from the computed ones.
    """

    id: str
    fingerprint: str
    created: bool
    alias: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LineageImport:
    """What became of lineage records that were imported.

    Attributes:
        imported: Ids of those that are new, parents before their children.
        known: Ids of those that were there already, exactly so.
        derivations: How many derivations are new.
        external_parents: Names that new ones derive from and that this store does not hold, sorted.
    """

    imported: tuple[str, ...]
    known: tuple[str, ...]
    derivations: int
    external_parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """One blueprint in a list.

    Attributes:
        generation: 0 for roots, else 1 + the largest of its parents.
        status: `registered`, `archived`, or what `set_status` gave it.
        flops: At the reference binding, like `parameters`, `macs` and `memory_mb`. These four, `op_count` and
            `fingerprint` are None where only the lineage of it is known.
    """

    id: str
    name: str
    version: int
    status: str
    generation: int
    op_count: int | None
    parameters: int | None
    flops: int | None
    macs: int | None
    memory_mb: float | None
    fingerprint: str | None
    author: str
    created_at: datetime
    registered_at: datetime
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relative:
    """One member of a family, as seen from the blueprint that was asked about.

    Attributes:
        generation: Fewest derivations between the two.
        parents: Its parents inside the answer (or the start), sorted: what draws the sub-DAG.
    """

    id: str
    name: str
    generation: int
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DerivationRecord:
    """One DERIVED_FROM or REDISCOVERED_FROM relationship."""

    child: str
    parent: str
    kind: str
    mutation_type: str | None
    edits: tuple[Mapping[str, Any], ...]
    actor: str
    reason: str | None
    registered_at: datetime
    rediscovery: bool = False


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One entry of the history."""

    id: str
    operation_id: str
    at: datetime
    actor: str
    action: str
    reason: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """The newest value of one metric of one blueprint on one device."""

    blueprint: str
    name: str
    device: str
    value: float
    measured_at: datetime
    measurements: int = 1


@dataclass(frozen=True, slots=True)
class MeasurementRecord:
    """One value of a metric, as it was reported.

    Attributes:
        samples: The single values behind it, where they were given.
        spread: Their spread, in the unit of the metric.
        tool: What measured it.
        kernel: Digest of the kernel that was measured.
    """

    blueprint: str
    name: str
    device: str
    value: float
    measured_at: datetime
    actor: str
    samples: tuple[float, ...] = ()
    spread: float | None = None
    tool: str | None = None
    kernel: str | None = None


def all_passed(validation: Mapping[str, Any]) -> bool:
    """Tell whether a kernel was compared with the interpreter and passed every check.

    Example:
        >>> all_passed({"checks": [{"name": "outputs", "passed": True}]}), all_passed({})
        (True, False)
    """
    checks = validation.get("checks", ())
    return bool(checks) and all(check["passed"] for check in checks)


@dataclass(frozen=True, slots=True)
class KernelRecord:
    """One compiled kernel.

    Attributes:
        digest: SHA-256 of its bytes.
        mode: `train` or `infer`.
        passes: The passes that the blueprint went through, with their versions.
        seed: What the initial weights were drawn with.
        size_bytes: Length of the file.
        validation: Result of comparing it with the interpreter, or an empty mapping.
        weights: SHA-256 of the weights that were compiled in; None where it has initial ones.
        hints: What became of the blueprint's hints, and of what could make the kernel faster: each with the
            keys node, name, value, outcome and reason.
    """

    digest: str
    blueprint: str
    fingerprint: str
    mode: str
    backend: str
    profile: str
    precision: str
    passes: tuple[str, ...]
    torch_version: str
    seed: int
    size_bytes: int
    compiled_at: datetime
    validation: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    weights: str | None = None
    hints: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """A process that does something for the store.

    Attributes:
        host: Name of its machine.
        birth: What tells it from all other processes that have the same id at another time or place; None
            where the system does not say.
    """

    host: str
    pid: int
    birth: str | None = None


@dataclass(frozen=True, slots=True)
class CompileAttempt:
    """One attempt to compile, whatever came of it.

    Attributes:
        outcome: `running`, `done` or `failed`; and `interrupted` where its process is seen to have ended
            without saying how.
        reason: Why it failed, or None.
        process: What compiles; None where that was not recorded.
    """

    id: str
    blueprint: str
    mode: str
    backend: str
    profile: str
    outcome: str
    reason: str | None
    started_at: datetime
    finished_at: datetime | None = None
    process: Process | None = None


@dataclass(frozen=True, slots=True)
class MotifMatch:
    """One place of a motif.

    Attributes:
        nodes: Ids of the nodes of the chain, in order.
        source: The node that leads around the chain, where a residual was asked for.
        target: The node in which both ways meet.
    """

    blueprint: str
    nodes: tuple[str, ...]
    source: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing in the store that is not as it was written.

    Attributes:
        check: The audit that found it.
        subject: Id of the blueprint, kernel or other record concerned.
        message: One sentence that says what is wrong.
    """

    check: str
    subject: str
    message: str
