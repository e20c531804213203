from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from esper_graph.ops import OPS
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

WIDTHS = {"input_size": 8, "hidden_size": 5}
CASES: list[dict[str, Any]] = [
    {"type": kind, **WIDTHS, "num_layers": layers, "bidirectional": both, "bias": bias, "batch_first": first}
    for kind, layers, both, bias, first in product(
        ("lstm", "gru"), (1, 3), (False, True), (True, False), (True, False)
    )
]


def module_of(attributes: dict[str, Any]) -> nn.Module:
    settings = {"batch_first": True, **attributes}
    return {"lstm": nn.LSTM, "gru": nn.GRU}[settings.pop("type")](**settings)


@pytest.mark.parametrize("attributes", CASES, ids=str)
def test_a_layer_has_the_shapes_the_work_and_the_parameters_of_torch(attributes: dict[str, Any]) -> None:
    with torch.device("meta"):
        module = module_of(attributes)

    def run(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output, state = module(x)
        return (output, *state) if isinstance(state, tuple) else (output, state)

    x = tensor("batch", "length", 8) if attributes["batch_first"] else tensor("length", "batch", 8)
    assert_same_as_torch("recurrent", attributes, [x], run)
    assert_parameters_of("recurrent", attributes, module)


def test_weights_start_as_those_of_torch_do() -> None:
    torch.manual_seed(0)
    attributes = {"type": "gru", "input_size": 32, "hidden_size": 512}
    assert_initialised_like("recurrent", attributes, module_of(attributes))


def test_the_output_ports_are_named_after_the_states() -> None:
    op = OPS["recurrent"]
    assert op.output_names(values_of("recurrent", {"type": "lstm", **WIDTHS})) == ("output", "hidden", "cell")
    assert op.output_names(values_of("recurrent", {"type": "gru", **WIDTHS})) == ("output", "hidden")


def test_dropout_means_nothing_in_a_single_layer() -> None:
    one = {"type": "lstm", **WIDTHS}
    assert text_of("recurrent", **one, dropout=0.5) == text_of("recurrent", **one, num_layers=1)
    assert not values_of("recurrent", {**one, "dropout": 0.5}).stochastic
    assert values_of("recurrent", {**one, "dropout": 0.5, "num_layers": 2}).stochastic
    assert OPS["recurrent"].stochastic


def test_kinds_with_the_same_numbers_have_different_texts() -> None:
    assert text_of("recurrent", type="lstm", **WIDTHS) != text_of("recurrent", type="gru", **WIDTHS)


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        ({"type": "lstn", **WIDTHS}, ["'lstn'", "did you mean `lstm`"]),
        ({"type": "gru", "input_size": 8}, ["needs the attribute `hidden_size`"]),
        ({"type": "gru", **WIDTHS, "dropout": 1.5}, ["`dropout`", "less than or equal to 1"]),
        ({"type": "gru", **WIDTHS, "proj_size": 4}, ["`proj_size`", "no such attribute"]),
        ({"type": "gru", **WIDTHS, "num_layers": 0}, ["`num_layers`"]),
        ({"type": "gru", **WIDTHS, "num_layers": 2**31 - 1}, ["`num_layers`", "1000"]),
    ],
    ids=str,
)
def test_wrong_attributes_are_refused_with_what_is_wrong(
    attributes: dict[str, Any], parts: list[str]
) -> None:
    said = complaint("recurrent", **attributes)
    assert all(part in said for part in parts), said


def test_inputs_that_do_not_fit_are_refused_with_both_values() -> None:
    attributes = {"type": "lstm", **WIDTHS}
    said = refusal("recurrent", attributes, tensor("batch", "length", 9))
    assert "float32[batch, length, 9]" in said
    assert "input_size=8" in said
    assert "[batch, length, features], not float32[batch, 8]" in refusal(
        "recurrent", attributes, tensor("batch", 8)
    )
    backwards = {**attributes, "batch_first": False}
    assert "[length, batch, features], not" in refusal("recurrent", backwards, tensor("batch", 8))
