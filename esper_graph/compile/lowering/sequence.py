"""Lower embeddings and recurrent layers."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import boolean, call, integer, names, number


def lower_embedding(site: Site) -> tuple[Lowered, ...]:
    """`aten::embedding`; the padding row gets no gradient."""
    padding = -1 if site.a.padding_idx is None else site.a.padding_idx
    return (site.call("embedding", site.parameter("weight"), site.tensor(), integer(padding)),)


def lower_recurrent(site: Site) -> tuple[Lowered, ...]:
    """`aten::lstm` or `aten::gru`, from states of zeros."""
    a, x = site.a, site.tensor()
    batch = f"{x}.size({0 if a.batch_first else 1})"
    layers = integer(a.num_layers * a.directions)
    state = site.let(
        f"torch.zeros([{layers}, {batch}, {integer(a.hidden_size)}], dtype={x}.dtype, device={x}.device)"
    )
    weights = names([f"self.{slot.name}" for slot in site.slots.values()])
    settings = (
        boolean(a.bias),
        integer(a.num_layers),
        number(a.dropout),
        "self.training" if site.training else "False",
        boolean(a.bidirectional),
        boolean(a.batch_first),
    )
    start = names([state, state]) if a.type == "lstm" else state
    outputs = site.unpack(call(_LAYERS[a.type], x, start, weights, *settings), 3 if a.type == "lstm" else 2)
    return tuple(outputs)


_LAYERS: Mapping[str, str] = {"lstm": "lstm", "gru": "gru"}

LOWERINGS: Mapping[str, Lowering] = {"embedding": lower_embedding, "recurrent": lower_recurrent}
