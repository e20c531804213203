"""Make a kernel: emit, fill with weights, compile with torch, and write reproducible bytes."""

import io
import re
import threading
import warnings as python_warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from esper_graph.compile.archive import (
    MODULE,
    digest_of,
    facts_text,
    fresh_class_name,
    rewrite,
)
from esper_graph.compile.emit import PASSES, Program, emit
from esper_graph.compile.hints import hints_of
from esper_graph.compile.initial_values import initial_values
from esper_graph.compile.job import BACKEND, MODES, PROFILE, CompileJob, CompileResult
from esper_graph.compile.marks import marks_of
from esper_graph.errors import LoweringError

if TYPE_CHECKING:
    import torch

    from esper_graph.compile.folding import Folded
    from esper_graph.compile.weights import Tensors, Weights

_ONE_AT_A_TIME = threading.Lock()
"""torch's script compiler now and then fails when two threads use it."""


def compile_blueprint(job: CompileJob) -> CompileResult:
    """Compile a blueprint.

    Equal jobs give equal bytes, in every process, with the same versions of torch and esper_graph. Given
    weights are equal when their digests are, wherever the file is. For inference, norms are folded into them.

    Raises:
        BlueprintError: The blueprint is not valid.
        LoweringError: An op, attribute, precision or size cannot be expressed.
        KernelError: The weights are not those of the blueprint, or cannot be read.
    """
    from esper_graph.compile.folding import folded

    blueprint = job.blueprint
    blueprint.validate()
    named, job = job, _written_out(job)
    _check(job)
    given = _given(named)
    final = folded(job, None if given is None else given.tensors)
    program = emit(final.job)
    passes = (*final.passes, *PASSES[job.mode])
    facts = _facts(named, program, passes, given)
    name = fresh_class_name()
    with _ONE_AT_A_TIME:
        archive = _archived(_scripted(final, program, name), job)
    data = rewrite(archive, name, facts_text(facts), _kept(given, final))
    gone = {node.id for node in job.blueprint.nodes} - {node.id for node in final.job.blueprint.nodes}
    parameters = sum(slot.parameter.size for slot in program.slots if slot.parameter.trainable)
    return CompileResult(
        data=data,
        digest=digest_of(data),
        fingerprint=blueprint.fingerprint,
        mode=job.mode,
        backend=BACKEND,
        profile=PROFILE,
        precision=job.precision,
        passes=passes,
        seed=job.seed,
        torch_version=str(facts["torch"]),
        parameters=parameters,
        weights=None if job.weights is None else job.weights.digest,
        hints=(*hints_of(job.blueprint), *final.hints, *marks_of(job.blueprint, gone)),
    )


def _written_out(job: CompileJob) -> CompileJob:
    """The job with all blocks of the blueprint written out; what is inside keeps the origin of its use."""
    blueprint, origins = job.blueprint, dict(job.origins)
    if blueprint.expanded is blueprint:
        return job
    expansion = blueprint.expansion
    for node, owner in zip(expansion.blueprint.nodes, expansion.owners, strict=True):
        use = blueprint.nodes[owner]
        if use.id in origins and node.id != use.id:
            origins[node.id] = origins[use.id] + node.id.removeprefix(use.id)
    return replace(job, blueprint=expansion.blueprint, origins=origins)


def _check(job: CompileJob) -> None:
    if job.mode not in MODES:
        raise LoweringError(f"`{job.mode}` is not a mode", hint=f"the modes are {' and '.join(MODES)}")
    for node in job.blueprint.nodes:
        if node.precision != "fp32":
            raise LoweringError(
                f"`{node.id}` asks for the precision {node.precision}, and kernels compute in fp32 only",
                where=[f"node  {node.id} ({node.op_type})"],
                hint="leave `precision` at fp32",
            )
    if job.precision != "fp32":
        raise LoweringError(
            f"the precision {job.precision} was asked for, and kernels compute in fp32 only",
            where=[f"blueprint  {_named(job)}"],
            hint="compile with fp32",
        )


def _given(job: CompileJob) -> "Weights | None":
    if job.weights is None:
        return None
    from esper_graph.compile.weights_file import read_given

    return read_given(job.weights, job.blueprint)


def _kept(given: "Weights | None", final: "Folded") -> bytes | None:
    """What the file keeps beside the module: weights that were folded, and tensors that no node owns."""
    if given is None or not (final.changed or given.rest):
        return None
    from esper_graph.compile.weights_file import tensors_bytes

    changed = {original for node in final.changed for original in given.names[node].values()}
    kept = {name: tensor for name, tensor in given.named() if name in changed}
    return tensors_bytes({**kept, **given.rest})


def _facts(
    job: CompileJob, program: Program, passes: tuple[str, ...], given: "Weights | None"
) -> Mapping[str, Any]:
    import torch

    blueprint = job.blueprint
    weights: dict[str, Any] = {}
    if given is not None and job.weights is not None:
        weights["weights"] = {
            "digest": job.weights.digest,
            "names": given.names,
            "aliases": dict(given.aliases),
            "rest": sorted(given.rest),
        }
    return {
        **weights,
        "blueprint": blueprint.id,
        "fingerprint": blueprint.fingerprint,
        "content_digest": blueprint.content_digest,
        "mode": job.mode,
        "backend": BACKEND,
        "profile": PROFILE,
        "precision": job.precision,
        "passes": list(passes),
        "seed": job.seed,
        "torch": str(torch.__version__),
        "esper_graph": own_version(),
        "inputs": program.inputs,
        "outputs": program.outputs,
        "metrics": list(program.state.metrics.values()),
        "parameters": {
            slot.name: {"node": slot.node, "name": slot.parameter.name, "trainable": slot.parameter.trainable}
            for slot in program.slots
        },
    }


def own_version() -> str:
    """Return the version of esper_graph."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("esper-graph")
    except PackageNotFoundError:
        return "unknown"


@contextmanager
def quiet() -> Generator[None]:
    """Leave out the announcement that TorchScript is deprecated: it is known."""
    with python_warnings.catch_warnings():
        python_warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        yield


def _scripted(final: "Folded", program: Program, name: str) -> "torch.nn.Module":
    import torch

    job = final.job
    values = _first_values(job, program) if final.tensors is None else _given_values(final.tensors, program)
    script_module: Any = torch.jit.ScriptModule

    def fill(self: Any) -> None:
        script_module.__init__(self)
        for slot in program.slots:
            tensor = values[slot.name]
            if slot.parameter.trainable:
                setattr(self, slot.name, torch.nn.Parameter(tensor, requires_grad=job.mode == "train"))
            else:
                self.register_buffer(slot.name, tensor)
        for constant, (value, dtype) in program.state.constants.items():
            self.register_buffer(constant, torch.tensor(value, dtype=getattr(torch, dtype)))
        for tap in program.state.taps:
            setattr(self, tap, torch.jit.Attribute(torch.zeros(0), torch.Tensor))
        for place, text in program.state.metrics.items():
            setattr(self, place, torch.jit.Attribute(text, str))
        if program.state.counts_calls:
            self.calls = torch.jit.Attribute(0, int)

    with quiet():
        module = type(name, (script_module,), {"__module__": MODULE, "__init__": fill})()
        try:
            module.define(program.source)
        except RuntimeError as error:
            raise _refused(job, program, error) from error
        if job.mode == "infer":
            module.eval()
    return module


def _first_values(job: CompileJob, program: Program) -> dict[str, "torch.Tensor"]:
    import torch

    zeroed = {
        node.id: values.padding_idx
        for node, values in zip(job.blueprint.nodes, job.blueprint.graph.values, strict=True)
        if node.op_type == "embedding" and values.padding_idx is not None
    }
    found: dict[str, torch.Tensor] = {}
    for slot in program.slots:
        drawn = initial_values(slot.parameter, seed=job.seed, origin=slot.origin)
        if slot.node in zeroed:
            drawn[zeroed[slot.node]] = 0.0
        found[slot.name] = torch.from_numpy(drawn)  # pyright: ignore[reportUnknownMemberType]
    return found


def _given_values(tensors: "Tensors", program: Program) -> dict[str, "torch.Tensor"]:
    from esper_graph.compile.weights import value_of

    return {
        slot.name: value_of(slot.node, slot.parameter.name, tensors[slot.node][slot.parameter.name])
        for slot in program.slots
    }


def _archived(module: "torch.nn.Module", job: CompileJob) -> bytes:
    import torch

    buffer = io.BytesIO()
    with quiet():
        try:
            torch.jit.save(module, buffer)  # pyright: ignore[reportUnknownMemberType]
        except RuntimeError as error:
            raise LoweringError(
                f"torch cannot save the kernel of `{_named(job)}`: {_first_line(error)}"
            ) from error
    return buffer.getvalue()


def _refused(job: CompileJob, program: Program, error: RuntimeError) -> LoweringError:
    """Say which node torch's compiler complains about, as far as the line it quotes tells."""
    quoted = re.search(r"File \"<string>\", line (\d+)", str(error))
    lines = program.source.splitlines()
    number = int(quoted.group(1)) if quoted else 0
    return LoweringError(
        f"torch does not compile `{_named(job)}`: {_first_line(error)}",
        where=[f"line {number}  {lines[number - 1].strip()}"] if 0 < number <= len(lines) else (),
        hint="a lowering of your own writes this; the shipped ones are tested to compile",
    )


def _named(job: CompileJob) -> str:
    return job.blueprint.id or job.blueprint.name


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
