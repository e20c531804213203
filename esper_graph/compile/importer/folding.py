"""Compute what does not depend on the inputs, so that it becomes a constant of the blueprint."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.importer.aten import arguments_of, draws_numbers, is_op
from esper_graph.compile.importer.call import Call, Raised
from esper_graph.compile.importer.values import Known, Positions, Size, Spread, Weight, Wire, items_of

_ALONG_SAMPLES = frozenset(
    {"add", "sub", "mul", "div", "eq", "ne", "lt", "le", "gt", "ge", "where", "masked_fill", "to", "clone"}
    | {"__and__", "__or__", "bitwise_and", "bitwise_or", "bitwise_not", "logical_and", "logical_or"}
    | {"logical_not", "neg", "abs", "clamp", "clamp_min", "clamp_max", "minimum", "maximum", "contiguous"}
    | {"expand", "unsqueeze", "slice", "cumsum", "diff", "gather", "alias", "lift_fresh_copy", "sin", "cos"}
    | {"cat", "pow", "type_as", "exp", "rsub", "new_ones", "new_zeros", "ones_like", "zeros_like", "view"}
    | {
        "index",
        "reshape",
        "squeeze",
        "full_like",
        "detach",
        "detach_",
        "expand_as",
        "select",
        "matmul",
        "transpose",
    }
)
"""Ops that treat each sample alike, as long as they do not work along the axis of samples."""
_AXES = ("dim", "dim0", "dim1")


def folded(call: Call, name: str) -> Raised:
    """Return the known result of a call that depends on known tensors only, or None."""
    target: Any = call.node.target
    if not is_op(target) or name.startswith("empty"):
        return None
    if draws_numbers(target) and (name not in ("dropout", "dropout_") or call["train"]):
        return None
    leaves = list(leaves_of(call.arguments.values()))
    if any(isinstance(leaf, Wire | Weight) for leaf in leaves):
        return None
    if any(isinstance(leaf, Positions) for leaf in leaves) and not _picks_each_sample(call, name):
        return None
    value = call.node.meta.get("val")
    if not isinstance(value, Tensor | list | tuple):
        return None
    if any(isinstance(leaf, Spread) for leaf in leaves) or _opens(call, value, leaves):
        return _alike(call, name, target, leaves)
    if any(isinstance(leaf, Size) and not isinstance(leaf.dim, int) for leaf in leaves):
        return None
    return _known(_computed(call, target))


def _opens(call: Call, value: Any, leaves: Iterable[Any]) -> bool:
    """Tell whether a known tensor is stretched along an axis that is not fixed."""
    return (
        isinstance(value, Tensor)
        and any(isinstance(leaf, Known) for leaf in leaves)
        and any(not isinstance(size, int) for size in call.result.shape)
    )


def _picks_each_sample(call: Call, name: str) -> bool:
    """Tell whether positions along open axes pick all samples of a tensor that is alike for each."""
    table, indices = call.get("self"), call.get("indices")
    if name != "index" or not isinstance(table, Spread):
        return False
    counted = frozenset(axis for axis, one in enumerate(indices) if isinstance(one, Positions))
    return counted == table.open_axes


def _alike(call: Call, name: str, target: Any, leaves: Iterable[Any]) -> Raised:
    """Compute for one sample what is the same for all."""
    if name not in _ALONG_SAMPLES or not isinstance(call.node.meta["val"], Tensor):
        return None
    spreads = [leaf for leaf in leaves if isinstance(leaf, Spread)]
    result = call.result.shape
    opened = [axis for axis, size in enumerate(result) if not isinstance(size, int)]
    if len(opened) != 1:
        return None
    rank = max((len(spread.shape) for spread in spreads), default=0)
    working = [call.get(axis) for axis in _AXES]
    along = {axis % rank for axis in working if isinstance(axis, int)} if rank else set[int]()
    whole = name == "slice" and call["start"] in (0, None) and call["end"] in (None, 2**63 - 1)
    whole = whole or name in ("unsqueeze", "expand")
    if (
        name not in ("unsqueeze", "expand")
        and not whole
        and any(spread.open_axes & along for spread in spreads)
    ):
        return None
    found = _computed(call, target)
    one_sample = tuple(size if isinstance(size, int) else 1 for size in result)
    if not isinstance(found, Tensor) or tuple(found.shape) != one_sample:
        return None
    return Spread(Known(found), result)


def _computed(call: Call, target: Any) -> Any:
    plain = {name: _plain(argument) for name, argument in call.arguments.items()}
    if "device" in plain:
        plain["device"] = torch.device("cpu")
    arguments = arguments_of(target)
    positional = [plain[one.name] for one in arguments if not one.kwarg_only]
    named = {one.name: plain[one.name] for one in arguments if one.kwarg_only}
    with torch.no_grad():
        return target(*positional, **named)


def _known(result: Any) -> Raised:
    if isinstance(result, Tensor):
        return Known(result)
    return [Known(one) if isinstance(one, Tensor) else one for one in result]


def leaves_of(values: Iterable[Any]) -> Iterator[Any]:
    """List what nested lists hold."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from leaves_of(items_of(value))
        else:
            yield value


def _plain(value: Any) -> Any:
    if isinstance(value, Known):
        return value.tensor
    if isinstance(value, Spread):
        return value.known.tensor
    if isinstance(value, Size):
        return value.dim if isinstance(value.dim, int) else 1
    if isinstance(value, Positions):
        return torch.zeros([1] * len(value.shape), dtype=torch.int64)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in items_of(value)]
    return value
