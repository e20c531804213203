"""Weights go into kernels and files, come out as they were, and are refused when they are others."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from esper_graph.compile import (
    CompileJob,
    CompileResult,
    Kernel,
    KernelFiles,
    compile_blueprint,
    give_weights,
    given_weights,
    import_with_weights,
    load_kernel,
    load_weights,
    read_facts,
    save_weights,
    take_weights,
    validate_kernel,
    weights_digest,
)
from esper_graph.compile.job import Mode, WeightsFile
from esper_graph.compile.weights import as_weights
from esper_graph.compile.weights_file import METADATA, read_given
from esper_graph.errors import KernelError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.fold import fold
from tests.compile.importing import TOLERANCE, call, relative, stirred

MODES: tuple[Mode, ...] = ("train", "infer")
IMAGE = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Norms behind convolutions, a table that is used twice, a head that evaluation leaves out, a buffer."""

    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 1),
            nn.ReLU(),
        )
        self.inner = nn.Linear(128, 6)
        self.outer = nn.Linear(6, 6)
        self.again = nn.Linear(6, 6)
        self.again.weight = self.outer.weight
        self.again.bias = self.outer.bias
        self.auxiliary = nn.Linear(6, 2)
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(self.body(x).flatten(1))
        return self.again(self.outer(h).relu()) * self.scale


def net() -> nn.Module:
    torch.manual_seed(0)
    return stirred(Net().train()).eval()


def mlp() -> BlueprintIR:
    b = Builder("mlp", name="MLP")
    h = b.normalization(
        b.linear(b.input([-1, 4]), in_features=4, out_features=3, id="fc1"),
        type="batch_norm",
        num_features=3,
        id="bn",
    )
    b.output(b.linear(b.activation(h, type="relu"), in_features=3, out_features=2, id="fc2"))
    return b.finish()


def mlp_weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    found = {
        "fc1.weight": torch.randn(3, 4, generator=generator),
        "fc1.bias": torch.randn(3, generator=generator),
        "bn.weight": torch.randn(3, generator=generator),
        "bn.bias": torch.randn(3, generator=generator),
        "bn.running_mean": torch.randn(3, generator=generator),
        "bn.running_var": torch.rand(3, generator=generator) + 0.5,
        "fc2.weight": torch.randn(2, 3, generator=generator),
        "fc2.bias": torch.randn(2, generator=generator),
    }
    return found | {"bn.num_batches_tracked": torch.tensor(7)}


def made(blueprint: BlueprintIR, weights: Any, mode: Mode = "infer") -> CompileResult:
    with given_weights(weights, blueprint) as file:
        return compile_blueprint(CompileJob(blueprint, mode=mode, weights=file))


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), name
        assert found[name].dtype == tensor.dtype, name


# ---------------------------------------------------------------- in and out


@pytest.mark.parametrize("mode", MODES)
def test_a_state_dict_goes_into_a_kernel_and_comes_back_whole(tmp_path: Path, mode: Mode) -> None:
    module = net()
    imported = import_with_weights(module, IMAGE)
    assert imported.aliases
    assert imported.rest
    save_weights(imported, tmp_path / "net.safetensors")
    kernel = Kernel.keep(
        made(imported.blueprint, tmp_path / "net.safetensors", mode), KernelFiles(str(tmp_path))
    )
    x = torch.randn(5, 3, 4, 4)
    assert relative(call(kernel.load().eval(), (x,)), call(module, (x,))) < TOLERANCE
    assert_same(kernel.state_dict(), module.state_dict())
    other = Net().eval()
    other.load_state_dict(kernel.state_dict())
    assert torch.equal(other(x), module(x))


def test_a_training_kernel_gives_back_what_it_has_learnt(tmp_path: Path) -> None:
    module = net()
    imported = import_with_weights(module, IMAGE)
    kernel = Kernel.keep(made(imported.blueprint, imported, "train"), KernelFiles(str(tmp_path)))
    trained = kernel.load().train()
    optimiser = torch.optim.SGD(trained.parameters(), lr=0.1)
    x = torch.randn(5, 3, 4, 4)
    for _ in range(3):
        optimiser.zero_grad()
        trained(x).square().mean().backward()
        optimiser.step()
    learnt = kernel.state_dict(trained)
    assert (
        int(learnt["body.1.num_batches_tracked"])
        == int(module.state_dict()["body.1.num_batches_tracked"]) + 3
    )
    assert not torch.equal(learnt["inner.weight"], module.state_dict()["inner.weight"])
    assert_same(kernel.state_dict(), module.state_dict())
    other = Net().eval()
    other.load_state_dict(learnt)
    assert relative(call(trained.eval(), (x,)), call(other, (x,))) < TOLERANCE
    again = made(imported.blueprint, kernel.weights(trained))
    assert relative(call(load_kernel(again.data, again.digest), (x,)), call(other, (x,))) < TOLERANCE


def test_a_kernel_of_initial_weights_gives_them_by_plain_names(tmp_path: Path) -> None:
    kernel = Kernel.keep(compile_blueprint(CompileJob(mlp())), KernelFiles(str(tmp_path)))
    found = kernel.state_dict()
    assert found.keys() == mlp_weights().keys()
    with_them = made(mlp(), found)
    x = torch.randn(6, 4)
    assert (
        relative(call(load_kernel(with_them.data, with_them.digest), (x,)), call(kernel.load(), (x,)))
        < TOLERANCE
    )


def test_the_digest_is_that_of_the_file_and_of_every_form_of_the_same_weights(tmp_path: Path) -> None:
    plain, own = tmp_path / "plain.safetensors", tmp_path / "own.safetensors"
    save_file(dict(reversed(mlp_weights().items())), plain, {"made": "elsewhere"})
    digest = save_weights(load_weights(plain, mlp()), own)
    assert digest == hashlib.sha256(own.read_bytes()).hexdigest()
    forms = (plain, str(own), mlp_weights(), load_weights(own, mlp()))
    results = [made(mlp(), form) for form in forms]
    assert {result.weights for result in results} == {digest}
    assert len({result.digest for result in results}) == 1
    kernel = Kernel.keep(results[0], KernelFiles(str(tmp_path)))
    assert weights_digest(kernel.weights()) == digest
    assert read_facts(results[0].data)["weights"]["digest"] == digest
    changed = mlp_weights() | {"fc2.bias": torch.zeros(2)}
    other = made(mlp(), changed)
    assert other.weights != digest
    assert other.digest != results[0].digest


def test_one_file_serves_a_network_and_its_folded_form() -> None:
    layer = [nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(4)]
    module = nn.ModuleDict({"layers": nn.Sequential(*layer)})["layers"].eval()
    imported = import_with_weights(module, torch.zeros(1, 8))
    folded = fold(imported.blueprint)
    assert any(node.op_type == "block" for node in folded.nodes)
    result = made(folded, imported)
    x = torch.randn(5, 8)
    assert relative(call(load_kernel(result.data, result.digest), (x,)), call(module, (x,))) < TOLERANCE


# ---------------------------------------------------------------- strictness

WRONG: dict[str, tuple[Callable[[dict[str, Tensor]], Any], str]] = {
    "a size": (
        lambda d: d.update({"fc1.weight": torch.zeros(4, 3)}),
        r"fc1 \(linear\)  `weight` is float32 \[4, 3\], and must be float32 \[3, 4\]",
    ),
    "a missing tensor": (
        lambda d: d.pop("fc2.bias"),
        r"fc2 \(linear\)  `bias` is missing under the name `fc2.bias`",
    ),
    "a further tensor": (
        lambda d: d.update({"fc3.weight": torch.zeros(1)}),
        "`fc3.weight` belongs to no node",
    ),
    "a dtype": (
        lambda d: d.update({"bn.bias": torch.zeros(3, dtype=torch.float64)}),
        r"bn \(normalization\)  `bias` is float64 \[3\]",
    ),
    "half precision": (
        lambda d: d.update({"bn.bias": torch.zeros(3).bfloat16()}),
        r"`bias` is bfloat16 \[3\]",
    ),
    "a counter": (
        lambda d: d.update({"bn.num_batches_tracked": torch.tensor(1.0)}),
        r"is float32 \[\], and must be int64 \[\]",
    ),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG.keys())
def test_weights_that_do_not_fit_are_refused_with_the_place_of_the_node(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], Any], message: str
) -> None:
    weights = mlp_weights()
    change(weights)
    save_file(weights, tmp_path / "wrong.safetensors")
    for form in (weights, tmp_path / "wrong.safetensors"):
        with pytest.raises(KernelError, match=message) as caught, given_weights(form, mlp()):
            pass
        assert "1 tensor differs" in caught.value.message


def test_every_difference_is_told_and_a_long_list_is_counted() -> None:
    with (
        pytest.raises(KernelError, match="11 tensors differ") as caught,
        given_weights({"a": torch.zeros(1), "b": torch.zeros(1)}, mlp()),
    ):
        pass
    assert len(caught.value.where) == 11
    assert caught.value.where[-1] == "and 1 more"


def _rewritten(path: Path, **changes: Any) -> None:
    facts = {"format": "esper-graph/weights", "format_version": 1, "names": {}, "aliases": {}, "rest": []}
    save_file(load_file(path), path, {METADATA: json.dumps(facts | changes)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "version 2"),
        ({"format": "other"}, "'other'"),
        ({"names": []}, "AttributeError"),
        ({"names": {"fc1": {"weight": 3}}}, "names must be texts"),
        ({"rest": ["nowhere"]}, "names `nowhere`, and does not hold it"),
        ({"aliases": {"x": "nowhere"}}, "names `nowhere`, and does not hold it"),
        ({"names": {"fc9": {"weight": "fc1.weight"}}}, "tensors differ"),
        ({"names": {"fc1": {"weight": "fc1.weight", "bias": "fc1.weight"}}}, "tensors differ"),
    ],
)
def test_a_file_that_says_something_odd_of_its_tensors_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(mlp_weights(), path)
    _rewritten(path, **changes)
    with pytest.raises(KernelError, match=message):
        load_weights(path, mlp())


@pytest.mark.parametrize(
    "data", [b"", b"not a file of weights", b"\xff" * 64, (2**40).to_bytes(8, "little") + b"{}"]
)
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "junk.safetensors"
    path.write_bytes(data)
    with pytest.raises(KernelError, match="does not hold weights"):
        load_weights(path, mlp())
    with pytest.raises(KernelError, match="does not hold weights"):
        load_weights(tmp_path / "missing", mlp())


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_file(mlp_weights(), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(KernelError, match="does not hold weights"):
        load_weights(path, mlp())


def test_a_file_that_changes_between_the_look_and_the_compilation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(mlp_weights(), path)
    with given_weights(path, mlp()) as file:
        save_file(mlp_weights() | {"fc2.bias": torch.zeros(2)}, path)
        with pytest.raises(KernelError, match="holds other weights than when it was looked at"):
            compile_blueprint(CompileJob(mlp(), weights=file))
    with pytest.raises(KernelError, match="other weights"):
        read_given(WeightsFile(str(path), "0" * 64), mlp())


def test_a_counter_that_a_kernel_cannot_hold_is_refused() -> None:
    counted = torch.tensor(2**24 + 1)
    with pytest.raises(KernelError, match=r"`num_batches_tracked` of `bn` is 16,777,217"):
        made(mlp(), mlp_weights() | {"bn.num_batches_tracked": counted}, "train")


def test_loaded_kernels_take_all_weights_or_none() -> None:
    result = compile_blueprint(CompileJob(mlp()))
    kernel = load_kernel(result.data, result.digest)
    with pytest.raises(KernelError, match="no weights for `bias` of the node `fc1`"):
        give_weights(kernel, read_facts(result.data), {})
    wrong = {"fc1": {"weight": torch.zeros(2, 2), "bias": torch.zeros(3)}}
    with pytest.raises(KernelError, match=r"is \[3, 4\], the weights are \[2, 2\]"):
        give_weights(kernel, read_facts(result.data), wrong)
    folded = made(mlp(), mlp_weights())
    with pytest.raises(KernelError, match="norms are folded into the weights of this kernel"):
        give_weights(load_kernel(folded.data, folded.digest), read_facts(folded.data), {})


# ---------------------------------------------------------------- folding


class Carriers(nn.Module):
    """Every layer that can carry a batch norm, with and without a bias, with groups; one norm is left."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm2d(4)
        self.body = nn.Sequential(
            nn.Conv2d(4, 8, 3, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, groups=4),
            nn.BatchNorm2d(8, affine=False),
            nn.ConvTranspose2d(8, 6, 3, groups=2),
            nn.BatchNorm2d(6, eps=1e-3),
            nn.Flatten(2),
            nn.Conv1d(6, 5, 3),
            nn.BatchNorm1d(5),
            nn.Flatten(),
            nn.Linear(170, 7, bias=False),
            nn.BatchNorm1d(7),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.first(x))


def test_norms_are_folded_into_the_layers_that_can_carry_them() -> None:
    torch.manual_seed(0)
    module = stirred(Carriers().eval())
    imported = import_with_weights(module, torch.zeros(1, 4, 8, 8))
    folded, plain = made(imported.blueprint, imported), compile_blueprint(CompileJob(imported.blueprint))
    assert folded.passes == ("fold_norm@1", *plain.passes)
    (hint,) = [one for one in folded.hints if one.name == "fold_norm"]
    assert (hint.outcome, len(hint.value)) == ("honoured", 5)
    kernel: Any = load_kernel(folded.data, folded.digest)
    unfolded: Any = load_kernel(plain.data, plain.digest)
    assert kernel.code.count("batch_norm") == 1
    assert unfolded.code.count("batch_norm") == 6
    give_weights(unfolded, read_facts(plain.data), imported.weights)
    for count in (1, 3):
        x = torch.randn(count, 4, 8, 8)
        assert relative(call(kernel, (x,)), call(unfolded, (x,))) < 1e-5
        assert relative(call(kernel, (x,)), call(module, (x,))) < 1e-5


def test_a_kernel_without_weights_and_one_for_training_say_why_nothing_is_folded() -> None:
    (hint,) = [one for one in compile_blueprint(CompileJob(mlp())).hints if one.name == "fold_norm"]
    assert (hint.outcome, hint.value) == ("not honoured", ("bn",))
    assert "no weights were given" in hint.reason
    trained = made(mlp(), mlp_weights(), "train")
    (hint,) = [one for one in trained.hints if one.name == "fold_norm"]
    assert (hint.outcome, hint.reason) == ("not honoured", "it holds for inference only")
    assert "fold_norm@1" not in trained.passes


# ---------------------------------------------------------------- validation


def test_a_kernel_is_compared_with_the_interpreter_under_the_weights_that_were_given(tmp_path: Path) -> None:
    kernel = Kernel.keep(made(mlp(), mlp_weights()), KernelFiles(str(tmp_path)))
    module, tensors = kernel.load(), kernel.weights().tensors
    assert validate_kernel(module, mlp(), mode="infer", tensors=tensors).passed
    with torch.no_grad():
        next(iter(module.parameters())).add_(0.01)
    assert not validate_kernel(module, mlp(), mode="infer", tensors=tensors).passed
    trained = Kernel.keep(made(mlp(), mlp_weights(), "train"), KernelFiles(str(tmp_path)))
    assert validate_kernel(trained.load(), mlp(), mode="train", tensors=tensors).passed


def test_a_kernel_says_which_fusion_marks_it_honours() -> None:
    b = Builder("marked", name="Marked")
    h = b.linear(b.input([-1, 4]), in_features=4, out_features=3, id="fc1")
    h = b.normalization(h, type="batch_norm", num_features=3, id="bn1")
    h = b.linear(h, in_features=3, out_features=3, id="fc2")
    h = b.activation(b.normalization(h, type="batch_norm", num_features=3, id="bn2"), type="relu")
    b.output(b.activation(b.linear(h, in_features=3, out_features=2, id="fc3"), type="relu"))
    blueprint = b.finish()
    plain = compile_blueprint(CompileJob(blueprint))
    initial = take_weights(load_kernel(plain.data, plain.digest), read_facts(plain.data))
    result = made(blueprint, initial)
    found = {
        (one.value["kind"], one.outcome): (one.value["groups"], one.reason)
        for one in result.hints
        if one.name == "fusion"
    }
    apart, folded = "the kernel calls one op after the other", "the norm is folded into the weights before it"
    assert found == {
        ("linear+norm", "honoured"): (1, folded),
        ("linear+norm+activation", "not honoured"): (1, f"{folded}; else {apart}"),
        ("linear+activation", "not honoured"): (1, apart),
    }
    code: Any = load_kernel(result.data, result.digest)
    assert (code.code.count("linear"), code.code.count("relu"), code.code.count("batch_norm")) == (3, 2, 0)
    unfolded = [one for one in plain.hints if one.name == "fusion"]
    assert {(one.outcome, one.reason) for one in unfolded} == {("not honoured", apart)}
    (plan,) = [one for one in result.hints if one.name == "memory_plan"]
    assert plan.outcome == "not honoured"


# ---------------------------------------------------------------- hostile files and values


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_still_fits(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "damaged.safetensors"
    with given_weights(mlp_weights(), mlp()) as file:
        content = bytearray(Path(file.path).read_bytes())
    header = int.from_bytes(content[:8], "little") + 8
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(header, len(content)))])
    try:
        found = load_weights(path, mlp())
    except KernelError:
        return
    assert {name: tensor.shape for name, tensor in found.state_dict().items()} == {
        original: found.tensors[node][name].shape
        for node, owned in found.names.items()
        for name, original in owned.items()
    } | {name: tensor.shape for name, tensor in found.rest.items()}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(KernelError, match="is no file"):
            load_weights(path, mlp())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((3, 4), np.float32), "`weight` is no tensor but ndarray"),
        (torch.zeros(3, 4, device="meta"), "`weight` is float32 without plain values"),
        (torch.zeros(3, 4).to_sparse(), "`weight` is float32 without plain values"),
    ],
)
def test_what_holds_no_plain_values_is_refused(value: Any, message: str) -> None:
    weights = mlp_weights() | {"fc1.weight": value}
    with pytest.raises(KernelError, match=message), given_weights(weights, mlp()):
        pass


def test_what_is_no_weights_is_refused() -> None:
    module: Any = nn.Linear(2, 2)
    with pytest.raises(KernelError, match="a Linear is no weights"), given_weights(module, mlp()):
        pass


def test_tensors_that_share_memory_are_written_one_by_one(tmp_path: Path) -> None:
    whole = torch.randn(3, 8)
    shared = mlp_weights() | {"fc1.weight": whole[:, :4], "fc1.bias": whole[0, :3], "bn.bias": whole[0, :3]}
    save_weights(as_weights(shared, mlp()), tmp_path / "w.safetensors")
    assert_same(load_weights(tmp_path / "w.safetensors", mlp()).state_dict(), shared)


SCRIPT = """
from tests.compile.test_weights import made, mlp, mlp_weights
for mode in ("train", "infer"):
    print(made(mlp(), mlp_weights(), mode).digest)
"""


def test_the_same_weights_give_the_same_bytes_in_another_process() -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [made(mlp(), mlp_weights(), mode).digest for mode in MODES]
