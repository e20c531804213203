"""Walk over an exported program and raise each call."""

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, fx

from esper_graph.compile.importer.aten import arguments_of, is_about_sizes, is_region, mutates, name_of
from esper_graph.compile.importer.call import Call, Raised, dtype_name
from esper_graph.compile.importer.constants import Constants
from esper_graph.compile.importer.draft import CannotRaiseError, Draft, Place
from esper_graph.compile.importer.folding import folded, leaves_of
from esper_graph.compile.importer.mutation import changes_outside, rebind, root_of
from esper_graph.compile.importer.opaque import keep
from esper_graph.compile.importer.ownership import is_sole, is_table
from esper_graph.compile.importer.raisers import RAISERS
from esper_graph.compile.importer.shaping import written
from esper_graph.compile.importer.sizes import InexpressibleSizeError, name_size, size_of
from esper_graph.compile.importer.values import Known, Positions, Size, Weight, Wire, items_of
from esper_graph.ops.boundary import open_size
from esper_graph.ops.dims import Dim, symbol, symbols

_ABOUT_SIZES = ("_assert", "sym_constrain", "_check", "sym_numel", "sym_size", "sym_stride")
"""Calls that give no value of the network."""

_NO_GRADIENT = (
    "a tensor is changed in place without gradients: in training none pass it, "
    "where torch lets them pass as if nothing had changed"
)


class Walk:
    """One exported program on its way into a draft.

    Args:
        program: What torch recorded.
        aliases: First names of tied parameters, by their other names.
        opaque: Whether calls that cannot be raised are kept as they are, where that is sound.

    Attributes:
        draft: What has been raised so far.
        refused: Calls that could not be raised: op, place, why.
        notes: What is worth knowing, as sentences.
        values: What stands for each node of the program.
    """

    def __init__(
        self, program: torch.export.ExportedProgram, aliases: Mapping[str, str], *, opaque: bool = False
    ) -> None:
        self.program = program
        self.opaque = opaque
        self.draft = Draft()
        self.refused: list[tuple[str, str, str]] = []
        self.notes: list[str] = []
        self.values: dict[fx.Node, Raised] = {}
        self._aliases = aliases
        self._constants = Constants(self.draft)
        self._symbols: dict[Any, Dim] = {}
        self._casting = False

    def run(self) -> None:
        """Raise everything; what cannot be raised is collected, and what depends on it is left out."""
        self.program.graph.eliminate_dead_code(_is_needed)
        self._enter()
        self._graph(self.program.graph)

    # ---------------------------------------------------------------- what raisers ask for

    def size(self, value: Any) -> Dim:
        """Return a size of the exported program; see `size_of`."""
        return size_of(value, self._symbols)

    def defines(self, size: Dim) -> bool:
        """Tell whether a size follows from those of the inputs."""
        return symbols(size) <= {name for known in self._symbols.values() for name in symbols(known)}

    def wired(self, value: Any, place: Place) -> Wire:
        """Return a value of the draft; known tensors and parameters become nodes."""
        return self._constants.wired(value, place)

    def sole(self, node: fx.Node, owned: Iterable[Weight]) -> bool:
        """Tell whether the op of a call may own these tensors; see `is_sole`."""
        return is_sole(node, owned, self.values)

    def only_tables(self, node: fx.Node, weight: Weight) -> bool:
        """Tell whether a tensor is used as a matrix or a table only; see `is_table`."""
        return is_table(node, weight, self.values)

    def check_ownership(self, node: fx.Node, owned: Iterable[Weight]) -> None:
        """Refuse parameters that two ops would own.

        Raises:
            CannotRaiseError: Another op uses some of them differently.
        """
        weights = [weight for weight in owned if weight.trainable]
        if not self.sole(node, weights) and not (len(weights) == 1 and self.only_tables(node, weights[0])):
            raise CannotRaiseError("other ops use its parameters in another way")

    # ---------------------------------------------------------------- what enters and what leaves

    def _enter(self) -> None:
        program, signature = self.program, self.program.graph_signature
        held: Mapping[str, Any] = {**program.constants, **program.state_dict}
        inputs = 0
        for node in program.graph.nodes:
            if node.op != "placeholder":
                continue
            parameter = signature.inputs_to_parameters.get(node.name)
            buffer = signature.inputs_to_buffers.get(node.name)
            constant = signature.inputs_to_lifted_tensor_constants.get(node.name)
            value: Any = node.meta.get("val")
            if parameter is not None:
                name = self._aliases.get(parameter, parameter)
                self.values[node] = Weight(name, held[parameter].detach())
            elif buffer is not None:
                self.values[node] = Known(held[buffer].detach().clone(), buffer)
            elif constant is not None:
                self.values[node] = Known(held[constant].detach().clone())
            elif isinstance(value, Tensor):
                try:
                    self.values[node] = self._input(node, inputs, value)
                except CannotRaiseError as error:
                    self.values[node] = MISSING
                    self.refused.append(("input", node.name, str(error)))
                inputs += 1
            else:
                self.values[node] = value

    def _input(self, node: fx.Node, index: int, value: Tensor) -> Wire:
        for axis, size in enumerate(value.shape):
            name_size(size, symbol(open_size(index, axis)), self._symbols)
        shape = [written(self.size(size)) for size in value.shape]
        attributes = {"shape": shape, "dtype": dtype_name(value.dtype), "index": index}
        return self.draft.add("input", [], attributes, Place(), name=node.name)

    def _leave(self, results: Iterable[Any]) -> None:
        """Add an output for each tensor among the results; buffers that were changed are none."""
        results = list(results)
        wanted = set(self.program.graph_signature.user_outputs)
        index = 0
        for node in results:
            if not isinstance(node, fx.Node) or node.name not in wanted:
                continue
            value = self.values[node]
            if value is MISSING:
                continue
            try:
                wire = self.wired(value, Place())
            except CannotRaiseError as error:
                self.refused.append(("output", "", str(error)))
                continue
            self.draft.add("output", [wire], {"index": index}, Place(), name="output")
            index += 1
        others = [repr(one)[:40] for one in results if one is not None and not isinstance(one, fx.Node)]
        if others:
            self.notes.append(f"results that are no tensors are left out ({', '.join(others[:3])})")

    # ---------------------------------------------------------------- calls

    def _graph(self, graph: fx.Graph) -> Raised:
        for node in graph.nodes:
            if node.op == "call_function":
                self.values[node] = self._call(node)
            elif node.op == "get_attr":
                self.values[node] = _attribute(node)
            elif node.op == "output":
                results: Any = node.args[0]
                if graph is self.program.graph:
                    self._leave(results)
                return self._value(results)
        return None

    def _value(self, given: Any) -> Any:
        """Return what stands for an argument."""
        if isinstance(given, fx.Node):
            return self.values[given]
        if isinstance(given, list | tuple):
            return [self._value(one) for one in items_of(given)]
        return given

    def _call(self, node: fx.Node) -> Raised:
        target: Any = node.target
        if target is operator.getitem:
            whole, which = self._value(node.args[0]), node.args[1]
            return MISSING if whole is MISSING else whole[which]
        name = name_of(target)
        if isinstance(node.meta.get("val"), torch.SymInt | int) or is_about_sizes(target):
            return self._size(node)
        if name.startswith(_ABOUT_SIZES):
            return None
        place = _place(node)
        call = Call(self, self.draft, node, self._arguments(node), place)
        if any(leaf is MISSING for leaf in leaves_of(call.arguments.values())):
            return MISSING
        try:
            return self._inlined(node, name) if is_region(target) else self._raised(call, name)
        except CannotRaiseError as error:
            reason = str(error)
        except InexpressibleSizeError as error:
            reason = f"the size {error} has no place in a blueprint"
        if self.opaque and not is_region(target):
            try:
                return self._kept(call)
            except CannotRaiseError as error:
                other = str(error)
                reason = reason if other == reason else f"{reason}, and it cannot be kept: {other}"
        self.refused.append((str(target), place.path, reason))
        return _stand_in(call)

    def _size(self, node: fx.Node) -> Size | float:
        """Return a size; one that cannot be said is refused only where it is used."""
        value: Any = node.meta["val"]
        if isinstance(value, float | bool):
            return value
        try:
            return Size(self.size(value))
        except InexpressibleSizeError:
            return Size(symbol(node.name))

    def _inlined(self, node: fx.Node, name: str) -> Raised:
        """Walk over the inner graph of a region that only sets a mode, such as autocast.

        No gradient passes the results of one without gradients.
        """
        values = [self._value(one) for one in node.args]
        at = next((at for at, one in enumerate(values) if isinstance(one, fx.GraphModule)), None)
        if at is None or not name.startswith("wrap_with"):
            raise CannotRaiseError("control flow that depends on data has no place in a blueprint")
        inner: fx.Graph = values[at].graph
        given = [one for one in inner.nodes if one.op == "placeholder"]
        outside = zip(given, node.args[at + 1 :], strict=True)
        entering = {one: other for one, other in outside if isinstance(other, fx.Node)}
        changed = changes_outside(node, inner, entering, nested=node.graph is not self.program.graph)
        self.values.update(zip(given, values[at + 1 :], strict=True))
        around = self._casting
        if name == "wrap_with_autocast":
            self._casting = bool(values[2])
        try:
            found = self._graph(inner)
        finally:
            self._casting = around
        if name == "wrap_with_set_grad_enabled" and values[0] is False:
            if changed and _NO_GRADIENT not in self.notes:
                self.notes.append(_NO_GRADIENT)
            if any(map(self._is_differentiable, values[at + 1 :])):
                return [self._detached(one, _place(node)) for one in found]
        return found

    def _detached(self, value: Raised, place: Place) -> Raised:
        """Let no gradient pass."""
        if isinstance(value, Wire) and self._is_differentiable(value):
            return self.draft.add("detach", [value], {}, place)
        return value

    def _is_differentiable(self, value: Any) -> bool:
        if isinstance(value, Weight):
            return value.trainable
        return isinstance(value, Wire) and self.draft.type(value).kind in ("float", "complex")

    def _arguments(self, node: fx.Node) -> Mapping[str, Any]:
        declared = arguments_of(node.target)
        if not declared:
            return {str(at): self._value(one) for at, one in enumerate(node.args)}
        found: dict[str, Any] = {}
        for at, argument in enumerate(declared):
            if at < len(node.args):
                found[argument.name] = self._value(node.args[at])
            elif argument.name in node.kwargs:
                found[argument.name] = self._value(node.kwargs[argument.name])
            else:
                found[argument.name] = argument.default_value if argument.has_default_value() else None
        return found

    def _raised(self, call: Call, name: str) -> Raised:
        changes = mutates(call.node.target)
        if changes:
            self._check_change(call)
        positions = _repositioned(call, name)
        if positions is not None:
            return positions
        known = folded(call, name)
        if known is not None:
            if changes and isinstance(known, Known):
                self._constants.forget(known.tensor)
            return known
        if any(0 in result.shape for result in call.results):
            # nothing to compute: what takes it joins it to something else
            return Known(torch.zeros([size if isinstance(size, int) else 1 for size in call.result.shape]))
        raiser = RAISERS.get(name) or (RAISERS.get(name.rstrip("_")) if changes else None)
        if raiser is None:
            raise CannotRaiseError("there is no op for it")
        result = raiser(call)
        _check(call, result)
        if changes:
            rebind(call, result, self.values)
        return result

    def _kept(self, call: Call) -> Raised:
        """Keep a call as it is."""
        if self._casting:
            raise CannotRaiseError("autocast chooses its dtypes")
        changes = mutates(call.node.target)
        if changes:
            self._check_change(call)
        result = keep(call)
        if changes:
            rebind(call, result, self.values)
        return result

    def _check_change(self, call: Call) -> None:
        """Refuse what changes the module: its next call would give something else."""
        changed = call.node.args[0]
        assert isinstance(changed, fx.Node)
        held = self.values.get(root_of(changed))
        if isinstance(held, Weight) or (isinstance(held, Known) and held.name is not None):
            raise CannotRaiseError(f"it changes `{held.name}` of the module in place")


class _Missing:
    """Stands for the result of a refused call whose type cannot be said."""


MISSING = _Missing()


def _stand_in(call: Call) -> Raised:
    """Return values of the types that a refused call gives, or MISSING where they cannot be said."""
    try:
        wires = call.draft.unknown(call.results, call.place)
    except CannotRaiseError:
        return MISSING
    return wires if isinstance(call.node.meta.get("val"), list | tuple) else wires[0] if wires else MISSING


def _check(call: Call, result: Raised) -> None:
    """Compare what was raised with what torch's export found."""
    for one, expected in zip(items_of(result), call.results, strict=False):
        if isinstance(one, Wire) and call.draft.type(one) != expected:
            raise CannotRaiseError(f"it was raised as {call.draft.type(one)}, and gives {expected}")


def _is_needed(node: fx.Node) -> bool:
    """Tell whether a call counts although nothing uses its results, as regions do that change tensors."""
    inner = [_attribute(one) for one in node.all_input_nodes if one.op == "get_attr"]
    changing = (
        mutates(one.target)
        for graph in inner
        if isinstance(graph, fx.GraphModule)
        for one in graph.graph.nodes
        if one.op == "call_function"
    )
    return node.is_impure() or any(changing)


def _attribute(node: fx.Node) -> Raised:
    found: Any = node.graph.owning_module
    for part in str(node.target).split("."):
        found = getattr(found, part)
    return Known(found.detach().clone()) if isinstance(found, Tensor) else found


def _place(node: fx.Node) -> Place:
    stack: Mapping[str, Any] = node.meta.get("nn_module_stack") or {}
    if not stack:
        return Place()
    path, kind = list(stack.values())[-1]
    return Place(
        str(path).removeprefix("L['self']").lstrip("."), leaf=str(kind).startswith("torch.nn.modules")
    )


_SHAPING = frozenset(
    {"view", "reshape", "unsqueeze", "squeeze", "slice", "expand", "clone", "contiguous", "to"}
)


def _repositioned(call: Call, name: str) -> Positions | None:
    """Give positions along an open axis other axes of size 1."""
    given = call.arguments.get("self")
    if not isinstance(given, Positions):
        return None
    shape = call.result.shape
    varying = [axis for axis, size in enumerate(shape) if size != 1]
    if len(varying) == 1 and shape[varying[0]] == given.size and name in _SHAPING:
        return Positions(given.size, shape, varying[0])
    raise CannotRaiseError("it computes with positions along an axis that is not fixed")
