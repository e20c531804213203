"""Import a module: export it, raise what was recorded, and build the blueprint."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from esper_graph.compile.importer.draft import Draft, DraftNode
from esper_graph.compile.importer.exporting import export
from esper_graph.compile.importer.naming import node_ids
from esper_graph.compile.importer.values import Wire
from esper_graph.compile.importer.walk import Walk
from esper_graph.errors import ImporterError, counted
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.build import Wire as Built

_EDGES = 5
"""Edges that the limit allows for each node, as the manifest does by default."""
_NOTES = 10
"""Notes that a description holds."""

_OPAQUE_HINT = (
    "`--opaque` (in Python `opaque=True`) keeps such calls as they are, where that is sound; "
    "else write the module without them"
)


@dataclass(frozen=True, slots=True)
class Imported:
    """A module as a blueprint with its weights.

    Attributes:
        blueprint: The architecture.
        weights: Tensors by node id and name in the op; they are the module's own, not copies.
        names: Names in the module's `state_dict`, by node id and name in the op.
        rest: Tensors of the module that no node owns, by name: parameters that evaluation does not use, and
            buffers that became constants.
        aliases: Other names of tied tensors, with the names that stand in `names`.
        unused: Names of parameters that evaluation does not use.
        open_batch: Whether the blueprint takes any number of samples.
        notes: What is worth knowing, as sentences; the first ten are part of the blueprint's description.
    """

    blueprint: BlueprintIR
    weights: Mapping[str, Mapping[str, Tensor]] = field(repr=False)
    names: Mapping[str, Mapping[str, str]] = field(repr=False)
    rest: Mapping[str, Tensor] = field(repr=False, default_factory=dict[str, Tensor])
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    unused: tuple[str, ...] = ()
    open_batch: bool = True
    notes: tuple[str, ...] = ()


def import_module(
    module: nn.Module,
    example_inputs: Any,
    *,
    name: str | None = None,
    id: str = "",
    tags: Collection[str] = (),
    dynamic_batch: bool = True,
    opaque: bool = False,
    max_nodes: int | None = None,
    max_depth: int | None = None,
) -> BlueprintIR:
    """Read a module as a blueprint; see `import_with_weights` for the arguments and errors.

    Example:
        >>> import torch
        >>> mlp = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
        >>> blueprint = import_module(mlp, torch.zeros(1, 8))
        >>> [(node.id, node.op_type) for node in blueprint.nodes]
        [('input', 'input'), ('0', 'linear'), ('1', 'activation'), ('2', 'linear'), ('output', 'output')]
    """
    return import_with_weights(
        module,
        example_inputs,
        name=name,
        id=id,
        tags=tags,
        dynamic_batch=dynamic_batch,
        opaque=opaque,
        max_nodes=max_nodes,
        max_depth=max_depth,
    ).blueprint


def import_with_weights(
    module: nn.Module,
    example_inputs: Any,
    *,
    name: str | None = None,
    id: str = "",
    tags: Collection[str] = (),
    dynamic_batch: bool = True,
    opaque: bool = False,
    max_nodes: int | None = None,
    max_depth: int | None = None,
) -> Imported:
    """Read a module as a blueprint, with the weights that it has.

    The module is recorded in evaluation; dropout is kept, for training kernels. It is left as it was.

    Args:
        example_inputs: A tensor, a tuple of arguments, or a mapping of keyword arguments of `forward`.
        name: Name of the blueprint; by default that of the class.
        id: Id of the blueprint; may stay empty.
        tags: Words to find it by.
        dynamic_batch: Leave the first axis of the inputs open, where the network allows it.
        opaque: Keep calls that no op of ours stands for as nodes `aten.<name>.<overload>`, where that is
            sound.
        max_nodes: Raised limit, kept with the blueprint.
        max_depth: The same for the longest path.

    Raises:
        ImporterError: It is no module, its inputs do not fit, or it computes what no op of ours does.
        LimitExceededError: The blueprint is larger than allowed.
    """
    exported = export(module, example_inputs, dynamic_batch=dynamic_batch)
    aliases = _aliases(module)
    walk = Walk(exported.program, aliases, opaque=opaque)
    walk.run()
    title = name or type(module).__name__
    refused = [*walk.refused, *_owned_twice(walk.draft)]
    if refused:
        kinds = sorted({op for op, _, _ in refused})
        raise ImporterError(
            f"`{title}` has {counted(len(refused), 'call')} that no op stands for: {', '.join(kinds)}",
            refused=refused,
            hint="write the module without them" if opaque else _OPAQUE_HINT,
        )
    owned = {weight.name for at in walk.draft.alive() for weight in walk.draft.nodes[at].owned.values()}
    sizes = {parameter: tensor.numel() for parameter, tensor in module.named_parameters()}
    unused = tuple(parameter for parameter in sizes if parameter not in owned)
    notes = (*exported.notes, *walk.notes, *_left_out(sizes, unused))
    blueprint, weights, names = build(
        walk.draft,
        id=id,
        name=title,
        tags=tags,
        source=f"{type(module).__module__}.{type(module).__qualname__}",
        notes=notes,
        max_nodes=max_nodes,
        max_depth=max_depth,
    )
    return Imported(
        blueprint,
        weights=weights,
        names=names,
        rest={
            key: tensor.detach()
            for key, tensor in module.state_dict().items()
            if key not in owned and key not in aliases
        },
        aliases=aliases,
        unused=unused,
        open_batch=exported.open_batch,
        notes=notes,
    )


def build(
    draft: Draft,
    *,
    id: str,
    name: str,
    tags: Collection[str],
    source: str,
    notes: Sequence[str],
    max_nodes: int | None,
    max_depth: int | None,
) -> tuple[BlueprintIR, dict[str, dict[str, Tensor]], dict[str, dict[str, str]]]:
    """Make the blueprint of a draft.

    Args:
        source: What it was imported from, for the description.
        notes: What is worth knowing; the description has the first of them, and how many more there are.

    Returns:
        The blueprint; its weights, and their names where they came from, by node id and name in the op.

    Raises:
        BlueprintError: It is not valid, or larger than allowed.
    """
    limits = {limit: value for limit, value in (("max_nodes", max_nodes), ("max_depth", max_depth)) if value}
    if max_nodes:
        limits["max_edges"] = _EDGES * max_nodes
    more = [f"and {counted(len(notes) - _NOTES, 'more note')}"] if len(notes) > _NOTES else []
    description = "; ".join([f"imported from {source}", *notes[:_NOTES], *more])
    builder = Builder(id, name=name, tags=list(tags), description=description, limits=limits)
    alive = draft.alive()
    nodes = [draft.nodes[at] for at in alive]
    id_of = dict(zip(alive, node_ids(nodes), strict=True))
    _add_nodes(builder, draft, id_of)
    blueprint = builder.finish()
    blueprint.validate()
    owners = {id_of[at]: node.owned for at, node in zip(alive, nodes, strict=True) if _owns(node)}
    weights = {node: {key: one.tensor for key, one in mine.items()} for node, mine in owners.items()}
    names = {node: {key: one.name for key, one in mine.items()} for node, mine in owners.items()}
    return blueprint, weights, names


def _owned_twice(draft: Draft) -> Iterator[tuple[str, str, str]]:
    """List nodes that would own a parameter which another one owns: op, place, why."""
    owners: dict[str, int] = {}
    for at in draft.alive():
        node = draft.nodes[at]
        for weight in node.owned.values() if _owns(node) else ():
            if owners.setdefault(weight.name, at) != at:
                yield node.op_type, node.place.path, f"another node owns `{weight.name}` too"


def _owns(node: DraftNode) -> bool:
    return bool(node.owned) and node.shares is None


def _add_nodes(builder: Builder, draft: Draft, id_of: Mapping[int, str]) -> None:
    """Add the nodes that are needed, in the order in which they were raised."""
    built: dict[int, Built] = {}

    def wire(given: Wire | None) -> Built | None:
        if given is None:
            return None
        return built[given.node][given.port] if given.port else built[given.node]

    for at, node_id in id_of.items():
        node = draft.nodes[at]
        settings: dict[str, Any] = dict(node.attributes)
        if node.shares is not None:
            settings["shares"] = id_of[node.shares]
        inputs = [wire(one) for one in node.inputs]
        built[at] = builder.node(node.op_type, *inputs, id=node_id, **settings)


def _aliases(module: nn.Module) -> dict[str, str]:
    """Find other names of tied parameters."""
    first: dict[int, str] = {}
    found: dict[str, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        known = first.setdefault(id(parameter), name)
        if known != name:
            found[name] = known
    return found


def _left_out(sizes: Mapping[str, int], unused: tuple[str, ...]) -> list[str]:
    if not unused:
        return []
    shown = ", ".join(unused[:3]) + (", ..." if len(unused) > 3 else "")
    return [f"evaluation does not use {sum(sizes[name] for name in unused)} of its parameters ({shown})"]
