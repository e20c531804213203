"""Import of ONNX files; the oracle is ONNX's own reference evaluator."""

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from esper_graph.cli import root
from esper_graph.compile import Imported, load_weights, save_weights
from esper_graph.compile.importer.onnx_file import import_onnx
from esper_graph.compile.interpreter import interpret
from esper_graph.errors import EsperGraphError, ImporterError, LimitExceededError
from esper_graph.ir.blueprint import BlueprintIR
from tests.compile.importing import TOLERANCE, call, kernel_of, relative, stirred

Arrays = Mapping[str, Any]


# ---------------------------------------------------------------- making files


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def made(
    nodes: Any,
    inputs: Mapping[str, Sequence[Any]],
    tensors: Arrays | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    kinds: Mapping[str, int] | None = None,
    rank: int | None = None,
) -> bytes:
    """A model as bytes; inputs are given by their sizes, of float32 unless `kinds` says otherwise.

    Shapes of results are inferred, which a hostile model must not be given to: then `rank` says.
    """
    kinds = kinds or {}
    graph = helper.make_graph(
        [nodes] if isinstance(nodes, onnx.NodeProto) else list(nodes),
        "made",
        [
            helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), list(shape))
            for name, shape in inputs.items()
        ],
        [
            helper.make_tensor_value_info(
                name, kinds.get(name, TensorProto.FLOAT), None if rank is None else ["?"] * rank
            )
            for name in outputs
        ],
        [numpy_helper.from_array(np.asarray(one), name) for name, one in (tensors or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    if rank is not None:
        return model.SerializeToString()
    return onnx.shape_inference.infer_shapes(
        model, data_prop=True
    ).SerializeToString()  # gives results shapes


def node(op_type: str, inputs: str = "x", outputs: str = "y", **attributes: Any) -> Any:
    """A node; inputs and outputs are words, and `_` leaves one out."""
    given, results = (["" if name == "_" else name for name in text.split()] for text in (inputs, outputs))
    return helper.make_node(op_type, given, results, **attributes)


# ---------------------------------------------------------------- comparing


def compare(model: bytes, inputs: Arrays, **limits: Any) -> Imported:
    """Import a model and hold its kernel, and the interpreter in float64, to the reference evaluator."""
    imported = import_onnx(model, **limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of what the evaluator computes
        wanted = [
            torch.from_numpy(np.array(one)) for one in ReferenceEvaluator(model).run(None, dict(inputs))
        ]
    fed = [torch.from_numpy(np.asarray(one)) for one in inputs.values()]
    assert relative(call(kernel_of(imported), fed), wanted) <= TOLERANCE
    interpreted = interpret(imported.blueprint, fed, imported.weights).outputs
    assert relative(interpreted, wanted) <= TOLERANCE
    return imported


N = "batch"
X = random(3, 4, 6, 5)
FLAT = random(3, 8)
SEQUENCE = random(5, 3, 4)


def ints(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


Case = tuple[Any, Any, Mapping[str, Any], int]


def case(nodes: Any, x: Any = X, opset: int = 17, **tensors: Any) -> Case:
    return nodes, x, tensors, opset


_SEPARATE = [
    *("Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus", "Softsign", "LeakyRelu", "Elu", "Selu", "Celu"),
    *("HardSigmoid", "ThresholdedRelu", "Exp", "Sin", "Cos", "Abs", "Neg", "Sign", "Reciprocal"),
    *("GlobalAveragePool", "GlobalMaxPool", "Identity", "Flatten", "LpNormalization"),
]
_REDUCTIONS = ["Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp"]

CASES: Mapping[str, Case] = {
    **{name: case(node(name)) for name in _SEPARATE},
    "Mish": case(node("Mish"), opset=18),
    "Gelu": case(node("Gelu"), opset=20),
    "Gelu by tanh": case(node("Gelu", approximate="tanh"), opset=20),
    "Swish": case(node("Swish", alpha=1.5), opset=24),
    "Sqrt of Abs": case([node("Abs", "x", "a"), node("Sqrt", "a")]),
    "Log of Exp": case(
        [node("Exp", "x", "a"), node("Add", "a x", "b"), node("Exp", "b", "c"), node("Log", "c")]
    ),
    "HardSigmoid like torch": case(node("HardSigmoid", alpha=1 / 6, beta=0.5)),
    "Elu with alpha": case(node("Elu", alpha=0.5)),
    "Shrink hard": case(node("Shrink", lambd=0.4)),
    "Shrink soft": case(node("Shrink", lambd=0.4, bias=0.4)),
    "PRelu one": case(node("PRelu", "x s"), s=random(1)),
    "PRelu a channel": case(node("PRelu", "x s"), s=random(4, 1, 1)),
    "Softmax": case(node("Softmax", axis=1)),
    "LogSoftmax": case(node("LogSoftmax")),
    "Clip": case(node("Clip", "x a b"), a=np.float32(-0.5), b=np.float32(0.7)),
    "Clip one side": case(node("Clip", "x _ b"), b=np.float32(0.7)),
    "Clip old": case(node("Clip", min=0.0, max=6.0), opset=10),
    "Clip by values": case(
        [node("Neg", "x", "n"), node("Clip", "x a n", "c"), node("Clip", "c n b")],
        a=np.float32(-0.5),
        b=np.float32(0.7),
    ),
    "Clip with bounds that cross": case(node("Clip", "x a b"), a=np.float32(0.7), b=np.float32(-0.5)),
    "Conv": case(
        node("Conv", "x w b", pads=[1, 1, 1, 1], strides=[2, 1], group=2), w=random(6, 2, 3, 3), b=random(6)
    ),
    "Conv uneven": case(node("Conv", "x w", pads=[0, 1, 2, 0], dilations=[1, 2]), w=random(3, 4, 3, 2)),
    "Conv same": case(node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 2]), w=random(3, 4, 3, 2)),
    "Conv same lower": case(node("Conv", "x w", auto_pad="SAME_LOWER"), w=random(3, 4, 2, 2)),
    "Conv over one axis": case(node("Conv", "x w", pads=[2, 2]), random(3, 4, 9), w=random(3, 4, 3)),
    "ConvTranspose": case(
        node("ConvTranspose", "x w b", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 0]),
        w=random(4, 3, 3, 3),
        b=random(3),
    ),
    "ConvTranspose uneven": case(
        node("ConvTranspose", "x w", strides=[2, 2], pads=[0, 1, 1, 0]), w=random(4, 3, 3, 3)
    ),
    "ConvTranspose over one axis": case(
        node("ConvTranspose", "x w", strides=[2]), random(3, 4, 9), w=random(4, 2, 3)
    ),
    "MaxPool": case(node("MaxPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0])),
    "MaxPool up": case(node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
    "MaxPool over one axis": case(node("MaxPool", kernel_shape=[3], dilations=[2]), random(3, 4, 9)),
    "AveragePool": case(node("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])),
    "AveragePool with padding": case(
        node("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    ),
    "AveragePool uneven": case(
        node("AveragePool", kernel_shape=[3, 3], pads=[1, 0, 0, 1], count_include_pad=1)
    ),
    "GlobalAveragePool over one axis": case(node("GlobalAveragePool"), random(3, 4, 9)),
    "GlobalAveragePool over three axes": case(node("GlobalAveragePool"), random(3, 4, 2, 3, 2)),
    "MatMul": case(node("MatMul", "x w"), FLAT, w=random(8, 5)),
    "MatMul and Add": case(
        [node("MatMul", "x w", "m"), node("Add", "b m")], FLAT, w=random(8, 5), b=random(5)
    ),
    "MatMul and use twice": case(
        [node("MatMul", "x w", "m"), node("Add", "m b", "n"), node("Mul", "m n")],
        FLAT,
        w=random(8, 5),
        b=random(5),
    ),
    "MatMul of values": case([node("Transpose", "x", "t", perm=[0, 1, 3, 2]), node("MatMul", "x t")]),
    "MatMul with a batch of matrices": case(node("MatMul", "x w"), w=random(4, 5, 3)),
    "Gemm": case(node("Gemm", "x w b", transB=1), FLAT, w=random(5, 8), b=random(5)),
    "Gemm scaled": case(node("Gemm", "x w b", alpha=0.5, beta=2.0), FLAT, w=random(8, 5), b=random(1, 5)),
    "Gemm with a number": case(node("Gemm", "x w b"), FLAT, w=random(8, 5), b=random(1)),
    "Gemm of values": case(
        [node("Relu", "x", "r"), node("Gemm", "r w c", "g"), node("Gemm", "g x", transA=1)],
        FLAT,
        w=random(8, 8),
        c=random(8),
    ),
    "Einsum": case(node("Einsum", "x w", equation="nchw,cd->ndhw"), w=random(4, 3)),
    "BatchNormalization": case(
        node("BatchNormalization", "x s b m v", epsilon=0.01),
        s=random(4),
        b=random(4, seed=1),
        m=random(4, seed=2),
        v=random(4, seed=3) ** 2,
    ),
    "LayerNormalization": case(
        node("LayerNormalization", "x s b", axis=-2), s=random(6, 5), b=random(6, 5, seed=1)
    ),
    "LayerNormalization without shift": case(node("LayerNormalization", "x s"), s=random(5)),
    "RMSNormalization": case(node("RMSNormalization", "x s", axis=-1), s=random(5), opset=23),
    "InstanceNormalization": case(node("InstanceNormalization", "x s b"), s=random(4), b=random(4, seed=1)),
    "GroupNormalization": case(
        node("GroupNormalization", "x s b", num_groups=2), s=random(4), b=random(4), opset=21
    ),
    "Add": case(node("Add", "x c"), c=random(1, 4, 1, 1)),
    "Add a number": case(node("Add", "c x"), c=np.float32(2)),
    "Add of higher rank": case(node("Add", "x c"), FLAT, c=random(1, 1, 1)),
    "Sub": case([node("Sub", "x c", "a"), node("Sub", "d a")], c=random(5), d=np.float32(2)),
    "Sub from a table": case(node("Sub", "c x"), c=random(6, 5)),
    "Mul": case([node("Mul", "x x", "a"), node("Mul", "a c")], c=np.float32(0.25)),
    "Div": case(
        [
            node("Exp", "x", "e"),
            node("Div", "x e", "a"),
            node("Div", "a c", "b"),
            node("Div", "d e", "g"),
            node("Add", "b g"),
        ],
        c=np.float32(3),
        d=np.float32(2),
    ),
    "Pow": case(
        [node("Exp", "x", "e"), node("Pow", "e c", "a"), node("Pow", "a d", "b"), node("Pow", "b x")],
        c=np.float32(0.5),
        d=ints(2),
    ),
    "Max and Min": case(
        [node("Max", "x c a", "b"), node("Min", "b d")], c=random(5), a=random(6, 5), d=np.float32(0.3)
    ),
    "Sum and Mean": case([node("Sum", "x x c", "a"), node("Mean", "a x c")], c=random(5)),
    "Where": case(
        [
            node("Greater", "x c", "g"),
            node("Less", "d x", "l"),
            node("And", "g l", "a"),
            node("Not", "a", "n"),
            node("Or", "n l", "o"),
            node("Xor", "o g", "e"),
            node("Where", "e x c"),
        ],
        c=random(5),
        d=np.float32(1),
    ),
    "Equal": case(
        [
            node("Clip", "x a b", "c"),
            node("Equal", "c b", "e"),
            node("GreaterOrEqual", "a x", "g"),
            node("LessOrEqual", "x b", "l"),
            node("Cast", "e", "f", to=1),
            node("Cast", "g", "h", to=1),
            node("Cast", "l", "i", to=1),
            node("Sum", "f h i"),
        ],
        a=np.float32(-0.5),
        b=np.float32(0.5),
    ),
    **{f"Reduce{name}": case(node(f"Reduce{name}", axes=[1, -1])) for name in _REDUCTIONS if name != "Sum"},
    "ReduceSum": case(node("ReduceSum", "x a", keepdims=0), a=ints(2)),
    "ReduceMean by input": case(node("ReduceMean", "x a", keepdims=0), a=ints(2, 3), opset=18),
    "ReduceMax of all": case(node("ReduceMax")),
    "CumSum": case(node("CumSum", "x a"), a=ints(2)[0]),
    "CumSum of constants": case(
        [
            node("CumSum", "k a", "p"),
            node("CumSum", "k a", "q", exclusive=1),
            node("CumSum", "k a", "r", reverse=1),
            node("CumSum", "k a", "s", exclusive=1, reverse=1),
            node("Sum", "x p q r s"),
        ],
        k=random(4, 6, 5),
        a=ints(1)[0],
    ),
    "ArgMax": case([node("ArgMax", "x", "a", axis=2, keepdims=0), node("Cast", "a", to=1)]),
    "Reshape": case([node("Reshape", "x s", "a"), node("Reshape", "a t")], s=ints(0, 2, -1), t=ints(-1, 10)),
    "Reshape old size": case(
        [
            node("Shape", "x", "s"),
            node("Gather", "s i", "n"),
            node("Unsqueeze", "n j", "m"),
            node("Concat", "m k", "t", axis=0),
            node("Reshape", "x t"),
        ],
        i=ints(0)[0],
        j=ints(0),
        k=ints(20, 6),
    ),
    "Reshape by arithmetic": case(
        [
            node("Shape", "x", "s"),
            node("Slice", "s i j", "n"),
            node("ReduceProd", "n", "p"),
            node("Mul", "p k", "q"),
            node("Div", "q k", "d"),
            node("Concat", "d l", "t", axis=0),
            node("Reshape", "x t"),
        ],
        i=ints(0),
        j=ints(2),
        k=ints(3),
        l=ints(-1),
    ),
    "Flatten from the end": case(node("Flatten", axis=-1)),
    "Transpose": case(node("Transpose", perm=[0, 2, 3, 1])),
    "Transpose whole": case([node("Relu", "x", "a"), node("Transpose", "a")]),
    "Squeeze and Unsqueeze": case(
        [node("Unsqueeze", "x a", "u"), node("Mul", "u u", "m"), node("Squeeze", "m a")], a=ints(1, -1)
    ),
    "Squeeze and Unsqueeze old": case(
        [node("Unsqueeze", "x", "u", axes=[2]), node("Exp", "u", "m"), node("Squeeze", "m", axes=[2])],
        opset=12,
    ),
    "Concat": case(
        [node("Exp", "x", "e"), node("Concat", "x e c", axis=-1)],
        np.tile(random(1, 4, 6, 5), (3, 1, 1, 1))[:3],
        c=random(3, 4, 6, 2),
    ),
    "Split": case([node("Split", "x s", "a b c", axis=2), node("Concat", "c a b", axis=2)], s=ints(1, 2, 3)),
    "Split evenly": case([node("Split", "x", "a b", axis=1), node("Sub", "a b")], opset=12),
    "Split by number": case(
        [node("Split", "x", "a b", axis=3, num_outputs=2), node("Concat", "b a", axis=3)], opset=18
    ),
    "Slice": case(node("Slice", "x s e a t"), s=ints(1, -3), e=ints(2**62, -1), a=ints(1, 3), t=ints(2, 1)),
    "Slice backwards": case(node("Slice", "x s e a t"), s=ints(-1), e=ints(-(2**62)), a=ints(2), t=ints(-1)),
    "Slice old": case(node("Slice", starts=[1], ends=[3], axes=[2]), opset=9),
    "Pad": case(node("Pad", "x p v"), p=ints(0, 0, 1, 2, 0, 0, 0, 3), v=np.float32(1.5)),
    "Pad reflected": case(node("Pad", "x p", mode="reflect"), p=ints(0, 0, 1, 2, 0, 0, 0, 1)),
    "Pad old": case(node("Pad", pads=[0, 0, 1, 0, 0, 0, 0, 1], mode="edge"), opset=10),
    "Expand": case([node("Unsqueeze", "x a", "u"), node("Expand", "u s")], a=ints(1), s=ints(2, 1, 1, 1)),
    "Expand to the batch": case(
        [node("Shape", "x", "s"), node("Expand", "c s", "e"), node("Add", "e x")], c=random(6, 1)
    ),
    "ConstantOfShape": case(
        [
            node("Shape", "x", "s"),
            node("ConstantOfShape", "s", "e", value=helper.make_tensor("v", 1, [1], [2.5])),
            node("Mul", "e x"),
        ]
    ),
    "Tile": case(node("Tile", "x r"), r=ints(1, 2, 1, 3)),
    "Gather": case(node("Gather", "x i", axis=2), i=ints(3, 0, -1)),
    "Gather one": case(node("Gather", "x i", axis=1), i=ints(-1)[0]),
    "Trilu": case(node("Trilu", "x k", upper=0), k=ints(1)[0]),
    "Constant": case([node("Constant", "", "c", value_float=2.0), node("Mul", "x c")]),
    "Range and Cast": case(
        [node("Range", "a b c", "r"), node("Cast", "r", "f", to=1), node("Add", "x f")],
        a=ints(0)[0],
        b=ints(5)[0],
        c=ints(1)[0],
    ),
    "Resize nearest": case(
        node(
            "Resize",
            "x _ s",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        s=np.array([1, 1, 2, 3], np.float32),
    ),
    "Resize half a pixel": case(
        node("Resize", "x _ s", mode="nearest"), s=np.array([1, 1, 2, 3], np.float32)
    ),
    "Resize linear": case(node("Resize", "x _ s", mode="linear"), s=np.array([1, 1, 2, 1.6], np.float32)),
    "Resize linear on corners": case(
        node("Resize", "x _ _ s", mode="linear", coordinate_transformation_mode="align_corners"),
        s=ints(3, 4, 9, 8),
    ),
    "Resize cubic": case(node("Resize", "x _ s", mode="cubic"), s=np.array([1, 1, 2, 2], np.float32)),
    "Upsample": case(node("Upsample", "x s"), s=np.array([1, 1, 2, 2], np.float32), opset=9),
    "DepthToSpace": case(node("DepthToSpace", blocksize=2)),
    "DepthToSpace by columns": case(node("DepthToSpace", blocksize=2, mode="CRD")),
    "SpaceToDepth": case(node("SpaceToDepth", blocksize=2), random(3, 4, 6, 4)),
    "GELU by the error function": case(
        [
            node("Div", "x r", "a"),
            node("Erf", "a", "e"),
            node("Add", "e o", "p"),
            node("Mul", "x p", "q"),
            node("Mul", "q h"),
        ],
        r=np.float32(2**0.5),
        o=np.float32(1),
        h=np.float32(0.5),
    ),
    "GELU by the error function in another order": case(
        [
            node("Mul", "x r", "a"),
            node("Erf", "a", "e"),
            node("Add", "o e", "p"),
            node("Mul", "h x", "q"),
            node("Mul", "p q"),
        ],
        r=np.float32(0.5**0.5),
        o=np.float32(1),
        h=np.float32(0.5),
    ),
    "LSTM": case(
        [node("LSTM", "x w r b", "s h c", hidden_size=3), node("Squeeze", "s a", "q"), node("Add", "q h")],
        SEQUENCE,
        w=random(1, 12, 4),
        r=random(1, 12, 3),
        b=random(1, 24),
        a=ints(1),
    ),
    "LSTM both ways": case(
        node("LSTM", "x w r b", hidden_size=3, direction="bidirectional"),
        SEQUENCE,
        w=random(2, 12, 4),
        r=random(2, 12, 3),
        b=random(2, 24),
    ),
    "LSTM without bias": case(
        node("LSTM", "x w r", "_ _ y", hidden_size=3), SEQUENCE, w=random(1, 12, 4), r=random(1, 12, 3)
    ),
    "GRU": case(
        node("GRU", "x w r b", hidden_size=3, linear_before_reset=1),
        SEQUENCE,
        w=random(1, 9, 4),
        r=random(1, 9, 3),
        b=random(1, 18),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_op_gives_what_the_reference_evaluator_gives(name: str) -> None:
    nodes, x, tensors, opset = CASES[name]
    open_axis = 1 if x is SEQUENCE else 0
    fixed = name in ("Concat", "Resize linear on corners")
    shape = [size if axis != open_axis or fixed else N for axis, size in enumerate(x.shape)]
    rank = 4 if name == "GroupNormalization" else None  # ONNX does not infer it
    compare(made(nodes, {"x": shape}, tensors, opset=opset, rank=rank), {"x": x})


Oracle = Callable[[torch.Tensor], torch.Tensor]
BY_TORCH: Mapping[str, tuple[Case, Oracle]] = {
    "Softmax old": (
        case(node("Softmax", axis=2), opset=11),
        lambda x: x.flatten(2).softmax(-1).reshape(x.shape),
    ),
    "MaxPool uneven": (
        case(node("MaxPool", kernel_shape=[3, 2], pads=[0, 0, 2, 1])),
        lambda x: nn.functional.max_pool2d(nn.functional.pad(x, (0, 1, 0, 2), value=-torch.inf), (3, 2), 1),
    ),
    "LRN": (
        case(node("LRN", size=3, alpha=0.3, beta=0.6, bias=1.5)),
        nn.LocalResponseNorm(3, 0.3, 0.6, 1.5),
    ),
    "Pad and cut": (
        case(node("Pad", "x p"), p=ints(0, 0, -1, 2, 0, 0, 0, -3)),
        lambda x: nn.functional.pad(x, (2, -3, -1, 0)),
    ),
}


@pytest.mark.parametrize("name", BY_TORCH)
def test_an_op_that_the_evaluator_gets_wrong_gives_what_torch_gives(name: str) -> None:
    (nodes, x, tensors, opset), oracle = BY_TORCH[name]
    imported = import_onnx(made(nodes, {"x": [N, *x.shape[1:]]}, tensors, opset=opset))
    fed = torch.from_numpy(x)
    assert relative(call(kernel_of(imported), [fed]), [oracle(fed)]) <= TOLERANCE


# ---------------------------------------------------------------- networks


class Residual(nn.Module):
    """The parts of ResNets, MobileNets and U-Nets on one small image."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Hardswish())
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1)
        )
        self.down = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.finer = nn.Upsample(scale_factor=2, mode="bilinear")
        self.norm = nn.GroupNorm(2, 16)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.depthwise(x) * nn.functional.hardsigmoid(self.squeeze(x))
        x = torch.cat([self.up(self.down(x)), x], 1)
        return self.head(self.norm(self.finer(x)).mean((2, 3)))


class Encoder(nn.Module):
    """A transformer encoder on tokens, with a mask, as in BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(40, 16), nn.Parameter(torch.randn(1, 7, 16))
        self.norm, self.last = nn.LayerNorm(16), nn.LayerNorm(16)
        self.projection, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.wide, self.narrow = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.tokens(tokens) + self.places[:, : tokens.shape[1]])
        batch, length, width = x.shape
        query, key, value = self.projection(x).view(batch, length, 3, 4, 4).permute(2, 0, 3, 1, 4)
        hidden = (1.0 - mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        scores = query @ key.transpose(-1, -2) / 2.0 + hidden
        x = x + self.out((scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width))
        x = self.last(x + self.narrow(nn.functional.gelu(self.wide(x))))
        return x @ self.tokens.weight.t()


class Vision(nn.Module):
    """A vision transformer of one block."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.first = nn.Conv2d(3, 16, 4, 4), nn.Parameter(torch.randn(1, 1, 16))
        self.places = nn.Parameter(torch.randn(1, 5, 16))
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.places
        y = self.norm(x)
        return self.head((x + self.attention(y, y, y, need_weights=False)[0])[:, 0])


class Recurrent(nn.Module):
    """Layers that read both ways, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 8, num_layers=2, batch_first=True, bidirectional=True)
        self.gru, self.head = nn.GRU(16, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.gru(self.lstm(x)[0])[0][:, -1])


def image(count: int) -> tuple[torch.Tensor, ...]:
    return (torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(count)),)


def tokens(count: int) -> tuple[torch.Tensor, ...]:
    mask = torch.ones(count, 7, dtype=torch.int64)
    mask[:, 5:] = 0
    return torch.randint(0, 40, (count, 7), generator=torch.Generator().manual_seed(count)), mask


def sequence(count: int) -> tuple[torch.Tensor, ...]:
    return (torch.randn(count, 4, 6, generator=torch.Generator().manual_seed(count)),)


NETWORKS: Mapping[str, tuple[Callable[[], nn.Module], Callable[[int], tuple[torch.Tensor, ...]]]] = {
    "images": (Residual, image),
    "tokens": (Encoder, tokens),
    "patches": (Vision, image),
    "sequences": (Recurrent, sequence),
}


def exported(
    module: nn.Module, inputs: tuple[torch.Tensor, ...], opset: int = 17, *, fold: bool = True
) -> bytes:
    """What torch's older exporter writes: the newer one needs a package of its own."""
    names = [f"input{at}" for at in range(len(inputs))]
    written = io.BytesIO()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                stirred(module).eval(),
                inputs,
                cast("Any", written),
                dynamo=False,
                opset_version=opset,
                do_constant_folding=fold,
                input_names=names,
                dynamic_axes={name: {0: "batch"} for name in names},
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return written.getvalue()


@pytest.mark.parametrize("opset", [14, 17, 20])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_torch_exported_gives_what_it_gave_at_another_batch_size(
    name: str, opset: int
) -> None:
    torch.manual_seed(0)
    make, inputs = NETWORKS[name]
    module = make()
    model = exported(module, inputs(2), opset)
    fed = inputs(3)
    names = [one.name for one in onnx.load_from_string(model).graph.input]
    imported = compare(model, {one: x.numpy() for one, x in zip(names, fed, strict=True)})
    assert imported.open_batch
    assert relative(call(kernel_of(imported), fed), call(module, fed)) <= TOLERANCE


# ---------------------------------------------------------------- what a blueprint says


def test_weights_keep_their_names_and_equal_matrices_are_shared() -> None:
    model = exported(Encoder(), tokens(2), fold=False)
    imported = import_onnx(model, name="Encoder")
    nodes = {one.id: one for one in imported.blueprint.nodes}
    assert imported.blueprint.name == "Encoder"
    assert imported.names["tokens"] == {"weight": "tokens.weight"}
    assert [one.op_type for one in nodes.values() if one.shares == "tokens"] == ["linear"]
    assert imported.names["norm"] == {"weight": "norm.weight", "bias": "norm.bias"}
    assert [one.attributes["type"] for one in nodes.values() if one.op_type == "activation"] == ["gelu"]


def test_sizes_that_the_file_leaves_open_are_symbols() -> None:
    first = {"x": ["n", "t", 4], "z": ["n", "u", 4]}
    shapes = [one.attributes["shape"] for one in _joined(first).blueprint.nodes if one.op_type == "input"]
    assert shapes == [("batch", "d0_1", 4), ("batch", "d1_1", 4)]
    other = _joined({"x": ["n", "t", 4], "z": ["m", "t", 4]})
    shapes = [one.attributes["shape"] for one in other.blueprint.nodes if one.op_type == "input"]
    assert shapes == [("batch", "d0_1", 4), ("batch", "d0_1", 4)]
    assert other.notes == ("the sizes `n` and `m` are both the batch",)
    fixed = _joined({"x": [2, 3, 4], "z": [1, 3, 4]})
    assert not fixed.open_batch


def _joined(inputs: Mapping[str, Sequence[Any]]) -> Imported:
    nodes = [node("ReduceSum", f"{name} a", f"{name}s", keepdims=0) for name in inputs]
    return import_onnx(made(nodes, inputs, {"a": ints(0, 1)}, outputs=[f"{name}s" for name in inputs]))


def test_a_weight_that_two_nodes_need_in_different_company_is_copied_and_said_so() -> None:
    nodes = [
        node("Gemm", "x w a", "p", transB=1),
        node("Gemm", "x w b", "q", transB=1),
        node("Add", "p q"),
    ]
    model = made(nodes, {"x": [N, 8]}, {"w": random(5, 8), "a": random(5), "b": random(5, seed=1)})
    imported = compare(model, {"x": FLAT})
    assert imported.notes == ("`w` belongs to two nodes; `w.copy1` is the second one's",)
    assert imported.notes[0] in imported.blueprint.description


def test_a_description_holds_ten_notes_and_says_how_many_more_there_are() -> None:
    weights = {"w": random(8, 8)} | {f"b{number}": random(8, seed=number) for number in range(13)}
    nodes = [node("Gemm", f"x w b{number}", f"x{number}", transB=1) for number in range(13)]
    nodes += [node("Sum", " ".join(f"x{number}" for number in range(13)), "y")]
    imported = import_onnx(made(nodes, {"x": [N, 8]}, weights))
    assert len(imported.notes) == 12
    assert [note in imported.blueprint.description for note in imported.notes] == [True] * 10 + [False] * 2
    assert imported.blueprint.description.endswith("; and 2 more notes")


def test_a_mask_that_is_picked_for_each_sample_by_number_is_read() -> None:
    """As the newer exporter of torch writes the masks of transformers."""
    nodes = [
        node("Cast", "mask", "truth", to=TensorProto.BOOL),
        node("Shape", "x", "s", start=0, end=1),
        node("Squeeze", "s", "n"),
        node("Range", "zero n one", "b"),
        node("Unsqueeze", "b a", "bu"),
        node("Max", "bu k", "both"),
        node("Shape", "both", "all"),
        node("Expand", "bu all", "be"),
        node("Unsqueeze", "be last", "bl"),
        node("Expand", "k all", "ke"),
        node("Unsqueeze", "ke last", "kl"),
        node("Concat", "bl kl", "i", axis=-1),
        node("GatherND", "truth i", "m"),
        node("Where", "m x c"),
    ]
    tensors = {
        "zero": ints(0)[0],
        "one": ints(1)[0],
        "a": ints(1, 2, 3),
        "last": ints(-1),
        "k": ints(4, 2, 0, 1, 3).reshape(1, 1, 1, 5),
        "c": np.float32(-9),
    }
    model = made(
        nodes, {"x": [N, 4, 6, 5], "mask": [N, 5]}, tensors, kinds={"mask": TensorProto.INT64}, rank=4
    )
    compare(model, {"x": X, "mask": (random(3, 5) > 0).astype(np.int64)})


def test_weights_go_through_a_file(tmp_path: Path) -> None:
    imported = import_onnx(exported(Encoder(), tokens(2)))
    save_weights(imported, tmp_path / "weights.safetensors")
    found = load_weights(tmp_path / "weights.safetensors", imported.blueprint)
    assert found.names == imported.names
    for owner, mine in imported.weights.items():
        assert all(tensor.equal(found.tensors[owner][key]) for key, tensor in mine.items())


def test_weights_in_another_file_of_the_folder_are_read(tmp_path: Path) -> None:
    path = _with_data_outside(tmp_path)
    imported = import_onnx(path)
    assert imported.blueprint.name == "model"
    (owned,) = imported.weights.values()
    assert owned["weight"].t().equal(torch.from_numpy(random(8, 5)))


# ---------------------------------------------------------------- hostile files


def _with_data_outside(folder: Path, **places: str) -> Path:
    """A model whose matrix lies in `weights.bin`, from byte 16."""
    model = onnx.load_from_string(made(node("MatMul", "x w"), {"x": [N, 8]}, {"w": random(8, 5)}))
    (tensor,) = model.graph.initializer
    (folder / "weights.bin").write_bytes(b"\0" * 16 + tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": "weights.bin", "offset": "16", "length": "160"} | places).items():
        tensor.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("places", "reason"),
    [
        ({"location": "../secret.bin"}, "outside the model's folder"),
        ({"location": "inner/../../secret.bin"}, "outside the model's folder"),
        ({"location": "/etc/passwd"}, "outside the model's folder"),
        ({"location": ""}, "outside the model's folder"),
        ({"location": "link.bin"}, "behind a link"),
        ({"location": "linked/secret.bin"}, "behind a link"),
        ({"location": "pipe"}, "is not a file"),
        ({"location": "."}, "outside the model's folder"),
        ({"location": "missing.bin"}, "cannot be read"),
        ({"offset": "17"}, "lie beyond"),
        ({"offset": "-1"}, "lie beyond"),
        ({"offset": "9" * 30}, "lie beyond"),
        ({"offset": "x"}, "not given by whole numbers"),
        ({"length": "8"}, "holds 8 for it"),
    ],
)
def test_data_outside_the_folder_or_of_another_length_is_refused(
    tmp_path: Path, places: dict[str, str], reason: str
) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\1" * 176)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    with pytest.raises(ImporterError, match=reason) as caught:
        import_onnx(_with_data_outside(folder, **places))
    assert "`w`" in str(caught.value)


def test_data_outside_is_refused_where_only_bytes_are_given(tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match="only bytes were given"):
        import_onnx(_with_data_outside(tmp_path).read_bytes())


def _changed(change: Callable[[Any], object]) -> bytes:
    nodes = [node("MatMul", "x w", "m"), node("Relu", "m")]
    nodes[1].name = "second"
    model = onnx.load_from_string(made(nodes, {"x": [N, 8]}, {"w": random(8, 5)}))
    change(model)
    return model.SerializeToString()


def _dims(*sizes: int) -> Callable[[Any], object]:
    def change(model: Any) -> None:
        model.graph.initializer[0].dims[:] = sizes

    return change


def _subgraph(model: Any) -> None:
    inner = helper.make_graph(
        [node("Relu", "m", "t")], "inner", [], [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)]
    )
    model.graph.node[1].CopyFrom(helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "c"))


def _cycle(model: Any) -> None:
    model.graph.node[0].input[0] = "y"


def _to_type(elements: int) -> Callable[[Any], object]:
    def change(model: Any) -> None:
        model.graph.initializer[0].data_type = elements

    return change


def _set(**fields: Any) -> Callable[[Any], object]:
    """Change fields of the second node."""

    def change(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.graph.node[1], name, value)

    return change


REFUSED: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", "no graph"),
    "text": (b"not a model at all", "not an ONNX model"),
    "half a model": (_changed(lambda model: None)[:-30], "not an ONNX model"),
    "a kind of field that is none": (b"\x0f", "unknown kind"),
    "a number without end": (b"\x08" + b"\xff" * 20, "does not end"),
    "millions of empty nodes": (
        b"\x08\x08\x3a\xc0\x84\x3d" + b"\x0a\x00" * 500_000 + b"\x08\x01" * 1_600_000,
        "parts",
    ),
    "graphs within graphs": (_changed(_subgraph), "If"),
    "more elements than bytes": (_changed(_dims(8, 6)), "asks for 192 bytes, it holds 160"),
    "fewer elements than bytes": (_changed(_dims(8, 4)), "asks for 128 bytes, it holds 160"),
    "gigabytes that are not there": (_changed(_dims(2**20, 2**20)), "limit is 1073741824"),
    "sizes beyond all numbers": (_changed(_dims(*[2**62] * 5)), "limit is"),
    "no elements, of sizes beyond all numbers": (_changed(_dims(0, 2**62, 2**62)), "its shape is"),
    "dropout that draws": (
        made(
            node("Dropout", "x r t"),
            {"x": [N, 8]},
            {"r": np.array(0.5, np.float32), "t": np.array([True])[0]},
        ),
        "it draws in evaluation too",
    ),
    "a negative size": (_changed(_dims(-8, -5)), r"shape is \[-8, -5\]"),
    "text for numbers": (_changed(_to_type(TensorProto.STRING)), "elements of type string"),
    "a type that is none": (_changed(_to_type(99)), "elements of type 99"),
    "a future op set": (_changed(lambda model: setattr(model.opset_import[0], "version", 99)), "version 99"),
    "an ancient op set": (_changed(lambda model: setattr(model.opset_import[0], "version", 6)), "version 6"),
    "no op set": (_changed(lambda model: model.ClearField("opset_import")), "version None"),
    "an op of others": (_changed(_set(domain="com.microsoft", op_type="FusedGelu")), "com.microsoft"),
    "an op that is none": (_changed(_set(op_type="Frobnicate")), "Frobnicate"),
    "an op that is none of ours": (_changed(_set(op_type="Round")), "Round  second: there is no op for it"),
    "a cycle": (_changed(_cycle), "need each other"),
    "a value that is not there": (
        _changed(lambda model: model.graph.ClearField("initializer")),
        "lacks the value `w`",
    ),
    "a result that is not there": (
        _changed(lambda model: setattr(model.graph.output[0], "name", "q")),
        "its result `q`",
    ),
    "a value given twice": (
        _changed(lambda model: model.graph.node.append(model.graph.node[1])),
        "`y` twice",
    ),
    "an attribute that is none": (
        _changed(lambda model: model.graph.node[1].attribute.append(helper.make_attribute("no", 1))),
        "no",
    ),
    "an input without a type": (
        _changed(lambda model: model.graph.input[0].ClearField("type")),
        "input|type",
    ),
    "an empty input": (
        _changed(lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 0)),
        "axis 0 is 0",
    ),
    "functions": (_changed(lambda model: model.functions.add(name="f", domain="d")), "functions"),
    "sparse tensors": (_changed(lambda model: model.graph.sparse_initializer.add()), "sparse"),
    "half precision": (
        made(
            node("MatMul", "x w"),
            {"x": [N, 8]},
            {"w": random(8, 5).astype(np.float16)},
            kinds={"x": TensorProto.FLOAT16, "y": TensorProto.FLOAT16},
        ),
        "convert the model to float32",
    ),
    "a constant of terabytes": (
        made(
            [node("ConstantOfShape", "s", "c"), node("Add", "x c")],
            {"x": [N, "a"]},
            {"s": ints(2**20, 2**20)},
            rank=2,
        ),
        "too large",
    ),
    "a stretched constant of terabytes": (
        made(
            [node("Expand", "c s", "e"), node("Add", "x e")],
            {"x": [N, "a"]},
            {"c": random(1), "s": ints(2**40)},
            rank=2,
        ),
        "too large",
    ),
    "a range of terabytes": (
        made(
            [node("Range", "a b c", "r"), node("Cast", "r", "f", to=1), node("Add", "x f")],
            {"x": [N, "a"]},
            {"a": ints(0)[0], "b": ints(2**60)[0], "c": ints(1)[0]},
            rank=2,
        ),
        "too large",
    ),
    "a constant that doubles": (
        made(
            [
                *[node("Concat", f"c{at} c{at}", f"c{at + 1}", axis=0) for at in range(60)],
                node("Add", "x c60"),
            ],
            {"x": [N, 8]},
            {"c0": random(8)},
            rank=2,
        ),
        "too large|not a valid",
    ),
    "a size that squares": (
        made(
            [
                node("Shape", "x", "s0"),
                *[node("Mul", f"s{at} s{at}", f"s{at + 1}") for at in range(60)],
                node("Expand", "c s60"),
            ],
            {"x": [N, "a"]},
            {"c": random(1)},
            rank=2,
        ),
        "too long|not a valid",
    ),
    "a size that grows": (
        made(
            [
                node("Shape", "x", "s"),
                *[node("Gather", f"s i{at}", f"t{at}") for at in range(5)],
                *[node("Add", f"t{at} t{at + 1}", f"t{at + 1}x") for at in range(4)],
                node("Mul", "t1x t2x", "a"),
                node("Mul", "t3x t4x", "b"),
                node("Mul", "a b", "s0"),
                *[node("Mul", f"s{at} s{at}", f"s{at + 1}") for at in range(60)],
                node("Reshape", "x s60"),
            ],
            {"x": [N, "a", "b", "c", "d"]},
            {f"i{at}": ints(at) for at in range(5)},
            rank=1,
        ),
        "too long|not a valid",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.timeout(20)
def test_a_hostile_file_is_refused_with_the_reason(name: str) -> None:
    model, reason = REFUSED[name]
    with pytest.raises(ImporterError, match=reason):
        import_onnx(model)


def test_a_file_on_which_the_rules_of_onnx_crash_is_refused_and_the_next_one_is_read() -> None:
    model = made(
        [node("Split", "x", "a b", axis=1, num_outputs=1), node("Add", "a b")],
        {"x": [N, 8]},
        opset=18,
        rank=2,
    )
    with pytest.raises(ImporterError, match="crashed"):
        import_onnx(model)
    assert import_onnx(VALID).open_batch


@pytest.mark.parametrize("op_type", ["RMSNormalization", "LayerNormalization", "Gather", "Flatten", "ArgMax"])
def test_an_axis_that_is_not_there_is_refused(op_type: str) -> None:
    tensors = {"s": ints(1)} if op_type == "Gather" else {"s": random(8)}
    inputs = "x" if op_type in ("Flatten", "ArgMax") else "x s"
    model = made(node(op_type, inputs, axis=7), {"x": [N, 8]}, tensors, opset=23, rank=2)
    with pytest.raises(ImporterError, match="axis"):
        import_onnx(model)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as opened:
        opened.truncate(2 << 30)
    with pytest.raises(ImporterError, match="the limit is 1073741824"):
        import_onnx(path)
    model = _changed(lambda model: None)
    with pytest.raises(ImporterError, match="the limit is 100"):
        import_onnx(model, max_bytes=100)
    with pytest.raises(ImporterError, match="is not a file"):
        import_onnx(tmp_path)
    with pytest.raises(ImporterError, match="cannot be read"):
        import_onnx(tmp_path / "missing.onnx")


def test_more_nodes_than_allowed_are_refused() -> None:
    chain = [node("Relu", f"v{at}", f"v{at + 1}") for at in range(1200)]
    model = made(chain, {"v0": [N, 2]}, outputs=["v1200"])
    with pytest.raises(LimitExceededError):
        import_onnx(model)
    assert len(import_onnx(model, max_nodes=2000, max_depth=2000).blueprint.nodes) == 1202
    longer = onnx.load_from_string(model)
    longer.graph.node.extend([node("Relu", "v0", f"w{at}") for at in range(20_000)])
    with pytest.raises(ImporterError, match="the limit is 20000"):
        import_onnx(longer.SerializeToString())


VALID = _changed(lambda model: None)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_file_is_imported_or_refused_and_nothing_else(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(VALID)
    for at, byte in changes:
        damaged[at] = byte
    with contextlib.suppress(EsperGraphError):
        import_onnx(bytes(damaged))


def test_the_command_line_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(VALID)
    command = ["blueprint", "import", str(path), "--print", "--weights", str(tmp_path / "tiny.safetensors")]
    done = CliRunner().invoke(root, command)
    assert done.exit_code == 0, done.output
    assert BlueprintIR.from_json(done.stdout).name == "tiny"
    assert (tmp_path / "tiny.safetensors").exists()
    assert CliRunner().invoke(root, [*command, "--input", "1x8"]).exit_code == 2
    assert CliRunner().invoke(root, ["blueprint", "import", "torch.nn:ReLU", "--print"]).exit_code == 2
