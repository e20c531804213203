"""Export a module with torch.export: in evaluation, with an open batch where the network allows it."""

import inspect
import linecache
import logging
import traceback
import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from esper_graph.compile.importer.leaves import leaves_kept
from esper_graph.compile.importer.sizes import symbol_of
from esper_graph.errors import ImporterError
from esper_graph.ops.attributes import LARGEST

_LEAST_BATCH = 2
"""Torch takes a size of 1 for fixed."""
_BY_DATA = "control flow that depends on the values of tensors has no place in a blueprint"
_BY_TORCH = (
    "in evaluation the module must run on such inputs, compute with torch alone, "
    "and return tensors, also in tuples, lists and mappings"
)
_TORCH = Path(torch.__file__).parent
_TRIED = (2, 3, 4, 5, 7, 8, 16, 31, 64, 1000)
"""Numbers of samples for which a condition must hold that an open batch leaves unchecked."""


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
            kind = str(parameter.dtype).removeprefix("torch.")
            raise ImporterError(
                f"`{name}` is of type {kind}, and kernels compute in float32",
                hint="convert the module with `.float()` first",
            )
    arguments, named = _told_apart(*_arguments(module, example_inputs))
    _check_call(module, arguments, named)
    notes: list[str] = []
    with _evaluating(module), _functions_applied() as applied:
        if dynamic_batch:
            batched = _batched(arguments, named)
            if batched is not None:
                found = _exported(module, *batched)
                reason = _first_line(found) if isinstance(found, Exception) else _why_fixed(found)
                if reason is None:
                    return Exported(cast("ExportedProgram", found), open_batch=True, notes=_said(applied))
                notes.append(f"the batch is fixed: {reason}")
            else:
                notes.append("the batch is fixed: the inputs have no first axis in common")
        found = _exported(module, arguments, named, None)
    if isinstance(found, Exception):
        raise ImporterError(
            f"`{type(module).__name__}` cannot be exported: {_first_line(found)}",
            where=_where(module, found),
            hint=_BY_DATA if "DataDependent" in type(found).__name__ else _BY_TORCH,
        ) from found
    return Exported(found, open_batch=False, notes=(*notes, *_said(applied)))


@contextmanager
def _functions_applied() -> Generator[dict[str, None]]:
    """Collect the names of the functions with gradients of their own that are applied for a while.

    The export follows what they compute and tells nothing of them.
    """
    names: dict[str, None] = {}
    apply = vars(Function)["apply"]

    def noted(cls: type[Function], *arguments: Any, **named: Any) -> Any:
        names[cls.__name__] = None
        return apply.__get__(None, cls)(*arguments, **named)

    Function.apply = classmethod(noted)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield names
    finally:
        Function.apply = apply


def _said(applied: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        f"`{name}` has a gradient of its own, which is not kept: training takes that of what it computes"
        for name in applied
    )


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


def _told_apart(arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Copy tensors that are given twice: the export would take them for one input."""
    leaves, tree = pytree.tree_flatten((arguments, named))
    seen: set[int] = set()
    for at, leaf in enumerate(leaves):
        if id(leaf) in seen and isinstance(leaf, Tensor):
            leaves[at] = leaf.clone()
        seen.add(id(leaf))
    return pytree.tree_unflatten(leaves, tree)


def _check_call(module: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Let the inputs be refused by the module itself, whose words are clearer than those of the export."""
    if not any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves((arguments, named))):
        raise ImporterError(
            f"the example inputs of `{type(module).__name__}` hold no tensor",
            hint="give a tensor of each input, of the right shape and dtype",
        )
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
) -> ExportedProgram | Exception:
    """Export, or return why not."""
    dynamic: Any = None if axes is None else _by_parameter(module, *axes)
    before = logging.root.manager.disable
    logging.disable(max(before, logging.ERROR))
    try:
        with redirect_stderr(StringIO()):  # torch writes whole programs there when it fails
            return torch.export.export(module, arguments, named or None, dynamic_shapes=dynamic, strict=False)
    except Exception as error:  # noqa: BLE001 - whatever the module raises is why it cannot be exported
        return error
    finally:
        logging.disable(before)


def _where(module: nn.Module, error: Exception) -> list[str]:
    """Say where an export ended: the innermost module, and its last line that is not torch's."""
    parts = cast("Iterable[tuple[str, nn.Module]]", module.named_modules())
    paths = {id(part): path for path, part in parts}
    place = line = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        place = paths.get(id(frame.f_locals.get("self")), place)
        file = Path(frame.f_code.co_filename)
        if not file.is_relative_to(_TORCH) and file != Path(__file__):
            text = linecache.getline(str(file), number).strip()
            line = f": {file.name}, line {number}" + (f": {text}" if text else "")
    return [(place or "the module itself") + line]


def _by_parameter(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Give what belongs to each argument by the name of the parameter that takes it."""
    signature = inspect.signature(module.forward)
    bound = dict(signature.bind_partial(*arguments, **named).arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            bound.update(bound.pop(parameter.name, {}))
    return bound


def _first_line(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _why_fixed(program: ExportedProgram) -> str | None:
    """Say what forbids that the first axis of the first input has any size from two on, or None."""
    names = set(program.graph_signature.user_inputs)
    values = [node.meta.get("val") for node in program.graph.nodes if node.name in names]
    first = next(value for value in values if isinstance(value, Tensor) and value.ndim)
    symbol = symbol_of(first.shape[0])
    if symbol is None:
        return "what the network computes depends on its size"
    allowed = cast("Any", program).range_constraints.get(symbol)
    if allowed is not None and (allowed.lower > _LEAST_BATCH or allowed.upper < LARGEST):
        return f"what the network computes holds for {allowed.lower} to {allowed.upper} samples"
    # torch records a number that it computed from the size as a guard, and leaves the number in the program
    for guard in cast("Any", first).fake_mode.shape_env.guards:
        held: Any = guard.expr
        if any(held.subs(dict.fromkeys(held.free_symbols, size)) != True for size in _TRIED):  # noqa: E712 - sympy's own truth
            return f"the network relies on {held}"
    return None
