"""What a raiser of an ONNX op is given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from esper_graph.compile.importer.call import Call, dtype_name
from esper_graph.compile.importer.draft import CannotRaiseError, Place
from esper_graph.compile.importer.onnx_ops.values import Gaussian, Sizes, sizes_of
from esper_graph.compile.importer.values import Known, Weight, Wire
from esper_graph.ops.dims import Dim
from esper_graph.ops.values import TensorType

if TYPE_CHECKING:
    from esper_graph.compile.importer.onnx_ops.walk import OnnxWalk


@dataclass
class Operator(Call):
    """One node of an ONNX graph.

    Attributes:
        arguments: Its attributes, without defaults.
        kind: Name of the op.
        inputs: Raised inputs; None where one is left out.
        opset: Version of the op set that it is written in.
        outputs: Names of its results; empty where one is left out.
    """

    kind: str = ""
    inputs: Sequence[Any] = ()
    opset: int = 0
    outputs: Sequence[str] = field(default_factory=list[str])

    @property
    def file(self) -> "OnnxWalk":
        """The graph that the node is part of."""
        return cast("OnnxWalk", self.walk)

    # ---------------------------------------------------------------- inputs

    def input(self, at: int) -> Any:
        """Return an input, or None where there is none."""
        return self.inputs[at] if at < len(self.inputs) else None

    def x(self, at: int = 0) -> Wire:
        """Return an input as a value of the draft."""
        return self.wire(self.input(at))

    def wire(self, value: Any, dtype: str | None = None) -> Wire:
        """Return a value of the draft; initialisers become parameters, other known tensors constants."""
        if isinstance(value, Gaussian):
            value = self._gelu(value)
        if isinstance(value, Sizes):
            raise CannotRaiseError("it computes with a size that is not fixed")
        if isinstance(value, Known) and value.name is not None:
            value = self.file.parameter(value)
        return super().wire(value, dtype)

    def _gelu(self, value: Gaussian) -> Wire:
        if value.step < 2:
            raise CannotRaiseError("the error function is known within GELU only")
        y = self.add("activation", value.x, type="gelu")
        factor = 2 * value.factor
        return y if factor == 1 else self.add("multiply", y, scalar=factor)

    def type(self, value: Any) -> TensorType:
        """Return the type of an input.

        Raises:
            CannotRaiseError: It is left out.
        """
        if value is None:
            raise CannotRaiseError("an input that it needs is left out")
        if isinstance(value, Gaussian):
            return self.draft.type(value.x)
        if isinstance(value, Sizes):
            return TensorType(value.entries.shape, "int64")
        if isinstance(getattr(value, "type", None), TensorType):
            return value.type
        return super().type(value)

    def known(self, at: int, what: str) -> Tensor:
        """Return an input that does not depend on those of the network.

        Raises:
            CannotRaiseError: It does.
        """
        value = self.input(at)
        if isinstance(value, Known):
            return value.tensor
        raise CannotRaiseError(f"its {what} is not known: it depends on the inputs of the network")

    def numbers(self, at: int, what: str) -> list[Dim] | None:
        """Return an input that is a list of whole numbers or sizes; None where it is left out.

        Raises:
            CannotRaiseError: It depends on data.
        """
        value = self.input(at)
        if value is None:
            return None
        found = sizes_of(value)
        if found is None:
            raise CannotRaiseError(f"its {what} depends on data")
        return [entry if not isinstance(entry, float) else int(entry) for entry in found.ravel().tolist()]

    def fixed(self, at: int, what: str) -> list[int] | None:
        """Return an input that is a list of whole numbers.

        Raises:
            CannotRaiseError: Some are sizes that are not fixed.
        """
        found = self.numbers(at, what)
        if found is not None and not all(isinstance(one, int) for one in found):
            raise CannotRaiseError(f"its {what} is a size that is not fixed")
        return cast("list[int] | None", found)

    def axes(self, at: int | None = None) -> list[int] | None:
        """Return its axes, from the attribute or from an input."""
        if "axes" in self.arguments:
            return list(self["axes"])
        return None if at is None else self.fixed(at, "list of axes")

    def is_used(self, at: int) -> bool:
        """Tell whether anything needs one of its results."""
        return at < len(self.outputs) and self.file.is_used(self.outputs[at])

    def scalar(self, value: Any, rank: int) -> float | int | None:
        """Return a known single number that does not raise the rank of what it meets, or None."""
        if isinstance(value, Known) and value.tensor.numel() == 1 and value.tensor.ndim <= rank:
            number = value.tensor.item()
            return None if isinstance(number, bool) else number
        return None

    # ---------------------------------------------------------------- parameters

    def own(
        self, at: int, what: str, change: Callable[[Tensor], Tensor] | None = None, mark: str = ""
    ) -> Weight:
        """Return an input as a tensor that the op owns, changed into the op's own form.

        Args:
            mark: Ends the name of a changed tensor.

        Raises:
            CannotRaiseError: It is computed from the network's inputs, or is not of float32.
        """
        tensor = self.known(at, what)
        value = self.input(at)
        assert isinstance(value, Known)
        return self.weigh(tensor if change is None else change(tensor), f"{self.file.named(value)}{mark}")

    def weigh(self, tensor: Tensor, name: str, *, trainable: bool = True) -> Weight:
        """Return a tensor that an op may own.

        Raises:
            CannotRaiseError: Its elements are not of float32.
        """
        if tensor.dtype != torch.float32:
            raise CannotRaiseError(
                f"`{name}` is of {dtype_name(tensor.dtype)}: convert the model to float32 first"
            )
        return Weight(name, tensor.contiguous(), trainable)

    def add(
        self, op_type: str, *inputs: Wire | None, owned: Mapping[str, Weight] | None = None, **attributes: Any
    ) -> Wire:
        """Add a node, at the place that its weights are named after."""
        if not owned:
            return super().add(op_type, *inputs, **attributes)
        owned = self.file.claimed(owned)
        path = next(iter(owned.values())).name.rpartition(".")[0]
        place = Place(path, leaf=True) if path and "::" not in path else self.place
        return self.draft.add(op_type, inputs, attributes, place, owned)

    def items(self, x: Wire) -> tuple[Dim, ...]:
        """Return the shape of a value."""
        return self.draft.type(x).shape


def number_of(value: Any) -> int:
    """Return a fixed size.

    Raises:
        CannotRaiseError: It is not fixed.
    """
    if not isinstance(value, int):
        raise CannotRaiseError(f"the size {value} is not fixed")
    return value


def axis_of(axis: Any, rank: int) -> int:
    """Return an axis counted from the first.

    Raises:
        CannotRaiseError: There is no such axis.
    """
    if not -rank <= axis < rank:
        raise CannotRaiseError(f"a tensor of rank {rank} has no axis {axis}")
    return axis % rank


def slice_parts(op: Operator) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return starts, ends, axes and steps of a slice.

    Raises:
        CannotRaiseError: Some are sizes that are not fixed.
    """
    if "starts" in op.arguments:
        starts, ends = list(op["starts"]), list(op["ends"])
        axes, steps = op.get("axes"), None
    else:
        starts, ends = op.fixed(1, "start") or [], op.fixed(2, "end") or []
        axes, steps = op.fixed(3, "axes"), op.fixed(4, "steps")
    axes = list(range(len(starts))) if axes is None else list(axes)
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise CannotRaiseError("its starts, ends, axes and steps do not fit together")
    rank = op.type(op.input(0)).rank
    if any(not -rank <= axis < rank for axis in axes):
        raise CannotRaiseError(f"its axes {axes} are not all axes of a tensor of rank {rank}")
    return starts, ends, [axis % rank for axis in axes], steps


OnnxRaiser = Callable[[Operator], Any]
"""Adds the nodes of one ONNX op to the draft and returns what stands for its results."""
