"""Compile registered blueprints: claim, compile, keep the bytes, then record them."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from esper_graph.compile import (
    Check,
    CompileJob,
    CompileResult,
    Kernel,
    KernelFiles,
    ValidationReport,
    compile_blueprint,
    given_weights,
    validate_kernel,
    weights_digest,
)
from esper_graph.compile.job import BACKEND, MODES, PROFILE
from esper_graph.errors import CompileError, ConfigError, close_names, suggestion
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.property_graph.records import CompileAttempt, KernelRecord, Operation
from esper_graph.registry.processes import is_gone, this_process
from esper_graph.store import kernels

if TYPE_CHECKING:
    from pathlib import Path

    from esper_graph.compile.weights import Given
    from esper_graph.store.engines import Engine

MakeOperation = Callable[[str], Operation]
"""Makes the operation of an action."""


def compile_registered(
    engine: "Engine",
    blueprint: BlueprintIR,
    origins: Mapping[str, str],
    files: KernelFiles,
    operation: MakeOperation,
    *,
    mode: str,
    seed: int,
    weights: "str | Path | Given | None",
    validate: bool,
) -> Kernel:
    """Compile a blueprint, or find the kernel that the same request made before and whose bytes are here.

    The attempt is recorded before the work begins, with its outcome afterwards; the bytes are kept before
    the kernel is recorded, so that a record without bytes means that they were lost, never that they are
    still to come.

    Args:
        origins: For each node id, the uid of the node that introduced it; initial weights follow from it.
        weights: What to compile in instead of initial weights.

    Raises:
        CompileError: It cannot be compiled; the attempt is recorded with the reason.
        KernelError: The weights are not those of the blueprint; nothing is recorded.
        ConfigError: There is no such mode.
    """
    if mode not in MODES:
        raise ConfigError(
            f"there is no mode `{mode}`",
            hint=suggestion(close_names(mode, MODES)) or f"the modes are {', '.join(MODES)}",
        )
    with nullcontext() if weights is None else given_weights(weights, blueprint) as file:
        job = CompileJob(blueprint, mode=mode, seed=seed, origins=origins, weights=file)  # pyright: ignore[reportArgumentType]  -- one of MODES
        known = _known(engine, job, files)
        if known is None:
            return _compiled(engine, job, files, operation, validate=validate)
    kernel = Kernel(known.digest, files)
    if validate and not known.validation:
        verify(engine, blueprint, kernel, known, operation)
    return kernel


def _compiled(
    engine: "Engine", job: CompileJob, files: KernelFiles, operation: MakeOperation, *, validate: bool
) -> Kernel:
    blueprint = job.blueprint
    attempt = kernels.begin_attempt(
        engine,
        blueprint.id,
        mode=job.mode,
        backend=BACKEND,
        profile=PROFILE,
        operation=operation("kernel.compile"),
        process=this_process(),
    )
    try:
        result = compile_blueprint(job)
        kernel = Kernel.keep(result, files)
        checks = _validated(blueprint, kernel, job.mode, result.weights) if validate else {}
    except BaseException as error:
        reason = error.message if isinstance(error, CompileError) else f"{type(error).__name__}: {error}"
        failed = operation("kernel.fail")
        kernels.finish_attempt(engine, attempt.id, outcome="failed", operation=failed, reason=reason)
        raise
    kernels.record_kernel(
        engine,
        _record(blueprint, result, checks),
        attempt_id=attempt.id,
        operation=operation("kernel.record"),
    )
    return kernel


def attempts(engine: "Engine", blueprint_id: str) -> tuple[CompileAttempt, ...]:
    """List the attempts to compile a blueprint, newest first; those whose process is gone are interrupted.

    Raises:
        BlueprintNotFoundError: There is no such blueprint.
    """
    found = kernels.attempts(engine, blueprint_id)
    gone = {
        one.id
        for one in found
        if one.outcome == "running" and one.process is not None and is_gone(one.process)
    }
    if not gone:
        return found
    # A process may have written how it ended, and then ended, after the first look.
    return tuple(
        replace(one, outcome="interrupted") if one.outcome == "running" and one.id in gone else one
        for one in kernels.attempts(engine, blueprint_id)
    )


def verify(
    engine: "Engine", blueprint: BlueprintIR, kernel: Kernel, record: KernelRecord, operation: MakeOperation
) -> KernelRecord:
    """Load a recorded kernel, which compares its bytes, and compare its results with the interpreter's.

    Raises:
        KernelBytesMissingError: Its bytes are not here.
        UntrustedKernelError: They are not the recorded ones.
    """
    found = _validated(blueprint, kernel, record.mode, record.weights)
    return kernels.record_validation(engine, record.digest, found, operation=operation("kernel.verify"))


def _known(engine: "Engine", job: CompileJob, files: KernelFiles) -> KernelRecord | None:
    """The kernel of an equal request, if this torch would make the same again and its bytes are here."""
    from importlib.metadata import version

    torch_version = version("torch").partition("+")[0]
    wanted = (job.mode, job.seed, BACKEND, PROFILE, None if job.weights is None else job.weights.digest)
    for record in kernels.kernels(engine, job.blueprint.id):
        same = (record.mode, record.seed, record.backend, record.profile, record.weights) == wanted
        if same and record.torch_version.partition("+")[0] == torch_version and record.digest in files:
            return record
    return None


def _validated(blueprint: BlueprintIR, kernel: Kernel, mode: str, weights: str | None) -> dict[str, Any]:
    """Compare a kernel with the interpreter, which computes with the weights that were given, if any."""
    module = kernel.load()
    if weights is None:
        return validate_kernel(module, blueprint, mode=mode).to_dict()  # pyright: ignore[reportArgumentType]
    held = kernel.weights(module)
    same = weights_digest(held) == weights
    report = validate_kernel(module, blueprint, mode=mode, tensors=held.tensors)  # pyright: ignore[reportArgumentType]
    check = Check("weights as recorded", same, 0.0 if same else float("inf"), 0.0)
    return ValidationReport((check, *report.checks)).to_dict()


def _record(blueprint: BlueprintIR, result: CompileResult, checks: dict[str, Any]) -> KernelRecord:
    return KernelRecord(
        digest=result.digest,
        blueprint=blueprint.id,
        fingerprint=result.fingerprint,
        mode=result.mode,
        backend=result.backend,
        profile=result.profile,
        precision=result.precision,
        passes=result.passes,
        torch_version=result.torch_version,
        seed=result.seed,
        size_bytes=result.size_bytes,
        compiled_at=datetime.now(UTC),
        validation=checks,
        weights=result.weights,
        hints=tuple(asdict(hint) for hint in result.hints),
    )
