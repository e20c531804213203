"""Edit keys against one edit and against variants written anew, compared by networkx."""

from collections.abc import Iterator
from itertools import combinations
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from esper_graph.errors import BlueprintError, EvolutionError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.edit import RemoveNode, apply_edits
from esper_graph.ir.edit_keys import edit_keys
from esper_graph.ir.labels import labelled_structure
from esper_graph.ops import OPS
from tests.graph_families import Labelled, isomorphic
from tests.nasbench import MOST_EDGES, Cell, blueprint, cells
from tests.nasbench import OPS as CELL_OPS
from tests.random_blueprints import blueprints
from tests.random_edits import network, random_edit
from tests.shuffled import shuffled

SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
SUMS = ("add", "multiply", "maximum", "minimum")


def share(one: BlueprintIR, other: BlueprintIR) -> bool:
    return not set(edit_keys(one)).isdisjoint(edit_keys(other))


@SLOW
@given(blueprints(), st.randoms(use_true_random=False))
def test_a_blueprint_written_anew_has_the_same_keys(one: BlueprintIR, random: Random) -> None:
    assert edit_keys(one) == edit_keys(shuffled(one, random))


@SLOW
@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_relatives_one_edit_apart_share_a_key(random: Random, size: int) -> None:
    one = network(random, size)
    edit = random_edit(random, one, "new")
    if isinstance(edit, RemoveNode):  # what has three inputs loses two edges with it
        assume(sum(edge.target == edit.node_id for edge in one.edges) <= 2)
    try:
        other = apply_edits(one, [edit]).blueprint
    except (BlueprintError, EvolutionError):
        assume(False)
        return
    assert share(one, shuffled(other, random))


@SLOW
@given(st.randoms(use_true_random=False), st.integers(2, 12))
def test_a_node_that_shares_parameters_or_no_more_is_one_edit(random: Random, size: int) -> None:
    one = network(random, size, ops="lla")
    linear = [node.id for node in one.nodes if node.op_type == "linear"]
    for name in linear[1:]:
        if random.random() < 0.5:
            one = sharing(one, name, linear[0])
    assume(len(linear) > 2)
    name = random.choice(linear[1:])
    owner = random.choice(
        [None, linear[0], *[other for other in linear[1:] if one.node(other).shares is None]]
    )
    assume(owner not in (name, one.node(name).shares))
    assert share(one, sharing(one, name, owner))


def sharing(one: BlueprintIR, name: str, owner: str | None) -> BlueprintIR:
    return one.replace(nodes=[node.replace(shares=owner) if node.id == name else node for node in one.nodes])


def edits_of(cell: Cell) -> Iterator[Cell]:
    """All cells with an edge more or less, or another op."""
    for place, op in enumerate(cell.ops):
        for another in CELL_OPS:
            if another != op:
                yield Cell(cell.edges, (*cell.ops[:place], another, *cell.ops[place + 1 :]))
    for pair in combinations(range(cell.vertices), 2):
        edges = {*cell.edges} ^ {pair}
        ends = [{edge[end] for edge in edges} for end in (0, 1)]
        if len(edges) <= MOST_EDGES and all(len(places) == cell.vertices - 1 for places in ends):
            yield Cell(tuple(sorted(edges)), cell.ops)


@pytest.mark.parametrize("seed", range(4))
def test_cells_with_an_edge_or_an_op_changed_share_a_key_though_sums_come_and_go(seed: int) -> None:
    random = Random(seed)
    for cell in random.sample(list(cells(5)), 8):
        one = blueprint(cell)
        for other in edits_of(cell):
            assert share(one, blueprint(other)), other


# ---------------------------------------------------------------- against variants written anew


def variants(one: BlueprintIR) -> Iterator[Labelled]:
    """What the page on similarity says of keys, with as little cleverness as possible."""
    labels, arcs = labelled_structure(one)
    everywhere = range(len(labels))
    yield labels, arcs
    for place in everywhere:
        op_type = labels[place].partition(" ")[0]
        if op_type == "tie":
            continue
        entering = [arc for arc in arcs if arc[1] == place and arc[2] != "tie"]
        leaving = [arc for arc in arcs if arc[0] == place]
        fed = {(source, ports.partition(">")[0]) for source, _, ports in entering}
        yield (
            [*labels[:place], "unknown", *labels[place + 1 :]],
            [arc if arc not in entering else (*arc[:2], arc[2].partition(">")[0]) for arc in arcs],
        )
        of_one_value = len(fed) == 1 and op_type != "output" and all(arc[2][0] == "0" for arc in leaving)
        is_plain = labels[place].endswith(('{"scalar":null}', "{}"))
        is_sum = op_type in SUMS and len(entering) == 2 and is_plain
        for source, slot in fed if of_one_value or is_sum else ():
            rewired = [
                (source, arc[1], f"{slot}>{arc[2].partition('>')[2]}") if arc in leaving else arc
                for arc in arcs
                if arc[1] != place
            ]
            yield kept(labels, rewired, place)
        if is_sum:
            continue
        for number, arc in enumerate(arcs):
            if arc in entering:
                left = arcs[:number] + arcs[number + 1 :]
                yield labels, [moved_up(labels, other, arc) for other in left]
    for number, arc in enumerate(arcs):
        if arc[2] == "tie":
            yield kept(labels, arcs[:number] + arcs[number + 1 :])


def moved_up(
    labels: list[str], arc: tuple[int, int, str], gone: tuple[int, int, str]
) -> tuple[int, int, str]:
    """What had a number after that of a port that is gone."""
    op = OPS.get(labels[gone[1]].partition(" ")[0])
    slot, port = arc[2].partition(">")[0], arc[2].partition(">")[2]
    numbered = op is not None and op.variadic and not op.commutative
    if arc[1] != gone[1] or not numbered or not port.isdigit():
        return arc
    after = int(port) > int(gone[2].partition(">")[2]) >= len(op.fixed if op is not None else ())
    return (*arc[:2], f"{slot}>{int(port) - after}")


def kept(labels: list[str], arcs: list[tuple[int, int, str]], *gone: int) -> Labelled:
    """Without vertices, and without ties that one node is left of."""
    alone = [
        place
        for place, label in enumerate(labels)
        if label == "tie" and sum(source == place for source, _, _ in arcs) < 2
    ]
    places = [place for place in range(len(labels)) if place not in (*gone, *alone)]
    return (
        [labels[place] for place in places],
        [
            (places.index(source), places.index(target), ports)
            for source, target, ports in arcs
            if source in places and target in places
        ],
    )


@SLOW
@given(blueprints(most=4), blueprints(most=4))
def test_a_key_is_shared_exactly_when_a_variant_is(one: BlueprintIR, other: BlueprintIR) -> None:
    check_shared(one, other)


@SLOW
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_same_for_relatives_some_edits_apart(random: Random, size: int) -> None:
    one = network(random, size)
    other = one
    for number in range(random.randint(1, 3)):
        try:
            other = apply_edits(other, [random_edit(random, other, f"new{number}")]).blueprint
        except (BlueprintError, EvolutionError):
            continue
    check_shared(one, other)


def check_shared(one: BlueprintIR, other: BlueprintIR) -> None:
    ours, theirs = list(variants(one)), list(variants(other))
    sizes = {(len(labels), len(arcs)) for labels, arcs in ours}
    expected = any(
        isomorphic(variant, another)
        for another in theirs
        if (len(another[0]), len(another[1])) in sizes
        for variant in ours
        if sorted(variant[0]) == sorted(another[0])
    )
    assert share(one, other) == expected
    assert len(edit_keys(one)) <= len(ours)
