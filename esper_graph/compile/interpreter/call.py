"""What an evaluator is given: one node, with the values at its ports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from esper_graph.ops.dims import Dim, evaluate
from esper_graph.ops.values import DTYPES, TensorType, ValueType

Value = Tensor | Mapping[str, Tensor]
"""A tensor, or the tensors of a named tuple."""


@dataclass
class Call:
    """One node of a blueprint that is being computed.

    Attributes:
        node: Its id.
        a: Attribute values.
        inputs: Values at the input ports; None where an optional port is not fed.
        types: Types at the input ports.
        outputs: Types at the output ports.
        tensors: Its parameters and buffers by name.
        updates: New values of its buffers; filled in training.
        metrics: Of the whole call, by name.
        binding: Size of each symbol.
        training: Whether ops behave as in training.
        generator: Where random numbers come from; None leaves dropout and noise out.
    """

    node: str
    a: Any
    inputs: Sequence[Value | None]
    types: Sequence[ValueType | None]
    outputs: Sequence[ValueType]
    tensors: Mapping[str, Tensor]
    updates: dict[str, Tensor]
    metrics: dict[str, Tensor]
    binding: Mapping[str, int]
    training: bool
    generator: torch.Generator | None

    def x(self, slot: int = 0) -> Tensor:
        """Return the tensor at an input port."""
        found = self.inputs[slot]
        assert isinstance(found, Tensor)
        return found

    def optional(self, slot: int) -> Tensor | None:
        """Return the tensor at an input port, or None where it is not fed."""
        return self.x(slot) if slot < len(self.inputs) and self.inputs[slot] is not None else None

    def all(self) -> list[Tensor]:
        """Return the tensors at all ports that are fed."""
        return [self.x(slot) for slot, value in enumerate(self.inputs) if value is not None]

    def fields(self, slot: int = 0) -> Mapping[str, Tensor]:
        """Return the named tuple at an input port."""
        found = self.inputs[slot]
        assert found is not None
        assert not isinstance(found, Tensor)
        return found

    def size(self, size: Dim) -> int:
        """Return a size under the binding."""
        return evaluate(size, self.binding)

    def shape(self, slot: int = 0) -> list[int]:
        """Return the shape that is declared for an output."""
        kind = self.outputs[slot]
        assert isinstance(kind, TensorType)
        return [self.size(size) for size in kind.shape]

    def dtype(self, slot: int = 0) -> torch.dtype:
        """Return the dtype that an output has here."""
        kind = self.outputs[slot]
        assert isinstance(kind, TensorType)
        return wide(kind.dtype)


Evaluator = Callable[[Call], tuple[Value, ...]]
"""Computes one node."""


def wide(name: str) -> torch.dtype:
    """Return the dtype that stands for one of a blueprint: the widest of floats and of complex numbers."""
    kind = DTYPES[name].kind
    return {"float": torch.float64, "complex": torch.complex128}.get(kind) or getattr(torch, name)
