"""Passes keep what is computed, in training and evaluation, with seeds fixed, by the float64 interpreter."""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import networkx as nx
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor

from esper_graph.compile.interpreter import interpret
from esper_graph.compile.validate import random_nodes
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.edit import apply_edits
from esper_graph.ir.passes import PASSES, normal_fingerprint, optimize, optimize_explained
from tests.random_blueprints import FEATURES, cluttered

EXAMPLES = 25
LEAST_SHARE = 0.05
ROUNDING = 1e-7  # sums in another order round differently, and norms of nearly equal numbers enlarge that
Tensors = Mapping[str, Mapping[str, Tensor]]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
checked = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=SLOW)


def drawn_tensors(blueprint: BlueprintIR) -> Tensors:
    """Parameters and buffers that depend on the node's id and the tensor's name only."""
    found: dict[str, dict[str, Tensor]] = {}
    for node, settled in zip(blueprint.nodes, blueprint.graph.settled, strict=True):
        assert settled is not None
        for parameter in settled.parameters if node.shares is None else ():
            seed = sum(ord(letter) * 31**place for place, letter in enumerate(node.id + parameter.name))
            generator = torch.Generator().manual_seed(seed % 2**31)
            found.setdefault(node.id, {})[parameter.name] = (
                torch.rand(parameter.shape, generator=generator, dtype=torch.float64) + 0.5
            )
    return found


def rows(blueprint: BlueprintIR, batch: int = 3) -> list[Tensor]:
    count = len(blueprint.graph.of_type("input"))
    generator = torch.Generator().manual_seed(7)
    return [torch.randn(batch, FEATURES, generator=generator, dtype=torch.float64) for _ in range(count)]


def without_dead_nodes(blueprint: BlueprintIR) -> BlueprintIR:
    """What is left of what reaches no output and no effect: kernels do not run it, so it draws nothing."""
    graph = nx.DiGraph()
    graph.add_nodes_from(node.id for node in blueprint.nodes)
    graph.add_edges_from((edge.source, edge.target) for edge in blueprint.edges)
    graph.add_edges_from((node.shares, node.id) for node in blueprint.nodes if node.shares is not None)
    roots = [
        node.id
        for node, op in zip(blueprint.nodes, blueprint.graph.ops, strict=True)
        if node.op_type in ("input", "output") or (op is not None and op.effect)
    ]
    alive = set(roots).union(*(nx.ancestors(graph, root) for root in roots))
    order = blueprint.graph.order
    assert order is not None
    return blueprint.replace(
        nodes=[blueprint.nodes[place] for place in order if blueprint.nodes[place].id in alive],
        edges=[edge for edge in blueprint.edges if edge.target in alive],
    )


def computed(blueprint: BlueprintIR, *, training: bool) -> list[Tensor]:
    """Outputs, the new running statistics, and the gradients that are reported, under one seed."""
    inputs = [x.requires_grad_() for x in rows(blueprint)]
    generator = torch.Generator().manual_seed(3)
    tensors = drawn_tensors(blueprint)
    found = interpret(blueprint, inputs, tensors, training=training, generator=generator)
    results = list(found.outputs)
    results += [tensor for _, named in sorted(found.buffers.items()) for _, tensor in sorted(named.items())]
    taps = [tap for _, tap in sorted(found.taps.items())]
    if taps and any(output.requires_grad for output in found.outputs):
        loss = sum(
            (output * (1 + place)).sum() for place, output in enumerate(found.outputs) if output.requires_grad
        )
        assert isinstance(loss, Tensor)
        gradients = torch.autograd.grad(loss, taps, allow_unused=True)
        results += [
            torch.zeros_like(tap) if gradient is None else gradient
            for tap, gradient in zip(taps, gradients, strict=True)
        ]
    return [result.detach() for result in results]


def assert_same(before: BlueprintIR, after: BlueprintIR) -> None:
    pruned_before, pruned_after = without_dead_nodes(before), without_dead_nodes(after)
    for training in (False, True):
        drawing = [random_nodes(one, training=training) for one in (pruned_before, pruned_after)]
        assert drawing[0] == drawing[1]
        wanted, found = (computed(one, training=training) for one in (pruned_before, pruned_after))
        assert len(wanted) == len(found)
        for one, other in zip(wanted, found, strict=True):
            scale = max(float(one.nan_to_num(0.0, 0.0, 0.0).abs().max()), 1.0)
            torch.testing.assert_close(other, one, rtol=0, atol=ROUNDING * scale, equal_nan=True)


def assert_parameters_stay(before: BlueprintIR, after: BlueprintIR) -> None:
    nodes = {node.id: node for node in before.nodes}
    for node, settled in zip(after.nodes, after.graph.settled, strict=True):
        assert settled is not None
        if settled.parameters:
            assert node == nodes[node.id]


@pytest.mark.parametrize("name", PASSES)
@checked
@given(blueprint=cluttered())
def test_each_pass_keeps_what_is_computed_and_has_nothing_left_to_do(
    name: str, blueprint: BlueprintIR
) -> None:
    result = PASSES[name](blueprint)
    assert result.changed == (result.blueprint is not blueprint) == bool(result.notes)
    if result.changed:
        assert result.blueprint.validate()
        assert_same(blueprint, result.blueprint)
        assert_parameters_stay(blueprint, result.blueprint)
        assert PASSES[name](result.blueprint).blueprint is result.blueprint


@checked
@given(blueprint=cluttered(), names=st.lists(st.sampled_from(list(PASSES)), min_size=1, unique=True))
def test_passes_in_any_order_keep_what_is_computed(blueprint: BlueprintIR, names: Sequence[str]) -> None:
    after, steps = optimize_explained(blueprint, names)
    assert bool(steps) == (after is not blueprint)
    assert_same(blueprint, after)
    assert_parameters_stay(blueprint, after)
    assert optimize_explained(after, names)[0] is after


@checked
@given(cluttered())
def test_the_recorded_edits_lead_to_the_optimised_blueprint(blueprint: BlueprintIR) -> None:
    after = optimize(blueprint)
    if after is blueprint:
        return
    (derivation,) = after.derivations
    assert (derivation.parent_id, derivation.kind) == (blueprint.id, "optimization")
    again = apply_edits(blueprint, derivation.edits, repair=False).blueprint
    assert again.fingerprint == after.fingerprint


@checked
@given(cluttered())
def test_the_normal_fingerprint_survives_optimisation(blueprint: BlueprintIR) -> None:
    assert normal_fingerprint(optimize(blueprint)) == normal_fingerprint(blueprint)


@checked
@given(cluttered(), st.randoms(use_true_random=False))
def test_equal_structures_have_equal_normal_fingerprints(blueprint: BlueprintIR, random: Random) -> None:
    assert normal_fingerprint(renamed(blueprint, random)) == normal_fingerprint(blueprint)


def renamed(blueprint: BlueprintIR, random: Random) -> BlueprintIR:
    """The same structure: other ids, another listing, commutative inputs in another order."""
    numbers = random.sample(range(len(blueprint.nodes)), len(blueprint.nodes))
    names = {node.id: f"n{number}" for node, number in zip(blueprint.nodes, numbers, strict=True)}
    nodes = [
        node.replace(id=names[node.id], shares=names[node.shares] if node.shares else None)
        for node in blueprint.nodes
    ]
    ports: dict[str, list[str | int | None]] = {}
    for edge in blueprint.edges:
        ports.setdefault(edge.target, []).append(edge.target_port)
    for target, found in ports.items():
        op = blueprint.graph.ops[blueprint.graph.position[target]]
        if op is not None and op.commutative:
            random.shuffle(found)
    edges = [
        edge.replace(
            source=names[edge.source], target=names[edge.target], target_port=ports[edge.target].pop()
        )
        for edge in reversed(blueprint.edges)
    ]
    random.shuffle(nodes)
    random.shuffle(edges)
    other = blueprint.replace(nodes=nodes, edges=edges)
    assert other.fingerprint == blueprint.fingerprint
    return other


def test_every_pass_has_something_to_do_in_one_of_twenty_blueprints() -> None:
    fired, seen = Counter[str](), list[BlueprintIR]()

    @settings(checked, max_examples=300, phases=[Phase.generate], derandomize=True, database=None)
    @given(cluttered())
    def count(blueprint: BlueprintIR) -> None:
        seen.append(blueprint)
        fired.update(name for name, run in PASSES.items() if run(blueprint).changed)

    count()
    shares = {name: fired[name] / len(seen) for name in PASSES}
    print(", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    assert min(shares.values()) >= LEAST_SHARE
