"""Raise statistics over axes."""

from collections.abc import Mapping
from typing import Any

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator, axis_of
from esper_graph.compile.importer.values import Wire


def _reduce(op: Operator, x: Wire, operation: str, **others: Any) -> Wire:
    axes, keep = op.axes(1), bool(op.get("keepdims", 1))
    rank = op.draft.type(x).rank
    if not axes and op.get("noop_with_empty_axes", 0):
        return x
    if rank == 0:
        return x
    axes = sorted(axis_of(axis, rank) for axis in axes or range(rank))
    return op.add("reduce", x, operation=operation, dim=axes, keepdim=keep, **others)


def _statistic(operation: str, **others: Any) -> OnnxRaiser:
    return lambda op: _reduce(op, op.x(), operation, **others)


def _sum_of_squares(op: Operator) -> Any:
    x = op.x()
    return _reduce(op, op.add("multiply", x, x), "sum")


def _log_sum(op: Operator) -> Any:
    return op.add("log", _reduce(op, op.x(), "sum"))


def _log_sum_exp(op: Operator) -> Any:
    """As ONNX defines it, without moving the largest to zero first."""
    return op.add("log", _reduce(op, op.add("exp", op.x()), "sum"))


def _position(operation: str) -> OnnxRaiser:
    def raise_position(op: Operator) -> Any:
        if op.get("select_last_index", 0):
            raise CannotRaiseError("among equals it takes the last")
        x = op.x()
        axis = axis_of(op.get("axis", 0), op.draft.type(x).rank)
        return op.add("reduce", x, operation=operation, dim=[axis], keepdim=bool(op.get("keepdims", 1)))

    return raise_position


def _cumsum(op: Operator) -> Any:
    if op.get("exclusive", 0) or op.get("reverse", 0):
        raise CannotRaiseError("it leaves out the element itself, or goes backwards")
    return op.add("cumsum", op.x(), dim=int(op.known(1, "axis").item()))


RAISERS: Mapping[str, OnnxRaiser] = {
    "ReduceMean": _statistic("mean"),
    "ReduceSum": _statistic("sum"),
    "ReduceMax": _statistic("max"),
    "ReduceMin": _statistic("min"),
    "ReduceProd": _statistic("prod"),
    "ReduceL1": _statistic("norm", ord=1.0),
    "ReduceL2": _statistic("norm", ord=2.0),
    "ReduceSumSquare": _sum_of_squares,
    "ReduceLogSum": _log_sum,
    "ReduceLogSumExp": _log_sum_exp,
    "ArgMax": _position("argmax"),
    "ArgMin": _position("argmin"),
    "CumSum": _cumsum,
}
