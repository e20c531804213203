"""Walk over the graph of an ONNX model and raise each node."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, cast

import onnx
import torch
from torch import Tensor

from esper_graph.compile.importer.call import dtype_name
from esper_graph.compile.importer.constants import Constants
from esper_graph.compile.importer.draft import CannotRaiseError, Draft, Place
from esper_graph.compile.importer.onnx_ops import RAISERS
from esper_graph.compile.importer.onnx_ops.folding import Budget, folded
from esper_graph.compile.importer.onnx_ops.operator import Operator
from esper_graph.compile.importer.onnx_ops.positions import positioned
from esper_graph.compile.importer.onnx_ops.tensors import TensorReader, dtype_of
from esper_graph.compile.importer.onnx_ops.values import Gaussian, bounded, printable
from esper_graph.compile.importer.shaping import written
from esper_graph.compile.importer.values import Known, Spread, Weight, Wire
from esper_graph.ops.boundary import open_size
from esper_graph.ops.dims import Dim, symbol
from esper_graph.ops.opdef import RuleError

_UNFIT = (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError)
"""What a raiser meets in a file whose nodes have other inputs or attributes than the op asks for."""


class _Missing:
    """Stands for the result of a node that was refused."""


MISSING = _Missing()


class OnnxWalk:
    """One graph on its way into a draft.

    Args:
        graph: The graph, in an order in which each node follows those that it needs.
        tensors: Initialisers by name.
        types: What the file and ONNX's own rules say of values: type of elements and sizes, None where open.
        opset: Version of the op set.
        reader: Reads tensors within attributes.

    Attributes:
        draft: What has been raised so far.
        refused: Nodes that could not be raised: op, place, why.
        notes: What is worth knowing, as sentences.
        open_batch: Whether an input leaves its first axis open.
    """

    def __init__(
        self,
        graph: Any,
        tensors: Mapping[str, Tensor],
        types: Mapping[str, tuple[int, list[int | None] | None]],
        opset: int,
        reader: TensorReader,
    ) -> None:
        self.draft = Draft()
        self.refused: list[tuple[str, str, str]] = []
        self.notes: list[str] = []
        self.open_batch = False
        self._graph = graph
        self._types = types
        self._opset = opset
        self._reader = reader
        self._constants = Constants(self.draft)
        self._budget = Budget(sum(tensor.numel() for tensor in tensors.values()))
        self._values: dict[str, Any] = {name: Known(tensor, name) for name, tensor in tensors.items()}
        self._initial = set(tensors)
        self._parameters: dict[str, Weight] = {}
        self._owners: dict[str, tuple[tuple[tuple[str, str], ...], Tensor]] = {}
        self._copies: Counter[str] = Counter()
        self._taken: dict[str, str] = {}
        self._turned: dict[int, Known] = {}
        self._held: list[Known] = []
        self._users = Counter(name for node in graph.node for name in node.input)
        self._users.update(one.name for one in graph.output)
        self._consumers = {name: node for node in graph.node for name in node.input}

    def run(self) -> None:
        """Raise everything; what cannot be raised is collected, and what depends on it is left out."""
        self._enter()
        for node in self._graph.node:
            results = self._node(node)
            for name, result in zip(node.output, results, strict=False):
                if name and name not in self._values:
                    self._values[name] = result
        for index, one in enumerate(self._graph.output):
            self._output(index, one.name)

    # ---------------------------------------------------------------- what raisers ask for

    def wired(self, value: Any, place: Place) -> Wire:
        """Return a value of the draft; known tensors and parameters become nodes."""
        return self._constants.wired(value, place)

    def named(self, value: Known) -> str:
        """Return a name for a known tensor that an op will own."""
        return value.name or next(name for name, held in self._values.items() if held is value)

    def parameter(self, value: Known) -> Known | Weight:
        """Return what a node owns that holds an initialiser alone; other types stay constants."""
        assert value.name is not None
        if value.name not in self._initial or dtype_name(value.tensor.dtype) != "float32":
            return value
        if value.tensor.numel() < 2:
            return value
        return self._parameters.setdefault(value.name, Weight(value.name, value.tensor))

    def claimed(self, owned: Mapping[str, Weight]) -> dict[str, Weight]:
        """Give tensors that another node owns in another company a name of their own."""
        group = tuple(sorted((name, weight.name) for name, weight in owned.items()))
        found: dict[str, Weight] = {}
        for name, weight in owned.items():
            held, tensor = self._owners.setdefault(weight.name, (group, weight.tensor))
            if held != group or not (tensor is weight.tensor or torch.equal(tensor, weight.tensor)):
                copy = weight.name
                while copy in self._owners or copy in self._initial:
                    self._copies[weight.name] += 1
                    copy = f"{weight.name}.copy{self._copies[weight.name]}"
                self._owners[copy] = (group, weight.tensor)
                names = f"`{printable(weight.name)}` belongs to two nodes; `{printable(copy)}`"
                self.notes.append(f"{names} is the second one's")
                weight = Weight(copy, weight.tensor, weight.trainable)  # noqa: PLW2901
            found[name] = weight
        return found

    def is_used(self, name: str) -> bool:
        """Tell whether a node or a result of the graph needs a value."""
        return bool(name) and self._users[name] > 0

    def only_user(self, name: str) -> Any:
        """Return the only node that needs a value, or None."""
        return self._consumers.get(name) if self._users[name] == 1 else None

    def value(self, name: str) -> Any:
        """Return what stands for a value, or None where it has not been reached."""
        return self._values.get(name)

    def turn(self, value: Known, turned: Known) -> None:
        """Say that a known matrix is another one transposed."""
        if turned.tensor.ndim == 2 and value.name is not None:
            self._turned[id(turned)] = value
            self._held.append(turned)

    def untransposed(self, value: Known) -> Known | None:
        """Return the initialiser that a known matrix is the transpose of, or None."""
        return self._turned.get(id(value))

    def rename(self, value: Known, name: str) -> Known:
        """Return an initialiser under the name that an identity gives it: exporters join equal tensors so."""
        if value.name not in self._initial or not name:
            return value
        self._initial.add(name)
        return Known(value.tensor, name)

    def take_in(self, later: str, name: str) -> None:
        """Say that the node of one value gives that of a later node as well."""
        self._taken[later] = name

    def tensor(self, proto: Any) -> Tensor:
        """Return a tensor within an attribute."""
        return self._reader.read(proto)

    # ---------------------------------------------------------------- what enters and leaves

    def _enter(self) -> None:
        taken: dict[str, Dim] = {}
        given = [one for one in self._graph.input if one.name not in self._values]
        for index, one in enumerate(given):
            try:
                self._values[one.name] = self._input(index, one, taken)
            except CannotRaiseError as error:
                self._values[one.name] = MISSING
                self.refused.append(("input", one.name, str(error)))

    def _input(self, index: int, one: Any, taken: dict[str, Dim]) -> Wire:
        if one.type.WhichOneof("value") != "tensor_type" or not one.type.tensor_type.HasField("shape"):
            raise CannotRaiseError("it is no tensor with a fixed number of axes")
        dtype = dtype_name(dtype_of(one.type.tensor_type.elem_type))
        shape: list[int | str] = []
        for axis, size in enumerate(one.type.tensor_type.shape.dim):
            if size.HasField("dim_value"):
                if size.dim_value < 1:
                    raise CannotRaiseError(f"the size of its axis {axis} is {size.dim_value}")
                shape.append(size.dim_value)
                continue
            shape.append(written(self._symbol(index, axis, size.dim_param, taken)))
            self.open_batch |= axis == 0
        attributes = {"shape": shape, "dtype": dtype, "index": index}
        return self.draft.add("input", [], attributes, Place(), name=one.name)

    def _symbol(self, index: int, axis: int, name: str, taken: dict[str, Dim]) -> Dim:
        """Name an open size; first axes are the batch, by whatever names the file has for them."""
        size = symbol(open_size(index, axis))
        if not name or name in taken:
            return taken.get(name, size)
        others = [one for one, held in taken.items() if held == size]
        if others:
            self.notes.append(
                f"the sizes `{printable(others[0])}` and `{printable(name)}` are both the batch"
            )
        return taken.setdefault(name, size)

    def _output(self, index: int, name: str) -> None:
        value = self._values.get(name)
        if value is MISSING:
            return
        try:
            wire = self._operator(None, name).wire(value)
            title = "output" if name.isdecimal() else name
            self.draft.add("output", [wire], {"index": index}, Place(), name=title)
        except CannotRaiseError as error:
            self.refused.append(("output", name, str(error)))

    # ---------------------------------------------------------------- nodes

    def _operator(self, node: Any, name: str = "") -> Operator:
        return Operator(
            walk=cast("Any", self),
            draft=self.draft,
            node=node,
            arguments={},
            place=Place(),
            kind=name,
            opset=self._opset,
        )

    def _node(self, node: Any) -> Iterable[Any]:
        missing = [MISSING] * len(node.output)
        if len(node.output) == 1 and node.output[0] in self._taken:
            return [self._values[self._taken[node.output[0]]]]
        inputs = [self._values.get(name) if name else None for name in node.input]
        if any(one is MISSING for one in inputs):
            return missing
        kind = f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        place = node.name or next((name for name in node.output if name), "")
        try:
            operator = Operator(
                walk=cast("Any", self),
                draft=self.draft,
                node=node,
                arguments={one.name: self._attribute(one) for one in node.attribute},
                place=_place(node.name),
                kind=kind,
                inputs=inputs,
                opset=self._opset,
                outputs=list(node.output),
            )
            return self._raised(operator, kind)
        except CannotRaiseError as error:
            self.refused.append((kind, place, str(error)))
        except RuleError as error:
            self.refused.append((kind, place, error.message))
        except _UNFIT as error:
            text = str(error).splitlines()[0] if str(error) else "they are too few or too many"
            self.refused.append((kind, place, f"its inputs and attributes do not fit: {text[:200]}"))
        return missing

    def _raised(self, operator: Operator, kind: str) -> list[Any]:
        result: Any = positioned(operator, kind)
        if result is None:
            result = folded(operator, kind, self._budget)
        if result is None:
            raiser = RAISERS.get(kind)
            if raiser is None:
                raise CannotRaiseError("there is no op for it")
            result = raiser(operator)
        results: list[Any] = list(cast("list[Any]", result)) if isinstance(result, list | tuple) else [result]
        for at, name in enumerate(operator.outputs):
            if not name:
                continue
            if at >= len(results) or results[at] is None:
                if self.is_used(name):
                    raise CannotRaiseError(f"its result {at} is used, and there is no op for that")
                continue
            self._check(operator, results[at], name)
        return results

    def _check(self, operator: Operator, result: Any, name: str) -> None:
        """Compare what was raised with what the file and ONNX's rules say."""
        said = self._types.get(name)
        if not isinstance(result, Wire | Known | Spread | Gaussian):
            return
        held = operator.type(result)
        bounded(held.shape)
        if said is None:
            return
        elements, sizes = said
        fits = not elements or dtype_name(dtype_of(elements)) == held.dtype
        if sizes is not None:
            fits = fits and len(sizes) == held.rank
            fits = fits and all(
                one is None or not isinstance(ours, int) or one == ours
                for one, ours in zip(sizes, held.shape, strict=True)
            )
        if not fits:
            wanted = "?" if sizes is None else ", ".join("?" if one is None else str(one) for one in sizes)
            raise CannotRaiseError(f"it was raised as {held}, and the file gives [{wanted}]")

    def _attribute(self, attribute: Any) -> Any:
        if attribute.ref_attr_name:
            raise CannotRaiseError("it takes an attribute of a function")
        kinds = onnx.AttributeProto
        match attribute.type:
            case kinds.TENSOR:
                return self.tensor(attribute.t)
            case kinds.STRING:
                return attribute.s.decode("utf-8", "replace")
            case kinds.STRINGS:
                return [one.decode("utf-8", "replace") for one in attribute.strings]
            case kinds.FLOAT:
                return attribute.f
            case kinds.INT:
                return attribute.i
            case kinds.FLOATS:
                return list(attribute.floats)
            case kinds.INTS:
                return list(attribute.ints)
            case _:
                raise CannotRaiseError(f"its attribute `{attribute.name}` has no place in a blueprint")


def _place(name: str) -> Place:
    """Return the module that a node's name tells, as torch writes it: `/layer1/layer1.0/conv1/Conv`."""
    path: list[str] = []
    for part in name.split("/")[1:-1] if name.startswith("/") else []:
        start = next((at for at in range(len(path)) if part.startswith(".".join(path[at:]) + ".")), len(path))
        path = [*path[:start], *part.split(".")]
    return Place(".".join(path))
