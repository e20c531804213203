"""Weights that are compiled into kernels are recorded by their digest, and come back out of them."""

import hashlib
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from esper_graph import BlueprintRegistry
from esper_graph.config import Settings
from esper_graph.errors import KernelError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from tests.integration.commands import Commands
from tests.integration.statements import statement

HELD = statement(
    "MATCH (k:Kernel)-[:HOLDS]->(w:Weights) RETURN k.digest AS kernel, w.digest AS weights ORDER BY kernel",
    returns="kernel, weights",
)
RENAME = statement(
    "MATCH (w:Weights) SET w.digest = '" + "0" * 64 + "' RETURN w.digest AS weights",
    access="write",
    returns="weights",
)
EVENTS = statement("MATCH (e:Event) RETURN count(e) AS events", returns="events")


@pytest.fixture
def settings(engine_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ESPER_GRAPH_KERNELS", str(tmp_path / "kernels"))
    return replace(engine_settings, kernels=str(tmp_path / "kernels"))


@pytest.fixture
def registry(settings: Settings) -> Generator[BlueprintRegistry]:
    with BlueprintRegistry(settings=settings) as opened:
        yield opened


def normed(name: str = "normed") -> BlueprintIR:
    b = Builder(name, name="Normed")
    h = b.linear(b.input([-1, 4]), in_features=4, out_features=3, id="fc")
    b.output(b.normalization(h, type="batch_norm", num_features=3, id="bn"))
    return b.finish()


def weights(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    names = ("fc.bias", "bn.weight", "bn.bias", "bn.running_mean")
    return {name: torch.randn(3, generator=generator) for name in names} | {
        "fc.weight": torch.randn(3, 4, generator=generator),
        "bn.running_var": torch.rand(3, generator=generator) + 0.5,
        "bn.num_batches_tracked": torch.tensor(9),
    }


def test_the_record_says_exactly_which_weights_a_kernel_holds(
    registry: BlueprintRegistry, tmp_path: Path
) -> None:
    registry.register(normed())
    save_file(weights(0), tmp_path / "w.safetensors")
    first = registry.compile("normed", weights=weights(0))
    other = registry.compile("normed", weights=weights(1))
    trained = registry.compile("normed", weights=tmp_path / "w.safetensors", mode="train")
    initial = registry.compile("normed")
    records = [registry.kernel(one.digest) for one in (first, other, trained, initial)]
    assert len({one.digest for one in records}) == 4
    assert records[0].weights == records[2].weights != records[1].weights
    assert records[3].weights is None
    held = {row["kernel"]: row["weights"] for row in registry.engine.read(HELD)}
    assert held == {one.digest: one.weights for one in records[:3]}
    assert all(one.validation["passed"] for one in records)
    assert records[0].validation["checks"][0]["name"] == "weights as recorded"
    assert ["fold_norm@1" in one.passes for one in records] == [True, True, False, False]
    reasons = [hint["reason"] for hint in records[3].hints if hint["name"] == "fold_norm"]
    assert reasons == ["it changes weights, and no weights were given"]
    assert registry.compile("normed", weights=tmp_path / "w.safetensors").digest == first.digest, "known"
    assert len(registry.attempts("normed")) == 4, "and found, not compiled again"
    for one in records:
        assert registry.verify_kernel(one.digest).validation["passed"]
    assert registry.doctor() == ()


def test_a_record_that_names_other_weights_than_the_kernel_holds_is_found_out(
    registry: BlueprintRegistry,
) -> None:
    registry.register(normed())
    digest = registry.compile("normed", weights=weights()).digest
    registry.engine.write(lambda transaction: transaction.run(RENAME))
    found = registry.verify_kernel(digest)
    assert found.weights == "0" * 64
    assert not found.validation["passed"]
    assert [one["name"] for one in found.validation["checks"] if not one["passed"]] == ["weights as recorded"]


def test_weights_that_do_not_fit_leave_no_trace(registry: BlueprintRegistry, tmp_path: Path) -> None:
    registry.register(normed())
    before = registry.engine.read(EVENTS)
    with pytest.raises(KernelError, match=r"fc \(linear\)  `bias` is missing"):
        registry.compile("normed", weights={n: t for n, t in weights().items() if n != "fc.bias"})
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(KernelError, match="does not hold weights"):
        registry.compile("normed", weights=tmp_path / "junk")
    assert registry.attempts("normed") == ()
    assert registry.kernels("normed") == ()
    assert registry.engine.read(EVENTS) == before
    assert not (tmp_path / "kernels").exists()


def test_the_command_line_takes_weights_in_and_out(settings: Settings, tmp_path: Path) -> None:
    commands = Commands(settings)
    with BlueprintRegistry(settings=settings) as registry:
        registry.register(normed())
        registry.register(normed("other"))
    file, out = tmp_path / "w.safetensors", tmp_path / "out.safetensors"
    save_file(weights(), file)
    digest = commands.done("kernel", "compile", "normed", "--weights", str(file), "-q").lines[0]
    shown = commands.done("kernel", "show", digest, "--json").json
    honoured = [(hint["name"], hint["value"]) for hint in shown["hints"] if hint["outcome"] == "honoured"]
    assert honoured == [("fold_norm", ["bn"]), ("fusion", {"groups": 1, "kind": "linear+norm"})]
    assert "fold_norm of 1 node: honoured" in commands.done("kernel", "show", digest).stdout
    written = commands.done("kernel", "export", digest, "--weights", str(out), "--json").json
    assert written["weights"] == shown["weights"] == hashlib.sha256(out.read_bytes()).hexdigest()
    found = load_file(out)
    assert found.keys() == weights().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in weights().items())
    assert shown["weights"][:16] in commands.done("kernel", "list", "normed").stdout
    save_file(weights() | {"fc.bias": torch.zeros(4)}, file)
    refused = commands("kernel", "compile", "normed", "--weights", str(file))
    assert (refused.code, refused.stdout) == (1, "")
    assert "fc (linear)  `bias` is float32 [4], and must be float32 [3]" in refused.stderr
    assert commands("kernel", "compile", "normed", "other", "--weights", str(file)).code == 2
    assert commands("kernel", "compile", "normed", "--weights", str(tmp_path / "none")).code == 2


def resnet() -> Any:
    """A ResNet-18 whose norms have seen something."""
    import torchvision

    from tests.compile.importing import stirred

    torch.manual_seed(0)
    return stirred(torchvision.models.resnet18()).eval()


def test_a_resnet_goes_through_import_compile_and_export(settings: Settings, tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    commands = Commands(settings)
    file, out = str(tmp_path / "in.safetensors"), str(tmp_path / "out.safetensors")
    imported = ("blueprint", "import", "tests.integration.test_weights:resnet", "--input", "1x3x32x32")
    (name,) = commands.done(*imported, "--id", "resnet18", "--weights", file, "-q").lines
    (digest,) = commands.done("kernel", "compile", name, "--weights", file, "-q").lines
    module = resnet()
    x = torch.randn(5, 3, 32, 32)
    with BlueprintRegistry(settings=settings) as registry:
        assert any(node.op_type == "block" for node in registry[name].nodes)
        kernel = registry.load_kernel(digest)
        record = registry.kernel(digest)
        with torch.no_grad():
            found, wanted = kernel.load()(x), module(x)
        assert float((found - wanted).abs().max() / wanted.abs().max()) <= 1e-4
        state = kernel.state_dict()
    assert record.validation["passed"]
    assert "fold_norm@1" in record.passes
    (hint,) = [one for one in record.hints if one["name"] == "fold_norm"]
    assert len(hint["value"]) == 20, "every norm of a ResNet-18"
    expected = module.state_dict()
    assert state.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.equal(state[key], tensor), key
        assert state[key].dtype == tensor.dtype
    resnet().load_state_dict(state)
    commands.done("kernel", "export", digest, "--weights", out)
    assert Path(out).read_bytes() == Path(file).read_bytes()
    assert record.weights == hashlib.sha256(Path(file).read_bytes()).hexdigest()
