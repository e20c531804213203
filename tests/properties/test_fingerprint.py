"""Fingerprints of arbitrary blueprints and of their edits, against isomorphism as networkx finds it."""

import json
from random import Random
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from tests.graph_families import Labelled, isomorphic
from tests.random_blueprints import blueprints
from tests.unit.ir.test_fingerprint import shuffled

SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
COMMUTATIVE = ("add", "multiply")
SETTINGS: dict[str, tuple[str, list[Any]]] = {
    "linear": ("bias", [True, False]),
    "activation": ("type", ["relu", "gelu", "silu"]),
    "normalization": ("eps", [1e-6, 1e-5, 0.1]),
    "dropout": ("p", [0.1, 0.5, 0.0]),
    "attention": ("num_heads", [1, 2, 4]),
    "split": ("chunks", [2]),
}


def written_out(blueprint: BlueprintIR) -> Labelled:
    """What must agree in equal blueprints, as a graph: written here by the book, not by the product."""
    place = {node.id: number for number, node in enumerate(blueprint.nodes)}
    labels: list[str] = []
    for node in blueprint.nodes:
        attributes = dict(node.attributes)
        if node.op_type == "linear":
            attributes.setdefault("bias", True)
        if node.op_type == "input":
            attributes["shape"] = ["open", *attributes["shape"][1:]]
        labels.append(json.dumps([node.op_type, node.precision, attributes], sort_keys=True))
    arcs: list[tuple[int, int, str]] = []
    for edge in blueprint.edges:
        target = blueprint.node(edge.target)
        port = "" if target.op_type in COMMUTATIVE else str(edge.target_port)
        source_port = edge.source_port if edge.source_port is not None else "outputs.0"
        one = str(source_port) if blueprint.node(edge.source).op_type == "split" else ""
        arcs.append((place[edge.source], place[edge.target], f"{one}>{port}"))
    owners = sorted({node.shares for node in blueprint.nodes if node.shares is not None})
    for owner in owners:
        tie = len(labels)
        labels.append("tie")
        sharing = [node.id for node in blueprint.nodes if owner in (node.id, node.shares)]
        arcs += [(tie, place[name], "tie") for name in sharing]
    return labels, arcs


@st.composite
def edited(draw: st.DrawFn, blueprint: BlueprintIR) -> BlueprintIR:
    """The blueprint with one thing about its structure changed; or what looks like it."""
    document = blueprint.to_dict()
    nodes, edges = document["nodes"], document["edges"]
    change = draw(st.sampled_from(["attribute", "precision", "share", "rewire", "exchange", "ports"]))
    if change == "attribute":
        choices = [one for one in nodes if one["op_type"] in SETTINGS]
        assume(choices)
        node = draw(st.sampled_from(choices))
        name, values = SETTINGS[node["op_type"]]
        node["attributes"] = {**node["attributes"], name: draw(st.sampled_from(values))}
        if name == "type":
            node["attributes"] = {"type": node["attributes"]["type"]}
    elif change == "precision":
        draw(st.sampled_from(nodes))["precision"] = draw(st.sampled_from(["fp32", "bf16"]))
    elif change == "share":
        linear = [node for node in nodes if node["op_type"] == "linear"]
        assume(linear)
        owner = draw(st.none() | st.sampled_from(linear))
        draw(st.sampled_from(linear))["shares"] = owner["id"] if owner is not None else None
    elif change == "rewire":
        edge, other = draw(st.sampled_from(edges)), draw(st.sampled_from(edges))
        edge["source"], edge["source_port"] = other["source"], other["source_port"]
    else:
        edge, other = draw(st.sampled_from(edges)), draw(st.sampled_from(edges))
        keys = ("source", "source_port") if change == "exchange" else ("target", "target_port")
        for key in keys:
            edge[key], other[key] = other[key], edge[key]
    return BlueprintIR.from_dict(document)


@SLOW
@given(blueprints(), st.randoms(use_true_random=False))
def test_other_ids_and_another_order_keep_the_fingerprint(blueprint: BlueprintIR, random: Random) -> None:
    assert shuffled(blueprint, random).fingerprint == blueprint.fingerprint


@SLOW
@given(blueprints(), st.data())
def test_an_edit_keeps_the_fingerprint_exactly_when_the_result_is_isomorphic(
    blueprint: BlueprintIR, data: st.DataObject
) -> None:
    changed = data.draw(edited(blueprint))
    assume(not changed.problems)
    same = isomorphic(written_out(blueprint), written_out(changed))
    assert (changed.fingerprint == blueprint.fingerprint) == same


@SLOW
@given(blueprints(most=3), blueprints(most=3))
def test_two_blueprints_share_a_fingerprint_exactly_when_isomorphic(
    one: BlueprintIR, other: BlueprintIR
) -> None:
    assert (one.fingerprint == other.fingerprint) == isomorphic(written_out(one), written_out(other))
