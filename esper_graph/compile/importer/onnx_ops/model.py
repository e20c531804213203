"""Check an ONNX model and take its tensors out, so that ONNX's own rules see a light one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import onnx
from torch import Tensor

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.inspecting import INSPECTOR, InspectionError
from esper_graph.compile.importer.onnx_ops.tensors import TensorReader
from esper_graph.errors import ImporterError

OLDEST, NEWEST = 7, 26
"""Versions of the op set that are read: before 7, axes were matched by other rules."""
MAX_NODES = 20_000
"""Nodes of a file; 20 times those of the blueprint, where a caller allows more of them."""
_SMALL = 1024
"""Elements of the tensors that stay in the model, for ONNX's shape inference."""


@dataclass(frozen=True, slots=True)
class Model:
    """A checked model.

    Attributes:
        graph: Its nodes in order, with inputs and outputs.
        tensors: Initialisers by name.
        types: Type of elements and sizes of its values, None where open.
        opset: Version of the op set.
    """

    graph: Any
    tensors: Mapping[str, Tensor]
    types: Mapping[str, tuple[int, list[int | None] | None]]
    opset: int


def checked(model: Any, reader: TensorReader, title: str, max_nodes: int | None) -> Model:
    """Return what a model holds.

    Raises:
        ImporterError: Its version, its names, its order or its tensors are not as they must be.
    """
    opset = _opset(model, title)
    graph = model.graph
    limit = max(MAX_NODES, 20 * (max_nodes or 0))
    if len(graph.node) > limit:
        raise ImporterError(
            f"{title} has {len(graph.node)} nodes, the limit is {limit}", hint="raise it with `max_nodes`"
        )
    if graph.sparse_initializer or model.functions:
        what = "functions of its own" if model.functions else "sparse tensors"
        raise ImporterError(f"{title} has {what}", hint="write the model without them")
    _check_names(graph, title)
    tensors: dict[str, Tensor] = {}
    for proto in graph.initializer:
        try:
            tensors[proto.name] = reader.read(proto)
        except CannotRaiseError as error:
            raise ImporterError(f"the tensor `{proto.name}` of {title} cannot be read: {error}") from None
    _sort(graph, title)
    _lighten(graph)
    try:
        inferred = onnx.ModelProto.FromString(INSPECTOR.inspect(model.SerializeToString()))
    except InspectionError as error:
        raise ImporterError(f"{title} is not a valid ONNX model: {error}") from None
    return Model(graph, tensors, dict(_types(inferred.graph)), opset)


def _opset(model: Any, title: str) -> int:
    versions = {one.domain: one.version for one in model.opset_import}
    version = versions.get("", versions.get("ai.onnx"))
    if version is None or not OLDEST <= version <= NEWEST:
        raise ImporterError(
            f"{title} is written in version {version} of the op set, {OLDEST} to {NEWEST} are read",
            hint="convert it with `onnx.version_converter`",
        )
    domains = sorted({node.domain for node in model.graph.node if node.domain not in ("", "ai.onnx")})
    if domains:
        raise ImporterError(
            f"{title} uses ops of {', '.join(f'`{one}`' for one in domains)}",
            refused=[
                (f"{node.domain}::{node.op_type}", node.name, "its domain is not that of ONNX")
                for node in model.graph.node
                if node.domain in domains
            ],
            hint="export the model with ops of ONNX alone",
        )
    return version


def _check_names(graph: Any, title: str) -> None:
    """Each value is given once, and each that is needed is given."""
    given: set[str] = set()
    initial = [one.name for one in graph.initializer]
    inputs = [one.name for one in graph.input]
    results = [name for node in graph.node for name in node.output if name]
    for names in (initial, inputs, results):
        for name in names:
            if name in given and not (names is inputs and name in initial):
                raise ImporterError(f"{title} gives the value `{name}` twice")
            given.add(name)
    for node in graph.node:
        for name in node.input:
            if name and name not in given:
                raise ImporterError(
                    f"{title} lacks the value `{name}`",
                    where=[f"{node.op_type}  {node.name or node.output[:1]}"],
                )
    for one in graph.output:
        if one.name not in given:
            raise ImporterError(f"{title} lacks its result `{one.name}`")


def _sort(graph: Any, title: str) -> None:
    """Bring nodes into an order in which each follows those that it needs.

    Raises:
        ImporterError: There is none: some nodes need each other.
    """
    maker = {name: at for at, node in enumerate(graph.node) for name in node.output if name}
    needs = [[maker[name] for name in node.input if name in maker] for node in graph.node]
    if all(need < at for at, found in enumerate(needs) for need in found):
        return
    users: list[list[int]] = [[] for _ in needs]
    missing = [len(found) for found in needs]
    for at, found in enumerate(needs):
        for need in found:
            users[need].append(at)
    order: list[int] = []
    ready = [at for at, count in enumerate(missing) if not count]
    while ready:
        at = ready.pop()
        order.append(at)
        for user in users[at]:
            missing[user] -= 1
            if not missing[user]:
                ready.append(user)
    if len(order) < len(needs):
        raise ImporterError(f"{title} has nodes that need each other", where=_cycle(graph, needs, missing))
    nodes = [graph.node[at] for at in order]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _cycle(graph: Any, needs: list[list[int]], missing: list[int]) -> list[str]:
    at = next(at for at, count in enumerate(missing) if count)
    path: list[int] = []
    while at not in path:
        path.append(at)
        at = next(need for need in needs[at] if missing[need])
    path = [*path[path.index(at) :], at][:12]
    return [" needs ".join(f"{graph.node[one].op_type} `{graph.node[one].name}`" for one in path)]


def _lighten(graph: Any) -> None:
    """Let large tensors enter like inputs: ONNX's rules need their types only."""
    inputs = {one.name for one in graph.input}
    kept: list[Any] = []
    for proto in graph.initializer:
        count = 1
        for size in proto.dims:
            count *= size
        external = proto.data_location == onnx.TensorProto.EXTERNAL
        if count <= _SMALL and not external:
            kept.append(onnx.TensorProto.FromString(proto.SerializeToString()))
        elif proto.name not in inputs:
            graph.input.append(
                onnx.helper.make_tensor_value_info(proto.name, proto.data_type, list(proto.dims))
            )
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _types(graph: Any) -> Iterable[tuple[str, tuple[int, list[int | None] | None]]]:
    for one in [*graph.value_info, *graph.output]:
        if one.type.WhichOneof("value") != "tensor_type":
            continue
        found = one.type.tensor_type
        sizes = None
        if found.HasField("shape"):
            sizes = [size.dim_value if size.HasField("dim_value") else None for size in found.shape.dim]
        yield one.name, (found.elem_type, sizes)
