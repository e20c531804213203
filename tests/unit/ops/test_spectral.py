import pytest
import torch

from esper_graph.ops import OPS
from esper_graph.ops.values import DTYPES
from tests.unit.ops.nn_oracle import (
    assert_same_as_torch,
    complaint,
    infer,
    refusal,
    tensor,
    text_of,
    values_of,
)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_transforms_are_those_of_torch(dim: int, norm: str, dtype: str) -> None:
    attributes = {"dim": dim, "norm": norm}
    x = tensor("batch", "length", 6, dtype=dtype)
    assert_same_as_torch("fft", attributes, [x], lambda v: torch.fft.fft(v, dim=dim, norm=norm))
    if DTYPES[dtype].kind == "complex":
        assert_same_as_torch("ifft", attributes, [x], lambda v: torch.fft.ifft(v, dim=dim, norm=norm).real)
        assert str(x) in refusal("hartley", attributes, x)
    else:

        def hartley(v: torch.Tensor) -> torch.Tensor:
            found = torch.fft.fft(v, dim=dim, norm=norm)
            return found.real - found.imag

        assert_same_as_torch("hartley", attributes, [x], hartley)
        assert str(x) in refusal("ifft", attributes, x)


@pytest.mark.parametrize("op_type", ["fft", "ifft", "hartley"])
def test_half_precision_and_whole_numbers_have_no_transform(op_type: str) -> None:
    for dtype in ("float16", "bfloat16", "int64", "bool"):
        assert f"{dtype}[batch, 4]" in refusal(op_type, {}, tensor("batch", 4, dtype=dtype))


def test_fft_then_linear_then_ifft_stays_as_wide() -> None:
    x = tensor("batch", 8)
    ((spectrum,), _) = infer("fft", {"dim": -1}, x)
    ((mapped,), _) = infer("linear", {"in_features": 8, "out_features": 8}, spectrum)
    assert infer("ifft", {"dim": -1}, mapped)[0] == (x,)


def test_defaults_are_one_text_with_what_they_stand_for() -> None:
    assert text_of("fft") == text_of("fft", dim=-1, norm="backward")
    assert text_of("hartley") == text_of("hartley", dim=-1, norm="ortho")
    assert complaint("fft", norm="unitary")
    assert "axis 2 does not exist" in refusal("fft", {"dim": 2}, tensor("batch", 4))


@pytest.mark.parametrize(
    ("op_type", "dtype"), [("fft", "float32"), ("ifft", "complex64"), ("hartley", "float32")]
)
def test_one_operation_is_counted_for_each_element_of_the_result(op_type: str, dtype: str) -> None:
    x = tensor("batch", 6, dtype=dtype)
    cost = OPS[op_type].cost(values_of(op_type, {}), [x], infer(op_type, {}, x)[0])
    assert (cost.macs, str(cost.elementwise)) == (0, "6*batch")
