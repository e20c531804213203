"""Random edits that leave a blueprint valid, for tests of families, merges and blame."""

from random import Random

from esper_graph.errors import BlueprintError, EvolutionError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.edit import (
    AddEdge,
    AddNode,
    Edit,
    RemoveNode,
    RewireEdge,
    SetAttribute,
    SetField,
    SetNode,
    apply_edits,
)
from esper_graph.ir.specs import EdgeSpec, NodeSpec

KINDS = ("relu", "gelu", "silu", "tanh", "sigmoid", "mish")


def network(random: Random, size: int = 8, *, width: int = 4, ops: str = "dlas") -> BlueprintIR:
    """Activations, dropout, linear maps and sums of rows, each node different from all others."""
    nodes = [NodeSpec(id="input", op_type="input", attributes={"shape": [-1, width]})]
    edges: list[EdgeSpec] = []
    for number in range(size):
        node = random_node(random, f"n{number}", width, ops=ops)
        sources = [nodes[-1].id]
        if node.op_type == "add":
            sources.append(random.choice(nodes).id)
        nodes.append(node)
        edges += [
            EdgeSpec(id=f"e{number}_{place}", source=source, target=node.id)
            for place, source in enumerate(sources)
        ]
    edges.append(EdgeSpec(id="last", source=nodes[-1].id, target="output"))
    return BlueprintIR(name="Random", nodes=[*nodes, NodeSpec(id="output", op_type="output")], edges=edges)


def random_node(random: Random, name: str, width: int = 4, *, ops: str = "dlas") -> NodeSpec:
    """A node that is like no other, for some number of it is random."""
    kind = random.choice(ops)
    if kind == "d":
        return NodeSpec(id=name, op_type="dropout", attributes={"p": round(random.random(), 9)})
    if kind == "l":
        sizes = {"in_features": width, "out_features": width}
        return NodeSpec(id=name, op_type="linear", attributes=sizes, compute_intensity=random.random())
    if kind == "a":
        slope = {"type": "leaky_relu", "negative_slope": round(random.random(), 9)}
        return NodeSpec(id=name, op_type="activation", attributes=slope)
    return NodeSpec(id=name, op_type="add")


def random_edit(random: Random, blueprint: BlueprintIR, fresh: str) -> Edit:
    """One edit, which need not fit."""
    inner = [node for node in blueprint.nodes if node.op_type not in ("input", "output")]
    node, edge = random.choice(inner or list(blueprint.nodes)), random.choice(blueprint.edges)
    kind = random.randrange(8)
    if kind in (0, 1):
        new = random_node(random, fresh, ops="dla")
        return AddNode(node=new, on_edge=edge.id) if kind else AddNode(node=new, after=edge.source)
    if kind == 2:
        return RemoveNode(node_id=node.id)
    if kind == 3:
        return SetNode(node_id=node.id, node=random_node(random, node.id, ops="dla"))
    if kind == 4:
        return SetField(node_id=node.id, field="precision", value=random.choice(["fp32", "bf16"]))
    if kind == 5:
        return RewireEdge(edge_id=edge.id, source=random.choice(blueprint.nodes).id)
    if kind == 6:
        source, target = random.choice(blueprint.nodes).id, node.id
        return AddEdge(edge=EdgeSpec(id=f"to_{fresh}", source=source, target=target))
    attribute = {"dropout": "p", "activation": "negative_slope"}.get(node.op_type)
    if attribute is None or attribute not in node.attributes:
        return SetField(node_id=node.id, field="compute_intensity", value=random.random())
    return SetAttribute(node_id=node.id, attribute=attribute, value=round(random.random(), 9))


def evolved(
    random: Random, blueprint: BlueprintIR, count: int, prefix: str = "new"
) -> tuple[BlueprintIR, tuple[Edit, ...]]:
    """Apply some random edits, drawing again those that do not fit; return all that were applied."""
    applied: list[Edit] = []
    blueprint.validate()
    while len(applied) < count:
        edit = random_edit(random, blueprint, f"{prefix}_{len(applied)}")
        try:
            outcome = apply_edits(blueprint, [edit])
        except (BlueprintError, EvolutionError):
            continue
        if outcome.blueprint.fingerprint == blueprint.fingerprint:
            continue
        blueprint = outcome.blueprint
        applied += outcome.edits
    return blueprint, tuple(applied)
