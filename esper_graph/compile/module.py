"""A blueprint as a module, without files or records."""

from typing import TYPE_CHECKING

from esper_graph.compile.build import compile_blueprint
from esper_graph.compile.job import CompileJob, Mode
from esper_graph.compile.kernel import load_kernel
from esper_graph.ir.blueprint import BlueprintIR

if TYPE_CHECKING:
    import torch


def blueprint_to_module(blueprint: BlueprintIR, *, mode: Mode = "train", seed: int = 0) -> "torch.nn.Module":
    """Compile a blueprint and load it.

    Args:
        mode: `train` for a module that can be trained, or `infer`.
        seed: What the initial weights are drawn with.

    Raises:
        BlueprintError: The blueprint is not valid.
        LoweringError: It cannot be expressed.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("mlp", name="MLP")
        >>> b.output(b.linear(b.input([-1, 784]), in_features=784, out_features=10))
        >>> module = blueprint_to_module(b.finish())
        >>> sum(parameter.numel() for parameter in module.parameters())
        7850
    """
    result = compile_blueprint(CompileJob(blueprint, mode=mode, seed=seed))
    return load_kernel(result.data, result.digest)
