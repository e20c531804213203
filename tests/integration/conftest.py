"""The engines that every test here runs on: embedded, Neo4j 5.26 and Neo4j 2026, or the one at NEO4J_URI.

def test_something(engine): ...            # an empty store, on each engine in turn
def test_something_else(engine_settings):  # the same, for tests that open it themselves
"""

from collections.abc import Generator

import pytest

from esper_graph.config import Settings
from esper_graph.store.engines import Engine, open_engine
from tests.integration import servers, session
from tests.integration.statements import statement

_REMOVE = statement(
    "MATCH (n) WITH n LIMIT 10000 DETACH DELETE n RETURN count(*) AS removed",
    access="write",
    returns="removed",
)
_COUNT = statement("MATCH (n) RETURN count(n) AS nodes", returns="nodes")


def wipe(engine: Engine) -> None:
    """Remove all nodes and relationships; the schema stays."""
    while engine.write(lambda transaction: transaction.run(_REMOVE))[0]["removed"]:
        pass


@pytest.fixture(
    scope="session",
    params=[
        # One worker an engine: two would only wait for one another.
        pytest.param(
            engine_id,
            marks=[
                pytest.mark.xdist_group(engine_id),
                *([] if engine_id == "embedded" else [pytest.mark.servers]),
            ],
        )
        for engine_id in session.engine_ids()
    ],
)
def shared_engine(request: pytest.FixtureRequest) -> Generator[tuple[str, Settings, Engine]]:
    """One open engine for all tests of this worker."""
    settings = session.settings_for(request.param)
    with open_engine(settings) as engine:
        if request.param == "server":
            _refuse_foreign_data(engine)
        yield request.param, settings, engine


def _refuse_foreign_data(engine: Engine) -> None:
    looked = session.directory() / "server.looked"
    with servers.locked(session.directory() / "server.test"):
        if not looked.exists() and engine.read(_COUNT)[0]["nodes"]:
            pytest.fail("the database at NEO4J_URI is not empty; these tests would remove all it holds")
        looked.touch()


@pytest.fixture
def engine(shared_engine: tuple[str, Settings, Engine], request: pytest.FixtureRequest) -> Generator[Engine]:
    """Give an empty store, to this test alone: workers that share a server wait for one another."""
    engine_id, _, engine = shared_engine
    request.node.user_properties.append(("engine", engine_id))
    with servers.locked(session.directory() / f"{engine_id}.test"):
        wipe(engine)
        yield engine


@pytest.fixture
def engine_settings(engine: Engine, shared_engine: tuple[str, Settings, Engine]) -> Settings:
    """Give the settings that lead to the empty store."""
    return shared_engine[1]
