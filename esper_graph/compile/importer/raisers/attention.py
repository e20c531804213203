"""Raise attention: the scaled dot product, and whole layers that the export kept."""

from collections.abc import Mapping

import torch

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.shaping import written
from esper_graph.compile.importer.values import Known, Wire
from esper_graph.ops.dims import Dim
from esper_graph.ops.rules import broadcast


def _dot_product(call: Call) -> Raised:
    query, key, value = (call.wire(call[name]) for name in ("query", "key", "value"))
    if call.get("enable_gqa"):
        heads = call.draft.type(query).shape[-3]
        key, value = (_repeated(call, wire, heads) for wire in (key, value))
    lead: tuple[Dim, ...] = ()
    for wire in (query, key, value):
        lead = broadcast(lead, call.draft.type(wire).shape[:-2], "attention")
    query, key, value = (_stretched(call, wire, lead) for wire in (query, key, value))
    mask = call["attn_mask"]
    if isinstance(mask, Known):
        mask = _as_truth(mask)
    if call["dropout_p"]:
        raise CannotRaiseError("it draws in evaluation too")
    scale = call.get("scale")
    return call.add(
        "dot_product_attention",
        query,
        key,
        value,
        None if mask is None else call.wire(mask),
        causal=bool(call["is_causal"]),
        scale=None if scale is None else float(scale),
    )


def _as_truth(mask: Known) -> Known | None:
    """Write a table that only hides or shows as truth values; None where it hides nothing."""
    table = mask.tensor
    if table.dtype != torch.bool and bool(((table == 0) | (table <= torch.finfo(torch.float32).min)).all()):
        table = table == 0
    if table.dtype == torch.bool:
        return None if bool(table.all()) else Known(table)
    return mask


def _repeated(call: Call, wire: Wire, heads: Dim) -> Wire:
    """Repeat each key and value for the queries that share it."""
    shape = call.draft.type(wire).shape
    mine = shape[-3]
    if mine == heads:
        return wire
    if not isinstance(mine, int) or not isinstance(heads, int) or heads % mine:
        raise CannotRaiseError(f"{heads} heads of queries do not share {mine} of keys evenly")
    several = call.reshape(wire, (*shape[:-2], 1, *shape[-2:]))
    stretched = (*shape[:-2], heads // mine, *shape[-2:])
    several = call.add("expand", several, shape=[written(size) for size in stretched])
    return call.reshape(several, (*shape[:-3], heads, *shape[-2:]))


def _stretched(call: Call, wire: Wire, lead: tuple[Dim, ...]) -> Wire:
    shape = call.draft.type(wire).shape
    if shape[:-2] == lead:
        return wire
    return call.add("expand", wire, shape=[written(size) for size in (*lead, *shape[-2:])])


def _self_attention(call: Call) -> Raised:
    owned = call.owned(
        **{
            "in_proj_weight": call["in_proj_weight"],
            "in_proj_bias": call["in_proj_bias"],
            "out_proj.weight": call["out_proj_weight"],
            "out_proj.bias": call["out_proj_bias"],
        }
    )
    query = call.wire(call["query"])
    return call.add(
        "attention",
        query,
        owned=owned,
        embed_dim=call.draft.type(query).shape[-1],
        num_heads=call["num_heads"],
        dropout=call["dropout"],
        bias="in_proj_bias" in owned,
        batch_first=call["batch_first"],
    )


RAISERS: Mapping[str, Raiser] = {
    "scaled_dot_product_attention": _dot_product,
    "self_attention": _self_attention,
}
