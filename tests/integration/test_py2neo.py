"""py2neo against each engine: blueprints as subgraphs, the catalogue, and the classes of its OGM."""

import gc
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from py2neo import Graph
from py2neo.errors import ClientError

from esper_graph.bridges.py2neo import Blueprint, Event, Kernel, OpNode, Tag, from_subgraph, run, to_subgraph
from esper_graph.config import Settings
from esper_graph.errors import IntegrityError, QueryError, StoreUnavailableError
from esper_graph.property_graph import catalogue
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine, embedded
from tests.integration.stock import network
from tests.integration.test_catalogue_on_engines import _parameters, populated
from tests.unit.bridges.test_py2neo import doubled
from tests.unit.ir.test_blocks import tower

__all__ = ["populated"]  # a fixture

WHOLE = """
MATCH (b:Blueprint {id: $id})-[c:CONTAINS]->(o:OpNode)
OPTIONAL MATCH (o)-[f:FEEDS]->(:OpNode)
OPTIONAL MATCH (b)-[t:TAGGED]->(:Tag)
OPTIONAL MATCH (b)-[d:DERIVED_FROM]->(:Blueprint)
RETURN b, c, o, f, t, d
"""


def match(model: Any, graph: Any, *key: str) -> Any:
    return model.match(graph, *key)


@pytest.fixture
def graph(engine: Engine, engine_settings: Settings) -> Iterator[Any]:
    """The same store, through py2neo."""
    settings = engine_settings
    if settings.uri.startswith("embedded"):
        uri, auth = embedded.start(settings).uri, ("root", embedded.password(settings))
    else:
        assert settings.password is not None
        uri, auth = settings.uri, (settings.username, settings.password.reveal())
    graph: Any = Graph(uri, auth=auth, name=settings.database)
    yield graph
    graph.service.connector.close()
    with warnings.catch_warnings():  # py2neo leaves its sockets to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        del graph
        gc.collect()


@pytest.fixture
def registry(engine_settings: Settings) -> Iterator[BlueprintRegistry]:
    with BlueprintRegistry(settings=engine_settings) as found:
        found.register(network("root", 4))
        yield found


def test_what_was_registered_is_read_through_py2neo(graph: Any, registry: BlueprintRegistry) -> None:
    registry.register(doubled(), parents=["root"], kind="crossover", reason="why")
    registry.tag("doubled", "odd", "small")
    assert from_subgraph(graph.run(WHOLE, id="doubled").to_subgraph()) == registry["doubled"]
    assert registry["doubled"].tags == ("odd", "small")


def test_what_py2neo_creates_is_what_the_store_writes(graph: Any, registry: BlueprintRegistry) -> None:
    made = tower(3).changed(id="tower")
    graph.create(to_subgraph(made))
    found = registry["tower"]
    assert abs(found.created_at - made.created_at) <= timedelta(microseconds=1)
    assert found.changed(blocks=made.blocks, created_at=made.created_at) == made
    assert found.fingerprint == made.fingerprint
    registry.register(network("other", 9))
    (theirs, ours) = (registry.query("blueprint/read", names=[one])[0] for one in ("tower", "other"))
    assert theirs["properties"].keys() <= ours["properties"].keys()


def test_that_py2neo_merges_two_tensors_between_two_nodes_is_noticed(
    graph: Any, registry: BlueprintRegistry
) -> None:
    graph.create(to_subgraph(doubled()))
    with pytest.raises(IntegrityError):
        registry.get("doubled")


def unordered(value: Any) -> Any:
    """What a value holds, in an order of ours: not every query gives one."""
    if isinstance(value, list | tuple):
        return sorted(map(unordered, value), key=repr)
    if isinstance(value, dict):
        return sorted((name, unordered(item)) for name, item in value.items())
    if isinstance(value, datetime):  # py2neo is not exact to the nanosecond
        return value.isoformat(timespec="milliseconds")
    return value


def test_every_query_that_reads_gives_py2neo_what_it_gives_the_driver(populated: Engine, graph: Any) -> None:
    compared = 0
    for name in catalogue.names():
        query = catalogue.get(name)
        if query.access != "read":
            continue
        parameters = _parameters(populated, query)
        theirs, ours = run(graph, name, **parameters), populated.read(query, parameters)
        assert len(theirs) == len(ours), name
        if not name.startswith("browse/"):  # those return nodes and relationships, which are py2neo's own
            assert unordered(theirs) == unordered(ours), name
            compared += bool(ours)
    assert compared > 40


def test_refusals_are_errors_of_our_own(graph: Any) -> None:
    with pytest.raises(QueryError, match="writes"):
        run(graph, "blueprint/archive", id="root")
    with pytest.raises(QueryError, match="missing  id"):
        run(graph, "lineage/ancestors")
    with pytest.raises(QueryError):
        run(graph, "blueprint/listed_ids", limit=1)
    graph.service.connector.close()
    with pytest.raises(StoreUnavailableError):
        run(graph, "blueprint/listed_ids")


def test_a_server_holds_py2neo_to_reading(graph: Any, engine: Engine) -> None:
    if engine.name == "embedded":
        return  # it does not tell reading from writing, whoever asks
    with pytest.raises(ClientError, match="read access mode"):
        graph.query("CREATE (t:Tag {name: 'x'}) RETURN t")


def test_classes_lead_along_the_relationships(graph: Any, registry: BlueprintRegistry) -> None:
    registry.register(doubled(), parents=["root"], actor="ada")
    registry.tag("doubled", "odd")
    registry.alias("doubled", "twice")
    registry.update_performance("doubled", {"latency_ms": 2.5}, device="cpu")
    digest = registry.compile("doubled").digest
    one = match(Blueprint, graph, "doubled").first()
    assert [parent.id for parent in one.parents] == ["root"]
    assert [child.id for child in match(Blueprint, graph, "root").first().children] == ["doubled"]
    assert [alias.id for alias in one.aliases] == ["twice"]
    assert [(tag.name, [it.id for it in tag.blueprints]) for tag in one.tags] == [("odd", ["doubled"])]
    (metric,) = one.metrics
    assert (metric.name, metric.value, [it.name for it in metric.taken_on]) == ("latency_ms", 2.5, ["cpu"])
    assert [measured.value for measured in metric.measurements] == [2.5]
    (kernel,) = one.kernels
    assert kernel.digest == digest == match(Kernel, graph, digest).first().digest
    assert [attempt.outcome for attempt in kernel.attempt] == ["done"]
    assert len(one.nodes) == len(doubled().nodes)
    node = match(OpNode, graph, "doubled/add").first()
    assert [it.node_id for it in node.fed_by] == ["input"]
    assert [it.node_id for it in node.feeds] == ["output"]
    assert {event.action for event in one.events} >= {"blueprint.register", "blueprint.tag"}
    assert {event.actor for event in match(Event, graph).where(action="blueprint.register")} >= {"ada"}
    assert match(Tag, graph).count() == 1
