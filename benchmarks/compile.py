"""Compiling, loading and validating kernels of the ten templates."""

import time
from typing import Any

from run import interleaved

from esper_graph.cli.demo import TEMPLATES
from esper_graph.compile import CompileJob, compile_blueprint, load_kernel, validate_kernel
from esper_graph.templates import TEMPLATES as MAKERS


def measure() -> dict[str, Any]:
    """See the module."""

    def compile_ms(blueprint: Any) -> float:
        started = time.perf_counter()
        compile_blueprint(CompileJob(blueprint))
        return (time.perf_counter() - started) * 1000

    contenders, results = {}, {}
    for name, arguments in TEMPLATES.items():
        blueprint = MAKERS[name](**arguments)
        made = compile_blueprint(CompileJob(blueprint))
        report = validate_kernel(load_kernel(made.data, made.digest), blueprint, mode="infer")
        results[f"{name}: kernel against interpreter (relative error)"] = {
            "worst": report.worst,
            "checks": len(report.checks),
            "passed": report.passed,
        }
        contenders[f"{name}: compile (ms)"] = lambda blueprint=blueprint: compile_ms(blueprint)
    return {**interleaved(contenders, rounds=5), **results}
