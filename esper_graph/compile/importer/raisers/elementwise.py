"""Raise arithmetic on single elements; casts that torch makes by itself are written out."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.shaping import written
from esper_graph.compile.importer.values import Known, Size, Wire
from esper_graph.ops.values import DTYPES


def scalar_of(call: Call, value: Any) -> float | int | None:
    """Return a number that takes part in arithmetic, or None where a tensor does.

    Raises:
        CannotRaiseError: It is a size that is not fixed.
    """
    if isinstance(value, Size) and not isinstance(value.dim, int):
        raise CannotRaiseError(f"it computes with the size {value.dim}, which is not fixed")
    if isinstance(value, Known) and value.tensor.ndim:
        return None
    found = call.number(value)
    return int(found) if isinstance(found, bool) else found


def _constant(call: Call, value: float, dtype: str) -> Wire:
    return call.walk.wired(Known(torch.tensor(value, dtype=getattr(torch, dtype))), call.place)


def _is_scalar(call: Call, value: Any) -> bool:
    return not isinstance(value, Wire) and scalar_of(call, value) is not None


def _commutative(op_type: str) -> Raiser:
    def raise_op(call: Call) -> Raised:
        left, right = call["self"], call["other"]
        if _is_scalar(call, left) and not _is_scalar(call, right):
            left, right = right, left
        to = call.result.dtype
        scale = call.number(call.get("alpha", 1))
        if _is_scalar(call, right):
            number = scalar_of(call, right)
            assert number is not None
            return _with_scalar(call, op_type, left, number * (scale or 0), to)
        other = call.wire(right, to)
        if scale != 1:
            other = call.add("multiply", other, scalar=scale)
        return call.add(op_type, call.wire(left, to), other)

    return raise_op


def _with_scalar(call: Call, op_type: str, x: Any, number: float, to: str) -> Wire:
    wire = call.wire(x, to)
    if (op_type, number) in {("add", 0), ("multiply", 1), ("sub", 0), ("div", 1)}:
        return wire
    return call.add(op_type, wire, scalar=number)


def _sub(call: Call) -> Raised:
    return _difference(call, call["self"], call["other"])


def _rsub(call: Call) -> Raised:
    return _difference(call, call["other"], call["self"])


def _difference(call: Call, left: Any, right: Any) -> Wire:
    to, scale = call.result.dtype, call.number(call.get("alpha", 1))
    if scale != 1:
        raise CannotRaiseError("its factor `alpha` is not 1")
    if _is_scalar(call, right):
        number = scalar_of(call, right)
        assert number is not None
        return _with_scalar(call, "sub", left, number, to)
    if _is_scalar(call, left):
        number = scalar_of(call, left)
        assert number is not None
        return _with_scalar(call, "add", call.add("neg", call.wire(right, to)), number, to)
    return call.add("sub", call.wire(left, to), call.wire(right, to))


def _div(call: Call) -> Raised:
    if call.get("rounding_mode") is not None:
        raise CannotRaiseError("it rounds, and there is no op that rounds")
    to = call.result.dtype
    if _is_scalar(call, call["other"]):
        number = scalar_of(call, call["other"])
        assert number is not None
        return _with_scalar(call, "div", call["self"], number, to)
    return call.add("div", _operand(call, call["self"], to), call.wire(call["other"], to))


def _operand(call: Call, value: Any, dtype: str) -> Wire:
    """Return a value; a bare number becomes a constant."""
    if isinstance(value, bool | int | float):
        return _constant(call, value, dtype)
    return call.wire(value, dtype)


def _pow(call: Call) -> Raised:
    base, exponent = call["self"], call["exponent"]
    to = call.result.dtype
    if not _is_scalar(call, exponent):
        return call.add("pow", _operand(call, base, to), call.wire(exponent, to))
    number = scalar_of(call, exponent)
    x = call.wire(base, to)
    if number == 1:
        return x
    if number in (0.5, -0.5):
        return call.add("sqrt" if number == 0.5 else "rsqrt", x)
    return call.add("pow", x, scalar=number)


def _compare(operation: str) -> Raiser:
    def raise_compare(call: Call) -> Raised:
        left, right = call["self"], call["other"]
        if _is_scalar(call, right):
            number = scalar_of(call, right)
            assert number is not None
            x = call.wire(left)
            kind = call.draft.type(x).kind
            if kind == "bool":
                x = call.wire(left, "int64")
            elif kind == "int" and not float(number).is_integer():
                x = call.wire(left, "float32")
            return call.add("compare", x, operation=operation, scalar=number)
        return call.add("compare", call.wire(left), call.wire(right), operation=operation)

    return raise_compare


def _extreme(op_type: str) -> Raiser:
    def raise_extreme(call: Call) -> Raised:
        to = call.result.dtype
        return call.add(op_type, call.wire(call["self"], to), call.wire(call["other"], to))

    return raise_extreme


def _clamp(call: Call) -> Raised:
    low, high = call.get("min"), call.get("max")
    to = call.result.dtype
    x = call.wire(call["self"], to)
    numbers = [None if one is None else scalar_of(call, one) for one in (low, high)]
    for bound, number, op_type in ((low, numbers[0], "maximum"), (high, numbers[1], "minimum")):
        if bound is not None and number is None:
            x = call.add(op_type, x, call.wire(bound, to))
    bounds = {
        name: number
        for name, number in zip(("min", "max"), numbers, strict=True)
        if number is not None and math.isfinite(number)
    }
    return call.add("clamp", x, **bounds) if bounds else x


def _where(call: Call) -> Raised:
    to = call.result.dtype
    condition = call.wire(call["condition"], "bool")
    return call.add("where", condition, _operand(call, call["self"], to), _operand(call, call["other"], to))


def _masked_fill(call: Call) -> Raised:
    to = call.result.dtype
    filling, number = call["value"], call.number(call["value"])
    chosen = call.wire(filling, to) if number is None else _constant(call, number, to)
    return call.add("where", call.wire(call["mask"]), chosen, call.wire(call["self"]))


def _unary(op_type: str) -> Raiser:
    def raise_unary(call: Call) -> Raised:
        return call.add(op_type, call.wire(call.get("self", call.get("input")), call.result.dtype))

    return raise_unary


def _logical(op_type: str) -> Raiser:
    """And is a product of truth values, or their maximum."""

    def raise_logical(call: Call) -> Raised:
        if call.result.dtype != "bool":
            raise CannotRaiseError("it works on bits, and there is no op for that")
        return call.add(op_type, call.wire(call["self"], "bool"), call.wire(call["other"], "bool"))

    return raise_logical


def _exclusive(call: Call) -> Raised:
    if call.result.dtype != "bool":
        raise CannotRaiseError("it works on bits, and there is no op for that")
    return call.add("compare", call.wire(call["self"]), call.wire(call["other"]), operation="ne")


def _not(call: Call) -> Raised:
    if call.result.dtype != "bool":
        raise CannotRaiseError("it works on bits, and there is no op for that")
    x = call.wire(call["self"], "bool")
    return call.add("compare", x, _constant(call, value=False, dtype="bool"), operation="eq")


def _scaled(op_type: str, **attributes: Any) -> Raiser:
    """Raise to an op with a fixed number."""
    return lambda call: call.add(op_type, call.wire(call["self"], call.result.dtype), **attributes)


def _addcmul(call: Call) -> Raised:
    """`self + value * tensor1 * tensor2`."""
    to = call.result.dtype
    product = call.add("multiply", call.wire(call["tensor1"], to), call.wire(call["tensor2"], to))
    factor = call.number(call["value"])
    if factor != 1:
        product = call.add("multiply", product, scalar=factor)
    return call.add("add", call.wire(call["self"], to), product)


def _lerp(call: Call) -> Raised:
    """`self + weight * (end - self)`."""
    start, end = call.wire(call["self"]), call.wire(call["end"])
    change = call.add("sub", end, start)
    number = call.number(call["weight"])
    step = (
        call.add("multiply", change, call.wire(call["weight"]))
        if number is None
        else call.add("multiply", change, scalar=number)
    )
    return call.add("add", start, step)


def _copy(call: Call) -> Raised:
    """The other value, stretched to this one."""
    x = call.wire(call["src"], call.result.dtype)
    shape = call.result.shape
    if call.draft.type(x).shape == shape:
        return x
    return call.add("expand", x, shape=[written(size) for size in shape])


def _cast(call: Call) -> Raised:
    x = call.wire(call.get("self", call.get("input")))
    held, wanted = call.draft.type(x), call.result.dtype
    if held.dtype == wanted:
        return x
    if DTYPES[wanted].kind == "bool" and held.kind != "bool":
        return call.add("compare", x, operation="ne", scalar=0)
    return call.add("cast", x, dtype=wanted)


_COMPARISONS: Mapping[str, str] = {
    "eq": "eq",
    "ne": "ne",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "not_equal": "ne",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
}
_UNARY = ("exp", "log", "sqrt", "rsqrt", "sin", "cos", "abs", "neg")

RAISERS: Mapping[str, Raiser] = {
    "add": _commutative("add"),
    "mul": _commutative("multiply"),
    "multiply": _commutative("multiply"),
    "sub": _sub,
    "subtract": _sub,
    "rsub": _rsub,
    "div": _div,
    "divide": _div,
    "true_divide": _div,
    "pow": _pow,
    "square": _scaled("pow", scalar=2),
    "reciprocal": _scaled("pow", scalar=-1),
    **{name: _compare(operation) for name, operation in _COMPARISONS.items()},
    "maximum": _extreme("maximum"),
    "minimum": _extreme("minimum"),
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "where": _where,
    "masked_fill": _masked_fill,
    **{name: _unary(name) for name in _UNARY},
    "negative": _unary("neg"),
    "absolute": _unary("abs"),
    "__and__": _logical("multiply"),
    "bitwise_and": _logical("multiply"),
    "logical_and": _logical("multiply"),
    "__or__": _logical("maximum"),
    "bitwise_or": _logical("maximum"),
    "logical_or": _logical("maximum"),
    "logical_xor": _exclusive,
    "bitwise_xor": _exclusive,
    "logical_not": _not,
    "bitwise_not": _not,
    "addcmul": _addcmul,
    "lerp": _lerp,
    "copy_": _copy,
    "to": _cast,
    "type_as": _cast,
    "_to_copy": _cast,
}
