"""The engines to measure on: embedded, and the Neo4j 5.26 that the tests use, each with an empty store."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from esper_graph.config import Settings, load_settings
from esper_graph.store.engines import embedded
from tests.integration import servers


@contextmanager
def engines() -> Iterator[dict[str, Settings]]:
    """Start both; a server that cannot be had is left out, with the reason printed."""
    directory = Path(tempfile.mkdtemp(prefix="esper-graph-bench-"))
    found = {"embedded": load_settings({"uri": f"embedded:{directory / 'embedded'}"}, environ={})}
    version = servers.versions()["neo4j-5.26"]
    try:
        address = servers.ensure(version, directory, os.getpid())
    except servers.UnavailableError as reason:
        print(f"Neo4j is left out: {reason}")
    else:
        found[f"neo4j {version.number}"] = load_settings(
            {
                "uri": address.uri,
                "username": address.username,
                "password": address.password,
                "database": "neo4j",
                "home": directory / "home",
            },
            environ={},
        )
    try:
        yield found
    finally:
        embedded.stop(found["embedded"])
        servers.stop_all(directory)
        shutil.rmtree(directory, ignore_errors=True)
