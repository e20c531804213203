"""Raise recurrent layers: gates in torch's order, directions after the batch."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator, number_of
from esper_graph.compile.importer.onnx_ops.values import entries_of
from esper_graph.compile.importer.values import Known, Spread, Weight, Wire

_ORDER: Mapping[str, tuple[int, ...]] = {"lstm": (0, 2, 3, 1), "gru": (1, 0, 2)}
"""Where torch's gates are among ONNX's: i, f, g, o in i, o, f, c; r, z, n in z, r, h."""
_ACTIVATIONS: Mapping[str, list[str]] = {"lstm": ["Sigmoid", "Tanh", "Tanh"], "gru": ["Sigmoid", "Tanh"]}


def _ordered(tensor: Tensor, kind: str) -> Tensor:
    gates = tensor.chunk(len(_ORDER[kind]), 0)
    return torch.cat([gates[at] for at in _ORDER[kind]])


def _layer(kind: str) -> OnnxRaiser:
    def raise_layer(op: Operator) -> Any:
        direction = op.get("direction", "forward")
        if direction == "reverse":
            raise CannotRaiseError("it reads backwards only")
        _check(op, kind, 2 if direction == "bidirectional" else 1)
        x, hidden = op.x(), op["hidden_size"]
        directions = 2 if direction == "bidirectional" else 1
        w, r = op.known(1, "weights"), op.known(2, "weights")
        bias = None if op.input(3) is None else op.known(3, "bias")
        title = op.file.named(op.input(1))
        owned: dict[str, Weight] = {}
        for at, suffix in enumerate(("", "_reverse")[:directions]):
            parts = {"weight_ih": w[at], "weight_hh": r[at]}
            if bias is not None:
                parts |= dict(zip(("bias_ih", "bias_hh"), bias[at].chunk(2), strict=True))
            for name, tensor in parts.items():
                key = f"{name}_l0{suffix}"
                owned[key] = op.weigh(_ordered(tensor, kind), f"{title}.{key}")
        found = op.add(
            "recurrent",
            x,
            owned=owned,
            type=kind,
            input_size=number_of(op.items(x)[-1]),
            hidden_size=hidden,
            bias=bias is not None,
            batch_first=False,
            bidirectional=directions == 2,
        )
        length, batch, _ = op.items(found)
        if directions == 1:
            sequence = op.reshape(found, (length, 1, batch, hidden))
        else:
            sequence = op.permute(op.reshape(found, (length, batch, 2, hidden)), (0, 2, 1, 3))
        return [sequence, *[Wire(found.node, at) for at in range(1, 3 if kind == "lstm" else 2)]]

    return raise_layer


def _check(op: Operator, kind: str, directions: int) -> None:
    """Refuse what torch's layers do not have."""
    if op.get("layout", 0):
        raise CannotRaiseError("its batch comes first")
    if op.get("activations", _ACTIVATIONS[kind] * directions) != _ACTIVATIONS[kind] * directions:
        raise CannotRaiseError("its activations are others than torch's")
    if "clip" in op.arguments or op.get("input_forget", 0):
        raise CannotRaiseError("it clips, or couples its gates")
    if kind == "gru" and not op.get("linear_before_reset", 0):
        raise CannotRaiseError("it resets before its product: torch resets after it")
    length = op.items(op.x())[0]
    lengths = op.input(4)
    if lengths is not None and not (
        isinstance(lengths, Known) and all(one == length for one in entries_of(lengths.tensor))
    ):
        raise CannotRaiseError("its sequences have lengths of their own")
    for state in (op.input(5), op.input(6) if kind == "lstm" else None):
        held = state.known if isinstance(state, Spread) else state
        if held is not None and not (isinstance(held, Known) and not bool(held.tensor.any())):
            raise CannotRaiseError("it starts from a state that is not zero")
    if kind == "lstm" and op.input(7) is not None:
        raise CannotRaiseError("its gates look at the cell state")


RAISERS: Mapping[str, OnnxRaiser] = {"LSTM": _layer("lstm"), "GRU": _layer("gru")}
