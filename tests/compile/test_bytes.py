"""The bytes of kernels: reproducible, described, kept under their digest, checked before loading."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from esper_graph.compile import CompileJob, Kernel, KernelFiles, compile_blueprint, load_kernel, read_facts
from esper_graph.compile.archive import digest_of
from esper_graph.compile.initial_values import initial_values, stream_key
from esper_graph.compile.job import Mode
from esper_graph.errors import KernelBytesMissingError, KernelError, UntrustedKernelError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ops.opdef import Fill, Normal, Parameter, Uniform
from tests.compile.cases import compiled, experts

MODES: tuple[Mode, ...] = ("train", "infer")


def layered(width: int = 6) -> BlueprintIR:
    b = Builder("layered", name="layered")
    x = b.input([-1, 4])
    h = b.linear(x, in_features=4, out_features=width, id="fc1")
    h = b.normalization(h, type="batch_norm", num_features=width)
    b.telemetry(b.reduce(h, operation="mean"), metric_name="mean", log_frequency=2)
    b.gradient_norm(h)
    h = b.linear(
        b.dropout(b.add(h, b.constant(value=list(range(width))))), in_features=width, out_features=2, id="fc2"
    )
    b.output(h)
    return b.finish()


SCRIPT = """
import sys
from esper_graph.compile import CompileJob, compile_blueprint
from tests.compile.cases import experts
from tests.compile.test_bytes import layered
if sys.argv[1] == "later":
    for _ in range(2):
        compile_blueprint(CompileJob(experts(2, 1.0), mode="train"))
        compile_blueprint(CompileJob(layered(5)))
for mode in ("train", "infer"):
    print(compile_blueprint(CompileJob(layered(), mode=mode, seed=7)).digest)
print(compile_blueprint(CompileJob(experts(2, None))).digest)
"""


def test_equal_jobs_give_equal_bytes_whatever_the_process_and_its_history() -> None:
    root = Path(__file__).parents[2]
    here = [compile_blueprint(CompileJob(layered(), mode=mode, seed=7)).digest for mode in MODES]
    assert here[0] != here[1]
    here.append(compile_blueprint(CompileJob(experts(2, None))).digest)
    for seed, when in (("1", "first"), ("2", "later")):
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, when],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.split() == here


def test_the_archive_holds_no_paths_no_random_ids_and_says_what_it_is() -> None:
    blueprint = layered()
    result = compile_blueprint(CompileJob(blueprint, mode="train", seed=3))
    names = zipfile.ZipFile(io.BytesIO(result.data)).namelist()
    assert names == sorted(names)
    assert not [name for name in names if "debug_pkl" in name or "serialization_id" in name]
    assert str(Path.cwd()).encode() not in result.data
    facts = read_facts(result.data)
    assert facts["fingerprint"] == blueprint.fingerprint
    assert facts["content_digest"] == blueprint.content_digest
    assert (facts["mode"], facts["seed"], facts["torch"]) == ("train", 3, torch.__version__)
    assert facts["passes"] == list(result.passes)
    assert facts["parameters"]["p1_weight"] == {"node": "fc1", "name": "weight", "trainable": True}
    assert len(facts["metrics"]) == 2


def test_seeds_and_origins_decide_the_weights_and_names_do_not() -> None:
    def weights(**settings: Any) -> dict[str, torch.Tensor]:
        result = compile_blueprint(CompileJob(layered(), **settings))
        return {name: x.clone() for name, x in load_kernel(result.data, result.digest).named_parameters()}

    plain = weights()
    assert all(torch.equal(x, plain[name]) for name, x in weights().items())
    assert not torch.equal(weights(seed=1)["p1_weight"], plain["p1_weight"])
    moved = weights(origins={"fc1": "elsewhere"})
    assert not torch.equal(moved["p1_weight"], plain["p1_weight"])
    fc2 = next(name for name in plain if name.endswith("weight") and plain[name].shape == (2, 6))
    assert torch.equal(moved[fc2], plain[fc2])


def test_streams_have_the_distribution_that_was_asked_for() -> None:
    even = initial_values(Parameter("w", (200, 500), Uniform(0.5)), seed=0, origin="a")
    assert even.dtype == np.float32
    assert even.min() >= -0.5
    assert even.max() < 0.5
    assert abs(even.mean()) < 0.005
    assert abs(even.std() - 0.5 / 3**0.5) < 0.005
    normal = initial_values(Parameter("w", (333, 301), Normal(2.0)), seed=0, origin="a")
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 2.0) < 0.03
    assert abs((np.abs(normal) < 2.0).mean() - 0.6827) < 0.01
    assert (initial_values(Parameter("w", (3,), Fill(0.25)), seed=0, origin="a") == 0.25).all()
    assert initial_values(Parameter("w", (), Fill(0.0)), seed=0, origin="a").shape == ()
    assert stream_key(0, "a", "w") != stream_key(0, "aw", "")


def test_the_padding_row_of_an_embedding_starts_at_zero_and_stays_there() -> None:
    b = Builder("table", name="table")
    b.output(b.embedding(b.input([-1], dtype="int64"), num_embeddings=4, embedding_dim=3, padding_idx=1))
    module = compiled(b.finish())
    module(torch.tensor([0, 1, 2])).sum().backward()
    assert torch.equal(module.p1_weight[1], torch.zeros(3))
    assert torch.equal(module.p1_weight.grad[1], torch.zeros(3))
    assert module.p1_weight.grad[0].abs().sum() > 0


def test_kernels_are_kept_once_under_their_digest_and_come_back(tmp_path: Path) -> None:
    files = KernelFiles(str(tmp_path / "kernels"))
    result = compile_blueprint(CompileJob(layered()))
    kernel = Kernel.keep(result, files)
    Kernel.keep(result, files)
    assert kernel.place == str(
        tmp_path / "kernels" / "sha256" / result.digest[:2] / f"{result.digest[2:]}.pt"
    )
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{result.digest[2:]}.pt"]
    assert list(files.digests()) == [result.digest]
    assert result.digest in files
    assert kernel.load()(torch.zeros(2, 4)).shape == (2, 2)
    assert kernel.facts["mode"] == "infer"
    files.remove(result.digest)
    with pytest.raises(KernelBytesMissingError):
        kernel.load()


def test_kernels_can_be_kept_at_an_fsspec_url() -> None:
    files = KernelFiles("memory://kernels")
    result = compile_blueprint(CompileJob(layered()))
    kernel = Kernel.keep(result, files)
    assert result.digest in files
    assert kernel.load()(torch.zeros(2, 4)).shape == (2, 2)
    with pytest.raises(KernelBytesMissingError):
        files.read("0" * 64)


def test_changed_bytes_are_refused_before_torch_sees_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = KernelFiles(str(tmp_path))
    result = compile_blueprint(CompileJob(layered()))
    kernel = Kernel.keep(result, files)
    data = bytearray(result.data)
    data[len(data) // 2] ^= 1
    Path(kernel.place).write_bytes(data)
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("torch saw the bytes"))
    for use in (kernel.load, lambda: kernel.facts, lambda: load_kernel(bytes(data), result.digest)):
        with pytest.raises(UntrustedKernelError) as caught:
            use()
        assert caught.value.digest == result.digest
        assert caught.value.found != result.digest
    monkeypatch.undo()
    Kernel.keep(result, files)  # writing it again mends it
    kernel.load()


def test_a_digest_that_does_not_belong_to_the_bytes_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UntrustedKernelError):
        KernelFiles(str(tmp_path)).write(b"x", "0" * 64)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n", "/etc/passwd", "0" * 62 + ".."]
)
def test_names_that_are_no_digests_reach_no_path(tmp_path: Path, name: str) -> None:
    files = KernelFiles(str(tmp_path))
    for use in (
        files.read,
        files.place,
        files.remove,
        files.__contains__,
        lambda name: load_kernel(b"", name),
    ):
        with pytest.raises(KernelError, match="is not the digest of a kernel"):
            use(name)


def test_an_archive_of_someone_else_is_refused_without_running_it() -> None:
    class Foreign(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(Foreign()), buffer)
    for data in (buffer.getvalue(), b"", b"PK\x03\x04 not a zip"):
        with pytest.raises(KernelError, match="archive"):
            load_kernel(data, digest_of(data))


def test_a_place_that_cannot_be_written_is_said_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KernelError, match="cannot be written") as caught:
        KernelFiles(str(tmp_path / "file")).write(b"x")
    assert "ESPER_GRAPH_KERNELS" in str(caught.value.hint)


def test_text_of_a_blueprint_is_data_and_never_code() -> None:
    b = Builder("hostile", name="hostile")
    x = b.input([-1, 2])
    text = "\"]; raise RuntimeError('x') #"
    b.telemetry(x, metric_name=text, id="raise")
    b.output(x, id="import.torch-os.system")
    result = compile_blueprint(CompileJob(b.finish(), mode="train"))
    module: Any = load_kernel(result.data, result.digest)
    assert text not in module.run.code
    assert module.forward_with_metrics(torch.zeros(1, 2))[1].keys() == {text}
    assert json.dumps(text)[1:-1] in json.dumps(read_facts(result.data)["metrics"])
    assert "hostile" not in module.run.code
