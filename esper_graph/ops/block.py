"""A use of another blueprint as one node."""

from typing import Annotated

from pydantic import Field

from esper_graph.ops.attributes import Attributes, SizeText
from esper_graph.ops.opdef import Assumption, Inputs, OpDef, RuleError
from esper_graph.ops.values import ValueType


class Block(Attributes):
    """A blueprint that stands for one node; its definition travels in the `blocks` of the blueprint around.

    Attributes:
        blueprint: Fingerprint of the definition.
        bindings: A size for each symbol of the definition, in the order in which its inputs define them.
        outputs: How many results the definition has.
    """

    blueprint: Annotated[str, Field(pattern=r"^f[0-9]+:[0-9a-f]{64}$")]
    bindings: tuple[SizeText, ...] = ()
    outputs: Annotated[int, Field(ge=1, le=1000)] = 1


def infer_block(a: Block, inputs: Inputs, assumptions: list[Assumption]) -> tuple[ValueType, ...]:
    """Types follow from the definition, which only the blueprint around has: see `ir.blocks`."""
    raise RuleError(f"the definition {a.blueprint} is not at hand")


def outputs_block(a: Block) -> tuple[str, ...]:
    """`output`, or `outputs.0`, `outputs.1` … in the order of the definition's outputs."""
    return ("output",) if a.outputs == 1 else tuple(f"outputs.{index}" for index in range(a.outputs))


OPS: tuple[OpDef, ...] = (
    OpDef(
        "block",
        "Block",
        Block,
        ("inputs*",),
        infer_block,
        outputs=outputs_block,
        least=0,
        expressions=("bindings",),
    ),
)
