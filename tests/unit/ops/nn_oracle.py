"""Compare an op's rules with what torch does on the meta device."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from esper_graph.ops import OPS
from esper_graph.ops.dims import evaluate, parse
from esper_graph.ops.opdef import Assumption, Fill, Normal, RuleError, Settled, Uniform, settle
from esper_graph.ops.values import TensorType, ValueType

BINDINGS: tuple[Mapping[str, int], ...] = (
    {"batch": 2, "length": 19, "keys": 11, "height": 17, "width": 23},
    {"batch": 3, "length": 32, "keys": 7, "height": 30, "width": 21},
)


def frozen(value: Any) -> Any:
    """Turn lists into tuples, as a `NodeSpec` does."""
    return tuple(frozen(item) for item in value) if isinstance(value, list | tuple) else value


def settled(op_type: str, attributes: Mapping[str, Any]) -> Settled:
    """Settle attributes."""
    return settle(OPS[op_type], {name: frozen(value) for name, value in attributes.items()})


def values_of(op_type: str, attributes: Mapping[str, Any]) -> Any:
    """Settle attributes that must be right."""
    found = settled(op_type, attributes)
    assert not found.problems, found.problems
    return found.values


def text_of(op_type: str, **attributes: Any) -> str:
    """Write attributes that must be right in their canonical text."""
    values_of(op_type, attributes)
    return settled(op_type, attributes).text


def complaint(op_type: str, **attributes: Any) -> str:
    """Return all that is said about attributes that must be wrong."""
    problems = settled(op_type, attributes).problems
    assert problems, attributes
    return "; ".join(f"{problem.message} ({problem.hint})" for problem in problems)


def tensor(*shape: int | str, dtype: str = "float32") -> TensorType:
    """Write a type with sizes as numbers or expressions."""
    return TensorType(tuple(parse(size) if isinstance(size, str) else size for size in shape), dtype)


def infer(
    op_type: str, attributes: Mapping[str, Any], *inputs: ValueType | None
) -> tuple[tuple[ValueType, ...], list[Assumption]]:
    """Run the shape rule; ports that are not given are not fed."""
    op = OPS[op_type]
    assumptions: list[Assumption] = []
    padded = [*inputs, *[None] * (len(op.fixed) - len(inputs))]
    return op.infer(values_of(op_type, attributes), padded, assumptions), assumptions


def refusal(op_type: str, attributes: Mapping[str, Any], *inputs: ValueType | None) -> str:
    """Return what the shape rule says about inputs that do not fit."""
    try:
        found = infer(op_type, attributes, *inputs)
    except RuleError as error:
        return f"{error.message} ({error.hint})"
    raise AssertionError(f"accepted as {found}")


def on_meta(kind: TensorType, binding: Mapping[str, int]) -> torch.Tensor:
    """Make a tensor without data."""
    return torch.empty(
        [evaluate(size, binding) for size in kind.shape], dtype=getattr(torch, kind.dtype), device="meta"
    )


def assert_same_as_torch(
    op_type: str, attributes: Mapping[str, Any], inputs: Sequence[TensorType | None], run: Callable[..., Any]
) -> None:
    """Compare shapes, dtypes and multiply-adds with a run of torch at two bindings."""
    op, values = OPS[op_type], values_of(op_type, attributes)
    outputs, _ = infer(op_type, attributes, *inputs)
    padded = [*inputs, *[None] * (len(op.fixed) - len(inputs))]
    cost = op.cost(values, padded, outputs)
    assert len(outputs) == len(op.output_names(values))
    for binding in BINDINGS:
        arguments = [None if kind is None else on_meta(kind, binding) for kind in inputs]
        with FlopCounterMode(display=False) as counter:
            produced = run(*arguments)
        produced = produced if isinstance(produced, tuple) else (produced,)
        assert len(produced) == len(outputs)
        for kind, result in zip(outputs, produced, strict=True):
            assert isinstance(kind, TensorType)
            assert tuple(evaluate(size, binding) for size in kind.shape) == tuple(result.shape)
            assert getattr(torch, kind.dtype) == result.dtype
        assert 2 * evaluate(cost.macs, binding) == counter.get_total_flops()


def assert_parameters_of(op_type: str, attributes: Mapping[str, Any], module: nn.Module) -> None:
    """Compare names, order, shapes and buffers with those of the module."""
    found = OPS[op_type].parameters(values_of(op_type, attributes))
    trainable = [(parameter.name, parameter.shape) for parameter in found if parameter.trainable]
    assert trainable == [(name, tuple(weight.shape)) for name, weight in module.named_parameters()]
    buffers = [(parameter.name, parameter.shape) for parameter in found if not parameter.trainable]
    assert buffers == [(name, tuple(buffer.shape)) for name, buffer in module.named_buffers()]
    assert sum(parameter.size for parameter in found if parameter.trainable) == sum(
        weight.numel() for weight in module.parameters()
    )


def assert_initialised_like(op_type: str, attributes: Mapping[str, Any], module: nn.Module) -> None:
    """Compare the declared distributions with values that torch has drawn."""
    state = module.state_dict()
    for parameter in OPS[op_type].parameters(values_of(op_type, attributes)):
        drawn = state[parameter.name].double()
        match parameter.init:
            case Fill(value):
                assert (drawn == value).all(), parameter.name
            case Uniform(bound):
                assert drawn.numel() > 1000, "too few values to tell a distribution"
                assert bound * 0.98 < drawn.abs().max().item() <= bound * (1 + 1e-6), parameter.name
                assert abs(drawn.std().item() * 3**0.5 / bound - 1) < 0.05, parameter.name
            case Normal(std):
                assert abs(drawn.std().item() / std - 1) < 0.05, parameter.name


def counterexample(assumptions: Sequence[Assumption], binding: Mapping[str, int]) -> Assumption | None:
    """Find an assumption that does not hold for these sizes."""
    for assumption in assumptions:
        size, by = evaluate(assumption.size, binding), evaluate(assumption.by, binding)
        if size < 1 if assumption.kind == "positive" else size % by:
            return assumption
    return None
