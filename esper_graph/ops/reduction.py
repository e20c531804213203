"""Statistics over axes: reduce, entropy, cumsum.

All count one elementwise operation for each element they read.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from esper_graph.ops.attributes import Attributes, Axis, Positive, axes_of
from esper_graph.ops.dims import Dim, product
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef
from esper_graph.ops.rules import floating, resolved_axes, resolved_axis, tensor_of
from esper_graph.ops.values import TensorType, real_of

Operation = Literal[
    "mean", "sum", "max", "min", "std", "var", "norm", "prod", "argmax", "argmin", "any", "all"
]

_KINDS = {
    "mean": ("float", "complex"),
    "sum": ("float", "complex", "int", "bool"),
    "prod": ("float", "complex", "int", "bool"),
    "max": ("float", "int", "bool"),
    "min": ("float", "int", "bool"),
    "argmax": ("float", "int"),
    "argmin": ("float", "int"),
    "std": ("float",),
    "var": ("float",),
    "norm": ("float", "complex"),
    "any": ("bool",),
    "all": ("bool",),
}


class Reduce(Attributes):
    """A statistic over one axis, several, or all.

    Attributes:
        operation: Which; `std` and `var` are those of the population, `norm` is a vector norm.
        dim: One axis or several; None reduces all of them to a single number of rank 0.
        keepdim: Whether reduced axes stay with the size 1; without meaning where `dim` is None.
        ord: Order of the norm, or "inf" for the largest magnitude; 2 by default.
    """

    operation: Operation
    dim: Annotated[Annotated[tuple[Axis, ...], Field(min_length=1)] | None, BeforeValidator(axes_of)] = None
    keepdim: bool = True
    ord: Positive | Literal["inf"] = 2.0

    @model_validator(mode="after")
    def _settle(self) -> "Reduce":
        if self.dim is None:
            object.__setattr__(self, "keepdim", True)
        if self.operation != "norm" and self.ord != 2.0:
            raise ValueError(f"`ord` belongs to the operation norm, not to {self.operation}")
        if self.operation in ("argmax", "argmin") and self.dim is not None and len(self.dim) > 1:
            raise ValueError(f"{self.operation} goes over one axis or all, not over {list(self.dim)}")
        return self


def _reduced_dtype(operation: str, x: TensorType) -> str:
    if operation in ("argmax", "argmin") or (operation in ("sum", "prod") and x.kind in ("int", "bool")):
        return "int64"
    return real_of(x.dtype) if operation == "norm" else x.dtype


def infer_reduce(a: Reduce, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The reduced axes have the size 1, or are gone."""
    x = tensor_of(inputs[0], "input", *_KINDS[a.operation])
    dtype = _reduced_dtype(a.operation, x)
    if a.dim is None:
        return (TensorType((), dtype),)
    axes = resolved_axes(a.dim, x.rank)
    shape: list[Dim] = []
    for axis, size in enumerate(x.shape):
        if axis not in axes:
            shape.append(size)
        elif a.keepdim:
            shape.append(1)
    return (TensorType(tuple(shape), dtype),)


def cost_of_input(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each element of the input."""
    return Cost(elementwise=product(inputs[0].shape))


class Entropy(Attributes):
    """Entropy in nats of probabilities along one axis, the last by default.

    Attributes:
        dim: The axis of the probabilities.
        keepdim: Whether it stays with the size 1, as in `reduce`.
    """

    dim: Axis = -1
    keepdim: bool = True


def infer_entropy(a: Entropy, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The reduced axis has the size 1, or is gone."""
    x = floating(inputs[0], "input")
    axis = resolved_axis(a.dim, x.rank)
    kept = (1,) if a.keepdim else ()
    return (TensorType((*x.shape[:axis], *kept, *x.shape[axis + 1 :]), x.dtype),)


class Cumsum(Attributes):
    """Sums of all elements up to each position along an axis, the last one by default."""

    dim: Axis = -1


def infer_cumsum(a: Cumsum, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The same shape; whole numbers and truth values give `int64`."""
    x = tensor_of(inputs[0], "input", "float", "complex", "int", "bool")
    resolved_axis(a.dim, x.rank)
    return (TensorType(x.shape, "int64" if x.kind in ("int", "bool") else x.dtype),)


OPS: tuple[OpDef, ...] = (
    OpDef("reduce", "Reduction", Reduce, ("input",), infer_reduce, cost_of_input),
    OpDef("entropy", "Reduction", Entropy, ("input",), infer_entropy, cost_of_input),
    OpDef("cumsum", "Reduction", Cumsum, ("input",), infer_cumsum, cost_of_input),
)
