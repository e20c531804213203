"""Motifs are found where a search over all chains of networkx finds them, on each engine."""

from random import Random
from typing import Any

import networkx as nx
import pytest

from esper_graph.bridges import to_networkx
from esper_graph.config import Settings
from esper_graph.errors import FilterError, QueryError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, residual
from esper_graph.registry import BlueprintRegistry
from esper_graph.search.motif import parse_motif
from esper_graph.store.engines import Engine
from tests.integration.commands import Commands
from tests.integration.test_cli import commands

__all__ = ["commands"]  # a fixture

RESIDUAL = "conv > norm > activation, residual"
MOTIFS = (
    "linear",
    "linear > activation",
    "linear > activation > linear",
    "dense > activation|dropout > dense, residual",
    "activation, residual",
    "linear > add",
    "add > linear > activation > add, residual",
    "elementwise > elementwise",
    RESIDUAL,
)


def basic_block() -> BlueprintIR:
    """A convolution, a norm and an activation with a way around them."""
    b = Builder("block", name="block")
    x = b.input([-1, 4, 8, 8])
    y = b.conv2d(x, in_channels=4, out_channels=4, kernel_size=3, padding=1, id="conv")
    y = b.node("normalization", y, type="batch_norm", num_features=4, id="norm")
    b.output(b.add(b.activation(y, type="relu", id="act"), residual(x), id="sum"))
    return b.finish()


def cell(name: str, random: Random) -> BlueprintIR:
    """Random layers and sums over rows of four features."""
    b = Builder(name, name=name)
    wires = [b.input([-1, 4])]
    for _ in range(random.randrange(3, 12)):
        one, other = random.choice(wires[-3:]), random.choice(wires[-4:])
        kind = random.randrange(4)
        if kind == 0:
            wires.append(b.linear(one, in_features=4, out_features=4))
        elif kind == 1:
            wires.append(b.activation(one, type=random.choice(["relu", "gelu"])))
        elif kind == 2:
            wires.append(b.dropout(one, p=random.choice([0.1, 0.2])))
        else:
            wires.append(b.add(one, other))
    b.output(wires[-1])
    for wire in wires[:-1]:
        b.output(wire)
    return b.finish()


def expected(blueprint: BlueprintIR, text: str) -> set[Any]:
    """All chains of the graph, one node after the other, and all that leads around them."""
    motif = parse_motif(text)
    graph: Any = nx.DiGraph(to_networkx(blueprint))
    chains = [(node,) for node in graph]
    for _ in motif.steps[1:]:
        chains = [(*chain, after) for chain in chains for after in graph.successors(chain[-1])]
    fitting = [
        chain
        for chain in chains
        if all(graph.nodes[node]["op_type"] in step for node, step in zip(chain, motif.steps, strict=True))
    ]
    if not motif.residual:
        return {(blueprint.id, chain, None, None) for chain in fitting}
    return {
        (blueprint.id, chain, source, target)
        for chain in fitting
        for source in graph.predecessors(chain[0])
        for target in graph.successors(chain[-1])
        if graph.has_edge(source, target)
    }


def test_motifs_are_found_where_networkx_finds_them(engine_settings: Settings) -> None:
    random = Random(7)
    with BlueprintRegistry(settings=engine_settings) as registry:
        made = [basic_block(), *(cell(f"cell{number:02}", random) for number in range(30))]
        created = {one.id for one in registry.register_all(made) if one.created}
        kept = [one for one in made if one.id in created]
        total = 0
        for text in MOTIFS:
            wanted = set().union(*(expected(one, text) for one in kept))
            found = registry.motifs(text)
            assert {(one.blueprint, one.nodes, one.source, one.target) for one in found} == wanted, text
            assert (found.complete, found.total) == (True, len(wanted))
            few = registry.motifs(text, limit=2)
            assert list(few) == list(found[:2])
            assert (few.complete, few.total) == (len(wanted) <= 2, len(wanted))
            total += len(wanted)
        assert total > 100
        first = registry.motifs("linear")[0].blueprint
        registry.archive(first)
        assert first not in {one.blueprint for one in registry.motifs("linear")}
        with pytest.raises(QueryError):
            registry.motifs("linear", limit=0)


def test_the_command_line_prints_places_and_ids(
    engine: Engine, engine_settings: Settings, commands: Commands
) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register(basic_block())
    (found,) = commands.done("blueprint", "motif", RESIDUAL, "--json").json["items"]
    assert (found["blueprint"], found["nodes"]) == ("block", ["conv", "norm", "act"])
    assert (found["source"], found["target"]) == ("input", "sum")
    assert commands.done("blueprint", "motif", RESIDUAL, "-q").lines == ["block"]
    assert "conv norm act" in commands.done("blueprint", "motif", RESIDUAL).stdout
    assert "nothing found" in commands.done("blueprint", "motif", "norm > conv").stderr
    refused = commands("blueprint", "motif", "convv > norm")
    assert (refused.code, refused.stdout) == (2, "")
    assert "did you mean" in refused.stderr


@pytest.mark.parametrize(
    "text", ["", ">", "linear >", "nothing", "linear, around", "a) MATCH (n", "linear,, residual"]
)
def test_what_is_no_motif_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_motif(text)
