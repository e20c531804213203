"""Attention: the multi-head layer with its projections, and the bare scaled dot product.

Both take a mask: of bool elements True lets a pair of positions see one another; of floating-point elements
the numbers are added to the scores. `causal` hides later keys: query `i` sees the keys up to `i`. Given both,
both hold. A query that sees nothing gets zeros.
"""

from math import sqrt
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from esper_graph.ops.attributes import Attributes, Positive, Probability, Size
from esper_graph.ops.dims import Dim, product
from esper_graph.ops.forms import like
from esper_graph.ops.opdef import Assumption, Cost, Fill, Inputs, OpDef, Parameter, RuleError, Uniform
from esper_graph.ops.rules import floating, of_rank, one_dtype, shown, tensor
from esper_graph.ops.values import TensorType, ValueType


class Attention(Attributes):
    """Multi-head attention: `num_heads` dot products of projected queries, keys and values, projected back.

    The query alone means self-attention; query and key alone, that values are projected from the keys.
    `dropout` acts on the attention weights, in training. With fewer `num_kv_heads`, several heads share a
    key and value. Unlike torch's module, batches come first by default.
    """

    embed_dim: Size
    num_heads: Size
    dropout: Probability = 0.0
    bias: bool = True
    batch_first: bool = True
    causal: bool = False
    kdim: Annotated[Size, like("embed_dim")] = Field(default=None, validate_default=True)
    vdim: Annotated[Size, like("embed_dim")] = Field(default=None, validate_default=True)
    num_kv_heads: Annotated[Size, like("num_heads")] = Field(default=None, validate_default=True)

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        for whole, part in (("embed_dim", "num_heads"), ("num_heads", "num_kv_heads")):
            if getattr(self, whole) % getattr(self, part):
                raise ValueError(
                    f"{whole}={getattr(self, whole)} is not a multiple of {part}={getattr(self, part)}"
                )
        return self

    @property
    def stochastic(self) -> bool:
        """Whether two calls in training may differ."""
        return self.dropout > 0

    @property
    def head_dim(self) -> int:
        """Features of one head."""
        return self.embed_dim // self.num_heads

    @property
    def kv_features(self) -> int:
        """Features of all projected keys, and of all projected values."""
        return self.head_dim * self.num_kv_heads

    @property
    def packed(self) -> bool:
        """Whether one matrix, `in_proj_weight`, holds the three projections."""
        return self.kdim == self.vdim == self.embed_dim and self.num_kv_heads == self.num_heads


class DotProductAttention(Attributes):
    """Means of `value` weighted by the softmax of `scale * query @ key`; no parameters.

    `scale` None is one over the root of the query's last axis. `dropout` acts on the weights, in training.
    """

    causal: bool = False
    scale: Positive | None = None
    dropout: Probability = 0.0

    @property
    def stochastic(self) -> bool:
        """Whether two calls in training may differ."""
        return self.dropout > 0


def _axis(x: TensorType, axis: int, wanted: Dim, what: str, port: str) -> None:
    if x.shape[axis] != wanted:
        raise RuleError(
            f"axis {axis} of {x} at port `{port}` is not {what}",
            port=port,
            expected=str(wanted),
            actual=str(x),
        )


def _check_mask(value: ValueType | None, scores: tuple[Dim, ...], dtype: str) -> None:
    """A mask stretches to the scores, aligned at the last axis; its sizes are theirs, or 1."""
    if value is None:
        return
    mask = tensor(value, "mask")
    if mask.dtype not in ("bool", dtype):
        raise RuleError(
            f"port `mask` takes bool or {dtype} elements, not {mask}",
            hint="insert `cast` to bool",
            port="mask",
            expected=f"bool or {dtype}",
            actual=str(mask),
        )
    pairs = list(zip(reversed(mask.shape), reversed(scores), strict=False))
    if mask.rank > len(scores) or any(size not in (1, full) for size, full in pairs):
        raise RuleError(
            f"the mask {mask} does not stretch to the scores {shown(scores)}",
            hint="its axes are those of the scores, aligned at the last one, or 1; add axes with `unflatten`",
            port="mask",
            expected=shown(scores),
            actual=str(mask),
        )


def _sources(a: Attention, inputs: Inputs) -> tuple[TensorType, TensorType, TensorType]:
    """The tensors that queries, keys and values are projected from."""
    query, key, value = inputs[0], inputs[1], inputs[2]
    if key is None and value is not None:
        raise RuleError(
            "port `value` is fed, but port `key` is not", hint="feed `key` too, or only `query`", port="key"
        )
    key = query if key is None else key
    layout = "[batch, length, features]" if a.batch_first else "[length, batch, features]"
    q, k, v = (
        of_rank(floating(x, port), (3,), layout, port)
        for x, port in ((query, "query"), (key, "key"), (key if value is None else value, "value"))
    )
    return q, k, v


def _batch_and_length(a: Attention, x: TensorType) -> tuple[Dim, Dim]:
    return (x.shape[0], x.shape[1]) if a.batch_first else (x.shape[1], x.shape[0])


def infer_attention(a: Attention, inputs: Inputs, assumptions: list[Assumption]) -> tuple[TensorType, ...]:
    """The shape of the query; keys and values have its batch, and one length.

    A mask is `[queries, keys]`, or has four axes that stretch to `[batch, heads, queries, keys]`.
    """
    query, key, value = _sources(a, inputs)
    for x, port, name in ((query, "query", "embed_dim"), (key, "key", "kdim"), (value, "value", "vdim")):
        _axis(x, 2, getattr(a, name), f"{name}={getattr(a, name)}", port)
    dtype = one_dtype((query, key, value), "attention")
    batch, queries = _batch_and_length(a, query)
    _, keys = _batch_and_length(a, key)
    batch_axis, length_axis = (0, 1) if a.batch_first else (1, 0)
    _axis(key, batch_axis, batch, f"the batch of the query, {query}", "key")
    _axis(value, batch_axis, batch, f"the batch of the query, {query}", "value")
    _axis(value, length_axis, keys, f"the length of the key, {key}", "value")
    scores = (batch, a.num_heads, queries, keys)
    mask = inputs[3]
    if isinstance(mask, TensorType) and mask.rank not in (2, 4):
        raise RuleError(
            f"port `mask` takes [queries, keys] or four axes that stretch to {shown(scores)}, not {mask}",
            hint="add axes of size 1 with `unflatten`",
            port="mask",
            actual=str(mask),
        )
    _check_mask(mask, scores, dtype)
    return (query,)


def cost_attention(a: Attention, inputs: Inputs, outputs: Any) -> Cost:
    """Four projections and two products of each head; `causal` and masks save nothing.

    Elementwise are the softmax, one for each score, and the additions of the biases.
    """
    query, key, _value = _sources(a, inputs)
    batch, queries = _batch_and_length(a, query)
    _, keys = _batch_and_length(a, key)
    projections = queries * (2 * a.embed_dim * a.embed_dim) + keys * ((a.kdim + a.vdim) * a.kv_features)
    products = queries * keys * (2 * a.embed_dim)
    biases = queries * (2 * a.embed_dim) + keys * (2 * a.kv_features) if a.bias else 0
    return Cost(
        macs=batch * (projections + products), elementwise=batch * (queries * keys * a.num_heads + biases)
    )


def parameters_attention(a: Attention) -> tuple[Parameter, ...]:
    """The projections by torch's names: one `in_proj_weight`, or three where their sizes differ.

    Weights of the input projections are drawn by Xavier's rule, that of the output like a linear layer's;
    biases start at zero.
    """
    sizes = {"q": a.embed_dim, "k": a.kdim, "v": a.vdim}
    if a.packed:
        shapes = {"in_proj_weight": (3 * a.embed_dim, a.embed_dim)}
    else:
        rows = {"q": a.embed_dim, "k": a.kv_features, "v": a.kv_features}
        shapes = {f"{name}_proj_weight": (rows[name], columns) for name, columns in sizes.items()}
    found = [Parameter(name, shape, Uniform(sqrt(6 / sum(shape)))) for name, shape in shapes.items()]
    if a.bias:
        found.append(Parameter("in_proj_bias", (a.embed_dim + 2 * a.kv_features,), Fill(0.0)))
    found.append(Parameter("out_proj.weight", (a.embed_dim, a.embed_dim), Uniform(1 / sqrt(a.embed_dim))))
    if a.bias:
        found.append(Parameter("out_proj.bias", (a.embed_dim,), Fill(0.0)))
    return tuple(found)


def infer_dot_product(
    a: DotProductAttention, inputs: Inputs, assumptions: list[Assumption]
) -> tuple[TensorType, ...]:
    """`[..., queries, dim]`, `[..., keys, dim]` and `[..., keys, features]` give `[..., queries, features]`.

    The leading axes (batch, heads) are the same in all three. A mask stretches to `[..., queries, keys]`.
    """
    query, key, value = (
        floating(x, port) for x, port in zip(inputs, ("query", "key", "value"), strict=False)
    )
    dtype = one_dtype((query, key, value), "dot_product_attention")
    for x, port in ((query, "query"), (key, "key"), (value, "value")):
        if x.rank < 2:
            raise RuleError(f"port `{port}` takes [..., length, features], not {x}", port=port, actual=str(x))
        if x.shape[:-2] != query.shape[:-2]:
            raise RuleError(
                f"the leading axes of {x} at port `{port}` are not those of the query, {query}",
                port=port,
                expected=shown(query.shape[:-2]),
                actual=str(x),
            )
    _axis(key, key.rank - 1, query.shape[-1], f"the features of the query, {query}", "key")
    _axis(value, value.rank - 2, key.shape[-2], f"the length of the key, {key}", "value")
    _check_mask(inputs[3], (*query.shape[:-1], key.shape[-2]), dtype)
    return (TensorType((*query.shape[:-1], value.shape[-1]), dtype),)


def cost_dot_product(a: DotProductAttention, inputs: Inputs, outputs: Any) -> Cost:
    """Two products for each pair of query and key; `causal` and masks save nothing. Softmax: one a score."""
    query, key, value = inputs[0], inputs[1], inputs[2]
    scores = product(query.shape[:-1]) * key.shape[-2]
    return Cost(macs=scores * (query.shape[-1] + value.shape[-1]), elementwise=scores)


OPS: tuple[OpDef, ...] = (
    OpDef(
        "attention",
        "Attention",
        Attention,
        ("query", "key?", "value?", "mask?"),
        infer_attention,
        cost_attention,
        parameters_attention,
        stochastic=True,
    ),
    OpDef(
        "dot_product_attention",
        "Attention",
        DotProductAttention,
        ("query", "key", "value", "mask?"),
        infer_dot_product,
        cost_dot_product,
        stochastic=True,
    ),
)
