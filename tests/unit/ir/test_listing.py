import re
from typing import Any

import pytest

from esper_graph.errors import BlueprintError, DanglingEdgeError, FormatError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, attention, residual
from esper_graph.ir.listing import listing
from esper_graph.ir.listing_reader import read_listing
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from esper_graph.templates import TEMPLATES

ARGUMENTS: dict[str, dict[str, int]] = {
    name: {one.name: 16 for one in template.parameters if one.required}
    for name, template in TEMPLATES.items()
}


def of_every_kind() -> BlueprintIR:
    """A blueprint with everything that a line can show."""
    b = Builder(
        "every",
        name='All "kinds"',
        version=3,
        tags=["b", "a"],
        author="me",
        description="Line.",
        limits={"max_nodes": 2000},
    )
    x = b.input([-1, "steps", 8], id="x.y")
    mask = b.input([1, 1, 1, 1], dtype="bool")
    owner = b.linear(x, in_features=8, out_features=8, precision="bf16", requires_gpu=True, id="7")
    shared = b.linear(
        residual(owner), in_features=8, out_features=8, shares=owner, precision="bf16", id="true"
    )
    attended = b.attention(shared, attention(owner), mask=mask, embed_dim=8, num_heads=2)
    first, second = b.split(attended, sizes=[3, 5], dim=2, id="parts")
    b.neg(first, id="parts.outputs")
    joined = b.concat(second, first, dim=-1)
    b.output(b.activation(joined, type="leaky_relu", negative_slope=0.25))
    b.output(x)
    b.telemetry(joined, metric_name='mean of "x", é')
    return b.finish()


def test_a_line_says_op_inputs_settings_type_and_parameters() -> None:
    b = Builder("mlp", name="MLP")
    x = b.input([-1, 784])
    b.output(b.linear(x, in_features=784, out_features=256, bias=True, id="fc1"))
    lines = listing(b.finish()).splitlines()
    assert lines[0] == 'blueprint(id="mlp", name="MLP")'
    assert lines[1].endswith("  3 nodes, 2 edges  200,960 parameters, 401,408 FLOPs at batch=1")
    assert lines[1].startswith(f"# {b.finish().fingerprint[:15]}")
    columns = [re.split(r" {2,}(?:-> )?", line) for line in lines[3:]]
    assert columns == [
        ["input = input(shape=[-1, 784])", "float32[batch, 784]"],
        [
            "fc1 = linear(input, in_features=784, out_features=256)",
            "float32[batch, 256]",
            "200,960 parameters",
        ],
        ["output = output(fc1)"],
    ]


def test_what_differs_from_the_usual_is_shown() -> None:
    text = listing(of_every_kind())
    header, _, _, *lines = text.splitlines()
    assert header == (
        'blueprint(id="every", name="All \\"kinds\\"", version=3, tags=["a", "b"], author="me", '
        'description="Line.", limits={"max_nodes": 2000})'
    )
    calls = {line.split(" = ")[0]: re.split(r" {2,}->", line.split(" = ", 1)[1])[0] for line in lines}
    assert calls == {
        "x.y": 'input(shape=[-1, "steps", 8])',
        "input": 'input(shape=[1, 1, 1, 1], dtype="bool", index=1)',
        "7": 'linear(x.y, in_features=8, out_features=8, requires_gpu=true, precision="bf16")',
        "true": 'linear(residual(7), in_features=8, out_features=8, precision="bf16", shares=7)',
        "attention": "attention(true, attention(7), mask=input, embed_dim=8, num_heads=2)",
        "parts": "split(attention, sizes=[3, 5], dim=2)",
        "parts.outputs": "neg(parts:outputs.0)",
        "concat": "concat(parts:outputs.1, parts:outputs.0)",
        "activation": 'activation(concat, type="leaky_relu", negative_slope=0.25)',
        "output": "output(activation)",
        "output_2": "output(x.y, index=1)",
        "telemetry": 'telemetry(concat, metric_name="mean of \\"x\\", é")',
    }
    assert "true = " in text
    assert not re.search(r"^true = .* parameters", text, re.MULTILINE), "shared parameters are not its own"
    assert "outputs.0: float32[batch, steps, 3], outputs.1: float32[batch, steps, 5]" in text


def test_a_result_is_named_by_its_port_where_that_is_clear() -> None:
    b = Builder()
    _, second = b.split(b.input([6]), chunks=2, dim=0, id="parts")
    b.output(second)
    assert "output = output(parts.outputs.1)" in listing(b.finish())


def test_reading_gives_the_same_structure_ids_and_settings() -> None:
    blueprint = of_every_kind()
    assert blueprint.validate()
    read = read_listing(listing(blueprint))
    assert read.fingerprint == blueprint.fingerprint
    assert listing(read) == listing(blueprint)
    for name in ("id", "name", "version", "tags", "author", "description", "limits"):
        assert getattr(read, name) == getattr(blueprint, name)
    for node in blueprint.nodes:
        same = read.node(node.id)
        assert (same.op_type, same.shares, same.precision) == (node.op_type, node.shares, node.precision)
        assert (same.requires_gpu, same.compute_intensity) == (node.requires_gpu, node.compute_intensity)
    roles = sorted((edge.source, edge.target, edge.connection_type) for edge in blueprint.edges)
    assert sorted((edge.source, edge.target, edge.connection_type) for edge in read.edges) == roles


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_the_listing_of_a_template_reads_back(name: str) -> None:
    blueprint = TEMPLATES[name](**ARGUMENTS[name])
    assert read_listing(listing(blueprint)).fingerprint == blueprint.fingerprint


def test_producers_stand_before_consumers_whatever_the_order_of_nodes() -> None:
    rows: Any = {"shape": [4]}
    nodes = [
        NodeSpec(id="out", op_type="output"),
        NodeSpec(id="b", op_type="neg"),
        NodeSpec(id="a", op_type="neg"),
        NodeSpec(id="in", op_type="input", attributes=rows),
    ]
    edges = [
        EdgeSpec(id="1", source="b", target="out"),
        EdgeSpec(id="2", source="a", target="b"),
        EdgeSpec(id="3", source="in", target="a"),
    ]
    lines = listing(BlueprintIR(name="backwards", nodes=nodes, edges=edges)).splitlines()[3:]
    assert [line.split(" ")[0] for line in lines] == ["in", "a", "b", "out"]


def test_a_blueprint_that_is_not_valid_is_listed_with_what_is_wrong() -> None:
    rows: Any = {"shape": [4], "size": 3}
    nodes = [
        NodeSpec(id="in", op_type="input", attributes=rows),
        NodeSpec(id="one", op_type="linaer", attributes=rows),
        NodeSpec(id="two", op_type="neg"),
    ]
    edges = [
        EdgeSpec(id="1", source="in", target="one"),
        EdgeSpec(id="2", source="one", target="two"),
        EdgeSpec(id="3", source="two", target="one"),
    ]
    blueprint = BlueprintIR(name="wrong", nodes=nodes, edges=edges)
    text = listing(blueprint)
    assert f"not valid: {blueprint.problems[0]} (and {len(blueprint.problems) - 1} more)" in text
    assert text.splitlines()[3:] == [
        "in = input(shape=[4], size=3, index=0)",
        "one = linaer(in, two, shape=[4], size=3)",
        "two = neg(one)",
    ]
    assert read_listing(text).problems


@pytest.mark.parametrize(
    ("lines", "where", "message"),
    [
        ([], "line 1", "the listing is empty"),
        (["mlp(name=1)"], "line 1 column 1", "the first line is not `blueprint(name=...)`"),
        (['blueprint(nane="x")'], "line 1 column 1", "a blueprint has no `nane` in a listing"),
        (['blueprint(name="x"'], "line 1 column 19", "`)` must be here, not the end of the line"),
        (['blueprint(name="x", name="y")'], "line 1 column 21", "`name` stands twice"),
        (
            ['blueprint(name="x")', "", "a = neg(b)", "a = neg(b)"],
            "line 4 column 1",
            "two nodes are called `a`",
        ),
        (['blueprint(name="x")', "a neg(b)"], "line 2 column 3", "`=` must be here, not `neg(b)`"),
        (['blueprint(name="x")', "a = neg(b) c"], "line 2 column 12", "the line does not end after the call"),
        (['blueprint(name="x")', "a = neg(residual(b)"], "line 2 column 20", "`)` must be here, not the end"),
        (
            ['blueprint(name="x")', "a = pow(b, exponent=True)"],
            "line 2 column 21",
            "a value in JSON must be here",
        ),
        (['blueprint(name="x")', "a = pow(b, exponent=NaN)"], "line 2 column 21", "not a finite number"),
        (
            ['blueprint(name="x")', 'a = f(b, c={"d": 1, "d": 2})'],
            "line 2 column 12",
            "the key `d` stands twice",
        ),
        (['blueprint(name="x")', "a = f(b, precision=3)"], "line 2 column 1", "precision: "),
        (
            ['blueprint(name="x")', "a = f(b, [1])"],
            "line 2 column 10",
            "the id of a node must be here, not `[1])`",
        ),
        (
            ['blueprint(name="x")', "a.b = input(shape=[1])", "b = neg(a.c)"],
            "line 3 column 9",
            "no line makes it",
        ),
    ],
)
def test_a_line_that_is_wrong_is_refused_with_its_place(lines: list[str], where: str, message: str) -> None:
    with pytest.raises((FormatError, DanglingEdgeError)) as caught:
        read_listing("\n".join(lines))
    (problem,) = caught.value.problems
    assert problem.where == where
    assert message in problem.message


def test_deep_and_long_texts_are_refused_by_errors_of_our_own() -> None:
    for value in ("[" * 100_000, "1" * 100_000, '"' + "a" * 100_000, "{" * 50):
        with pytest.raises(BlueprintError):
            read_listing(f'blueprint(name="x")\na = f(b, c={value})')
