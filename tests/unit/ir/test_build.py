import copy
from typing import Any

import pytest

from esper_graph.errors import BadAttributeError, DanglingEdgeError, FormatError, UnknownOpError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import NODE_FIELDS, Builder, attention, residual
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from esper_graph.ops import OPS

RESERVED = {"id", "op_type", *NODE_FIELDS}


def written_out(**metadata: Any) -> BlueprintIR:
    """A residual block, node by node and edge by edge."""
    features: Any = {"in_features": 8, "out_features": 8}
    relu: Any = {"type": "relu"}
    rows: Any = {"shape": [-1, 8]}
    return BlueprintIR(
        id="block",
        name="Block",
        nodes=[
            NodeSpec(id="input", op_type="input", attributes=rows),
            NodeSpec(id="linear", op_type="linear", attributes=features, precision="bf16"),
            NodeSpec(id="act", op_type="activation", attributes=relu),
            NodeSpec(id="linear_2", op_type="linear", attributes=features, shares="linear", precision="bf16"),
            NodeSpec(id="add", op_type="add"),
            NodeSpec(id="output", op_type="output"),
        ],
        edges=[
            EdgeSpec(id="e1", source="input", target="linear"),
            EdgeSpec(id="e2", source="linear", target="act"),
            EdgeSpec(id="e3", source="act", target="linear_2"),
            EdgeSpec(id="e4", source="linear_2", target="add"),
            EdgeSpec(id="e5", source="input", target="add", connection_type="residual"),
            EdgeSpec(id="e6", source="add", target="output"),
        ],
        **metadata,
    )


def test_a_built_blueprint_is_the_one_written_out() -> None:
    b = Builder("block", name="Block", tags=["small"], author="me")
    x = b.input([-1, 8])
    first = b.linear(x, in_features=8, out_features=8, precision="bf16")
    h = b.activation(first, type="relu", id="act")
    h = b.linear(h, in_features=8, out_features=8, shares=first, precision="bf16")
    b.output(b.add(h, residual(x)))
    built = b.finish()
    assert built.validate()
    expected = written_out(tags=["small"], author="me")
    assert built.replace(created_at=expected.created_at) == expected
    assert built.content_digest == expected.content_digest


def test_wires_by_name_feed_the_port_of_that_name() -> None:
    one = Builder()
    x, y = one.input([4, 5]), one.input([6, 4])
    one.output(one.matmul(b=x, a=y))
    other = Builder()
    x, y = other.input([4, 5]), other.input([6, 4])
    other.output(other.matmul(y, x))
    assert one.finish().validate()
    assert one.finish().fingerprint == other.finish().fingerprint


def test_none_leaves_an_optional_port_unfed() -> None:
    b = Builder()
    x = b.input([-1, 16, 64])
    settings = {"embed_dim": 64, "num_heads": 4}
    b.output(b.attention(x, attention(x), x, mask=None, **settings))
    b.output(b.attention(x, x, x, None, **settings))
    blueprint = b.finish()
    assert blueprint.validate()
    assert [edge.target_port for edge in blueprint.edges if edge.target == "attention"] == [
        "query",
        "key",
        "value",
    ]
    assert [edge.connection_type for edge in blueprint.edges][:3] == ["forward", "attention", "forward"]


def test_several_wires_feed_a_port_that_takes_any_number() -> None:
    b = Builder()
    x, y = b.input([-1, 4]), b.input([-1, 8])
    b.output(b.concat(x, y, dim=1))
    b.output(b.concat(inputs=[x, y], dim=1))
    blueprint = b.finish()
    assert blueprint.validate()
    ports = [(edge.source, edge.target_port) for edge in blueprint.edges if edge.target.startswith("concat")]
    assert ports == [("input", "inputs.0"), ("input_2", "inputs.1")] * 2


def test_output_ports_are_picked_by_name_number_or_unpacking() -> None:
    b = Builder()
    parts = b.split(b.input([-1, 12]), sizes=[4, 8], dim=1)
    small, large = parts
    assert (small, large) == (parts[0], parts[1]) == tuple(parts[port] for port in parts.ports)
    b.output(large)
    blueprint = b.finish()
    assert blueprint.validate()
    assert blueprint.edges[-1].source_port == parts.ports[1]
    with pytest.raises(DanglingEdgeError, match="no output port `2`"):
        parts[2]


def test_an_unknown_op_is_refused_with_close_names() -> None:
    with pytest.raises(UnknownOpError) as caught:
        _ = Builder().linaer
    assert caught.value.message == "`linaer` is not an op"
    assert caught.value.hint == "did you mean `linear`?"
    with pytest.raises(UnknownOpError):
        Builder().node("nothing_like_it")


def test_wrong_attributes_are_refused_at_the_call_all_at_once() -> None:
    b = Builder()
    x = b.input([-1, 8])
    with pytest.raises(BadAttributeError) as caught:
        b.linear(x, in_features=0, out_featuers=4)
    assert {problem.facts["attribute"] for problem in caught.value.problems} == {
        "in_features",
        "out_features",
        "out_featuers",
    }
    assert [node.id for node in b.finish().nodes] == ["input"], "a refused call leaves nothing behind"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b, x: b.add(x, data=x), "`add` (add) has no input port for `data`"),
        (lambda b, x: b.softmax(x, x), "`softmax` (softmax) has no input port for 2 values"),
        (lambda b, x: b.input(x), "`input_2` (input) has no input port for 1 values"),
        (lambda b, x: b.linear(x, 8), "`linear` (linear) has no input port for 2 values"),
        (lambda b, x: b.matmul(x, 0.5), "port `b` of `matmul` (matmul) is fed by 0.5, which is no wire"),
        (lambda b, x: b.matmul(x, b=[x, x]), "`matmul` (matmul) has no input port for `b`"),
        (
            lambda b, x: b.neg(Builder().input([1], id="foreign")),
            "port `input` of `neg` is fed by `foreign` of another builder",
        ),
        (
            lambda b, x: b.neg(b.telemetry(x, metric_name="mean")),
            "port `input` of `neg` is fed by `telemetry`, which gives no output",
        ),
    ],
)
def test_a_wire_that_leads_nowhere_is_refused(call: Any, message: str) -> None:
    b = Builder()
    x = b.input([4, 4])
    with pytest.raises(DanglingEdgeError) as caught:
        call(b, x)
    assert caught.value.message == message


def test_an_id_that_is_taken_is_refused_and_a_made_one_never_is() -> None:
    b = Builder()
    x = b.input([4], id="neg")
    assert b.neg(x).node_id == "neg_2"
    with pytest.raises(FormatError, match="two nodes are called `neg_2`"):
        b.neg(x, id="neg_2")
    with pytest.raises(FormatError):
        b.neg(x, id="no id")


def test_a_builder_can_be_copied_and_shown_in_a_notebook() -> None:
    b = Builder()
    b.input([4])
    assert [node.id for node in copy.copy(b).finish().nodes] == ["input"]
    assert not hasattr(b, "_repr_html_")
    assert "linear" in dir(b)


@pytest.mark.parametrize("op_type", sorted(OPS))
def test_keywords_of_an_op_mean_one_thing_only(op_type: str) -> None:
    op = OPS[op_type]
    forms = getattr(op.attributes, "forms", {}).values()
    attributes = {name for model in (op.attributes, *forms) for name in model.model_fields}
    ports = {*op.fixed, *([op.variadic] if op.variadic else [])}
    assert not attributes & RESERVED
    assert not ports & RESERVED
    assert not ports & attributes
    assert op_type in ("output", "block") or not hasattr(Builder, op_type), (
        "the op could not be called by its name"
    )
