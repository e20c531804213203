"""A layer that carries its batch norm computes the same in evaluation, with the transformed weights."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from esper_graph.compile.interpreter import interpret
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.passes import fold_norm
from esper_graph.ir.passes.weight_edits import apply_weight_edits

CONV = {"in_channels": 4, "out_channels": 6, "kernel_size": 3}
LAYERS: Mapping[str, tuple[str, list[int], dict[str, Any]]] = {
    "linear": ("linear", [-1, 4], {"in_features": 4, "out_features": 6}),
    "linear without bias": ("linear", [-1, 4], {"in_features": 4, "out_features": 6, "bias": False}),
    "conv1d": ("conv1d", [-1, 4, 9], CONV),
    "conv2d": ("conv2d", [-1, 4, 9, 7], {**CONV, "stride": 2, "padding": 1}),
    "grouped conv2d": ("conv2d", [-1, 4, 9, 7], {**CONV, "groups": 2, "bias": False}),
    "mirrored conv2d": ("conv2d", [-1, 4, 9, 7], {**CONV, "padding": 1, "padding_mode": "reflect"}),
    "conv_transpose2d": ("conv_transpose2d", [-1, 4, 5, 4], {**CONV, "stride": 2}),
    "grouped conv_transpose2d": ("conv_transpose2d", [-1, 4, 5, 4], {**CONV, "groups": 2}),
}
NORMS: Mapping[str, dict[str, Any]] = {
    "affine": {},
    "without shift": {"bias": False, "eps": 0.5},
    "plain": {"affine": False},
}


def network(layer: str, norm: dict[str, Any]) -> BlueprintIR:
    op_type, shape, settings = LAYERS[layer]
    b = Builder("net", name="Net")
    y = b.node(op_type, b.input(shape), id="layer", **settings)
    y = b.normalization(y, id="norm", **{"type": "batch_norm", "num_features": 6, **norm})
    b.output(b.activation(y, type="relu"))
    return b.finish()


def tensors_of(blueprint: BlueprintIR) -> dict[str, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    found: dict[str, dict[str, Tensor]] = {}
    for node, settled in zip(blueprint.nodes, blueprint.graph.settled, strict=True):
        assert settled is not None
        for one in settled.parameters:
            drawn = torch.randn(one.shape, generator=generator, dtype=torch.float64)
            positive = one.name == "running_var"
            found.setdefault(node.id, {})[one.name] = drawn.abs() + 0.1 if positive else drawn
    return found


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layer", LAYERS)
def test_the_layer_computes_what_layer_and_norm_did(layer: str, norm: str) -> None:
    before = network(layer, NORMS[norm])
    result = fold_norm.run(before)
    after = result.blueprint
    assert after.validate()
    assert "normalization" not in {node.op_type for node in after.nodes}
    assert result.notes == ("`layer` carries the batch norm `norm`",)
    tensors = tensors_of(before)
    edited = apply_weight_edits(tensors, result.weight_edits)
    (settled,) = [one for one in after.graph.settled if one is not None and one.parameters]
    assert {name: tuple(tensor.shape) for name, tensor in edited["layer"].items()} == {
        one.name: one.shape for one in settled.parameters
    }
    assert edited.keys() == {"layer"}
    x = torch.randn(3, *LAYERS[layer][1][1:], dtype=torch.float64)
    (wanted,), (found,) = (
        interpret(one, [x], held).outputs for one, held in ((before, tensors), (after, edited))
    )
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    assert fold_norm.run(after).blueprint is after


def test_numpy_arrays_do_as_well_as_tensors() -> None:
    result = fold_norm.run(network("grouped conv_transpose2d", {}))
    tensors = tensors_of(network("grouped conv_transpose2d", {}))
    arrays = {node: {name: one.numpy() for name, one in named.items()} for node, named in tensors.items()}
    for name, array in apply_weight_edits(arrays, result.weight_edits)["layer"].items():
        wanted = apply_weight_edits(tensors, result.weight_edits)["layer"][name]
        torch.testing.assert_close(torch.from_numpy(array), wanted)


@pytest.mark.parametrize(
    "norm",
    [
        {"track_running_stats": False},
        {"type": "instance_norm", "track_running_stats": True},
        {"type": "group_norm", "num_groups": 2},
    ],
    ids=str,
)
def test_norms_that_look_at_the_values_stay(norm: dict[str, Any]) -> None:
    settings = {"num_channels": 6} if norm.get("type") == "group_norm" else {"num_features": 6}
    op_type, shape, layer = LAYERS["conv2d"]
    b = Builder("net", name="Net")
    y = b.node(op_type, b.input(shape), **layer)
    b.output(b.normalization(y, **{"type": "batch_norm", **settings, **norm}))
    blueprint = b.finish()
    assert fold_norm.run(blueprint).blueprint is blueprint


def test_a_layer_that_others_use_too_keeps_its_values() -> None:
    b = Builder("net", name="Net")
    y = b.linear(b.input([-1, 4]), in_features=4, out_features=6)
    b.output(b.normalization(y, type="batch_norm", num_features=6))
    b.output(y)
    blueprint = b.finish()
    assert fold_norm.run(blueprint).blueprint is blueprint


def test_shared_parameters_are_not_changed_for_one_of_their_users() -> None:
    b = Builder("net", name="Net")
    x = b.input([-1, 4])
    sizes = {"in_features": 4, "out_features": 4}
    one = b.linear(x, id="one", **sizes)
    b.output(b.normalization(one, type="batch_norm", num_features=4))
    other = b.linear(b.activation(x, type="relu"), shares="one", **sizes)
    b.output(b.normalization(other, type="batch_norm", num_features=4))
    blueprint = b.finish()
    assert fold_norm.run(blueprint).blueprint is blueprint


def test_a_norm_over_positions_is_not_one_over_features() -> None:
    b = Builder("net", name="Net")
    y = b.linear(b.input([-1, 5, 4]), in_features=4, out_features=6)
    b.output(b.normalization(y, type="batch_norm", num_features=5))
    blueprint = b.finish()
    assert fold_norm.run(blueprint).blueprint is blueprint
