"""kill -9 of a client or the embedded server, inside commits too: nothing is lost or half-written."""

import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Self

import pytest

from esper_graph.config import Settings, load_settings
from esper_graph.errors import StoreUnavailableError
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine, bolt, embedded, failures
from tests.integration.commands import REPOSITORY, environment, program
from tests.integration.commits import Watched, watch
from tests.integration.test_concurrency import perceptron

OFTEN = pytest.mark.parametrize(
    ("kills", "inside"), [(8, 2), pytest.param(50, 10, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
)
SIZES = (1, 20)  # blueprints a transaction, in turn


def _aimed(kill: int) -> bool:
    """Every other kill, of either size, goes at a commit; the rest may hit anything."""
    return kill // 2 % 2 == 0


def _names(first: int, size: int) -> list[str]:
    return [f"mlp_{number}" for number in range(first, first + size)]


def _structure_of(name: str) -> str:
    return perceptron(int(name.removeprefix("mlp_"))).fingerprint


# ---------------------------------------------------------------- kill -9 of a client

_CLIENT = """
import sys
from itertools import count
import pytest
from esper_graph.config import load_settings
from esper_graph.registry import BlueprintRegistry
from tests.integration.commits import Watched, watch
from tests.integration.test_concurrency import perceptron

def tell(what):
    print(what, flush=True)

uri, username, database, home, first, size = sys.argv[1:]
flags = {"uri": uri, "username": username or None, "database": database or None, "home": home}
with pytest.MonkeyPatch.context() as patch, BlueprintRegistry(settings=load_settings(flags)) as registry:
    registry.engine
    watch(Watched(tell), patch)
    for begin in count(int(first), int(size)):
        made = [perceptron(number, f"mlp_{number}") for number in range(begin, begin + int(size))]
        if len(made) == 1:
            ids = [registry.register(made[0])]
        else:
            ids = [one.id for one in registry.register_all(made)]
        tell(" ".join(ids))
"""


def _client(settings: Settings, first: int, size: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            *(sys.executable, "-c", _CLIENT, settings.uri, settings.username or "", settings.database or ""),
            *(str(settings.home), str(first), str(size)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(settings),
    )


class _Victim:
    """A client that registers until it is killed, and what it said."""

    def __init__(self, settings: Settings, first: int, size: int) -> None:
        self.client = _client(settings, first, size)
        self.lines: list[str] = []

    def until(self, said: str) -> float:
        """Read on to a line that begins so, and return when it came."""
        assert self.client.stdout is not None
        while True:
            self.lines.append(self.client.stdout.readline())
            assert self.lines[-1], "it was at work until it was killed"
            if self.lines[-1].startswith(said):
                return time.monotonic()

    def kill(self) -> None:
        self.client.send_signal(signal.SIGKILL)
        rest, _ = self.client.communicate()
        self.lines += rest.splitlines(keepends=True)
        assert self.client.returncode == -signal.SIGKILL, "it was at work until it was killed"

    @property
    def acknowledged(self) -> list[str]:
        whole = [line for line in self.lines if line.startswith("mlp_") and line.endswith("\n")]
        return [name for line in whole for name in line.split()]

    @property
    def died_in_a_commit(self) -> bool:
        return [line for line in self.lines if line in {"committing\n", "answered\n"}][-1] == "committing\n"


@OFTEN
def test_a_killed_client_leaves_every_acknowledged_registration_whole(
    engine: Engine, engine_settings: Settings, kills: int, inside: int
) -> None:
    chance = random.Random(20261124)
    hits = arrived = 0
    with BlueprintRegistry(settings=engine_settings) as registry:
        rounds: list[tuple[int, int, list[str]]] = []
        for kill in range(kills):
            first, size = 1 + kill * 10_000, SIZES[kill % 2]
            victim = _Victim(engine_settings, first, size)
            took = -victim.until("committing") + victim.until("answered")
            victim.until("mlp_")
            if _aimed(kill):
                victim.until("committing")
                time.sleep(chance.uniform(0, 0.5) * took)
            else:
                time.sleep(chance.uniform(0, 0.3))
            victim.kill()
            hits += victim.died_in_a_commit
            acknowledged = victim.acknowledged
            assert set(registry) >= set(acknowledged)
            for name in (acknowledged[0], acknowledged[-1]):
                assert registry[name].fingerprint == _structure_of(name)
            rounds.append((first, size, acknowledged))
            after = f"after_{kill}"
            assert registry.register(perceptron(first + 9_000, after)) == after
        time.sleep(1)  # a commit that was on its way when its client died may still arrive
        names = [name for name in registry if name.startswith("mlp_")]
        for blueprint in map(registry.__getitem__, names):
            assert blueprint.fingerprint == _structure_of(blueprint.id)
        for first, size, acknowledged in rounds:
            here = [name for name in names if 0 <= int(name.removeprefix("mlp_")) - first < 9_000]
            assert set(here) >= set(acknowledged)
            assert len(here) - len(acknowledged) in {0, size}, "all of a batch is there, or nothing"
            arrived += len(here) > len(acknowledged)
        assert len(registry) == len(names) + kills
        assert registry.doctor() == ()
    print(f"{hits} of {kills} kills inside a commit; {arrived} commits arrived without an answer")
    assert hits >= inside


# ---------------------------------------------------------------- kill -9 of the embedded server


class _Worker(threading.Thread):
    """Registers without a pause, and repeats what was not acknowledged."""

    def __init__(self, registry: BlueprintRegistry) -> None:
        super().__init__()
        self.registry = registry
        self.acknowledged: list[str] = []
        self.unavailable: list[StoreUnavailableError] = []
        self.error = ""
        self.leave = threading.Event()

    def run(self) -> None:
        try:
            for names in self._batches():
                while not self.leave.is_set():
                    try:
                        self._register(names)
                    except StoreUnavailableError as error:
                        self.unavailable.append(error)  # said to be unknown: the same again is no harm
                    else:
                        self.acknowledged += names
                        break
                if self.leave.is_set():
                    return
        except BaseException:  # noqa: BLE001, told to the test
            self.error = traceback.format_exc()

    def _batches(self) -> Iterator[list[str]]:
        first = 1
        for number in count():
            size = SIZES[number % 2]
            yield _names(first, size)
            first += size

    def _register(self, names: list[str]) -> None:
        made = [perceptron(int(name.removeprefix("mlp_")), name) for name in names]
        if len(made) == 1:
            self.registry.register(made[0])
        else:
            self.registry.register_all(made)

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until something holds; where it never does, say what the client met."""
        deadline = time.monotonic() + 60
        while not holds():
            assert not self.error, f"waited until {what}, but the client failed:\n{self.error}"
            assert time.monotonic() < deadline, f"waited in vain until {what}; told: {self.unavailable}"
            time.sleep(0.001)

    def until_acknowledged(self) -> None:
        """Wait for one more acknowledgement."""
        before = len(self.acknowledged)
        self.until("it registers", lambda: len(self.acknowledged) > before)

    def until_inside(self, watched: Watched, share: float) -> None:
        """Wait until about this share of a commit is over."""
        inside = False
        while not inside:  # on a busy machine the moment may have passed
            watched.begun.clear()
            self.until("it commits", lambda: watched.begun.wait(0.1))
            time.sleep(share * statistics.median(watched.seconds))
            inside = watched.began is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave.set()
        self.join()
        assert not self.error, self.error


@OFTEN
def test_a_killed_embedded_server_leaves_every_acknowledged_registration_whole(
    tmp_path: Path, kills: int, inside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"uri": f"embedded:{tmp_path / 'graph'}"}, environ={})
    watched = Watched()
    watch(watched, monkeypatch)
    unanswered: list[tuple[float, float]] = []  # commits, from their beginning to the loss of the connection

    def observed(error: Exception) -> failures.Kind:
        found = failures.kind(error)  # pyright: ignore[reportArgumentType]
        if found is failures.Kind.UNKNOWN and watched.began is not None:
            unanswered.append((watched.began, time.monotonic()))
        return found

    monkeypatch.setattr(bolt, "kind", observed)
    chance = random.Random(20261125)
    killed: list[tuple[int, float]] = [(0, 0.0)]

    def runs_anew() -> bool:
        running = embedded.status(settings)
        return running is not None and running.pid != killed[-1][0]

    try:
        with BlueprintRegistry(settings=settings) as registry:
            registry.engine  # noqa: B018 -- opens it
            with _Worker(registry) as worker:
                for kill in range(kills):
                    worker.until("the engine runs anew", runs_anew)
                    worker.until_acknowledged()
                    if _aimed(kill):
                        worker.until_inside(watched, chance.uniform(0, 0.5))
                    else:
                        time.sleep(chance.uniform(0, 0.2))
                    running = embedded.status(settings)
                    assert running is not None
                    os.kill(running.pid, signal.SIGKILL)
                    killed.append((running.pid, time.monotonic()))
                worker.until("the engine runs anew", runs_anew)
                worker.until_acknowledged()
            last = embedded.status(settings)
            hits = sum(any(begin < at < end for _, at in killed) for begin, end in unanswered)
            print(f"{hits} of {kills} kills inside a commit; {len(worker.acknowledged)} acknowledged")
            assert hits >= inside
            assert set(registry) >= set(worker.acknowledged)
            assert len(registry) - len(worker.acknowledged) in {0, *SIZES}
            for name in registry:
                assert registry[name].fingerprint == _structure_of(name)
            assert registry.doctor() == ()
        time.sleep(1)  # by now every keeper has seen that its engine is gone
        assert embedded.status(settings) == last, "a keeper removed the state of another engine"
        after = program("--uri", settings.uri, "blueprint", "show", "mlp_1", "-q")
        assert (after.code, after.stdout) == (0, "mlp_1\n"), after
    finally:
        embedded.stop(settings)
