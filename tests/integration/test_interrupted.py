"""An attempt to compile whose process was killed is told as what it is."""

import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from esper_graph import BlueprintRegistry
from esper_graph.config import Settings
from esper_graph.property_graph.records import Operation, Process
from esper_graph.registry.processes import this_process
from esper_graph.store import kernels
from tests.integration.commands import REPOSITORY, Commands, environment
from tests.integration.stock import operation
from tests.integration.test_concurrency import perceptron

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not told apart")

COMPILE = """
import sys
from esper_graph.compile import build
from esper_graph.config import load_settings
from esper_graph.registry import BlueprintRegistry

uri, username, database, home = sys.argv[1:]
flags = {"uri": uri, "username": username or None, "database": database or None, "home": home}
build._ONE_AT_A_TIME.acquire()  # so that the compilation waits for ever
BlueprintRegistry(settings=load_settings(flags)).compile("mlp")
"""


@pytest.fixture
def settings(engine_settings: Settings, tmp_path: Path) -> Settings:
    return replace(engine_settings, kernels=str(tmp_path / "kernels"))


@pytest.fixture
def registry(settings: Settings) -> Generator[BlueprintRegistry]:
    with BlueprintRegistry(settings=settings) as opened:
        opened.register(perceptron(3))
        yield opened


def test_a_compilation_that_is_killed_reads_as_interrupted(
    registry: BlueprintRegistry, settings: Settings
) -> None:
    where = (settings.uri, settings.username or "", settings.database or "", str(settings.home))
    with subprocess.Popen(
        [sys.executable, "-c", COMPILE, *where], cwd=REPOSITORY, env=environment(settings)
    ) as child:
        try:
            while not registry.attempts("mlp"):
                assert child.poll() is None
            (attempt,) = registry.attempts("mlp")
            assert attempt.outcome == "running"
            assert attempt.process is not None
            assert attempt.process.pid == child.pid
            assert attempt.process.host == this_process().host
        finally:
            child.kill()
    (attempt,) = registry.attempts("mlp")
    assert (attempt.outcome, attempt.finished_at, attempt.reason) == ("interrupted", None, None)
    registry.compile("mlp")
    assert [one.outcome for one in registry.attempts("mlp")] == ["done", "interrupted"]
    found = Commands(settings).done("kernel", "attempts", "mlp", "--json").json["items"]
    assert [one["outcome"] for one in found] == ["done", "interrupted"]
    assert found[1]["process"]["pid"] == child.pid
    assert f"{child.pid} on " in Commands(settings).done("kernel", "attempts", "mlp").stdout
    assert Commands(settings).done("kernel", "attempts", "mlp", "-q").lines == [one["id"] for one in found]


def begin(registry: BlueprintRegistry, asked: Operation, process: Process | None) -> None:
    kernels.begin_attempt(
        registry.engine, "mlp", mode="infer", backend="b", profile="p", operation=asked, process=process
    )


def test_only_what_is_certainly_gone_is_interrupted(registry: BlueprintRegistry) -> None:
    own = this_process()
    missing = replace(own, pid=2**22 + 1)
    for process in (None, own, replace(missing, birth=None), replace(missing, birth="elsewhere pid:[1] 7")):
        begin(registry, operation(), process)
    assert {one.outcome for one in registry.attempts("mlp")} == {"running"}
    assert {one.process for one in registry.attempts("mlp")} == {
        *(None, own, replace(missing, birth=None), replace(missing, birth="elsewhere pid:[1] 7"))
    }
    begin(registry, operation(), missing)
    assert [one.outcome for one in registry.attempts("mlp")] == ["interrupted", *["running"] * 4]


def test_an_attempt_that_has_ended_stays_as_it_ended(
    registry: BlueprintRegistry,
) -> None:
    asked = operation()
    begin(registry, asked, replace(this_process(), pid=2**22 + 1))
    kernels.finish_attempt(registry.engine, asked.id, outcome="failed", reason="so", operation=operation())
    assert [one.outcome for one in registry.attempts("mlp")] == ["failed"]
