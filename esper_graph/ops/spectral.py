"""Transforms into the frequency domain and back along one axis: fft, ifft, hartley.

Each counts one elementwise operation for each element of its result.
"""

from typing import Any, Literal

from esper_graph.ops.attributes import Attributes, Axis
from esper_graph.ops.dims import product
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef, RuleError
from esper_graph.ops.rules import resolved_axis, tensor_of
from esper_graph.ops.values import TensorType, complex_of, real_of

Norm = Literal["backward", "ortho", "forward"]


class Fourier(Attributes):
    """A discrete Fourier transform, as wide as its input.

    Attributes:
        dim: The axis.
        norm: Which direction is scaled by 1/n, or both by its root (`ortho`).
    """

    dim: Axis = -1
    norm: Norm = "backward"


class Hartley(Attributes):
    """A discrete Hartley transform, real and as wide as its input; with `ortho` it is its own inverse.

    Attributes:
        dim: The axis.
        norm: Whether the result is scaled by 1/n (`forward`), by its root (`ortho`) or not (`backward`).
    """

    dim: Axis = -1
    norm: Norm = "ortho"


def _transformed(x: TensorType) -> str:
    dtype = complex_of(x.dtype)
    if dtype is None:
        raise RuleError(
            f"there is no transform of {x}",
            hint="insert `cast` to float32",
            expected="float32",
            actual=str(x),
        )
    return dtype


def infer_fft(a: Fourier, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Complex numbers of the same shape."""
    x = tensor_of(inputs[0], "input", "float", "complex")
    resolved_axis(a.dim, x.rank)
    return (TensorType(x.shape, _transformed(x)),)


def infer_ifft(a: Fourier, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The real part of the inverse transform of complex numbers."""
    x = tensor_of(inputs[0], "input", "complex")
    resolved_axis(a.dim, x.rank)
    return (TensorType(x.shape, real_of(x.dtype)),)


def infer_hartley(a: Hartley, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """Real numbers of the same type."""
    x = tensor_of(inputs[0], "input", "float")
    resolved_axis(a.dim, x.rank)
    _transformed(x)
    return (x,)


def cost_transform(a: Any, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each element of the result."""
    return Cost(elementwise=product(outputs[0].shape))


OPS: tuple[OpDef, ...] = (
    OpDef("fft", "Spectral", Fourier, ("input",), infer_fft, cost_transform),
    OpDef("ifft", "Spectral", Fourier, ("input",), infer_ifft, cost_transform),
    OpDef("hartley", "Spectral", Hartley, ("input",), infer_hartley, cost_transform),
)
