"""All that is wrong with a blueprint is found, as data."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from esper_graph.errors import (
    BadAttributeError,
    BlueprintError,
    DanglingEdgeError,
    GraphCycleError,
    LimitExceededError,
    ShapeMismatchError,
    UnknownOpError,
)
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.check import check, default_limits, raise_limits
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from tests.unit.ir.test_blueprint import mlp

INPUT = NodeSpec(id="input", op_type="input", attributes={"shape": [-1, 8]})
OUTPUT = NodeSpec(id="output", op_type="output")


def linear(name: str, into: int = 8, out: int = 8, **fields: Any) -> NodeSpec:
    return NodeSpec(
        id=name, op_type="linear", attributes={"in_features": into, "out_features": out}, **fields
    )


def wired(*nodes: NodeSpec, edges: list[str]) -> BlueprintIR:
    """Edges are written `source>target` or `source>target:port`."""
    specs = []
    for number, text in enumerate(edges):
        source, _, rest = text.partition(">")
        target, _, port = rest.partition(":")
        specs.append(EdgeSpec(id=f"e{number}", source=source, target=target, target_port=port or None))
    return BlueprintIR(name="x", nodes=nodes, edges=specs)


def chain(count: int, **fields: object) -> BlueprintIR:
    names = ["input", *(f"n{number}" for number in range(count)), "output"]
    nodes = [INPUT, *(NodeSpec(id=name, op_type="abs") for name in names[1:-1]), OUTPUT]
    edges = [
        EdgeSpec(id=f"e{number}", source=one, target=other)
        for number, (one, other) in enumerate(pairwise(names))
    ]
    return BlueprintIR(name="chain", nodes=nodes, edges=edges, **fields)


@pytest.mark.parametrize(
    ("blueprint", "kind", "words"),
    [
        (wired(INPUT, linear("fc"), edges=["input>fc"]), DanglingEdgeError, ["no output"]),
        (wired(OUTPUT, edges=[]), DanglingEdgeError, ["`input` of `output`", "not fed"]),
        (
            wired(INPUT, linear("fc", 9), OUTPUT, edges=["input>fc", "fc>output"]),
            ShapeMismatchError,
            ["float32[batch, 8]", "in_features=9"],
        ),
        (
            wired(INPUT, linear("fc"), OUTPUT, edges=["input>fc", "input>fc", "fc>output"]),
            DanglingEdgeError,
            ["no port left for edge `e1`"],
        ),
        (
            wired(INPUT, linear("fc"), OUTPUT, edges=["input>fc:input", "input>fc:input", "fc>output"]),
            DanglingEdgeError,
            ["is fed by 2 edges: e0, e1"],
        ),
        (
            wired(INPUT, linear("fc"), OUTPUT, edges=["input>fc:weights", "fc>output"]),
            DanglingEdgeError,
            ["no input port `weights`"],
        ),
        (
            wired(INPUT, linear("fc"), OUTPUT, edges=["inputt>fc", "fc>output"]),
            DanglingEdgeError,
            ["`inputt`, which does not exist", "did you mean `input`"],
        ),
        (
            wired(INPUT, NodeSpec(id="fc", op_type="linaer"), OUTPUT, edges=["input>fc", "fc>output"]),
            UnknownOpError,
            ["`linaer` is not an op", "did you mean `linear`"],
        ),
        (
            wired(INPUT, NodeSpec(id="fc", op_type="linear"), OUTPUT, edges=["input>fc", "fc>output"]),
            BadAttributeError,
            ["needs the attribute `in_features`", "needs the attribute `out_features`"],
        ),
        (
            wired(INPUT, linear("fc"), linear("fc"), OUTPUT, edges=["input>fc", "fc>output"]),
            BlueprintError,
            ["two nodes are called `fc`"],
        ),
        (
            wired(INPUT, linear("a"), linear("b", shares="c"), OUTPUT, edges=["input>a", "a>b", "b>output"]),
            DanglingEdgeError,
            ["shares the parameters of `c`, which does not exist"],
        ),
        (
            wired(
                INPUT,
                linear("a", 8, 4),
                linear("b", 4, 8, shares="a"),
                OUTPUT,
                edges=["input>a", "a>b", "b>output"],
            ),
            BadAttributeError,
            ["[8, 4]", "[4, 8]"],
        ),
        (
            wired(
                INPUT,
                *(linear(name, shares=owner) for name, owner in (("a", None), ("b", "a"), ("c", "b"))),
                OUTPUT,
                edges=["input>a", "a>b", "b>c", "c>output"],
            ),
            BadAttributeError,
            ["owns none itself", "name the node that owns them: `a`"],
        ),
    ],
)
def test_what_is_wrong_is_named(blueprint: BlueprintIR, kind: type[BlueprintError], words: list[str]) -> None:
    with pytest.raises(BlueprintError) as caught:
        blueprint.validate()
    assert type(caught.value) is kind or kind is BlueprintError
    for word in words:
        assert word in str(caught.value)


def test_a_cycle_is_named_as_a_path_in_order() -> None:
    blueprint = wired(
        INPUT,
        NodeSpec(id="a", op_type="add"),
        linear("b"),
        linear("c"),
        OUTPUT,
        edges=["input>a", "c>a", "a>b", "b>c", "c>output"],
    )
    with pytest.raises(GraphCycleError) as caught:
        blueprint.validate()
    path = caught.value.path
    assert path[0] == path[-1]
    assert set(path) == {"a", "b", "c"}
    assert all((one, other) in {("a", "b"), ("b", "c"), ("c", "a")} for one, other in pairwise(path))


def test_a_self_loop_is_a_cycle() -> None:
    blueprint = wired(INPUT, NodeSpec(id="a", op_type="add"), OUTPUT, edges=["input>a", "a>a", "a>output"])
    with pytest.raises(GraphCycleError) as caught:
        blueprint.validate()
    assert caught.value.path == ("a", "a")


def test_all_problems_are_carried_and_the_first_decides_the_class() -> None:
    blueprint = wired(
        INPUT,
        NodeSpec(id="a", op_type="nothing"),
        linear("fc", 9),
        OUTPUT,
        edges=["input>fc", "fc>output", "x>y"],
    )
    with pytest.raises(UnknownOpError) as caught:
        blueprint.validate()
    kinds = {problem.kind for problem in caught.value.problems}
    assert kinds == {"unknown_op", "dangling_edge", "shape_mismatch"}


def test_both_ends_of_an_edge_are_refused_at_once() -> None:
    blueprint = mlp()
    wrong = blueprint.edges[1].replace(source_port=3, target_port="nowhere")
    messages = [one.message for one in check(blueprint.replace(edges=[blueprint.edges[0], wrong]))]
    assert [message for message in messages if "port `3`" in message]
    assert [message for message in messages if "port `nowhere`" in message]


def test_limits_are_looked_at_first_and_name_both_numbers() -> None:
    assert chain(100).problems == ()
    with pytest.raises(
        LimitExceededError, match="longest path of the blueprint has 101 ops, the limit is 100"
    ) as caught:
        chain(101).validate()
    assert "--max-depth 101" in (caught.value.hint or "")
    with pytest.raises(LimitExceededError, match="has 1001 nodes, the limit is 1000"):
        chain(999).validate()
    edges = [EdgeSpec(id=f"e{number}", source="input", target="output") for number in range(5001)]
    with pytest.raises(LimitExceededError, match="has 5001 edges, the limit is 5000"):
        BlueprintIR(name="x", nodes=[INPUT, OUTPUT], edges=edges).validate()


def test_a_raised_limit_counts_for_the_blueprint_that_has_it() -> None:
    assert chain(150, limits={"max_depth": 150}).validate()
    assert check(chain(150), limits=raise_limits(default_limits(), max_depth=150)) == []
    assert len(check(chain(150, limits={"max_depth": 150}), limits=default_limits())) == 1


def test_a_manifest_may_only_narrow_the_ops() -> None:
    rules = replace(default_limits(), allowed_op_types=("conv2d",))
    (problem,) = check(mlp(), limits=rules)
    assert problem.message == "the manifest does not allow the op `linear`"
    assert check(mlp(), limits=replace(rules, allowed_op_types=("linear",))) == []


def test_declared_shapes_and_dtypes_are_assertions() -> None:
    edges = [
        EdgeSpec(id="e1", source="input", target="fc", tensor_shape=[-1, 8], dtype="float32"),
        EdgeSpec(id="e2", source="fc", target="output", tensor_shape=[-1, 3]),
    ]
    (problem,) = mlp(edges=edges).problems
    assert problem.kind == "shape_mismatch"
    assert "3" in problem.message
    assert "float32[batch, 2]" in problem.message
    wrong = [edges[0].replace(dtype="float16"), edges[1].replace(tensor_shape=None)]
    assert "float16" in mlp(edges=wrong).problems[0].message
    shaped = mlp().nodes[1].replace(input_shape=[-1, 8], output_shape=[-1, 5])
    (problem,) = mlp(nodes=[INPUT, shaped, OUTPUT]).problems
    assert "output_shape" in problem.message


def test_indices_of_inputs_must_be_each_once() -> None:
    second = NodeSpec(id="b", op_type="input", attributes={"shape": [-1, 8], "index": 2})
    blueprint = wired(
        INPUT, second, NodeSpec(id="sum", op_type="add"), OUTPUT, edges=["input>sum", "b>sum", "sum>output"]
    )
    (problem,) = blueprint.problems
    assert "`b` 2" in problem.message
