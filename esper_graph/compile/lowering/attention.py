"""Lower attention: projections around torch's fused dot product."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import boolean, call, integer, number
from esper_graph.ops.values import TensorType

_HIDDEN = 'float("-inf")'
"""The score of what is not seen."""


def lower_attention(site: Site) -> tuple[Lowered, ...]:
    """Project, split into heads, attend, join the heads, project back."""
    a = site.a
    query, key, value = _projected(site)
    heads = [
        _split(site, x, count)
        for x, count in ((query, a.num_heads), (key, a.num_kv_heads), (value, a.num_kv_heads))
    ]
    if a.num_kv_heads != a.num_heads:
        repeats = integer(a.num_heads // a.num_kv_heads)
        heads = [heads[0], *(site.call("repeat_interleave", x, repeats, "1") for x in heads[1:])]
    joined = site.call("transpose", _attend(site, heads, None), "1", "2")
    joined = site.call("flatten", joined, "2", "3")
    output = site.call(
        "linear", joined, site.parameter("out_proj.weight"), site.optional_parameter("out_proj.bias")
    )
    return (output if a.batch_first else site.call("transpose", output, "0", "1"),)


def _projected(site: Site) -> list[str]:
    """Queries, keys and values as `[batch, length, features]`."""
    a = site.a
    sources = [site.tensor(0)]
    sources.append(site.optional(1) or sources[0])
    sources.append(site.optional(2) or sources[1])
    if not a.batch_first:
        turned = {x: site.call("transpose", x, "0", "1") for x in dict.fromkeys(sources)}
        sources = [turned[x] for x in sources]
    bias = site.optional_parameter("in_proj_bias")
    if a.packed and len(set(sources)) == 1:
        joined = site.call("linear", sources[0], site.parameter("in_proj_weight"), bias)
        return [_part(site, joined, "-1", place * a.embed_dim, a.embed_dim) for place in range(3)]
    widths = (a.embed_dim, a.kv_features, a.kv_features)
    found: list[str] = []
    for place, (name, source, width) in enumerate(zip("qkv", sources, widths, strict=True)):
        start = sum(widths[:place])
        if a.packed:
            weight = _part(site, site.parameter("in_proj_weight"), "0", start, width)
        else:
            weight = site.parameter(f"{name}_proj_weight")
        found.append(
            site.call("linear", source, weight, _part(site, bias, "0", start, width) if a.bias else "None")
        )
    return found


def _part(site: Site, x: str, axis: str, start: int, length: int) -> str:
    return site.call("narrow", x, axis, integer(start), integer(length))


def _split(site: Site, x: str, heads: int) -> str:
    parts = site.call("unflatten", x, "-1", f"[{integer(heads)}, {integer(site.a.head_dim)}]")
    return site.call("transpose", parts, "1", "2")


def lower_dot_product(site: Site) -> tuple[Lowered, ...]:
    """`aten::scaled_dot_product_attention`."""
    tensors = [site.tensor(slot) for slot in range(3)]
    return (_attend(site, tensors, site.a.scale),)


def _attend(site: Site, tensors: list[str], scale: float | None) -> str:
    """Attend under the mask of port 3; queries that see nothing get zeros, and gradients stay finite."""
    a, mask = site.a, site.optional(3)
    hidden = None
    if mask is not None:
        mask, hidden = _usable_mask(site, mask, tensors)
    dropout = number(0.0)
    if site.training and a.dropout > 0:
        dropout = f"({number(a.dropout)} if self.training else 0.0)"
    found = site.call(
        "scaled_dot_product_attention",
        *tensors,
        mask or "None",
        dropout,
        boolean(a.causal and mask is None),
        scale="None" if scale is None else number(scale),
    )
    return found if hidden is None else site.call("masked_fill", found, hidden, "0.0")


def _usable_mask(site: Site, mask: str, tensors: list[str]) -> tuple[str, str]:
    """Join the mask with the causal one and let rows that see nothing see all; tell which rows those were."""
    kind = site.types[3]
    assert isinstance(kind, TensorType)
    query, key = tensors[0], tensors[1]
    if kind.rank < 2:
        mask = site.call("expand", mask, f"[{query}.size(-2), {key}.size(-2)]")
    if site.a.causal:
        ones = f"torch.ones([{query}.size(-2), {key}.size(-2)], dtype=torch.bool, device={query}.device)"
        earlier = site.call("tril", ones)
        if kind.dtype == "bool":
            mask = site.call("logical_and", mask, earlier)
        else:
            mask = site.call("masked_fill", mask, call("logical_not", earlier), _HIDDEN)
    seen = mask if kind.dtype == "bool" else site.call("ne", mask, _HIDDEN)
    hidden = site.call("logical_not", call("any", seen, "-1", "True"))
    if kind.dtype == "bool":
        return site.call("logical_or", mask, hidden), hidden
    return site.call("masked_fill", mask, hidden, "0.0"), hidden


LOWERINGS: Mapping[str, Lowering] = {
    "attention": lower_attention,
    "dot_product_attention": lower_dot_product,
}
