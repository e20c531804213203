"""What a raiser is given: one call of the exported program, with its arguments by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from esper_graph.compile.importer.draft import CannotRaiseError, Draft, Place
from esper_graph.compile.importer.shaping import axes_exchanged, axes_permuted, reshaped
from esper_graph.compile.importer.sizes import InexpressibleSizeError
from esper_graph.compile.importer.values import Known, Size, Spread, Tensorial, Weight, Wire, items_of
from esper_graph.ops.dims import Dim
from esper_graph.ops.values import DTYPES, TensorType

if TYPE_CHECKING:
    from esper_graph.compile.importer.walk import Walk


def dtype_name(dtype: torch.dtype) -> str:
    """Return our name of a dtype.

    Raises:
        CannotRaiseError: There is none.
    """
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise CannotRaiseError(f"elements of type {name} have no place in a blueprint")
    return name


@dataclass
class Call:
    """One call of an aten op.

    Attributes:
        arguments: Raised arguments by their names in the op's schema, with defaults.
        place: Where in the module tree it was made.
    """

    walk: "Walk"
    draft: Draft
    node: torch.fx.Node
    arguments: Mapping[str, Any]
    place: Place

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument, or a default where the op has no such argument."""
        return self.arguments.get(name, default)

    # ---------------------------------------------------------------- results

    @property
    def result(self) -> TensorType:
        """Type of the only result."""
        return self.results[0]

    @property
    def results(self) -> list[TensorType]:
        """Types of all results."""
        values = items_of(self.node.meta["val"])
        return [self.type_of(one) for one in values if isinstance(one, Tensor)]

    def type_of(self, value: Tensor) -> TensorType:
        """Return our type of a tensor of the exported program."""
        try:
            return TensorType(tuple(self.walk.size(size) for size in value.shape), dtype_name(value.dtype))
        except InexpressibleSizeError as error:
            raise CannotRaiseError(f"the size {error} has no place in a blueprint") from None

    # ---------------------------------------------------------------- arguments

    def type(self, value: Tensorial) -> TensorType:
        """Return the type of an argument."""
        if isinstance(value, Wire):
            return self.draft.type(value)
        if isinstance(value, Spread):
            return TensorType(value.shape, dtype_name(value.known.tensor.dtype))
        return TensorType(tuple(value.tensor.shape), dtype_name(value.tensor.dtype))

    def wire(self, value: Any, dtype: str | None = None) -> Wire:
        """Return an argument as a value of the draft; known tensors and parameters become nodes."""
        found = self.walk.wired(value, self.place)
        if dtype is not None and self.draft.type(found).dtype != dtype:
            found = self.add("cast", found, dtype=dtype)
        return found

    def number(self, value: Any) -> float | int | bool | None:
        """Return an argument that is one number, or None where it is not."""
        if isinstance(value, bool | int | float):
            return value
        if isinstance(value, Size):
            return value.dim if isinstance(value.dim, int) else None
        if isinstance(value, Known) and value.tensor.numel() == 1:
            return value.tensor.item()
        return None

    def sizes(self, values: Sequence[Any]) -> list[Dim]:
        """Return a list of sizes."""
        return [value.dim if isinstance(value, Size) else int(value) for value in values]

    def weight(self, value: Any) -> Weight | None:
        """Return an argument that is a parameter or a buffer to be owned, or None where there is none.

        Raises:
            CannotRaiseError: It is computed.
        """
        if value is None or isinstance(value, Weight):
            return value
        if isinstance(value, Known) and value.name is not None:
            return Weight(value.name, value.tensor, trainable=False)
        if isinstance(value, Known):
            return Weight(f"{self.node.name}", value.tensor, trainable=False)
        raise CannotRaiseError("its weights are computed from other values, and the op owns its weights")

    def owned(self, **tensors: Any) -> dict[str, Weight]:
        """Return parameters by their name in the op; absent ones are left out."""
        found = {name: self.weight(value) for name, value in tensors.items()}
        kept = {name: value for name, value in found.items() if value is not None}
        self.walk.check_ownership(self.node, kept.values())
        return kept

    # ---------------------------------------------------------------- nodes

    def add(
        self,
        op_type: str,
        *inputs: Wire | None,
        owned: Any = None,
        **attributes: Any,
    ) -> Wire:
        """Add a node at this place, which owns these tensors by their names in the op."""
        return self.draft.add(op_type, inputs, attributes, self.place, owned)

    def reshape(self, wire: Wire, shape: Sequence[Dim]) -> Wire:
        """Return a value in another shape, by the simplest op that gives it."""
        return reshaped(self.draft, wire, tuple(shape), self.place)

    def permute(self, wire: Wire, dims: Sequence[int]) -> Wire:
        """Return a value with its axes in another order."""
        return axes_permuted(self.draft, wire, tuple(dims), self.place)

    def transpose(self, wire: Wire, one: int, other: int) -> Wire:
        """Return a value with two axes exchanged."""
        return axes_exchanged(self.draft, wire, one, other, self.place)


Raised = Any
"""A value, a tuple of values, or None where the op has no result."""
Raiser = Callable[[Call], Raised]
"""Adds the nodes of one call to the draft and returns what stands for its results."""
