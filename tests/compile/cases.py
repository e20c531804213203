"""One small blueprint for each op at several settings of its attributes."""

from collections.abc import Iterator, Mapping
from typing import Any

from esper_graph.compile import blueprint_to_module
from esper_graph.compile.job import Mode
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.specs import EdgeSpec, FrozenDict, NodeSpec, freeze

ROWS = [-1, 8]
SAME = ["batch", 8]
SEQUENCE = [-1, -1, 16]
SIGNAL = [-1, 4, -1]
IMAGE = [-1, 4, -1, -1]


def single(op_type: str, attributes: Mapping[str, Any], *inputs: Any, ports: int = 1) -> BlueprintIR:
    """A blueprint of inputs, one op and an output for each of its ports."""
    nodes: list[NodeSpec] = []
    edges: list[EdgeSpec] = []
    for number, given in enumerate(inputs):
        shape, dtype = given if isinstance(given, tuple) else (given, "float32")
        nodes.append(
            NodeSpec(
                id=f"in{number}", op_type="input", attributes=FrozenDict(shape=tuple(shape), dtype=dtype)
            )
        )
        edges.append(EdgeSpec(id=f"e{number}", source=f"in{number}", target="op"))
    nodes.append(NodeSpec(id="op", op_type=op_type, attributes=FrozenDict(freeze(attributes))))
    for port in range(ports):
        nodes.append(NodeSpec(id=f"out{port}", op_type="output"))
        edges.append(EdgeSpec(id=f"o{port}", source="op", target=f"out{port}", source_port=port))
    return BlueprintIR(name=op_type, nodes=nodes, edges=edges)


def compiled(blueprint: BlueprintIR, mode: Mode = "train", seed: int = 0) -> Any:
    """The kernel of a blueprint, loaded; a script module has more methods than `Module` declares."""
    return blueprint_to_module(blueprint, mode=mode, seed=seed)


def positive(op_type: str, attributes: Mapping[str, Any], *inputs: Any) -> BlueprintIR:
    """Like `single`, but the op sees numbers above zero only."""
    b = Builder(op_type, name=op_type)
    wires = [b.add(b.exp(b.input(list(shape))), scalar=0.1) for shape in inputs]
    b.output(getattr(b, op_type)(*wires, **attributes))
    return b.finish()


PLAIN_ACTIVATIONS = (
    *("relu", "relu6", "selu", "silu", "mish", "sigmoid", "hardsigmoid", "hardswish", "tanh", "softsign"),
    *("tanhshrink", "logsigmoid", "leaky_relu", "elu", "celu", "gelu", "hardtanh", "softplus", "softshrink"),
    *("hardshrink", "glu", "prelu", "softmax", "log_softmax"),
)

SINGLE: Mapping[str, list[tuple[Any, ...]]] = {
    "linear": [
        ({"in_features": 8, "out_features": 3}, ROWS),
        ({"in_features": 16, "out_features": 3, "bias": False}, SEQUENCE),
    ],
    "matmul": [
        ({}, [-1, 4, 8], ["batch", 8, 6]),
        ({"transpose_a": True, "transpose_b": True}, [-1, 8, 4], [1, 6, 8]),
    ],
    "einsum": [
        ({"equation": "bi,bj->bij"}, ROWS, SAME),
        ({"equation": "bij,jk,k->ib"}, [-1, 3, 4], [4, 5], [5]),
        ({"equation": "bii->b"}, [-1, 3, 3]),
    ],
    "activation": [
        *[({"type": kind}, ROWS) for kind in PLAIN_ACTIVATIONS],
        ({"type": "gelu", "approximate": "tanh"}, ROWS),
        ({"type": "threshold", "threshold": 0.1, "value": 2}, ROWS),
        ({"type": "leaky_relu", "negative_slope": 0.3}, ROWS),
        ({"type": "elu", "alpha": 0.5}, ROWS),
        ({"type": "celu", "alpha": 2.0}, ROWS),
        ({"type": "hardtanh", "min_val": -0.5, "max_val": 0.25}, ROWS),
        ({"type": "softplus", "beta": 2.0, "threshold": 1.0}, ROWS),
        ({"type": "softshrink", "lambd": 0.0}, ROWS),
        ({"type": "prelu", "num_parameters": 4, "init": 0.1}, IMAGE),
        ({"type": "glu", "dim": 1}, IMAGE),
        ({"type": "softmax", "dim": 1, "temperature": 0.3}, IMAGE),
        ({"type": "log_softmax", "dim": 0, "temperature": 2.0}, ROWS),
    ],
    "softmax": [({}, ROWS), ({"dim": 1, "temperature": 2.5}, SEQUENCE)],
    "conv1d": [
        ({"in_channels": 4, "out_channels": 6, "kernel_size": 3, "padding": 1, "stride": 2}, SIGNAL),
        ({"in_channels": 4, "out_channels": 4, "kernel_size": 4, "padding": "same", "groups": 4}, SIGNAL),
        (
            {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "padding": 2, "padding_mode": "circular"},
            SIGNAL,
        ),
    ],
    "conv2d": [
        ({"in_channels": 4, "out_channels": 6, "kernel_size": 3}, IMAGE),
        ({"in_channels": 4, "out_channels": 6, "kernel_size": [3, 2], "stride": [2, 1], "groups": 2}, IMAGE),
        ({"in_channels": 4, "out_channels": 4, "kernel_size": 3, "dilation": 2, "padding": [2, 1]}, IMAGE),
        ({"in_channels": 4, "out_channels": 4, "kernel_size": 4, "padding": "same", "bias": False}, IMAGE),
        (
            {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
            IMAGE,
        ),
        (
            {
                "in_channels": 4,
                "out_channels": 2,
                "kernel_size": 3,
                "padding": 1,
                "padding_mode": "replicate",
            },
            IMAGE,
        ),
    ],
    "conv_transpose2d": [
        ({"in_channels": 4, "out_channels": 6, "kernel_size": 2, "stride": 2}, IMAGE),
        (
            {
                "in_channels": 4,
                "out_channels": 6,
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
                "output_padding": 1,
                "groups": 2,
                "dilation": 2,
                "bias": False,
            },
            IMAGE,
        ),
    ],
    "normalization": [
        ({"type": "layer_norm", "normalized_shape": [16]}, SEQUENCE),
        ({"type": "layer_norm", "normalized_shape": [4, 8], "eps": 1e-3, "bias": False}, [-1, 4, 8]),
        ({"type": "layer_norm", "normalized_shape": [16], "elementwise_affine": False}, SEQUENCE),
        ({"type": "rms_norm", "normalized_shape": [16]}, SEQUENCE),
        ({"type": "rms_norm", "normalized_shape": [16], "eps": 1e-3, "elementwise_affine": False}, SEQUENCE),
        ({"type": "batch_norm", "num_features": 4}, IMAGE),
        ({"type": "batch_norm", "num_features": 8, "momentum": None, "eps": 1e-3}, ROWS),
        ({"type": "batch_norm", "num_features": 4, "track_running_stats": False, "affine": False}, IMAGE),
        ({"type": "group_norm", "num_groups": 2, "num_channels": 4}, IMAGE),
        ({"type": "group_norm", "num_groups": 1, "num_channels": 4, "affine": False}, SIGNAL),
        ({"type": "instance_norm", "num_features": 4}, IMAGE),
        ({"type": "instance_norm", "num_features": 4, "affine": True, "track_running_stats": True}, IMAGE),
    ],
    "pooling": [
        ({"type": "max_pool2d", "kernel_size": 2}, IMAGE),
        ({"type": "max_pool2d", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, IMAGE),
        ({"type": "max_pool2d", "kernel_size": 2, "dilation": 2}, IMAGE),
        ({"type": "avg_pool2d", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, IMAGE),
        ({"type": "avg_pool2d", "kernel_size": 3, "padding": 1, "count_include_pad": False}, IMAGE),
        ({"type": "avg_pool2d", "kernel_size": 2, "divisor_override": 3}, IMAGE),
        ({"type": "max_pool1d", "kernel_size": 3, "stride": 2}, SIGNAL),
        ({"type": "avg_pool1d", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, SIGNAL),
        ({"type": "adaptive_avg_pool2d", "output_size": 1}, IMAGE),
        ({"type": "adaptive_max_pool2d", "output_size": [None, 3]}, IMAGE),
        ({"type": "adaptive_avg_pool1d", "output_size": 4}, SIGNAL),
        ({"type": "adaptive_max_pool1d", "output_size": 2}, SIGNAL),
    ],
    "attention": [
        ({"embed_dim": 16, "num_heads": 4}, SEQUENCE),
        ({"embed_dim": 16, "num_heads": 4, "num_kv_heads": 2, "causal": True, "bias": False}, SEQUENCE),
        ({"embed_dim": 16, "num_heads": 2, "batch_first": False}, [-1, "n", 16], ["m", "n", 16]),
        (
            {"embed_dim": 16, "num_heads": 2, "kdim": 8, "vdim": 4},
            SEQUENCE,
            ["batch", "m", 8],
            ["batch", "m", 4],
        ),
        (
            {"embed_dim": 16, "num_heads": 2},
            SEQUENCE,
            ["batch", "m", 16],
            ["batch", "m", 16],
            (["d0_1", "m"], "bool"),
        ),
        (
            {"embed_dim": 16, "num_heads": 2, "causal": True},
            *(SEQUENCE, ["batch", "m", 16], ["batch", "m", 16], ["batch", 2, "d0_1", "m"]),
        ),
    ],
    "dot_product_attention": [
        ({}, [-1, -1, 8], ["batch", "m", 8], ["batch", "m", 6]),
        ({"causal": True, "scale": 0.3}, [-1, 2, "n", 8], ["batch", 2, "m", 8], ["batch", 2, "m", 6]),
        ({"causal": True}, [-1, "n", 8], ["batch", "n", 8], ["batch", "n", 6], ([1, "n", "n"], "bool")),
    ],
    "embedding": [
        ({"num_embeddings": 10, "embedding_dim": 4}, ([-1, -1], "int64")),
        ({"num_embeddings": 5, "embedding_dim": 3, "padding_idx": -1}, ([-1], "int32")),
    ],
    "add": [({}, ROWS, ["batch", 1], SAME), ({"scalar": 2.5}, ROWS), ({}, ROWS, ([8], "int64"))],
    "multiply": [({}, ROWS, [1]), ({"scalar": -0.5}, ROWS), ({"scalar": 3}, (ROWS, "int32"))],
    "sub": [({}, ROWS, SAME), ({"scalar": 1}, ROWS)],
    "div": [({"scalar": 4}, ROWS), ({"scalar": 4}, (ROWS, "int64"))],
    "pow": [({"scalar": 2}, ROWS), ({"scalar": 3}, (ROWS, "int64"))],
    "compare": [
        *[({"operation": name}, ROWS, SAME) for name in ("lt", "le", "gt", "ge", "eq", "ne")],
        ({"operation": "gt", "scalar": 0.5}, (ROWS, "int64")),
    ],
    "maximum": [({}, ROWS, ["batch", 1], SAME)],
    "minimum": [({}, ROWS, SAME)],
    "clamp": [({"min": -0.5, "max": 0.5}, ROWS), ({"max": 3}, (ROWS, "int64"))],
    "where": [({}, (ROWS, "bool"), SAME, [1])],
    **{op: [({}, ROWS)] for op in ("exp", "sin", "cos", "abs", "neg")},
    "identity": [({}, ROWS)],
    "detach": [({}, ROWS)],
    "cast": [
        ({"dtype": "int64"}, ROWS),
        ({"dtype": "float32"}, (ROWS, "bool")),
        ({"dtype": "complex64"}, ROWS),
    ],
    "reshape": [({"shape": [-1, 2, 4]}, ROWS), ({"shape": ["batch*d0_1", 16]}, SEQUENCE)],
    "flatten": [({}, IMAGE), ({"start_dim": 0, "end_dim": 1}, SEQUENCE)],
    "unflatten": [({"sizes": [2, -1]}, ROWS), ({"dim": 1, "sizes": [-1, 2, 1]}, IMAGE)],
    "transpose": [({"dim0": 1, "dim1": -1}, SEQUENCE)],
    "permute": [({"dims": [0, 2, 3, 1]}, IMAGE)],
    "expand": [({"shape": [3, -1, 8]}, ["batch", 1]), ({"shape": ["batch", 4, 2]}, [1, 4, 1], [-1, 3])][:1],
    "concat": [({}, ROWS, ["batch", 3]), ({"dim": 0}, ROWS, SAME)],
    "stack": [({}, ROWS, SAME), ({"dim": 1}, ROWS, SAME, SAME)],
    "slice": [({"start": 1, "end": -1, "step": 2}, ROWS), ({"dim": 1, "start": -2}, SEQUENCE)],
    "pad": [
        ({"padding": [1, 2]}, ROWS),
        ({"padding": [1, 0, 2, 1], "value": -1.5}, IMAGE),
        ({"padding": [0, 1], "value": 2}, (ROWS, "int64")),
        ({"padding": [1, 2], "mode": "reflect"}, ROWS),
        ({"padding": [1, 1], "mode": "reflect"}, IMAGE),
        ({"padding": [1, 2, 0, 3], "mode": "replicate"}, IMAGE),
        ({"padding": [2, 1], "mode": "circular"}, SIGNAL),
    ],
    "gather": [({}, [-1, 4, 5], (["batch", 4, 2], "int64")), ({"dim": 0}, [7, 3], ([2, 3], "int64"))],
    "roll": [({"shifts": 2}, ROWS), ({"shifts": [1, -2], "dim": [1, 2]}, SEQUENCE)],
    "interpolate": [
        ({"scale_factor": 2}, IMAGE),
        ({"scale_factor": [1.5, 0.5], "mode": "bilinear"}, IMAGE),
        ({"size": [5, 7], "mode": "bilinear", "align_corners": True}, IMAGE),
        ({"scale_factor": 2, "mode": "bicubic"}, IMAGE),
        ({"size": 7, "mode": "nearest"}, IMAGE),
        ({"size": 7, "mode": "nearest-exact"}, IMAGE),
        ({"size": 5, "mode": "area"}, SIGNAL),
        ({"scale_factor": 3, "mode": "linear"}, SIGNAL),
        ({"scale_factor": 2, "mode": "trilinear"}, [-1, 2, 3, 4, 5]),
    ],
    "cumsum": [
        ({}, ROWS),
        ({"dim": 1}, SEQUENCE),
        ({"dim": 0}, (ROWS, "int64")),
    ],
    "reduce": [
        *[
            ({"operation": name}, ROWS)
            for name in ("mean", "sum", "max", "min", "std", "var", "norm", "prod")
        ],
        *[
            ({"operation": name, "dim": [0, -1], "keepdim": False}, SEQUENCE)
            for name in ("mean", "sum", "max", "min", "std", "var", "norm", "prod")
        ],
        ({"operation": "norm", "dim": -1, "ord": 1}, ROWS),
        ({"operation": "norm", "dim": -1, "ord": "inf"}, ROWS),
        ({"operation": "argmax", "dim": -1}, ROWS),
        ({"operation": "argmin"}, ROWS),
        ({"operation": "sum", "dim": 1}, (ROWS, "int32")),
        ({"operation": "any", "dim": [0, 1]}, (ROWS, "bool")),
        ({"operation": "all", "dim": 1, "keepdim": False}, (ROWS, "bool")),
        ({"operation": "max", "dim": 1}, (ROWS, "bool")),
    ],
    "dropout": [({"p": 0.3}, ROWS), ({"p": 0.0}, ROWS)],
    "feature_dropout": [({"p": 0.3}, ROWS), ({"p": 0.0}, ROWS)],
    "alpha_dropout": [({"p": 0.3}, ROWS), ({"feature": True}, ROWS), ({"p": 0.0}, ROWS)],
    "noise": [
        ({"std": 0.5}, ROWS),
        ({"std": 0.5, "training_only": False}, ROWS),
        ({"std": 0.0, "training_only": False}, ROWS),
    ],
    "hartley": [({}, SEQUENCE), ({"dim": 1, "norm": "forward"}, SEQUENCE), ({"norm": "backward"}, ROWS)],
    "fft": [({}, ROWS), ({"dim": 1, "norm": "ortho"}, SEQUENCE)],
    "ifft": [({}, (ROWS, "complex64")), ({"dim": 1, "norm": "forward"}, (SEQUENCE, "complex64"))],
    "weighted_sum": [
        ({"num_inputs": 2}, [-1, 2], ["batch", 5, 3], ["batch", 5, 3]),
        ({"num_inputs": 1}, [-1, 4, 1], ["batch", 4]),
    ],
}


def _several_ports() -> Iterator[tuple[str, BlueprintIR]]:
    yield "split", single("split", {"sizes": [3, 5]}, ROWS, ports=2)
    yield "split", single("split", {"chunks": 3, "dim": 0}, [-1, 2], ports=3)
    for kind, ports in (("lstm", 3), ("gru", 2)):
        small = {"type": kind, "input_size": 16, "hidden_size": 5}
        yield "recurrent", single("recurrent", small, SEQUENCE, ports=ports)
        large = {**small, "num_layers": 2, "bidirectional": True, "bias": False, "batch_first": False}
        yield "recurrent", single("recurrent", large, SEQUENCE, ports=ports)


def _built() -> Iterator[tuple[str, BlueprintIR]]:
    for op_type, attributes in (
        *(
            ("log", {}),
            ("sqrt", {}),
            ("rsqrt", {}),
            ("pow", {"scalar": 2.5}),
            ("entropy", {}),
            ("div", {"scalar": 3}),
        ),
        ("entropy", {"dim": 0, "keepdim": False}),
    ):
        yield op_type, positive(op_type, attributes, ROWS)
    yield "div", positive("div", {}, ROWS, SAME)
    yield "pow", positive("pow", {}, ROWS, ["batch", 1])
    for k, capacity, drop in (
        (1, None, False),
        (2, None, False),
        (2, 1.25, False),
        (1, 1.0, True),
        (3, 0.5, True),
    ):
        yield "topk_gating", experts(k, capacity, drop=drop)
    b = Builder("constants", name="constants")
    x = b.input([-1, 3])
    b.output(b.add(x, b.constant(value=[1, 2, 3]), b.constant(value=0.5, shape=["batch", 1])))
    yield "constant", b.finish()
    b = Builder("parameters", name="parameters")
    x = b.input([-1, 3])
    scaled = b.multiply(x, b.parameter([3], value=0.5, id="scale"))
    b.output(b.add(scaled, b.parameter([1, 3], std=0.1), b.parameter([3], value=2.0, trainable=False)))
    yield "parameter", b.finish()
    b = Builder("spectrum", name="spectrum")
    b.output(b.ifft(b.linear(b.fft(b.input([-1, 8])), in_features=8, out_features=8)))
    yield "linear", b.finish()
    b = Builder("layer", name="layer")
    x = b.input([-1, "tokens", 4])
    b.output(b.add(b.linear(x, in_features=4, out_features=4), x))
    layer = b.finish()
    b = Builder("tower", name="tower")
    first = b.block(layer, b.input([-1, "tokens", 4]))
    b.output(b.block(layer, b.block(layer, first), shares=first))
    yield "block", b.finish()
    b = Builder("probed", name="probed")
    h = b.linear(b.input([-1, 4]), in_features=4, out_features=4)
    b.telemetry(b.reduce(h, operation="mean"), metric_name="mean of h")
    b.gradient_norm(h)
    b.output(h)
    yield "telemetry", b.finish()


def experts(k: int, capacity: float | None, *, drop: bool = False, count: int = 4) -> BlueprintIR:
    """A layer of `count` linear experts."""
    b = Builder("experts", name="experts")
    x = b.input([-1, "tokens", 6])
    gating = b.topk_gating(
        b.linear(x, in_features=6, out_features=count, bias=False, id="router"),
        k=k,
        capacity_factor=capacity,
        drop_in_eval=drop,
        id="gate",
    )
    outputs = [b.linear(x, in_features=6, out_features=5) for _ in range(count)]
    b.moe_aux_loss(gating, loss_coef=0.1, id="balance")
    b.output(b.moe_combine(gating, *outputs, num_experts=count, top_k=k))
    return b.finish()


def all_cases() -> list[tuple[str, BlueprintIR]]:
    """Op types with blueprints that show them."""
    found = [
        (op_type, single(op_type, attributes, *inputs))
        for op_type, cases in SINGLE.items()
        for attributes, *inputs in cases
    ]
    return [*found, *_several_ports(), *_built()]
