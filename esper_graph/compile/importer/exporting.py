"""Export a module with torch.export: in evaluation, with an open batch where the network allows it."""

import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from esper_graph.compile.importer.leaves import leaves_kept
from esper_graph.errors import ImporterError

_LEAST_BATCH = 2
"""Torch takes a size of 1 for fixed."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported module.

    Attributes:
        program: What torch recorded.
        open_batch: Whether the first axis of the inputs stands for any size.
        notes: What the caller should know, as sentences.
    """

    program: ExportedProgram
    open_batch: bool
    notes: tuple[str, ...]


def export(module: nn.Module, example_inputs: Any, *, dynamic_batch: bool) -> Exported:
    """Record what a module computes in evaluation.

    Args:
        example_inputs: A tensor, a tuple of arguments, or a mapping of keyword arguments.
        dynamic_batch: Whether to try for an open batch.

    Raises:
        ImporterError: It is no module, the inputs do not fit, or its control flow depends on data.
    """
    if not isinstance(module, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ImporterError(
            f"an object of type `{type(module).__name__}` is not a module",
            hint="give an instance of torch.nn.Module; a class is called first",
        )
    for name, parameter in module.named_parameters():
        if parameter.dtype != torch.float32:
            raise ImporterError(
                f"`{name}` is of type {str(parameter.dtype).removeprefix('torch.')}, and kernels compute in float32",
                hint="convert the module with `.float()` first",
            )
    arguments, named = _arguments(module, example_inputs)
    _run(module, arguments, named)
    notes: list[str] = []
    with _evaluating(module):
        if dynamic_batch:
            batched = _batched(arguments, named)
            if batched is not None:
                program, reason = _exported(module, *batched)
                if program is not None and _is_open(program):
                    return Exported(program, open_batch=True, notes=())
                notes.append(
                    "the batch is fixed: " + (reason or "what the network computes depends on its size")
                )
            else:
                notes.append("the batch is fixed: the inputs have no first axis in common")
        program, reason = _exported(module, arguments, named, None)
    if program is None:
        raise ImporterError(
            f"`{type(module).__name__}` cannot be exported: {reason}",
            hint="control flow that depends on the values of tensors has no place in a blueprint",
        )
    return Exported(program, open_batch=False, notes=tuple(notes))


def _arguments(module: nn.Module, given: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if given is None:
        raise ImporterError(
            f"`{type(module).__name__}` was given no example inputs", hint="give a tensor, or a tuple of them"
        )
    if isinstance(given, Tensor):
        return (given,), {}
    if isinstance(given, Mapping):
        return (), dict(cast("Mapping[str, Any]", given))
    if isinstance(given, Sequence) and not isinstance(given, str):
        return tuple(cast("Sequence[Any]", given)), {}
    raise ImporterError(
        f"example inputs of type `{type(given).__name__}` are neither a tensor, a tuple nor a mapping",
        hint="give a tensor, a tuple of arguments, or a mapping of keyword arguments",
    )


def _run(module: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Let the inputs be refused by the module itself, whose words are clearer than those of the export."""
    if not any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves((arguments, named))):
        raise ImporterError(
            f"the example inputs of `{type(module).__name__}` hold no tensor",
            hint="give a tensor of each input, of the right shape and dtype",
        )
    import inspect

    try:
        inspect.signature(module.forward).bind(*arguments, **named)
    except TypeError as error:
        raise ImporterError(
            f"the example inputs do not fit `{type(module).__name__}.forward`: {error}",
            where=[f"forward{inspect.signature(module.forward)}"],
            hint="give one example for each argument without a default",
        ) from None


@contextmanager
def _evaluating(module: nn.Module) -> Generator[None]:
    """Put the module into evaluation for a while, and keep attention layers whole."""
    modes = {part: part.training for part in module.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(leaves_kept(module))
        shown = stack.enter_context(warnings.catch_warnings())
        assert shown is None
        warnings.simplefilter("ignore")
        module.eval()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for part, mode in modes.items():
                part.training = mode


def _batched(
    arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], Any] | None:
    """Return inputs of at least two samples, and which axes to leave open."""
    leaves, tree = pytree.tree_flatten((arguments, dict(named)))
    first = next((leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.ndim), None)
    if first is None:
        return None
    size = first.shape[0]

    def is_batched(leaf: Any) -> bool:
        return isinstance(leaf, Tensor) and leaf.ndim > 0 and leaf.shape[0] == size

    longer = [
        torch.cat([leaf] * _LEAST_BATCH) if size < _LEAST_BATCH and is_batched(leaf) else leaf
        for leaf in leaves
    ]
    axes = [{0: Dim.AUTO} if is_batched(leaf) else None for leaf in leaves]
    new_arguments, new_named = pytree.tree_unflatten(longer, tree)
    open_arguments, open_named = pytree.tree_unflatten(axes, tree)
    return new_arguments, new_named, (open_arguments, open_named)


def _exported(
    module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], axes: Any
) -> tuple[ExportedProgram | None, str | None]:
    """Export, or say why not."""
    import inspect

    dynamic: Any = None
    if axes is not None:
        bound = inspect.signature(module.forward).bind_partial(*axes[0], **axes[1])
        dynamic = dict(bound.arguments) if named else axes[0]
    try:
        return (
            torch.export.export(module, arguments, named or None, dynamic_shapes=dynamic, strict=False),
            None,
        )
    except Exception as error:  # noqa: BLE001 - whatever the module raises is why it cannot be exported
        return None, _first_line(error)


def _first_line(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_open(program: ExportedProgram) -> bool:
    names = set(program.graph_signature.user_inputs)
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if node.op == "placeholder" and node.name in names and isinstance(value, Tensor):
            return any(isinstance(size, torch.SymInt) for size in value.shape[:1])
    return False
