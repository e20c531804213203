from typing import Any

import pytest
import torch
from torch import nn

from esper_graph.ops import OPS
from esper_graph.ops.opdef import Cost
from tests.unit.ops.nn_oracle import (
    assert_initialised_like,
    assert_parameters_of,
    assert_same_as_torch,
    complaint,
    refusal,
    tensor,
    text_of,
    values_of,
)

TABLE: dict[str, Any] = {"num_embeddings": 100, "embedding_dim": 16}


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("shape", [(), ("batch",), ("batch", "length"), ("batch", 3, "length")])
def test_an_embedding_has_the_shape_and_the_parameters_of_torch(
    shape: tuple[int | str, ...], dtype: str
) -> None:
    module = nn.Embedding(**TABLE, device="meta")
    assert_same_as_torch("embedding", TABLE, [tensor(*shape, dtype=dtype)], module)
    assert_parameters_of("embedding", TABLE, module)


def test_the_table_starts_as_that_of_torch_does() -> None:
    torch.manual_seed(0)
    assert_initialised_like("embedding", TABLE, nn.Embedding(**TABLE))


def test_a_padding_row_counted_from_the_end_is_the_same_row() -> None:
    assert text_of("embedding", **TABLE, padding_idx=-1) == text_of("embedding", **TABLE, padding_idx=99)
    assert text_of("embedding", **TABLE, padding_idx=0) != text_of("embedding", **TABLE)
    assert (
        values_of("embedding", {**TABLE, "padding_idx": -1}).padding_idx
        == nn.Embedding(**TABLE, padding_idx=-1, device="meta").padding_idx
    )


def test_wrong_attributes_are_refused_with_what_is_wrong() -> None:
    assert "num_embeddings is 100" in complaint("embedding", **TABLE, padding_idx=100)
    assert "num_embeddings is 100" in complaint("embedding", **TABLE, padding_idx=-101)
    assert "needs the attribute `embedding_dim`" in complaint("embedding", num_embeddings=3)
    assert "did you mean `padding_idx`" in complaint("embedding", **TABLE, padding_index=1)


def test_row_numbers_are_int32_or_int64() -> None:
    assert "not float32[batch, 4]" in refusal("embedding", TABLE, tensor("batch", 4))
    assert "insert `cast` to int64" in refusal("embedding", TABLE, tensor("batch", 4, dtype="int8"))


def test_picking_rows_costs_no_arithmetic() -> None:
    op, attributes = OPS["embedding"], values_of("embedding", TABLE)
    x = tensor(2, dtype="int64")
    assert op.cost(attributes, [x], op.infer(attributes, [x], [])) == Cost()
