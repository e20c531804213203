"""Ops as data: ports, settled attributes, ops of one's own."""

from math import copysign

import pytest

from esper_graph.errors import ConfigError
from esper_graph.ops import MODULES, OPS, OpTable
from esper_graph.ops.attributes import Attributes, NoAttributes, Number
from esper_graph.ops.opdef import Assumption, Inputs, OpDef, RuleError, inferred, settle
from esper_graph.ops.values import TensorType


class Scaled(Attributes):
    factor: Number = 1.0
    exact: bool = False


def scale(op_type: str = "scale", family: str = "Custom", *inputs: str) -> OpDef:
    return OpDef(op_type, family, Scaled, inputs or ("input",), lambda a, given, assumptions: (given[0],))


def test_equal_attributes_written_differently_are_one_text() -> None:
    op = scale()
    texts = {
        settle(op, attributes).text for attributes in ({}, {"factor": 1}, {"factor": 1.0, "exact": False})
    }
    assert texts == {'{"factor":1.0,"exact":false}'}


def test_values_that_compare_equal_but_differ_stay_apart() -> None:
    op = scale()
    assert settle(op, {"factor": 0.0}).text != settle(op, {"factor": -0.0}).text
    assert settle(op, {"exact": True}).text == '{"factor":1.0,"exact":true}'
    assert [problem.attribute for problem in settle(op, {"exact": 1}).problems] == ["exact"]
    assert [problem.attribute for problem in settle(op, {"factor": True}).problems] == ["factor"]


def test_two_ops_with_equal_attributes_are_settled_apart() -> None:
    one, other = scale(), OpDef("other", "Custom", NoAttributes, ("input",), lambda a, given, assumptions: ())
    assert settle(one, {}).text != settle(other, {}).text


def test_settling_again_gives_the_same_object() -> None:
    op = scale()
    assert settle(op, {"factor": 2}) is settle(op, {"factor": 2})


def test_a_kept_answer_is_that_of_the_rule_for_exactly_these_attributes_and_types() -> None:
    def infer(a: Scaled, given: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
        if given[0] is None:
            raise RuleError("nothing arrives")
        return (TensorType((*given[0].shape, int(copysign(1, a.factor)) + 2, int(a.exact))),)

    one = OpDef("one", "Custom", Scaled, ("input",), infer)
    other = OpDef("one", "Custom", Scaled, ("input",), lambda a, given, assumptions: ())
    shape, longer = TensorType((5,)), TensorType((5, 6))
    for _ in range(2):
        assert inferred(settle(one, {"factor": 0.0}), (shape,)) == ((TensorType((5, 3, 0)),), ())
        assert inferred(settle(one, {"factor": -0.0}), (shape,)) == ((TensorType((5, 1, 0)),), ())
        assert inferred(settle(one, {"exact": True}), (shape,)) == ((TensorType((5, 3, 1)),), ())
        assert inferred(settle(one, {"exact": True}), (longer,)) == ((TensorType((5, 6, 3, 1)),), ())
        assert inferred(settle(other, {"exact": True}), (shape,)) == ((), ())
        with pytest.raises(RuleError, match="nothing arrives"):
            inferred(settle(one, {}), (None,))


def test_every_problem_of_the_attributes_is_named() -> None:
    problems = settle(OPS["linear"], {"in_features": 0, "out_featurs": 3, "bias": "yes"}).problems
    assert {problem.attribute for problem in problems} == {
        "in_features",
        "out_features",
        "out_featurs",
        "bias",
    }
    unknown = next(problem for problem in problems if problem.attribute == "out_featurs")
    assert str(unknown.hint).startswith("did you mean `out_features`")


def test_a_value_outside_a_closed_list_is_answered_with_the_close_ones() -> None:
    (problem,) = settle(OPS["reduce"], {"operation": "meen"}).problems
    assert "'meen'" in problem.message
    assert problem.hint is not None
    assert "`mean`" in problem.hint


def test_a_number_that_is_not_finite_is_refused() -> None:
    assert settle(scale(), {"factor": float("nan")}).problems
    assert settle(scale(), {"factor": float("inf")}).problems


def test_ports_have_names_and_numbers() -> None:
    op = scale("combine", "Custom", "weights", "mask?", "inputs*")
    assert [op.port_name(slot) for slot in range(4)] == ["weights", "mask", "inputs.0", "inputs.1"]
    assert [op.port_slot(port) for port in ("weights", "mask", "inputs.0", "inputs.12", 0, 5)] == [
        0,
        1,
        2,
        14,
        0,
        5,
    ]
    wrong = ("input", "inputs", "inputs.", "inputs.x", "inputs.01", "inputs.-1", "weights.0", -1, "inputs.²")
    assert [op.port_slot(port) for port in wrong] == [None] * len(wrong)
    assert op.required == (True, False)


def test_an_op_without_many_values_has_only_its_ports() -> None:
    op = scale()
    assert (op.port_name(0), op.port_name(1)) == ("input", None)
    assert (op.port_slot(0), op.port_slot(1), op.port_slot("input")) == (0, None, 0)


def test_a_family_must_be_one_of_the_labels() -> None:
    with pytest.raises(ValueError, match="`Own` is not a family"):
        scale("scale", "Own")


def test_a_registered_op_is_in_the_table() -> None:
    table = OpTable(MODULES)
    before = len(table)
    op = scale("scale_by")
    table.register(op)
    assert table["scale_by"] is op
    assert "scale_by" in table
    assert len(table) == before + 1
    outputs = op.infer(settle(op, {}).values, [TensorType((2,))], [])
    assert outputs == (TensorType((2,)),)


@pytest.mark.parametrize("taken", ["linear", "scale_by"])
def test_a_name_is_registered_once(taken: str) -> None:
    table = OpTable(MODULES)
    table.register(scale("scale_by"))
    with pytest.raises(ConfigError, match="exists already"):
        table.register(scale(taken))


@pytest.mark.parametrize("name", ["Scale", "scale-by", "2scale", "", "scale by"])
def test_a_name_is_lower_snake(name: str) -> None:
    with pytest.raises(ConfigError, match="is not an op type"):
        OpTable(MODULES).register(scale(name))


def test_an_unknown_op_is_not_there() -> None:
    assert "linaer" not in OPS
    assert OPS.get("linaer") is None
    with pytest.raises(KeyError):
        OPS["linaer"]
