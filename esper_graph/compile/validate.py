"""Compare a kernel with the reference interpreter, and report the result as data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esper_graph.compile.job import Mode
from esper_graph.errors import KernelError
from esper_graph.ir.blueprint import BlueprintIR

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from esper_graph.compile.weights import Tensors

TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4
_LEAST_SCALE = 1e-6
"""Below this the reference counts as zero, and the difference itself is reported."""
_SMALL = 1e-2
"""Tensors this much smaller than the largest of a group are compared on the scale of the group."""


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison.

    Attributes:
        name: What was compared, such as `outputs, batch 2`.
        passed: Whether `error` is at most `limit`.
        error: max|a − b| / max|b|, b being the reference; infinite where something is not finite.
    """

    name: str
    passed: bool
    error: float
    limit: float


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """All comparisons of one kernel."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all passed."""
        return all(check.passed for check in self.checks)

    @property
    def share_passed(self) -> float:
        """Share of the checks that passed, 0 to 1."""
        return sum(check.passed for check in self.checks) / max(len(self.checks), 1)

    @property
    def worst(self) -> float:
        """The largest error."""
        return max((check.error for check in self.checks), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a record."""
        return {
            "passed": self.passed,
            "share_passed": self.share_passed,
            "worst_error": self.worst,
            "checks": [
                {"name": one.name, "passed": one.passed, "error": one.error, "limit": one.limit}
                for one in self.checks
            ],
        }


def validate_kernel(
    module: "torch.nn.Module",
    blueprint: BlueprintIR,
    *,
    mode: Mode,
    bindings: Sequence[Mapping[str, int]] | None = None,
    seed: int = 0,
    tensors: "Tensors | None" = None,
) -> ValidationReport:
    """Compare a loaded kernel with the interpreter on random inputs.

    Checked are outputs in evaluation and, for a training kernel, outputs in training and the gradients of all
    parameters and inputs in both. Of outputs that depend on chance only whether they are finite is checked.

    Args:
        mode: The kernel's.
        bindings: Sizes of the blueprint's symbols, one mapping for each comparison; None chooses three.
        tensors: For inference, the weights that the interpreter computes with; None means those that the
            kernel holds. A kernel whose norms were folded needs them. A kernel for training changes its
            statistics while it is compared, so there it is always those that it holds.

    Raises:
        KernelError: The kernel fails on inputs that the blueprint accepts.
    """
    from esper_graph.compile.sample import bindings as chosen

    blueprint = blueprint.expanded
    checks: list[Check] = []
    for turn, binding in enumerate(bindings if bindings is not None else chosen(blueprint)):
        shown = ", ".join(f"{name} {size}" for name, size in sorted(binding.items()))
        checks += _compared(module, blueprint, mode, binding, seed + turn, shown, tensors, training=False)
        if mode == "train" and _enough_for_statistics(binding):
            checks += _compared(module, blueprint, mode, binding, seed + turn, shown, tensors, training=True)
    if mode == "train":
        module.eval()
    return ValidationReport(tuple(checks))


def random_nodes(blueprint: BlueprintIR, *, training: bool) -> tuple[str, ...]:
    """Name the nodes whose results depend on chance."""
    graph = blueprint.graph
    found: list[str] = []
    for node, op, values in zip(graph.nodes, graph.ops, graph.values, strict=True):
        if op is None or not op.stochastic or not getattr(values, "stochastic", True):
            continue
        if getattr(values, "p", None) == 0.0 or getattr(values, "std", None) == 0.0:
            continue
        if training or not getattr(values, "training_only", True):
            found.append(node.id)
    return tuple(found)


def _enough_for_statistics(binding: Mapping[str, int]) -> bool:
    """Whether a batch is large enough for its statistics: gradients through two values are rounding."""
    return min(binding.values(), default=3) > 2


def _compared(
    module: "torch.nn.Module",
    blueprint: BlueprintIR,
    mode: Mode,
    binding: Mapping[str, int],
    seed: int,
    shown: str,
    given: "Tensors | None",
    *,
    training: bool,
) -> list[Check]:
    import torch

    from esper_graph.compile.interpreter import interpret
    from esper_graph.compile.sample import sample

    inputs = sample(blueprint, binding, seed)
    watched = mode == "train"
    tensors = given if given is not None and not watched else tensors_of(module, blueprint)
    reference_tensors = {
        node: {
            name: tensor.detach().double().requires_grad_(tensor.requires_grad)
            for name, tensor in named.items()
        }
        for node, named in tensors.items()
    }
    arguments = [x.clone().requires_grad_(watched and x.is_floating_point()) for x in inputs]
    references = [
        (x.double() if x.is_floating_point() else x.clone()).requires_grad_(watched and x.is_floating_point())
        for x in inputs
    ]
    if mode == "train":
        module.train(training)
    module.zero_grad(set_to_none=True)
    with torch.set_grad_enabled(watched):
        try:
            found: Any = module(*arguments)
        except (RuntimeError, torch.jit.Error) as error:
            raise KernelError(
                f"the kernel fails on inputs of {shown}: {str(error).splitlines()[-1]}"
            ) from error
        outputs = _as_list(found)
        wanted = interpret(blueprint, references, reference_tensors, training=training).outputs
    where = "training" if training else "evaluation"
    where = f"{where}, {shown}" if shown else where
    if random_nodes(blueprint, training=training):
        return [_finite(f"outputs in {where} (depending on chance)", outputs)]
    checks = [_check(f"outputs in {where}", list(zip(outputs, wanted, strict=True)), TOLERANCE)]
    if not watched:
        return checks
    generator = torch.Generator().manual_seed(seed)
    pairs = [(a, b) for a, b in zip(outputs, wanted, strict=True) if b.requires_grad]
    if not pairs:
        return checks
    weights = [torch.randn(b.shape, generator=generator, dtype=torch.float64) for _, b in pairs]
    torch.autograd.backward(
        [a for a, _ in pairs], [w.to(a.dtype) for (a, _), w in zip(pairs, weights, strict=True)]
    )
    torch.autograd.backward(
        [b for _, b in pairs], [w.to(b.dtype) for (_, b), w in zip(pairs, weights, strict=True)]
    )
    gradients = [
        (_gradient(tensor), _gradient(reference_tensors[node][name]))
        for node, named in tensors.items()
        for name, tensor in named.items()
        if tensor.requires_grad
    ]
    gradients += [
        (_gradient(a), _gradient(b)) for a, b in zip(arguments, references, strict=True) if a.requires_grad
    ]
    module.zero_grad(set_to_none=True)
    return [*checks, _check(f"gradients in {where}", gradients, GRADIENT_TOLERANCE)]


def tensors_of(module: "torch.nn.Module", blueprint: BlueprintIR) -> dict[str, dict[str, "Tensor"]]:
    """Return a kernel's parameters and buffers by node id and name."""
    held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    graph = blueprint.expanded.graph
    found: dict[str, dict[str, Tensor]] = {}
    for place, (node, op) in enumerate(zip(graph.nodes, graph.ops, strict=True)):
        if op is not None and node.shares is None:
            for parameter in op.parameters(graph.values[place]):
                name = f"p{place}_{parameter.name.replace('.', '__')}"
                found.setdefault(node.id, {})[parameter.name] = held[name]
    return found


def _gradient(tensor: "Tensor") -> "Tensor":
    import torch

    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def _as_list(found: Any) -> "list[Tensor]":
    return [*found] if isinstance(found, tuple) else [found]


def _finite(name: str, outputs: "Sequence[Tensor]") -> Check:
    error = 0.0 if all(bool(x.isfinite().all()) for x in outputs) else float("inf")
    return Check(name, error == 0.0, error, 0.0)


def _check(name: str, pairs: "Sequence[tuple[Tensor, Tensor]]", limit: float) -> Check:
    top = max((float(_widened(b).abs().max()) for _, b in pairs if b.numel()), default=0.0)
    error = max((relative_error(a, b, _SMALL * top) for a, b in pairs), default=0.0)
    return Check(name, error <= limit, error, limit)


def relative_error(found: "Tensor", wanted: "Tensor", least: float = 0.0) -> float:
    """Return max|a − b| / max|b|; infinite where shapes differ or something is not finite.

    Args:
        least: What max|b| counts as at least: some gradients are zero in truth and rounding in practice.
    """
    if found.shape != wanted.shape:
        return float("inf")
    if found.numel() == 0:
        return 0.0
    a, b = _widened(found), _widened(wanted)
    scale = max(float(b.abs().max()), least)
    error = float((a - b).abs().max()) / (scale if scale > _LEAST_SCALE else 1.0)
    return error if math.isfinite(error) else float("inf")


def _widened(x: "Tensor") -> "Tensor":
    import torch

    return x.detach().to(torch.complex128 if x.is_complex() else torch.float64)
