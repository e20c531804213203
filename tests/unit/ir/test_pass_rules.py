"""What each rule does, and where it must keep its hands off."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch

from esper_graph.compile.initial_values import initial_values
from esper_graph.compile.interpreter import interpret
from esper_graph.compile.sample import bindings, sample
from esper_graph.errors import LimitExceededError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, Wire
from esper_graph.ir.edit import apply_edits
from esper_graph.ir.passes import (
    NO_NORMAL,
    PASSES,
    normal_fingerprint,
    normal_fingerprint_or_none,
    optimize,
    optimize_explained,
)
from esper_graph.templates import TEMPLATES
from tests.graph_families import rook

Body = Callable[[Builder, Wire], Wire]


def network(body: Body, shape: tuple[int | str, ...] = (-1, 4), **settings: Any) -> BlueprintIR:
    b = Builder("net", name="Net")
    b.output(body(b, b.input(list(shape), **settings)))
    return b.finish()


def left(blueprint: BlueprintIR) -> list[str]:
    """Op types between input and output."""
    return [node.op_type for node in blueprint.nodes if node.op_type not in ("input", "output")]


def zero(b: Builder, **settings: Any) -> Wire:
    return b.constant(value=0, **{"dtype": "float32", "shape": [4], **settings})


GONE: Mapping[str, Body] = {
    "identity": lambda b, x: b.identity(b.identity(x)),
    "dropout of nothing": lambda b, x: b.dropout(x, p=0.0),
    "noise of nothing": lambda b, x: b.noise(x, std=0.0),
    "reshape to the same": lambda b, x: b.reshape(x, shape=[-1, 4]),
    "reshape and back": lambda b, x: b.flatten(b.unflatten(x, sizes=[2, 2]), start_dim=1),
    "three reshapes": lambda b, x: b.reshape(
        b.reshape(b.reshape(x, shape=[-1]), shape=[-1, 2]), shape=[-1, 4]
    ),
    "transposes": lambda b, x: b.permute(b.transpose(x, dim0=0, dim1=-1), dims=[1, 0]),
    "exchange of one axis": lambda b, x: b.transpose(x, dim0=1, dim1=-1),
    "cast and back": lambda b, x: b.cast(b.cast(x, dtype="float64"), dtype="float32"),
    "whole slice": lambda b, x: b.slice(x, start=-4, end=4),
    "pad of nothing": lambda b, x: b.pad(x, padding=[0, 0]),
    "roll of nothing": lambda b, x: b.roll(x, shifts=[0, 0], dim=[0, 1]),
    "single concat": lambda b, x: b.concat(x),
    "single split": lambda b, x: b.split(x, sizes=[4]),
    "single expand": lambda b, x: b.expand(x, shape=[-1, 4]),
    "neg neg": lambda b, x: b.neg(b.neg(x)),
    "plus zero": lambda b, x: b.add(zero(b), x),
    "plus zero number": lambda b, x: b.add(x, scalar=0.0),
    "minus zero": lambda b, x: b.sub(x, zero(b)),
    "times one": lambda b, x: b.multiply(x, b.constant(value=1.0)),
    "over one": lambda b, x: b.div(x, scalar=1.0),
    "to the first power": lambda b, x: b.pow(x, scalar=1.0),
    "none": lambda b, x: b.add(x, b.multiply(b.linear(x, in_features=4, out_features=4), scalar=0.0)),
    "constants that make zero": lambda b, x: b.add(x, b.sub(b.neg(b.constant(value=[-1.0] * 4)), scalar=1.0)),
    "known choice": lambda b, x: b.where(b.constant(value=True, dtype="bool"), x, b.neg(x)),
}


@pytest.mark.parametrize("name", GONE)
def test_what_changes_nothing_goes(name: str) -> None:
    assert left(optimize(network(GONE[name]))) == []


BECOME: Mapping[str, tuple[Body, list[str]]] = {
    "relu relu": (lambda b, x: b.activation(b.activation(x, type="relu"), type="relu"), ["activation"]),
    "abs abs": (lambda b, x: b.abs(b.abs(x)), ["abs"]),
    "detach detach": (lambda b, x: b.detach(b.detach(x)), ["detach"]),
    "two orders": (
        lambda b, x: b.transpose(b.permute(b.unflatten(x, sizes=[2, 2]), dims=[2, 0, 1]), dim0=0, dim1=1),
        ["reshape", "permute"],
    ),
    "nested sums": (lambda b, x: b.add(b.add(x, b.neg(x)), b.abs(x)), ["neg", "abs", "add"]),
    "nested sums on the right": (lambda b, x: b.add(b.abs(x), b.add(x, b.neg(x))), ["abs", "neg", "add"]),
    "nested sums of four": (
        lambda b, x: b.add(b.abs(x), b.add(x, b.neg(x)), b.add(b.sin(x), b.cos(x))),
        ["abs", "neg", "sin", "cos", "add"],
    ),
    "sum that is used twice": (
        lambda b, x: b.multiply(b.add(s := b.add(x, b.neg(x)), b.abs(x)), s),
        ["neg", "add", "abs", "add", "multiply"],
    ),
    "nested concats": (lambda b, x: b.concat(x, b.concat(b.neg(x), x), dim=-1), ["neg", "concat"]),
    "twice": (lambda b, x: b.multiply(b.sin(x), b.sin(x)), ["sin", "multiply"]),
    "twice in another order": (
        lambda b, x: b.sub(b.add(x, b.neg(x)), b.add(b.neg(x), x)),
        ["neg", "add", "sub"],
    ),
    "product with zero": (lambda b, x: b.multiply(x, zero(b)), ["constant"]),
    "constants": (
        lambda b, x: b.concat(
            x, b.expand(b.add(b.constant(value=[[0.5, 2.0]]), scalar=0.25), shape=["batch", 2])
        ),
        ["constant", "expand", "concat"],
    ),
    "uniform constants of any size": (
        lambda b, x: b.concat(
            x, b.transpose(b.exp(b.neg(b.constant(value=2.0, shape=["batch", 4]))), dim0=1, dim1=1)
        ),
        ["constant", "exp", "concat"],
    ),
}


@pytest.mark.parametrize("name", BECOME)
def test_what_is_said_twice_is_said_once(name: str) -> None:
    body, wanted = BECOME[name]
    assert left(optimize(network(body))) == wanted


STAY: Mapping[str, Body] = {
    "dropouts of one value": lambda b, x: b.add(b.dropout(x, p=0.5), b.dropout(x, p=0.5)),
    "noises of one value": lambda b, x: b.add(b.noise(x, std=0.1), b.noise(x, std=0.1)),
    "hard choices of one value": lambda b, x: b.add(
        b.softmax(x, dim=1, hard=True), b.softmax(x, dim=1, hard=True)
    ),
    "zero times chance": lambda b, x: b.add(x, b.multiply(b.dropout(x, p=0.5), scalar=0.0)),
    "zero times running statistics": lambda b, x: b.add(
        x, b.multiply(b.normalization(x, type="batch_norm", num_features=4), scalar=0.0)
    ),
    "zero times what may be infinite": lambda b, x: b.multiply(b.log(x), scalar=0.0),
    "choice that draws": lambda b, x: b.where(b.constant(value=True, dtype="bool"), x, b.noise(x, std=1.0)),
    "layers with parameters of their own": lambda b, x: b.add(
        b.linear(x, in_features=4, out_features=4), b.linear(x, in_features=4, out_features=4)
    ),
    "batch norms": lambda b, x: b.add(
        b.normalization(x, type="batch_norm", num_features=4, affine=False, id="a"),
        b.normalization(x, type="batch_norm", num_features=4, affine=False, id="b", shares="a"),
    ),
    "cast that rounds": lambda b, x: b.cast(b.cast(x, dtype="bfloat16"), dtype="float32"),
    "identity that rounds": lambda b, x: b.identity(x, precision="bf16"),
    "zero that spreads": lambda b, x: b.add(x, b.constant(value=0.0, shape=[3, 1, 4])),
    "zero of a wider dtype": lambda b, x: b.add(x, b.constant(value=0.0, dtype="float64")),
    "sum that rounds": lambda b, x: b.add(x, b.add(b.constant(value=0.1), b.constant(value=0.2), id="i"), x),
    "slice from behind of any size": lambda b, x: b.slice(x, dim=0, start=-1),
    "relu after another": lambda b, x: b.activation(b.activation(x, type="gelu"), type="relu"),
    "reshape that rounds between": lambda b, x: b.reshape(
        b.reshape(x, shape=["batch", 2, 2], precision="fp16"), shape=["batch", 4]
    ),
}


@pytest.mark.parametrize("name", STAY)
def test_what_counts_stays(name: str) -> None:
    blueprint = network(STAY[name])
    assert left(optimize(blueprint)) == left(blueprint)


def test_a_sum_has_no_order() -> None:
    def body(b: Builder, x: Wire) -> Wire:
        n, s = b.neg(x), b.sin(x)
        return b.multiply(b.add(x, n, s), b.add(s, n, x))

    assert left(optimize(network(body))).count("add") == 1


def test_a_gradient_that_is_reported_stays_the_gradient_of_the_same_value() -> None:
    b = Builder("net", name="Net")
    x = b.input([-1, 4])
    one, other = b.sin(x, id="one"), b.sin(x, id="other")
    b.gradient_norm(one)
    b.output(b.add(one, b.neg(b.neg(other))))
    after = optimize(b.finish())
    assert left(after) == ["sin", "sin", "gradient_norm", "add"]


def test_shared_layers_become_one_and_the_owner_keeps_its_parameters() -> None:
    b = Builder("net", name="Net")
    x = b.input([-1, 4])
    sizes = {"in_features": 4, "out_features": 4}
    owner = b.linear(x, id="owner", **sizes)
    user = b.linear(x, id="user", shares="owner", **sizes)
    b.output(b.add(b.neg(user), owner))
    blueprint = b.finish()
    turned = blueprint.replace(nodes=[blueprint.nodes[place] for place in (0, 2, 3, 1, 4, 5)])
    for one in (blueprint, turned):
        after = optimize(one)
        assert after.validate()
        assert [node.id for node in after.nodes if node.op_type == "linear"] == ["owner"]
        assert after.cost().parameters == one.cost().parameters


def test_draws_keep_their_order_whatever_the_listing() -> None:
    b = Builder("net", name="Net")
    x = b.input([-1, 4])
    late = b.dropout(b.identity(x, id="step"), p=0.5, id="late")
    early = b.dropout(x, p=0.5, id="early")
    b.output(b.add(late, early))
    blueprint = b.finish()
    listed = blueprint.replace(
        nodes=[blueprint.node(name) for name in ("input", "late", "early", "step", "add", "output")]
    )
    inputs = [torch.ones(8, 4)]
    results = [
        interpret(one, inputs, {}, training=True, generator=torch.Generator().manual_seed(1)).outputs[0]
        for one in (listed, optimize(listed))
    ]
    assert left(optimize(listed)) == ["dropout", "dropout", "add"]
    assert torch.equal(*results)


SAME: Mapping[str, tuple[Body, Body]] = {
    "flatten": (lambda b, x: b.flatten(x), lambda b, x: b.reshape(x, shape=["batch", 24])),
    "transpose": (lambda b, x: b.transpose(x, dim0=-1, dim1=1), lambda b, x: b.permute(x, dims=[0, 3, 2, 1])),
    "softmax": (lambda b, x: b.softmax(x), lambda b, x: b.softmax(x, dim=3)),
    "split": (lambda b, x: b.split(x, chunks=2)[1], lambda b, x: b.split(x, sizes=[2, 2], dim=3)[1]),
    "slice": (lambda b, x: b.slice(x, start=-3), lambda b, x: b.slice(x, dim=3, start=1, end=4)),
    "reduce": (
        lambda b, x: b.reduce(x, operation="max", dim=-1),
        lambda b, x: b.reduce(x, operation="max", dim=[3]),
    ),
    "roll": (lambda b, x: b.roll(x, shifts=1), lambda b, x: b.roll(x, shifts=[1], dim=[3])),
    "stack": (lambda b, x: b.stack(x, x), lambda b, x: b.stack(x, b.identity(x), dim=4)),
    "expand": (lambda b, x: b.expand(x, shape=[-1, 2, 3, 4]), lambda b, x: b.identity(x)),
    "twice": (lambda b, x: b.add(b.sin(x), b.sin(x)), lambda b, x: b.add(y := b.sin(x), y)),
}


@pytest.mark.parametrize("name", SAME)
def test_two_ways_of_writing_have_one_normal_fingerprint(name: str) -> None:
    first, second = (network(body, (-1, 2, 3, 4)) for body in SAME[name])
    assert first.fingerprint != second.fingerprint
    assert normal_fingerprint(first) == normal_fingerprint(second)


def test_different_networks_have_different_normal_fingerprints() -> None:
    found = {normal_fingerprint(network(body)) for body in STAY.values()}
    assert len(found) == len(STAY)


def test_whole_numbers_that_overflow_are_left_to_the_kernel() -> None:
    def body(b: Builder, x: Wire) -> Wire:
        most = b.constant(value=2**31 - 1, dtype="int32")
        return b.multiply(x, b.cast(b.add(most, most), dtype="float32"))

    blueprint = network(lambda b, x: b.add(x, body(b, x)))
    assert "cast" in left(optimize(blueprint))


def test_steps_tell_what_each_pass_saved() -> None:
    blueprint = network(
        lambda b, x: b.add(x, b.multiply(b.linear(x, in_features=4, out_features=4), scalar=0.0))
    )
    after, steps = optimize_explained(blueprint)
    assert steps[0].before.parameters == 20
    assert steps[-1].after == (2, 1, 0, 0)
    for one, following in pairwise(steps):
        assert one.after == following.before
    assert {step.name for step in steps} <= set(PASSES)
    assert after.derivations[0].parent_id == "net"


def test_what_is_too_symmetric_once_simplified_has_no_normal_fingerprint() -> None:
    labels, arcs = rook(20)
    b = Builder("rook", name="Rook", limits={"max_edges": 50_000, "max_nodes": 2_000})
    x = b.input([-1, 4])
    rolls = [b.roll(x, shifts=[0] * count, dim=[0] * count) for count in range(1, len(labels) + 1)]
    layers = [b.linear(one, in_features=4, out_features=4) for one in rolls]
    sums = [
        b.add(*[layers[source] for source, end, _ in arcs if end == place]) for place in range(len(labels))
    ]
    b.output(b.maximum(*sums))
    blueprint = b.finish()
    assert blueprint.fingerprint
    assert normal_fingerprint_or_none(blueprint) == NO_NORMAL
    with pytest.raises(LimitExceededError, match="too much alike"):
        normal_fingerprint(blueprint)


def folded(*, clutter: bool) -> BlueprintIR:
    """Two uses of one block, which each have layers of their own."""
    definition = network(lambda b, x: b.activation(b.linear(x, in_features=4, out_features=4), type="relu"))
    b = Builder("outer", name="Outer")
    x = b.input([-1, 4])
    one, other = b.block(definition, x), b.block(definition, b.identity(x) if clutter else x)
    b.output(b.add(one, other))
    return b.finish()


def test_blocks_stay_folded_where_there_is_nothing_to_do() -> None:
    blueprint = folded(clutter=False)
    assert optimize(blueprint) is blueprint
    assert normal_fingerprint(blueprint) == normal_fingerprint(blueprint.expanded)


def test_blocks_are_written_out_where_there_is_something_to_do() -> None:
    blueprint = folded(clutter=True)
    after = optimize(blueprint)
    assert left(after).count("linear") == 2
    assert normal_fingerprint(after) == normal_fingerprint(folded(clutter=False))
    (derivation,) = after.derivations
    again = apply_edits(blueprint.expanded, derivation.edits, repair=False).blueprint
    assert again.fingerprint == after.fingerprint


@pytest.mark.parametrize("name", PASSES)
def test_no_pass_looks_into_a_block_or_takes_two_for_one(name: str) -> None:
    blueprint = folded(clutter=False)
    assert PASSES[name](blueprint).blueprint is blueprint


SMALLER = ("d_model", "d_ff")


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_compute_the_same_once_optimised(name: str) -> None:
    arguments = {one.name: 16 for one in TEMPLATES[name].parameters if one.required or one.name in SMALLER}
    template = TEMPLATES[name](**arguments)
    after = optimize(template)
    assert after.validate()
    assert optimize(after) is after
    assert len(after.nodes) <= len(template.nodes)
    (binding,) = bindings(template, (2,))
    inputs = sample(template, binding, seed=1)
    for training in (False, True):
        wanted, found = (
            interpret(
                one,
                inputs,
                drawn_tensors(one),
                training=training,
                generator=torch.Generator().manual_seed(1),
            )
            for one in (template, after)
        )
        assert wanted.metrics.keys() == found.metrics.keys()
        for before, now in zip(wanted.outputs, found.outputs, strict=True):
            torch.testing.assert_close(now, before, rtol=1e-12, atol=1e-12)


def drawn_tensors(blueprint: BlueprintIR) -> dict[str, dict[str, torch.Tensor]]:
    return {
        node.id: {
            one.name: torch.from_numpy(initial_values(one, seed=0, origin=node.id)).double()
            for one in settled.parameters
        }
        for node, settled in zip(blueprint.nodes, blueprint.graph.settled, strict=True)
        if settled is not None and settled.parameters and node.shares is None
    }
