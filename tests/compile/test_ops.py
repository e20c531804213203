"""Every op: kernel against interpreter, and both against what the IR says."""

import pytest

from esper_graph.compile import (
    LOWERINGS,
    CompileJob,
    blueprint_to_module,
    compile_blueprint,
    load_kernel,
    validate_kernel,
)
from esper_graph.compile.interpreter.run import evaluators
from esper_graph.compile.job import Mode
from esper_graph.compile.sample import bindings, sample
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ops import MODULES, OPS
from esper_graph.ops.dims import evaluate
from esper_graph.ops.values import TensorType
from tests.compile.cases import all_cases

MODES: tuple[Mode, ...] = ("train", "infer")
CASES = all_cases()
SHIPPED = {op_type for op_types in MODULES.values() for op_type in op_types}


def test_every_op_has_a_lowering_and_an_evaluator() -> None:
    assert set(OPS) >= SHIPPED
    computed = SHIPPED - {"block"}  # written out before anything is computed
    assert {op for op in LOWERINGS if op in SHIPPED} == computed
    assert set(evaluators()) >= computed - {"input", "output", "gradient_norm"}


def test_every_op_has_a_case() -> None:
    shown = {node.op_type for _, blueprint in CASES for node in blueprint.nodes}
    assert shown == SHIPPED


@pytest.mark.parametrize(
    ("op_type", "blueprint"), CASES, ids=[f"{op_type}-{number}" for number, (op_type, _) in enumerate(CASES)]
)
def test_a_kernel_computes_what_the_interpreter_computes(op_type: str, blueprint: BlueprintIR) -> None:
    for mode in MODES:
        result = compile_blueprint(CompileJob(blueprint, mode=mode, seed=3))
        module = load_kernel(result.data, result.digest)
        report = validate_kernel(module, blueprint, mode=mode)
        assert len(report.checks) >= 3
        assert report.passed, [one for one in report.checks if not one.passed]
        parameters = sum(parameter.numel() for parameter in module.parameters())
        assert parameters == result.parameters == blueprint.cost().parameters
        assert all(parameter.requires_grad == (mode == "train") for parameter in module.parameters())


@pytest.mark.parametrize(
    ("op_type", "blueprint"), CASES, ids=[f"{op_type}-{number}" for number, (op_type, _) in enumerate(CASES)]
)
def test_results_have_the_inferred_types(op_type: str, blueprint: BlueprintIR) -> None:
    module = blueprint_to_module(blueprint, mode="infer")
    for binding in bindings(blueprint, (3, 4)):
        results = module(*sample(blueprint, binding, seed=1))
        results = results if isinstance(results, tuple) else (results,)
        for place, result in zip(blueprint.graph.of_type("output"), results, strict=True):
            feed = blueprint.graph.feeds[place][0]
            outputs = blueprint.inference.outputs[feed.source]
            assert outputs is not None
            kind = outputs[feed.source_slot]
            assert isinstance(kind, TensorType)
            assert list(result.shape) == [evaluate(size, binding) for size in kind.shape]
            assert str(result.dtype) == f"torch.{kind.dtype}"
