"""What kernels do beyond single ops: training, metrics, routing, sharing, refusals."""

import math
from typing import Any

import pytest
import torch

from esper_graph.compile import (
    CompileJob,
    compile_blueprint,
    register_lowering,
    validate_kernel,
)
from esper_graph.compile.interpreter import interpret
from esper_graph.compile.interpreter.run import register_evaluator
from esper_graph.compile.job import Mode
from esper_graph.compile.validate import relative_error, tensors_of
from esper_graph.errors import BlueprintError, DanglingEdgeError, LoweringError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ops import register_op
from esper_graph.ops.attributes import Attributes
from esper_graph.ops.opdef import OpDef
from tests.compile.cases import compiled, experts, single


def mlp(**settings: Any) -> BlueprintIR:
    b = Builder("mlp", name="MLP")
    h = b.activation(b.linear(b.input([-1, 8]), in_features=8, out_features=6, id="fc1"), type="relu")
    b.output(b.linear(b.dropout(h, p=0.5), in_features=6, out_features=3, id="fc2", **settings))
    return b.finish()


def test_dropout_acts_in_training_only_and_can_be_switched() -> None:
    module = compiled(single("dropout", {"p": 0.25}, [-1, 1000]))
    x = torch.ones(50, 1000)
    module.train()
    dropped = module(x)
    assert abs((dropped == 0).float().mean().item() - 0.25) < 0.02
    assert torch.allclose(dropped[dropped != 0], torch.tensor(1 / 0.75))
    module.eval()
    assert torch.equal(module(x), x)
    module.train()
    assert (module(x) == 0).any()


@pytest.mark.parametrize("p", [0.3, 1.0])
@pytest.mark.parametrize(
    ("op_type", "attributes", "function", "alone"),
    [
        ("feature_dropout", {}, torch.feature_dropout, False),
        ("alpha_dropout", {}, torch.alpha_dropout, True),
        ("alpha_dropout", {"feature": True}, torch.feature_alpha_dropout, False),
    ],
)
def test_kinds_of_dropout_are_those_of_torch_and_of_the_interpreter(
    op_type: str, attributes: dict[str, Any], function: Any, alone: bool, p: float
) -> None:
    blueprint = single(op_type, {"p": p, **attributes}, [-1, 20, 3, 4])
    module = compiled(blueprint).train()
    x = torch.linspace(1, 2, 10 * 20 * 12).reshape(10, 20, 3, 4)
    torch.manual_seed(5)
    found = module(x)
    torch.manual_seed(5)
    assert torch.equal(found, function(x, p, True))
    generator = torch.Generator().manual_seed(5)
    (computed,) = interpret(blueprint, [x], {}, training=True, generator=generator).outputs
    ours, theirs = dropped_where(computed), dropped_where(found)
    for both in (theirs & ours, ~theirs & ~ours):
        assert torch.allclose(found[both].double(), computed[both], rtol=1e-6)
    for dropped in (ours, theirs):
        whole = dropped.flatten(2).float().mean(2)
        assert bool(((whole == 0) | (whole == 1)).all()) == (not alone or p == 1)
        assert abs(whole.mean().item() - p) < 0.1


def dropped_where(values: torch.Tensor) -> torch.Tensor:
    """Where a tensor holds the value that it holds most often."""
    return values == values.flatten().mode().values


def test_noise_obeys_training_only() -> None:
    x = torch.zeros(4, 10_000)
    sometimes = compiled(single("noise", {"std": 0.5}, [-1, 10_000]))
    assert abs(sometimes(x).std().item() - 0.5) < 0.02
    assert torch.equal(sometimes.eval()(x), x)
    always = compiled(single("noise", {"std": 0.5, "training_only": False}, [-1, 10_000]), mode="infer")
    assert abs(always(x).std().item() - 0.5) < 0.02


def test_hard_softmax_draws_from_the_distribution_in_training_and_is_deterministic_in_evaluation() -> None:
    module = compiled(single("softmax", {"hard": True, "temperature": 0.7}, [-1, 3]))
    logits = torch.tensor([0.5, -0.3, 0.1])
    x = logits.repeat(20_000, 1).requires_grad_()
    module.train()
    drawn = module(x)
    assert ((drawn == 0) | (drawn == 1)).all()
    assert torch.equal(drawn.sum(-1), torch.ones(20_000))
    assert (drawn.mean(0) - logits.softmax(0)).abs().max() < 0.015
    drawn[:, 0].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    module.eval()
    y = module(x)
    assert torch.equal(y[0], torch.tensor([1.0, 0.0, 0.0]))
    (found,) = torch.autograd.grad(y[:, 1].sum(), x)
    soft = (logits.requires_grad_() / 0.7).softmax(0)
    (wanted,) = torch.autograd.grad(soft[1], logits)
    assert torch.allclose(found[0], wanted, atol=1e-6)


def test_a_kernel_for_inference_has_no_probes_no_noise_and_runs_in_inference_mode() -> None:
    module = compiled(experts(2, 1.0), mode="infer")
    assert not hasattr(module, "forward_with_metrics")
    x = torch.randn(2, 3, 6)
    with torch.inference_mode():
        assert not any(module(x).requires_grad for _ in range(4))
    assert not module.training
    code = module.code
    assert "dropout" not in code
    assert "metrics" not in code
    assert "one_hot" not in code  # neither the capacity nor the loss


def test_the_auxiliary_loss_is_a_metric_that_trains_the_router() -> None:
    blueprint = experts(2, None)
    module = compiled(blueprint, seed=5)
    x = torch.randn(4, 7, 6)
    _, metrics = module.forward_with_metrics(x)
    tensors = tensors_of(module, blueprint)
    wanted = interpret(blueprint, [x], tensors, training=True).metrics
    assert set(metrics) == {"balance"}
    assert metrics["balance"].item() == pytest.approx(wanted["balance"].item(), rel=1e-5)
    metrics["balance"].backward()
    router = tensors["router"]["weight"]
    assert router.grad is not None
    assert router.grad.abs().sum() > 0


def test_a_perfectly_even_router_has_the_loss_of_its_coefficient() -> None:
    b = Builder("even", name="even")
    gating = b.topk_gating(b.input([-1, 4]), k=1)
    b.moe_aux_loss(gating, loss_coef=0.5, id="balance")
    b.output(b.moe_combine(gating, *[b.input(["batch", 2]) for _ in range(4)], num_experts=4, top_k=1))
    module = compiled(b.finish())
    _, metrics = module.forward_with_metrics(torch.eye(4), *[torch.ones(4, 2)] * 4)
    assert metrics["balance"].item() == pytest.approx(0.5)


def test_overflow_contributes_zero_and_is_reported_in_training_only() -> None:
    b = Builder("full", name="full")
    gating = b.topk_gating(b.input([-1, 2]), k=1, capacity_factor=1.0, id="gate")
    b.output(b.moe_combine(gating, b.input(["batch", 1]), b.input(["batch", 1]), num_experts=2, top_k=1))
    module = compiled(b.finish())
    logits = torch.tensor([[2.0, 0.0]]).repeat(
        6, 1
    )  # all six tokens want the first expert, which takes three
    ones = torch.ones(6, 1)
    y, metrics = module.forward_with_metrics(logits, ones, ones)
    probability = torch.tensor([2.0, 0.0]).softmax(0)[0].item()
    assert y.flatten().tolist() == pytest.approx([probability] * 3 + [0.0] * 3)
    assert metrics["gate.dropped"].item() == pytest.approx(0.5)
    module.eval()
    y, metrics = module.forward_with_metrics(logits, ones, ones)
    assert y.flatten().tolist() == pytest.approx([probability] * 6)
    assert metrics["gate.dropped"].item() == 0.0


def test_first_choices_of_all_tokens_come_before_second_ones() -> None:
    b = Builder("order", name="order")
    gating = b.topk_gating(b.input([-1, 3]), k=2, capacity_factor=0.75, drop_in_eval=True)
    b.output(b.moe_combine(gating, *[b.input(["batch", 3]) for _ in range(3)], num_experts=3, top_k=2))
    module = compiled(b.finish(), mode="infer")
    logits = torch.tensor([[1.0, 2.0, -9.0], [1.0, 2.0, -9.0], [2.0, 1.0, -9.0], [2.0, 1.0, -9.0]])
    # capacity ceil(4 * 2 * 0.75 / 3) = 2: the first choices fill both experts, every second one is dropped
    values = [row.repeat(4, 1) for row in torch.eye(3)]
    share = torch.tensor([2.0, 1.0]).softmax(0)[0].item()
    wanted = [[0, share, 0], [0, share, 0], [share, 0, 0], [share, 0, 0]]
    assert torch.allclose(module(logits, *values), torch.tensor(wanted), atol=1e-6)


def probed(log_frequency: int = 1) -> BlueprintIR:
    b = Builder("probed", name="probed")
    x = b.input([-1, 4])
    h = b.linear(x, in_features=4, out_features=4, id="fc1")
    b.telemetry(b.reduce(h, operation="norm"), metric_name='norm ‘of’ "h"', log_frequency=log_frequency)
    b.telemetry(b.gradient_norm(h, ord=1, id="g1"), metric_name="gradient", log_frequency=log_frequency)
    b.gradient_norm(x, id="gx")
    b.output(b.linear(b.activation(h, type="tanh"), in_features=4, out_features=2, id="fc2"))
    return b.finish()


def test_metrics_are_returned_beside_the_outputs_and_change_nothing() -> None:
    module = compiled(probed())
    x = torch.randn(5, 4)
    for _ in range(4):
        y, metrics = module.forward_with_metrics(x)
        assert torch.equal(y, module(x))
        h = x @ module.p1_weight.T + module.p1_bias
        assert metrics.keys() == {'norm ‘of’ "h"'}
        assert metrics['norm ‘of’ "h"'].item() == pytest.approx(h.norm().item(), rel=1e-5)
        assert not metrics['norm ‘of’ "h"'].requires_grad


def test_gradient_norms_are_those_of_autograd() -> None:
    blueprint = probed()
    module = compiled(blueprint)
    tensors = tensors_of(module, blueprint)
    assert module.gradient_metrics() == {}
    for _ in range(4):
        x = torch.randn(5, 4)
        y, _metrics = module.forward_with_metrics(x)
        assert module.gradient_metrics() == {}  # not before `backward`
        y.pow(2).sum().backward()
        leaf = x.clone().requires_grad_()
        h = leaf @ tensors["fc1"]["weight"].T + tensors["fc1"]["bias"]
        out = h.tanh() @ tensors["fc2"]["weight"].T + tensors["fc2"]["bias"]
        at_h, at_x = torch.autograd.grad(out.pow(2).sum(), [h, leaf])
        found = module.gradient_metrics()
        assert found.keys() == {"gradient", "gx"}
        assert found["gradient"].item() == pytest.approx(at_h.abs().sum().item(), rel=1e-4)
        assert found["gx"].item() == pytest.approx(at_x.norm().item(), rel=1e-4)


def test_gradients_are_measured_in_training_only() -> None:
    module = compiled(probed())
    module.eval()
    y, _ = module.forward_with_metrics(torch.randn(5, 4))
    y.sum().backward()
    assert module.gradient_metrics() == {}


def test_metrics_are_computed_at_every_nth_call() -> None:
    module = compiled(probed(log_frequency=3))
    seen = []
    for _ in range(7):
        y, metrics = module.forward_with_metrics(torch.randn(5, 4))
        y.sum().backward()
        assert "gx" in module.gradient_metrics()
        seen.append((len(metrics), "gradient" in module.gradient_metrics()))
    assert seen == [(1, True), (0, False), (0, False)] * 2 + [(1, True)]


def test_two_metrics_of_one_name_are_told_apart() -> None:
    b = Builder("twice", name="twice")
    x = b.input([-1, 4])
    b.telemetry(b.reduce(x, operation="mean"), metric_name="same", id="t1")
    b.telemetry(b.reduce(x, operation="max"), metric_name="same", id="t2")
    b.output(x)
    _, metrics = compiled(b.finish()).forward_with_metrics(torch.ones(1, 4))
    assert metrics.keys() == {"same", "same.t2"}


@pytest.mark.parametrize("mode", ["train", "infer"])
def test_an_output_that_needs_a_gradient_is_refused(mode: Mode) -> None:
    b = Builder("late", name="late")
    b.output(b.gradient_norm(b.input([-1, 4]), id="g"))
    with pytest.raises(DanglingEdgeError, match="depends on `g`"):
        compile_blueprint(CompileJob(b.finish(), mode=mode))


def test_batch_norm_updates_its_statistics_in_training_as_torch_does() -> None:
    blueprint = single("normalization", {"type": "batch_norm", "num_features": 4}, [-1, 4, -1, -1])
    module, wanted = compiled(blueprint), torch.nn.BatchNorm2d(4)
    for _ in range(3):
        x = torch.randn(3, 4, 5, 6) * 2 + 1
        assert torch.allclose(module(x), wanted(x), atol=1e-5)
    for name in ("running_mean", "running_var"):
        assert torch.allclose(getattr(module, f"p1_{name}"), getattr(wanted, name), atol=1e-6)
    x = torch.randn(1, 4, 5, 6)
    assert torch.allclose(module.eval()(x), wanted.eval()(x), atol=1e-5)


def test_batch_norm_refuses_a_single_value_in_training_instead_of_breaking_its_statistics() -> None:
    module = compiled(single("normalization", {"type": "batch_norm", "num_features": 4}, [-1, 4]))
    with pytest.raises(torch.jit.Error, match="more than one value a channel"):
        module(torch.randn(1, 4))
    assert torch.isfinite(module.p1_running_var).all()
    module.eval()
    assert module(torch.randn(1, 4)).shape == (1, 4)


def test_interpreter_and_kernel_agree_on_running_statistics() -> None:
    for attributes in (
        {"type": "batch_norm", "num_features": 4, "momentum": None},
        {"type": "instance_norm", "num_features": 4, "track_running_stats": True},
    ):
        blueprint = single("normalization", attributes, [-1, 4, -1])
        module = compiled(blueprint)
        for _ in range(3):
            before = {"op": {name: x.clone() for name, x in tensors_of(module, blueprint)["op"].items()}}
            x = torch.randn(3, 4, 7)
            wanted = interpret(blueprint, [x], before, training=True).buffers["op"]
            module(x)
            assert len(wanted) == 3
            for name, value in wanted.items():
                assert relative_error(tensors_of(module, blueprint)["op"][name], value) < 1e-5, name


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_queries_that_see_nothing_get_zeros_and_finite_gradients(causal: bool, dtype: str) -> None:
    b = Builder("masked", name="masked")
    q = b.input([-1, "n", 8])
    mask = b.input(["n", "n"], dtype=dtype)
    b.output(b.dot_product_attention(q, q, q, mask, causal=causal))
    blueprint = b.finish()
    module = compiled(blueprint)
    seen = torch.rand(5, 5) < 0.6
    seen[0, 0], seen[2] = True, False
    given = seen if dtype == "bool" else torch.where(seen, torch.randn(5, 5), -math.inf)
    x = torch.randn(3, 5, 8, requires_grad=True)
    y = module(x, given)
    assert torch.equal(y[:, 2], torch.zeros(3, 8))
    wide = x.detach().double().requires_grad_()
    wanted = interpret(blueprint, [wide, given], {}).outputs[0]
    assert relative_error(y, wanted) < 1e-5
    y.square().sum().backward()
    wanted.square().sum().backward()
    assert x.grad is not None
    assert wide.grad is not None
    assert relative_error(x.grad, wide.grad) < 1e-4


def test_a_mask_of_true_keeps() -> None:
    b = Builder("kept", name="kept")
    q = b.input([-1, "n", 4])
    b.output(b.dot_product_attention(q, q, q, b.input(["n", "n"], dtype="bool")))
    x = torch.randn(2, 3, 4)
    assert torch.allclose(compiled(b.finish(), mode="infer")(x, torch.eye(3).bool()), x, atol=1e-6)


def test_shared_parameters_exist_once_and_collect_both_gradients() -> None:
    b = Builder("tied", name="tied")
    h = b.linear(b.input([-1, 6]), in_features=6, out_features=6, id="fc1")
    b.output(b.linear(h, in_features=6, out_features=6, id="fc2", shares="fc1"))
    blueprint = b.finish()
    module = compiled(blueprint)
    assert [name for name, _ in module.named_parameters()] == ["p1_weight", "p1_bias"]
    assert sum(parameter.numel() for parameter in module.parameters()) == blueprint.cost().parameters == 42
    assert validate_kernel(module, blueprint, mode="train").passed


def test_arguments_and_results_are_in_the_order_of_their_index() -> None:
    b = Builder("order", name="order")
    second = b.input(["batch", 3], index=1)
    first = b.input([-1, 3], index=0)
    b.output(b.sub(first, second), index=1)
    b.output(b.sub(second, first), index=0)
    result = compiled(b.finish(), mode="infer")(torch.full((2, 3), 5.0), torch.ones(2, 3))
    assert isinstance(result, tuple)
    assert [value[0, 0].item() for value in result] == [-4.0, 4.0]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([3, 9], "input 0 of the kernel: axis 1 must be 8"),
        ([3], "input 0 of the kernel: must have 2 axes"),
    ],
)
def test_arguments_of_another_shape_are_refused(shape: list[int], message: str) -> None:
    module = compiled(mlp())
    with pytest.raises(torch.jit.Error, match=message):
        module(torch.zeros(shape))


def test_inputs_whose_sizes_do_not_agree_are_refused_rather_than_broadcast() -> None:
    module = compiled(single("add", {}, [-1, 3], ["batch", 3]))
    with pytest.raises(torch.jit.Error, match="axis 0 must fit the sizes of the other inputs"):
        module(torch.zeros(4, 3), torch.zeros(1, 3))


def test_sizes_that_inference_assumed_away_are_refused() -> None:
    module = compiled(single("slice", {"dim": 0, "end": 3}, [-1, 3]))
    assert module(torch.zeros(3, 3)).shape == (3, 3)
    with pytest.raises(torch.jit.Error, match="do not fit an op of the kernel"):
        module(torch.zeros(2, 3))


def test_a_size_that_stands_only_inside_an_expression_is_solved_for() -> None:
    module = compiled(single("reshape", {"shape": ["n", 2, 3]}, ["2*n", 3]), mode="infer")
    assert module(torch.zeros(8, 3)).shape == (4, 2, 3)
    with pytest.raises(torch.jit.Error, match="axis 0"):
        module(torch.zeros(7, 3))


def test_a_size_that_no_input_determines_is_refused_when_compiling() -> None:
    blueprint = single("identity", {}, ["n*n", 3])
    with pytest.raises(LoweringError, match="cannot be read off any input"):
        compile_blueprint(CompileJob(blueprint))


def test_other_precisions_are_refused_by_name() -> None:
    with pytest.raises(LoweringError, match="`fc2` asks for the precision bf16") as caught:
        compile_blueprint(CompileJob(mlp(precision="bf16")))
    assert "fc2" in caught.value.where[0]
    with pytest.raises(LoweringError, match="the precision int8"):
        compile_blueprint(CompileJob(mlp(), precision="int8"))
    with pytest.raises(LoweringError, match="`fast` is not a mode"):
        compile_blueprint(CompileJob(mlp(), mode="fast"))  # pyright: ignore[reportArgumentType]


def test_an_invalid_blueprint_is_refused_with_its_problems() -> None:
    blueprint = single("linear", {"in_features": 5, "out_features": 2}, [-1, 8])
    with pytest.raises(BlueprintError, match="in_features"):
        compile_blueprint(CompileJob(blueprint))


def test_hints_are_reported_with_what_became_of_them() -> None:
    result = compile_blueprint(CompileJob(mlp(requires_gpu=True, compute_intensity=0.1)))
    assert [(hint.node, hint.name, hint.outcome) for hint in result.hints] == [
        ("fc2", "compute_intensity", "not honoured"),
        ("fc2", "requires_gpu", "not honoured"),
        (None, "fusion", "not honoured"),
        (None, "memory_plan", "not honoured"),
    ]


def test_a_training_kernel_learns() -> None:
    module = compiled(mlp(), seed=1)
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    target = x[:, :3].abs()
    losses = []
    for _ in range(150):
        loss = (module(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_recurrent_layers_are_torchs(kind: str) -> None:
    settings = {"input_size": 4, "hidden_size": 3, "num_layers": 2, "bidirectional": True}
    blueprint = single("recurrent", {"type": kind, **settings}, [-1, -1, 4])
    module = compiled(blueprint, mode="infer")
    wanted = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](batch_first=True, **settings)
    wanted.load_state_dict({name.removeprefix("p1_"): value for name, value in module.state_dict().items()})
    x = torch.randn(2, 5, 4)
    assert torch.allclose(module(x), wanted(x)[0], atol=1e-6)


def test_attention_is_torchs() -> None:
    blueprint = single("attention", {"embed_dim": 8, "num_heads": 2}, [-1, -1, 8])
    module = compiled(blueprint, mode="infer", seed=2)
    wanted = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    names = {"p1_in_proj_weight": "in_proj_weight", "p1_in_proj_bias": "in_proj_bias"}
    names |= {"p1_out_proj__weight": "out_proj.weight", "p1_out_proj__bias": "out_proj.bias"}
    wanted.load_state_dict({names[name]: value for name, value in module.state_dict().items()})
    x = torch.randn(2, 5, 8)
    assert torch.allclose(module(x), wanted(x, x, x)[0], atol=1e-6)


def test_an_op_of_the_user_compiles_once_it_has_a_lowering() -> None:
    class Cube(Attributes):
        """No settings."""

    register_op(
        OpDef("cube_of_test", "Custom", Cube, ("input",), lambda a, inputs, assumptions: (inputs[0],))
    )
    blueprint = single("cube_of_test", {}, [-1, 3])
    with pytest.raises(LoweringError, match="`op` cannot be compiled: the op has no lowering") as caught:
        compile_blueprint(CompileJob(blueprint))
    assert "register_lowering" in str(caught.value.hint)
    register_lowering("cube_of_test", lambda site: (site.call("pow", site.tensor(), "3"),))
    register_evaluator("cube_of_test", lambda call: (call.x() * call.x() * call.x(),))
    module = compiled(blueprint)
    assert validate_kernel(module, blueprint, mode="train").passed


def test_a_lowering_that_torch_does_not_compile_is_said_with_its_line() -> None:
    class Wrong(Attributes):
        """No settings."""

    register_op(
        OpDef("wrong_of_test", "Custom", Wrong, ("input",), lambda a, inputs, assumptions: (inputs[0],))
    )
    register_lowering("wrong_of_test", lambda site: (site.call("no_such_op", site.tensor()),))
    with pytest.raises(LoweringError, match="torch does not compile `wrong_of_test`") as caught:
        compile_blueprint(CompileJob(single("wrong_of_test", {}, [-1, 3])))
    assert "no_such_op" in str(caught.value)


def test_a_kernel_that_computes_something_else_fails_validation() -> None:
    blueprint = single("activation", {"type": "relu"}, [-1, 8])
    other = compiled(single("activation", {"type": "silu"}, [-1, 8]))
    report = validate_kernel(other, blueprint, mode="train")
    assert not report.passed
    assert report.share_passed == 0.0
    assert report.to_dict()["worst_error"] > 0.01


@pytest.mark.parametrize("seed", range(6))
def test_gradients_that_are_zero_in_truth_do_not_fail_a_kernel_for_rounding(seed: int) -> None:
    b = Builder("normed", name="normed")
    h = b.linear(b.input([-1, 4]), in_features=4, out_features=3, id="fc1")  # the norm takes its bias away
    h = b.activation(b.normalization(h, type="batch_norm", num_features=3), type="relu")
    b.output(b.linear(h, in_features=3, out_features=2, id="fc2"))
    blueprint = b.finish()
    report = validate_kernel(compiled(blueprint, seed=seed), blueprint, mode="train")
    assert report.passed, report
    assert any("gradients in training" in check.name for check in report.checks)
