"""Resampling of images and sequences: the op `interpolate`, listed in `esper_graph.ops.shape`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from esper_graph.ops.attributes import Attributes, SizeText, read_size
from esper_graph.ops.dims import Dim, product
from esper_graph.ops.opdef import Assumption, Cost, Inputs, OpDef, RuleError
from esper_graph.ops.ratios import RatioNumber, ratio_of
from esper_graph.ops.rules import floating, positive
from esper_graph.ops.values import TensorType

Mode = Literal["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"]

_AXES: Mapping[str, int] = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
"""Resampled axes of the modes that have a fixed number of them."""


def _as_tuple(value: object) -> object:
    return (value,) if type(value) in (int, float, str) else value


class Interpolate(Attributes):
    """Resampling of all axes after the second.

    The size of the result alone decides where samples are taken; a factor only says how to compute the size,
    rounded down.

    Attributes:
        size: Sizes of the result, one an axis or one for all.
        scale_factor: Factors instead of sizes, one an axis or one for all; fractions of small whole numbers.
        mode: How values between samples are found.
        align_corners: Whether the corner samples lie on the corners; for the linear and cubic modes.
    """

    size: Annotated[
        Annotated[tuple[SizeText, ...], Field(min_length=1, max_length=3)] | None, BeforeValidator(_as_tuple)
    ] = None
    scale_factor: Annotated[
        Annotated[tuple[RatioNumber, ...], Field(min_length=1, max_length=3)] | None,
        BeforeValidator(_as_tuple),
    ] = None
    mode: Mode = "nearest"
    align_corners: bool = False

    @model_validator(mode="after")
    def _settle(self) -> "Interpolate":
        if (self.size is None) == (self.scale_factor is None):
            raise ValueError("either `size` or `scale_factor` must be set")
        if self.align_corners and self.mode not in _AXES:
            raise ValueError(f"`align_corners` has no meaning for the mode {self.mode}")
        axes = _AXES.get(self.mode)
        for name in ("size", "scale_factor"):
            entries = getattr(self, name)
            if axes is not None and entries is not None:
                if len(entries) not in (1, axes):
                    raise ValueError(
                        f"the mode {self.mode} resamples {axes} axes, `{name}` has {len(entries)}"
                    )
                if len(entries) == 1:
                    object.__setattr__(self, name, entries * axes)
        return self


def infer_interpolate(
    a: Interpolate, inputs: Inputs, assumptions: list[Assumption]
) -> tuple[TensorType, ...]:
    """`[batch, channels, ...]` with other sizes after the channels."""
    x = floating(inputs[0], "input")
    axes = _AXES.get(a.mode)
    if x.rank not in ((3, 4, 5) if axes is None else (axes + 2,)):
        rank = "3, 4 or 5" if axes is None else str(axes + 2)
        raise RuleError(f"interpolate by {a.mode} takes a tensor of rank {rank}, not {x}", actual=str(x))
    spatial = x.shape[2:]
    entries: tuple[Any, ...] = a.size if a.size is not None else a.scale_factor or ()
    if len(entries) == 1:
        entries *= len(spatial)
    if len(entries) != len(spatial):
        raise RuleError(f"{len(entries)} sizes or factors do not fit the {len(spatial)} last axes of {x}")
    sizes: list[Dim] = []
    for before, entry in zip(spatial, entries, strict=True):
        if a.size is not None:
            sizes.append(read_size(entry))
        else:
            ratio = ratio_of(entry)
            sizes.append(before * ratio.numerator // ratio.denominator)
        positive(sizes[-1], f"interpolate of {x}", assumptions)
    return (TensorType((*x.shape[:2], *sizes), x.dtype),)


def cost_interpolate(a: Interpolate, inputs: Inputs, outputs: Any) -> Cost:
    """One elementwise operation for each element of the result."""
    return Cost(elementwise=product(outputs[0].shape))


INTERPOLATE = OpDef(
    "interpolate",
    "Shape",
    Interpolate,
    ("input",),
    infer_interpolate,
    cost_interpolate,
    expressions=("size",),
)
