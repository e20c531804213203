"""What torch says of the ops that a blueprint keeps as they are, and which may be kept.

A call that may be kept is a pure function of its arguments, whose results are ordinary tensors of sizes that
follow from sizes. There is one way to write it down: every argument of torch's schema, each once, of exactly
the schema's type. See `esper_graph.ops.opaque` for what a node holds.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeGuard

import torch
from torch._ops import OpOverload  # pyright: ignore[reportPrivateUsage]

Overload = OpOverload[..., Any]
"""An op of torch, under one of its signatures."""

_FORBIDDEN: Mapping[str, str] = {
    r"from_file": "it reads a file",
    r"as_strided.*|.*_strided": "it depends on how its input lies in memory",
    r"(new_)?empty.*|resize.*": "the values of its result are not defined",
    r".*(sparse|mkldnn|quantize|nested|_(csr|csc|bsr|bsc|coo)).*": "it gives a tensor of another layout",
}
_TAGS: Mapping[torch.Tag, str] = {
    torch.Tag.dynamic_output_shape: "the size of its result depends on data",
    torch.Tag.data_dependent_output: "it takes a number out of a tensor",
    torch.Tag.inplace_view: "it changes its argument in place",
}
_PLACEMENT = ("Device", "Layout", "MemoryFormat", "Generator", "Stream")
NUMBERS = ("int", "number")
"""Kinds of arguments that may depend on sizes."""
_KINDS = ("Tensor", "int", "float", "bool", "number", "str", "ScalarType")


class CannotKeepError(Exception):
    """A call of torch cannot be a node of a blueprint; says why in a sentence."""


class Argument:
    """One argument that an op declares.

    Attributes:
        name: In torch's schema.
        kind: Of its values: `Tensor`, `int`, `float`, `bool`, `number`, `str`, `ScalarType`, or
            what a blueprint does not say: a device, a layout, a generator.
        optional: Whether it may be None.
        listed: Whether it is a list.
        gaps: Whether entries of the list may be None.
        length: Of the list, where the schema fixes it.
        named: Whether it is passed by name only.
    """

    def __init__(self, declared: Any) -> None:
        self.name: str = declared.name
        text = str(declared.real_type)
        self.optional, text = _without(text, "Optional")
        self.listed, text = _without(text, "List")
        self.gaps, self.kind = _without(text, "Optional")
        self.length: int | None = declared.N if self.listed else None
        self.named: bool = declared.kwarg_only

    @property
    def placement(self) -> bool:
        """Whether it says where tensors are and how they lie in memory, or where random numbers come from."""
        return self.kind in _PLACEMENT or self.name == "pin_memory"


def _without(text: str, around: str) -> tuple[bool, str]:
    inner = text.removeprefix(f"{around}[").removesuffix("]")
    return (True, inner) if text.startswith(f"{around}[") else (False, text)


@cache
def overload_named(op_type: str) -> Overload:
    """Return the op of torch that may be kept under a name such as `aten.cumprod.default`.

    Raises:
        CannotKeepError: There is none, or it is no pure function that gives ordinary tensors.
    """
    _, name, overload = op_type.split(".")
    try:
        found: Any = getattr(getattr(torch.ops.aten, name), overload)
    except (AttributeError, RuntimeError):
        found = None
    if not is_overload(found) or found.namespace != "aten":
        raise CannotKeepError(f"torch {torch.__version__} has no op `{op_type}`")
    reason = why_not(found)
    if reason is not None:
        raise CannotKeepError(reason)
    return found


def is_overload(target: Any) -> TypeGuard[Overload]:
    """Tell whether something is an op of torch, under one of its signatures."""
    return isinstance(target, OpOverload)


def arguments_of(op: Overload) -> list[Argument]:
    """Return the arguments that an op declares, in order."""
    return [Argument(one) for one in _schema(op).arguments]


def why_not(op: Overload) -> str | None:
    """Say why calls of an op cannot be kept, or None where they can."""
    schema = _schema(op)
    name = op_name(op)
    if op.namespace != "aten":
        return "it is not one of torch's own ops"
    if name.startswith("_") and not name.startswith("__"):
        return "it is an inner op of torch, which may change without notice"
    for pattern, reason in _FORBIDDEN.items():
        if re.fullmatch(pattern, name):
            return reason
    if any(one.alias_info is not None and one.alias_info.is_write for one in schema.arguments):
        return "it changes its arguments in place"
    for tag, reason in _TAGS.items():
        if tag in op.tags:
            return reason
    returns = [str(one.type) for one in schema.returns]
    if returns != ["List[Tensor]"] and (not returns or {*returns} != {"Tensor"}):
        return "it gives something else than tensors"
    for one in arguments_of(op):
        if one.kind not in _KINDS and not one.placement:
            return f"its argument `{one.name}` is of the type {one.kind}"
    return None


def draws_numbers(op: Overload) -> bool:
    """Tell whether torch says of an op that it is random."""
    return torch.Tag.nondeterministic_seeded in op.tags


def gives_list(op: Overload) -> bool:
    """Tell whether an op gives a list of tensors, rather than one tensor or a tuple."""
    return str(_schema(op).returns[0].type) == "List[Tensor]"


def result_count(op: Overload) -> int:
    """Return how many results an op declares; a list counts once."""
    return len(_schema(op).returns)


def op_name(op: Overload) -> str:
    """Return the name of an op without its namespace and overload."""
    name: str = _schema(op).name
    return name.partition("::")[2]


def op_type_of(op: Overload) -> str:
    """Return the op type of nodes that stand for calls of an op.

    >>> op_type_of(torch.ops.aten.cumprod.default)
    'aten.cumprod.default'
    """
    return f"aten.{op_name(op)}.{_schema(op).overload_name or 'default'}"


def _schema(op: Overload) -> Any:
    return op._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportUnknownMemberType, reportUnknownVariableType]
