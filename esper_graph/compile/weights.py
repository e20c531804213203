"""Weights: the tensors of a network, by the node that owns each, under the names of the original module.

A kernel has a name of its own for each tensor; its facts say which node that belongs to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from esper_graph.errors import KernelError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes import fold_norm
from esper_graph.ops.opdef import Parameter

if TYPE_CHECKING:
    from esper_graph.compile.importer.importing import Imported

Tensors = Mapping[str, Mapping[str, Tensor]]
"""Tensors by node id and name in the op."""
Names = Mapping[str, Mapping[str, str]]
"""Names in the original module's `state_dict`, by node id and name in the op."""
COUNTER = "num_batches_tracked"
"""The one tensor that is a whole number in a `state_dict`, and a float in kernels."""
_MOST_COUNTED = 2**24
"""What a float32 counts to without a gap."""
_SHOWN = 10
FOLDED = frozenset({f"fold_norm@{fold_norm.VERSION}"})
"""Passes after which a kernel holds other weights than those it was given."""


@dataclass(frozen=True, slots=True)
class Weights:
    """All weights of a blueprint.

    Attributes:
        tensors: What each node owns.
        names: What the original module calls these; see `plain_names` for networks that have no original.
        rest: Further tensors of the original that no node owns, by name: what evaluation does not use.
        aliases: Other names of tied tensors, with the names that stand in `names`.
    """

    tensors: Tensors = field(repr=False)
    names: Names = field(repr=False)
    rest: Mapping[str, Tensor] = field(repr=False, default_factory=dict[str, Tensor])
    aliases: Mapping[str, str] = field(repr=False, default_factory=dict[str, str])

    def state_dict(self) -> dict[str, Tensor]:
        """Return all tensors under the names of the original module, which loads them strictly.

        Example:
            >>> Weights({"fc": {"weight": torch.zeros(2, 3)}}, {"fc": {"weight": "head.weight"}}).state_dict()
            {'head.weight': tensor([[0., 0., 0.],
                    [0., 0., 0.]])}
        """
        found = dict(self.named())
        return found | {alias: found[name] for alias, name in self.aliases.items()} | dict(self.rest)

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors that nodes own, with their names."""
        for node, owned in self.names.items():
            for name, original in owned.items():
                tensor = self.tensors[node][name]
                yield original, tensor.to(torch.int64) if name == COUNTER else tensor


Given: TypeAlias = "Weights | Imported | Mapping[str, Tensor]"
"""Weights as people have them: as such, as imported, or as a `state_dict` with names like `fc1.weight`."""


def as_weights(given: Given, blueprint: BlueprintIR) -> Weights:
    """Take weights for what they are, when they are exactly those that a blueprint needs.

    Raises:
        KernelError: Some are missing, are too many, or have another size or dtype; every one is named with
            the place of its node.
    """
    if isinstance(given, Mapping):
        names = plain_names(blueprint)
        refuse_unfit(blueprint, names, {name: _header(tensor) for name, tensor in given.items()})
        return Weights(_by_node(names, given), names)
    found = unchecked(given)
    refuse_unfit(blueprint, found.names, {name: _header(tensor) for name, tensor in found.named()})
    return found


def unchecked(given: "Weights | Imported") -> Weights:
    """Return the weights of what has been imported, or weights themselves.

    Raises:
        KernelError: It is neither.
    """
    if isinstance(given, Weights):
        return given
    try:
        return Weights(given.weights, given.names, given.rest, given.aliases)
    except AttributeError as error:
        raise KernelError(
            f"a {type(given).__name__} is no weights",
            hint="give a safetensors file, what `import_with_weights` returned, or a `state_dict()`",
        ) from error


def owned_by(blueprint: BlueprintIR) -> Iterator[tuple[str, Parameter]]:
    """Yield every tensor that a blueprint needs, with the id of the node that owns it; blocks written out."""
    graph = blueprint.expanded.graph
    for node, settled in zip(graph.nodes, graph.settled, strict=True):
        if settled is not None and node.shares is None:
            for parameter in settled.parameters:
                yield node.id, parameter


def plain_names(blueprint: BlueprintIR) -> dict[str, dict[str, str]]:
    """Name every tensor after its node, such as `fc1.weight`, as most modules do themselves."""
    found: dict[str, dict[str, str]] = {}
    for node, parameter in owned_by(blueprint):
        found.setdefault(node, {})[parameter.name] = f"{node}.{parameter.name}"
    return found


Header = tuple[str, tuple[int, ...]]
"""Dtype and shape."""


def refuse_unfit(
    blueprint: BlueprintIR, names: Names, found: Mapping[str, Header], source: str = "what is given"
) -> None:
    """Refuse weights that are not exactly what a blueprint needs.

    Args:
        names: Which tensor belongs to which node.
        found: The tensors, without those that no node is to own.
        source: Where they come from, for messages.

    Raises:
        KernelError: Lists every difference, with the node.
    """
    op_types = {node.id: node.op_type for node in blueprint.expanded.nodes}
    wrong: list[str] = []
    used: set[str] = set()
    left = {(node, name) for node, owned in names.items() for name in owned}
    for node, parameter in owned_by(blueprint):
        left.discard((node, parameter.name))
        place = f"{node} ({op_types[node]})  `{parameter.name}`"
        original = names.get(node, {}).get(parameter.name)
        if original is None or original not in found:
            wrong.append(f"{place} is missing{f' under the name `{original}`' if original else ''}")
            continue
        if original in used:
            wrong.append(f"{place} has the name `{original}`, which another tensor has too")
        used.add(original)
        wanted = ("int64" if parameter.name == COUNTER else "float32", parameter.shape)
        if found[original] != wanted:
            wrong.append(f"{place} is {_shown(found[original])}, and must be {_shown(wanted)}")
    wrong += [f"{node}  `{name}` belongs to no node of the blueprint" for node, name in sorted(left)]
    named = {original for owned in names.values() for original in owned.values()}
    wrong += [f"`{name}` belongs to no node" for name in sorted(found.keys() - named)]
    if wrong:
        more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        raise KernelError(
            f"{source} does not hold the weights of `{blueprint.id or blueprint.name}`: "
            f"{len(wrong)} {'tensor differs' if len(wrong) == 1 else 'tensors differ'}",
            where=[*wrong[:_SHOWN], *more],
            hint="give the weights of this very network, in float32",
        )


def _shown(header: Header) -> str:
    dtype, shape = header
    return f"{dtype} {list(shape)}"


def _header(tensor: object) -> Header:
    if not isinstance(tensor, Tensor):
        return f"no tensor but {type(tensor).__name__}", ()
    plain = tensor.layout == torch.strided and not tensor.is_meta
    dtype = str(tensor.dtype).removeprefix("torch.")
    return (dtype if plain else f"{dtype} without plain values"), tuple(tensor.shape)


def _by_node(names: Names, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    return {
        node: {name: tensors[original] for name, original in owned.items()} for node, owned in names.items()
    }


# ---------------------------------------------------------------- kernels


def value_of(node: str, name: str, tensor: Tensor) -> Tensor:
    """Return a tensor as a kernel holds it.

    Raises:
        KernelError: It counts further than a kernel can.
    """
    if name == COUNTER and int(tensor) > _MOST_COUNTED:
        raise KernelError(
            f"`{name}` of `{node}` is {int(tensor):,}, and kernels count to {_MOST_COUNTED:,}",
            where=[f"node  {node}"],
            hint="set it to a smaller number; evaluation does not use it",
        )
    return tensor.detach().to("cpu", torch.float32, copy=True).contiguous()


def give_weights(kernel: nn.Module, facts: Mapping[str, Any], tensors: Tensors) -> None:
    """Put weights into a loaded kernel.

    Args:
        kernel: What `load_kernel` or `Kernel.load` returned.
        facts: What `read_facts` or `Kernel.facts` says of it.
        tensors: By node id and name in the op; every tensor of the kernel must be there.

    Raises:
        KernelError: One is missing, or has another shape; or norms were folded into the kernel's weights.
    """
    if FOLDED & set(facts.get("passes", ())):
        raise KernelError(
            "norms are folded into the weights of this kernel, so it takes no others",
            hint="compile the blueprint again with the weights, or without any and give them then",
        )
    for (node, name), tensor in _slots(kernel, facts):
        given = tensors.get(node, {}).get(name)
        if given is None:
            raise KernelError(
                f"there are no weights for `{name}` of the node `{node}`",
                hint="take the weights of the blueprint that the kernel was compiled from",
            )
        if given.shape != tensor.shape:
            raise KernelError(
                f"`{name}` of the node `{node}` is {list(tensor.shape)}, the weights are {list(given.shape)}"
            )
        with torch.no_grad():
            tensor.copy_(given)


def take_weights(
    kernel: nn.Module, facts: Mapping[str, Any], kept: Mapping[str, Tensor] | None = None
) -> Weights:
    """Return the weights that a loaded kernel has now.

    Args:
        kept: What its file keeps beside the module; see `kept_tensors`. Norms that were folded are in there.
    """
    kept = kept or {}
    held = {owner: tensor.detach().clone() for owner, tensor in _slots(kernel, facts)}
    compiled_in: Mapping[str, Any] = facts.get("weights", {})
    names: dict[str, dict[str, str]] = compiled_in.get("names", {})
    if not compiled_in:
        for node, name in held:
            names.setdefault(node, {})[name] = f"{node}.{name}"
    return Weights(
        {
            node: {
                name: kept[original] if original in kept else held[node, name]
                for name, original in owned.items()
            }
            for node, owned in names.items()
        },
        names,
        {name: kept[name] for name in compiled_in.get("rest", ()) if name in kept},
        compiled_in.get("aliases", {}),
    )


def _slots(kernel: nn.Module, facts: Mapping[str, Any]) -> list[tuple[tuple[str, str], Tensor]]:
    tensors = {**dict(kernel.named_parameters()), **dict(kernel.named_buffers())}
    return [((owner["node"], owner["name"]), tensors[slot]) for slot, owner in facts["parameters"].items()]
