"""Embedding: rows of a table picked by number."""

from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from esper_graph.ops.attributes import Attributes, Size, Whole
from esper_graph.ops.opdef import Assumption, Inputs, Normal, OpDef, Parameter, RuleError
from esper_graph.ops.rules import tensor
from esper_graph.ops.values import TensorType


def _settle_padding_idx(value: int | None, info: ValidationInfo) -> int | None:
    rows = info.data.get("num_embeddings")
    if value is None or rows is None:
        return value
    if not -rows <= value < rows:
        raise ValueError(f"there is no such row; num_embeddings is {rows}")
    return value % rows


class Embedding(Attributes):
    """A table with a learned row for each number below `num_embeddings`.

    The row `padding_idx` starts at zero and is not trained; a negative one counts from the end.
    """

    num_embeddings: Size
    embedding_dim: Size
    padding_idx: Annotated[Whole | None, AfterValidator(_settle_padding_idx)] = None


def infer_embedding(a: Embedding, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """`[...]` of whole numbers gives `float32[..., embedding_dim]`."""
    x = tensor(inputs[0], "input")
    if x.dtype not in ("int32", "int64"):
        raise RuleError(
            f"port `input` takes int32 or int64 row numbers, not {x}",
            hint="insert `cast` to int64" if x.kind == "int" else "declare the input with an integer dtype",
            port="input",
            actual=str(x),
        )
    return (TensorType((*x.shape, a.embedding_dim)),)


def parameters_embedding(a: Embedding) -> tuple[Parameter, ...]:
    """The table, drawn from a standard normal distribution; its row `padding_idx` is then set to zero."""
    return (Parameter("weight", (a.num_embeddings, a.embedding_dim), Normal(1.0)),)


OPS: tuple[OpDef, ...] = (
    OpDef("embedding", "Embedding", Embedding, ("input",), infer_embedding, parameters=parameters_embedding),
)
