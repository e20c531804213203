"""Diff, merge and blame of networks of 177 nodes: few changes, many, and nothing in common."""

import time
from random import Random
from typing import Any

from run import summary

from esper_graph.ir.blame import Family, Step, blame
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.diff import diff
from esper_graph.ir.edit import AddNode, Edit, SetAttribute, apply_edits
from esper_graph.ir.merge import merge
from esper_graph.ir.specs import NodeSpec
from tests.shuffled import shuffled

ROUNDS, BLOCKS = 5, 25


def residual_network(kinds: list[str]) -> BlueprintIR:
    """A residual network of 177 nodes: seven for each block, which has an activation of its own kind."""
    b = Builder("resnet", name="Residual network", limits={"max_depth": 500})
    x = b.input([-1, 64, 32, 32])
    for kind in kinds:
        y = b.conv2d(x, in_channels=64, out_channels=32, kernel_size=1)
        y = b.activation(b.normalization(y, type="batch_norm", num_features=32), type=kind)
        y = b.conv2d(y, in_channels=32, out_channels=64, kernel_size=3, padding=1)
        x = b.add(x, b.normalization(y, type="batch_norm", num_features=64))
        x = b.activation(x, type="relu")
    b.output(x)
    return b.finish()


def edits(blueprint: BlueprintIR, count: int, seed: int) -> list[Edit]:
    """Change activations, and put dropout behind others."""
    random = Random(seed)
    chosen = random.sample([node for node in blueprint.nodes if node.op_type == "activation"], count)
    found: list[Edit] = []
    for number, node in enumerate(chosen):
        if number % 2:
            drop = NodeSpec(id=f"drop_{seed}_{number}", op_type="dropout", attributes={"p": 0.1})
            found.append(AddNode(node=drop, after=node.id))
        else:
            found.append(SetAttribute(node_id=node.id, attribute="type", value="gelu"))
    return found


def measure() -> dict[str, Any]:
    """See the module."""
    random = Random(3)
    one = residual_network(["relu"] * BLOCKS)
    mixed = residual_network([random.choice(["relu", "silu", "gelu"]) for _ in range(BLOCKS)])
    plain = Builder("plain", name="Plain", limits={"max_depth": 500})
    x = plain.input([-1, 64])
    for number in range(175):
        x = plain.node(random.choice(["abs", "neg", "exp", "sin"]), x, id=f"n{number}")
    plain.output(x)
    pairs = {
        "the same, written anew": one,
        "4 edits": apply_edits(one, edits(one, 4, 1)).blueprint,
        "20 edits": apply_edits(one, edits(one, 20, 2)).blueprint,
        "every block of a kind of its own": mixed,
        "nothing in common": plain.finish(),
    }
    results: dict[str, Any] = {}
    for name, other in pairs.items():
        times: list[float] = []
        count = 0
        for number in range(ROUNDS):
            written = shuffled(other, Random(number))
            started = time.perf_counter()
            found = diff(one, written)
            times.append(time.perf_counter() - started)
            count = len(found.edits)
            if found.edits:
                assert apply_edits(one, found.edits).blueprint.fingerprint == other.fingerprint
        results[f"diff of {len(one.nodes)} nodes: {name} (s)"] = {**summary(times), "edits": count}
    sides = [apply_edits(one, distinct(one, 10, start)).blueprint for start in (0, 1)]
    times = []
    for number in range(ROUNDS):
        written = [shuffled(side, Random(number)) for side in sides]
        started = time.perf_counter()
        merged = merge(one, *written).blueprint
        times.append(time.perf_counter() - started)
        expected = apply_edits(sides[0], distinct(one, 10, 1)).blueprint
        assert merged is not None
        assert merged.fingerprint == expected.fingerprint
    results[f"merge of {len(one.nodes)} nodes: 10 edits on each side (s)"] = summary(times)
    results |= _blamed(one)
    return results


def distinct(blueprint: BlueprintIR, count: int, start: int) -> list[Edit]:
    """Changes of every other activation, from the first or from the second one on."""
    nodes = [node for node in blueprint.nodes if node.op_type == "activation"]
    kinds = ("gelu", "silu")
    return [
        SetAttribute(node_id=node.id, attribute="type", value=kinds[start])
        for node in nodes[start::2][:count]
    ]


def _blamed(root: BlueprintIR) -> dict[str, Any]:
    """Blame through 100 derivations of one edit each."""
    blueprints, steps = {"g0": root}, []
    for number in range(1, 101):
        parent = blueprints[f"g{number - 1}"]
        nodes = [node.id for node in parent.nodes if node.op_type == "activation"]
        value = ("gelu", "silu", "tanh", "mish", "relu6")[number // len(nodes)]
        edit = SetAttribute(node_id=nodes[number % len(nodes)], attribute="type", value=value)
        blueprints[f"g{number}"] = apply_edits(parent, [edit]).blueprint
        steps.append(Step(f"g{number}", f"g{number - 1}", [edit]))
    times: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        found = blame(Family(blueprints, steps, {}), "g100")
        times.append(time.perf_counter() - started)
        assert {one.blueprint for one in found} >= {"g0", "g100"}
    return {f"blame of {len(root.nodes)} nodes through 100 derivations (s)": summary(times)}
