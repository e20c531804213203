"""Each attribute of each op counts in the fingerprint, and nothing that means the same does."""

import json
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

import pytest

from esper_graph.errors import BlueprintError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.schema import attributes_schema
from esper_graph.ir.specs import thaw
from esper_graph.ops import MODULES, OPS
from esper_graph.ops.opdef import attribute_names
from tests.compile.cases import all_cases, experts, single

SHIPPED = [op_type for op_types in MODULES.values() for op_type in op_types]


def more_cases() -> list[tuple[str, BlueprintIR]]:
    """Settings that the kernels' cases lack."""
    image, signal = [-1, 4, -1, -1], [-1, 4, -1]
    widened = {"in_channels": 4, "out_channels": 4, "kernel_size": 5, "padding": 2}
    return [
        ("conv1d", single("conv1d", widened, signal)),
        ("conv2d", single("conv2d", widened, image)),
        ("conv_transpose2d", single("conv_transpose2d", {**widened, "stride": 3}, image)),
        ("clamp", single("clamp", {"min": 0.0, "max": 6.0}, [-1, 4])),
        ("pad", single("pad", {"padding": [2, 2]}, [-1, 4, 8])),
        ("slice", single("slice", {"dim": 1, "start": 2, "end": 7, "step": 2}, [-1, 9])),
        ("flatten", single("flatten", {"start_dim": 1, "end_dim": 2}, [-1, 2, 3, 4])),
        ("softmax", single("softmax", {"dim": 0}, [-1, 4])),
        ("stack", single("stack", {"dim": 0}, [-1, 4], ["batch", 4])),
        ("concat", single("concat", {"dim": 0}, [4, 4], [4, 4])),
        ("gather", single("gather", {"dim": 0}, [4, 4], ([4, 4], "int64"))),
        ("transpose", single("transpose", {"dim0": 0, "dim1": 1}, [2, 2, 2])),
        ("einsum", single("einsum", {"equation": "ab,bc->ac"}, [4, 4], [4, 4])),
        ("input", single("identity", {}, ([-1, 4], "float32"))),
        ("output", two_results()),
        ("gradient_norm", watched("gradient_norm")),
        ("telemetry", watched("telemetry", metric_name="loss", log_frequency=5)),
        ("split", single("split", {"chunks": 2, "dim": 1}, [4, 4, 4], ports=2)),
        ("split", single("split", {"sizes": [1, 3], "dim": 1}, [4, 4, 4], ports=2)),
        ("interpolate", single("interpolate", {"size": [4, 4], "mode": "bilinear"}, image)),
        ("parameter", learned()),
        ("permute", single("permute", {"dims": [0, 2, 1]}, [2, 2, 2])),
        ("matmul", single("matmul", {}, [4, 4], [4, 4])),
        ("constant", constant_alone()),
        ("topk_gating", balanced()),
    ]


def two_results() -> BlueprintIR:
    b = Builder("two")
    x = b.input([-1, 4])
    b.output(b.sin(x), index=0)
    b.output(x, index=1)
    return b.finish()


def learned() -> BlueprintIR:
    b = Builder("learned")
    b.output(b.add(b.input([4, 4]), b.parameter([4, 1], std=0.5)))
    return b.finish()


def constant_alone() -> BlueprintIR:
    b = Builder("constant")
    b.output(b.constant(value=0.5, shape=[2, 3]))
    return b.finish()


def balanced() -> BlueprintIR:
    b = Builder("balanced")
    x = b.input([-1, 4])
    b.moe_aux_loss(b.topk_gating(x, k=2))
    b.output(x)
    return b.finish()


def watched(op_type: str, **settings: Any) -> BlueprintIR:
    b = Builder("watched")
    x = b.linear(b.input([-1, 4]), in_features=4, out_features=4)
    b.node(op_type, x, **settings)
    b.output(x)
    return b.finish()


CASES = [*all_cases(), *more_cases()]


def suggested(schema: Any) -> Iterator[Any]:
    """List the values that a schema names."""
    if isinstance(schema, Mapping):
        yield from schema.get("enum", ())
        yield from [schema[key] for key in ("const", "default") if key in schema]
        for value in schema.values():
            yield from suggested(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from suggested(value)


def others(value: Any) -> Iterator[Any]:
    """List values near another one."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, 2 * value, value // 2, value + 2, -value)
    elif isinstance(value, float):
        yield from (value / 2, value * 2, value + 0.25, value - 0.25, 1.0 - value)
    elif isinstance(value, str):
        yield from (f"{value}x", f"2*({value})", "ij->ji", "ab,bc->ca", "bij,jk,k->bi")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from ([*value[:place], one, *value[place + 1 :]] for one in others(item))
        if len(value) in (2, 3):
            yield from map(list, permutations(value))
    else:
        yield from (1, 2, 3, 4, 0.5, True, False, [0], [1], [2, 2], -1)


def with_attribute(blueprint: BlueprintIR, place: int, name: str, value: Any) -> Iterator[BlueprintIR]:
    """The blueprint with one attribute set, alone and together with the same number in an input's shape."""
    before = thaw(getattr(blueprint.graph.values[place], name))
    document = blueprint.to_dict()
    document["nodes"][place]["attributes"][name] = value
    for resize in (False, True):
        if resize:
            numbers = dict(
                zip(*[one if isinstance(one, list) else [one] for one in (before, value)], strict=False)
            )
            for node in document["nodes"]:
                if node["op_type"] == "input" and node is not document["nodes"][place]:
                    shape = node["attributes"]["shape"]
                    node["attributes"]["shape"] = [numbers.get(size, size) for size in shape]
        try:
            changed = BlueprintIR.from_dict(document)
        except BlueprintError:
            continue
        if not changed.problems:
            yield changed


def alternatives(blueprint: BlueprintIR, op_type: str, name: str) -> Iterator[tuple[BlueprintIR, int]]:
    """Valid blueprints that differ in one attribute of the first node of an op type that has it."""
    known = suggested(attributes_schema(OPS[op_type]))
    for place in blueprint.graph.by_type.get(op_type, ()):
        values = blueprint.graph.values[place]
        if name not in type(values).model_fields:
            continue
        for value in [*others(thaw(getattr(values, name))), *known]:
            for changed in with_attribute(blueprint, place, name, value):
                yield changed, place
        return


BY_TYPE: dict[str, list[BlueprintIR]] = {}
for _op_type, _blueprint in CASES:
    BY_TYPE.setdefault(_op_type, []).append(_blueprint)
EVERY = [(op_type, name) for op_type in SHIPPED for name in attribute_names(OPS[op_type])]
FOLLOWING = {
    *(("block", "blueprint"), ("block", "bindings"), ("block", "outputs")),  # the definition
    *(
        ("weighted_sum", "num_inputs"),
        ("moe_combine", "num_experts"),
        ("moe_combine", "top_k"),
    ),  # what arrives
    *(("input", "index"), ("output", "index")),  # all the others, see below
    ("input", "shape"),  # names of symbols do not count: see `test_fingerprint`
}
"""What cannot take another value by itself, and why."""


@pytest.mark.parametrize(("op_type", "name"), [one for one in EVERY if one not in FOLLOWING])
def test_another_value_of_an_attribute_is_another_fingerprint(op_type: str, name: str) -> None:
    differing = 0
    for blueprint in BY_TYPE[op_type]:
        for changed, place in alternatives(blueprint, op_type, name):
            same = repr(changed.graph.values[place]) == repr(blueprint.graph.values[place])
            resized = [node for node in changed.nodes if node.op_type == "input"] != [
                node for node in blueprint.nodes if node.op_type == "input"
            ]
            assert (changed.fingerprint == blueprint.fingerprint) == (same and not resized)
            differing += not same
    assert differing, f"no case of {op_type} takes another {name}"


def test_every_op_has_a_case() -> None:
    assert set(SHIPPED) - {"block", "constant", "moe_combine", "moe_aux_loss"} <= {*BY_TYPE, "topk_gating"}


for _name in ("moe_combine", "moe_aux_loss"):
    BY_TYPE.setdefault(_name, BY_TYPE["topk_gating"])


@pytest.mark.parametrize(("op_type", "blueprint"), CASES, ids=[f"{a}-{i}" for i, (a, _) in enumerate(CASES)])
def test_every_default_may_be_written_or_left_out(op_type: str, blueprint: BlueprintIR) -> None:
    document = blueprint.to_dict()
    for node, settled in zip(document["nodes"], blueprint.graph.settled, strict=True):
        assert settled is not None
        node["attributes"] = thaw(settled.values.model_dump())
    assert BlueprintIR.from_dict(document).fingerprint == blueprint.fingerprint
    for node, settled in zip(document["nodes"], blueprint.graph.settled, strict=True):
        assert settled is not None
        fields = type(settled.values).model_fields
        node["attributes"] = {
            name: value
            for name, value in node["attributes"].items()
            if fields[name].is_required() or name == "index" or value != thaw(fields[name].get_default())
        }
    assert BlueprintIR.from_dict(document).fingerprint == blueprint.fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("0.1", "0.10", id="trailing zero"),
        pytest.param("0.1", "1e-1", id="exponent"),
        pytest.param("1", "1.0", id="whole"),
        pytest.param("1", "1E0", id="whole with an exponent"),
    ],
)
def test_one_number_written_twice_is_one_fingerprint(one: str, other: str) -> None:
    text = single("add", {"scalar": 77.5}, [-1, 4]).to_json()
    first, second = (BlueprintIR.from_json(text.replace("77.5", number)) for number in (one, other))
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("op_type", "attributes", "name"),
    [
        ("add", {}, "scalar"),
        ("multiply", {}, "scalar"),
        ("clamp", {"max": 1.0}, "min"),
        ("pad", {"padding": [1, 1]}, "value"),
        ("activation", {"type": "threshold", "threshold": 1.0}, "value"),
        ("activation", {"type": "leaky_relu"}, "negative_slope"),
    ],
)
def test_zero_below_zero_is_another_number(op_type: str, attributes: dict[str, Any], name: str) -> None:
    below, above = (single(op_type, {**attributes, name: zero}, [-1, 4]) for zero in (-0.0, 0.0))
    assert below.fingerprint != above.fingerprint


def test_elements_of_a_constant_count_by_their_bits() -> None:
    def constant(value: Any) -> str:
        b = Builder("c")
        b.output(b.add(b.input([-1, 2]), b.constant(value=value)))
        return b.finish().fingerprint

    assert len({constant(value) for value in ([0.0, 1], [-0.0, 1], [1, 0.0], [0.0, 1.0000000000000002])}) == 4
    assert constant([1, 1.0]) == constant([1.0, 1])


SWAPPED = [
    op_type
    for op_type in SHIPPED
    if len(OPS[op_type].fixed) + (2 if OPS[op_type].variadic else 0) >= 2 and op_type != "block"
]
PAIRS: Mapping[str, tuple[dict[str, Any], list[Any]]] = {
    "einsum": ({"equation": "ab,bc->ac"}, [[4, 4], [4, 4]]),
    "attention": ({"embed_dim": 4, "num_heads": 2}, [[-1, -1, 4], ["batch", "d0_1", 4]]),
    "dot_product_attention": ({}, [[4, 4]] * 3),
    "weighted_sum": ({"num_inputs": 2}, [[-1, 2], ["batch", 2], ["batch", 2]]),
    "gather": ({}, [([4, 4], "int64"), ([4, 4], "int64")]),
    "where": ({}, [([4], "bool")] * 3),
    "compare": ({"operation": "lt"}, [[4], [4]]),
}


@pytest.mark.parametrize("op_type", [one for one in SWAPPED if one != "moe_combine"])
def test_exchanging_two_inputs_counts_unless_the_op_is_commutative(op_type: str) -> None:
    attributes, inputs = PAIRS.get(op_type, ({}, [[4, 4], [4, 4]]))
    blueprint = single(op_type, attributes, *inputs)
    assert blueprint.problems == ()
    for one in range(len(inputs)):
        for other in range(one):
            edges = list(blueprint.edges)
            first, second = edges[one], edges[other]
            edges[one] = first.replace(target_port=second.target_port)
            edges[other] = second.replace(target_port=first.target_port)
            swapped = blueprint.replace(edges=edges)
            assert swapped.problems == ()
            assert (swapped.fingerprint == blueprint.fingerprint) == OPS[op_type].commutative


def test_experts_of_a_mixture_are_in_order() -> None:
    blueprint = experts(2, None)

    def without_bias(name: str) -> BlueprintIR:
        nodes = [
            node.replace(attributes={**node.attributes, "bias": False}) if node.id == name else node
            for node in blueprint.nodes
        ]
        return blueprint.replace(nodes=nodes)

    first, second = without_bias("linear"), without_bias("linear_2")
    assert first.problems == second.problems == ()
    assert len({first.fingerprint, second.fingerprint, blueprint.fingerprint}) == 3


@pytest.mark.parametrize("op_type", ["input", "output"])
def test_the_order_of_inputs_and_of_outputs_counts(op_type: str) -> None:
    b = Builder("two")
    x, y = b.input([-1, 4]), b.input(["batch", 4])
    b.output(b.sin(x))
    b.output(b.cos(y))
    blueprint = b.finish()
    document = blueprint.to_dict()
    for node in document["nodes"]:
        if node["op_type"] == op_type:
            node["attributes"]["index"] = 1 - node["attributes"]["index"]
            if op_type == "input":
                node["attributes"]["shape"] = ["batch", 4]
    swapped = BlueprintIR.from_dict(document)
    assert swapped.problems == ()
    assert swapped.fingerprint != blueprint.fingerprint


def test_output_ports_count() -> None:
    def chosen(port: int) -> str:
        b = Builder("s")
        b.output(b.split(b.input([-1, 4]), chunks=2)[port])
        return b.finish().fingerprint

    assert chosen(0) != chosen(1)


def test_the_text_of_a_document_does_not_count() -> None:
    blueprint = CASES[0][1]
    document = blueprint.to_dict()
    shuffled = {key: document[key] for key in reversed(document)}
    shuffled["nodes"] = [{key: node[key] for key in reversed(node)} for node in document["nodes"]]
    assert BlueprintIR.from_json(json.dumps(shuffled, indent=7)).fingerprint == blueprint.fingerprint


@pytest.mark.parametrize("place", range(3))
def test_the_precision_of_every_node_counts_inputs_and_outputs_too(place: int) -> None:
    blueprint = single("sin", {}, [-1, 4])
    nodes = list(blueprint.nodes)
    nodes[place] = nodes[place].replace(precision="bf16")
    assert blueprint.replace(nodes=nodes).fingerprint != blueprint.fingerprint
