"""Attempts to compile, and the kernels that came of them.

The bytes are kept elsewhere: first the file, then the record.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from esper_graph.errors import BlueprintNotFoundError, KernelError, KernelNotFoundError
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import CompileAttempt, KernelRecord, Operation, Process, all_passed
from esper_graph.store.engines import Engine, Row, Transaction
from esper_graph.store.journal import note_event

_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_SHOWN = 5


def begin_attempt(
    engine: Engine,
    blueprint_id: str,
    *,
    mode: str,
    backend: str,
    profile: str,
    operation: Operation,
    process: Process | None = None,
) -> CompileAttempt:
    """Record that a blueprint is being compiled. The attempt has the id of the operation.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    properties: dict[str, object] = {"mode": mode, "backend": backend, "profile": profile}
    if process is not None:
        facts = {"host": process.host, "pid": process.pid, "process_birth": process.birth}
        properties |= {name: value for name, value in facts.items() if value is not None}

    def work(transaction: Transaction) -> CompileAttempt:
        asked = {
            "blueprint": blueprint_id,
            "id": operation.id,
            "properties": properties,
            "started_at": operation.at.isoformat(),
        }
        if not transaction.run(get("kernel/begin_attempt"), asked):
            raise BlueprintNotFoundError(blueprint_id)
        note_event(transaction, operation, [blueprint_id])
        return _only_attempt(transaction, operation.id)

    return engine.write(work, name="kernel/begin_attempt", retry_conflicts=True)


def finish_attempt(
    engine: Engine, attempt_id: str, *, outcome: str, operation: Operation, reason: str | None = None
) -> CompileAttempt:
    """Record how an attempt ended: `failed` with a reason, or `done`. `record_kernel` ends it by itself.

    Raises:
        KernelError: There is no such attempt, or it ended otherwise before.
    """

    def work(transaction: Transaction) -> CompileAttempt:
        attempt = _finish(transaction, attempt_id, outcome, reason, operation.at)
        note_event(transaction, operation, [attempt.blueprint])
        return attempt

    return engine.write(work, name="kernel/finish_attempt", retry_conflicts=True)


def attempts(engine: Engine, blueprint_id: str) -> tuple[CompileAttempt, ...]:
    """List the attempts to compile a blueprint, newest first.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    rows = engine.read(get("kernel/attempts"), {"id": blueprint_id})
    if not rows:
        raise BlueprintNotFoundError(blueprint_id)
    return tuple(_attempt(row) for row in rows if row["attempt"] is not None)


def record_kernel(
    engine: Engine,
    kernel: KernelRecord,
    *,
    attempt_id: str,
    operation: Operation,
) -> KernelRecord:
    """Record a kernel whose bytes are kept already, and that its attempt is done.

    Bytes that are known are the same kernel, which a further attempt has built; its record stays as it is.

    Returns:
        The kernel as it is recorded.

    Raises:
        KernelError: There is no such attempt, it was for another blueprint, it failed before, or the same
            bytes are recorded as compiled from another blueprint.
    """
    properties: dict[str, object] = {
        "fingerprint": kernel.fingerprint,
        "mode": kernel.mode,
        "backend": kernel.backend,
        "profile": kernel.profile,
        "precision": kernel.precision,
        "torch_version": kernel.torch_version,
        "seed": kernel.seed,
        "size_bytes": kernel.size_bytes,
        "validation": json.dumps(dict(kernel.validation), sort_keys=True),
        "validated": all_passed(kernel.validation),
        "hints": json.dumps([dict(hint) for hint in kernel.hints], sort_keys=True),
    }
    if kernel.passes:  # an empty list has no type that both engines agree on
        properties["passes"] = list(kernel.passes)

    def work(transaction: Transaction) -> KernelRecord:
        attempt = _finish(transaction, attempt_id, "done", None, operation.at)
        if attempt.blueprint != kernel.blueprint:
            raise KernelError(
                f"attempt `{attempt_id}` compiles `{attempt.blueprint}`, "
                f"but the kernel is of `{kernel.blueprint}`",
                where=[f"kernel  {kernel.digest}"],
            )
        transaction.run(
            get("kernel/record"),
            {
                "attempt": attempt_id,
                "digest": kernel.digest,
                "properties": properties,
                "compiled_at": kernel.compiled_at.isoformat(),
            },
        )
        if kernel.weights is not None:
            held = {"digest": kernel.digest, "weights": kernel.weights}
            transaction.run(get("kernel/hold_weights"), held)
        note_event(transaction, operation, [kernel.blueprint])
        rows = transaction.run(get("kernel/find"), {"prefix": kernel.digest, "limit": _SHOWN})
        origins = sorted({row["blueprint"] for row in rows})
        if len(origins) > 1:
            raise KernelError(
                f"kernel `{kernel.digest}` is recorded as compiled from another blueprint",
                where=[f"blueprints  {', '.join(origins)}"],
            )
        return _kernel(rows[0])

    return engine.write(work, name="kernel/record", retry_conflicts=True)


def record_validation(
    engine: Engine, digest: str, validation: Mapping[str, Any], *, operation: Operation
) -> KernelRecord:
    """Record the result of comparing a kernel with the interpreter; the newest counts.

    Raises:
        KernelNotFoundError: There is no such kernel.
    """
    asked = {
        "digest": digest,
        "validation": json.dumps(dict(validation), sort_keys=True),
        "validated": all_passed(validation),
    }

    def work(transaction: Transaction) -> KernelRecord:
        rows = transaction.run(get("kernel/record_validation"), asked)
        if not rows:
            raise KernelNotFoundError(digest)
        note_event(transaction, operation, [row["blueprint"] for row in rows])
        return _kernel(transaction.run(get("kernel/find"), {"prefix": digest, "limit": 1})[0])

    return engine.write(work, name="kernel/record_validation", retry_conflicts=True)


def kernels(engine: Engine, blueprint_id: str) -> tuple[KernelRecord, ...]:
    """List the kernels of a blueprint, newest first.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    rows = engine.read(get("kernel/of_blueprint"), {"id": blueprint_id})
    if not rows:
        raise BlueprintNotFoundError(blueprint_id)
    return _distinct(row for row in rows if row["kernel"] is not None)


def kernel(engine: Engine, digest: str) -> KernelRecord | None:
    """Find a kernel by its digest, or by the first digits of it (four at least).

    Returns:
        The kernel, or None where there is none.

    Raises:
        KernelNotFoundError: This is no beginning of a digest, or several kernels begin like this.
    """
    row = _find(engine, digest)
    return None if row is None else _kernel(row)


def digests(engine: Engine) -> tuple[str, ...]:
    """List the digests of all recorded kernels, sorted."""
    return tuple(row["digest"] for row in engine.read(get("kernel/digests")))


# ---------------------------------------------------------------- rows


def _find(engine: Engine, prefix: str) -> Row | None:
    if not _PREFIX.fullmatch(prefix):
        raise KernelNotFoundError(prefix)
    rows = engine.read(get("kernel/find"), {"prefix": prefix, "limit": _SHOWN})
    found = sorted({row["kernel"]["digest"] for row in rows})
    if len(found) > 1:
        more = ["and more"] if len(rows) == _SHOWN else []
        raise KernelNotFoundError(prefix, several=[*found[: _SHOWN - 1], *more])
    return rows[0] if rows else None


def _finish(
    transaction: Transaction, attempt_id: str, outcome: str, reason: str | None, at: datetime
) -> CompileAttempt:
    ended = {"id": attempt_id, "outcome": outcome, "reason": reason, "finished_at": at.isoformat()}
    rows = transaction.run(get("kernel/finish_attempt"), ended)
    if not rows:
        raise KernelError(f"no attempt to compile has the id `{attempt_id}`")
    if rows[0]["outcome"] != outcome:
        raise KernelError(
            f"attempt `{attempt_id}` cannot end as `{outcome}`: it ended as `{rows[0]['outcome']}`",
            where=[f"reason  {rows[0]['reason']}"] if rows[0]["reason"] else (),
        )
    return _only_attempt(transaction, attempt_id)


def _only_attempt(transaction: Transaction, attempt_id: str) -> CompileAttempt:
    return _attempt(transaction.run(get("kernel/attempt"), {"id": attempt_id})[0])


def _attempt(row: Row) -> CompileAttempt:
    properties = row["attempt"]
    return CompileAttempt(
        id=properties["id"],
        blueprint=row["blueprint"],
        mode=properties["mode"],
        backend=properties["backend"],
        profile=properties["profile"],
        outcome=properties["outcome"],
        reason=properties.get("reason"),
        started_at=properties["started_at"],
        finished_at=properties.get("finished_at"),
        process=Process(properties["host"], properties["pid"], properties.get("process_birth"))
        if "host" in properties
        else None,
    )


def _distinct(rows: Iterable[Row]) -> tuple[KernelRecord, ...]:
    """Keep one row for each kernel."""
    return tuple({row["kernel"]["digest"]: _kernel(row) for row in rows}.values())


def _kernel(row: Row) -> KernelRecord:
    properties = row["kernel"]
    return KernelRecord(
        digest=properties["digest"],
        blueprint=row["blueprint"] or "",
        fingerprint=properties["fingerprint"],
        mode=properties["mode"],
        backend=properties["backend"],
        profile=properties["profile"],
        precision=properties["precision"],
        passes=tuple(properties.get("passes", ())),
        torch_version=properties["torch_version"],
        seed=properties["seed"],
        size_bytes=properties["size_bytes"],
        compiled_at=properties["compiled_at"],
        validation=json.loads(properties.get("validation") or "{}"),
        weights=row["weights"],
        hints=tuple(json.loads(properties.get("hints") or "[]")),
    )
