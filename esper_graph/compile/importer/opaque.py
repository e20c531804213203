"""Keep a call that cannot be raised: as a node of the same op of torch, with all that is to be said of it."""

from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.importer.aten import mutates
from esper_graph.compile.importer.call import Call, Raised
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.shaping import written
from esper_graph.compile.importer.values import Known, Size, Wire, items_of
from esper_graph.compile.lowering.opaque import checked
from esper_graph.compile.opaque import (
    NUMBERS,
    Argument,
    CannotKeepError,
    Overload,
    arguments_of,
    draws_numbers,
    gives_list,
    is_overload,
    op_type_of,
    result_count,
    why_not,
)
from esper_graph.ir.specs import freeze
from esper_graph.ops import OPS
from esper_graph.ops.opdef import settle
from esper_graph.ops.values import TensorType

_DTYPES = {1: "int8", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64", 11: "bool"}
"""Dtypes by the numbers that stand for them in torch's schemas, see `c10/core/ScalarType.h`."""


def keep(call: Call) -> Raised:
    """Add a node for a call as it is, and return what stands for its results.

    Raises:
        CannotRaiseError: It is no pure function of its arguments, or an argument cannot be written down.
    """
    op = _pure(call.node.target)
    reason = why_not(op)
    if reason is not None:
        raise CannotRaiseError(reason)
    inputs: list[Wire] = []
    attributes: dict[str, Any] = {"tensors": [], "arguments": {}, "sizes": {}}
    for argument in arguments_of(op):
        value = call.get(argument.name)
        if argument.placement:
            _check_placement(argument, value)
        elif argument.kind == "Tensor" and value is not None and value != []:
            for name, one in _tensors(argument, value):
                inputs.append(_wired(call, one))
                attributes["tensors"].append(name)
        else:
            found = _plain(call, argument, value)
            where = "sizes" if any(isinstance(one, str) for one in items_of(found)) else "arguments"
            attributes[where if argument.kind in NUMBERS else "arguments"][argument.name] = found
    results = _results(call, op)
    attributes |= _types("input", [call.draft.type(wire) for wire in inputs]) | _types("output", results)
    attributes["stochastic"] = draws_numbers(op)
    return _added(call, op, inputs, attributes)


def _added(call: Call, op: Overload, inputs: list[Wire], attributes: dict[str, Any]) -> Raised:
    op_type = op_type_of(op)
    try:
        settled = settle(OPS[op_type], freeze(attributes))
        if settled.values is not None:
            checked(op_type, settled.values)
    except (CannotKeepError, ValueError) as error:
        raise CannotRaiseError(str(error)) from None
    first = call.add(op_type, *inputs, **attributes)
    wires = [Wire(first.node, port) for port in range(len(attributes["output_dtypes"]))]
    return wires if gives_list(op) or result_count(op) > 1 else first


def _pure(target: Any) -> Overload:
    """Return the op itself, or the one that gives a new tensor where it changes its first argument."""
    if not is_overload(target):
        raise CannotRaiseError("it is not an op of tensors")
    if not mutates(target):
        return target
    name, _, overload = op_type_of(target).removeprefix("aten.").partition(".")
    other: Any = getattr(getattr(torch.ops.aten, name.removesuffix("_"), None), overload, None)
    mine = [(one.name, one.kind) for one in arguments_of(target)]
    if not is_overload(other) or [(one.name, one.kind) for one in arguments_of(other)] != mine:
        raise CannotRaiseError("it changes its arguments in place, and torch has no other form of it")
    return other


def _check_placement(argument: Argument, value: Any) -> None:
    usual = (None, False, torch.strided, torch.device("cpu"))
    if (
        argument.kind != "MemoryFormat" and value not in usual
    ):  # how values lie in memory is not what they are
        raise CannotRaiseError(f"its argument `{argument.name}` is {value}")


def _tensors(argument: Argument, value: Any) -> list[tuple[str, Any]]:
    if not argument.listed:
        return [(argument.name, value)]
    return [(f"{argument.name}.{place}", one) for place, one in enumerate(items_of(value)) if one is not None]


def _wired(call: Call, value: Any) -> Wire:
    if isinstance(value, Size):
        if not isinstance(value.dim, int):
            raise CannotRaiseError(f"it computes with the size {value.dim}, which is not fixed")
        value = value.dim
    if type(value) in (bool, int, float):
        value = Known(torch.tensor(value))
    return call.wire(value)


def _plain(call: Call, argument: Argument, value: Any) -> Any:
    """Return an argument as attributes say it."""
    if value is None:
        return None
    if argument.listed:
        entries = items_of(value)
        if not isinstance(value, list | tuple):
            entries *= argument.length or 1
        return [_entry(call, argument, one) for one in entries]
    return _entry(call, argument, value)


def _entry(call: Call, argument: Argument, value: Any) -> Any:
    if isinstance(value, Size):
        if not call.walk.defines(value.dim):
            raise CannotRaiseError(
                f"its argument `{argument.name}` depends on data, or on a size in no simple way"
            )
        return written(value.dim)
    if isinstance(value, Known) and value.tensor.numel() == 1:
        value = value.tensor.item()
    if argument.kind == "ScalarType" and type(value) is int:  # a default, as torch's schema writes it
        return _DTYPES.get(value, value)
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if argument.kind == "float" and type(value) is int:
        return float(value)
    if type(value) in (bool, int, float, str):
        return value
    raise CannotRaiseError(
        f"its argument `{argument.name}` is {type(value).__name__.lower()}, which is no setting"
    )


def _results(call: Call, op: Overload) -> list[TensorType]:
    values = items_of(call.node.meta["val"])
    for value in values:
        if not isinstance(value, Tensor):
            raise CannotRaiseError("it gives something else than tensors")
        if value.layout != torch.strided or value.device.type != "cpu":
            raise CannotRaiseError("it gives a tensor of another layout or on another device")
    if not gives_list(op) and len(values) != result_count(op):
        raise CannotRaiseError("it gives something else than tensors")
    return call.results


def _types(end: str, types: list[TensorType]) -> dict[str, Any]:
    return {
        f"{end}_shapes": [[written(size) for size in kind.shape] for kind in types],
        f"{end}_dtypes": [kind.dtype for kind in types],
    }
