"""What holds for every op of the table."""

from importlib import import_module

import pytest

from esper_graph.ops import MODULES, OPS
from esper_graph.ops.opdef import FAMILIES, OpDef

RESERVED = {
    *("uid", "node_id", "name", "op_type", "position", "origin", "hints", "precision", "shares"),
    *("input_shape", "output_shape", "requires_gpu", "json_attributes"),
}
"""Properties that every node has in the property graph; attributes stand beside them."""
SHIPPED = [op_type for op_types in MODULES.values() for op_type in op_types]


def attribute_names(op: OpDef) -> set[str]:
    """Names of the op's attributes, whatever form they take."""
    forms = set(getattr(op.attributes, "forms", {}).values()) | {op.attributes}
    return {name for form in forms for name in form.model_fields}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_defines_the_ops_that_the_table_says_it_does(module: str) -> None:
    defined = [op.op_type for op in import_module(f"esper_graph.ops.{module}").OPS]
    assert sorted(defined) == sorted(MODULES[module])


def test_no_op_is_defined_twice() -> None:
    assert len(set(SHIPPED)) == len(SHIPPED)
    assert len(OPS) >= len(SHIPPED)


@pytest.mark.parametrize("op_type", SHIPPED)
def test_an_op_says_what_it_is(op_type: str) -> None:
    op = OPS[op_type]
    assert op.op_type == op_type
    assert op.family in FAMILIES - {"Custom"}
    assert op.infer.__doc__
    assert op.attributes.__doc__


@pytest.mark.parametrize("op_type", SHIPPED)
def test_an_attribute_is_not_called_like_a_property_of_every_node(op_type: str) -> None:
    assert not attribute_names(OPS[op_type]) & RESERVED


@pytest.mark.parametrize("op_type", SHIPPED)
def test_ports_are_named_once_and_many_values_come_last(op_type: str) -> None:
    op = OPS[op_type]
    names = [name.rstrip("?*") for name in op.inputs]
    assert len(set(names)) == len(names)
    assert all(not name.endswith("*") for name in op.inputs[:-1])
    assert list(op.required) == sorted(op.required, reverse=True), "optional ports come after required ones"


@pytest.mark.parametrize("op_type", SHIPPED)
def test_expressions_are_attributes(op_type: str) -> None:
    assert set(OPS[op_type].expressions) <= attribute_names(OPS[op_type])


def test_flags_are_set_where_the_rulings_say_so() -> None:
    def flagged(flag: str) -> set[str]:
        return {op_type for op_type in SHIPPED if getattr(OPS[op_type], flag)}

    assert flagged("commutative") == {"add", "multiply", "maximum", "minimum"}
    assert flagged("effect") == {"telemetry", "gradient_norm", "moe_aux_loss"}
    assert {"dropout", "noise"} <= flagged("stochastic")
