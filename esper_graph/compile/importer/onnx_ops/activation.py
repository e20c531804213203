"""Raise activations and dropout."""

import math
from collections.abc import Mapping
from typing import Any

from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser, Operator
from esper_graph.compile.importer.onnx_ops.values import Gaussian
from esper_graph.compile.importer.values import Known, Wire


def _plain(kind: str) -> OnnxRaiser:
    return lambda op: op.add("activation", op.x(), type=kind)


def _with(kind: str, **names: tuple[str, float]) -> OnnxRaiser:
    """Raise to an activation whose attributes are, by our name, ONNX's name and default."""
    return lambda op: op.add(
        "activation",
        op.x(),
        type=kind,
        **{ours: op.get(theirs, value) for ours, (theirs, value) in names.items()},
    )


def _selu(op: Operator) -> Any:
    alpha, gamma = op.get("alpha", 1.67326319), op.get("gamma", 1.05070102)
    if abs(alpha - 1.67326319) > 1e-6 or abs(gamma - 1.05070102) > 1e-6:
        y = op.add("activation", op.x(), type="elu", alpha=alpha)
        return op.add("multiply", y, scalar=gamma)
    return op.add("activation", op.x(), type="selu")


def _hard_sigmoid(op: Operator) -> Any:
    alpha, beta = op.get("alpha", 0.2), op.get("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-7 and beta == 0.5:
        return op.add("activation", op.x(), type="hardsigmoid")
    y = op.add("add", op.add("multiply", op.x(), scalar=alpha), scalar=beta)
    return op.add("clamp", y, min=0.0, max=1.0)


def _gelu(op: Operator) -> Any:
    return op.add("activation", op.x(), type="gelu", approximate=op.get("approximate", "none"))


def _erf(op: Operator) -> Any:
    """Only a part of GELU: `erf(x/√2)`."""
    wire = op.x()
    node = op.draft.nodes[wire.node]
    scalar = node.attributes.get("scalar")
    factor = {"div": math.sqrt(2), "multiply": math.sqrt(0.5)}.get(node.op_type)
    source = node.inputs[0] if node.inputs else None
    if factor is None or scalar is None or abs(scalar - factor) > 1e-6 or source is None:
        raise CannotRaiseError("the error function is known within GELU only")
    return Gaussian(source, 0, 1.0)


def _prelu(op: Operator) -> Any:
    slope, x = op.known(1, "slope"), op.x()
    count, rank = slope.numel(), op.draft.type(x).rank
    along = [size for size in slope.shape if size != 1]
    at = rank - slope.ndim + next((axis for axis, size in enumerate(slope.shape) if size != 1), 0)
    if count != 1 and (len(along) != 1 or at != 1):
        raise CannotRaiseError("its slopes are not one a channel")
    weight = op.own(1, "slope", lambda one: one.reshape(-1), "" if slope.ndim == 1 else ".flat")
    return op.add("activation", x, owned={"weight": weight}, type="prelu", num_parameters=count)


def _softmax(kind: str) -> OnnxRaiser:
    """Before version 13, all axes from the given one on are one."""

    def raise_softmax(op: Operator) -> Any:
        x = op.x()
        rank = op.draft.type(x).rank
        axis = op.get("axis", 1 if op.opset < 13 else -1)
        if not -rank <= axis < max(rank, 1):
            raise CannotRaiseError(f"a tensor of rank {rank} has no axis {axis}")
        axis = axis % max(rank, 1)
        together = op.opset < 13 and axis < rank - 1
        shape = op.items(x)
        if together:
            size = op.items(op.add("flatten", x, start_dim=axis))[-1]
            x = op.reshape(x, (*shape[:axis], size))
        dim = (axis - op.draft.type(x).rank) if not together else -1
        y = (
            op.add("softmax", x, dim=dim)
            if kind == "softmax"
            else op.add("activation", x, type=kind, dim=dim)
        )
        return op.reshape(y, shape) if together else y

    return raise_softmax


def _dropout(op: Operator) -> Any:
    """Kept, as in the import of modules: kernels for training need it."""
    if op.input(2) is not None and op.known(2, "training_mode").item():
        raise CannotRaiseError("it draws in evaluation too")
    ratio = op.get("ratio", 0.5) if op.input(1) is None else float(op.known(1, "ratio").item())
    value = op.input(0)
    if isinstance(value, Known) or ratio == 0:
        return value
    x: Wire = op.wire(value)
    return op.add("dropout", x, p=ratio)


def _shrink(op: Operator) -> Any:
    bias, lambd = op.get("bias", 0.0), op.get("lambd", 0.5)
    if bias not in (0, lambd):
        raise CannotRaiseError("it moves what it keeps by another number than its bound")
    return op.add("activation", op.x(), type="hardshrink" if bias == 0 else "softshrink", lambd=lambd)


def _swish(op: Operator) -> Any:
    alpha, x = op.get("alpha", 1.0), op.x()
    if alpha == 1:
        return op.add("activation", x, type="silu")
    gate = op.add("activation", op.add("multiply", x, scalar=alpha), type="sigmoid")
    return op.add("multiply", x, gate)


RAISERS: Mapping[str, OnnxRaiser] = {
    "Relu": _plain("relu"),
    "Sigmoid": _plain("sigmoid"),
    "Tanh": _plain("tanh"),
    "HardSwish": _plain("hardswish"),
    "Mish": _plain("mish"),
    "Softplus": _plain("softplus"),
    "Softsign": _plain("softsign"),
    "LeakyRelu": _with("leaky_relu", negative_slope=("alpha", 0.01)),
    "Elu": _with("elu", alpha=("alpha", 1.0)),
    "Celu": _with("celu", alpha=("alpha", 1.0)),
    "ThresholdedRelu": lambda op: op.add(
        "activation", op.x(), type="threshold", threshold=op.get("alpha", 1.0), value=0.0
    ),
    "Selu": _selu,
    "HardSigmoid": _hard_sigmoid,
    "Gelu": _gelu,
    "Erf": _erf,
    "PRelu": _prelu,
    "Shrink": _shrink,
    "Swish": _swish,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "Dropout": _dropout,
}
