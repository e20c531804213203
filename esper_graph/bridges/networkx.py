"""Blueprints and families as networkx graphs, whose algorithms then run on them."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, cast

import networkx as nx

from esper_graph.errors import BlueprintError, FormatError, Problem
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import fresh_name
from esper_graph.property_graph.answer import Answer

_OF_NODES = ("family", "types")
_OF_EDGES = ("listing", "type")


def to_networkx(blueprint: BlueprintIR) -> "nx.MultiDiGraph[str]":
    """View a blueprint as a graph with an edge for each tensor, from its producer to its consumer.

    Everything is plain data, so that `nx.node_link_data` makes JSON of it. What follows from the rest is for
    reading, and ignored by `from_networkx`.

    Returns:
        Nodes by id, in listing order, with the fields of `NodeSpec`, their `family`, and as `types` the types
        at their output ports, such as `float32[batch, 10]`; None where they cannot be inferred. Edges with
        their ids as keys, and the fields of `EdgeSpec` (`source_port` and `target_port` among them), their
        place in the `listing`, and the `type` of the tensor. The graph's own attributes are all other fields.

    Raises:
        BlueprintError: Ids are doubled or unknown, ops or attributes wrong, or ports not fed as they must be.

    Example:
        >>> from esper_graph.templates import create_transformer_block
        >>> graph = to_networkx(create_transformer_block(d_model=8, n_heads=2, d_ff=32))
        >>> graph.nodes["ff1"]["types"], nx.is_directed_acyclic_graph(graph)
        (['float32[batch, d0_1, 32]'], True)
    """
    if blueprint.graph.problems:
        raise BlueprintError.of(blueprint.graph.problems, blueprint.id or blueprint.name)
    document = blueprint.to_dict()
    outputs = blueprint.inference.outputs
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(
        **{name: value for name, value in document.items() if name not in ("nodes", "edges")}
    )
    for place, node in enumerate(document["nodes"]):
        op, types = blueprint.graph.ops[place], outputs[place]
        graph.add_node(
            node.pop("id"),
            **node,
            family=None if op is None else op.family,
            types=None if types is None else [str(one) for one in types],
        )
    slots = {feed.edge: (feed.source, feed.source_slot) for feeds in blueprint.graph.feeds for feed in feeds}
    for listing, edge in enumerate(document["edges"]):
        source, slot = slots[listing]
        types = outputs[source]
        graph.add_edge(
            edge.pop("source"),
            edge.pop("target"),
            edge.pop("id"),
            **edge,
            listing=listing,
            type=str(types[slot]) if types is not None else None,
        )
    return graph


def from_networkx(graph: "nx.MultiDiGraph[str]") -> BlueprintIR:
    """Read a blueprint from a graph like those of `to_networkx`; the round trip changes nothing.

    Graphs may have been changed or made by hand: whatever has a default may be left out, and an edge whose
    key is a number, as networkx gives them, gets an id. Edges without a `listing` follow those that have one.

    Raises:
        FormatError: The graph is not a `MultiDiGraph`, or a field is missing, unknown or not of its type.

    Example:
        >>> graph = nx.MultiDiGraph(name="two layers")
        >>> graph.add_node("x", op_type="input", attributes={"shape": [-1, 8]})
        >>> graph.add_node("fc", op_type="linear", attributes={"in_features": 8, "out_features": 2})
        >>> graph.add_node("y", op_type="output")
        >>> nx.add_path(graph, ["x", "fc", "y"])
        >>> from_networkx(graph).cost().parameters
        18
    """
    if not (graph.is_directed() and graph.is_multigraph()):
        hint = "make a MultiDiGraph: two tensors may lead from one node to the same other one"
        raise _refusal(f"a {type(graph).__name__} cannot hold a blueprint", "graph", hint)
    taken = {key for _, _, key in graph.edges(keys=True)}
    edges: list[dict[str, Any]] = []
    for number, (source, target, key, said) in enumerate(_listed(graph), start=1):
        if type(key) is int:
            key = fresh_name(f"e{number}", taken)  # noqa: PLW2901, the id that the number stands for
            taken.add(key)
        edges.append(
            {"id": key, "source": source, "target": target, **_own(said, f"edge {key!r}", _OF_EDGES)}
        )
    nodes = [{"id": name, **_own(said, f"node {name!r}", _OF_NODES)} for name, said in graph.nodes(data=True)]
    return BlueprintIR.from_dict({**graph.graph, "nodes": nodes, "edges": edges})


def _listed(graph: "nx.MultiDiGraph[str]") -> list[tuple[Any, Any, Any, dict[str, Any]]]:
    """List the edges in their order: networkx keeps that of each node's edges alone."""
    last = graph.number_of_edges()
    edges = cast("list[tuple[Any, Any, Any, dict[str, Any]]]", list(graph.edges(keys=True, data=True)))
    for source, target, _, said in edges:
        if type(said.get("listing", last)) is not int:
            where = f"edge {source!r} -> {target!r}"
            raise _refusal(f"its place in the listing is {said['listing']!r}", where, "make it a number")
    return sorted(edges, key=lambda edge: edge[3].get("listing", last))


def _own(said: Mapping[str, Any], where: str, follows: Iterable[str]) -> dict[str, Any]:
    """What is said of a node or an edge, without what follows from the rest."""
    for name in ("id", "source", "target"):
        if name in said:
            raise _refusal(f"`{name}` is {said[name]!r} beside what the graph says", where, "leave it out")
    return _without(said, follows)


def _refusal(message: str, where: str, hint: str) -> FormatError:
    return FormatError(Problem("format", message, where, hint))


def lineage_to_networkx(family: "Answer[Any] | Mapping[str, Any]") -> "nx.DiGraph[str]":
    """View a family as a graph with an edge from each child to each parent, as DERIVED_FROM leads.

    Args:
        family: An answer whose items have parents (of `ancestors`, `descendants`, `tree`, `folded_tree`), or
            the document of `export_lineage`, which knows each derivation. The start of `ancestors` is no
            member of the answer; that of `descendants` is a bare node.

    Returns:
        Nodes by id, with what the answer says of them. Of a document, each edge has a list of `derivations`,
        since one child may come from the same parent twice. The graph's own attributes say whether it is
        `complete`, what it was `truncated_by`, the `omitted_count` and the `total`.

    Example:
        >>> from esper_graph.property_graph.records import Relative
        >>> answer = Answer([Relative("wide", "MLP", 1, ("mlp",)), Relative("mlp", "MLP", 2)])
        >>> graph = lineage_to_networkx(answer)
        >>> list(graph.edges), graph.graph["complete"]
        ([('wide', 'mlp')], True)
    """
    return _of_answer(family) if isinstance(family, Answer) else _of_document(family)


def _of_answer(family: Answer[Any]) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph(
        complete=family.complete,
        truncated_by=family.truncated_by,
        omitted_count=family.omitted_count,
        total=family.total,
    )
    for member in family:
        said = {field.name: getattr(member, field.name) for field in fields(member)}
        graph.add_node(member.id, **_without(said, ("id", "parents")))
        graph.add_edges_from((member.id, parent) for parent in member.parents)
    return graph


def _of_document(document: Mapping[str, Any]) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph(**_without(document, ("blueprints", "derivations")))
    for member in document["blueprints"]:
        graph.add_node(member["id"], **_without(member, ("id",)))
    for derivation in document["derivations"]:
        child, parent = derivation["child"], derivation["parent"]
        if not graph.has_edge(child, parent):
            graph.add_edge(child, parent, derivations=[])
        graph.edges[child, parent]["derivations"].append(_without(derivation, ("child", "parent")))
    return graph


def _without(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
