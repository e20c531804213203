"""Arithmetic on single elements, with sizes that are equal or 1.

Every op counts one elementwise operation for each element of its result. A value of another dtype is cast to
the promoted one first, whatever its rank. Where an op has the attribute `scalar`, the number takes the place
of the missing right operand and never changes the dtype: a tensor of whole numbers takes whole ones only.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import model_validator

from esper_graph.ops.attributes import Attributes, NoAttributes, Number
from esper_graph.ops.dims import product
from esper_graph.ops.opdef import Assumption, Cost, InferRule, Inputs, OpDef, RuleError
from esper_graph.ops.rules import broadcast, tensor, tensor_of
from esper_graph.ops.values import TensorType, promote, real_of


def cost_elementwise(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One for each element of the result."""
    return Cost(elementwise=product(outputs[0].shape))


def broadcast_all(tensors: Sequence[TensorType], what: str) -> TensorType:
    """Return the type of an elementwise operation on these tensors.

    Raises:
        RuleError: Two sizes differ and neither is 1; the hint names the node that would align them.
    """
    shape, dtype = tensors[0].shape, tensors[0].dtype
    for slot, other in enumerate(tensors[1:], start=1):
        if other.shape != shape:
            try:
                shape = broadcast(shape, other.shape, what)
            except RuleError as error:
                left = TensorType(shape, dtype)
                error.hint = _alignment(left, other, slot)
                raise
        dtype = promote(dtype, other.dtype)
    return TensorType(shape, dtype)


def _alignment(left: TensorType, right: TensorType, slot: int) -> str | None:
    """Name the node that would bring the shorter of two shapes below the leading axes of the longer."""
    shorter, longer = (left, right) if left.rank < right.rank else (right, left)
    leading = longer.shape[: shorter.rank]
    if shorter.rank in (0, longer.rank) or any(
        one != other and 1 not in (one, other) for one, other in zip(shorter.shape, leading, strict=True)
    ):
        return None
    sizes = [shorter.shape[-1], *[1] * (longer.rank - shorter.rank)]
    shown = ", ".join(str(size) if isinstance(size, int) else repr(str(size)) for size in sizes)
    which = f"value {slot}" if shorter is right else f"value {slot - 1}"
    return f"insert `unflatten` with dim=-1 and sizes=[{shown}] before {which}"


class Operand(Attributes):
    """A number in the place of the right operand, or None where a second value arrives."""

    scalar: Number | None = None


def _check_scalar(x: TensorType, scalar: float, op_type: str) -> None:
    if x.kind in ("bool", "int") and not scalar.is_integer():
        raise RuleError(
            f"{op_type} of {x} and {scalar} is not a whole number",
            hint="insert `cast` to a dtype of kind float",
            actual=str(x),
            scalar=scalar,
        )
    if x.kind == "bool":
        raise RuleError(f"{op_type} of {x} and a number", hint="insert `cast`", actual=str(x), scalar=scalar)


def _operands(a: Operand, inputs: Inputs, op_type: str) -> list[TensorType]:
    """Return the tensors at the ports, after checking that there is exactly one right operand."""
    given = [value for value in inputs if value is not None]
    if (len(given) == 1) == (a.scalar is None):
        rest = (
            "neither a second value nor `scalar`" if a.scalar is None else "both a second value and `scalar`"
        )
        raise RuleError(
            f"`{op_type}` has {rest}", hint=f"give {'one' if a.scalar is None else 'only one'} of them"
        )
    tensors = [tensor(value, f"value {slot}") for slot, value in enumerate(given)]
    for x in tensors:
        if x.kind not in _KINDS[op_type]:
            raise RuleError(
                f"`{op_type}` takes {', '.join(_KINDS[op_type])} elements, not {x}",
                hint="insert `cast`",
                actual=str(x),
            )
    return tensors


_ALL = ("bool", "int", "float", "complex")
_NUMBERS = ("int", "float", "complex")
_KINDS = {"add": _ALL, "multiply": _ALL, "sub": _NUMBERS, "div": _ALL, "pow": _NUMBERS, "compare": _ALL}


def _arithmetic(op_type: str) -> InferRule:
    def infer(a: Operand, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
        tensors = _operands(a, inputs, op_type)
        if a.scalar is not None:
            _check_scalar(tensors[0], a.scalar, op_type)
        return (broadcast_all(tensors, op_type),)

    infer.__doc__ = f"{op_type} of values whose sizes are equal or 1."
    return infer


def infer_div(a: Operand, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """True division: whole numbers give `float32`."""
    found = broadcast_all(_operands(a, inputs, "div"), "div")
    return (TensorType(found.shape, "float32") if found.kind in ("bool", "int") else found,)


def infer_pow(a: Operand, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """`a` to the power of `b`; whole numbers only to powers that are known not to be negative."""
    tensors = _operands(a, inputs, "pow")
    found = broadcast_all(tensors, "pow")
    if a.scalar is not None:
        _check_scalar(found, a.scalar, "pow")
    if found.kind == "int" and (a.scalar is None or a.scalar < 0):
        shown = " and ".join(map(str, tensors)) if a.scalar is None else f"{tensors[0]} and {a.scalar}"
        raise RuleError(
            f"pow of {shown} may not be a whole number", hint="insert `cast` to a dtype of kind float"
        )
    return (found,)


class Compare(Operand):
    """A comparison: equal, not equal, less, less or equal, greater, greater or equal."""

    operation: Literal["eq", "ne", "lt", "le", "gt", "ge"]


def infer_compare(a: Compare, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """True or false for each element; complex numbers have no order."""
    found = broadcast_all(_operands(a, inputs, "compare"), "compare")
    if found.kind == "complex" and a.operation not in ("eq", "ne"):
        raise RuleError(f"complex numbers have no order: `{a.operation}` of {found}", actual=str(found))
    return (TensorType(found.shape, "bool"),)


def _extreme(op_type: str) -> InferRule:
    def infer(a: NoAttributes, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
        tensors = [
            tensor_of(value, f"inputs.{slot}", "float", "int", "bool") for slot, value in enumerate(inputs)
        ]
        return (broadcast_all(tensors, op_type),)

    infer.__doc__ = f"The {op_type} of real values whose sizes are equal or 1."
    return infer


class Clamp(Attributes):
    """Bounds; at least one of them."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _check(self) -> "Clamp":
        if self.min is None and self.max is None:
            raise ValueError("`min` or `max` must be set")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min={self.min} is above max={self.max}")
        return self


def infer_clamp(a: Clamp, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Real numbers of the same type."""
    x = tensor_of(inputs[0], "input", "float", "int")
    for bound in (a.min, a.max):
        if bound is not None:
            _check_scalar(x, bound, "clamp")
    return (x,)


def infer_where(a: NoAttributes, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Elements of `a` where the condition holds, else of `b`."""
    condition = tensor_of(inputs[0], "condition", "bool")
    chosen = broadcast_all([tensor(inputs[1], "a"), tensor(inputs[2], "b")], "where")
    found = broadcast_all([condition, chosen], "where")
    return (TensorType(found.shape, chosen.dtype),)


def _unary(*kinds: str, real: bool = False) -> InferRule:
    def infer(a: NoAttributes, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
        x = tensor_of(inputs[0], "input", *kinds)
        return (TensorType(x.shape, real_of(x.dtype)) if real else x,)

    infer.__doc__ = "A value of the same shape."
    return infer


def _variadic(op_type: str, attributes: type[Attributes], infer: InferRule, least: int) -> OpDef:
    return OpDef(
        op_type,
        "Elementwise",
        attributes,
        ("inputs*",),
        infer,
        cost_elementwise,
        least=least,
        commutative=True,
    )


def _single(op_type: str, infer: InferRule, attributes: type[Attributes] = NoAttributes) -> OpDef:
    return OpDef(op_type, "Elementwise", attributes, ("input",), infer, cost_elementwise)


def _binary(op_type: str, infer: InferRule, attributes: type[Attributes] = Operand) -> OpDef:
    return OpDef(op_type, "Elementwise", attributes, ("a", "b?"), infer, cost_elementwise)


OPS: tuple[OpDef, ...] = (
    _variadic("add", Operand, _arithmetic("add"), 1),
    _variadic("multiply", Operand, _arithmetic("multiply"), 1),
    _variadic("maximum", NoAttributes, _extreme("maximum"), 2),
    _variadic("minimum", NoAttributes, _extreme("minimum"), 2),
    _binary("sub", _arithmetic("sub")),
    _binary("div", infer_div),
    _binary("pow", infer_pow),
    _binary("compare", infer_compare, Compare),
    _single("clamp", infer_clamp, Clamp),
    OpDef("where", "Elementwise", NoAttributes, ("condition", "a", "b"), infer_where, cost_elementwise),
    _single("exp", _unary("float", "complex")),
    _single("log", _unary("float", "complex")),
    _single("sqrt", _unary("float", "complex")),
    _single("rsqrt", _unary("float", "complex")),
    _single("sin", _unary("float", "complex")),
    _single("cos", _unary("float", "complex")),
    _single("abs", _unary("float", "int", "complex", real=True)),
    _single("neg", _unary("float", "int", "complex")),
)
