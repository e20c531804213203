"""Ops of torch that stand for themselves: names, attributes, and what the IR makes of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.errors import BadAttributeError, FormatError, UnknownOpError
from esper_graph.ir.blocks import definitions
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.check import check, default_limits
from esper_graph.ir.fold import fold
from esper_graph.ir.listing import listing
from esper_graph.ir.listing_reader import read_listing
from esper_graph.ir.passes import normal_fingerprint, optimize
from esper_graph.ir.prove import with_sizes
from esper_graph.ops import OPS
from esper_graph.ops.opdef import settle

CUMPROD: dict[str, Any] = {
    "tensors": ["self"],
    "arguments": {"dim": 1, "dtype": None},
    "input_shapes": [["batch", 4]],
    "input_dtypes": ["float32"],
    "output_shapes": [["batch", 4]],
    "output_dtypes": ["float32"],
}


def one_node(op_type: str = "aten.cumprod.default", **changes: Any) -> BlueprintIR:
    b = Builder("one", name="one")
    b.output(b.node(op_type, b.input([-1, 4]), id="call", **{**CUMPROD, **changes}))
    return b.finish()


@pytest.mark.parametrize("op_type", ["aten.cumprod.default", "aten.__and__.Tensor", "aten.div.Tensor_mode"])
def test_the_table_has_ops_of_torch_and_lists_none(op_type: str) -> None:
    assert op_type in OPS
    op = OPS.get(op_type)
    assert op is not None
    assert op is OPS[op_type]
    assert (op.op_type, op.commutative, op.effect, op.stateful) == (op_type, False, False, False)
    assert not [name for name in OPS if name.startswith("aten")]


def test_what_is_no_name_is_not_in_the_table() -> None:
    assert None not in OPS
    assert OPS.get(None) is None  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "op_type",
    [
        *("aten.cumprod", "aten.", "aten..default", "aten.cumprod.default.more", "aten.1st.default"),
        *("aten.a b.default", "aten.x.default\n", "aten.é.default", "aten.x().default", "prims.add.default"),
        f"aten.{'x' * 200}.default",
    ],
)
def test_other_names_are_refused(op_type: str) -> None:
    assert op_type not in OPS
    assert OPS.get(op_type) is None
    if op_type.isprintable() and len(op_type) < 128:
        b = Builder("one")
        b.output(b.input([-1, 4]))
        node = {"id": "call", "op_type": op_type, "attributes": CUMPROD}
        document = b.finish().to_dict()
        document["nodes"].append(node)
        with pytest.raises(UnknownOpError):
            BlueprintIR.from_json(json.dumps(document)).validate()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tensors": ["self", "self"], "input_shapes": [[1]] * 2}, "stands twice"),
        ({"tensors": ["self.1", "self.0"]}, "not in order"),
        ({"tensors": ["self.0", "dim", "self.1"]}, "stands twice"),
        ({"tensors": ["a b"]}, "should match pattern"),
        ({"tensors": []}, "one entry for each input"),
        ({"arguments": {"self": 1}}, "`self` is given twice"),
        ({"sizes": {"dim": "batch"}}, "`dim` is given twice"),
        ({"arguments": {"dim": [[1]]}}, "no number, truth value or word, nor a list"),
        ({"arguments": {"dim": {"a": 1}}}, "no number, truth value or word, nor a list"),
        ({"arguments": {"filename": "/etc/passwd"}}, "no number, truth value or word, nor a list"),
        ({"sizes": {"dim": True}}, "no whole number or expression, nor a list"),
        ({"sizes": {"dim": 1.0}}, "no whole number or expression, nor a list"),
        ({"sizes": {"dim": "__import__('os')"}}, "expression"),
        ({"output_dtypes": []}, "at least 1"),
        ({"output_dtypes": ["float32"] * 2}, "one entry for each result"),
        ({"output_shapes": [[0, 4]]}, "a size lies between"),
        ({"stochastic": 1}, "should be a valid boolean"),
        ({"anything": 1}, "has no attribute"),
    ],
)
def test_calls_that_are_not_well_formed_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadAttributeError, match=said):
        one_node(**changes)


def test_numbers_that_are_not_finite_have_no_place() -> None:
    with pytest.raises(FormatError, match="not a finite number"):
        one_node(arguments={"p": float("inf")})


def test_inputs_of_other_types_than_the_recorded_ones_are_a_problem() -> None:
    wrong = one_node(input_shapes=[["batch", 5]])
    assert [problem.message for problem in check(wrong)] == [
        "`call`: its call was recorded with float32[batch, 5] as `self`, and is given float32[batch, 4]"
    ]
    assert [problem.kind for problem in check(one_node(input_dtypes=["int64"]))] == ["shape_mismatch"]
    unknown = one_node(output_shapes=[["other", 4]], sizes={"size": ["another", 1]}, tensors=["self"])
    assert [problem.facts["symbol"] for problem in check(unknown)] == ["another", "other"]


def test_a_size_of_a_result_that_may_be_zero_is_assumed_to_be_positive() -> None:
    found = one_node(output_shapes=[["batch - 1", 4]]).inference.assumptions
    assert [(assumption.kind, str(assumption.size)) for _, assumption in found] == [("positive", "batch - 1")]
    assert not one_node().inference.assumptions


def test_its_work_is_not_known_and_said_to_be_so() -> None:
    blueprint = one_node()
    total = blueprint.cost({"batch": 3})
    assert total.uncounted == ("call",)
    assert (total.macs, total.elementwise, total.activation_bytes) == (0, 0, 2 * 3 * 4 * 4)
    assert [node.known for node in total.nodes] == [True, False, True]
    assert "0 FLOPs and those of 1 node that are not known" in listing(blueprint)
    with pytest.raises(UnknownOpError, match=r"the work of `call` is not known: `aten.cumprod.default`"):
        blueprint.node("call").estimate_flops()


def test_a_manifest_may_leave_ops_of_torch_out_or_name_them() -> None:
    def problems(*allowed: str) -> list[str]:
        rules = default_limits()
        narrowed = type(rules)(rules.max_nodes, rules.max_edges, rules.max_depth, allowed)
        return [problem.kind for problem in check(one_node(), limits=narrowed)]

    assert problems("linear") == ["unknown_op"]
    assert problems("linear", "aten.cumprod.default") == []


# ---------------------------------------------------------------- identity


def test_the_fingerprint_tells_every_part_of_a_call() -> None:
    variants = [
        one_node(),
        one_node("aten.cumprod.other"),
        one_node("aten.cumsum.default"),
        one_node(tensors=["input"]),
        one_node(tensors=["self.0"]),
        one_node(arguments={"dim": 0, "dtype": None}),
        one_node(arguments={"dim": 1}),
        one_node(arguments={"dim": 1.0, "dtype": None}),
        one_node(arguments={"dim": True, "dtype": None}),
        one_node(arguments={"dim": -0.0, "dtype": None}),
        one_node(arguments={"dim": 0.0, "dtype": None}),
        one_node(arguments={"dim": [1], "dtype": None}),
        one_node(arguments={"dim": "float32", "dtype": None}),
        one_node(arguments={"dim": 1}, sizes={"dtype": "batch"}),
        one_node(output_dtypes=["int64"]),
        one_node(output_shapes=[[4, "batch"]]),
        one_node(stochastic=True),
    ]
    assert len({variant.fingerprint for variant in variants}) == len(variants)


def test_the_order_of_inputs_counts_and_the_names_of_sizes_do_not() -> None:
    def two(first: str, second: str, size: str = "batch") -> BlueprintIR:
        b = Builder("two", name="two")
        x = b.input([size, 4], id="x")
        given = {"x": x, "y": b.neg(x, id="y")}
        call = {**CUMPROD, "tensors": ["self", "other"], "sizes": {"size": [f"{size}*2", 1]}}
        call |= {"input_shapes": [[size, 4]] * 2, "input_dtypes": ["float32"] * 2}
        call |= {"output_shapes": [[size, 4]]}
        b.output(b.node("aten.atan2.default", given[first], given[second], **call))
        return b.finish()

    assert two("x", "y").fingerprint != two("y", "x").fingerprint
    assert two("x", "y").fingerprint == two("x", "y", size="rows").fingerprint


def test_a_size_that_depends_on_nothing_is_a_plain_argument() -> None:
    assert one_node(arguments={}, sizes={"dim": "2*2", "to": [1, "8"]}).fingerprint == (
        one_node(arguments={"dim": 4, "to": [1, 8]}).fingerprint
    )
    assert (
        one_node(sizes={"size": "batch + batch"}).fingerprint
        == one_node(sizes={"size": "2*batch"}).fingerprint
    )


plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
words = st.from_regex(r"[A-Za-z0-9_]{0,12}", fullmatch=True)
names = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
calls = st.fixed_dictionaries(
    {
        "arguments": st.dictionaries(
            names.map("p_".__add__), plain | words | st.lists(plain | words, max_size=3)
        ),
        "sizes": st.dictionaries(
            names.map("s_".__add__),
            st.sampled_from(["batch", "batch*3 + 1", "(batch + 1)//2"])
            | st.lists(st.integers(-3, 9) | st.just("batch"), max_size=3),
        ),
        "stochastic": st.booleans(),
    }
)


@given(calls, st.from_regex(r"aten\.[a-z_]{1,9}\.[A-Za-z_]{1,9}", fullmatch=True))
def test_calls_come_back_from_json_and_from_the_listing(call: dict[str, Any], op_type: str) -> None:
    blueprint = one_node(op_type, **call)
    assert blueprint.validate()
    for again in (BlueprintIR.from_json(blueprint.to_json()), read_listing(listing(blueprint))):
        assert again.fingerprint == blueprint.fingerprint
        settled = [settle(OPS[node.op_type], node.attributes).text for node in again.nodes]
        assert settled == [settle(OPS[node.op_type], node.attributes).text for node in blueprint.nodes]


# ---------------------------------------------------------------- rewrites


def twice(*, stochastic: bool) -> BlueprintIR:
    b = Builder("twice", name="twice")
    x = b.input([-1, 4])
    calls = [b.node("aten.cumprod.default", x, **CUMPROD, stochastic=stochastic) for _ in range(2)]
    b.node("aten.cumprod.default", x, **CUMPROD, stochastic=stochastic, id="unused")
    b.output(b.add(*calls))
    return b.finish()


def test_passes_merge_equal_calls_unless_they_are_random_and_know_no_more_of_them() -> None:
    assert [node.op_type for node in optimize(twice(stochastic=False)).nodes] == [
        "input",
        "aten.cumprod.default",
        "add",
        "output",
    ]
    assert len(optimize(twice(stochastic=True)).graph.by_type["aten.cumprod.default"]) == 2
    b = Builder("zero", name="zero")
    b.output(b.multiply(b.node("aten.cumprod.default", b.input([-1, 4]), **CUMPROD), scalar=0.0))
    times_zero = b.finish()  # zero times infinity is not zero
    assert normal_fingerprint(times_zero).rpartition(":")[2] == times_zero.fingerprint.rpartition(":")[2]


def test_sizes_in_calls_follow_those_around_them() -> None:
    b = Builder("tower", name="tower")
    x = b.input(["rows", 4])
    call = {**CUMPROD, "input_shapes": [["rows", 4]], "output_shapes": [["rows", 4]]}
    for layer in range(2):
        x = b.node("aten.cumprod.default", x, id=f"layer.{layer}.cumprod", **call, sizes={"n": ["rows", 1]})
        x = b.activation(x, type="relu", id=f"layer.{layer}.relu")
    b.output(x)
    tower = b.finish()
    folded = fold(tower)
    assert folded.graph.by_type.keys() == {"input", "block", "output"}
    inner = next(iter(definitions(folded).values()))
    assert inner.nodes[1].attributes["sizes"] == {"n": ("batch", 1)} or "d0_0" in str(
        inner.nodes[1].attributes
    )
    assert folded.expanded.fingerprint == tower.fingerprint
    bound = with_sizes(tower, {"rows": 3})
    assert bound.validate()
    assert bound.nodes[1].attributes["sizes"] == {"n": (3, 1)}
    assert bound.nodes[1].attributes["output_shapes"] == ((3, 4),)
