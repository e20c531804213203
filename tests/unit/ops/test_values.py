"""Dtypes against torch."""

from itertools import product

import pytest
import torch

from esper_graph.ops.dims import symbol
from esper_graph.ops.values import DTYPES, TensorType, TupleType, complex_of, promote, real_of


@pytest.mark.parametrize(("left", "right"), list(product(DTYPES, repeat=2)))
def test_two_dtypes_promote_as_in_torch(left: str, right: str) -> None:
    assert getattr(torch, promote(left, right)) == torch.promote_types(
        getattr(torch, left), getattr(torch, right)
    )


@pytest.mark.parametrize("dtypes", list(product(DTYPES, repeat=3)))
def test_promotion_does_not_depend_on_the_order(dtypes: tuple[str, str, str]) -> None:
    first, second, third = dtypes
    assert (
        len({promote(first, second, third), promote(third, first, second), promote(second, third, first)})
        == 1
    )


@pytest.mark.parametrize("name", list(DTYPES))
def test_kinds_and_widths_are_those_of_torch(name: str) -> None:
    dtype = getattr(torch, name)
    assert DTYPES[name].bytes == dtype.itemsize
    assert (DTYPES[name].kind == "complex") == dtype.is_complex
    assert (DTYPES[name].kind == "float") == dtype.is_floating_point


@pytest.mark.parametrize("name", ["float32", "float64", "complex64", "complex128"])
def test_complex_and_real_dtypes_belong_together_as_in_torch(name: str) -> None:
    dtype = getattr(torch, name)
    assert getattr(torch, real_of(name)) == dtype.to_real()
    assert getattr(torch, str(complex_of(name))) == dtype.to_complex()


def test_half_precision_has_no_complex_dtype_here() -> None:
    assert complex_of("float16") is complex_of("bfloat16") is complex_of("int64") is None


def test_values_write_themselves_as_people_do() -> None:
    x = TensorType((symbol("batch"), 3), "int64")
    assert str(x) == "int64[batch, 3]"
    assert (x.rank, x.kind) == (2, "int")
    pair = TupleType("pair", (("first", x), ("second", TensorType(()))))
    assert str(pair) == "pair(first: int64[batch, 3], second: float32[])"
    assert pair["second"] == TensorType(())
