"""Importing networks: what is kept, what is refused, weights, and a slice of real networks."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from esper_graph.compile import (
    import_module,
    import_with_weights,
)
from esper_graph.compile.importer.examples import example_inputs, module_named
from esper_graph.errors import ConfigError, ImporterError, LimitExceededError
from tests.compile.importing import TOLERANCE, call, compare, kernel_of, relative
from tests.compile.networks import SLICE


class Tied(nn.Module):
    """An encoder whose decoder uses the table of its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 8)
        self.inner = nn.Linear(8, 8)
        self.decoder = nn.Linear(8, 11)
        self.decoder.weight = self.table.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.inner(self.inner(self.table(x))))


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if float(x.sum()) > 0 else x - 1


class Scaling(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.shape[0]


class Counting(nn.Module):
    """Counts its calls, also in evaluation."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


class Changing(nn.Module):
    """Changes a view of a tensor in place, and returns the tensor with what the function returns."""

    def __init__(self, change: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> tuple[Any, Tensor]:
        y = x * 2
        return self.change(y), y


class TwoLayers(nn.Module):
    """Whatever a function makes of two layers and an input."""

    def __init__(self, function: Callable[[nn.Module, nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.a, self.b, x)


class Sorting(nn.Module):
    """A network with two calls that no op stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.inner = nn.Sequential(nn.Linear(4, 4), Rounding())

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(torch.sort(self.first(x))[0])


class Rounding(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.round(x)


def small() -> nn.Sequential:
    """A network of the usual layers."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(128, 5),
    )


IMAGE = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def test_a_layer_becomes_one_node_named_after_its_place() -> None:
    blueprint = import_module(small(), IMAGE, id="small", name="Small", tags=["imported"])
    assert [(node.id, node.op_type) for node in blueprint.nodes] == [
        ("input", "input"),
        ("0", "conv2d"),
        ("1", "normalization"),
        ("2", "activation"),
        ("3", "dropout"),
        ("4", "flatten"),
        ("5", "linear"),
        ("output", "output"),
    ]
    assert (blueprint.id, blueprint.name, blueprint.tags) == ("small", "Small", ("imported",))
    assert blueprint.node("input").attributes["shape"] == ("batch", 3, 4, 4)
    assert blueprint.node("3").attributes["p"] == 0.25
    assert "imported from torch.nn.modules.container.Sequential" in blueprint.description


def test_the_structure_does_not_depend_on_weights_or_on_the_example() -> None:
    first = import_module(small(), IMAGE)
    module = small()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    assert import_module(module, torch.randn(5, 3, 4, 4)).fingerprint == first.fingerprint
    assert import_module(module, {"input": IMAGE}).fingerprint == first.fingerprint


def test_the_module_is_left_as_it_was() -> None:
    module = small()
    module[1].eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    import_module(module, IMAGE)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    import_module(layer, torch.randn(2, 3, 8))
    assert "forward" not in vars(layer.self_attn)
    assert torch.backends.mha.get_fastpath_enabled()


def test_the_batch_can_be_fixed() -> None:
    imported = import_with_weights(small(), IMAGE, dynamic_batch=False)
    assert not imported.open_batch
    assert imported.blueprint.node("input").attributes["shape"] == (1, 3, 4, 4)


CHOICES: dict[str, Callable[[Tensor], Tensor]] = {
    "one number": lambda x: x.sum(1) if x.shape[0] == 4 else x.mean(1),
    "more than three": lambda x: x.sum(1) if x.shape[0] > 3 else x.mean(1),
    "a rounded number": lambda x: x * int(x.shape[0] * 1.3),
    "a rounded part": lambda x: x[: int(x.shape[0] * 0.5)],
}


@pytest.mark.parametrize("choice", CHOICES)
def test_a_network_that_depends_on_its_batch_keeps_that_of_the_example_and_says_so(choice: str) -> None:
    class Choosing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return CHOICES[choice](x)

    imported = import_with_weights(Choosing(), torch.randn(4, 6))
    assert not imported.open_batch
    assert "the batch is fixed" in imported.blueprint.description
    x = torch.randn(4, 6)
    assert relative(call(kernel_of(imported), (x,)), [CHOICES[choice](x)]) < TOLERANCE
    with pytest.raises(torch.jit.Error, match="axis 0 must be 4"):
        kernel_of(imported)(torch.randn(5, 6))


def test_sizes_that_follow_from_the_batch_follow_it_in_the_kernel() -> None:
    class Folding(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.view(-1, 3, 2) * torch.ones(x.shape[0] * 2, 1, 1)

    assert compare(Folding(), (torch.randn(4, 6).repeat(1, 2),), count=5).error == 0


def test_attention_layers_stay_whole() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    blueprint = import_module(layer, torch.randn(2, 3, 8))
    counts = Counter(node.op_type for node in blueprint.nodes)
    assert (counts["attention"], counts["dot_product_attention"], counts["matmul"]) == (1, 0, 0)


# ---------------------------------------------------------------- parameters


def test_tied_parameters_are_shared_and_count_once() -> None:
    module = Tied()
    found = compare(module, (torch.tensor([[0, 10, 3]]),))
    assert found.error < TOLERANCE
    assert found.parameters == sum(parameter.numel() for parameter in module.parameters())
    shares = {node.id: node.shares for node in found.imported.blueprint.nodes if node.shares}
    assert shares == {"inner_2": "inner", "decoder": "table"}
    assert found.imported.aliases == {"decoder.weight": "table.weight"}


def test_parameters_that_evaluation_does_not_use_are_named() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used = nn.Linear(4, 4)
            self.spare = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    imported = import_with_weights(Spare(), torch.randn(1, 4))
    assert imported.unused == ("spare.weight", "spare.bias")
    assert set(imported.rest) == set(imported.unused)
    assert "does not use 15 of its parameters (spare.weight, spare.bias)" in imported.blueprint.description


def test_a_training_kernel_has_the_gradients_of_the_module() -> None:
    module = small().eval()
    imported = import_with_weights(module, IMAGE)
    kernel = kernel_of(imported, "train")
    x = torch.randn(3, 3, 4, 4)
    module(x).square().sum().backward()
    kernel(x).square().sum().backward()
    grads = {name: parameter.grad for name, parameter in kernel.named_parameters()}
    for mine, theirs in zip(grads.values(), module.parameters(), strict=True):
        assert theirs.grad is not None
        assert relative([mine], [theirs.grad]) < TOLERANCE
    assert not torch.equal(kernel.train()(x), kernel.train()(x)), "dropout works"


def half_without_gradients(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = a(x)
        z = y.relu()
    return b(y) + z + x


def with_gradients_inside(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = a(x)
        with torch.enable_grad():
            z = b(y)
    return z * y


def with_the_input_handed_through(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = x
        z = a(y)
    return b(y) + z


def changed_where_it_was_made(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = a(x)
        y.mul_(2)
    return b(x) * y


@pytest.mark.parametrize(
    "function",
    [
        half_without_gradients,
        with_gradients_inside,
        with_the_input_handed_through,
        changed_where_it_was_made,
    ],
)
def test_no_gradient_passes_a_region_without_gradients(function: Any) -> None:
    module = TwoLayers(function)
    imported = import_with_weights(module, torch.randn(2, 4))
    assert "detach" in {node.op_type for node in imported.blueprint.nodes}
    assert not [note for note in imported.notes if "gradient" in note]
    kernel = kernel_of(imported, "train")
    x, same = (torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_() for _ in range(2))
    module(x).square().sum().backward()
    kernel(same).square().sum().backward()
    names = [name for owned in imported.names.values() for name in owned.values()]
    mine = {"x": same, **dict(zip(names, kernel.parameters(), strict=True))}
    for name, parameter in (("x", x), *module.named_parameters()):
        found = mine[name].grad if name in mine else None
        if parameter.grad is None:
            assert found is None or not found.any()
        else:
            assert found is not None
            assert relative([found], [parameter.grad]) < TOLERANCE


def test_positions_need_no_detaching() -> None:
    def function(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
        with torch.no_grad():
            turned = torch.outer(torch.arange(4.0), torch.ones(4)).cos()
        return a(x @ turned)

    blueprint = import_module(TwoLayers(function), torch.randn(2, 4))
    assert "detach" not in {node.op_type for node in blueprint.nodes}


def test_a_change_without_gradients_is_said() -> None:
    def function(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
        y = a(x)
        with torch.no_grad():
            y.mul_(2)
        return y

    module = TwoLayers(function)
    imported = import_with_weights(module, torch.randn(2, 4))
    assert [note for note in imported.notes if "changed in place without gradients" in note]
    x = torch.randn(3, 4)
    assert relative(call(kernel_of(imported), (x,)), call(module, (x,))) < TOLERANCE


class Straight(torch.autograd.Function):
    """A step with the gradient of a line."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 -- so torch calls it
        return x.relu()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        return gradients[0]


@pytest.mark.parametrize("dynamic_batch", [True, False])
def test_a_gradient_of_its_own_is_said_to_be_left_out(dynamic_batch: bool) -> None:
    module = TwoLayers(lambda a, b, x: b(Straight.apply(Straight.apply(a(x)))))
    imported = import_with_weights(module, torch.randn(2, 4), dynamic_batch=dynamic_batch)
    assert [note for note in imported.notes if "gradient" in note] == [
        "`Straight` has a gradient of its own, which is not kept: training takes that of what it computes"
    ]
    assert imported.notes[0] in imported.blueprint.description
    again = import_with_weights(TwoLayers(lambda a, b, x: b(a(x).relu())), torch.randn(2, 4))
    assert again.notes == ()
    assert Straight.apply(torch.ones(2)).tolist() == [1, 1]


# ---------------------------------------------------------------- what is refused


def test_a_change_inside_a_region_of_what_is_used_outside_is_refused() -> None:
    def viewed_before(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
        y = a(x)
        seen = y.view(-1, 2, 2)
        with torch.no_grad():
            y.mul_(2)
        return seen + 1

    def viewed_inside(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
        y = a(x)
        with torch.no_grad():
            y.view(-1, 2, 2).mul_(2)
        return b(y)

    def given_twice(a: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
        y = a(x)
        seen = y.view(-1, 2, 2)
        with torch.autocast("cpu", enabled=False):
            y.mul_(2)
            return seen + 1

    for function in (viewed_before, viewed_inside, given_twice):
        with pytest.raises(ImporterError, match="it changes a tensor in place that is used outside too"):
            import_module(TwoLayers(function), torch.randn(2, 4))


def test_calls_without_an_op_are_all_named_with_their_places() -> None:
    with pytest.raises(ImporterError, match="2 calls that no op stands for") as caught:
        import_module(Sorting(), torch.randn(1, 4))
    assert {(op, place) for op, place, _ in caught.value.refused} == {
        ("aten.sort.default", ""),
        ("aten.round.default", "inner.1"),
    }
    assert "aten.sort.default  the module itself: there is no op for it" in str(caught.value)


@pytest.mark.parametrize(
    ("module", "inputs", "said"),
    [
        (Branching(), torch.randn(2, 3), "cannot be exported"),
        (Counting(), torch.randn(2, 3), "it changes `calls` of the module in place"),
        (Scaling(), torch.randn(2, 3), "computes with the size batch, which is not fixed"),
        (nn.Linear(3, 2).half(), torch.randn(2, 3), "float16"),
        (nn.Linear(3, 2), None, "no example inputs"),
        (nn.Linear(3, 2), (), "hold no tensor"),
        (nn.Linear(3, 2), "1x3", "neither a tensor, a tuple nor a mapping"),
        (nn.Linear(3, 2), (torch.randn(2, 3), torch.randn(2, 3)), "do not fit `Linear.forward`"),
        (nn.Linear(3, 2), {"x": torch.randn(2, 3)}, "do not fit `Linear.forward`"),
        (nn.Linear(3, 2), torch.randn(2, 4), "cannot be exported"),
        (nn.Linear, torch.randn(2, 3), "is not a module"),
        (torch.relu, torch.randn(2, 3), "is not a module"),
    ],
    ids=[str(number) for number in range(12)],
)
def test_other_input_is_refused_with_the_reason(module: Any, inputs: Any, said: str) -> None:
    with pytest.raises(ImporterError, match=said.replace("(", r"\(")) as caught:
        import_module(module, inputs)
    assert caught.value.hint


def _first_of_two(y: Tensor) -> Tensor:
    first, second = y.split(2, 1)
    first.add_(second)
    return first * second


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.view(-1, 16).add_(1),
        lambda y: y[:, 1:3].add_(1),
        lambda y: y[:, 1].add_(1),
        lambda y: y.narrow(1, 1, 2).add_(1),
        lambda y: _first_of_two(y + 1),
    ],
    ids=["view", "slice", "select", "narrow", "split"],
)
def test_a_part_that_is_changed_in_place_changes_the_whole(change: Any) -> None:
    imported = import_with_weights(Changing(change), torch.randn(2, 4, 4))
    x = torch.randn(3, 4, 4)
    assert relative(call(kernel_of(imported), (x,)), call(Changing(change), (x,))) == 0.0


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.mT.add_(torch.arange(4.0)),
        lambda y: y.swapaxes(1, 2).add_(torch.arange(4.0)),
        lambda y: y.movedim(1, 2).add_(torch.arange(4.0)),
        _first_of_two,
        lambda y: y.unbind(1)[0].add_(1),
    ],
    ids=["mT", "swapaxes", "movedim", "split", "unbind"],
)
def test_a_view_that_cannot_be_put_back_is_refused(change: Any) -> None:
    with pytest.raises(ImporterError, match="it changes a view of a tensor in place"):
        import_module(Changing(change), torch.randn(2, 4, 4))


def test_what_depends_on_data_is_refused_and_named() -> None:
    class Picking(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[x > 0]

    with pytest.raises(ImporterError) as caught:
        import_module(Picking(), torch.randn(2, 4))
    assert "aten.index.Tensor" in {op for op, _, _ in caught.value.refused}


@pytest.mark.parametrize(
    "function",
    [
        lambda x: functional.dropout(x, 0.5),
        lambda x: functional.alpha_dropout(x, 0.5, training=True),
        lambda x: x + functional.dropout(torch.ones(4), 0.5),
        lambda x: functional.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
    ],
    ids=["dropout", "alpha_dropout", "of a constant", "attention"],
)
def test_dropout_that_draws_in_evaluation_too_is_refused(function: Any) -> None:
    class Drawing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    with pytest.raises(ImporterError, match="it draws in evaluation too"):
        import_module(Drawing(), torch.randn(2, 3, 4))


def test_a_module_that_cannot_be_exported_is_refused_with_its_place_and_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError(f"no {x.ndim}")

    for inner, line, hint in (
        (Branching(), "return x + 1 if float(x.sum()) > 0 else x - 1", "control flow"),
        (Failing(), 'raise ValueError(f"no {x.ndim}")', "must run on such inputs"),
    ):
        with pytest.raises(ImporterError) as caught:
            import_module(nn.Sequential(nn.Identity(), nn.Sequential(inner)), torch.randn(2, 4))
        assert "\n  1.0: test_importer.py, line " in str(caught.value)
        assert line in str(caught.value)
        assert hint in (caught.value.hint or "")
    with pytest.raises(ImporterError, match=r"\n  1: "):
        import_module(nn.Sequential(nn.Identity(), nn.Linear(3, 3)), torch.randn(2, 4))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("layer", "op_type"),
    [
        (nn.Dropout(0.4), "dropout"),
        (nn.Dropout2d(0.4), "feature_dropout"),
        (nn.Dropout2d(0.4, inplace=True), "feature_dropout"),
        (nn.AlphaDropout(0.4), "alpha_dropout"),
        (nn.FeatureAlphaDropout(0.4), "alpha_dropout"),
    ],
    ids=str,
)
def test_each_kind_of_dropout_drops_what_it_drops_in_the_network(layer: nn.Module, op_type: str) -> None:
    imported = import_with_weights(layer, torch.zeros(2, 3, 4, 4))
    assert [node.op_type for node in imported.blueprint.nodes] == ["input", op_type, "output"]
    assert imported.notes == ()
    kernel = kernel_of(imported, "train").train()
    x = torch.randn(5, 3, 4, 4)
    torch.manual_seed(3)
    wanted = layer.train()(x.clone())
    torch.manual_seed(3)
    assert torch.equal(kernel(x), wanted)
    assert torch.equal(kernel.eval()(x), x)


def test_results_that_are_no_tensors_are_said_to_be_left_out() -> None:
    class Telling(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Any]:
            return {"y": x + 1, "count": 3, "kind": "plain", "nothing": None}

    imported = import_with_weights(Telling(), torch.randn(2, 4))
    assert [node.op_type for node in imported.blueprint.nodes][-1] == "output"
    assert imported.notes == ("results that are no tensors are left out (3, 'plain')",)
    assert imported.notes[0] in imported.blueprint.description


def test_large_networks_need_a_raised_limit_which_is_kept() -> None:
    deep = nn.Sequential(*[nn.Linear(4, 4) for _ in range(120)])
    with pytest.raises(LimitExceededError, match="longest path"):
        import_module(deep, torch.randn(1, 4))
    assert import_module(deep, torch.randn(1, 4), max_depth=150).limits == {"max_depth": 150}


def test_modules_and_inputs_are_named_by_text() -> None:
    assert isinstance(module_named("torch.nn:Identity"), nn.Identity)
    assert [(tuple(x.shape), x.dtype) for x in example_inputs(["2x3", "4:int64", "1x1:bool"])] == [
        ((2, 3), torch.float32),
        ((4,), torch.int64),
        ((1, 1), torch.bool),
    ]
    for text, said in (
        ("torch.nn", "does not name a callable"),
        ("torch.nn:Nothing", "AttributeError"),
        ("nowhere.at_all:f", "ModuleNotFoundError"),
        ("torch.nn:Linear", "TypeError"),
        ("builtins:dict", "not a module"),
    ):
        with pytest.raises(ConfigError, match=said):
            module_named(text)
    for text in ("", "3x", "axb", "3:float31", "-1x3"):
        with pytest.raises(ConfigError, match="not the shape of an input"):
            example_inputs([text])
    for text in ("0x4", "99999999999x4", "4x65536x65536"):
        with pytest.raises(ConfigError, match="must have 1 to"):
            example_inputs([text])
    with pytest.raises(ImporterError, match="a size lies between"):
        import_module(nn.Identity(), torch.zeros(0, 4))


# ---------------------------------------------------------------- real networks


@pytest.mark.parametrize("name", SLICE)
def test_a_real_network_keeps_values_parameters_and_work(name: str) -> None:
    make, inputs = SLICE[name]()
    torch.manual_seed(0)
    module = make()
    found = compare(module, inputs)
    assert found.error < TOLERANCE
    assert found.parameters == found.expected_parameters
    assert found.macs == found.expected_macs
    assert not found.imported.unused


def test_published_figures_of_networks() -> None:
    """Parameters and multiply-adds at 224 x 224, as torchvision publishes them."""
    torchvision = pytest.importorskip("torchvision")
    for name, parameters, gigamacs in (
        ("resnet18", 11_689_512, 1.81),
        ("mobilenet_v3_small", 2_542_856, 0.06),
        ("vit_b_32", 88_224_232, 4.41),
    ):
        imported = import_module(
            torchvision.models.get_model(name), torch.zeros(1, 3, 224, 224), max_nodes=200, max_depth=200
        )
        cost = imported.cost({"batch": 1})
        assert cost.parameters == parameters
        assert round(cost.macs / 1e9, 2) == gigamacs
