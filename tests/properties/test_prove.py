"""Proofs and refutations of shapes, against inference with numbers in the place of all symbols."""

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.bounds import Range
from esper_graph.ir.prove import Proof, Proved, Refuted, prove_shapes
from esper_graph.ops.dims import evaluate
from esper_graph.ops.values import TensorType
from tests.random_blueprints import blueprints
from tests.sized_blueprints import sized_blueprints


def numbered(blueprint: BlueprintIR, sizes: Mapping[str, int]) -> BlueprintIR:
    """The same document with numbers where sizes were written; its expressions are read by Python."""

    def number(entry: Any) -> Any:
        return eval(entry, {"__builtins__": {}}, dict(sizes)) if isinstance(entry, str) else entry

    document = blueprint.to_dict()
    for node, op, values in zip(document["nodes"], blueprint.graph.ops, blueprint.graph.values, strict=True):
        assert op is not None
        if node["op_type"] == "input":
            node["attributes"]["shape"] = [number(size) for size in values.shape]
        for name in set(op.expressions) & set(node["attributes"]):
            node["attributes"][name] = [number(size) for size in node["attributes"][name]]
    return BlueprintIR.from_dict(document)


def types(blueprint: BlueprintIR, sizes: Mapping[str, int]) -> list[Any]:
    """The types that inference with symbols says there are with these sizes."""
    found: list[Any] = []
    for outputs in blueprint.inference.outputs:
        assert outputs is not None
        for value in outputs:
            assert isinstance(value, TensorType)
            found.append(TensorType(tuple(evaluate(size, sizes) for size in value.shape), value.dtype))
    return found


def check_proof(blueprint: BlueprintIR, proof: Proof, data: st.DataObject) -> None:
    event(proof.verdict)
    if isinstance(proof, Proved):
        for _ in range(3):
            sizes = {
                name: data.draw(st.integers(low, low + 40 if high is None else high), label=name)
                for name, (low, high) in proof.ranges.items()
            }
            concrete = numbered(blueprint, sizes)
            assert concrete.problems == ()
            assert types(concrete, {}) == types(blueprint, sizes)
    elif isinstance(proof, Refuted):
        for name, (low, high) in proof.ranges.items():
            assert low <= proof.binding[name]
            assert high is None or proof.binding[name] <= high
        assert numbered(blueprint, proof.binding).problems
        if proof.holds_from is not None:
            raised: dict[str, Range] = {
                name: (proof.holds_from.get(name, low), high) for name, (low, high) in proof.ranges.items()
            }
            assert isinstance(prove_shapes(blueprint, raised), Proved)


@st.composite
def some_ranges(draw: st.DrawFn, blueprint: BlueprintIR) -> dict[str, Range]:
    found: dict[str, Range] = {}
    for name in prove_shapes(blueprint).ranges:
        if draw(st.booleans()):
            low = draw(st.integers(1, 30))
            span = draw(st.none() | st.integers(0, 30))
            found[name] = (low, None if span is None else low + span)
    return found


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(sized_blueprints(), st.data())
def test_what_is_proved_holds_and_what_is_refuted_fails(blueprint: BlueprintIR, data: st.DataObject) -> None:
    check_proof(blueprint, prove_shapes(blueprint), data)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(sized_blueprints(), st.data())
def test_the_same_within_ranges(blueprint: BlueprintIR, data: st.DataObject) -> None:
    ranges = data.draw(some_ranges(blueprint))
    check_proof(blueprint, prove_shapes(blueprint, ranges), data)


@st.composite
def mutated(draw: st.DrawFn) -> BlueprintIR:
    """An arbitrary blueprint with some whole number of its attributes, or a size of an input, changed."""
    blueprint = draw(blueprints(most=6))
    document = blueprint.to_dict()
    node = draw(st.sampled_from(document["nodes"]))
    if node["op_type"] == "input":
        node["attributes"]["shape"][draw(st.integers(0, 1))] = draw(st.sampled_from([-1, 3, 4, "n", "2*n"]))
    whole = sorted(name for name, value in node["attributes"].items() if type(value) is int)
    if whole and node["op_type"] not in ("input", "output"):
        name = draw(st.sampled_from(whole))
        node["attributes"][name] = draw(st.integers(1, 5))
    return BlueprintIR.from_dict(document)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(
    mutated().filter(lambda one: {problem.kind for problem in one.problems} <= {"shape_mismatch"}), st.data()
)
def test_the_same_of_arbitrary_blueprints_with_a_mutation(
    blueprint: BlueprintIR, data: st.DataObject
) -> None:
    check_proof(blueprint, prove_shapes(blueprint), data)
