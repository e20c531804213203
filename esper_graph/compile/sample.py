"""Random inputs that a blueprint accepts: sizes that fit its assumptions, row numbers that exist."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from esper_graph.errors import KernelError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ops.dims import Expression, evaluate, symbols
from esper_graph.ops.values import DTYPES, TensorType

_TRIED = 64
_SEQUENCE, _IMAGE = 6, 16


def bindings(blueprint: BlueprintIR, batches: tuple[int, ...] = (1, 2, 5)) -> list[dict[str, int]]:
    """Choose sizes for the blueprint's symbols, one choice for each batch size.

    Small sizes are tried until everything holds that inference assumed.

    Raises:
        KernelError: No small sizes fit.
    """
    return [_fitting(blueprint.expanded, batch, turn) for turn, batch in enumerate(batches)]


def _fitting(blueprint: BlueprintIR, batch: int, turn: int) -> dict[str, int]:
    usual = _usual(blueprint)
    for attempt in range(_TRIED):
        grown = attempt + turn
        found = {
            name: batch + (attempt if attempt >= _TRIED // 2 else 0) if kind == "batch" else size + grown
            for name, (kind, size) in usual.items()
        }
        for candidate in (found, _rounded(found, 8), _rounded(found, 32)):
            if _holds(blueprint, candidate):
                return candidate
    raise KernelError(
        f"no small sizes of {', '.join(sorted(usual))} fit `{blueprint.id or blueprint.name}`",
        hint="name sizes that do with `bindings`",
    )


def _usual(blueprint: BlueprintIR) -> dict[str, tuple[str, int]]:
    usual: dict[str, tuple[str, int]] = {}
    for kind in _input_types(blueprint):
        for axis, size in enumerate(kind.shape):
            if isinstance(size, Expression):
                for name in symbols(size):
                    image = kind.rank == 4 and axis >= 2
                    usual.setdefault(
                        name,
                        ("batch", 1)
                        if axis == 0
                        else ("image", _IMAGE)
                        if image
                        else ("sequence", _SEQUENCE),
                    )
    return usual


def _rounded(binding: Mapping[str, int], to: int) -> dict[str, int]:
    return {name: size if name == "batch" else -(-size // to) * to for name, size in binding.items()}


def _holds(blueprint: BlueprintIR, binding: Mapping[str, int]) -> bool:
    for _, assumption in blueprint.inference.assumptions:
        size, by = evaluate(assumption.size, binding), evaluate(assumption.by, binding)
        if (assumption.kind == "positive" and size < 1) or (assumption.kind == "divisible" and size % by):
            return False
    return True


def _input_types(blueprint: BlueprintIR) -> Iterator[TensorType]:
    for place in blueprint.graph.of_type("input"):
        outputs = blueprint.inference.outputs[place]
        assert outputs is not None
        assert isinstance(outputs[0], TensorType)
        yield outputs[0]


def sample(blueprint: BlueprintIR, binding: Mapping[str, int], seed: int) -> list[Tensor]:
    """Draw a value for each input: normal floats, row numbers that exist, truth values that mostly hold."""
    blueprint = blueprint.expanded
    generator = torch.Generator().manual_seed(seed)
    found: list[Tensor] = []
    for place, kind in zip(blueprint.graph.of_type("input"), _input_types(blueprint), strict=True):
        shape = [evaluate(size, binding) for size in kind.shape]
        dtype = getattr(torch, kind.dtype)
        if DTYPES[kind.dtype].kind == "bool":
            found.append(torch.rand(shape, generator=generator) < 0.75)
        elif DTYPES[kind.dtype].kind == "int":
            found.append(
                torch.randint(0, _rows(blueprint, place, binding), shape, generator=generator).to(dtype)
            )
        else:
            found.append(torch.randn(shape, generator=generator, dtype=dtype))
    return found


def _rows(blueprint: BlueprintIR, place: int, binding: Mapping[str, int]) -> int:
    """The number of rows that every consumer of an input can pick from, also through other nodes."""
    graph = blueprint.graph
    least, waiting, seen = 8, [place], set[int]()
    while waiting:
        source = waiting.pop()
        if source in seen:
            continue
        seen.add(source)
        for target, feed in graph.consumers[source]:
            values = graph.values[target]
            if graph.nodes[target].op_type == "embedding":
                least = min(least, values.num_embeddings)
            elif graph.nodes[target].op_type == "gather" and feed.slot == 1:
                types = graph.input_types(blueprint.inference.outputs, target)
                if types and isinstance(types[0], TensorType):
                    least = min(least, evaluate(types[0].shape[int(values.dim)], binding))
            elif _whole(blueprint, target):
                waiting.append(target)
    return max(least, 1)


def _whole(blueprint: BlueprintIR, place: int) -> bool:
    outputs = blueprint.inference.outputs[place]
    return bool(outputs) and isinstance(outputs[0], TensorType) and outputs[0].kind == "int"
