"""What passes did, as edits that can be read and applied again."""

from collections.abc import Sequence

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.edit import AddEdge, Edit, RemoveEdge, RemoveNode, SetNode
from esper_graph.ir.specs import Derivation, freeze


def edits_between(before: BlueprintIR, after: BlueprintIR) -> tuple[Edit, ...]:
    """List the edits that lead from a blueprint to one that passes made of it.

    Applied without repair they give its fingerprint.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> from esper_graph.ir.passes import optimize
        >>> b = Builder("net", name="Net")
        >>> _ = b.output(b.identity(b.input([-1, 8])))
        >>> before = b.finish()
        >>> [edit.type for edit in edits_between(before, optimize(before))]
        ['remove_edge', 'remove_edge', 'remove_node', 'add_edge']
    """
    kept = {node.id: node for node in after.nodes}
    old_edges, new_edges = ({edge.id: edge for edge in one.edges} for one in (before, after))
    edits: list[Edit] = [
        RemoveEdge(edge_id=edge.id) for edge in before.edges if new_edges.get(edge.id) != edge
    ]
    gone = [node for node in before.nodes if node.id not in kept]
    gone.sort(key=lambda node: node.shares is None)  # an owner goes after those that share with it
    edits += [RemoveNode(node_id=node.id) for node in gone]
    edits += [
        SetNode(node_id=node.id, node=kept[node.id])
        for node in before.nodes
        if node.id in kept and kept[node.id] != node
    ]
    edits += [AddEdge(edge=edge) for edge in after.edges if old_edges.get(edge.id) != edge]
    return tuple(edits)


def derivations(before: BlueprintIR, after: BlueprintIR, pass_set: str) -> Sequence[Derivation]:
    """Say where an optimised blueprint comes from.

    From the blueprint that was optimised, where that has an id. Else from what that one came from, by its
    edits and then these. Edits are those of the blueprint with its blocks written out.
    """
    edits = tuple(freeze(edit.to_dict()) for edit in edits_between(before.expanded, after))
    if not before.id:
        return [one.replace(edits=(*one.edits, *edits)) if one.edits else one for one in before.derivations]
    written_out = before.expanded is not before
    return [
        Derivation(
            parent_id=before.id,
            kind="optimization",
            mutation_type=f"passes {pass_set}",
            edits=edits,
            reason="edits of the blueprint with its blocks written out" if written_out else None,
        )
    ]
