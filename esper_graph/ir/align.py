"""Call the sizes of one blueprint as another one calls them, so that the two can be compared as written.

The names of sizes mean nothing to a fingerprint: `[-1, "n", 8]` and `[-1, "m", 8]` are the same input.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from esper_graph.ir.specs import NodeSpec
from esper_graph.ops.attributes import read_size
from esper_graph.ops.dims import Dim, Expression, parse, substitute, symbol
from esper_graph.ops.values import TensorType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR


def align(blueprint: "BlueprintIR", like: "BlueprintIR") -> "BlueprintIR":
    """Rename sizes as the inputs of another blueprint suggest; the blueprint itself where nothing is gained.

    Inputs are compared by index and axis. Only a renaming that leaves the structure as it is is made.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> def network(size: str) -> "BlueprintIR":
        ...     b = Builder("net", name="Net")
        ...     b.output(b.reshape(b.input([-1, size, 8]), shape=[-1, f"8*{size}"]))
        ...     return b.finish()
        >>> align(network("m"), network("n")).node("reshape").attributes["shape"]
        (-1, '8*n')
    """
    names = _renaming(blueprint, like)
    if all(old == new for old, new in names.items()):
        return blueprint
    sizes: dict[str, Dim] = {old: symbol(new) for old, new in names.items()}
    nodes = [_node(blueprint, place, sizes) for place in range(len(blueprint.nodes))]
    edges = [
        edge
        if edge.tensor_shape is None
        else edge.replace(tensor_shape=[_size(size, sizes) for size in edge.tensor_shape])
        for edge in blueprint.edges
    ]
    renamed = blueprint.replace(nodes=nodes, edges=edges)
    return renamed if not renamed.problems and renamed.fingerprint == blueprint.fingerprint else blueprint


def _renaming(blueprint: "BlueprintIR", like: "BlueprintIR") -> Mapping[str, str]:
    """New names of all sizes, each another one; every name itself where inputs contradict one another."""
    ours, theirs = blueprint.inference.symbols, _shapes(like)
    unchanged = {name: name for name in ours}
    found: dict[str, str] = {}
    for shape, other in zip(_shapes(blueprint), theirs, strict=False):
        for size, called in zip(shape, other, strict=False):
            names = [
                str(one) for one in (size, called) if isinstance(one, Expression) and one == symbol(str(one))
            ]
            if len(names) == 2 and found.setdefault(names[0], names[1]) != names[1]:
                return unchanged
    names = unchanged | found
    return names if len(set(names.values())) == len(names) else unchanged


def _shapes(blueprint: "BlueprintIR") -> list[tuple[Dim, ...]]:
    graph, outputs = blueprint.graph, blueprint.inference.outputs
    types = [(outputs[place] or (None,))[0] for place in graph.of_type("input")]
    return [one.shape if isinstance(one, TensorType) else () for one in types]


def _node(blueprint: "BlueprintIR", place: int, sizes: Mapping[str, Dim]) -> NodeSpec:
    node, op, values = blueprint.nodes[place], blueprint.graph.ops[place], blueprint.graph.values[place]
    assert op is not None, "only valid blueprints get here"
    changes: dict[str, Any] = {
        field: [_size(size, sizes) for size in declared]
        for field in ("input_shape", "output_shape")
        if (declared := getattr(node, field)) is not None
    }
    written = ("shape",) if node.op_type == "input" else op.expressions
    attributes = {name: _entry(getattr(values, name), sizes) for name in written if hasattr(values, name)}
    renamed = {name: value for name, value in attributes.items() if value != getattr(values, name)}
    if renamed:
        changes["attributes"] = {**node.attributes, **renamed}
    return node.replace(**changes) if changes else node


def _entry(entry: object, sizes: Mapping[str, Dim]) -> Any:
    if isinstance(entry, tuple):
        return tuple([_entry(item, sizes) for item in cast("tuple[object, ...]", entry)])
    if not isinstance(entry, str):
        return entry
    size = substitute(read_size(entry), sizes)
    return size if isinstance(size, int) else str(size)


def _size(size: int | str, sizes: Mapping[str, Dim]) -> int | str:
    if isinstance(size, int):
        return size
    renamed = substitute(parse(size), sizes)
    return renamed if isinstance(renamed, int) else str(renamed)
