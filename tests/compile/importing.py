"""Importing a module and comparing its kernel with the module itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from esper_graph.compile import (
    CompileJob,
    Imported,
    compile_blueprint,
    give_weights,
    given_weights,
    import_with_weights,
    load_kernel,
    read_facts,
    take_weights,
)
from esper_graph.compile.archive import read_kept
from esper_graph.compile.weights_file import read_tensors

TOLERANCE = 1e-4
COMPILED_IN = 60_000_000
"""Networks with more parameters would be in memory too often at once."""


@dataclass(frozen=True)
class Comparison:
    """What an imported network has, and how far its kernel is from the network."""

    imported: Imported
    parameters: int
    expected_parameters: int
    macs: int
    expected_macs: int
    error: float

    def row(self, name: str) -> str:
        """One line of a table."""
        blueprint = self.imported.blueprint
        return (
            f"{name:34} {len(blueprint.nodes):6} {blueprint.graph.depth:6} {self.parameters:12} "
            f"{self.macs:14} {self.error:9.1e}"
        )


HEADER = f"{'network':34} {'nodes':>6} {'depth':>6} {'parameters':>12} {'MACs':>14} {'error':>9}"


def stirred(module: nn.Module) -> nn.Module:
    """Move what starts as all zeros or all ones, so that nothing is hidden behind it."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.1)
            if name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
        for parameter in module.parameters():
            if parameter.numel() and bool((parameter == parameter.flatten()[0]).all()):
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return module


def samples(inputs: Any, count: int) -> Any:
    """Inputs like the given ones, of another number of samples."""
    generator = torch.Generator().manual_seed(2)

    def fresh(x: Any) -> Any:
        shape = (count, *x.shape[1:])
        if x.is_floating_point():
            return torch.randn(shape, generator=generator)
        if x.dtype == torch.int64:
            return torch.randint(0, int(x.max()) + 1, shape, generator=generator)
        return x[:1].expand(shape)

    return pytree.tree_map(fresh, inputs)


def call(module: Any, inputs: Any) -> list[Tensor]:
    """All tensors that a module gives."""
    with torch.no_grad():
        found = module(**inputs) if isinstance(inputs, Mapping) else module(*inputs)
    return [leaf for leaf in pytree.tree_leaves(found) if isinstance(leaf, Tensor)]


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def counted_macs(module: nn.Module, inputs: Any) -> int:
    """Multiply-adds that torch itself counts; it does not know its attention on the CPU."""
    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    module.requires_grad_(False)
    try:
        with FlopCounterMode(display=False, custom_mapping={attention: _attention_flops}) as counter:
            call(module, inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for parameter in trained:
            parameter.requires_grad_(True)
    return counter.get_total_flops() // 2


def relative(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The largest difference, measured by the largest value of each result."""
    worst = 0.0
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        scale = max(float(other.double().abs().max()), 1e-12)
        worst = max(worst, float((one.double() - other.double()).abs().max()) / scale)
    return worst


def kernel_of(imported: Imported, mode: Any = "infer") -> Any:
    """The kernel of an imported network with the network's weights."""
    return loaded(imported, mode)[0]


def loaded(imported: Imported, mode: Any = "infer") -> tuple[Any, dict[str, Tensor] | None]:
    """The same, and its `state_dict`. Weights of large networks are given to the loaded kernel instead."""
    if sum(tensor.numel() for owned in imported.weights.values() for tensor in owned.values()) > COMPILED_IN:
        made = compile_blueprint(CompileJob(imported.blueprint, mode=mode))
        kernel: Any = load_kernel(made.data, made.digest)
        give_weights(kernel, read_facts(made.data), imported.weights)
        return kernel.eval(), None
    with given_weights(imported, imported.blueprint) as file:
        made = compile_blueprint(CompileJob(imported.blueprint, mode=mode, weights=file))
    kernel = load_kernel(made.data, made.digest)
    kept = read_kept(made.data)
    held = take_weights(kernel, read_facts(made.data), {} if kept is None else read_tensors(kept))
    return kernel.eval(), held.state_dict()


def refuse_other_state(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Fail where a state is not exactly the one of the module."""
    assert found.keys() == wanted.keys(), found.keys() ^ wanted.keys()
    for name, tensor in wanted.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape), name
        assert torch.equal(found[name], tensor), name


def compare(module: nn.Module, inputs: Any, count: int = 3, *, macs: bool = True) -> Comparison:
    """Import a module, compile it, and run both on another number of samples than that of the example."""
    module = stirred(module).eval()
    imported = import_with_weights(module, inputs, max_nodes=6000, max_depth=3000)
    assert imported.open_batch, imported.notes
    cost = imported.blueprint.cost({"batch": count})
    sizes = {name: parameter.numel() for name, parameter in module.named_parameters()}
    given = samples(inputs, count)
    kernel, state = loaded(imported)
    if state is not None:
        refuse_other_state(state, module.state_dict())
    ordered = tuple(given.values()) if isinstance(given, Mapping) else given
    return Comparison(
        imported,
        parameters=cost.parameters,
        expected_parameters=sum(size for name, size in sizes.items() if name not in imported.unused),
        macs=cost.macs,
        expected_macs=counted_macs(module, given) if macs else cost.macs,
        error=relative(call(kernel, ordered), call(module, given)),
    )
