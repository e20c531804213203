"""Compute norms, attention, embeddings and recurrent layers from their formulas."""

# torch types some methods and slices in part only
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from esper_graph.compile.interpreter.call import Call, Evaluator, Value
from esper_graph.compile.interpreter.chance import dropped


def _normalization(call: Call) -> tuple[Value, ...]:
    a, x = call.a, call.x()
    channels = [1, -1, *[1] * (x.ndim - 2)]
    if a.type in ("layer_norm", "rms_norm"):
        axes = list(range(x.ndim - len(a.normalized_shape), x.ndim))
        centre = x.mean(axes, keepdim=True) if a.type == "layer_norm" else torch.zeros((), dtype=x.dtype)
        y = (x - centre) / (((x - centre) ** 2).mean(axes, keepdim=True) + a.eps).sqrt()
        channels = [*a.normalized_shape]
    elif a.type == "group_norm":
        parts = x.unflatten(1, (a.num_groups, -1))
        y = _standardised(parts, list(range(2, parts.ndim)), a.eps).flatten(1, 2)
    else:
        y = _with_running_statistics(
            call, [0, *range(2, x.ndim)] if a.type == "batch_norm" else [*range(2, x.ndim)]
        )
    if "weight" in call.tensors:
        y = y * call.tensors["weight"].reshape(channels)
    if "bias" in call.tensors:
        y = y + call.tensors["bias"].reshape(channels)
    return (y,)


def _standardised(x: Tensor, axes: list[int], eps: float) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred / ((centred**2).mean(axes, keepdim=True) + eps).sqrt()


def _with_running_statistics(call: Call, axes: list[int]) -> Tensor:
    a, x = call.a, call.x()
    if not a.track_running_stats:
        return _standardised(x, axes, a.eps)
    mean, variance = call.tensors["running_mean"], call.tensors["running_var"]
    if not call.training:
        shape = [1, -1, *[1] * (x.ndim - 2)]
        return (x - mean.reshape(shape)) / (variance.reshape(shape) + a.eps).sqrt()
    seen = call.tensors["num_batches_tracked"] + 1
    share = float(1 / seen) if a.momentum is None else a.momentum
    count = math.prod(x.shape[axis] for axis in axes)
    held = x.detach()
    found_mean = held.mean(axes)
    found_variance = held.var(axes, correction=0) * count / (count - 1)
    if found_mean.ndim == 2:  # of each sample, for instance_norm
        found_mean, found_variance = found_mean.mean(0), found_variance.mean(0)
    call.updates["num_batches_tracked"] = seen
    call.updates["running_mean"] = (1 - share) * mean + share * found_mean
    call.updates["running_var"] = (1 - share) * variance + share * found_variance
    return _standardised(x, axes, a.eps)


def _attention(call: Call) -> tuple[Value, ...]:
    a = call.a
    query = call.x()
    key = call.optional(1)
    key = query if key is None else key
    value = call.optional(2)
    value = key if value is None else value
    if not a.batch_first:
        query, key, value = (x.transpose(0, 1) for x in (query, key, value))
    rows = (a.embed_dim, a.kv_features, a.kv_features)
    if a.packed:
        weights = call.tensors["in_proj_weight"].split(rows)
    else:
        weights = [call.tensors[f"{name}_proj_weight"] for name in "qkv"]
    biases = call.tensors["in_proj_bias"].split(rows) if a.bias else [torch.zeros((), dtype=query.dtype)] * 3
    q, k, v = (
        torch.einsum("bti,oi->bto", x, weight) + bias
        for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
    )
    each = a.num_heads // a.num_kv_heads
    width = a.head_dim
    heads: list[Tensor] = []
    for head in range(a.num_heads):
        shared = head // each
        scores = torch.einsum(
            "bqd,bkd->bqk",
            q[..., head * width : (head + 1) * width],
            k[..., shared * width : (shared + 1) * width],
        )
        mask = call.optional(3)
        if mask is not None and mask.ndim == 4:
            mask = mask[:, head if mask.shape[1] > 1 else 0]
        weight = _weights(call, scores / math.sqrt(width), mask)
        heads.append(torch.einsum("bqk,bkd->bqd", weight, v[..., shared * width : (shared + 1) * width]))
    y = torch.einsum("bti,oi->bto", torch.cat(heads, -1), call.tensors["out_proj.weight"])
    if a.bias:
        y = y + call.tensors["out_proj.bias"]
    return (y if a.batch_first else y.transpose(0, 1),)


def _dot_product(call: Call) -> tuple[Value, ...]:
    query, key, value = (call.x(slot) for slot in range(3))
    scale = call.a.scale if call.a.scale is not None else 1 / math.sqrt(query.shape[-1])
    scores = torch.einsum("...qd,...kd->...qk", query, key) * scale
    return (torch.einsum("...qk,...kd->...qd", _weights(call, scores, call.optional(3)), value),)


def _weights(call: Call, scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over what is seen; zeros for a query that sees nothing."""
    seen = torch.ones(scores.shape, dtype=torch.bool)
    if call.a.causal:
        seen &= torch.arange(scores.shape[-1])[None, :] <= torch.arange(scores.shape[-2])[:, None]
    if mask is not None and mask.dtype == torch.bool:
        seen &= mask
    elif mask is not None:
        seen &= mask != -torch.inf
        scores = scores + torch.where(mask == -torch.inf, 0 * torch.nan_to_num(mask), mask)
    top = torch.where(seen, scores, -torch.inf).amax(-1, keepdim=True).detach()
    top = torch.where(top == -torch.inf, 0 * torch.nan_to_num(top), top)
    powers = torch.where(seen, scores - top, torch.zeros((), dtype=scores.dtype)).exp() * seen
    total = powers.sum(-1, keepdim=True)
    weights = powers / torch.where(total == 0, total + 1, total)
    return dropped(call, weights, call.a.dropout)


def _embedding(call: Call) -> tuple[Value, ...]:
    table, rows = call.tensors["weight"], call.x().long()
    if call.a.padding_idx is not None:
        fixed = torch.arange(table.shape[0]) == call.a.padding_idx
        table = torch.where(fixed[:, None], table.detach(), table)
    return (table.index_select(0, rows.flatten()).reshape([*rows.shape, table.shape[1]]),)


def _recurrent(call: Call) -> tuple[Value, ...]:
    a = call.a
    x = call.x() if a.batch_first else call.x().transpose(0, 1)
    hidden: list[Tensor] = []
    cells: list[Tensor] = []
    for layer in range(a.num_layers):
        directions: list[Tensor] = []
        for direction in range(a.directions):
            suffix = f"l{layer}" + ("_reverse" if direction else "")
            steps, last, cell = _read(call, x.flip(1) if direction else x, suffix)
            directions.append(steps.flip(1) if direction else steps)
            hidden.append(last)
            cells.append(cell)
        x = torch.cat(directions, -1)
        if layer + 1 < a.num_layers:
            x = dropped(call, x, a.dropout)
    y = x if a.batch_first else x.transpose(0, 1)
    states = (torch.stack(hidden), torch.stack(cells))
    return (y, *states) if a.type == "lstm" else (y, states[0])


def _read(call: Call, x: Tensor, suffix: str) -> tuple[Tensor, Tensor, Tensor]:
    """Read sequences step by step: hidden states after each step, the last one, and the last cell state."""
    into, across = call.tensors[f"weight_ih_{suffix}"], call.tensors[f"weight_hh_{suffix}"]
    none = torch.zeros(into.shape[0], dtype=x.dtype)
    into_bias = call.tensors.get(f"bias_ih_{suffix}", none)
    across_bias = call.tensors.get(f"bias_hh_{suffix}", none)
    h = torch.zeros(x.shape[0], call.a.hidden_size, dtype=x.dtype)
    c = torch.zeros_like(h)
    steps: list[Tensor] = []
    for step in range(x.shape[1]):
        given = (x[:, step] @ into.T + into_bias).chunk(call.a.gates, -1)
        kept = (h @ across.T + across_bias).chunk(call.a.gates, -1)
        if call.a.type == "lstm":
            i, f, o = (_sigmoid(given[place] + kept[place]) for place in (0, 1, 3))
            c = f * c + i * torch.tanh(given[2] + kept[2])
            h = o * torch.tanh(c)
        else:
            r, z = (_sigmoid(given[place] + kept[place]) for place in (0, 1))
            n = torch.tanh(given[2] + r * kept[2])
            h = (1 - z) * n + z * h
        steps.append(h)
    whole = torch.stack(steps, 1) if steps else x.new_zeros(x.shape[0], 0, call.a.hidden_size)
    return whole, h, c


def _sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + (-x).exp())


EVALUATORS: Mapping[str, Evaluator] = {
    "normalization": _normalization,
    "attention": _attention,
    "dot_product_attention": _dot_product,
    "embedding": _embedding,
    "recurrent": _recurrent,
}
