"""Compute ops of torch that a blueprint keeps as they are: by torch itself, on the widest floats."""

from functools import partial
from typing import Any

from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value, wide
from esper_graph.compile.opaque import CannotKeepError, arguments_of, gives_list, overload_named, result_count
from esper_graph.errors import KernelError, LoweringError
from esper_graph.ops import OPS, is_opaque
from esper_graph.ops.dims import parse


def evaluator_of(op_type: str) -> Evaluator | None:
    """Return the evaluator of an op of torch, or None for other ops."""
    return partial(_opaque, op_type) if is_opaque(op_type) and op_type in OPS else None


def _opaque(op_type: str, call: Call) -> tuple[Value, ...]:
    try:
        op = overload_named(op_type)
    except CannotKeepError as error:
        raise LoweringError(f"`{call.node}` cannot be interpreted: {error}") from None
    given: dict[str, Any] = {}
    for argument in arguments_of(op):
        if argument.name in call.a.sizes:
            given[argument.name] = _sized(call, call.a.sizes[argument.name])
        elif argument.name in call.a.arguments:
            value: Any = call.a.arguments[argument.name]
            given[argument.name] = wide(value) if value and argument.kind == "ScalarType" else value
        elif argument.kind == "Generator":
            given[argument.name] = call.generator
    for number, port in enumerate(call.a.tensors):
        name, _, entry = port.partition(".")
        if entry:
            listed: list[Tensor | None] = given.setdefault(name, [])
            listed += [None] * (int(entry) - len(listed))
            listed.append(call.x(number))
        else:
            given[name] = call.x(number)
    try:
        found: Any = op(**given)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        raise KernelError(f"`{call.node}` cannot be computed: {_first_line(error)}") from error
    results = list(found) if gives_list(op) or result_count(op) > 1 else [found]
    return tuple(_as_recorded(call, slot, result) for slot, result in enumerate(results))


def _sized(call: Call, value: Any) -> Any:
    if isinstance(value, tuple):
        return [_sized(call, one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return call.size(parse(value)) if isinstance(value, str) else value


def _as_recorded(call: Call, slot: int, result: Tensor) -> Tensor:
    if slot >= len(call.outputs) or list(result.shape) != call.shape(slot):
        raise KernelError(
            f"`{call.node}` gives {list(result.shape)} as its result {slot}, which was not recorded"
        )
    return result.to(call.dtype(slot))


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
