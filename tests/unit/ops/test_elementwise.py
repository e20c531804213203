from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import pytest
import torch

from esper_graph.ops import OPS
from esper_graph.ops.dims import evaluate
from esper_graph.ops.values import DTYPES, TensorType, TupleType, promote
from tests.unit.ops.nn_oracle import (
    BINDINGS,
    assert_same_as_torch,
    complaint,
    infer,
    refusal,
    tensor,
    text_of,
    values_of,
)

BINARY: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "multiply": torch.mul,
    "sub": torch.sub,
    "div": torch.div,
    "pow": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}
UNARY: dict[str, Callable[..., torch.Tensor]] = {
    name: getattr(torch, name) for name in ("exp", "log", "sqrt", "rsqrt", "abs", "neg", "sin", "cos")
}
REFUSED_KINDS = {"sub": {"bool"}, "pow": {"bool"}, "maximum": {"complex"}, "minimum": {"complex"}}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
SHAPES = [
    (("batch", 4), ("batch", 4)),
    (("batch", "length", 4), (4,)),
    (("batch", "length", 4), ("length", 4)),
    (("batch", 1, 4), ("batch", "length", 1)),
    ((1,), ("batch", 3)),
    ((), ("batch",)),
    (("batch", 8, 1, 1), ("batch", 8, "height", "width")),
]


@pytest.mark.parametrize("op_type", BINARY)
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_two_values_broadcast_as_in_torch(
    op_type: str, left: tuple[Any, ...], right: tuple[Any, ...]
) -> None:
    for one, other in permutations((tensor(*left), tensor(*right))):
        assert_same_as_torch(op_type, {}, [one, other], BINARY[op_type])


@pytest.mark.parametrize("op_type", BINARY)
@pytest.mark.parametrize(("left", "right"), list(product(DTYPES, repeat=2)))
def test_two_dtypes_are_accepted_only_where_torch_computes_with_them(
    op_type: str, left: str, right: str
) -> None:
    kinds = {DTYPES[left].kind, DTYPES[right].kind}
    if kinds & REFUSED_KINDS.get(op_type, set()) or (op_type == "pow" and kinds == {"int"}):
        said = refusal(op_type, {}, tensor(2, dtype=left), tensor(2, dtype=right))
        assert left in said or right in said
        return
    ((found,), _) = infer(op_type, {}, tensor(2, dtype=left), tensor(2, dtype=right))
    together = getattr(torch, promote(left, right))
    one, other = (torch.ones(2, dtype=getattr(torch, dtype)).to(together) for dtype in (left, right))
    assert isinstance(found, TensorType)
    assert BINARY[op_type](one, other).dtype == getattr(torch, found.dtype)


def test_any_number_of_values_is_combined() -> None:
    three = [tensor("batch", 1, 4), tensor("length", 4, dtype="int64"), tensor(1, dtype="float64")]
    for op_type, run in BINARY.items():
        if OPS[op_type].commutative:
            results = {infer(op_type, {}, *order)[0] for order in permutations(three)}
            assert results == {(tensor("batch", "length", 4, dtype="float64"),)}
            same = [tensor("batch", 4)] * 3
            assert_same_as_torch(op_type, {}, same, lambda a, b, c, run=run: run(run(a, b), c))


def test_a_gate_per_channel_is_not_multiplied_with_an_image() -> None:
    gate, image = tensor("batch", 8), tensor("batch", 8, "height", "width")
    for order in ((gate, image), (image, gate)):
        said = refusal("multiply", {}, *order)
        assert "[batch, 8]" in said
        assert "[batch, 8, height, width]" in said
        assert f"insert `unflatten` with dim=-1 and sizes=[8, 1, 1] before value {order.index(gate)}" in said
    sizes = {"sizes": [8, 1, 1], "dim": -1}
    ((gate_4d,), _) = infer("unflatten", sizes, gate)
    assert infer("multiply", {}, gate_4d, image)[0] == (image,), "the hint helps"


def test_unequal_shapes_without_a_remedy_are_refused_without_a_hint() -> None:
    assert refusal("add", {}, tensor("batch", 3), tensor("batch", 4)).endswith("(None)")
    assert "length is not keys" in refusal("add", {}, tensor("batch", "length"), tensor("batch", "keys"))


@pytest.mark.parametrize("op_type", ["add", "multiply", "sub", "div", "pow"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scalar", [2.0, -1.0, 0.5])
def test_a_number_takes_the_place_of_the_second_value(op_type: str, dtype: str, scalar: float) -> None:
    x = tensor(3, dtype=dtype)
    kind = DTYPES[dtype].kind
    whole_only = kind == "int" and op_type != "div"
    if (kind == "bool" and op_type != "div") or (
        whole_only and (not scalar.is_integer() or (op_type == "pow" and scalar < 0))
    ):
        assert dtype in refusal(op_type, {"scalar": scalar}, x)
        return
    ((found,), _) = infer(op_type, {"scalar": scalar}, x)
    assert isinstance(found, TensorType)
    number = int(scalar) if DTYPES[dtype].kind in ("bool", "int") and scalar.is_integer() else scalar
    given: Any = torch.ones(3, dtype=getattr(torch, dtype))
    assert BINARY[op_type](given, number).dtype == getattr(torch, found.dtype)


def test_a_whole_tensor_takes_whole_numbers_only() -> None:
    whole = tensor("batch", dtype="int64")
    assert infer("add", {"scalar": 1}, whole)[0] == (whole,)
    assert "int64[batch] and 1.5" in refusal("add", {"scalar": 1.5}, whole)
    assert infer("pow", {"scalar": 2}, whole)[0] == (whole,)
    assert "may not be a whole number" in refusal("pow", {"scalar": -1}, whole)
    assert "may not be a whole number" in refusal("pow", {}, whole, whole)
    assert infer("div", {"scalar": 2}, whole)[0] == (tensor("batch"),)


@pytest.mark.parametrize("op_type", ["add", "multiply", "sub", "div", "pow"])
def test_there_is_exactly_one_right_operand(op_type: str) -> None:
    x = tensor("batch")
    assert "neither a second value nor `scalar`" in refusal(op_type, {}, x)
    assert "both a second value and `scalar`" in refusal(op_type, {"scalar": 1}, x, x)
    assert text_of(op_type, scalar=2) == text_of(op_type, scalar=2.0)
    assert text_of(op_type) == text_of(op_type, scalar=None)
    assert text_of(op_type, scalar=0.0) != text_of(op_type, scalar=-0.0)


@pytest.mark.parametrize("operation", COMPARISONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_comparisons_give_truth_values(operation: str, dtype: str) -> None:
    x = tensor(3, dtype=dtype)
    given: Any = torch.ones(3, dtype=getattr(torch, dtype))
    if DTYPES[dtype].kind == "complex" and operation not in ("eq", "ne"):
        assert dtype in refusal("compare", {"operation": operation}, x, x)
        with pytest.raises(RuntimeError):
            getattr(torch, operation)(given, given)
        return
    assert infer("compare", {"operation": operation}, x, x)[0] == (tensor(3, dtype="bool"),)
    assert infer("compare", {"operation": operation, "scalar": 0.5}, x)[0] == (tensor(3, dtype="bool"),)
    assert getattr(torch, operation)(given, given).dtype == torch.bool
    assert_same_as_torch(
        "compare", {"operation": operation}, [x, tensor("batch", 1)], getattr(torch, operation)
    )


def test_an_unknown_comparison_is_refused() -> None:
    assert "did you mean `le`" in complaint("compare", operation="les")


@pytest.mark.parametrize("op_type", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_one_value_are_those_of_torch(op_type: str, dtype: str) -> None:
    x = tensor("batch", 3, dtype=dtype)
    kind = DTYPES[dtype].kind
    if kind == "bool" or (kind == "int" and op_type not in ("abs", "neg")):
        assert str(x) in refusal(op_type, {}, x)
        return
    assert_same_as_torch(op_type, {}, [x], UNARY[op_type])
    assert UNARY[op_type](torch.ones(2, dtype=getattr(torch, dtype))).numel() == 2, "on a CPU too"


@pytest.mark.parametrize(("low", "high"), [(0, None), (None, 6), (-1, 1), (2, 2)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64"])
def test_clamp_is_that_of_torch(low: float | None, high: float | None, dtype: str) -> None:
    bounds = {name: bound for name, bound in (("min", low), ("max", high)) if bound is not None}
    assert_same_as_torch("clamp", bounds, [tensor("batch", dtype=dtype)], lambda x: torch.clamp(x, low, high))


def test_clamp_needs_bounds_in_order() -> None:
    assert "`min` or `max`" in complaint("clamp")
    assert "min=2.0 is above max=1.0" in complaint("clamp", min=2, max=1)
    assert text_of("clamp", min=0) == text_of("clamp", min=0.0, max=None)
    assert "0.5" in refusal("clamp", {"min": 0.5}, tensor(2, dtype="int32"))
    assert "complex64[2]" in refusal("clamp", {"min": 0}, tensor(2, dtype="complex64"))


def test_where_chooses_between_two_values_as_torch_does() -> None:
    condition = tensor("batch", 1, dtype="bool")
    for one, other in product(DTYPES, repeat=2):
        inputs = [condition, tensor("batch", 4, dtype=one), tensor(2, 4, dtype=other)]
        if one == "float32" == other:
            said = refusal("where", {}, *inputs)
            assert "[batch, 4]" in said
            assert "[2, 4]" in said
        inputs[2] = tensor("length", 1, 1, dtype=other)
        assert_same_as_torch("where", {}, inputs, torch.where)
    assert "takes bool elements, not int64[3]" in refusal(
        "where", {}, tensor(3, dtype="int64"), tensor(3), tensor(3)
    )


def test_a_tuple_is_no_operand() -> None:
    pair = TupleType("pair", (("x", tensor()),))
    for op_type in (*BINARY, *UNARY):
        assert "pair" in refusal(op_type, {}, pair, tensor(1))


@pytest.mark.parametrize("op_type", [*BINARY, *UNARY])
def test_one_operation_is_counted_for_each_element_of_the_result(op_type: str) -> None:
    inputs = [tensor("batch", 1, 4), tensor("length", 1)][: 2 if op_type in BINARY else 1]
    outputs, _ = infer(op_type, {}, *inputs)
    cost = OPS[op_type].cost(values_of(op_type, {}), inputs, outputs)
    for binding in BINDINGS:
        size = BINARY.get(op_type, UNARY.get(op_type, torch.add))(
            *(torch.ones([evaluate(size, binding) for size in x.shape]) for x in inputs)
        ).numel()
        assert (cost.macs, evaluate(cost.elementwise, binding)) == (0, size)
