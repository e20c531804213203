"""Blueprints whose sizes do all that shape rules can do to sizes, as a hypothesis strategy."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from esper_graph.ops import OPS
from esper_graph.ops.dims import parse, product, symbols
from esper_graph.ops.opdef import OpDef, RuleError, inferred, settle
from esper_graph.ops.values import TensorType

SHAPES: list[list[int | str]] = [
    [-1, 4, -1, -1],
    [-1, 4, "side", "side"],
    [2, 2, "4*n", "n + 3"],
    [-1, -1, 4],
    [-1, "4*n", "n"],
    ["n", "m"],
]


@st.composite
def sized_blueprints(draw: st.DrawFn, *, most: int = 6) -> BlueprintIR:
    """Values of open sizes go through ops that cut, stretch, merge and split them.

    Shapes fit by the rules of inference, but for the last op now and then; with small sizes they may not.
    """
    maker = _Maker(draw)
    for _ in range(draw(st.integers(1, 2))):
        maker.add("input", {"shape": draw(st.sampled_from(SHAPES)), "index": len(maker.nodes)})
    for _ in range(draw(st.integers(1, most))):
        maker.step()
    return maker.finish()


class _Maker:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.nodes: list[NodeSpec] = []
        self.edges: list[EdgeSpec] = []
        self.values: list[tuple[str, int, TensorType]] = []
        self.faulty = False

    def add(self, op_type: str, attributes: Mapping[str, Any], *inputs: tuple[str, int, TensorType]) -> None:
        """Add a node if its shapes fit; now and then one whose shapes do not, and nothing after it."""
        op = OPS[op_type]
        settled = settle(op, NodeSpec(id="n", op_type=op_type, attributes=attributes).attributes)
        if self.faulty or settled.values is None or not self.known(op, settled.values):
            return
        outputs: tuple[Any, ...] = ()
        try:
            outputs, _ = inferred(settled, tuple(kind for _, _, kind in inputs))
        except RuleError:
            if self.draw(st.integers(0, 9)):
                return
            self.faulty = True
        name = f"n{len(self.nodes)}"
        self.nodes.append(NodeSpec(id=name, op_type=op_type, attributes=attributes))
        self.edges += [
            EdgeSpec(id=f"{name}_{slot}", source=source, source_port=port, target=name, target_port=slot)
            for slot, (source, port, _) in enumerate(inputs)
        ]
        self.values += [(name, port, kind) for port, kind in enumerate(outputs)]

    def known(self, op: OpDef, values: Any) -> bool:
        """Whether some input defines the symbols in the attributes."""
        defined = {
            name
            for source, _, kind in self.values
            for node in self.nodes
            if node.id == source and node.op_type == "input"
            for size in kind.shape
            for name in symbols(size)
        }
        used = {
            name
            for attribute in op.expressions
            for entry in getattr(values, attribute) or ()
            for name in (symbols(parse(entry)) if isinstance(entry, str) else ())
        }
        return used <= defined

    def step(self) -> None:
        """Add one op to some value."""
        value = self.draw(st.sampled_from(self.values))
        kind = value[2]
        choices = [*_ANY, *(_IMAGE if kind.rank == 4 and isinstance(kind.shape[1], int) else ())]
        op_type, attributes = self.draw(st.sampled_from(choices))(self.draw, kind)
        inputs = [value]
        if op_type in ("add", "concat", "matmul", "maximum"):
            inputs.append(self.draw(st.sampled_from(self.values)))
        self.add(op_type, attributes, *inputs)

    def finish(self) -> BlueprintIR:
        used = {(edge.source, edge.source_port) for edge in self.edges}
        for source, port, _ in [one for one in self.values if one[:2] not in used]:
            name = f"out{len(self.nodes)}"
            self.nodes.append(NodeSpec(id=name, op_type="output"))
            self.edges.append(EdgeSpec(id=f"{name}_0", source=source, source_port=port, target=name))
        if self.faulty:
            self.nodes.append(NodeSpec(id="out", op_type="output"))
            faulty = next(node.id for node in reversed(self.nodes) if node.op_type != "output")
            self.edges.append(EdgeSpec(id="last", source=faulty, target="out"))
        return BlueprintIR(name="sized", nodes=self.nodes, edges=self.edges)


_Choice = Callable[[st.DrawFn, TensorType], tuple[str, dict[str, Any]]]


def _axis(draw: st.DrawFn, kind: TensorType) -> int:
    return draw(st.integers(0, max(kind.rank - 1, 0)))


def _conv(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    kernel = draw(st.integers(1, 5))
    return "conv2d", {
        "in_channels": kind.shape[1],
        "out_channels": draw(st.sampled_from([1, 2, 4])),
        "kernel_size": [kernel, draw(st.integers(1, 3))],
        "stride": draw(st.integers(1, 3)),
        "dilation": draw(st.integers(1, 2)),
        "padding": draw(st.integers(0, 3)),
        "padding_mode": draw(st.sampled_from(["zeros", "reflect", "circular", "replicate"])),
    }


def _transposed(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    sizes = {"kernel_size": draw(st.integers(1, 3)), "stride": draw(st.integers(1, 3))}
    padding = draw(st.integers(0, 2))
    return "conv_transpose2d", {"in_channels": kind.shape[1], "out_channels": 2, "padding": padding, **sizes}


def _pooling(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    kernel = draw(st.integers(1, 4))
    return "pooling", {
        "type": draw(st.sampled_from(["max_pool2d", "avg_pool2d"])),
        "kernel_size": kernel,
        "stride": draw(st.integers(1, 3)),
        "padding": draw(st.integers(0, kernel // 2)),
        "ceil_mode": draw(st.booleans()),
    }


def _interpolate(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    return "interpolate", {"scale_factor": draw(st.sampled_from([0.25, 0.5, 1.5, 2.0]))}


def _instance_norm(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    return "normalization", {"type": "instance_norm", "num_features": kind.shape[1]}


def _slice(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    return "slice", {
        "dim": _axis(draw, kind),
        "start": draw(st.integers(-4, 4)),
        "end": draw(st.none() | st.integers(-3, 6)),
        "step": draw(st.integers(1, 3)),
    }


def _pad(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    count = draw(st.integers(1, 2))
    padding = draw(st.lists(st.integers(0, 3), min_size=2 * count, max_size=2 * count))
    return "pad", {"padding": padding, "mode": draw(st.sampled_from(["constant", "reflect", "circular"]))}


def _split(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    return "split", {"dim": _axis(draw, kind), "chunks": draw(st.integers(1, 3))}


def _unflatten(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    return "unflatten", {"dim": _axis(draw, kind), "sizes": [draw(st.integers(1, 4)), -1]}


def _reshape(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    text = str(product(kind.shape))
    if len(text) < 200 and draw(st.booleans()):
        return "reshape", {"shape": [text if symbols(product(kind.shape)) else int(text)]}
    return "reshape", {"shape": [draw(st.sampled_from([1, 2, 4, "n", "batch"])), -1]}


def _flatten(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    start = _axis(draw, kind)
    return "flatten", {"start_dim": start, "end_dim": draw(st.integers(start, max(kind.rank - 1, start)))}


def _expand(draw: st.DrawFn, kind: TensorType) -> tuple[str, dict[str, Any]]:
    return "expand", {"shape": [draw(st.sampled_from([3, "n", "n - 2", "2*side"])), *[-1] * kind.rank]}


_ANY: list[_Choice] = [
    _slice,
    _pad,
    _split,
    _unflatten,
    _reshape,
    _flatten,
    _expand,
    lambda draw, kind: ("activation", {"type": "glu", "dim": _axis(draw, kind)}),
    lambda draw, kind: ("transpose", {"dim0": _axis(draw, kind), "dim1": _axis(draw, kind)}),
    lambda draw, kind: ("add", {}),
    lambda draw, kind: ("maximum", {}),
    lambda draw, kind: ("matmul", {"transpose_b": True}),
    lambda draw, kind: ("concat", {"dim": _axis(draw, kind)}),
    lambda draw, kind: ("reduce", {"operation": "mean", "dim": _axis(draw, kind)}),
]
_IMAGE: list[_Choice] = [_conv, _conv, _conv, _transposed, _pooling, _pooling, _interpolate, _instance_norm]
