"""What a node of the exported program stands for while it is raised: a wire, a known tensor, a parameter."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from esper_graph.ops.dims import Dim


@dataclass(frozen=True, slots=True)
class Wire:
    """The value at an output port of a node of the draft.

    Attributes:
        node: Position in the draft.
        port: Position among the node's output ports.
    """

    node: int
    port: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A tensor that does not depend on the inputs: a buffer, or what is computed from such.

    Attributes:
        name: Name of the buffer in the module; None where it is computed.
    """

    tensor: Tensor
    name: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A tensor that the module owns and a node of the blueprint will own.

    Attributes:
        name: Name in the module's `state_dict`.
        trainable: False for buffers.
    """

    name: str
    tensor: Tensor
    trainable: bool = True


@dataclass(frozen=True, slots=True)
class Size:
    """A whole number that may depend on the sizes of the inputs."""

    dim: Dim


@dataclass(frozen=True, slots=True)
class Positions:
    """The numbers 0, 1, ... along an axis that is not fixed; good for picking elements only.

    Attributes:
        size: How many.
        shape: Of the tensor of positions: all axes but one have the size 1.
        axis: The one along which it counts.
    """

    size: Dim
    shape: tuple[Dim, ...]
    axis: int


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """A known tensor that is the same for each sample: stretched along axes that are not fixed.

    Attributes:
        known: The tensor, with the size 1 on those axes.
        shape: Of the whole.
    """

    known: Known
    shape: tuple[Dim, ...]

    @property
    def open_axes(self) -> frozenset[int]:
        """The axes that are not fixed."""
        return frozenset(axis for axis, size in enumerate(self.shape) if not isinstance(size, int))


Tensorial = Wire | Known | Spread | Weight
"""What an aten op takes where it takes a tensor."""


def items_of(value: Any) -> tuple[Any, ...]:
    """Return the items of a list or tuple; anything else is the only item.

    >>> items_of([1, 2]), items_of(3)
    ((1, 2), (3,))
    """
    return tuple(value) if isinstance(value, list | tuple) else (value,)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
