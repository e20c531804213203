"""What is proved of shapes, by which rule, and what counter-examples say."""

import json
from pathlib import Path

import pytest

from esper_graph.errors import DanglingEdgeError, FormatError, ShapeMismatchError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, Wire
from esper_graph.ir.prove import Proved, Refuted, Undecided, prove_shapes, with_sizes
from esper_graph.ops import OPS
from esper_graph.ops.opdef import Assumption, Attributes, Inputs, OpDef
from esper_graph.ops.values import TensorType
from esper_graph.templates import (
    create_attention_head,
    create_conditional_computation,
    create_dynamic_routing,
    create_expert_network,
    create_gradient_analyzer,
    create_mobilenet_block,
    create_moe_layer,
    create_probe_layer,
    create_squeezenet_fire,
    create_transformer_block,
)
from tests.compile.cases import SINGLE, single

EXAMPLES = Path(__file__).parents[3] / "examples"
TEMPLATES = [
    create_transformer_block(),
    create_attention_head(),
    create_mobilenet_block(32, 64, 2),
    create_squeezenet_fire(),
    create_moe_layer(64, 64),
    create_expert_network(64, 64),
    create_dynamic_routing(64),
    create_conditional_computation(64),
    create_probe_layer(),
    create_gradient_analyzer(),
]


def image_of(shape: list[int | str]) -> tuple[Builder, Wire]:
    b = Builder("image", name="image")
    return b, b.input(shape)


def finished(b: Builder, *wires: Wire) -> BlueprintIR:
    for wire in wires:
        b.output(wire)
    return b.finish()


@pytest.mark.parametrize("blueprint", TEMPLATES, ids=lambda one: one.id)
def test_every_template_is_proved_for_all_sizes(blueprint: BlueprintIR) -> None:
    proof = prove_shapes(blueprint)
    assert isinstance(proof, Proved)
    assert all(low == 1 and high is None for low, high in proof.ranges.values())
    assert all(one.rule for one in proof.obligations)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_is_proved_for_all_sizes(path: Path) -> None:
    assert isinstance(prove_shapes(BlueprintIR.from_json(path.read_bytes())), Proved)


@pytest.mark.parametrize(
    ("op_type", "number"), [(op_type, number) for op_type in SINGLE for number in range(len(SINGLE[op_type]))]
)
def test_every_op_is_proved_or_refuted_and_never_left_open(op_type: str, number: int) -> None:
    attributes, *inputs = SINGLE[op_type][number]
    proof = prove_shapes(single(op_type, attributes, *inputs))
    assert isinstance(proof, Proved | Refuted)
    if isinstance(proof, Refuted):
        if any(one.kind == "divisible" for one in proof.obligations):
            return
        assert proof.holds_from
        raised = {name: (low, None) for name, low in proof.holds_from.items()}
        assert isinstance(prove_shapes(single(op_type, attributes, *inputs), raised), Proved)


def test_equal_sizes_are_obligations_by_canonical_form() -> None:
    b, x = image_of([-1, "n"])
    other = b.input(["batch", "n"])
    proof = prove_shapes(finished(b, b.add(b.concat(x, other), b.concat(other, x))))
    assert isinstance(proof, Proved)
    assert [str(one) for one in proof.obligations if one.node == "add"] == [
        "add: batch = batch  by canonical form",
        "add: 2*n = 2*n  by canonical form",
    ]


def test_an_image_too_small_for_its_convolution_refutes_with_node_sizes_and_the_least_that_fits() -> None:
    b, x = image_of([-1, 3, "height", "width"])
    x = b.conv2d(x, in_channels=3, out_channels=8, kernel_size=[5, 3], stride=2, id="conv")
    x = b.pooling(x, type="max_pool2d", kernel_size=3, id="pool")
    blueprint = finished(b, x)
    proof = prove_shapes(blueprint)
    assert isinstance(proof, Refuted)
    assert proof.binding == {"batch": 1, "height": 1, "width": 1}
    assert proof.problem.facts["node"] == "conv"
    assert "an axis of 1 under a window that covers 5" in proof.problem.message
    assert proof.holds_from == {"height": 9, "width": 7}
    below = prove_shapes(blueprint, {"height": (8, 8), "width": (7, None)})
    assert isinstance(below, Refuted)
    assert below.problem.facts["node"] == "pool"
    assert isinstance(prove_shapes(blueprint, {"height": (9, None), "width": (7, 500)}), Proved)


def test_a_size_that_must_be_divided_is_refuted_by_one_that_leaves_a_rest() -> None:
    b, x = image_of([-1, "n"])
    blueprint = finished(b, b.unflatten(x, sizes=[-1, 4]))
    proof = prove_shapes(blueprint)
    assert isinstance(proof, Refuted)
    assert proof.binding["n"] % 4
    assert proof.holds_from is None
    assert isinstance(prove_shapes(blueprint, {"n": (8, 8)}), Proved)
    b, x = image_of([-1, "6*n + 6"])
    assert isinstance(prove_shapes(finished(b, b.unflatten(x, sizes=[-1, 3]))), Proved)
    b, x = image_of([-1, "n", "n + 1"])
    halves = b.unflatten(b.flatten(x), sizes=[-1, 2])
    proof = prove_shapes(finished(b, halves))
    assert isinstance(proof, Proved)  # of two neighbours one is even
    assert [one.rule for one in proof.obligations if one.kind == "divisible"] == ["residues"]


def test_sizes_that_inference_refuses_are_refuted_with_both_shapes() -> None:
    b, x = image_of([-1, "n"])
    other = b.input(["batch", "m"])
    blueprint = finished(b, b.add(x, other, id="sum"))
    assert blueprint.problems
    proof = prove_shapes(blueprint)
    assert isinstance(proof, Refuted)
    assert proof.binding["n"] != proof.binding["m"]
    left, right = str(proof.problem.facts["left"]), str(proof.problem.facts["right"])
    assert left == f"[1, {proof.binding['n']}]"
    assert right == f"[1, {proof.binding['m']}]"
    assert isinstance(prove_shapes(blueprint, {"n": (4, 4), "m": (4, 4)}), Proved)


def test_what_inference_refuses_but_always_holds_is_undecided_and_not_called_wrong() -> None:
    b, x = image_of([-1, "n"])
    both_halves = b.concat(b.slice(x, step=2), b.slice(x, start=1, step=2))  # (n + 1)//2 + n//2
    proof = prove_shapes(finished(b, b.add(both_halves, x)), {"n": (2, None)})
    assert isinstance(proof, Undecided)
    assert proof.tried > 50
    assert [one.node for one in proof.open] == ["add"]


def test_a_negative_size_written_in_an_attribute_is_found() -> None:
    b, x = image_of(["n*n - 2*n*m + m*m", "n", "m"])
    blueprint = finished(b, b.reshape(x, shape=["n - m", "n - m", "n", "m"]))
    proof = prove_shapes(blueprint)
    assert isinstance(proof, Refuted)
    assert proof.problem.facts["node"] == "reshape"


def test_input_axes_narrow_the_sizes_of_their_symbols() -> None:
    b, x = image_of([-1, "n - 5", "12 - m"])
    proof = prove_shapes(finished(b, x))
    assert isinstance(proof, Proved)
    assert proof.ranges == {"batch": (1, None), "n": (6, None), "m": (1, 11)}


def test_a_polynomial_that_no_rule_decides_is_undecided() -> None:
    b, x = image_of([-1, "n*n + m*m - 2*n*m + 1", "n"])  # (n - m)**2 + 1
    proof = prove_shapes(finished(b, x))
    assert isinstance(proof, Undecided)
    assert [str(one) for one in proof.open] == ["input: m*m - 2*m*n + n*n + 1 >= 1"]
    assert proof.tried > 100


class Own(Attributes):
    """No settings."""


def test_the_rule_of_an_added_op_is_tried_and_never_part_of_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def infer(a: Own, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
        size = inputs[0].shape[1]
        return (TensorType((*inputs[0].shape, 9 - size if size == 7 else 1)),)

    own = OpDef("own_prove", "Custom", Own, ("input",), infer)
    monkeypatch.setitem(OPS._loaded, "own_prove", own)
    b, x = image_of([-1, "n"])
    blueprint = finished(b, b.node("own_prove", x))
    proof = prove_shapes(blueprint)
    assert isinstance(proof, Undecided)
    assert [one.kind for one in proof.open] == ["rule"]
    assert isinstance(prove_shapes(blueprint, {"n": (2, 2), "batch": (1, 1)}), Proved)


def test_blocks_are_proved_as_they_are_written_out() -> None:
    inner, x = image_of([-1, 3, "side", "side"])
    definition = finished(inner, inner.conv2d(x, in_channels=3, out_channels=3, kernel_size=3))
    b = Builder("outer", name="outer", blocks={definition.fingerprint: definition})
    x = b.input([-1, 3, "h", "h"])
    use = {"blueprint": definition.fingerprint, "bindings": ["batch", "h"]}
    x = b.node("block", x, id="one", **use)
    b.output(b.node("block", x, id="two", blueprint=definition.fingerprint, bindings=["batch", "h - 2"]))
    proof = prove_shapes(b.finish())
    assert isinstance(proof, Refuted)
    assert proof.holds_from == {"h": 5}
    assert {one.node for one in proof.obligations} == {"one.conv2d", "two.conv2d"}


def test_ranges_of_unknown_symbols_or_without_sizes_are_refused() -> None:
    b, x = image_of([-1, "height"])
    blueprint = finished(b, x)
    with pytest.raises(FormatError, match="no symbol `heigth`") as caught:
        prove_shapes(blueprint, {"heigth": (1, None)})
    assert caught.value.hint == "did you mean `height`?"
    with pytest.raises(FormatError, match="holds no size: 5 to 4"):
        prove_shapes(blueprint, {"height": (5, 4)})
    with pytest.raises(FormatError, match="holds no size: 0 to 4"):
        prove_shapes(blueprint, {"height": (0, 4)})


def test_what_has_no_shapes_is_not_proved() -> None:
    b, x = image_of([-1, 4])
    with pytest.raises(DanglingEdgeError):
        prove_shapes(b.finish())
    b.output(b.expand(x, shape=["n", -1, -1]))
    with pytest.raises(ShapeMismatchError, match="which no input defines"):
        prove_shapes(b.finish())


def test_sizes_are_put_everywhere_they_are_written() -> None:
    b, x = image_of(["n", "2*m"])
    other = b.constant(1.0, shape=["n", 1])
    b.output(b.reshape(b.add(x, other), shape=["2*n", "m"]))
    document = b.finish().to_dict()
    document["nodes"][2]["output_shape"] = ["n", "2*m"]
    document["edges"][0]["tensor_shape"] = ["n", -1]
    bound = with_sizes(BlueprintIR.from_dict(document), {"n": 3, "m": 2})
    assert bound.problems == ()
    text = json.dumps(bound.to_dict())
    assert '"n"' not in text
    assert '"m"' not in text
    partly = with_sizes(BlueprintIR.from_dict(document), {"n": 3})
    assert partly.problems == ()
    assert partly.nodes[0].attributes["shape"] == (3, "2*m")
