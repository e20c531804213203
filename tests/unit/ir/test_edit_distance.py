"""Edit distances: what counts as an edit, how near they come to the fewest, and large networks."""

from itertools import permutations
from random import Random

import pytest

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.edit import AddEdge, AddNode, Edit, SetAttribute, SetField, SetNode, apply_edits
from esper_graph.ir.edit_distance import EditDistance, edit_distance, outline
from esper_graph.ir.labels import labelled_structure
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from tests.nasbench import Cell, blueprint, wirings
from tests.shuffled import shuffled


def network() -> BlueprintIR:
    b = Builder("net", name="Net")
    x = b.input([-1, 16])
    y = b.activation(b.linear(x, in_features=16, out_features=32, id="up"), type="relu", id="act")
    z = b.add(b.linear(y, in_features=32, out_features=16, id="down"), x, id="sum")
    b.output(b.sub(z, b.activation(x, type="silu", id="gate"), id="less"))
    return b.finish()


@pytest.mark.parametrize(
    ("edit", "nodes", "edges"),
    [
        (SetAttribute(node_id="up", attribute="out_features", value=8), 1, 0),
        (SetField(node_id="up", field="precision", value="bf16"), 1, 0),
        (SetNode(node_id="act", node=NodeSpec(id="act", op_type="softmax")), 1, 0),
        (AddNode(node=NodeSpec(id="new", op_type="dropout"), after="act"), 1, 3),
        (AddEdge(edge=EdgeSpec(id="new", source="gate", target="sum")), 0, 1),
    ],
    ids=repr,
)
def test_one_change_is_counted_once(edit: Edit, nodes: int, edges: int) -> None:
    one = network()
    other = shuffled(apply_edits(one, [edit]).blueprint, Random(0))
    assert edit_distance(outline(one), outline(other)) == EditDistance(nodes, edges)


def test_exchanged_inputs_are_two_edits() -> None:
    one = network()
    edges = [
        edge.replace(target_port={"a": "b", "b": "a"}[str(edge.target_port)])
        if edge.target == "less"
        else edge
        for edge in one.edges
    ]
    assert edit_distance(outline(one), outline(one.replace(edges=edges))) == EditDistance(0, 2)


def fewest(one: BlueprintIR, other: BlueprintIR) -> int:
    """By trying all ways to pair the nodes; both have equally many, and at most one edge between two."""
    (labels, arcs), (other_labels, other_arcs) = labelled_structure(one), labelled_structure(other)
    least = 10**9
    for order in permutations(range(len(labels))):
        renamed = sum(label != other_labels[place] for label, place in zip(labels, order, strict=True))
        if renamed < least:
            moved = {(order[source], order[target], ports) for source, target, ports in arcs}
            least = min(least, renamed + len(moved ^ set(other_arcs)))
    return least


def test_nine_of_ten_distances_of_small_networks_are_the_fewest_edits() -> None:
    random = Random(5)
    shapes = [edges for edges in wirings(5) if len({target for _, target in edges}) == len(edges)]
    ops = ("conv3x3", "conv1x1", "maxpool3x3")
    chosen = [Cell(random.choice(shapes), tuple(random.choices(ops, k=3))) for _ in range(60)]
    pairs = list(zip(chosen[::2], chosen[1::2], strict=True))
    found = [
        (edit_distance(outline(blueprint(a)), outline(blueprint(b))).cost, fewest(blueprint(a), blueprint(b)))
        for a, b in pairs
    ]
    assert all(cost >= least for cost, least in found)
    assert sum(cost == least for cost, least in found) >= 0.9 * len(found)


def test_networks_of_hundreds_of_nodes_are_compared() -> None:
    def tower(kinds: list[str]) -> BlueprintIR:
        b = Builder("tower", name="Tower", limits={"max_depth": 999})
        x = b.input([-1, 8])
        for kind in kinds:
            x = b.add(x, b.activation(b.linear(x, in_features=8, out_features=8), type=kind))
        b.output(x)
        return b.finish()

    plain, changed = tower(["relu"] * 60), tower(["relu"] * 30 + ["gelu"] + ["relu"] * 29)
    assert edit_distance(outline(plain), outline(changed)) == EditDistance(1, 0)
    assert edit_distance(outline(plain), outline(tower(["relu"] * 59))).cost <= 3 + 7
