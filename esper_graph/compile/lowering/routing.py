"""Lower choosing between computations."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, OnRows, Site
from esper_graph.compile.lowering.source import boolean, call, dtype, integer, number, rows_of
from esper_graph.ops.dims import product
from esper_graph.ops.routing import expert_capacity
from esper_graph.ops.values import TupleType


def lower_weighted_sum(site: Site) -> tuple[Lowered, ...]:
    """Each value times its column of the weights."""
    if site.on_rows is not None:
        return (_one_a_row(site, site.on_rows),)
    weights, values = site.tensor(), site.tensors(1)
    missing = site.output().rank - (site.type().rank - 1)
    total = ""
    for slot, value in enumerate(values):
        weight = call("select", weights, "-1", integer(slot))
        for _ in range(missing):
            weight = call("unsqueeze", weight, "-1")
        term = site.call("mul", value, weight)
        total = site.call("add", total, term) if total else term
    return (total,)


def _one_a_row(site: Site, on_rows: OnRows) -> str:
    """Each row from the one value that the hard weights name; written over a value that is there anyway."""
    axes = site.type().rank - 1
    weights = site.let(rows_of(site.tensor(), axes))
    there = [slot for slot in range(1, len(site.inputs)) if site.inputs[slot] is not None]
    found = site.call("clone", rows_of(site.tensor(there[0]), axes)) if there else _zeros(site, axes)
    for slot in range(1, len(site.inputs)):
        if slot in there[:1]:
            continue
        chosen = site.call("flatten", call("nonzero", call("select", weights, "-1", integer(slot - 1))))
        with site.writer.block(f"if {chosen}.size(0) > 0:"):
            value = rows_of(on_rows(slot, chosen), axes)
            site.writer.line(call("index_copy_", found, "0", chosen, value))
    return _whole(site, found, axes)


def _zeros(site: Site, axes: int) -> str:
    kind = site.output()
    zeros = f"torch.zeros({site.sizes(kind.shape)}, dtype={dtype(kind.dtype)}, device={site.device})"
    return site.let(rows_of(zeros, axes))


def _whole(site: Site, rows: str, axes: int) -> str:
    """Rows along their own axes again."""
    return rows if axes == 1 else site.call("reshape", rows, site.sizes(site.output().shape))


def lower_topk_gating(site: Site) -> tuple[Lowered, ...]:
    """The most probable experts; in training, or if asked for, choices beyond capacity are dropped."""
    a, logits = site.a, site.type()
    kind = site.outputs[0]
    assert isinstance(kind, TupleType)
    wide = site.cast(site.tensor(), logits.dtype, kind["probabilities"].dtype)
    probabilities = site.call("softmax", wide, "-1")
    values, indices = site.unpack(call("topk", probabilities, integer(a.k), "-1"), 2)
    weights = values
    if a.k > 1:
        weights = site.call("true_divide", values, call("sum", values, "[-1]", boolean(value=True)))
    weights = site.cast(weights, kind["probabilities"].dtype, logits.dtype)
    kept = site.call("ones_like", indices, dtype=dtype("bool"))
    capacity = expert_capacity(product(logits.shape[:-1]), int(logits.shape[-1]), a)  # pyright: ignore[reportArgumentType]  -- checked by inference
    if capacity is not None and (a.drop_in_eval or site.training):
        experts = integer(int(logits.shape[-1]))  # pyright: ignore[reportArgumentType]
        # all first choices, then all second ones, each in the order of the tokens
        chosen = call(
            "flatten", call("transpose", call("reshape", indices, f"[-1, {integer(a.k)}]"), "0", "1")
        )
        taken = call("one_hot", chosen, experts)
        before = call("sub", call("sum", call("mul", call("cumsum", taken, "0"), taken), "[-1]"), "1")
        fits = call("lt", before, f"max({site.size(capacity)}, 1)")
        within = call("transpose", call("reshape", fits, f"[{integer(a.k)}, -1]"), "0", "1")
        limited = call("reshape", within, f"{indices}.size()")
        kept = site.let(limited) if a.drop_in_eval else site.in_training(kept, limited)
        weights = site.call("mul", weights, kept)
        if site.training:
            with site.probe():
                site.metric(call("mean", f"{call('logical_not', kept)}.to(torch.float32)"), "dropped")
    return ({"weights": weights, "indices": indices, "probabilities": probabilities, "kept": kept},)


def lower_moe_combine(site: Site) -> tuple[Lowered, ...]:
    """Every expert's output times what its choices weigh."""
    if site.on_rows is not None:
        return (_chosen_experts(site, site.on_rows),)
    choice, experts = site.fields(), site.tensors(1)
    total = ""
    for number_of, expert in enumerate(experts):
        mine = call("eq", choice["indices"], integer(number_of))
        weight = call("sum", call("mul", choice["weights"], mine), "[-1]", boolean(value=True))
        term = site.call("mul", expert, weight)
        total = site.call("add", total, term) if total else term
    return (total,)


def _chosen_experts(site: Site, on_rows: OnRows) -> str:
    """Each expert on the rows that chose it and are within its capacity."""
    choice, kind = site.fields(), site.types[0]
    assert isinstance(kind, TupleType)
    axes = kind["weights"].rank - 1
    total = _zeros(site, axes)
    weights = site.call("flatten", choice["weights"])
    kept = call("masked_fill", choice["indices"], call("logical_not", choice["kept"]), "-1")
    indices = site.call("flatten", kept)
    for slot in range(1, len(site.inputs)):
        chosen = site.call("flatten", call("nonzero", call("eq", indices, integer(slot - 1))))
        with site.writer.block(f"if {chosen}.size(0) > 0:"):
            k = integer(site.a.top_k)
            rows = chosen if site.a.top_k == 1 else site.call("div", chosen, k, rounding_mode='"floor"')
            value = rows_of(on_rows(slot, rows), axes)
            weight = call("unsqueeze", call("index_select", weights, "0", chosen), "-1")
            site.writer.line(call("index_add_", total, "0", rows, call("mul", value, weight)))
    return _whole(site, total, axes)


def lower_moe_aux_loss(site: Site) -> tuple[Lowered, ...]:
    """`loss_coef * experts * sum(share * probability)`; a metric of training kernels."""
    choice, kind = site.fields(), site.types[0]
    assert isinstance(kind, TupleType)
    experts = integer(int(kind["probabilities"].shape[-1]))  # pyright: ignore[reportArgumentType]  -- checked by inference
    chosen = call("one_hot", call("flatten", choice["indices"]), experts)
    share = site.call("mean", f"{chosen}.to({choice['probabilities']}.dtype)", "[0]")
    mean = site.call("mean", call("reshape", choice["probabilities"], f"[-1, {experts}]"), "[0]")
    loss = site.call("mul", call("sum", call("mul", share, mean)), f"{number(site.a.loss_coef)} * {experts}")
    if site.training:
        with site.probe():
            site.metric(loss)
    return (loss,)


LOWERINGS: Mapping[str, Lowering] = {
    "weighted_sum": lower_weighted_sum,
    "topk_gating": lower_topk_gating,
    "moe_combine": lower_moe_combine,
    "moe_aux_loss": lower_moe_aux_loss,
}
