"""Calls that no op of ours stands for, kept as they are: outputs, gradients and refusals."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from esper_graph.compile import (
    CompileJob,
    compile_blueprint,
    give_weights,
    import_module,
    import_with_weights,
    load_kernel,
    read_facts,
    validate_kernel,
)
from esper_graph.errors import ImporterError, KernelError, LoweringError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.fold import fold
from esper_graph.ir.passes import optimize
from tests.compile.importing import call, kernel_of, relative


class Calling(nn.Module):
    """A network that consists of one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


class Odd(nn.Module):
    """A network with many calls that no op stands for, among others that have one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.linspace(0.5, 2.0, 4))
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Hardtanh())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, order = torch.sort(torch.cumprod(self.first(x), 1), -1)
        y = torch.atan2(torch.round(values * 3) + order, self.scale)
        y = torch.diff(y, append=y[:, :1]) + torch.fmod(y, 0.7)
        y = torch.logcumsumexp(y, 1).atan()
        square = y.unsqueeze(-1).expand(-1, -1, x.shape[0])
        turned = torch.rot90(square, 1, [1, 2]).mean(1).sum(1, keepdim=True)
        return self.inner(y) * turned, order


X = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))


def kept(blueprint: BlueprintIR) -> list[str]:
    return [node.op_type for node in blueprint.nodes if node.op_type.startswith("aten.")]


def difference(module: nn.Module, example: Any, count: int) -> float:
    """How far the kernel of an imported module is from the module, on a number of samples."""
    imported = import_with_weights(module.eval(), example, opaque=True)
    assert imported.open_batch, imported.notes
    assert kept(imported.blueprint)
    shapes = [x.shape for x in (example if isinstance(example, tuple) else (example,))]
    generator = torch.Generator().manual_seed(count)
    given = tuple(torch.randn(count, *shape[1:], generator=generator) for shape in shapes)
    return relative(call(kernel_of(imported), given), call(module, given))


# ---------------------------------------------------------------- what is kept


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_network_with_many_such_calls_gives_what_it_gave(count: int) -> None:
    assert difference(Odd(), X, count) <= 1e-6


def test_such_nodes_are_named_after_the_op_and_say_all_about_the_call() -> None:
    blueprint = import_module(Odd(), X, opaque=True)
    assert kept(blueprint) == [
        f"aten.{name}"
        for name in (
            *("cumprod.default", "sort.default", "round.default", "atan2.default", "diff.default"),
            *("fmod.Scalar", "logcumsumexp.default", "atan.default", "rot90.default"),
        )
    ]
    diff = blueprint.node("diff").attributes
    assert diff["tensors"] == ("self", "append")
    assert diff["arguments"] == {"n": 1, "dim": -1, "prepend": None}
    assert diff["input_shapes"] == (("batch", 4), ("batch", 1))
    assert blueprint.node("sort").attributes["output_dtypes"] == ("float32", "int64")
    assert blueprint.cost().uncounted == tuple(
        node.id for node in blueprint.nodes if node.op_type.startswith("aten.")
    )
    assert not [node for node in blueprint.nodes if node.attributes.get("stochastic")]


def test_such_nodes_have_the_gradients_of_the_module_in_a_training_kernel() -> None:
    module = Odd()
    imported = import_with_weights(module, X, opaque=True)
    made = compile_blueprint(CompileJob(imported.blueprint, mode="train"))
    kernel: Any = load_kernel(made.data, made.digest)
    give_weights(kernel, read_facts(made.data), imported.weights)
    x = torch.randn(3, 4)
    (kernel(x)[0] ** 2).sum().backward()
    (module(x)[0] ** 2).sum().backward()
    held, owners = dict(kernel.named_parameters()), read_facts(made.data)["parameters"]
    assert len(owners) == len([*module.parameters()])
    for slot, owner in owners.items():
        name = imported.names[owner["node"]][owner["name"]]
        wanted, found = module.get_parameter(name).grad, held[slot].grad
        assert wanted is not None
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("mode", ["infer", "train"])
def test_the_interpreter_agrees_with_the_kernel(mode: Any) -> None:
    blueprint = import_module(Odd(), X, opaque=True)
    made = compile_blueprint(CompileJob(blueprint, mode=mode, seed=1))
    report = validate_kernel(load_kernel(made.data, made.digest), blueprint, mode=mode)
    assert report.passed, [check for check in report.checks if not check.passed]


PICTURE = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
FUNCTIONS: list[tuple[Callable[..., Any], Any]] = [
    (lambda x: torch.tensor_split(x, 2, dim=1), X),  # gives a list
    (lambda x: torch.cummax(x, 1), X),  # gives a tuple
    (lambda x: torch.cummax(x, 1).values, X),
    (lambda x: torch.block_diag(x[:, 0].sum().reshape(1, 1), torch.ones(2, 2)), X),  # takes a list
    (lambda x, y: torch.cross(x, y, dim=1), (torch.randn(2, 3), torch.randn(2, 3))),
    (lambda x: torch.div(x, 0.3, rounding_mode="floor"), X),  # a word
    (lambda x: torch.nan_to_num(x, nan=0.5), X),
    (lambda x: torch.cumprod(x, 1, dtype=torch.float64).float(), X),  # a dtype
    (lambda x: functional.max_pool3d(x.unsqueeze(1), (1, 2, 2)), PICTURE),
    (
        lambda x: functional.fractional_max_pool2d(
            x, 2, output_size=3, _random_samples=torch.full((2, 4, 2), 0.3)
        ),
        PICTURE[:2],
    ),
    (lambda x: torch.fft.rfft2(x).abs(), PICTURE),
    (lambda x: torch.linalg.cross(x[:, :3], x[:, 1:]), X),
    (lambda x: torch.cdist(x, x), torch.randn(2, 3, 4)),
    (lambda x: torch.searchsorted(torch.tensor([-1.0, 0.0, 1.0]), x), X),
    (lambda x: torch.roll(torch.frac(x), x.shape[0], 1), X),  # a number that follows from the batch
    (lambda x: torch.frac(x) + torch.arange(x.shape[0] * 2, 0, -2)[:, None], X),  # the same, among numbers
    (lambda x: torch.tril(x.unsqueeze(1) * x.unsqueeze(2)), X),
    (lambda x: torch.linalg.inv(torch.eye(4) + 0.01 * x.unsqueeze(1) * x.unsqueeze(2)), X),
    (lambda x: torch.trapezoid(x, dx=0.5, dim=1), X),
    (lambda x: x.unfold(1, 2, 1), X),  # a view
    (lambda x: torch.diagonal(x, 1, 2, 3), PICTURE),
    (lambda x: torch.signbit(x) ^ torch.isfinite(x), X),
    (lambda x: torch.scatter_reduce(x, 1, torch.zeros_like(x, dtype=torch.int64), x, "amax"), X),
    (lambda x: functional.conv3d(x.unsqueeze(1), torch.ones(2, 1, 2, 2, 2)), PICTURE),
    (lambda x: functional.grid_sample(x, torch.zeros(x.shape[0], 3, 3, 2), align_corners=False), PICTURE),
    (lambda x: x.frac_() + 1, X * 1),  # changed in place
]


@pytest.mark.parametrize(
    ("function", "example"), FUNCTIONS, ids=[str(number) for number in range(len(FUNCTIONS))]
)
def test_calls_of_many_kinds_give_what_they_gave_at_other_sizes(function: Any, example: Any) -> None:
    given = example if isinstance(example, tuple) else (example,)
    imported = import_with_weights(Calling(function).eval(), given, opaque=True)
    kernel = kernel_of(imported)
    for count in (2, 3, 7) if imported.open_batch else (2,):
        inputs = tuple(torch.randn(count, *x.shape[1:]) for x in given)
        wanted = call(Calling(function), tuple(x.clone() for x in inputs))
        assert relative(call(kernel, inputs), wanted) <= 1e-5
    report = validate_kernel(kernel, imported.blueprint, mode="infer")
    assert report.passed, report.checks
    again = BlueprintIR.from_json(imported.blueprint.to_json())
    assert (again.fingerprint, again.content_digest) == (
        imported.blueprint.fingerprint,
        imported.blueprint.content_digest,
    )


def test_random_calls_draw_the_same_numbers_and_are_never_merged() -> None:
    def drawing(x: Tensor) -> Tensor:
        p = torch.sigmoid(x)
        chosen = p[torch.randperm(x.shape[0])]
        return torch.bernoulli(p) + 2 * torch.bernoulli(p) + torch.rand(x.shape[0], 4) + chosen

    imported = import_with_weights(Calling(drawing).eval(), X, opaque=True)
    assert kept(imported.blueprint) == [
        "aten.randperm.default",
        "aten.bernoulli.default",
        "aten.bernoulli.default",
        "aten.rand.default",
    ]
    assert imported.blueprint.node("rand").attributes["sizes"] == {"size": ("batch", 4)}
    assert all(
        node.attributes["stochastic"] for node in imported.blueprint.nodes if node.op_type.startswith("aten.")
    )
    assert kept(optimize(imported.blueprint)) == kept(imported.blueprint)
    kernel, x = kernel_of(imported), torch.randn(5, 4)
    torch.manual_seed(3)
    (found,) = call(kernel, (x,))
    torch.manual_seed(3)
    assert torch.equal(found, drawing(x))
    report = validate_kernel(kernel, imported.blueprint, mode="infer")
    assert report.passed
    assert all("depending on chance" in check.name for check in report.checks)


def test_weights_that_such_calls_take_are_nodes_of_their_own() -> None:
    module = nn.Sequential(nn.Conv3d(1, 2, 2), nn.Flatten(), nn.Linear(16, 3))
    example = torch.randn(2, 1, 3, 3, 3)
    with pytest.raises(ImporterError):
        import_module(module, example)
    imported = import_with_weights(module, example, opaque=True)
    assert {node.op_type for node in imported.blueprint.nodes} >= {"parameter", "aten.conv3d.default"}
    assert imported.names == {
        "0.weight": {"value": "0.weight"},
        "0.bias": {"value": "0.bias"},
        "2": {"weight": "2.weight", "bias": "2.bias"},
    }
    assert imported.blueprint.cost().parameters == 2 * 8 + 2 + 16 * 3 + 3
    assert difference(module, example, 5) <= 1e-5


def test_repeated_parts_with_such_calls_fold_into_blocks() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cumprod(torch.frac(self.fc(x)), 1)

    imported = import_with_weights(nn.Sequential(*[Layer() for _ in range(3)]), X, opaque=True)
    folded = fold(imported.blueprint)
    assert [node.op_type for node in folded.nodes] == ["input", *["block"] * 3, "output"]
    assert folded.expanded.fingerprint == imported.blueprint.fingerprint
    made = compile_blueprint(CompileJob(folded))
    report = validate_kernel(load_kernel(made.data, made.digest), folded, mode="infer")
    assert report.passed


# ---------------------------------------------------------------- what is refused


def test_the_refusal_without_it_names_it() -> None:
    with pytest.raises(ImporterError, match="9 calls that no op stands for") as caught:
        import_module(Odd(), X)
    assert caught.value.hint is not None
    assert "--opaque" in caught.value.hint


class Noting(nn.Module):
    """Changes a buffer of its own in evaluation."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        self.seen.frac_()
        return x + self.seen


class Twice(nn.Module):
    """Uses one layer in a way that there is an op for, and in one that there is none for."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y, (h, c) = self.lstm(x.unsqueeze(1))
        return y + self.lstm(x.unsqueeze(1), (h * 2, c * 2))[0]


def _changing_one_of_two(x: Tensor) -> Tensor:
    y = x * 2
    torch.broadcast_tensors(y, torch.frac(x))[0].add_(1)
    return y


@torch.library.custom_op("esper_graph_tests::shifted", mutates_args=())
def shifted(x: Tensor) -> Tensor:
    return x + 1


@shifted.register_fake
def _(x: Tensor) -> Tensor:
    return x + 1


@pytest.mark.parametrize(
    ("function", "op", "said"),
    [
        (torch.nonzero, "aten.nonzero.default", "the size of its result depends on data"),
        (lambda x: x[x > 0], "aten.index.Tensor", "cannot be kept"),
        (torch.unique, "aten._unique2.default", "an inner op of torch"),
        (
            lambda x: torch.frac(x) + x.as_strided((2, 2), (1, 2)).sum(),
            "aten.as_strided.default",
            "lies in memory",
        ),
        (shifted, "esper_graph_tests.shifted.default", "not one of torch's own"),
        (
            lambda x: torch.nan_to_num(x, posinf=float("inf")),
            "aten.nan_to_num.default",
            "not a finite number",
        ),
        (lambda x: torch.frac(x) * x.shape[0], "aten.mul.Tensor", "the size batch, which is not fixed"),
        (
            lambda x: torch.frac(x) * (x.shape[0] / 2),
            "aten.mul.Tensor",
            "the size truediv, which is not fixed",
        ),
        (lambda x: torch.frac(x[:, 0]) + torch.arange(x.shape[0]).frac(), "frac", "positions"),
        (lambda x: torch.polygamma(1, x).to(torch.int16), "aten.to.dtype", "type int16"),
        (_changing_one_of_two, "aten.add_.Tensor", "it changes a view of several tensors in place"),
        (Noting(), "aten.frac_.default", "it changes `0.seen` of the module in place"),
        (Twice(), "parameter", "another node owns `0.lstm.weight_ih_l0` too"),
    ],
    ids=[str(number) for number in range(13)],
)
def test_calls_that_cannot_be_kept_are_refused_with_the_reason_and_the_place(
    function: Any, op: str, said: str
) -> None:
    inner = function if isinstance(function, nn.Module) else Calling(function)
    with pytest.raises(ImporterError) as caught:
        import_module(nn.Sequential(inner), X, opaque=True)
    assert any(
        op in name and said in reason and place in ("0", "0.lstm")
        for name, place, reason in caught.value.refused
    ), caught.value.refused
    assert caught.value.hint is not None
    assert "--opaque" not in caught.value.hint


def test_calls_whose_dtypes_autocast_chooses_are_refused() -> None:
    class Casting(nn.Module):
        def __init__(self, *, enabled: bool) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.enabled = enabled

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.enabled):
                return torch.round(self.fc(x))

    with pytest.raises(ImporterError) as caught:
        import_module(Casting(enabled=True), X, opaque=True)
    assert ("aten.linear.default", "fc") in {(op, place) for op, place, _ in caught.value.refused}
    assert "autocast chooses its dtypes" in str(caught.value)
    plain = Casting(enabled=False)
    kernel = kernel_of(import_with_weights(plain, X, opaque=True))
    assert relative(call(kernel, (X,)), call(plain, (X,))) == 0.0


# ---------------------------------------------------------------- calls that were written by hand

CUMPROD: dict[str, Any] = {
    "tensors": ["self"],
    "arguments": {"dim": 1, "dtype": None},
    "input_shapes": [["batch", 4]],
    "input_dtypes": ["float32"],
    "output_shapes": [["batch", 4]],
    "output_dtypes": ["float32"],
}


def written(op_type: str = "aten.cumprod.default", **changes: Any) -> BlueprintIR:
    b = Builder("one", name="one")
    call = {**CUMPROD, **changes}
    b.output(b.node(op_type, *[b.input([-1, 4])] * len(call["tensors"]), id="call", **call))
    blueprint = b.finish()
    assert blueprint.validate()
    return blueprint


TWO = {"tensors": ["self", "other"], "input_shapes": [["batch", 4]] * 2, "input_dtypes": ["float32"] * 2}


def test_a_call_that_is_written_by_hand_compiles() -> None:
    made = compile_blueprint(CompileJob(written()))
    x = torch.randn(3, 4)
    assert torch.equal(load_kernel(made.data, made.digest)(x), torch.cumprod(x, 1))


@pytest.mark.parametrize(
    ("blueprint", "said"),
    [
        (written("aten.cumprodd.default"), "has no op `aten.cumprodd.default`"),
        (written("aten.cumprod.overload"), "has no op `aten.cumprod.overload`"),
        (written("aten.cumprod_.default"), "changes its arguments in place"),
        (written("aten.cumprod.out"), "changes its arguments in place"),
        (written("aten.save.default"), "has no op|something else than tensors"),
        (written("aten.from_file.default"), "it reads a file"),
        (written("aten.as_strided.default"), "how its input lies in memory"),
        (written("aten.empty_like.default"), "values of its result are not defined"),
        (written("aten.nonzero.default"), "depends on data"),
        (written("aten.item.default"), "takes a number out of a tensor|something else than tensors"),
        (written("aten._softmax.default"), "an inner op of torch"),
        (written("aten.to_sparse.default"), "of another layout"),
        (written("aten.dim.default"), "something else than tensors"),
        (written("aten.manual_seed.default"), "has no op|something else than tensors"),
        (written(stochastic=True), "`stochastic` must be false"),
        (written("aten.bernoulli.default"), "`stochastic` must be true"),
        (written(arguments={"dim": 1}), "the argument `dtype` is missing"),
        (written(arguments={"dim": 1, "dtype": None, "more": 1}), "has no argument `more`"),
        (written(arguments={"dim": 1.0, "dtype": None}), "`dim` is 1.0, and must be of the type int"),
        (written(arguments={"dim": True, "dtype": None}), "`dim` is True, and must be of the type int"),
        (written(arguments={"dim": None, "dtype": None}), "`dim` is None, and must be of the type int"),
        (written(arguments={"dim": [1], "dtype": None}), r"`dim` is \(1,\), and must be of the type int"),
        (
            written(arguments={"dim": 1, "dtype": "floats"}),
            "`dtype` is 'floats', and must be of the type Scalar",
        ),
        (written(tensors=["input"]), "the argument `self` is missing"),
        (written(tensors=["self.0"]), "the argument `self` is no list"),
        (written(tensors=["dim"], arguments={"self": None, "dtype": None}), "`self` is None, and must be"),
        (
            written(output_shapes=[["batch", 4]] * 2, output_dtypes=["float32"] * 2),
            "it gives 1 results, not 2",
        ),
        (
            written("aten.atan2.default", **{**TWO, "tensors": ["other", "self"]}, arguments={}),
            "not in the order",
        ),
        (written("aten.block_diag.default", tensors=["tensors"], arguments={}), "`tensors` is a list"),
        (written("aten.block_diag.default", tensors=["tensors.1"], arguments={}), "`tensors` lacks an entry"),
        (
            written("aten.div.Tensor_mode", **TWO, arguments={"rounding_mode": 1}),
            "`rounding_mode` is 1, and must be of the type str",
        ),
    ],
)
def test_the_compiler_refuses_what_is_not_written_as_torch_says(blueprint: BlueprintIR, said: str) -> None:
    with pytest.raises(LoweringError, match=said) as caught:
        compile_blueprint(CompileJob(blueprint))
    assert "`call` cannot be compiled" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"output_shapes": [["batch", 5]]},
        {"output_shapes": [["2*batch", 4]]},
        {"output_shapes": [["batch", 4, 1]]},
        {"output_dtypes": ["float64"]},
    ],
)
def test_a_kernel_does_not_go_on_with_another_type_than_the_recorded_one(changes: dict[str, Any]) -> None:
    blueprint = written(**changes)
    made = compile_blueprint(CompileJob(blueprint))
    kernel = load_kernel(made.data, made.digest)
    with pytest.raises(torch.jit.Error, match="another type than recorded"):  # type: ignore[attr-defined]
        kernel(torch.randn(3, 4))
    with pytest.raises(KernelError):
        validate_kernel(kernel, blueprint, mode="infer")
