"""Recurrent layers: lstm and gru."""

from collections.abc import Iterator
from math import sqrt
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from esper_graph.ops.attributes import Probability, Size
from esper_graph.ops.dims import product
from esper_graph.ops.forms import Typed
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef, Parameter, RuleError, Uniform
from esper_graph.ops.rules import floating, of_rank
from esper_graph.ops.values import TensorType

Layers = Annotated[int, Field(ge=1, le=1000)]
"""A number of layers; each has tensors of its own, so there is a limit to it."""


def _settle_dropout(value: float, info: ValidationInfo) -> float:
    return 0.0 if info.data.get("num_layers") == 1 else value


class Recurrent(Typed):
    """Layers that read a sequence step by step, chosen by `type`.

    `dropout` acts between layers, in training; it is 0 where there is one layer. Unlike torch's modules,
    batches come first by default.
    """

    input_size: Size
    hidden_size: Size
    num_layers: Layers = 1
    bias: bool = True
    batch_first: bool = True
    dropout: Annotated[Probability, AfterValidator(_settle_dropout)] = 0.0
    bidirectional: bool = False

    @property
    def stochastic(self) -> bool:
        """Whether two calls in training may differ."""
        return self.dropout > 0

    @property
    def gates(self) -> int:
        """Blocks of rows in each weight matrix."""
        return 4 if self.type == "lstm" else 3

    @property
    def directions(self) -> int:
        """Readings of each sequence: forwards, or both ways."""
        return 2 if self.bidirectional else 1


class Cell(Recurrent, kinds=("lstm", "gru")):
    """The layers of either kind; they have the same attributes."""


def recurrent_outputs(a: Recurrent) -> tuple[str, ...]:
    """The sequence, the last hidden state and, of an lstm, the last cell state."""
    return ("output", "hidden", "cell") if a.type == "lstm" else ("output", "hidden")


def infer_recurrent(a: Recurrent, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Give the sequence of `directions*hidden_size`, then states `[layers*directions, batch, hidden]`."""
    layout = "[batch, length, features]" if a.batch_first else "[length, batch, features]"
    x = of_rank(floating(inputs[0], "input"), (3,), layout)
    if x.shape[2] != a.input_size:
        raise RuleError(
            f"the last axis of {x} is not input_size={a.input_size}",
            hint=f"set input_size to {x.shape[2]}" if isinstance(x.shape[2], int) else None,
            port="input",
            expected=a.input_size,
            actual=str(x),
        )
    output = TensorType((*x.shape[:2], a.directions * a.hidden_size), x.dtype)
    batch = x.shape[0] if a.batch_first else x.shape[1]
    state = TensorType((a.num_layers * a.directions, batch, a.hidden_size), x.dtype)
    return (output, *[state] * (len(recurrent_outputs(a)) - 1))


def cost_recurrent(a: Recurrent, inputs: Inputs, outputs: Any) -> Cost:
    """One multiply-add for each weight and step of each sequence.

    Gates, biases and states count as one elementwise operation for each hidden value of each layer.
    """
    steps = product(inputs[0].shape[:2])
    weights = sum(rows * columns for _, rows, columns in _matrices(a))
    return Cost(macs=steps * weights, elementwise=steps * (a.hidden_size * a.directions * a.num_layers))


def _matrices(a: Recurrent) -> Iterator[tuple[str, int, int]]:
    """Name and size the weight matrices, in torch's order: by layer, by direction, input before state."""
    for layer in range(a.num_layers):
        width = a.input_size if layer == 0 else a.hidden_size * a.directions
        for suffix in ("", "_reverse")[: a.directions]:
            yield f"ih_l{layer}{suffix}", a.gates * a.hidden_size, width
            yield f"hh_l{layer}{suffix}", a.gates * a.hidden_size, a.hidden_size


def parameters_recurrent(a: Recurrent) -> tuple[Parameter, ...]:
    """Weights and biases by torch's names, all within `1/sqrt(hidden_size)`."""
    bound = Uniform(1 / sqrt(a.hidden_size))
    found: list[Parameter] = []
    matrices = list(_matrices(a))
    for pair in zip(matrices[::2], matrices[1::2], strict=True):
        found += [Parameter(f"weight_{name}", (rows, columns), bound) for name, rows, columns in pair]
        if a.bias:
            found += [Parameter(f"bias_{name}", (rows,), bound) for name, rows, _ in pair]
    return tuple(found)


OPS: tuple[OpDef, ...] = (
    OpDef(
        "recurrent",
        "Recurrent",
        Recurrent,
        ("input",),
        infer_recurrent,
        cost_recurrent,
        parameters_recurrent,
        outputs=recurrent_outputs,
        stochastic=True,
    ),
)
