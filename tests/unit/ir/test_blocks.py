"""Blueprints used as nodes: the folded form says the same as the written-out one."""

from typing import Any

import pytest

from esper_graph.errors import BlueprintError, FormatError, LimitExceededError
from esper_graph.ir.blocks import definitions, size_of
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, Wire, residual
from esper_graph.ir.check import check
from esper_graph.ir.listing import listing
from esper_graph.ir.listing_reader import read_listing


def layer(width: int = 4, *, name: str = "layer") -> BlueprintIR:
    """A residual layer over rows of any number: `x + linear(x)`."""
    b = Builder(name=name)
    x = b.input([-1, -1, width])
    b.output(b.add(b.linear(x, in_features=width, out_features=width, id="fc"), residual(x)))
    return b.finish()


def written_out(count: int, width: int = 4) -> BlueprintIR:
    b = Builder(name="tower")
    x = b.input([-1, -1, width])
    for _ in range(count):
        x = b.add(b.linear(x, in_features=width, out_features=width), residual(x))
    b.output(x)
    return b.finish()


def tower(count: int, definition: BlueprintIR | None = None, **settings: Any) -> BlueprintIR:
    b = Builder(name="tower")
    x: Wire = b.input([-1, -1, 4])
    for _ in range(count):
        x = b.block(definition or layer(), x, **settings)
    b.output(x)
    return b.finish()


def test_the_expansion_is_the_same_network() -> None:
    folded = tower(3)
    assert folded.validate()
    assert len(folded.nodes) == 5
    assert folded.expanded.fingerprint == written_out(3).fingerprint
    assert folded.fingerprint != folded.expanded.fingerprint
    assert [node.id for node in folded.expanded.nodes][:3] == ["input", "block.fc", "block.add"]


def test_costs_are_those_of_the_expansion_and_each_use_owns_its_parameters() -> None:
    folded, flat = tower(3).cost(), written_out(3).cost()
    assert (folded.parameters, folded.macs, folded.activation_bytes) == (
        flat.parameters,
        flat.macs,
        flat.activation_bytes,
    )
    assert flat.parameters == 3 * 20


def test_uses_may_share_their_parameters() -> None:
    b = Builder(name="tied")
    x = b.input([-1, -1, 4])
    first = b.block(layer(), x)
    b.output(b.block(layer(), first, shares=first))
    tied = b.finish()
    assert tied.validate()
    assert tied.cost().parameters == 20
    assert tied.expanded.node("block_2.fc").shares == "block.fc"


def test_blocks_nest_and_inner_definitions_come_first() -> None:
    pair = tower(2)
    both = tower(2, pair)
    assert both.validate()
    assert both.expanded.fingerprint == written_out(4).fingerprint
    assert list(definitions(both)) == [layer().fingerprint, pair.fingerprint]
    assert [node.id for node in both.expanded.nodes][1] == "block.block.fc"


def test_the_size_of_an_expansion_is_known_without_making_it() -> None:
    assert size_of(tower(3))[0] >= len(tower(3).expanded.nodes)
    grown = layer()
    for level in range(40):
        name = f"f1:{level:064x}"
        uses = tower(2)
        nodes = [
            node.replace(attributes={"blueprint": name}) if node.op_type == "block" else node
            for node in uses.nodes
        ]
        grown = uses.replace(nodes=nodes, blocks={name: grown})
    assert size_of(grown)[0] > 2**40
    assert [problem.kind for problem in check(grown)] == ["limit_exceeded", "limit_exceeded"]
    with pytest.raises(LimitExceededError):
        _ = grown.fingerprint


def test_symbols_of_a_definition_are_bound_to_sizes_around_it() -> None:
    inner = Builder(name="mix")
    x = inner.input([-1, -1, 4])
    inner.output(inner.reshape(inner.identity(x), shape=["batch", "4*d0_1"]))
    definition = inner.finish()
    b = Builder(name="outer")
    b.input([-1, 3])
    tokens = b.input([-1, -1, 4], id="tokens")
    used = b.block(definition, tokens, bindings={"d0_1": "d1_1"})
    b.output(used)
    outer = b.finish()
    assert outer.validate()
    place = outer.graph.position["block"]
    assert [str(value) for value in outer.inference.outputs[place] or ()] == ["float32[batch, 4*d1_1]"]


def test_arguments_that_do_not_fit_are_told_with_both_types() -> None:
    wrong = tower(1, layer(5))
    (problem,) = [one for one in check(wrong) if "takes" in one.message]
    assert problem.kind == "shape_mismatch"
    assert "float32[batch, d0_1, 5]" in problem.message
    assert "float32[batch, d0_1, 4]" in problem.message


def several(definition: BlueprintIR) -> BlueprintIR:
    b = Builder(name="two")
    x = b.input([-1, -1, 4])
    first = b.block(definition, x)
    b.output(b.add(*first))
    return b.finish()


def test_a_block_with_several_results_has_several_ports() -> None:
    b = Builder(name="both")
    x = b.input([-1, -1, 4])
    b.output(b.linear(x, in_features=4, out_features=4))
    b.output(x)
    used = several(b.finish())
    assert used.validate()
    assert used.expanded.fingerprint == written_out(1).fingerprint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda blueprint: blueprint.replace(blocks={}), "which `blocks` does not define"),
        (
            lambda blueprint: blueprint.replace(
                blocks={name: layer(5) for name in blueprint.blocks},
            ),
            "has the fingerprint",
        ),
        (
            lambda blueprint: blueprint.replace(
                blocks={**blueprint.blocks, layer(6).fingerprint: layer(6)},
            ),
            "no node uses it",
        ),
        (lambda blueprint: tower(1, bindings={"d0_2": 3}), "has no size `d0_2`"),
        (lambda blueprint: _with(blueprint, bindings=["batch"]), "has 1 bindings, `layer` has 2 sizes"),
        (
            lambda blueprint: _with(blueprint, outputs=2),
            "has 2 outputs, but `layer` has 1",
        ),
    ],
)
def test_what_does_not_fit_is_told(change: Any, said: str) -> None:
    try:
        problems = check(change(tower(2)))
    except BlueprintError as error:
        problems = list(error.problems)
    assert said in " ".join(problem.message for problem in problems)


def _with(blueprint: BlueprintIR, **attributes: Any) -> BlueprintIR:
    """The same with other attributes of its uses of blocks."""
    return blueprint.replace(
        nodes=[
            node.replace(attributes={**node.attributes, **attributes}) if node.op_type == "block" else node
            for node in blueprint.nodes
        ]
    )


def test_names_of_sizes_are_no_part_of_the_identity() -> None:
    def named(inner: str, outer: str) -> BlueprintIR:
        b = Builder(name="layer")
        x = b.input([-1, inner, 4])
        b.output(b.reshape(x, shape=["batch", f"4*{inner}"]))
        definition = b.finish()
        b = Builder(name="tower")
        b.output(b.block(definition, b.input([-1, outer, 4]), bindings={inner: outer}))
        return b.finish()

    assert named("tokens", "tokens").fingerprint == named("rows", "words").fingerprint
    assert named("tokens", "tokens").validate()


def test_documents_carry_the_definitions() -> None:
    both = tower(2, tower(2))
    read = BlueprintIR.from_json(both.to_json())
    assert read == both
    assert read.content_digest == both.content_digest
    assert read.fingerprint == both.fingerprint
    assert "blocks" not in written_out(1).to_dict()


def test_listings_show_the_definitions_and_read_back() -> None:
    both = tower(2, tower(2))
    text = listing(both)
    assert text.count("block(fingerprint=") == 2
    read = read_listing(text)
    assert read.fingerprint == both.fingerprint
    assert read.expanded.fingerprint == both.expanded.fingerprint
    assert listing(read) == text


def test_a_problem_inside_of_a_definition_has_its_path_in_the_document() -> None:
    data = tower(1).to_dict()
    (name,) = data["blocks"]
    data["blocks"][name]["nodes"][0]["attributs"] = {}
    with pytest.raises(FormatError) as caught:
        BlueprintIR.from_dict(data)
    assert caught.value.problems[0].where == f"$.blocks.{name}.nodes[0].attributs"


def test_documents_that_nest_without_end_are_refused() -> None:
    data = written_out(1).to_dict()
    for _ in range(40):
        data = {**written_out(1).to_dict(), "blocks": {layer().fingerprint: data}}
    with pytest.raises(FormatError, match="nest more than"):
        BlueprintIR.from_dict(data)
