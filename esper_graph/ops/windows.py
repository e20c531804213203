"""Sizes after a window has slid along an axis; shared by convolutions and pooling."""

from typing import NamedTuple

from esper_graph.ops.dims import Dim
from esper_graph.ops.opdef import Assumption
from esper_graph.ops.rules import positive


class Slide(NamedTuple):
    """How a window moves along one axis.

    Attributes:
        kernel: Taps of the window.
        stride: Step between two windows.
        padding: What is added to the axis, before and after together.
        dilation: Step between two taps.
    """

    kernel: int
    stride: int
    padding: int
    dilation: int = 1

    @property
    def extent(self) -> int:
        """How much of the axis one window covers."""
        return self.dilation * (self.kernel - 1) + 1


def slid(size: Dim, slide: Slide, what: str, assumptions: list[Assumption]) -> Dim:
    """Count the windows that fit; at least one must.

    Raises:
        RuleError: None fits.
    """
    windows = (size + (slide.padding - slide.extent)) // slide.stride + 1
    return positive(
        windows, f"{what} (an axis of {size} under a window that covers {slide.extent})", assumptions
    )


def slid_over_the_edge(size: Dim, slide: Slide, what: str, assumptions: list[Assumption]) -> Dim:
    """Count the windows when the last one may reach over the edge, but starts before it.

    Windows that cover everything, and windows that start within the axis or the padding before it, are both
    `(size + constant) // stride`; the smaller constant decides, so the answer is exact for symbols too.

    Raises:
        RuleError: None fits.
    """
    covering = slide.padding - slide.extent + 2 * slide.stride - 1
    starting = slide.padding // 2 + slide.stride - 1
    windows = (size + min(covering, starting)) // slide.stride
    return positive(
        windows, f"{what} (an axis of {size} under a window that covers {slide.extent})", assumptions
    )
