"""Dense products: linear, matmul, einsum.

Multiply-adds are counted for these ops only (and for convolutions, attention and recurrent layers). A
multiply-add of complex numbers counts once in a product, and twice in `linear`, whose weights are real.
"""

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from string import ascii_letters
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from esper_graph.ops.attributes import Attributes, Size
from esper_graph.ops.dims import Dim, product
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef, Parameter, RuleError, Uniform
from esper_graph.ops.rules import broadcast, one_dtype, tensor_of
from esper_graph.ops.values import TensorType


class Linear(Attributes):
    """An affine map of the last axis, with weights `[out_features, in_features]`."""

    in_features: Size
    out_features: Size
    bias: bool = True


def infer_linear(a: Linear, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """`[..., in_features] -> [..., out_features]`; a complex input has both parts mapped alike."""
    x = tensor_of(inputs[0], "input", "float", "complex")
    if not x.shape or x.shape[-1] != a.in_features:
        raise RuleError(
            f"the last axis of {x} is not in_features={a.in_features}",
            hint=_linear_hint(a, x),
            port="input",
            expected=a.in_features,
            actual=str(x),
        )
    return (TensorType((*x.shape[:-1], a.out_features), x.dtype),)


def _linear_hint(a: Linear, x: TensorType) -> str | None:
    if x.rank > 2 and product(x.shape[1:]) == a.in_features:
        return "insert `flatten` before it"
    if x.rank > 2 and x.shape[1] == a.in_features:
        return f"move axis 1 to the end: insert `permute` with dims {[0, *range(2, x.rank), 1]}"
    return f"set in_features to {x.shape[-1]}" if x.shape and isinstance(x.shape[-1], int) else None


def cost_linear(a: Linear, inputs: Inputs, outputs: Any) -> Cost:
    """One multiply-add for each weight and row; the bias counts as one elementwise addition an output."""
    parts = 2 if inputs[0].kind == "complex" else 1
    rows = product(inputs[0].shape[:-1])
    return Cost(
        macs=rows * (a.in_features * a.out_features * parts),
        elementwise=rows * a.out_features if a.bias else 0,
    )


def parameters_linear(a: Linear) -> tuple[Parameter, ...]:
    """Weight and bias, both within `1/sqrt(in_features)`, as torch's Linear draws them."""
    bound = 1 / sqrt(a.in_features)
    weight = Parameter("weight", (a.out_features, a.in_features), Uniform(bound))
    return (weight, Parameter("bias", (a.out_features,), Uniform(bound))) if a.bias else (weight,)


class Matmul(Attributes):
    """A batched matrix product of the last two axes; each side may be transposed first."""

    transpose_a: bool = False
    transpose_b: bool = False


def infer_matmul(a: Matmul, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """`[..., n, k] x [..., k, m] -> [..., n, m]`, leading axes equal or 1."""
    left, right = tensor_of(inputs[0], "a", "float", "complex"), tensor_of(inputs[1], "b", "float", "complex")
    if left.rank < 2 or right.rank < 2:
        raise RuleError(f"matmul multiplies matrices, not {left} and {right}", a=str(left), b=str(right))
    dtype = one_dtype((left, right), "matmul")
    rows, inner = left.shape[-2:] if not a.transpose_a else (left.shape[-1], left.shape[-2])
    depth, columns = right.shape[-2:] if not a.transpose_b else (right.shape[-1], right.shape[-2])
    if inner != depth:
        raise RuleError(
            f"matmul of {left} and {right}: {inner} columns meet {depth} rows",
            expected=str(inner),
            actual=str(depth),
        )
    lead = broadcast(left.shape[:-2], right.shape[:-2], "matmul")
    return (TensorType((*lead, rows, columns), dtype),)


def cost_matmul(a: Matmul, inputs: Inputs, outputs: Any) -> Cost:
    """One multiply-add for each output element and inner position."""
    inner = inputs[0].shape[-2] if a.transpose_a else inputs[0].shape[-1]
    return Cost(macs=product(outputs[0].shape) * inner)


def _canonical_equation(equation: str) -> str:
    left, arrow, result = equation.replace(" ", "").partition("->")
    operands = left.split(",")
    for term in (*operands, result):
        if not all(letter in ascii_letters for letter in term):
            raise ValueError(f"`{term}` holds something that is not a letter")
    counts = Counter("".join(operands))
    if not arrow:
        result = "".join(sorted(letter for letter, count in counts.items() if count == 1))
    if len(set(result)) < len(result):
        raise ValueError(f"the result `{result}` names a letter twice")
    unknown = sorted(set(result) - set(counts))
    if unknown:
        raise ValueError(f"the result has the letter `{unknown[0]}`, which no operand has")
    renamed = str.maketrans(dict(zip(counts, ascii_letters, strict=False)))
    return f"{','.join(operands)}->{result}".translate(renamed)


class Einsum(Attributes):
    """A sum of products, as an equation over axis letters.

    Attributes:
        equation: Such as `bij,bjk->bik`. Without `->` the result has the letters that occur once, sorted.
            Letters are renamed in order of appearance, so that equations of one meaning are one text.

    Example:
        >>> Einsum(equation="xh, hy").equation
        'ab,bc->ac'
    """

    equation: Annotated[str, Field(max_length=200), AfterValidator(_canonical_equation)]

    @property
    def operands(self) -> list[str]:
        """The letters of each operand."""
        return self.equation.partition("->")[0].split(",")

    @property
    def result(self) -> str:
        """The letters of the result."""
        return self.equation.partition("->")[2]


def infer_einsum(a: Einsum, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """One size a letter."""
    operands = [tensor_of(value, f"inputs.{slot}", "float", "complex") for slot, value in enumerate(inputs)]
    if len(operands) != len(a.operands):
        raise RuleError(
            f"`{a.equation}` has {len(a.operands)} operands, but {len(operands)} values arrive",
            expected=len(a.operands),
            actual=len(operands),
        )
    sizes = _letter_sizes(a, operands)
    return (TensorType(tuple(sizes[letter] for letter in a.result), one_dtype(operands, "einsum")),)


def _letter_sizes(a: Einsum, operands: Sequence[TensorType]) -> dict[str, Dim]:
    sizes: dict[str, Dim] = {}
    for slot, (letters, operand) in enumerate(zip(a.operands, operands, strict=True)):
        if len(letters) != operand.rank:
            raise RuleError(
                f"the operand `{letters}` of `{a.equation}` does not name the axes of {operand}",
                port=f"inputs.{slot}",
                expected=letters,
                actual=str(operand),
            )
        for letter, size in zip(letters, operand.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                shapes = " and ".join(map(str, operands))
                raise RuleError(
                    f"`{letter}` of `{a.equation}` is {sizes[letter]} and {size} in {shapes}",
                    expected=str(sizes[letter]),
                    actual=str(size),
                )
    return sizes


def cost_einsum(a: Einsum, inputs: Inputs, outputs: Any) -> Cost:
    """Operands are multiplied from left to right, as torch does where no path is given.

    A step that sums over letters of both sides is a matrix product and counts multiply-adds, after letters of
    one side alone have been summed away; any other step counts one elementwise operation for each element of
    its result.
    """
    sizes = _letter_sizes(a, inputs)
    macs: Dim = 0
    elementwise: Dim = 0
    current = set(a.operands[0])
    if len(a.operands) == 1 and current > set(a.result):
        elementwise = product(tuple(sizes[letter] for letter in current))
    for step, letters in enumerate(a.operands[1:], start=1):
        needed = set(a.result).union(*a.operands[step + 1 :])
        left = {letter for letter in current if letter in needed or letter in letters}
        right = {letter for letter in letters if letter in needed or letter in current}
        work = product(tuple(sizes[letter] for letter in sorted(left | right)))
        if any(letter not in needed and sizes[letter] != 1 for letter in left & right):
            macs = macs + work
        else:
            elementwise = elementwise + work
        current = (left | right) & needed
    return Cost(macs, elementwise)


OPS: tuple[OpDef, ...] = (
    OpDef("linear", "Dense", Linear, ("input",), infer_linear, cost_linear, parameters_linear),
    OpDef("matmul", "Dense", Matmul, ("a", "b"), infer_matmul, cost_matmul),
    OpDef("einsum", "Dense", Einsum, ("inputs*",), infer_einsum, cost_einsum),
)
