"""A real Neo4j Browser draws our graph, runs the queries of `cypher/browse/` and opens our links."""

import os
import re
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from esper_graph.config import Settings
from esper_graph.property_graph.catalogue import get, names
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine, embedded, embedded_runtime
from tests.integration import neo4j_browser, session
from tests.integration.commands import Commands
from tests.integration.neo4j_browser import Neo4jBrowser, Relationship
from tests.integration.servers import UnavailableError
from tests.integration.stock import network
from tests.integration.stored import change
from tests.integration.test_catalogue_on_engines import _parameters

ROOT = Path(__file__).parents[2]
BROWSE = [name for name in names() if name.startswith("browse/")]
PARENTS: dict[str, tuple[str, ...]] = {
    "simple_mlp": (),
    "wide": ("simple_mlp",),
    "deep": ("simple_mlp",),
    "crossed": ("wide", "deep"),
    "pruned": ("crossed",),
    "quantized": ("deep",),
}
GRASS = (ROOT / "docs" / "browser.grass").read_text(encoding="utf-8")
STYLE = f":style {' '.join(GRASS.split())}"  # one line: the editor closes brackets that are typed
COLOURS = {
    label: colour.lower()
    for label, colour in re.findall(r"^node\.(\w+) \{\n  color: (#\w+);", GRASS, re.MULTILINE)
}
ARROWS = {
    Relationship(child, "DERIVED_FROM", parent) for child, parents in PARENTS.items() for parent in parents
}


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with neo4j_browser.served(_had(neo4j_browser.fetch)) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    with neo4j_browser.launched(_had(neo4j_browser.find_chromium)) as program:
        yield program


def _had(find: Callable[[], Path]) -> Path:
    try:
        return find()
    except UnavailableError as reason:
        (pytest.fail if session.FORBID_SKIPS else pytest.skip)(f"Neo4j Browser: {reason}")


@pytest.fixture(scope="module")
def connected(shared_engine: tuple[str, Settings, Engine], address: str, chromium: Browser) -> Neo4jBrowser:
    """One page for all tests of an engine: most of the time goes into opening it."""
    browser = connect(neo4j_browser.opened(chromium, address), shared_engine[1])
    browser.run(STYLE)
    return browser


def connect(browser: Neo4jBrowser, settings: Settings) -> Neo4jBrowser:
    browser.connect(*login(settings))
    if settings.database is not None:
        browser.run(f":use {settings.database}")
    return browser


def login(settings: Settings) -> tuple[str, str, str]:
    if settings.is_embedded:
        running = embedded.status(settings)
        assert running is not None
        return running.uri, embedded_runtime.USERNAME, embedded.password(settings)
    assert settings.username is not None
    assert settings.password is not None
    return settings.uri, settings.username, settings.password.reveal()


@pytest.fixture
def family(engine: Engine, engine_settings: Settings) -> Engine:
    """Four generations, a child of two parents, a stranger, a measurement, and a node without a blueprint."""
    with BlueprintRegistry(settings=engine_settings) as registry:
        for hidden, (child, parents) in enumerate(PARENTS.items(), start=4):
            registry.register(network(child, hidden), parents=parents, reason="to be drawn")
        registry.register(network("stranger", 99), reason="not to be drawn")
        registry.update_performance("crossed", {"latency_ms": 2.5}, reason="measured")
    change(engine, "CREATE (o:OpNode {uid: 'gone/fc1', node_id: 'fc1', name: 'fc1', op_type: 'linear'})")
    return engine


def picture(tmp_path: Path, name: str) -> Path:
    """Where a picture goes: beside the test, or where ESPER_GRAPH_PICTURES says."""
    return Path(os.environ.get("ESPER_GRAPH_PICTURES", tmp_path)).absolute() / f"browser_{name}.png"


# ---------------------------------------------------------------- pictures


def test_browser_draws_a_family_with_all_its_members_and_derivations_and_no_others(
    connected: Neo4jBrowser, family: Engine, tmp_path: Path
) -> None:
    connected.run(":param id => 'pruned'")
    frame = connected.run(get("browse/family_tree").source)
    nodes = frame.nodes(len(PARENTS))
    assert {node.properties["id"] for node in nodes} == set(PARENTS)
    assert all(node.caption == node.properties["id"] for node in nodes)
    assert {node.colour for node in nodes} == {COLOURS["Blueprint"]}
    assert frame.relationships(len(ARROWS), "id") == ARROWS
    frame.picture(picture(tmp_path, "family_tree"))


def test_browser_draws_a_blueprint_with_what_feeds_what(
    connected: Neo4jBrowser, family: Engine, tmp_path: Path
) -> None:
    connected.run(":param id => 'crossed'")
    frame = connected.run(get("browse/blueprint_graph").source)
    wanted = {"input": "Boundary", "fc1": "Dense", "act": "Activation", "fc2": "Dense", "output": "Boundary"}
    nodes = frame.nodes(len(wanted))
    assert {node.properties["node_id"]: set(node.labels) for node in nodes} == {
        node_id: {"OpNode", label} for node_id, label in wanted.items()
    }
    assert {node.caption for node in nodes} == set(wanted)
    assert all(node.colour == COLOURS[wanted[node.caption]] for node in nodes), "its family's, not OpNode's"
    chain = ["input", "fc1", "act", "fc2", "output"]
    assert frame.relationships(4, "node_id") == {
        Relationship(source, "FEEDS", target) for source, target in pairwise(chain)
    }
    frame.picture(picture(tmp_path, "blueprint_graph"))


# ---------------------------------------------------------------- queries


def test_browser_shows_the_answer_of_each_query_with_what_its_header_says_to_try(
    connected: Neo4jBrowser, family: Engine
) -> None:
    for name in BROWSE:
        query = get(name)
        for line in query.examples:
            connected.run(line)
        frame = connected.run(query.source)
        answer = [comparable(row) for row in family.read(query, _parameters(family, query))]
        assert answer, f"{name} has something to show"
        assert [comparable(row) for row in frame.exported()] == answer, name
        holds_nodes = any(
            "labels" in cell for row in answer for cell in row.values() if isinstance(cell, dict)
        )
        assert frame.draws == holds_nodes, name
        assert frame.table() == (query.returns, len(answer)), name


def comparable(value: Any) -> Any:
    """Bring a value as Browser writes it, or as the driver reads it, to what both know of it."""
    match value:
        case {"labels": labels, "properties": properties}:
            return {"labels": sorted(labels), "properties": comparable(properties)}
        case {"type": kind, "properties": properties}:
            return {"type": kind, "properties": comparable(properties)}
        case dict():
            return {key: comparable(one) for key, one in value.items()}
        case list() | tuple():
            return [comparable(one) for one in value]
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case str() if moment := _MOMENT.fullmatch(value):
            return comparable(datetime.fromisoformat(moment[1]))
    return value


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))(?:\[.+\])?")


# ---------------------------------------------------------------- links


def test_the_link_of_query_open_puts_a_query_into_the_editor_that_runs_as_it_is(
    chromium: Browser, family: Engine, engine_settings: Settings, address: str
) -> None:
    """In a new profile, as for people who were not connected before."""
    (link,) = (
        Commands(engine_settings).done("query", "open", "browse/family_tree", "--browser", address).lines
    )
    browser = neo4j_browser.opened(chromium, link)
    browser.connect(*login(engine_settings))  # `:use` would take the place of what is in the editor
    expect(browser.editor).to_contain_text("DERIVED_FROM", timeout=60_000)
    browser.editor.locator(".monaco-editor").first.click()
    assert browser.submit().relationships(len(ARROWS), "id") == ARROWS
