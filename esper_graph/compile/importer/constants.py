"""Known tensors and parameters as nodes of the draft, made when something needs them."""

from typing import Any

import torch
from torch import Tensor

from esper_graph.compile.importer.call import dtype_name
from esper_graph.compile.importer.draft import CannotRaiseError, Draft, Place
from esper_graph.compile.importer.shaping import written
from esper_graph.compile.importer.values import Known, Spread, Weight, Wire
from esper_graph.ops.values import DTYPES

LONGEST = 4096
"""Elements that are written into a blueprint one by one; a larger table of floats is kept as a buffer."""
LARGEST = 1 << 18
"""Elements of a table that cannot be kept as a buffer."""
STD = 0.02
"""Of the first values of imported parameters that no layer owns, in kernels without the imported weights."""


class Constants:
    """The nodes that stand for known tensors and for parameters that no layer owns."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._wires: dict[int, tuple[Known | Spread | Weight, Wire]] = {}

    def wired(self, value: Any, place: Place) -> Wire:
        """Return a value of the draft for a raised value.

        Raises:
            CannotRaiseError: It is no tensor, or too large to be written down.
        """
        if isinstance(value, Wire):
            return value
        if not isinstance(value, Known | Spread | Weight):
            kind = "a number" if isinstance(value, bool | int | float) else type(value).__name__.lower()
            raise CannotRaiseError(f"{kind} stands where a tensor is expected")
        found = self._wires.get(id(value))
        if found is None:
            found = self._wires[id(value)] = (value, self._node(value, place))
        return found[1]

    def forget(self, changed: Tensor) -> None:
        """Make new nodes for what shares its memory with a tensor that has been changed in place."""
        memory = changed.untyped_storage().data_ptr()
        for key, (value, _) in list(self._wires.items()):
            held = value.known if isinstance(value, Spread) else value
            if held.tensor.untyped_storage().data_ptr() == memory:
                del self._wires[key]

    def _node(self, value: Known | Spread | Weight, place: Place) -> Wire:
        if isinstance(value, Spread):
            shape = [written(size) for size in value.shape]
            return self._draft.add("expand", [self.wired(value.known, place)], {"shape": shape}, place)
        if isinstance(value, Known):
            tensor = value.tensor
            if tensor.numel() <= LONGEST or _is_uniform(tensor):
                return self._constant(tensor, place)
            if tensor.dtype != torch.float32 or value.name is None:
                if tensor.numel() > LARGEST:
                    raise CannotRaiseError(
                        f"a table of {tensor.numel()} known numbers is too large for a blueprint"
                    )
                return self._constant(tensor, place)
            value = Weight(value.name, tensor, trainable=False)
        attributes = {"shape": list(value.tensor.shape), "std": STD, "trainable": value.trainable}
        return self._draft.add("parameter", [], attributes, place, {"value": value}, name=value.name)

    def _constant(self, tensor: Tensor, place: Place) -> Wire:
        name = dtype_name(tensor.dtype)
        tensor = tensor.detach().cpu()
        if not tensor.numel():
            raise CannotRaiseError("an empty tensor has no place in a blueprint")
        if DTYPES[name].kind == "float" and not bool(torch.isfinite(tensor).all()):
            return self._with_infinities(tensor, place)
        attributes: dict[str, Any] = {"dtype": name}
        if tensor.numel() > 1 and _is_uniform(tensor):
            attributes |= {"value": tensor.flatten()[0].item(), "shape": list(tensor.shape)}
        else:
            attributes["value"] = tensor.tolist()  # pyright: ignore[reportUnknownMemberType]
        return self._draft.add("constant", [], attributes, place)

    def _with_infinities(self, tensor: Tensor, place: Place) -> Wire:
        """A constant is finite: minus infinity is the logarithm of zero."""
        if bool(torch.isnan(tensor).any()):
            raise CannotRaiseError("a known tensor holds NaN")
        wire = self._constant(torch.where(torch.isinf(tensor), torch.zeros_like(tensor), tensor), place)
        for sign in (-1, 1):
            where = tensor == sign * torch.inf
            if not bool(where.any()):
                continue
            zero = self._constant(torch.zeros((), dtype=tensor.dtype), place)
            infinite = self._draft.add("log", [zero], {}, place)
            if sign > 0:
                infinite = self._draft.add("neg", [infinite], {}, place)
            wire = self._draft.add("where", [self._constant(where, place), infinite, wire], {}, place)
        return wire


def _is_uniform(tensor: Tensor) -> bool:
    return tensor.numel() > 0 and bool((tensor == tensor.flatten()[0]).all())
