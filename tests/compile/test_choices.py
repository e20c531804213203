"""Kernels for inference compute what a choice leaves out on no row, and the rest as ever.

Work is counted by torch on what really runs: two FLOPs for each multiply-add of a product.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from esper_graph.compile import CompileJob, compile_blueprint, register_lowering
from esper_graph.compile.choices import choices
from esper_graph.compile.interpreter import interpret
from esper_graph.compile.row_wise import ROW_WISE
from esper_graph.compile.sample import bindings, sample
from esper_graph.compile.validate import random_nodes, relative_error, tensors_of
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, Wire
from esper_graph.ops import register_op
from esper_graph.ops.attributes import Attributes
from esper_graph.ops.opdef import OpDef
from esper_graph.ops.values import TensorType
from esper_graph.templates import create_conditional_computation, create_dynamic_routing, create_moe_layer
from tests.compile.cases import compiled, experts, single
from tests.compile.test_row_wise import CASES

Make = Callable[[Builder, Wire], Wire]
WIDTH = 8
LINEAR = 2 * WIDTH * WIDTH
"""FLOPs of one row through a linear map that keeps the width."""


def work(module: Any, *inputs: torch.Tensor) -> int:
    """FLOPs of one call."""
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return counter.get_total_flops()


def error(module: Any, blueprint: BlueprintIR, *inputs: torch.Tensor) -> float:
    """How far the kernel is from the interpreter, which computes everything."""
    (wanted,) = interpret(blueprint, list(inputs), tensors_of(module, blueprint)).outputs
    return relative_error(module(*inputs), wanted)


def gated(*bodies: Make, shape: Sequence[int | str] = (-1, WIDTH), hard: bool = True) -> BlueprintIR:
    """Each row goes by one of the bodies, as scores say that are an input of their own."""
    b = Builder("gated", name="gated")
    x = b.input(list(shape))
    scores = b.input(["batch", *shape[1:-1], len(bodies)])
    gate = b.softmax(scores, hard=hard, id="gate")
    b.output(b.weighted_sum(gate, *[body(b, x) for body in bodies], num_inputs=len(bodies), id="combine"))
    return b.finish()


def skip(b: Builder, x: Wire) -> Wire:
    return b.identity(x)


def linear(b: Builder, x: Wire, **settings: Any) -> Wire:
    return b.linear(x, in_features=WIDTH, out_features=WIDTH, **settings)


def scores(choices: list[int], ways: int) -> torch.Tensor:
    """Scores by which each row takes the way that is named for it."""
    return torch.nn.functional.one_hot(torch.tensor(choices), ways).float()


# ---------------------------------------------------------------- the templates


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_rows_that_skip_the_body_cost_nothing(batch: int, share: float) -> None:
    blueprint = create_conditional_computation(16, 40)
    module = compiled(blueprint, mode="infer")
    module.p1_weight.zero_()[1, 0] = 1.0  # rows whose first feature is positive take the body
    module.p1_bias.zero_()
    x = torch.randn(batch, 16)
    taken = round(batch * share)
    x[:, 0] = torch.where(torch.arange(batch) < taken, 1.0, -1.0)
    x = x[torch.randperm(batch)]
    gate, body = 2 * 16 * 2, 2 * (16 * 40 + 40 * 16)
    assert work(module, x) == batch * gate + taken * body
    assert error(module, blueprint, x) < 1e-5
    skipping = x[:, 0] < 0
    assert torch.equal(module(x)[skipping], x[skipping])


@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_an_expert_computes_only_the_rows_that_chose_it(k: int, batch: int) -> None:
    blueprint = create_moe_layer(16, 6, num_experts=4, top_k=k)
    module = compiled(blueprint, mode="infer")
    x = torch.randn(batch, 16)
    gate, expert = 2 * 16 * 4, 2 * (16 * 24 + 24 * 6)
    assert work(module, x) == batch * (gate + k * expert)
    assert error(module, blueprint, x) < 1e-5


def test_an_expert_that_nobody_chose_is_not_computed() -> None:
    blueprint = create_moe_layer(16, 6, num_experts=4, top_k=1)
    module = compiled(blueprint, mode="infer")
    place = blueprint.graph.position["gate_linear"]
    getattr(module, f"p{place}_bias")[2] = 1e3
    getattr(module, f"p{blueprint.graph.position['expert0_linear1']}_weight").fill_(torch.nan)
    x = torch.randn(9, 16)
    assert torch.isfinite(module(x)).all()
    assert work(module, x) == 9 * (2 * 16 * 4 + 2 * (16 * 24 + 24 * 6))


def test_hard_routing_computes_one_path_a_row() -> None:
    blueprint = create_dynamic_routing(8, num_paths=2, hard_routing=True)
    module = compiled(blueprint, mode="infer", seed=4)
    x = torch.randn(64, 8)
    wide = int((module.p1_weight @ x.T + module.p1_bias[:, None]).argmax(0).eq(0).sum())
    assert 0 < wide < 64
    router, projection, first, second = 2 * 8 * 2, 2 * 8 * 8, 2 * (8 * 16 * 2), 2 * (8 * 4 * 2)
    assert work(module, x) == 64 * (router + projection) + wide * first + (64 - wide) * second
    assert error(module, blueprint, x) < 1e-5


# ---------------------------------------------------------------- where rows lie, and which are left


@pytest.mark.parametrize("k", [1, 2])
def test_rows_may_lie_along_several_axes(k: int) -> None:
    blueprint = experts(k, None)
    module = compiled(blueprint, mode="infer")
    x = torch.randn(3, 5, 6)
    assert work(module, x) == 15 * (2 * 6 * 4 + k * 2 * 6 * 5)
    assert error(module, blueprint, x) < 1e-5


def test_choices_beyond_the_capacity_are_not_computed() -> None:
    blueprint = experts(2, 0.5, drop=True)
    module = compiled(blueprint, mode="infer", seed=2)
    x = torch.randn(2, 8, 6)
    # four experts, of which each takes ceil(16 * 2 * 0.5 / 4) = 4 of 32 choices
    indices = (x @ module.p1_weight.T).topk(2).indices
    wanted = [int((indices == number).sum().clamp(max=4)) for number in range(4)]
    assert sum(wanted) < 32
    assert work(module, x) == 16 * (2 * 6 * 4) + sum(wanted) * (2 * 6 * 5)
    assert error(module, blueprint, x) < 1e-5


@pytest.mark.parametrize(
    "blueprint", [gated(skip, linear), gated(linear, linear), experts(1, None), experts(2, 1.0, drop=True)]
)
def test_no_rows_at_all_give_no_rows(blueprint: BlueprintIR) -> None:
    module = compiled(blueprint, mode="infer")
    (binding,) = bindings(blueprint, (3,))
    given = [x[:0] for x in sample(blueprint, binding, seed=0)]
    assert work(module, *given) == 0
    assert module(*given).shape[0] == 0


def test_each_of_several_bodies_computes_its_own_rows() -> None:
    def twice(b: Builder, x: Wire) -> Wire:
        return linear(b, linear(b, x))

    blueprint = gated(linear, skip, twice)
    module = compiled(blueprint, mode="infer")
    x, ways = torch.randn(6, WIDTH), scores([2, 0, 1, 2, 1, 2], 3)
    assert work(module, x, ways) == (1 + 2 * 3) * LINEAR
    assert error(module, blueprint, x, ways) < 1e-5
    assert torch.equal(module(x, ways)[[2, 4]], x[[2, 4]])


def test_a_choice_inside_a_body_is_made_among_its_rows() -> None:
    def inner(b: Builder, x: Wire) -> Wire:
        h = linear(b, x)
        gate = b.softmax(b.linear(h, in_features=WIDTH, out_features=2, id="inner"), hard=True)
        outer = b.multiply(x, b.reduce(x, operation="mean", dim=-1))
        return linear(b, b.weighted_sum(gate, h, linear(b, b.add(linear(b, h), outer)), num_inputs=2))

    blueprint = gated(skip, inner)
    module = compiled(blueprint, mode="infer", seed=1)
    place = blueprint.graph.position["inner"]
    x, ways = torch.randn(40, WIDTH), scores([0, 1] * 20, 2)
    h = torch.nn.functional.linear(x[1::2], *_tensors(module, blueprint, "linear"))
    chosen = torch.nn.functional.linear(h, *_tensors(module, blueprint, "inner")).argmax(1)
    taken = int(chosen.sum())
    assert 0 < taken < 20
    assert work(module, x, ways) == 20 * (2 * LINEAR + 2 * WIDTH * 2) + taken * 2 * LINEAR
    assert error(module, blueprint, x, ways) < 1e-5
    getattr(module, f"p{place}_bias").copy_(torch.tensor([1e3, 0.0]))
    assert work(module, x, ways) == 20 * (2 * LINEAR + 2 * WIDTH * 2)
    assert work(module, x, scores([0] * 40, 2)) == 0


def _tensors(module: Any, blueprint: BlueprintIR, node: str) -> tuple[torch.Tensor, torch.Tensor]:
    found = tensors_of(module, blueprint)[node]
    return found["weight"], found["bias"]


@pytest.mark.parametrize("k", [1, 2])
def test_experts_inside_a_body_share_its_rows(k: int) -> None:
    def mixture(b: Builder, x: Wire) -> Wire:
        gating = b.topk_gating(b.linear(x, in_features=WIDTH, out_features=3, bias=False), k=k)
        return b.moe_combine(gating, *[linear(b, x) for _ in range(3)], num_experts=3, top_k=k)

    blueprint = gated(skip, mixture, shape=(-1, "n", WIDTH))
    module = compiled(blueprint, mode="infer")
    x = torch.randn(3, 2, WIDTH)
    ways = scores([0, 1, 1, 0, 0, 1], 2).reshape(3, 2, 2)
    assert work(module, x, ways) == 3 * (2 * WIDTH * 3 + k * LINEAR)
    assert error(module, blueprint, x, ways) < 1e-5


def test_a_choice_of_samples_holds_choices_of_their_tokens() -> None:
    b = Builder("both", name="both")
    x = b.input([-1, "n", WIDTH])
    gate = b.softmax(b.input(["batch", 2]), hard=True)
    tokens = b.softmax(b.input(["batch", "n", 2]), hard=True)
    attended = b.attention(x, embed_dim=WIDTH, num_heads=2, causal=True)
    body = b.weighted_sum(tokens, attended, linear(b, attended), num_inputs=2)
    b.output(b.weighted_sum(gate, x, body, num_inputs=2))
    blueprint = b.finish()
    module = compiled(blueprint, mode="infer")
    x = torch.randn(3, 4, WIDTH)
    ways, each = scores([1, 0, 1], 2), scores([0, 1, 1, 1] * 3, 2).reshape(3, 4, 2)
    assert error(module, blueprint, x, ways, each) < 1e-5
    base = work(module, x, ways, scores([0] * 12, 2).reshape(3, 4, 2))
    assert work(module, x, ways, each) == base + 2 * 3 * LINEAR
    assert work(module, x, scores([0, 0, 0], 2), each) == 0


# ---------------------------------------------------------------- ops behind a gate


def _behind_a_gate(
    op_type: str, attributes: dict[str, Any], inputs: list[Any], axes: int
) -> BlueprintIR | None:
    """Rows along the first axes choose between two copies of an op; None where it gives no such rows."""
    probe = single(op_type, attributes, *inputs)
    found = probe.inference.outputs[probe.graph.position["op"]]
    assert found is not None
    kind = found[0]
    assert isinstance(kind, TensorType)
    if kind.kind != "float" or kind.rank <= axes or not all(_plain(size) for size in kind.shape[:axes]):
        return None
    b = Builder("behind", name="behind")
    wires = [
        b.input(list(given[0]), dtype=given[1]) if isinstance(given, tuple) else b.input(list(given))
        for given in inputs
    ]
    lead = [size if isinstance(size, int) else str(size) for size in kind.shape[:axes]]
    gate = b.softmax(b.input([*lead, 2]), hard=True)
    copies = [b.node(op_type, *wires, id=f"copy{number}", **attributes)[0] for number in range(2)]
    # so that also copies of an op that moves elements have some work
    b.output(b.weighted_sum(gate, *[b.multiply(copy, scalar=1.5) for copy in copies], num_inputs=2))
    found = b.finish()
    return None if random_nodes(found, training=False) else found


def _plain(size: Any) -> bool:
    return isinstance(size, int) or str(size).isidentifier()


NOT_A_NUMBER = {"log", "sqrt", "rsqrt", "entropy"}
"""What these give for some of the random inputs."""
BEHIND = [
    (op_type, blueprint)
    for op_type, attributes, inputs in CASES
    if op_type not in NOT_A_NUMBER
    for axes in (1, 2)
    if (blueprint := _behind_a_gate(op_type, attributes, inputs, axes)) is not None
]


@pytest.mark.parametrize(
    ("op_type", "blueprint"),
    BEHIND,
    ids=[f"{op_type}-{number}" for number, (op_type, _) in enumerate(BEHIND)],
)
def test_an_op_behind_a_gate_gives_what_the_interpreter_gives(op_type: str, blueprint: BlueprintIR) -> None:
    module = compiled(blueprint, mode="infer")
    (binding,) = bindings(blueprint, (3,))
    given = sample(blueprint, binding, seed=5)
    for scored in (given[-1], *(torch.eye(2)[way].expand_as(given[-1]) for way in (0, 1))):
        assert error(module, blueprint, *given[:-1], scored) < 1e-5


def test_every_row_wise_op_stands_behind_a_gate() -> None:
    found: set[str] = set()
    for _, blueprint in BEHIND:
        graph = blueprint.graph
        assert graph.order is not None
        for choice in choices(graph, blueprint.inference, graph.order).values():
            for behind in choice.behind.values():
                found |= {graph.nodes[place].op_type for place in behind.places}
    others = {"topk_gating", "moe_combine"}  # shown above
    others |= {"compare", "fft"}  # whose results no gate can choose
    assert found == ROW_WISE.keys() - others - NOT_A_NUMBER


# ---------------------------------------------------------------- what stays computed on every row


def _mean_of_rows(b: Builder, x: Wire) -> Wire:
    return b.sub(x, b.reduce(x, operation="mean", dim=0))


def _drawn(b: Builder, x: Wire) -> Wire:
    return b.noise(x, std=1e-30, training_only=False)


def _over_rows(b: Builder, x: Wire) -> Wire:
    return b.softmax(x, dim=0)


def _own_op(b: Builder, x: Wire) -> Wire:
    if "row_of_test" not in _KNOWN:
        _KNOWN.add("row_of_test")
        rule = lambda a, inputs, assumptions: (inputs[0],)  # noqa: E731
        register_op(OpDef("row_of_test", "Custom", _NoSettings, ("input",), rule))
        register_lowering("row_of_test", lambda site: (site.call("neg", site.tensor()),))
    return b.row_of_test(x)


class _NoSettings(Attributes):
    """No settings."""


_KNOWN: set[str] = set()


def _statistics(b: Builder, x: Wire) -> Wire:
    return b.normalization(x, type="batch_norm", num_features=WIDTH, track_running_stats=False)


@pytest.mark.parametrize("mixing", [_mean_of_rows, _drawn, _over_rows, _own_op, _statistics])
def test_what_mixes_rows_and_what_feeds_it_stays_dense(mixing: Make) -> None:
    blueprint = gated(skip, lambda b, x: linear(b, mixing(b, linear(b, x))))
    module = compiled(blueprint, mode="infer")
    x = torch.randn(6, WIDTH)
    assert work(module, x, scores([0] * 6, 2)) == 6 * LINEAR
    some = scores([0, 1, 0, 0, 1, 1], 2)
    assert work(module, x, some) == (6 + 3) * LINEAR
    if mixing is not _own_op:
        assert error(module, blueprint, x, some) < 1e-5


def test_what_something_else_needs_too_stays_dense() -> None:
    b = Builder("shared", name="shared")
    x = b.input([-1, WIDTH])
    gate = b.softmax(b.input(["batch", 2]), hard=True)
    first = linear(b, x)
    b.output(b.weighted_sum(gate, x, linear(b, first), num_inputs=2))
    b.output(first)
    module = compiled(b.finish(), mode="infer")
    assert work(module, torch.randn(6, WIDTH), scores([0, 1, 0, 0, 0, 0], 2)) == (6 + 1) * LINEAR


def test_what_two_ways_share_stays_dense() -> None:
    b = Builder("common", name="common")
    x = b.input([-1, WIDTH])
    gate = b.softmax(b.input(["batch", 2]), hard=True)
    first = linear(b, x)
    b.output(b.weighted_sum(gate, first, linear(b, first), num_inputs=2))
    blueprint = b.finish()
    module = compiled(blueprint, mode="infer")
    x, ways = torch.randn(6, WIDTH), scores([0, 1, 0, 0, 0, 0], 2)
    assert work(module, x, ways) == (6 + 1) * LINEAR
    assert error(module, blueprint, x, ways) < 1e-5


def test_a_value_of_which_every_row_needs_all_rows_stays_dense() -> None:
    b = Builder("whole", name="whole")
    x = b.input([4, 4])
    square = b.matmul(x, b.linear(x, in_features=4, out_features=4))
    b.output(b.weighted_sum(b.softmax(b.input([4, 2]), hard=True), x, square, num_inputs=2))
    blueprint = b.finish()
    module = compiled(blueprint, mode="infer")
    x, ways = torch.randn(4, 4), scores([0, 1, 1, 0], 2)
    assert work(module, x, ways) == (4 + 2) * 2 * 4 * 4
    assert error(module, blueprint, x, ways) < 1e-5


def test_a_soft_gate_blends_and_computes_everything() -> None:
    blueprint = gated(skip, linear, hard=False)
    module = compiled(blueprint, mode="infer")
    x, ways = torch.randn(6, WIDTH), scores([0] * 6, 2)
    assert work(module, x, ways) == 6 * LINEAR
    assert error(module, blueprint, x, ways) < 1e-5


@pytest.mark.parametrize("blueprint", [gated(skip, linear), create_moe_layer(WIDTH, WIDTH, num_experts=4)])
def test_a_training_kernel_computes_everything_in_evaluation_too(blueprint: BlueprintIR) -> None:
    training, inference = compiled(blueprint).eval(), compiled(blueprint, mode="infer")
    (binding,) = bindings(blueprint, (6,))
    given = sample(blueprint, binding, seed=0)
    assert work(training, *given) == blueprint.cost(binding).flops > work(inference, *given)
    assert relative_error(inference(*given), training(*given)) < 1e-5


# ---------------------------------------------------------------- any network


@st.composite
def networks(draw: st.DrawFn) -> BlueprintIR:
    """Values of one shape, made of others: by rows, across rows, and by choices one inside another.

    Most values are used once, so that much stands behind a choice; some are used again.
    """
    b = Builder("any", name="any")
    values = [b.input([-1, "n", WIDTH])]
    scored = b.input(["batch", "n", 30])

    def value(depth: int) -> Wire:
        if depth == 0 or len(values) > 40 or draw(st.integers(0, 5)) == 0:
            return draw(st.sampled_from(values))
        values.append(draw(st.sampled_from(makers))(depth - 1))
        return values[-1]

    def some_scores(ways: int) -> Wire:
        start = draw(st.integers(0, 30 - ways))
        return b.slice(scored, dim=-1, start=start, end=start + ways)

    def gate(depth: int) -> Wire:
        ways = draw(st.integers(1, 3))
        weights = b.softmax(some_scores(ways), hard=draw(st.integers(0, 4)) > 0)
        return b.weighted_sum(weights, *[value(depth) for _ in range(ways)], num_inputs=ways)

    def gate_of_samples(depth: int) -> Wire:
        best = b.reduce(some_scores(2), dim=1, operation="max", keepdim=False)
        return b.weighted_sum(b.softmax(best, hard=True), value(depth), value(depth), num_inputs=2)

    def mixture(depth: int) -> Wire:
        k = draw(st.integers(1, 2))
        drop = draw(st.integers(0, 3)) == 0
        gating = b.topk_gating(some_scores(3), k=k, capacity_factor=0.5, drop_in_eval=drop)
        return b.moe_combine(gating, *[value(depth) for _ in range(3)], num_experts=3, top_k=k)

    makers: list[Callable[[int], Wire]] = [
        *[lambda depth: linear(b, value(depth))] * 3,
        lambda depth: b.activation(value(depth), type="tanh"),
        lambda depth: b.add(value(depth), value(depth)),
        lambda depth: b.concat(*b.split(value(depth), chunks=2), dim=-1),
        lambda depth: b.sub(
            value(depth), b.reduce(value(depth), operation="mean", dim=draw(st.integers(0, 2)))
        ),
        lambda depth: b.attention(value(depth), embed_dim=WIDTH, num_heads=2),
        *[gate, gate_of_samples, mixture] * 2,
    ]
    b.output(value(4))
    if draw(st.integers(0, 3)) == 0:
        b.output(draw(st.sampled_from(values)))
    return b.finish()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.integers(0, 3))
def test_any_network_of_choices_gives_what_the_interpreter_gives(blueprint: BlueprintIR, seed: int) -> None:
    module = compiled(blueprint, mode="infer", seed=seed)
    x, scored = sample(blueprint, {"batch": 3, "n": 2}, seed)
    found = module(x, scored)
    wanted = interpret(blueprint, [x, scored], tensors_of(module, blueprint)).outputs
    for one, other in zip(found if isinstance(found, tuple) else (found,), wanted, strict=True):
        assert relative_error(one, other) < 1e-5
    binding = {"batch": 3, "n": 2}
    assert work(module, x, scored) <= blueprint.cost(binding).flops


# ---------------------------------------------------------------- the rest


def test_a_value_of_its_own_is_merely_read_off() -> None:
    blueprint = gated(skip, lambda b, x: b.add(linear(b, x), b.constant(value=[1.0] * WIDTH)))
    module = compiled(blueprint, mode="infer")
    x, ways = torch.randn(5, WIDTH), scores([1, 0, 1, 0, 0], 2)
    before = x.clone()
    assert error(module, blueprint, x, ways) < 1e-5
    assert torch.equal(x, before)  # rows are written into a copy


def test_what_overflows_in_a_body_does_not_reach_the_rows_that_skip_it() -> None:
    module = compiled(gated(skip, lambda b, x: b.exp(linear(b, x))), mode="infer")
    x = torch.full((3, WIDTH), 1e30)
    assert torch.equal(module(x, scores([0] * 3, 2)), x)


def test_kernels_that_skip_rows_run_in_inference_mode_and_take_gradients_of_inputs() -> None:
    blueprint = gated(skip, linear, lambda b, x: b.activation(linear(b, x), type="tanh"))
    module = compiled(blueprint, mode="infer")
    x, ways = torch.randn(5, WIDTH), scores([1, 0, 1, 2, 0], 3)
    with torch.inference_mode():
        wanted = [module(x, ways) for _ in range(4)]
    assert all(torch.equal(one, wanted[0]) for one in wanted)
    leaf = x.clone().requires_grad_()
    module(leaf, ways).sum().backward()
    wide = x.double().requires_grad_()
    interpret(blueprint, [wide, ways], tensors_of(module, blueprint)).outputs[0].sum().backward()
    assert leaf.grad is not None
    assert wide.grad is not None
    assert relative_error(leaf.grad, wide.grad) < 1e-5


def test_kernels_that_skip_rows_have_equal_bytes() -> None:
    for blueprint in (gated(skip, linear), experts(2, None)):
        first, second = (compile_blueprint(CompileJob(blueprint)) for _ in range(2))
        assert first.data == second.data
        assert "skip_rows@1" in first.passes
