"""A blueprint survives the way to py2neo's nodes and back; without py2neo, one is told what to install."""

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st
from interchange.time import DateTime
from py2neo import Node, Relationship, Subgraph

from esper_graph.bridges.py2neo import _plain, from_subgraph, to_subgraph
from esper_graph.errors import BlueprintError, FormatError, IntegrityError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.specs import Derivation, NodeSpec
from tests.random_blueprints import blueprints
from tests.unit.ir.test_blocks import layer, tower


def doubled() -> BlueprintIR:
    """Two tensors lead from one node to the same other one."""
    b = Builder("doubled", name="doubled")
    x = b.input([-1, 4])
    b.output(b.add(x, x))
    return b.finish()


@given(blueprints())
def test_any_blueprint_comes_back_from_py2neo_the_same(blueprint: BlueprintIR) -> None:
    found = from_subgraph(to_subgraph(blueprint))
    assert found == blueprint
    assert (found.content_digest, found.fingerprint) == (blueprint.content_digest, blueprint.fingerprint)


@pytest.mark.parametrize(
    "blueprint",
    [
        doubled(),
        tower(3),
        tower(2, tower(2, layer(name="inner"))),
        doubled().changed(
            derivations=[
                Derivation(parent_id="a", kind="crossover", edits=[{"type": "x"}], reason="why"),
                Derivation(parent_id="a", kind="crossover"),
            ],
            tags=["one", "two"],
        ),
    ],
    ids=["doubled", "tower", "nested", "derived"],
)
def test_whatever_a_blueprint_holds_comes_back(blueprint: BlueprintIR) -> None:
    named = blueprint if blueprint.id else blueprint.changed(id="named")
    found = from_subgraph(to_subgraph(named))
    assert found.changed(blocks=named.blocks) == named
    assert found.fingerprint == named.fingerprint
    assert {name: one.content_digest for name, one in found.blocks.items()} == {
        name: one.content_digest for name, one in named.blocks.items()
    }


@given(blueprints(most=4), st.data())
def test_nodes_that_py2neo_returns_several_times_count_once(blueprint: BlueprintIR, data: Any) -> None:
    subgraph = to_subgraph(blueprint)
    again = to_subgraph(blueprint)
    assert (
        from_subgraph(
            Subgraph({*subgraph.nodes, *again.nodes}, {*subgraph.relationships, *again.relationships})
        )
        == blueprint
    )


def test_one_of_several_blueprints_is_named_by_its_id() -> None:
    one, other = doubled(), tower(2).changed(id="tower")
    both = to_subgraph(one) | to_subgraph(other) | Node("Person", name="Ada")
    assert from_subgraph(both, "doubled") == one
    assert from_subgraph(both, "tower").fingerprint == other.fingerprint
    with pytest.raises(FormatError, match="`doubled`, `tower`"):
        from_subgraph(both)
    with pytest.raises(FormatError):
        from_subgraph(both, "nobody")
    with pytest.raises(FormatError):
        from_subgraph(Subgraph([Node("Person", name="Ada")]))


def _without_an_edge(subgraph: Any) -> Any:
    lost = next(one for one in subgraph.relationships if type(one).__name__ == "FEEDS")
    return Subgraph(subgraph.nodes, set(subgraph.relationships) - {lost})


def _edited(subgraph: Any) -> Any:
    node = next(one for one in subgraph.nodes if one["op_type"] == "input")
    node["shape"] = [-1, 5]
    return subgraph


def _stray(subgraph: Any) -> Any:
    top = next(one for one in subgraph.nodes if one.has_label("Blueprint"))
    return subgraph | Relationship(top, "CONTAINS", Node("OpNode", uid="x/y", node_id="y"))


@pytest.mark.parametrize("damage", [_without_an_edge, _edited, _stray])
def test_a_subgraph_that_was_changed_is_noticed(damage: Any) -> None:
    with pytest.raises(IntegrityError):
        from_subgraph(damage(to_subgraph(doubled())))


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 2)))  # noqa: DTZ001, hypothesis wants it so
def test_times_lose_no_microsecond(moment: datetime) -> None:
    theirs = DateTime.from_native(moment.astimezone(pytz.utc))
    assert _plain({"at": theirs}) == {"at": moment}


def test_an_invalid_blueprint_is_refused() -> None:
    with pytest.raises(BlueprintError):
        to_subgraph(BlueprintIR(name="x", nodes=[NodeSpec(id="x", op_type="nothing")], edges=[]))


def test_without_py2neo_one_is_told_what_to_install() -> None:
    program = "import sys; sys.modules['py2neo'] = None; import esper_graph.bridges.py2neo"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ConfigError" in done.stderr
    assert 'pip install "esper-graph[py2neo]"' in done.stderr
