"""Folded and written out, any blueprint is the same network."""

from hypothesis import given, settings
from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.fold import fold
from esper_graph.ir.listing import listing
from esper_graph.ir.listing_reader import read_listing
from tests.random_blueprints import FEATURES, blueprints


@st.composite
def towers(draw: st.DrawFn) -> BlueprintIR:
    """A random blueprint used two to four times, each use fed with whatever rows of features there are."""
    definition = draw(blueprints(most=5))
    b = Builder("tower", name="tower")
    rows = [b.input([-1, FEATURES])]
    for use in range(draw(st.integers(2, 4))):
        inputs = [draw(st.sampled_from(rows)) for _ in definition.graph.of_type("input")]
        wire = b.block(definition, *inputs, id=f"use.{use}")
        found = [wire[port] for port in wire.ports]
        types = definition.inference.outputs
        for value, place in zip(found, definition.graph.of_type("output"), strict=True):
            feed = definition.graph.feeds[place][0]
            kind = (types[feed.source] or ())[feed.source_slot]
            if str(kind) == f"float32[batch, {FEATURES}]":
                rows.append(value)
            else:
                b.output(value)
    for row in rows:
        b.output(row)
    return b.finish()


@settings(max_examples=60, deadline=None)
@given(towers())
def test_folding_what_was_written_out_gives_the_same_network(tower: BlueprintIR) -> None:
    flat = tower.expanded
    folded = fold(flat)
    assert folded.validate(), listing(tower)
    assert folded.expanded.fingerprint == flat.fingerprint
    assert len(folded.nodes) <= len(flat.nodes)
    for one in (tower, folded):
        assert one.cost().parameters == flat.cost().parameters
        assert one.cost().macs == flat.cost().macs
        assert BlueprintIR.from_json(one.to_json()) == one
        read = read_listing(listing(one))
        assert read.fingerprint == one.fingerprint
        assert read.expanded.fingerprint == flat.fingerprint


@settings(max_examples=60, deadline=None)
@given(blueprints(), st.data())
def test_folding_by_any_names_keeps_the_network(blueprint: BlueprintIR, data: st.DataObject) -> None:
    heads = ["a.", "b.", "a.x.", "a.y.", ""]
    names = {
        node.id: f"{data.draw(st.sampled_from(heads))}n{place}"
        for place, node in enumerate(blueprint.nodes)
        if node.op_type not in ("input", "output")
    }
    nodes = [
        node.replace(
            id=names.get(node.id, node.id), shares=names[node.shares] if node.shares is not None else None
        )
        for node in blueprint.nodes
    ]
    edges = [
        edge.replace(source=names.get(edge.source, edge.source), target=names.get(edge.target, edge.target))
        for edge in blueprint.edges
    ]
    named = blueprint.replace(nodes=nodes, edges=edges)
    if len({node.id for node in nodes}) == len(nodes):
        assert fold(named).expanded.fingerprint == blueprint.fingerprint
