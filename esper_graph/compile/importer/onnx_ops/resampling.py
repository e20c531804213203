"""Raise resampling of images, and channels that become pixels."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator, number_of
from esper_graph.compile.importer.onnx_ops.values import entries_of
from esper_graph.compile.importer.shaping import written
from esper_graph.ops.dims import Dim

_LINEAR: Mapping[int, str] = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _resize(op: Operator) -> Any:
    x = op.x()
    shape = op.items(x)
    if op.get("antialias", 0) or op.get("exclude_outside", 0) or op.get("axes") is not None:
        raise CannotRaiseError("it smooths while it shrinks, or resamples chosen axes")
    if op.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise CannotRaiseError("it keeps the aspect ratio")
    at = 1 if op.opset < 11 else 2
    given = op.input(at) is not None and op.type(op.input(at)).shape != (0,)
    scales = entries_of(op.known(at, "scales")) if given else None
    return _resampled(op, _target(shape, scales, None if at == 1 else op.numbers(3, "size")))


def _upsample(op: Operator) -> Any:
    scales = list(op["scales"]) if "scales" in op.arguments else entries_of(op.known(1, "scales"))
    return _resampled(op, _target(op.items(op.x()), scales, None))


def _target(shape: tuple[Dim, ...], scales: Any, sizes: Any) -> list[Dim]:
    """Return the sizes of the result: its samples are taken by exact ratios only."""
    if sizes is None and scales is None:
        raise CannotRaiseError("it tells neither sizes nor factors")
    if sizes is None:
        if len(scales) != len(shape):
            raise CannotRaiseError(f"{len(scales)} factors do not fit {len(shape)} axes")
        sizes = []
        for size, factor in zip(shape, scales, strict=True):
            ratio = Fraction(float(factor)).limit_denominator(4096)
            top = size * ratio.numerator
            if isinstance(top, int) and top % ratio.denominator:
                raise CannotRaiseError(f"the factor {factor} does not give a whole size from {size}")
            sizes.append(top // ratio.denominator)
    if len(sizes) != len(shape) or tuple(sizes[:2]) != tuple(shape[:2]):
        raise CannotRaiseError("it resamples the batch or the channels")
    return list(sizes)


def _resampled(op: Operator, sizes: list[Dim]) -> Any:
    x = op.x()
    shape = op.items(x)
    axes = len(shape) - 2
    mode = op.get("mode", "nearest")
    default = "asymmetric" if op.opset < 11 else "half_pixel"
    where = op.get("coordinate_transformation_mode", default)
    attributes: dict[str, Any] = {"size": [written(size) for size in sizes[2:]]}
    if any(size == 1 for size in sizes[2:]) and where in ("pytorch_half_pixel", "align_corners"):
        raise CannotRaiseError("its result has an axis of one element, where the two rules differ")
    if mode == "nearest":
        attributes["mode"] = _nearest(op, where, shape[2:], sizes[2:])
    elif mode in ("linear", "cubic"):
        if mode == "cubic" and (axes != 2 or op.get("cubic_coeff_a", -0.75) != -0.75):
            raise CannotRaiseError("its cubic curve is another than torch's")
        if where not in ("half_pixel", "pytorch_half_pixel", "align_corners") or axes not in _LINEAR:
            raise CannotRaiseError(f"it places samples by the rule `{where}` over {axes} axes")
        attributes |= {"mode": _LINEAR[axes] if mode == "linear" else "bicubic"}
        attributes |= {"align_corners": True} if where == "align_corners" else {}
    else:
        raise CannotRaiseError(f"its mode is {mode}")
    return op.add("interpolate", x, **attributes)


def _nearest(op: Operator, where: str, before: tuple[Dim, ...], after: list[Dim]) -> str:
    """Return our rule that takes the same samples."""
    rounding = op.get("nearest_mode", "floor" if op.opset < 11 else "round_prefer_floor")
    times = [
        after_ % before_ == 0 if isinstance(after_, int) and isinstance(before_, int) else False
        for after_, before_ in zip(after, before, strict=True)
    ]
    if where == "asymmetric" and rounding == "floor":
        return "nearest"
    whole = all(times)
    if where in ("half_pixel", "pytorch_half_pixel") and (
        rounding == "round_prefer_ceil" or (rounding == "round_prefer_floor" and whole)
    ):
        return "nearest-exact"
    raise CannotRaiseError(f"it takes the nearest sample by the rules `{where}` and `{rounding}`")


def _depth_to_space(op: Operator) -> Any:
    """Channels spread over the pixels of a finer grid."""
    x, r = op.x(), op["blocksize"]
    batch, channels, height, width = op.items(x)
    rest = number_of(channels) // (r * r)
    if op.get("mode", "DCR") == "CRD":
        y = op.permute(op.reshape(x, (batch, rest, r, r, height, width)), (0, 1, 4, 2, 5, 3))
    else:
        y = op.permute(op.reshape(x, (batch, r, r, rest, height, width)), (0, 3, 4, 1, 5, 2))
    return op.reshape(y, (batch, rest, height * r, width * r))


def _space_to_depth(op: Operator) -> Any:
    x, r = op.x(), op["blocksize"]
    batch, channels, height, width = op.items(x)
    height, width = number_of(height) // r, number_of(width) // r
    y = op.permute(op.reshape(x, (batch, channels, height, r, width, r)), (0, 3, 5, 1, 2, 4))
    return op.reshape(y, (batch, channels * (r * r), height, width))


RAISERS: Mapping[str, OnnxRaiser] = {
    "Resize": _resize,
    "Upsample": _upsample,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
}
