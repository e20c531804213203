"""The example architectures: written again they are the same, and they have the published numbers."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from torch import nn

from esper_graph import BlueprintIR
from esper_graph.ops.values import TensorType

EXAMPLES = Path(__file__).parents[2] / "examples"


def _make() -> ModuleType:
    spec = spec_from_file_location("esper_graph_examples", EXAMPLES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _make()


def read(name: str) -> BlueprintIR:
    return BlueprintIR.from_json((EXAMPLES / f"{name}.json").read_bytes())


def size(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def double_conv(channels: int, width: int) -> int:
    return 9 * channels * width + 9 * width * width + 4 * width


def unet_parameters() -> int:
    widths = [64, 128, 256, 512, 1024]
    down = double_conv(3, 64) + sum(double_conv(width, 2 * width) for width in widths[:-1])
    up = sum(4 * 2 * width * width + width + double_conv(2 * width, width) for width in widths[:-1])
    return down + up + 64 * 2 + 2


PARAMETERS = {
    "resnet18": 11_689_512,  # torchvision, resnet18
    "mobilenet_v3_small": 2_542_856,  # torchvision, mobilenet_v3_small
    "gpt2_layer": 7_087_872,  # (124,439,808 - 50,257 * 768 - 1,024 * 768 - 2 * 768) / 12 of the small GPT-2
    "unet": unet_parameters(),
    "unet_level": double_conv(64, 128) + double_conv(128, 64) + 4 * 128 * 64 + 64,
    "lstm_tagger": size(
        nn.Embedding(10_000, 128), nn.LSTM(128, 128, 2, bidirectional=True), nn.Linear(256, 17)
    ),
    # Mixer-S/16 has 18,528,264: patches, norm and head are not in its 8 blocks.
    "mlp_mixer_block": (18_528_264 - (3 * 16 * 16 * 512 + 512) - 2 * 512 - (512 * 1000 + 1000)) // 8,
}


def test_there_is_a_file_for_each_example_and_nothing_else() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.json")) == sorted(MAKE.EXAMPLES)


@pytest.mark.parametrize("name", MAKE.EXAMPLES)
def test_writing_an_example_again_changes_nothing(name: str) -> None:
    assert MAKE.document(name) == (EXAMPLES / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MAKE.EXAMPLES)
def test_examples_are_valid_and_have_the_published_parameters(name: str) -> None:
    example = read(name)
    assert example.validate()
    assert example.cost().parameters == PARAMETERS[name]


def test_multiply_adds_are_the_published_ones() -> None:
    # torchvision lists 1.81 and 0.06 GFLOPS, by which it means multiply-adds.
    assert round(read("resnet18").cost().macs / 1e9, 2) == 1.81
    assert round(read("mobilenet_v3_small").cost().macs / 1e9, 2) == 0.06


def test_a_unet_gives_back_the_size_of_its_input() -> None:
    for name, channels in (("unet", 2), ("unet_level", 64)):
        example = read(name)
        inside = example.inference.outputs[example.graph.of_type("input")[0]]
        last = example.graph.feeds[example.graph.of_type("output")[0]][0]
        result = example.inference.outputs[last.source]
        assert inside is not None
        assert result is not None
        assert isinstance(inside[0], TensorType)
        assert isinstance(result[0], TensorType)
        assert result[0].shape[2:] == inside[0].shape[2:]
        assert result[0].shape[1] == channels
