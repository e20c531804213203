"""Compute a blueprint node by node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value
from esper_graph.compile.interpreter.opaque import evaluator_of
from esper_graph.errors import ConfigError, KernelError, LoweringError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ops.dims import evaluate, symbols
from esper_graph.ops.values import TensorType

_MODULES = (
    "elementwise",
    "activation",
    "windows",
    "layers",
    "shape",
    "chance",
    "spectral",
    "routing",
    "probe",
)

Tensors = Mapping[str, Mapping[str, Tensor]]
"""Parameters and buffers: by node id, then by name."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a blueprint computes.

    Attributes:
        outputs: In the order of their `index`.
        metrics: By node id, or by the name that telemetry reports under.
        buffers: New values of buffers that a call in training changed, by node id and name.
        taps: In training, zeros that were added to the value of each `gradient_norm`, by its node id: their
            gradient is the value's. What is computed from gradients is not interpreted.
    """

    outputs: tuple[Tensor, ...]
    metrics: Mapping[str, Tensor]
    buffers: Tensors
    taps: Mapping[str, Tensor]


def evaluators() -> Mapping[str, Evaluator]:
    """Return the evaluator of each op type."""
    if not _FOUND:
        for module in _MODULES:
            _FOUND.update(import_module(f"esper_graph.compile.interpreter.{module}").EVALUATORS)
    return _FOUND


_FOUND: dict[str, Evaluator] = {}


def register_evaluator(op_type: str, evaluator: Evaluator) -> None:
    """Say what an op of your own, added with `register_op`, computes, so that its kernels can be validated.

    Raises:
        ConfigError: The op has an evaluator already.
    """
    if op_type in evaluators():
        raise ConfigError(
            f"the op `{op_type}` has an evaluator already", hint="choose another name for the op"
        )
    _FOUND[op_type] = evaluator


def interpret(
    blueprint: BlueprintIR,
    inputs: Sequence[Tensor],
    tensors: Tensors,
    *,
    training: bool = False,
    generator: torch.Generator | None = None,
) -> Interpretation:
    """Compute a valid blueprint in float64.

    Args:
        inputs: In the order of their `index`; floats of any width.
        tensors: Parameters and buffers of every node that owns some; floats of any width.
        training: Whether ops behave as in training.
        generator: Where random numbers come from; None leaves dropout and noise out.

    Raises:
        KernelError: The inputs do not fit.
        LoweringError: An op has no evaluator.
    """
    blueprint = blueprint.expanded
    graph, inference = blueprint.graph, blueprint.inference
    assert graph.order is not None, "only valid blueprints get here"
    places = graph.of_type("input")
    binding = bind(blueprint, [tuple(x.shape) for x in inputs])
    held: list[tuple[Value, ...]] = [() for _ in graph.nodes]
    given = {place: _wide(x) for place, x in zip(places, inputs, strict=True)}
    table, metrics, taps = evaluators(), dict[str, Tensor](), dict[str, Tensor]()
    late = _from_gradients(blueprint)
    buffers: dict[str, dict[str, Tensor]] = {}
    results: dict[int, Tensor] = {}
    for place in graph.order:
        if place in late:
            continue
        node, outputs = graph.nodes[place], inference.outputs[place]
        types = graph.input_types(inference.outputs, place)
        assert outputs is not None
        assert types is not None
        arriving: list[Value | None] = [None] * len(types)
        for feed in graph.feeds[place]:
            arriving[feed.slot] = held[feed.source][feed.source_slot]
        if node.op_type == "input":
            held[place] = _tapped(blueprint, place, (given[place],), taps) if training else (given[place],)
            continue
        if node.op_type == "output":
            assert isinstance(arriving[0], Tensor)
            results[place] = arriving[0]
            continue
        evaluator = table.get(node.op_type) or evaluator_of(node.op_type)
        if evaluator is None:
            raise LoweringError(
                f"`{node.id}` cannot be interpreted: the op `{node.op_type}` has no evaluator",
                hint="add one with `esper_graph.compile.interpreter.run.register_evaluator`",
            )
        owner = node.shares or node.id
        updates: dict[str, Tensor] = {}
        owned = {
            name: _wide(tensor)
            for name, tensor in {**tensors.get(owner, {}), **buffers.get(owner, {})}.items()
        }
        call = Call(
            node=node.id,
            a=graph.values[place],
            inputs=arriving,
            types=types,
            outputs=outputs,
            tensors=owned,
            updates=updates,
            metrics=metrics,
            binding=binding,
            training=training,
            generator=generator,
        )
        held[place] = evaluator(call)
        if training:
            held[place] = _tapped(blueprint, place, held[place], taps)
        if updates:
            buffers.setdefault(owner, {}).update(updates)
    ordered = tuple(results[place] for place in graph.of_type("output"))
    return Interpretation(ordered, metrics, buffers, taps)


def _from_gradients(blueprint: BlueprintIR) -> set[int]:
    """The nodes that gradients flow into."""
    found: set[int] = set()
    assert blueprint.graph.order is not None
    for place in blueprint.graph.order:
        sources = {feed.source for feed in blueprint.graph.feeds[place]}
        if blueprint.nodes[place].op_type == "gradient_norm" or sources & found:
            found.add(place)
    return found


def _tapped(
    blueprint: BlueprintIR, place: int, values: tuple[Value, ...], taps: dict[str, Tensor]
) -> tuple[Value, ...]:
    found = list(values)
    for target, feed in blueprint.graph.consumers[place]:
        value = found[feed.source_slot]
        if blueprint.nodes[target].op_type == "gradient_norm" and isinstance(value, Tensor):
            zeros = taps[blueprint.nodes[target].id] = torch.zeros_like(value).requires_grad_()
            found[feed.source_slot] = value + zeros
    return tuple(found)


def bind(blueprint: BlueprintIR, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """Read the size of each symbol off the shapes of the inputs.

    Raises:
        KernelError: A shape does not fit its input.
    """
    places = blueprint.graph.of_type("input")
    if len(shapes) != len(places):
        raise KernelError(f"{len(shapes)} inputs were given, the blueprint has {len(places)}")
    binding: dict[str, int] = {}
    pairs: list[tuple[str, TensorType, tuple[int, ...]]] = []
    for place, shape in zip(places, shapes, strict=True):
        outputs = blueprint.inference.outputs[place]
        assert outputs is not None
        assert isinstance(outputs[0], TensorType)
        pairs.append((blueprint.nodes[place].id, outputs[0], shape))
    for node, kind, shape in pairs:
        if len(shape) != kind.rank:
            raise KernelError(f"input `{node}` is {kind}, not of shape {list(shape)}")
        for declared, size in zip(kind.shape, shape, strict=True):
            names = symbols(declared)
            if len(names) == 1 and not names <= binding.keys():
                (name,) = names
                binding[name] = next(
                    (n for n in range(size + 1) if evaluate(declared, {name: n}) == size), size
                )
    for node, kind, shape in pairs:
        for declared, size in zip(kind.shape, shape, strict=True):
            if not symbols(declared) <= binding.keys() or evaluate(declared, binding) != size:
                raise KernelError(f"input `{node}` is {kind}, not of shape {list(shape)}")
    return binding


def _wide(x: Tensor) -> Tensor:
    if x.is_floating_point():
        return x.to(torch.float64)
    return x.to(torch.complex128) if x.is_complex() else x
