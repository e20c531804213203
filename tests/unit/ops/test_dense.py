from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.unit.ops.nn_oracle import (
    assert_initialised_like,
    assert_parameters_of,
    assert_same_as_torch,
    complaint,
    refusal,
    tensor,
    text_of,
)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lead", [("batch",), ("batch", "length"), ("batch", 3, "length")])
def test_linear_is_that_of_torch(lead: tuple[Any, ...], bias: bool) -> None:
    attributes = {"in_features": 20, "out_features": 60, "bias": bias}
    assert_same_as_torch(
        "linear", attributes, [tensor(*lead, 20)], nn.Linear(20, 60, bias=bias, device="meta")
    )
    assert_parameters_of("linear", attributes, nn.Linear(20, 60, bias=bias))


def test_linear_starts_as_in_torch() -> None:
    attributes = {"in_features": 40, "out_features": 1200}
    assert_initialised_like("linear", attributes, nn.Linear(40, 1200))


def test_linear_maps_both_parts_of_a_complex_value() -> None:
    def both(x: torch.Tensor) -> torch.Tensor:
        weight = torch.empty(5, 4, device="meta")
        return torch.complex(functional.linear(x.real, weight), functional.linear(x.imag, weight))

    attributes = {"in_features": 4, "out_features": 5, "bias": False}
    assert_same_as_torch("linear", attributes, [tensor("batch", 4, dtype="complex64")], both)


def test_linear_names_both_sizes_and_what_to_insert() -> None:
    attributes = {"in_features": 8, "out_features": 2}
    assert "float32[batch, 9] is not in_features=8 (set in_features to 9)" in refusal(
        "linear", attributes, tensor("batch", 9)
    )
    assert "insert `flatten`" in refusal("linear", attributes, tensor("batch", 8, 1, 1))
    assert "insert `flatten`" in refusal("linear", attributes, tensor("batch", 2, 2, 2))
    assert "insert `permute` with dims [0, 2, 3, 1]" in refusal(
        "linear", attributes, tensor("batch", 8, 7, 7)
    )
    assert "int64[batch, 8]" in refusal("linear", attributes, tensor("batch", 8, dtype="int64"))
    assert "float32[]" in refusal("linear", attributes, tensor())


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize(
    ("lead_a", "lead_b"), [((), ()), (("batch",), ()), (("batch", 1), ("length",)), ((1, 5), ("batch", 5))]
)
@pytest.mark.parametrize("dtype", ["float32", "complex64", "float16"])
def test_matmul_is_that_of_torch(
    lead_a: tuple[Any, ...], lead_b: tuple[Any, ...], transpose_a: bool, transpose_b: bool, dtype: str
) -> None:
    a = tensor(*lead_a, *(("keys", "height") if transpose_a else ("height", "keys")), dtype=dtype)
    b = tensor(*lead_b, *((7, "keys") if transpose_b else ("keys", 7)), dtype=dtype)

    def run(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return (left.mT if transpose_a else left) @ (right.mT if transpose_b else right)

    assert_same_as_torch("matmul", {"transpose_a": transpose_a, "transpose_b": transpose_b}, [a, b], run)


def test_matmul_names_both_shapes() -> None:
    said = refusal("matmul", {}, tensor("batch", 3, 4), tensor(5, 6))
    assert "float32[batch, 3, 4]" in said
    assert "float32[5, 6]" in said
    assert "4 columns meet 5 rows" in said
    assert "multiplies matrices" in refusal("matmul", {}, tensor(3), tensor(3, 4))
    assert "insert `cast`" in refusal("matmul", {}, tensor(3, 4), tensor(4, 5, dtype="float64"))
    assert "insert `cast`" in refusal("matmul", {}, tensor(3, 4, dtype="int64"), tensor(4, 5, dtype="int64"))
    assert "2 is not 3" in refusal("matmul", {}, tensor(2, 3, 4), tensor(3, 4, 5))


EINSUMS: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("bij,bjk->bik", [("batch", "length", 4), ("batch", 4, "keys")]),
    ("bhqd,bhkd->bhqk", [("batch", 2, "length", 8), ("batch", 2, "keys", 8)]),
    ("bi,bj->bij", [("batch", 3), ("batch", "length")]),
    ("bi,bi->b", [("batch", 3), ("batch", 3)]),
    ("ij,jk->", [("height", 3), (3, "width")]),
    ("ij,ij", [("height", "width"), ("height", "width")]),
    ("ij,k->k", [(3, 4), ("length",)]),
    ("ij,jk,kl->il", [("height", 3), (3, "width"), ("width", 5)]),
    ("ij,jk,kl->ijl", [("height", 3), (3, 4), (4, 5)]),
    ("ij,j,jk->ik", [("height", 3), (3,), (3, "width")]),
    ("ij,ik,kj->", [("height", 3), ("height", 4), (4, 3)]),
    ("ij->ji", [("height", "width")]),
    ("ij->i", [("height", "width")]),
    ("ii->i", [(3, 3)]),
    ("ii,ij->j", [(3, 3), (3, "width")]),
    ("ba", [("height", "width")]),
    ("ij,jk->ik", [("height", 1), (1, "width")]),
    ("bij,bjk->ik", [(1, "height", 4), (1, 4, 5)]),
    ("a,b,c->cab", [(2,), ("height",), (4,)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EINSUMS)
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_einsum_is_that_of_torch(equation: str, shapes: list[tuple[Any, ...]], dtype: str) -> None:
    def run(*operands: torch.Tensor) -> torch.Tensor:
        return torch.einsum(equation, *operands)

    with torch.backends.opt_einsum.flags(enabled=False):
        assert_same_as_torch(
            "einsum", {"equation": equation}, [tensor(*shape, dtype=dtype) for shape in shapes], run
        )


def test_equations_of_one_meaning_are_one_text() -> None:
    assert text_of("einsum", equation="bij, bjk -> bik") == text_of("einsum", equation="xyz,xzw->xyw")
    assert text_of("einsum", equation="ij,jk") == text_of("einsum", equation="ab,bc->ac")
    assert text_of("einsum", equation="ba") == text_of("einsum", equation="ab->ba"), "the result is sorted"
    assert text_of("einsum", equation="ij->ij") != text_of("einsum", equation="ij->ji")


@pytest.mark.parametrize("equation", ["...i->i", "ij->ii", "ij->k", "i1->i", "i->i->i", "->a"])
def test_other_equations_are_refused(equation: str) -> None:
    assert complaint("einsum", equation=equation)


def test_einsum_names_what_does_not_fit() -> None:
    said = refusal("einsum", {"equation": "ij,jk->ik"}, tensor(2, 3), tensor(4, 5))
    assert "3 and 4 in float32[2, 3] and float32[4, 5]" in said
    assert "2 operands, but 1" in refusal("einsum", {"equation": "ij,jk->ik"}, tensor(2, 3))
    assert "does not name the axes of float32[2]" in refusal("einsum", {"equation": "ij->i"}, tensor(2))


def test_products_own_no_parameters() -> None:
    assert_parameters_of("matmul", {}, nn.Identity())
    assert_parameters_of("einsum", {"equation": "a->a"}, nn.Identity())
