"""What can be said of one node without its blueprint."""

from esper_graph.errors import (
    BadAttributeError,
    Problem,
    ShapeMismatchError,
    UnknownOpError,
    close_names,
    suggestion,
)
from esper_graph.ir.specs import NodeSpec
from esper_graph.ops import OPS
from esper_graph.ops.opdef import Assumption, OpDef, RuleError, settle, unknown_cost
from esper_graph.ops.values import TensorType


def op_of(node: NodeSpec) -> OpDef:
    """Return the definition of the node's op.

    Raises:
        UnknownOpError: The op type is not in the table.
    """
    op = OPS.get(node.op_type)
    if op is None:
        close = close_names(node.op_type, OPS)
        facts = {"node": node.id, "op_type": node.op_type, "close": close}
        raise UnknownOpError(
            Problem(
                "unknown_op", f"`{node.op_type}` is not an op", f"node `{node.id}`", suggestion(close), facts
            )
        )
    return op


def validate_node(node: NodeSpec) -> bool:
    """Check op type and attributes; see `NodeSpec.validate`."""
    _settled(node)
    return True


def estimate_node_flops(node: NodeSpec) -> int:
    """Count the FLOPs of one call; see `NodeSpec.estimate_flops`."""
    op, values = op_of(node), _settled(node)
    if op.cost is unknown_cost:
        raise UnknownOpError(
            Problem(
                "unknown_op",
                f"the work of `{node.id}` is not known: `{node.op_type}` is an op of torch",
                f"node `{node.id}`",
                "the cost of a blueprint names the nodes that it leaves out",
                {"node": node.id, "op_type": node.op_type},
            )
        )
    shape = _assumed_shape(node, values)
    inputs = [TensorType(shape) if required else None for required in op.required]
    if op.variadic:
        inputs += [TensorType(shape)] * op.least
    assumptions: list[Assumption] = []
    try:
        outputs = op.infer(values, inputs, assumptions)
        flops = op.cost(values, inputs, outputs).flops
    except RuleError as error:
        facts = {"node": node.id, "op_type": node.op_type, **error.facts}
        raise ShapeMismatchError(
            Problem("shape_mismatch", f"`{node.id}`: {error.message}", f"node `{node.id}`", error.hint, facts)
        ) from None
    assert isinstance(flops, int), "the input has no symbols"
    return flops


def _settled(node: NodeSpec) -> object:
    settled = settle(op_of(node), node.attributes)
    if settled.problems:
        raise BadAttributeError(
            *[
                Problem(
                    "bad_attribute",
                    one.message,
                    f"node `{node.id}`",
                    one.hint,
                    {"node": node.id, **one.facts},
                )
                for one in settled.problems
            ]
        )
    return settled.values


def _assumed_shape(node: NodeSpec, values: object) -> tuple[int, ...]:
    """The declared input with 1 for open sizes; for a linear node without one, a single row."""
    if node.input_shape is not None:
        return tuple(size if isinstance(size, int) and size > 0 else 1 for size in node.input_shape)
    features = getattr(values, "in_features", None)
    if isinstance(features, int):
        return (features,)
    if not op_of(node).inputs:
        return ()
    raise ShapeMismatchError(
        Problem(
            "shape_mismatch",
            f"the FLOPs of `{node.id}` ({node.op_type}) depend on its input; no `input_shape` is declared",
            f"node `{node.id}`",
            "declare `input_shape`, or ask the blueprint for its cost",
            {"node": node.id, "op_type": node.op_type},
        )
    )
