"""Compute what is only reported."""

from collections.abc import Mapping

from esper_graph.compile.interpreter.call import Call, Evaluator, Value


def _telemetry(call: Call) -> tuple[Value, ...]:
    call.metrics[call.a.metric_name] = call.x().detach()
    return ()


EVALUATORS: Mapping[str, Evaluator] = {"telemetry": _telemetry}
