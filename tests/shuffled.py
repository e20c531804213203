"""The same blueprint written anew: other ids, another listing order, commutative inputs in another order."""

from random import Random

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ops import OPS


def shuffled(blueprint: BlueprintIR, random: Random) -> BlueprintIR:
    """Write it anew; the structure stays."""
    return shuffled_with_names(blueprint, random)[0]


def shuffled_with_names(
    blueprint: BlueprintIR, random: Random
) -> tuple[BlueprintIR, dict[str, str], dict[str, str]]:
    """Write it anew; also return the new id of each node and of each edge."""
    numbers = random.sample(range(10, 10 * len(blueprint.nodes) + 10), len(blueprint.nodes))
    ids = {node.id: f"n{number}" for node, number in zip(blueprint.nodes, numbers, strict=True)}
    nodes = [
        node.replace(id=ids[node.id], shares=ids[node.shares] if node.shares is not None else None)
        for node in blueprint.nodes
    ]
    turned_edges = random.sample(blueprint.edges, len(blueprint.edges))
    edge_ids = {edge.id: f"x{number}" for number, edge in enumerate(turned_edges)}
    edges = [
        edge.replace(id=edge_ids[edge.id], source=ids[edge.source], target=ids[edge.target])
        for edge in turned_edges
    ]
    for node in nodes:
        op = OPS[node.op_type]
        ports = [
            place
            for place, edge in enumerate(edges)
            if edge.target == node.id and edge.target_port not in op.fixed
        ]
        if op.commutative and len(ports) > 1:
            turned = random.sample([edges[place].target_port for place in ports], len(ports))
            for place, port in zip(ports, turned, strict=True):
                edges[place] = edges[place].replace(target_port=port)
    return blueprint.replace(nodes=random.sample(nodes, len(nodes)), edges=edges), ids, edge_ids
