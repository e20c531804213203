"""Import an ONNX file: read it within bounds, raise its nodes, and build the blueprint."""

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

from esper_graph.compile.importer.importing import Imported, build
from esper_graph.errors import ConfigError, ImporterError, counted


def import_onnx(
    path_or_bytes: str | Path | bytes,
    *,
    name: str | None = None,
    id: str = "",
    tags: Collection[str] = (),
    max_nodes: int | None = None,
    max_depth: int | None = None,
    max_bytes: int | None = None,
) -> Imported:
    """Read an ONNX model as a blueprint, with its weights.

    Nothing of the file is run. Sizes that it leaves open stay open: the first axis of inputs is `batch`.
    Matrices are brought into the form that our ops own; the names of such weights end with `.transposed` and
    the like.

    Args:
        path_or_bytes: A file, whose weights may lie in other files of its folder, or the bytes of one.
        name: Name of the blueprint; by default that of the file or of the graph.
        id: Id of the blueprint; may stay empty.
        tags: Words to find it by.
        max_nodes: Raised limit, kept with the blueprint.
        max_depth: The same for the longest path.
        max_bytes: Bytes that the file, and its weights, may take; by default 1 GiB.

    Raises:
        ImporterError: It is no valid ONNX model, it is larger than allowed, its data lies elsewhere, or it
            computes what no op of ours does.
        LimitExceededError: The blueprint is larger than allowed.
        ConfigError: The package `onnx` is not installed.

    Example:
        >>> from onnx import TensorProto, helper
        >>> x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 4]) for n in "xy")
        >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "tiny", [x], [y])
        >>> model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        >>> found = import_onnx(model.SerializeToString())
        >>> [(node.id, node.op_type) for node in found.blueprint.nodes]
        [('x', 'input'), ('activation', 'activation'), ('y', 'output')]
    """
    if find_spec("onnx") is None:
        raise ConfigError(
            "reading ONNX files needs the package `onnx`",
            hint='install it with `pip install "esper-graph[onnx]"`',
        )
    from esper_graph.compile.importer.onnx_ops.model import checked
    from esper_graph.compile.importer.onnx_ops.reading import MAX_BYTES, read_model
    from esper_graph.compile.importer.onnx_ops.tensors import TensorReader
    from esper_graph.compile.importer.onnx_ops.values import printable
    from esper_graph.compile.importer.onnx_ops.walk import OnnxWalk

    model, folder = read_model(path_or_bytes, max_bytes)
    title = name or ("" if isinstance(path_or_bytes, bytes) else Path(path_or_bytes).stem) or model.graph.name
    title = printable(title) or "model"
    reader = TensorReader(folder, MAX_BYTES if max_bytes is None else max_bytes)
    found = checked(model, reader, f"`{title}`", max_nodes)
    walk = OnnxWalk(found.graph, found.tensors, found.types, found.opset, reader)
    walk.run()
    if walk.refused:
        kinds = sorted({op for op, _, _ in walk.refused})
        raise ImporterError(
            f"`{title}` has {counted(len(walk.refused), 'node')} that no op stands for: {', '.join(kinds)}",
            refused=walk.refused,
            hint="export the model without them",
        )
    owned = {weight.name for at in walk.draft.alive() for weight in walk.draft.nodes[at].owned.values()}
    origin = printable(" ".join(part for part in (model.producer_name, model.producer_version) if part))
    blueprint, weights, names = build(
        walk.draft,
        id=id,
        name=title,
        tags=tags,
        source=f"ONNX, op set {found.opset}" + (f", written by {origin}" if origin else ""),
        notes=walk.notes,
        max_nodes=max_nodes,
        max_depth=max_depth,
    )
    return Imported(
        blueprint,
        weights=weights,
        names=names,
        rest={key: tensor for key, tensor in found.tensors.items() if key not in owned},
        open_batch=walk.open_batch,
        notes=tuple(walk.notes),
    )
