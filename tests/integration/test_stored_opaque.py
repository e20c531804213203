"""Networks with calls that no op stands for: imported, stored, read back and compiled, on each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from esper_graph.compile import give_weights, import_with_weights
from esper_graph.config import Settings
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.compile.importing import relative
from tests.integration.commands import Commands, refused
from tests.integration.statements import statement


class Network(nn.Module):
    """Takes weights and sizes into calls that no op stands for; one gives two results."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.linspace(0.5, 2.0, 4))

    def forward(self, x: Tensor) -> Tensor:
        values, order = torch.sort(self.first(x), -1)
        y = torch.atan2(torch.cumprod(values, 1) + order, self.scale)
        return torch.diff(y, append=y[:, :1]) + torch.roll(y, x.shape[0], 1)


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=engine_settings) as opened:
        yield opened


def test_a_network_comes_back_from_the_store_and_computes_what_it_did(registry: BlueprintRegistry) -> None:
    network = Network().eval()
    imported = import_with_weights(network, torch.randn(2, 4), id="odd", opaque=True)
    assert registry.register_one(imported.blueprint).created
    read = registry["odd"]
    assert read.content_digest == imported.blueprint.content_digest
    assert read.fingerprint == imported.blueprint.fingerprint
    assert read.cost().uncounted == ("sort", "cumprod", "atan2", "diff", "roll")
    assert registry.doctor() == ()
    change = statement("MATCH (b:Blueprint {id: 'odd'}) SET b.uncounted = b.uncounted - 1", access="write")
    registry.engine.write(lambda transaction: transaction.run(change))
    (damage,) = registry.doctor()
    assert damage.message == "its uncounted is recorded as 4, but is 5"
    made = registry.compile("odd")
    kernel = made.load()
    give_weights(kernel, made.facts, imported.weights)
    x = torch.randn(5, 4)
    with torch.no_grad():
        assert relative([kernel(x)], [network(x)]) <= 1e-4


def test_the_command_keeps_such_calls_when_asked(
    engine: Engine, engine_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands(engine_settings)
    called = ("blueprint", "import", "tests.integration.test_stored_opaque:Network", "--input", "2x4")
    refused(commands(*called), 1, "5 calls that no op stands for", "aten.sort.default", "--opaque")
    assert commands.done("blueprint", "list", "-q").lines == []
    (name,) = commands.done(*called, "--opaque", "-q", "--id", "odd").lines
    assert name == "odd"
    listed = commands.done("blueprint", "show", "odd").stdout
    assert 'sort = aten.sort.default(first, tensors=["self"]' in listed
    assert "those of 5 nodes that are not known" in listed
    cost = commands.done("blueprint", "cost", "odd", "--json").json
    assert cost["uncounted"] == ["sort", "cumprod", "atan2", "diff", "roll"]
    assert {node["op_type"] for node in cost["nodes"] if node["flops"] is None} == {
        *("aten.sort.default", "aten.cumprod.default", "aten.atan2.default", "aten.diff.default"),
        "aten.roll.default",
    }
    assert "not counted" in commands.done("blueprint", "cost", "odd").stdout
    ran = commands("blueprint", "import", str(tmp_path / "x.onnx"), "--opaque")
    assert ran.code == 2
    assert "--opaque" in ran.stderr
