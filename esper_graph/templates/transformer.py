"""Attention: a transformer block, and one head on its own."""
# ruff: noqa: FBT001, FBT002 - the specification fixes these signatures

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, residual
from esper_graph.templates._arguments import Arguments, activations
from esper_graph.templates._naming import finished


def create_transformer_block(
    d_model: int = 512,
    n_heads: int = 8,
    d_ff: int = 2048,
    dropout: float = 0.1,
    activation: str = "relu",
    pre_norm: bool = True,
) -> BlueprintIR:
    """Self-attention and a feed-forward network, each with a skip and a layer norm.

    Args:
        d_model: Features of a token.
        n_heads: Heads of the attention; divides `d_model`.
        d_ff: Features inside the feed-forward network.
        dropout: Share of attention weights, and of inner features, that training drops.
        activation: Function between the two linear maps.
        pre_norm: Norms stand before attention and feed-forward network; else after their skips.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> block = create_transformer_block()
        >>> block.id, block.estimated_parameters
        ('transformer_block_512_8', 3152384)
    """
    arguments = Arguments("create_transformer_block")
    arguments.size(d_model=d_model, n_heads=n_heads, d_ff=d_ff)
    arguments.share(dropout=dropout)
    arguments.choice(activations(), activation=activation)
    arguments.flag(pre_norm=pre_norm)
    arguments.multiple("d_model", d_model, "n_heads", n_heads)
    arguments.settle()
    norm = {"type": "layer_norm", "normalized_shape": [d_model]}

    b = Builder(
        f"transformer_block_{d_model}_{n_heads}",
        name=f"Transformer block, {d_model} features, {n_heads} heads",
        tags=["attention", "feedforward", "residual", "transformer"],
    )
    tokens = b.input([-1, -1, d_model])
    attended = b.attention(
        b.normalization(tokens, **norm, id="norm1") if pre_norm else tokens,
        embed_dim=d_model,
        num_heads=n_heads,
        dropout=dropout,
        bias=True,
        batch_first=True,
        id="attention",
        compute_intensity=4.0,
    )
    first = b.add(attended, residual(tokens), id="residual1")
    if not pre_norm:
        first = b.normalization(first, **norm, id="norm1_post")
    inner = b.normalization(first, **norm, id="norm2") if pre_norm else first
    inner = b.linear(inner, in_features=d_model, out_features=d_ff, id="ff1")
    inner = b.activation(inner, type=activation, id="activation")
    inner = b.dropout(inner, p=dropout, id="dropout")
    inner = b.linear(inner, in_features=d_ff, out_features=d_model, id="ff2")
    second = b.add(inner, residual(first), id="residual2")
    b.output(second if pre_norm else b.normalization(second, **norm, id="norm2_post"))
    return finished(
        b.finish(),
        create_transformer_block,
        d_ff=d_ff,
        dropout=dropout,
        activation=activation,
        pre_norm=pre_norm,
    )


def create_attention_head(
    d_model: int = 512, d_head: int = 64, dropout: float = 0.0, causal: bool = False
) -> BlueprintIR:
    """One head: query, key and value projections and the scaled dot product between them.

    Args:
        d_model: Features of a token.
        d_head: Features of the head.
        dropout: Share of attention weights that training drops.
        causal: A token sees itself and what comes before it.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> create_attention_head(512, 64).estimated_parameters
        98496
    """
    arguments = Arguments("create_attention_head")
    arguments.size(d_model=d_model, d_head=d_head)
    arguments.share(dropout=dropout)
    arguments.flag(causal=causal)
    arguments.settle()

    b = Builder(
        f"attention_head_{d_model}_{d_head}",
        name=f"Attention head, {d_model} to {d_head} features",
        tags=["attention", "head", "self-attention"],
    )
    tokens = b.input([-1, -1, d_model])
    query, key, value = (
        b.linear(tokens, in_features=d_model, out_features=d_head, id=part)
        for part in ("query", "key", "value")
    )
    b.output(b.dot_product_attention(query, key, value, causal=causal, dropout=dropout, id="attention"))
    return finished(b.finish(), create_attention_head, dropout=dropout, causal=causal)
