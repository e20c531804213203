"""What one call of a blueprint costs: parameters, multiply-adds, other arithmetic, memory.

The convention: one multiply-add is two FLOPs; `macs` and `flops` count products and convolutions only;
all other arithmetic is `elementwise`, one for each element computed. All figures are those of one forward
call. They follow from the rules of the ops under a *binding*: a size for each symbol of the blueprint.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from esper_graph.config import load_manifest
from esper_graph.ir.choosing import active_parameters
from esper_graph.ir.graph import Graph
from esper_graph.ir.shapes import Inference
from esper_graph.ops.dims import Expression, evaluate, product, symbols
from esper_graph.ops.opdef import MEMO, Settled, inferred
from esper_graph.ops.values import DTYPES, TensorType, TupleType, ValueType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

CONVENTION = (
    "1 multiply-add = 2 FLOPs; FLOPs count products and convolutions, elementwise all other arithmetic"
)
PRECISION_BYTES: Mapping[str, int] = MappingProxyType({"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1})
MEGABYTE = 1e6


class NodeCost(NamedTuple):
    """What one node costs under a binding.

    Attributes:
        parameters: Trainable numbers it owns; none where it shares those of another node.
        buffers: Other numbers it keeps, such as running means.
        macs: Multiply-adds of one call.
        elementwise: Other arithmetic of one call.
        known: False where nobody knows what the op does inside; `macs` and `elementwise` are 0 then.
        precision: The number format of its weights.
        weight_bytes: Bytes of parameters and buffers at that precision.
        input_bytes: Bytes of the values that it reads.
        output_bytes: Bytes of its results.
    """

    node_id: str
    op_type: str
    parameters: int
    buffers: int
    macs: int
    elementwise: int
    known: bool
    precision: str
    weight_bytes: int
    input_bytes: int
    output_bytes: int

    @property
    def flops(self) -> int:
        """Two for each multiply-add."""
        return self.macs * 2

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: FLOPs and other arithmetic for each byte that is read or written."""
        moved = self.weight_bytes + self.input_bytes + self.output_bytes
        return (self.flops + self.elementwise) / moved if moved else 0.0


class Costs(NamedTuple):
    """What a blueprint costs under a binding of its symbols.

    Attributes:
        binding: The size of each symbol.
        nodes: The cost of each node, in listing order.
        parameters: Trainable numbers; shared ones count once.
        active_parameters: Those that one row uses at most, where a gate chooses among experts or paths.
        macs: Multiply-adds of one call.
        elementwise: Other arithmetic of one call.
        uncounted: Ids of the nodes whose work is not known: `macs`, `flops` and `elementwise` are those of
            the others.
        weight_bytes: Bytes of all parameters and buffers.
        activation_bytes: The largest sum of results that are alive at once, in listing order of execution: a
            result lives until its last consumer has run. Workspace of kernels is not in it.
    """

    binding: Mapping[str, int]
    nodes: tuple[NodeCost, ...]
    parameters: int
    active_parameters: int
    macs: int
    elementwise: int
    uncounted: tuple[str, ...]
    weight_bytes: int
    activation_bytes: int

    @property
    def flops(self) -> int:
        """Two for each multiply-add."""
        return self.macs * 2

    @property
    def memory_mb(self) -> float:
        """Megabytes (10^6 bytes) of weights and the largest set of activations alive at once."""
        return (self.weight_bytes + self.activation_bytes) / MEGABYTE

    @property
    def weight_bytes_by_precision(self) -> Mapping[str, int]:
        """Bytes of parameters and buffers for each number format that has some."""
        found: dict[str, int] = {}
        for node in self.nodes:
            if node.weight_bytes:
                found[node.precision] = found.get(node.precision, 0) + node.weight_bytes
        return found


def costs(blueprint: "BlueprintIR", binding: Mapping[str, int] | None = None) -> Costs:
    """Compute the costs of a valid blueprint.

    Args:
        binding: Sizes for its symbols; those not named keep the shipped manifest's reference sizes.

    Raises:
        BlueprintError: The blueprint is not valid.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("mlp", name="MLP")
        >>> _ = b.output(b.linear(b.input([-1, 784]), in_features=784, out_features=10))
        >>> total = b.finish().cost({"batch": 8})
        >>> total.parameters, total.macs, total.elementwise
        (7850, 62720, 80)
    """
    if blueprint.blocks:
        blueprint.validate()
        blueprint = blueprint.expanded
    graph, inference = blueprint.graph, blueprint.inference
    if graph.problems or graph.order is None or inference.problems:
        blueprint.validate()
    bound = {**reference_binding(graph, inference, load_manifest().reference_binding), **(binding or {})}
    sizes = tuple(bound.items())
    nodes = tuple([_node_cost(graph, inference, place, sizes) for place in range(len(graph.nodes))])
    return Costs(
        binding=MappingProxyType(bound),
        nodes=nodes,
        parameters=sum([node.parameters for node in nodes]),
        active_parameters=active_parameters(graph, inference, [node.parameters for node in nodes]),
        macs=sum([node.macs for node in nodes]),
        elementwise=sum([node.elementwise for node in nodes]),
        uncounted=tuple([node.node_id for node in nodes if not node.known]),
        weight_bytes=sum([node.weight_bytes for node in nodes]),
        activation_bytes=_peak(graph, [node.output_bytes for node in nodes]),
    )


def reference_binding(graph: Graph, inference: Inference, sizes: Mapping[str, int]) -> dict[str, int]:
    """Give each symbol of the inputs a size.

    A symbol that has the name of a reference size gets it. Others get `batch` on the first axis, `image` on
    the last two of four axes, `sequence` elsewhere.
    """
    bound: dict[str, int] = {}
    for place in graph.of_type("input"):
        for value in inference.outputs[place] or ():
            if not isinstance(value, TensorType):
                continue
            for axis, size in enumerate(value.shape):
                usual = "batch" if axis == 0 else "image" if value.rank == 4 and axis >= 2 else "sequence"
                if isinstance(size, Expression):
                    for name in symbols(size):
                        bound.setdefault(name, sizes.get(name, sizes.get(usual, 1)))
    return bound


def value_bytes(value: ValueType) -> int:
    """Return the bytes of a tensor without symbols, or of all tensors of a tuple."""
    if isinstance(value, TupleType):
        return sum([value_bytes(tensor) for _, tensor in value.fields])
    return evaluate(product(value.shape), _NOTHING) * DTYPES[value.dtype].bytes


_NOTHING: Mapping[str, int] = MappingProxyType({})


class _Work(NamedTuple):
    """Multiply-adds, other arithmetic and bytes of one call, and whether the former two are known."""

    macs: int
    elementwise: int
    known: bool
    input_bytes: int
    output_bytes: int


@lru_cache(maxsize=MEMO)
def _work(
    settled: Settled, inputs: tuple[ValueType | None, ...], sizes: tuple[tuple[str, int], ...]
) -> _Work:
    """Apply the op's cost rule with numbers for symbols: rules then count with plain integers."""
    binding = dict(sizes)
    bound_inputs = [_bound(value, binding) if value is not None else None for value in inputs]
    outputs = [_bound(value, binding) for value in inferred(settled, inputs)[0]]
    work = settled.op.cost(settled.values, bound_inputs, outputs)
    return _Work(
        evaluate(work.macs, _NOTHING),
        evaluate(work.elementwise, _NOTHING),
        work.known,
        sum([value_bytes(value) for value in bound_inputs if value is not None]),
        sum([value_bytes(value) for value in outputs]),
    )


def _bound(value: ValueType, binding: Mapping[str, int]) -> ValueType:
    """The type with numbers for its symbols."""
    if isinstance(value, TupleType):
        fields = tuple([(name, _bound_tensor(tensor, binding)) for name, tensor in value.fields])
        return TupleType(value.name, fields)
    return _bound_tensor(value, binding)


def _bound_tensor(value: TensorType, binding: Mapping[str, int]) -> TensorType:
    return TensorType(tuple([evaluate(size, binding) for size in value.shape]), value.dtype)


def _node_cost(
    graph: Graph, inference: Inference, place: int, sizes: tuple[tuple[str, int], ...]
) -> NodeCost:
    node, settled, inputs = graph.nodes[place], graph.settled[place], inference.inputs[place]
    assert settled is not None, "only valid blueprints get here"
    assert inputs is not None
    work = _work(settled, inputs, sizes)
    trainable, buffers = (settled.trainable, settled.buffers) if node.shares is None else (0, 0)
    return NodeCost(
        node.id,
        node.op_type,
        trainable,
        buffers,
        work.macs,
        work.elementwise,
        work.known,
        node.precision,
        (trainable + buffers) * PRECISION_BYTES[node.precision],
        work.input_bytes,
        work.output_bytes,
    )


def _peak(graph: Graph, produced: list[int]) -> int:
    """The largest sum of results alive at once when nodes run in topological order."""
    assert graph.order is not None
    left = [0] * len(graph.nodes)
    for feeds in graph.feeds:
        for feed in feeds:
            left[feed.source] += 1
    alive = peak = 0
    for place in graph.order:
        alive += produced[place]
        peak = max(peak, alive)
        if graph.nodes[place].op_type == "output":
            continue  # results stay until the call returns
        if not left[place]:
            alive -= produced[place]
        for feed in graph.feeds[place]:
            left[feed.source] -= 1
            if not left[feed.source]:
                alive -= produced[feed.source]
    return peak
