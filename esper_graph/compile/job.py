"""What the compiler is asked for, and what it answers: plain values, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from esper_graph.ir.blueprint import BlueprintIR

Mode = Literal["infer", "train"]
MODES: tuple[str, ...] = ("infer", "train")
BACKEND = "torchscript"
PROFILE = "portable"
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """Weights to compile in.

    Attributes:
        path: Of a safetensors file.
        digest: Of what is in it; see `weights_digest`. A file that holds others by now is refused.
    """

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class CompileJob:
    """One blueprint to compile.

    Attributes:
        blueprint: What to compile; it must be valid.
        mode: `train` keeps dropout, noise and probes and can be differentiated; `infer` leaves out everything
            that only training needs, and its parameters take no gradients.
        seed: What the initial weights are drawn with.
        precision: Number format of the whole kernel.
        origins: By node id, the name that its initial weights are drawn by, else the id itself: the uid
            of the node that introduced them, so that a child's unchanged layers start like its parent's.
        weights: What to compile in, instead of initial weights.
    """

    blueprint: BlueprintIR
    mode: Mode = "infer"
    seed: int = 0
    precision: str = "fp32"
    origins: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    weights: WeightsFile | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """What became of a hint or requirement of a blueprint, or of what could make its kernel faster.

    Attributes:
        node: The node that gives it, or None for one of the blueprint.
        name: `parallelism`, `compute_intensity` and so on; `fold_norm`, `fusion`, `memory_plan`.
        outcome: `honoured`, `emulated` or `not honoured`.
        reason: Why, in a sentence.
    """

    node: str | None
    name: str
    value: Any
    outcome: Literal["honoured", "emulated", "not honoured"]
    reason: str


@dataclass(frozen=True, slots=True)
class CompileResult:
    """A compiled kernel and the facts that its record needs.

    Attributes:
        data: The bytes of the kernel; equal for equal jobs, torch versions and esper_graph versions.
        digest: SHA-256 of the bytes.
        fingerprint: Of the blueprint.
        passes: What the blueprint went through, each as `name@version`.
        parameters: Trainable numbers in the kernel.
        weights: Digest of the weights that were given; None where they are initial ones.
        hints: Every hint that is not the default, and what became of it.
    """

    data: bytes = field(repr=False)
    digest: str
    fingerprint: str
    mode: Mode
    backend: str
    profile: str
    precision: str
    passes: tuple[str, ...]
    seed: int
    torch_version: str
    parameters: int
    weights: str | None = None
    hints: tuple[Hint, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Length of the bytes."""
        return len(self.data)
