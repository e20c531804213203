"""What is said of an op of the exported program by torch itself: its name, its arguments, what it changes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch._ops import HigherOrderOperator, OpOverload  # pyright: ignore[reportPrivateUsage]

from esper_graph.compile.importer.draft import CannotRaiseError


def is_op(target: object) -> bool:
    """Tell whether it is an op of tensors with a schema."""
    return isinstance(target, OpOverload)


def is_about_sizes(target: object) -> bool:
    """Tell whether it computes with numbers, as Python's operators do."""
    return not is_op(target) and not is_region(target)


def is_region(target: object) -> bool:
    """Tell whether it takes graphs as arguments: control flow, or a region under a mode."""
    return isinstance(target, HigherOrderOperator)


def name_of(target: Any) -> str:
    """Return the name of an op without its namespace and overload."""
    if isinstance(target, OpOverload):
        name: str = target._schema.name  # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportUnknownMemberType, reportUnknownVariableType]
        return name.partition("::")[2]
    return str(getattr(target, "__name__", target))


def arguments_of(target: Any) -> Sequence[Any]:
    """Return the arguments that an op declares."""
    return getattr(target, "_schema").arguments if is_op(target) else ()  # noqa: B009


def draws_numbers(target: Any) -> bool:
    """Tell whether an op is random."""
    return torch.Tag.nondeterministic_seeded in target.tags


def mutates(target: Any) -> bool:
    """Tell whether an op changes its first argument.

    Raises:
        CannotRaiseError: It changes another one.
    """
    changed = [at for at, one in enumerate(arguments_of(target)) if _is_written(one.alias_info)]
    if changed not in ([], [0]):
        raise CannotRaiseError("it changes its arguments in place")
    return bool(changed)


def _is_written(alias: Any) -> bool:
    return alias is not None and bool(alias.is_write)


_VIEWS = (
    *("reshape", "flatten", "unflatten", "expand_as", "view_as", "squeeze", "unsqueeze"),
    *("broadcast_tensors", "meshgrid", "atleast_1d", "atleast_2d", "atleast_3d"),
)
"""Ops of whose results the schema does not say that they may be the memory of the arguments."""
_SAME = (
    *("contiguous", "to", "type_as"),
    *("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"),
)
"""Ops that return their input where there is nothing to do."""


def relation(target: Any) -> str | None:
    """Tell whether a result is the memory of the first argument: the `same`, a `view` of it, or None."""
    if not is_op(target):
        return None
    returns = getattr(target, "_schema").returns  # noqa: B009
    alias = returns[0].alias_info if returns else None
    name = name_of(target)
    if name in _SAME or (alias is not None and (alias.is_write or name in ("alias", "detach"))):
        return "same"
    return "view" if alias is not None or name in _VIEWS else None
