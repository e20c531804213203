"""Raise arithmetic on single elements."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator
from esper_graph.compile.importer.onnx_ops.values import Gaussian
from esper_graph.compile.importer.values import Known, Wire

_NO_BOUND = 3.4e38
"""What is larger bounds no float."""
_NOTHING = {("add", 0), ("multiply", 1), ("sub", 0), ("div", 1)}


def _commutative(op_type: str) -> OnnxRaiser:
    def raise_op(op: Operator) -> Any:
        left, right = op.input(0), op.input(1)
        if isinstance(right, Gaussian) or (isinstance(left, Known) and not isinstance(right, Known)):
            left, right = right, left
        if isinstance(left, Gaussian):
            taken = _gaussian(op, op_type, left, right)
            if taken is not None:
                return taken
        return _with_scalar(op, op_type, left, right)

    return raise_op


def _gaussian(op: Operator, op_type: str, part: Gaussian, other: Any) -> Gaussian | None:
    """Take the next step towards GELU, or return None."""
    number = op.scalar(other, op.type(part).rank)
    if op_type == "add":
        return Gaussian(part.x, 1, part.factor) if part.step == 0 and number == part.factor else None
    if number is not None:
        return Gaussian(part.x, part.step, part.factor * number)
    if part.step != 1 or not isinstance(other, Wire):
        return None
    if other == part.x:
        return Gaussian(part.x, 2, part.factor)
    node = op.draft.nodes[other.node]
    scalar = node.attributes.get("scalar")
    if node.op_type == "multiply" and node.inputs[0] == part.x and scalar is not None:
        return Gaussian(part.x, 2, part.factor * scalar)
    return None


def _with_scalar(op: Operator, op_type: str, left: Any, right: Any) -> Wire:
    x = op.wire(left)
    number = op.scalar(right, op.draft.type(x).rank)
    if number is None or not math.isfinite(number):
        return op.add(op_type, x, op.wire(right))
    return x if (op_type, number) in _NOTHING else op.add(op_type, x, scalar=number)


def _sub(op: Operator) -> Any:
    left, right = op.input(0), op.input(1)
    if not isinstance(left, Known):
        return _with_scalar(op, "sub", left, right)
    y = op.wire(right)
    number = op.scalar(left, op.draft.type(y).rank)
    if number is None or not math.isfinite(number):
        return op.add("sub", op.wire(left), y)
    y = op.add("neg", y)
    return y if number == 0 else op.add("add", y, scalar=number)


def _div(op: Operator) -> Any:
    if op.type(op.input(0)).kind != "float":
        raise CannotRaiseError("it divides whole numbers, and there is no op that rounds")
    return _with_scalar(op, "div", op.input(0), op.input(1))


def _pow(op: Operator) -> Any:
    """The result has the type of the base."""
    base, exponent = op.input(0), op.input(1)
    x = op.wire(base)
    held = op.draft.type(x)
    number = op.scalar(exponent, held.rank)
    if number is None:
        if op.type(exponent).dtype != held.dtype:
            return op.add("pow", x, op.wire(exponent, held.dtype))
        return op.add("pow", x, op.wire(exponent))
    if number == 1:
        return x
    if held.kind == "float" and number in (0.5, -0.5):
        return op.add("sqrt" if number == 0.5 else "rsqrt", x)
    if held.kind != "float" and (number != int(number) or number < 0):
        raise CannotRaiseError(f"it raises whole numbers to {number}")
    return op.add("pow", x, scalar=number if held.kind == "float" else int(number))


def _unary(op_type: str, **attributes: Any) -> OnnxRaiser:
    return lambda op: op.add(op_type, op.x(), **attributes)


def _compare(operation: str) -> OnnxRaiser:
    opposite = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq"}

    def raise_compare(op: Operator) -> Any:
        left, right, name = op.input(0), op.input(1), operation
        if isinstance(left, Known):
            left, right, name = right, left, opposite[operation]
        x = op.wire(left)
        held = op.draft.type(x)
        number = op.scalar(right, held.rank)
        if number is None or held.kind == "bool" or not math.isfinite(number):
            return op.add("compare", x, op.wire(right), operation=name)
        return op.add("compare", x, operation=name, scalar=number)

    return raise_compare


def _folded(op_type: str) -> OnnxRaiser:
    """Raise an op of any number of values to a chain of ours."""

    def raise_folded(op: Operator) -> Any:
        found = op.x()
        for at in range(1, len(op.inputs)):
            found = op.add(op_type, found, op.x(at))
        return found

    return raise_folded


def _mean(op: Operator) -> Any:
    return op.add("div", _folded("add")(op), scalar=len(op.inputs)) if len(op.inputs) > 1 else op.x()


def _clip(op: Operator) -> Any:
    """The lower bound first: where the bounds cross, the upper one wins."""
    x = op.x()
    bounds: dict[str, Any] = {}
    for at, name, op_type, sign in ((1, "min", "maximum", -1), (2, "max", "minimum", 1)):
        given = op.input(at)
        number = op.get(name) if given is None else op.scalar(given, 1)
        if number is None and given is None:
            continue
        if number is not None and sign * number > _NO_BOUND:
            continue
        if number is None or not math.isfinite(number) or (sign > 0 and number < bounds.get("min", number)):
            x = op.add("clamp", x, **bounds) if bounds else x
            bound = given if number is None else Known(torch.tensor(number, dtype=torch.float32))
            x, bounds = op.add(op_type, x, op.wire(bound)), {}
        else:
            bounds[name] = number
    if bounds == {"min": 0.0, "max": 6.0}:
        return op.add("activation", x, type="relu6")
    return op.add("clamp", x, **bounds) if bounds else x


def _where(op: Operator) -> Any:
    return op.add("where", op.x(0), op.x(1), op.x(2))


def _logical(op_type: str) -> OnnxRaiser:
    """And is a product of truth values, or their maximum."""
    return lambda op: op.add(op_type, op.x(0), op.x(1))


def _xor(op: Operator) -> Any:
    return op.add("compare", op.x(0), op.x(1), operation="ne")


def _not(op: Operator) -> Any:
    return op.add("compare", op.x(), op.wire(Known(torch.tensor(False))), operation="eq")  # noqa: FBT003


def _sign(op: Operator) -> Any:
    """What is above zero minus what is below."""
    x = op.x()
    held = op.draft.type(x).dtype
    above, below = (
        op.add("cast", op.add("compare", x, operation=one, scalar=0), dtype=held) for one in ("gt", "lt")
    )
    return op.add("sub", above, below)


RAISERS: Mapping[str, OnnxRaiser] = {
    "Add": _commutative("add"),
    "Mul": _commutative("multiply"),
    "Sub": _sub,
    "Div": _div,
    "Pow": _pow,
    "Reciprocal": _unary("pow", scalar=-1),
    **{name: _unary(name.lower()) for name in ("Exp", "Log", "Sqrt", "Sin", "Cos", "Abs", "Neg")},
    "Equal": _compare("eq"),
    "Greater": _compare("gt"),
    "GreaterOrEqual": _compare("ge"),
    "Less": _compare("lt"),
    "LessOrEqual": _compare("le"),
    "Max": _folded("maximum"),
    "Min": _folded("minimum"),
    "Sum": _folded("add"),
    "Mean": _mean,
    "Clip": _clip,
    "Where": _where,
    "And": _logical("multiply"),
    "Or": _logical("maximum"),
    "Xor": _xor,
    "Not": _not,
    "Sign": _sign,
}
