"""Weights of imported networks: into kernels, out of them, and in files.

A file is in the safetensors format. Tensors have the names of the module's `state_dict`; what belongs to
which node stands in the file's only metadata entry, as JSON.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from esper_graph.compile.importer.importing import Imported
from esper_graph.errors import KernelError

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

METADATA = "esper_graph"
FORMAT = "esper-graph/weights"
Weights = Mapping[str, Mapping[str, Tensor]]
"""Tensors by node id and name in the op."""
Names = Mapping[str, Mapping[str, str]]
"""Names in the original module, by node id and name in the op."""


def give_weights(kernel: nn.Module, facts: Mapping[str, Any], weights: Weights) -> None:
    """Put weights into a loaded kernel.

    Args:
        kernel: What `load_kernel` or `Kernel.load` returned.
        facts: What `read_facts` or `Kernel.facts` says of it.
        weights: By node id and name in the op; every tensor of the kernel must be there.

    Raises:
        KernelError: One is missing, or has another shape.
    """
    for slot, tensor in _slots(kernel, facts):
        owner = facts["parameters"][slot]
        given = weights.get(owner["node"], {}).get(owner["name"])
        if given is None:
            raise KernelError(
                f"there are no weights for `{owner['name']}` of the node `{owner['node']}`",
                hint="take the weights of the blueprint that the kernel was compiled from",
            )
        if given.shape != tensor.shape:
            raise KernelError(
                f"`{owner['name']}` of the node `{owner['node']}` is {list(tensor.shape)}, "
                f"the weights are {list(given.shape)}"
            )
        with torch.no_grad():
            tensor.copy_(given)


def take_weights(kernel: nn.Module, facts: Mapping[str, Any]) -> dict[str, dict[str, Tensor]]:
    """Return the weights of a loaded kernel, by node id and name in the op."""
    found: dict[str, dict[str, Tensor]] = {}
    for slot, tensor in _slots(kernel, facts):
        owner = facts["parameters"][slot]
        found.setdefault(owner["node"], {})[owner["name"]] = tensor.detach().clone()
    return found


def _slots(kernel: nn.Module, facts: Mapping[str, Any]) -> list[tuple[str, Tensor]]:
    tensors = {**dict(kernel.named_parameters()), **dict(kernel.named_buffers())}
    return [(slot, tensors[slot]) for slot in facts["parameters"]]


def state_dict(weights: Weights, names: Names) -> dict[str, Tensor]:
    """Return weights under the names of the original module.

    Counters of batches are whole numbers there.
    """
    found: dict[str, Tensor] = {}
    for node, owned in names.items():
        for name, original in owned.items():
            tensor = weights[node][name]
            found[original] = tensor.to(torch.int64) if name == "num_batches_tracked" else tensor
    return found


def save_weights(imported: Imported, path: str | Path) -> None:
    """Write the weights of an imported module to a safetensors file.

    Raises:
        OSError: The file cannot be written.
    """
    facts = {
        "format": FORMAT,
        "format_version": 1,
        "content_digest": imported.blueprint.content_digest,
        "names": imported.names,
    }
    tensors = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in state_dict(imported.weights, imported.names).items()
    }
    save_file(tensors, str(path), {METADATA: json.dumps(facts, sort_keys=True)})


def load_weights(path: str | Path, blueprint: "BlueprintIR | None" = None) -> tuple[Weights, Names]:
    """Read what `save_weights` wrote.

    Args:
        blueprint: What the weights must belong to.

    Raises:
        KernelError: The file cannot be read, or belongs to another blueprint.
    """
    try:
        with safe_open(str(path), "pt") as opened:  # pyright: ignore[reportUnknownVariableType, reportNoOverloadImplementation]
            metadata = cast("dict[str, str]", opened.metadata() or {})  # pyright: ignore[reportUnknownMemberType]
            tensors: dict[str, Tensor] = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        facts: dict[str, Any] = json.loads(metadata[METADATA])
        names: Names = facts["names"]
        weights = {
            node: {name: tensors[original] for name, original in owned.items()}
            for node, owned in names.items()
        }
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise KernelError(
            f"`{path}` does not hold weights of an imported network: {error}",
            hint="write such a file with `esper-graph blueprint import … --weights FILE`",
        ) from error
    if blueprint is not None and facts.get("content_digest") != blueprint.content_digest:
        raise KernelError(
            f"`{path}` holds the weights of another blueprint",
            where=[f"file       {facts.get('content_digest')}", f"blueprint  {blueprint.content_digest}"],
        )
    return weights, names
