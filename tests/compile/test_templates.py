"""The ten templates of the specification, compiled and compared with the interpreter."""

from typing import Any

import pytest

from esper_graph.compile import CompileJob, compile_blueprint, load_kernel, validate_kernel
from esper_graph.compile.job import Mode
from esper_graph.templates.table import TEMPLATES

ARGUMENTS: dict[str, dict[str, Any]] = {
    "transformer_block": {"d_model": 64, "n_heads": 4, "d_ff": 96},
    "attention_head": {},
    "mobilenet_block": {"in_channels": 8, "out_channels": 8},
    "squeezenet_fire": {},
    "moe_layer": {"input_dim": 16, "output_dim": 8},
    "expert_network": {"input_dim": 16, "output_dim": 8},
    "dynamic_routing": {"input_dim": 16},
    "conditional_computation": {"input_dim": 16},
    "probe_layer": {},
    "gradient_analyzer": {},
}


def test_every_template_is_here() -> None:
    assert ARGUMENTS.keys() == TEMPLATES.keys()


@pytest.mark.parametrize("mode", ["train", "infer"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_template_compiles_and_computes_what_the_interpreter_computes(name: str, mode: Mode) -> None:
    blueprint = TEMPLATES[name](**ARGUMENTS[name])
    result = compile_blueprint(CompileJob(blueprint, mode=mode))
    module = load_kernel(result.data, result.digest)
    report = validate_kernel(module, blueprint, mode=mode)
    assert report.passed, [one for one in report.checks if not one.passed]
    batches = {one.name.partition("batch ")[2].split(",")[0] for one in report.checks}
    assert batches >= {"1", "2", "5"}
    assert result.parameters == blueprint.cost().parameters
