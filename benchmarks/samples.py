"""Blueprints to measure with: networks of ten nodes, all different, and cells of NAS-Bench-101."""

from itertools import pairwise
from random import Random

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.specs import EdgeSpec, NodeSpec
from esper_graph.ops import OPS, register_op
from esper_graph.ops.attributes import NoAttributes
from esper_graph.ops.opdef import Assumption, Inputs, OpDef
from esper_graph.ops.values import ValueType
from tests.nasbench import OPS as CELL_OPS
from tests.nasbench import Cell, wirings

LAST = "cell_output"
WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128)


def ten_nodes(number: int, prefix: str = "cell") -> BlueprintIR:
    """A network of ten nodes with a skip; `number` decides widths and kinds."""
    random = Random(number)
    hidden, inner = 1 + number % 4096, random.choice(WIDTHS)
    kind = random.choice(("relu", "gelu", "silu", "tanh"))
    nodes = [
        NodeSpec(id="input", op_type="input", attributes={"shape": [-1, 64]}),
        NodeSpec(
            id="norm", op_type="normalization", attributes={"type": "layer_norm", "normalized_shape": [64]}
        ),
        NodeSpec(id="fc1", op_type="linear", attributes={"in_features": 64, "out_features": hidden}),
        NodeSpec(id="act1", op_type="activation", attributes={"type": kind}),
        NodeSpec(id="fc2", op_type="linear", attributes={"in_features": hidden, "out_features": inner}),
        NodeSpec(id="act2", op_type="activation", attributes={"type": "relu"}),
        NodeSpec(id="drop", op_type="dropout", attributes={"p": 0.1}),
        NodeSpec(id="fc3", op_type="linear", attributes={"in_features": inner, "out_features": 64}),
        NodeSpec(id="sum", op_type="add"),
        NodeSpec(id="output", op_type="output"),
    ]
    names = [node.id for node in nodes]
    edges = [
        EdgeSpec(id=f"e{place}", source=one, target=other)
        for place, (one, other) in enumerate(pairwise(names))
    ]
    edges.append(EdgeSpec(id="skip", source="input", target="sum", connection_type="residual"))
    return BlueprintIR(
        id=f"{prefix}_{number}", name=f"{prefix} {number}", nodes=nodes, edges=edges, tags=["bench"]
    )


def random_cells(count: int, vertices: int, seed: int) -> list[Cell]:
    """Random cells with so many vertices, all different up to isomorphism."""
    random = Random(seed)
    all_wirings = list(wirings(vertices))
    found: dict[str, Cell] = {}
    while len(found) < count:
        cell = Cell(random.choice(all_wirings), tuple(random.choices(CELL_OPS, k=vertices - 2)))
        found.setdefault(cell_blueprint(cell).fingerprint, cell)
    return list(found.values())


def cell_blueprint(cell: Cell) -> BlueprintIR:
    """A cell of NAS-Bench-101 whose ops add up what arrives: its vertices are the nodes, beside an output."""
    for op_type in (*CELL_OPS, LAST):
        if op_type not in OPS:
            register_op(OpDef(op_type, "Custom", NoAttributes, ("inputs*",), _same_type, commutative=True))
    kinds = ("input", *cell.ops, LAST, "output")
    nodes = [
        NodeSpec(id=f"v{place}", op_type=kind, attributes={"shape": [-1, 8]} if kind == "input" else {})
        for place, kind in enumerate(kinds)
    ]
    edges = [
        EdgeSpec(id=f"e{number}", source=f"v{source}", target=f"v{target}")
        for number, (source, target) in enumerate((*cell.edges, (cell.vertices - 1, cell.vertices)))
    ]
    return BlueprintIR(name="cell", nodes=nodes, edges=edges)


def _same_type(attributes: object, inputs: Inputs, assumptions: list[Assumption]) -> tuple[ValueType, ...]:
    return (inputs[0],)
