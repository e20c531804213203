"""Raise dense products."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator
from esper_graph.compile.importer.raisers.dense import matmul
from esper_graph.compile.importer.values import Known, Weight, Wire


def _matmul(op: Operator) -> Any:
    """With a known matrix at the right, `linear`; a vector that alone is added to that becomes its bias."""
    right = op.input(1)
    x = op.x()
    if isinstance(right, Known) and right.tensor.ndim == 2 and op.draft.type(x).rank >= 2:
        original = op.file.untransposed(right)
        if original is None or original.name is None:
            weight = op.own(1, "matrix", lambda matrix: matrix.t(), ".transposed")
        else:
            weight = op.weigh(original.tensor, original.name)
        return _linear(op, x, weight, _added(op, weight.tensor.shape[0]))
    return matmul(op, x, op.wire(right))


def _linear(op: Operator, x: Wire, weight: Weight, bias: Weight | None) -> Wire:
    owned = {"weight": weight} | ({} if bias is None else {"bias": bias})
    rows, columns = weight.tensor.shape
    return op.add("linear", x, owned=owned, in_features=columns, out_features=rows, bias=bias is not None)


def _added(op: Operator, size: int) -> Weight | None:
    """Find a bias that the only node that needs the product adds to it."""
    user = op.file.only_user(op.outputs[0])
    if user is None or user.op_type != "Add" or user.domain not in ("", "ai.onnx"):
        return None
    others = [op.file.value(name) for name in user.input if name != op.outputs[0]]
    if len(others) != 1 or not isinstance(others[0], Known) or tuple(others[0].tensor.shape) != (size,):
        return None
    op.file.take_in(user.output[0], op.outputs[0])
    return op.weigh(others[0].tensor, op.file.named(others[0]))


def _gemm(op: Operator) -> Any:
    alpha, beta = op.get("alpha", 1.0), op.get("beta", 1.0)
    a, b, c = op.x(), op.input(1), op.input(2)
    if op.get("transA", 0):
        a = op.transpose(a, 0, 1)
    c_scale = 0.0 if c is None else beta
    if not isinstance(b, Known):
        y = matmul(op, a, op.transpose(op.wire(b), 0, 1) if op.get("transB", 0) else op.wire(b))
        y = y if alpha == 1 else op.add("multiply", y, scalar=alpha)
        return y if not c_scale else op.add("add", y, _scaled(op, op.wire(c), c_scale))

    def turned(matrix: Tensor) -> Tensor:
        return alpha * (matrix if op.get("transB", 0) else matrix.t())

    mark = ("" if op.get("transB", 0) else ".transposed") + ("" if alpha == 1 else ".scaled")
    weight = op.own(1, "matrix", turned, mark)
    rows = weight.tensor.shape[0]
    if not c_scale:
        return _linear(op, a, weight, None)
    if (
        isinstance(c, Known)
        and c.tensor.numel() == rows
        and c.tensor.ndim <= 2
        and c.tensor.shape[-1:] == (rows,)
    ):
        mark = "" if c_scale == 1 else ".scaled"
        changed = "" if c.tensor.ndim == 1 else ".flat"
        bias = op.weigh(c_scale * c.tensor.reshape(rows), f"{op.file.named(c)}{changed}{mark}")
        return _linear(op, a, weight, bias)
    return op.add("add", _linear(op, a, weight, None), _scaled(op, op.wire(c), c_scale))


def _scaled(op: Operator, x: Wire, factor: float) -> Wire:
    return x if factor == 1 else op.add("multiply", x, scalar=factor)


def _einsum(op: Operator) -> Any:
    equation = op["equation"].replace(" ", "")
    if "->" not in equation:
        raise CannotRaiseError("its equation does not name the axes of the result")
    return op.add("einsum", *[op.wire(one) for one in op.inputs], equation=equation)


RAISERS: Mapping[str, OnnxRaiser] = {"MatMul": _matmul, "Gemm": _gemm, "Einsum": _einsum}
