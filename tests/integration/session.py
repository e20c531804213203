"""One test session, maybe of several workers: which engines it runs on, and how many tests ran on each.

Its hooks are registered by `tests/conftest.py`, since with pytest-xdist the controlling process reads no
conftest below it.
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from esper_graph.config import Settings, load_settings
from esper_graph.store.engines import embedded
from tests.integration import servers

_SESSION = "ESPER_GRAPH_TEST_SESSION"  # the directory that all workers share, handed down to them
_GIVEN = "NEO4J_URI"
FORBID_SKIPS = bool(os.environ.get("ESPER_GRAPH_FORBID_SKIPS"))


def engine_ids() -> list[str]:
    """Name the engines that every engine test runs on."""
    return ["embedded", "server"] if os.environ.get(_GIVEN) else ["embedded", *servers.versions()]


def directory() -> Path:
    """Return the directory that all workers of this session share."""
    return Path(os.environ[_SESSION])


def settings_for(engine_id: str) -> Settings:
    """Start an engine unless it runs, and return the settings that lead to it."""
    if engine_id == "embedded":
        return load_settings({"uri": f"embedded:{directory() / 'embedded'}"}, environ={})
    if engine_id == "server":
        return load_settings()
    controller = int((directory() / "controller.pid").read_text(encoding="ascii"))
    try:
        address = servers.ensure(servers.versions()[engine_id], directory(), controller)
    except servers.UnavailableError as reason:
        (pytest.fail if FORBID_SKIPS else pytest.skip)(f"{engine_id}: {reason}")
    flags = {
        "uri": address.uri,
        "username": address.username,
        "password": address.password,
        "database": "neo4j",
        "home": directory() / engine_id / "home",
    }
    return load_settings(flags, environ={})


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ or _SESSION in os.environ:
        return
    os.environ[_SESSION] = tempfile.mkdtemp(prefix="esper-graph-tests-")
    (directory() / "controller.pid").write_text(str(os.getpid()), encoding="ascii")


def pytest_unconfigure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    session = os.environ.pop(_SESSION, None)
    if session:
        servers.stop_all(Path(session))
        embedded.stop(load_settings({"uri": f"embedded:{session}/embedded"}, environ={}))
        shutil.rmtree(session, ignore_errors=True)


def _counts(config: pytest.Config) -> Counter[str]:
    """Count the tests that ran to an end on each engine."""
    counts: Counter[str] = Counter()
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, []) if reporter else []:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                counts.update(str(value) for name, value in report.user_properties if name == "engine")
    return counts


def _differ(counts: Counter[str]) -> bool:
    return bool(counts) and len({counts[engine_id] for engine_id in engine_ids()}) > 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if FORBID_SKIPS and session.exitstatus == pytest.ExitCode.OK and _differ(_counts(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = _counts(config)
    if counts:
        terminalreporter.section("tests on each engine")
        for engine_id in engine_ids():
            terminalreporter.line(f"{engine_id:<12}{counts[engine_id]:>6}")
        terminalreporter.line("the counts differ" if _differ(counts) else "the counts are equal")
