"""Modules that the export keeps whole, because we have one op for them."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@torch.library.custom_op("esper_graph::self_attention", mutates_args=())
def self_attention(
    query: Tensor,
    in_proj_weight: Tensor,
    in_proj_bias: Tensor | None,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    num_heads: int,
    dropout: float,
    batch_first: bool,  # noqa: FBT001 - the signature of an op
) -> Tensor:
    """Stand for multi-head attention of a sequence to itself; only its type is ever computed."""
    return query.new_empty(query.shape)


@self_attention.register_fake  # pyright: ignore[reportUnknownMemberType]
def _(
    query: Tensor,
    in_proj_weight: Tensor,
    in_proj_bias: Tensor | None,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    num_heads: int,
    dropout: float,
    batch_first: bool,  # noqa: FBT001 - the signature of an op
) -> Tensor:
    return query.new_empty(query.shape)


@contextmanager
def leaves_kept(module: nn.Module) -> Generator[None]:
    """Let attention layers record one call while they are used in the way that our op has."""
    kept = [part for part in module.modules() if type(part) is nn.MultiheadAttention and _is_plain(part)]
    for part in kept:
        part.forward = _forward(part, part.forward)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        for part in kept:
            del part.forward


def _is_plain(part: nn.MultiheadAttention) -> bool:
    return (
        part.in_proj_weight is not None  # pyright: ignore[reportUnnecessaryComparison]
        and part.bias_k is None
        and not part.add_zero_attn
        and "forward" not in vars(part)
    )


def _forward(part: nn.MultiheadAttention, original: Any) -> Any:
    def forward(query: Tensor, key: Tensor, value: Tensor, *others: Any, **named: Any) -> Any:
        masked = any(named.get(name) is not None for name in ("key_padding_mask", "attn_mask")) or named.get(
            "is_causal"
        )
        plain = query is key and key is value and query.ndim == 3 and not others
        if not plain or masked or named.get("need_weights", True):
            return original(query, key, value, *others, **named)
        keep: Any = self_attention
        found = keep(
            query,
            part.in_proj_weight,
            part.in_proj_bias,
            part.out_proj.weight,
            part.out_proj.bias,
            part.num_heads,
            part.dropout,
            part.batch_first,
        )
        return found, None

    return forward
