"""Fingerprints are equal exactly when blueprints are isomorphic."""

from random import Random

import pytest

from esper_graph.errors import BlueprintError, LimitExceededError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.fingerprint import PREFIX
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from tests import graph_families
from tests.unit.ir.test_blueprint import mlp
from tests.unit.ir.test_check import INPUT, OUTPUT, linear, wired

TWO = NodeSpec(id="other", op_type="input", attributes={"shape": [-1, 8]})


def shuffled(blueprint: BlueprintIR, random: Random) -> BlueprintIR:
    """The same structure with other ids, in another order; ports and indices are explicit already."""
    names = [f"n{number}" for number in range(len(blueprint.nodes))]
    random.shuffle(names)
    renamed = dict(zip([node.id for node in blueprint.nodes], names, strict=True))
    nodes = [
        node.replace(id=renamed[node.id], shares=renamed[node.shares] if node.shares else None)
        for node in blueprint.nodes
    ]
    edges = [
        edge.replace(id=f"x{number}", source=renamed[edge.source], target=renamed[edge.target])
        for number, edge in enumerate(blueprint.edges)
    ]
    random.shuffle(nodes)
    random.shuffle(edges)
    return blueprint.replace(id="", name="other", nodes=nodes, edges=edges)


def tied(shares: str | None = "a") -> BlueprintIR:
    return wired(INPUT, linear("a"), linear("b", shares=shares), OUTPUT, edges=["input>a", "a>b", "b>output"])


def test_ids_names_order_and_hints_do_not_count() -> None:
    random = Random(0)
    for blueprint in (
        mlp(),
        tied(),
        wired(INPUT, TWO, NodeSpec(id="d", op_type="sub"), OUTPUT, edges=["other>d", "input>d", "d>output"]),
    ):
        for _ in range(5):
            assert shuffled(blueprint, random).fingerprint == blueprint.fingerprint
    hinted = mlp(
        nodes=[mlp().nodes[0], mlp().nodes[1].replace(compute_intensity=3.0, parallelism="model"), OUTPUT]
    )
    assert hinted.fingerprint == mlp().fingerprint
    assert mlp().fingerprint.startswith(PREFIX)


def test_an_explicit_default_equals_an_omitted_one() -> None:
    explicit = mlp(
        nodes=[
            INPUT,
            NodeSpec(
                id="fc", op_type="linear", attributes={"out_features": 2, "bias": True, "in_features": 8}
            ),
            OUTPUT,
        ]
    )
    assert explicit.fingerprint == mlp().fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        mlp(nodes=[INPUT, linear("fc", 8, 3), OUTPUT]),
        mlp(
            nodes=[
                INPUT,
                NodeSpec(
                    id="fc", op_type="linear", attributes={"in_features": 8, "out_features": 2, "bias": False}
                ),
                OUTPUT,
            ]
        ),
        mlp(nodes=[INPUT, linear("fc", 8, 2, precision="bf16"), OUTPUT]),
        mlp(
            nodes=[
                NodeSpec(id="input", op_type="input", attributes={"shape": [4, 8]}),
                linear("fc", 8, 2),
                OUTPUT,
            ]
        ),
        mlp(
            nodes=[
                NodeSpec(id="input", op_type="input", attributes={"shape": [-1, 8], "dtype": "float64"}),
                linear("fc", 8, 2),
                OUTPUT,
            ]
        ),
        mlp(
            nodes=[
                NodeSpec(id="input", op_type="input", attributes={"shape": [-1, -1, 8]}),
                linear("fc", 8, 2),
                OUTPUT,
            ]
        ),
    ],
)
def test_every_part_of_the_structure_counts(changed: BlueprintIR) -> None:
    assert changed.problems == ()
    assert changed.fingerprint != mlp().fingerprint


def test_the_names_of_symbols_do_not_count_but_their_equality_does() -> None:
    def square(shape: list[object]) -> BlueprintIR:
        return wired(
            NodeSpec(id="input", op_type="input", attributes={"shape": shape}), OUTPUT, edges=["input>output"]
        )

    assert square([-1, "n", "n"]).fingerprint == square([-1, "m", "m"]).fingerprint
    assert square([-1, "n", "m"]).fingerprint == square([-1, -1, -1]).fingerprint
    assert square([-1, "n", "n"]).fingerprint != square([-1, "n", "m"]).fingerprint


def test_inputs_of_a_difference_are_ordered_and_those_of_a_sum_are_not() -> None:
    def combined(op_type: str, edges: list[str]) -> str:
        return wired(
            INPUT, TWO, NodeSpec(id="d", op_type=op_type), OUTPUT, edges=[*edges, "d>output"]
        ).fingerprint

    forwards, backwards = ["input>d", "other>d"], ["other>d", "input>d"]
    assert combined("sub", forwards) != combined("sub", backwards)
    assert combined("add", forwards) == combined("add", backwards)


def test_sharing_parameters_is_part_of_the_structure_and_has_no_owner() -> None:
    assert tied().fingerprint != tied(None).fingerprint
    owned_by_the_second = wired(
        INPUT, linear("a", shares="b"), linear("b"), OUTPUT, edges=["input>a", "a>b", "b>output"]
    )
    assert owned_by_the_second.fingerprint == tied().fingerprint


def test_which_of_two_pairs_share_counts() -> None:
    def four(first: str, second: str) -> str:
        owners = {"c": first, "d": second}
        nodes = [linear(name, shares=owners.get(name)) for name in "abcd"]
        return wired(INPUT, *nodes, OUTPUT, edges=["input>a", "a>b", "b>c", "c>d", "d>output"]).fingerprint

    assert four("a", "b") != four("b", "a")


def test_an_invalid_blueprint_has_no_fingerprint() -> None:
    with pytest.raises(BlueprintError):
        mlp(nodes=[INPUT, linear("fc", 9, 2), OUTPUT]).fingerprint  # noqa: B018


def test_a_structure_too_symmetric_to_be_ordered_is_refused_by_name() -> None:
    labels, arcs = graph_families.rook(20)
    layer = len(labels)
    nodes = [
        INPUT,
        *(NodeSpec(id=f"a{place}", op_type="abs") for place in range(layer)),
        *(NodeSpec(id=f"b{place}", op_type="add") for place in range(layer)),
        NodeSpec(id="sum", op_type="add"),
        OUTPUT,
    ]
    ends = [("input", f"a{place}") for place in range(layer)]
    ends += [(f"a{source}", f"b{target}") for source, target, _ in arcs]
    ends += [(f"b{place}", "sum") for place in range(layer)] + [("sum", "output")]
    edges = [EdgeSpec(id=f"e{number}", source=one, target=other) for number, (one, other) in enumerate(ends)]
    blueprint = BlueprintIR(name="rook", nodes=nodes, edges=edges, limits={"max_edges": 50_000})
    with pytest.raises(LimitExceededError, match="too much alike") as caught:
        blueprint.fingerprint  # noqa: B018
    assert len(caught.value.facts["nodes"]) >= layer  # pyright: ignore[reportArgumentType]


GOLDEN = "f1:47db3ee42558e2f2"


def test_fingerprints_never_move() -> None:
    assert mlp().fingerprint[:19] == GOLDEN


def test_sizes_that_an_axis_defines_together_with_others_are_told_apart_by_the_other_axes() -> None:
    def of(*shape: str) -> BlueprintIR:
        b = Builder(name="sizes")
        b.output(b.input(list(shape)))
        return b.finish()

    assert of("a*b", "a").fingerprint == of("a*b", "b").fingerprint == of("n*m", "n").fingerprint
    assert of("a*b*b", "a").fingerprint != of("a*b*b", "b").fingerprint
    (problem,) = of("a*b", "4").problems
    assert problem.message.startswith("axis 0 of `input` is the first to use the sizes `a` and `b`")
