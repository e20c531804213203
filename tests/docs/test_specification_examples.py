"""The calls of the specification, run as a user types them: see `specification_examples.md`."""

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from esper_graph.config import load_settings
from esper_graph.errors import BlueprintNotFoundError, ShapeMismatchError
from esper_graph.store.engines import embedded

TEXT = Path(__file__).with_name("specification_examples.md")
_BLOCK = re.compile(
    r"^## (?P<title>.+?)\n(?:(?!^## ).)*?^```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)
_FOREIGN = (
    "ESPER_GRAPH_URI",
    "NEO4J_URI",
    "ESPER_GRAPH_MANIFEST",
    "ESPER_GRAPH_KERNELS",
    "ESPER_GRAPH_CONFIG",
)


def blocks() -> list[tuple[str, str]]:
    return [(found["title"], found["code"]) for found in _BLOCK.finditer(TEXT.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the blocks have defined and printed, after all of them ran on an empty store."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        for variable in _FOREIGN:
            environment.delenv(variable, raising=False)
        environment.setenv("ESPER_GRAPH_HOME", str(home))
        found: dict[str, Any] = {"__name__": "specification_examples"}
        printed = StringIO()
        try:
            with redirect_stdout(printed):
                for title, code in blocks():
                    exec(compile(code, f"{TEXT.name}, {title}", "exec"), found)
            yield {**found, "printed": printed.getvalue()}
        finally:
            if "registry" in found:
                found["registry"].close()
            embedded.stop(load_settings({"uri": f"embedded:{home}"}, environ={}))


def test_every_section_has_a_block() -> None:
    titles = re.findall(r"^## (.+)$", TEXT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [title for title, _ in blocks()] == titles


def test_registering_returns_the_id_and_the_blueprint_comes_back(names: dict[str, Any]) -> None:
    assert names["blueprint_id"] == "simple_mlp"
    assert names["registry"].get("simple_mlp") == names["blueprint"]


def test_templates_are_registered_under_their_own_ids(names: dict[str, Any]) -> None:
    registry = names["registry"]
    assert names["transformer"].id == "transformer_block_512_8"
    assert names["mobile_block"].id == "mobilenet_block_32_64_s2"
    for made in (names["transformer"], names["mobile_block"]):
        found = registry[made.id]
        assert (found.id, found.tags, found.created_at) == (made.id, made.tags, made.created_at)
        assert found.content_digest == made.content_digest


def test_searching_by_tags_finds_the_whole_family(names: dict[str, Any]) -> None:
    found = names["attention_blueprints"]
    assert {blueprint.id for blueprint in found} == {
        "transformer_block_512_8",
        names["second"],
        "evolved_transformer_v3",
    }
    assert found.complete


def test_searching_by_performance_keeps_to_the_bound(names: dict[str, Any]) -> None:
    assert [blueprint.id for blueprint in names["efficient_blueprints"]] == ["mobilenet_block_32_64_s2"]


def test_lineage_goes_from_the_root_to_the_blueprint(names: dict[str, Any]) -> None:
    assert [member.id for member in names["lineage"]] == [
        "transformer_block_512_8",
        names["second"],
        "evolved_transformer_v3",
    ]
    assert names["printed"].splitlines() == [
        f"Generation {number}: {names['transformer'].name}" for number in (1, 2, 3)
    ]


def test_an_unknown_id_has_no_lineage(names: dict[str, Any]) -> None:
    with pytest.raises(BlueprintNotFoundError):
        names["registry"].get_lineage("evolved_transformer_v4")


def test_evolving_adjusts_the_consumer_of_what_was_widened(names: dict[str, Any]) -> None:
    evolved = names["registry"][names["evolved_id"]]
    assert evolved.node("fc1").attributes["out_features"] == 512
    assert evolved.node("fc2").attributes["in_features"] == 512
    assert evolved.estimate_performance()["parameters"] == 784 * 512 + 512 + 512 * 10 + 10
    assert [
        (edge.source, edge.target) for edge in evolved.edges if "dropout1" in (edge.source, edge.target)
    ] == [
        ("relu1", "dropout1"),
        ("dropout1", "fc2"),
    ]


def test_evolving_records_where_it_came_from_and_what_was_repaired(names: dict[str, Any]) -> None:
    evolved = names["registry"][names["evolved_id"]]
    assert evolved.parent_id == "simple_mlp"
    assert evolved.mutation_type == "capacity_increase"
    assert evolved.version == 2
    edits = evolved.derivations[0].edits
    assert [edit["type"] for edit in edits] == ["modify_attribute", "add_node", "repair_attribute"]
    assert (edits[-1]["node_id"], edits[-1]["attribute"], edits[-1]["value"]) == ("fc2", "in_features", 512)
    assert evolved.id.startswith("simple_mlp_")
    assert len(evolved.id) == len("simple_mlp_") + 12


def test_evolving_without_repair_is_refused(names: dict[str, Any]) -> None:
    with pytest.raises(ShapeMismatchError, match="fc2"):
        names["registry"].evolve("simple_mlp", names["mutations"], "capacity_increase", repair=False)


def test_dictionaries_keep_everything(names: dict[str, Any]) -> None:
    assert names["read_again"] == names["blueprint"]
    assert names["read_again"].content_digest == names["blueprint"].content_digest
