"""What happens when something around the product fails: a clear message at once, and nothing half-written."""

import itertools
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from esper_graph.config import Secret, Settings, load_settings
from esper_graph.errors import KernelError, StoreUnavailableError
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine, bolt, embedded, failures
from tests.integration.commands import REPOSITORY, Commands, Ran, environment, program, refused
from tests.integration.test_concurrency import perceptron

SECONDS = 10.0
OFTEN = pytest.mark.parametrize(
    "kills", [8, pytest.param(50, marks=[pytest.mark.full, pytest.mark.timeout(900)])]
)


@contextmanager
def quickly() -> Generator[None]:
    """Everything inside must be over within seconds."""
    before = time.monotonic()
    yield
    assert time.monotonic() - before < SECONDS


# ---------------------------------------------------------------- no store to be had


def _as_server(settings: Settings, **changes: object) -> Settings:
    """Settings that reach the same store by its URI, also where it is the embedded one."""
    if settings.is_embedded:
        running = embedded.start(settings)
        settings = replace(
            settings,
            uri=running.uri,
            username="root",
            password=Secret(embedded.password(settings)),
            database="esper",
        )
    return replace(settings, **changes)


def test_a_server_that_is_not_there_is_told_with_its_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with quickly():
        ran = program("--uri", f"bolt://127.0.0.1:{port}", "--home", str(tmp_path), "blueprint", "list")
    refused(ran, 5, f"127.0.0.1 port {port}", "NEO4J_URI")


def test_a_host_without_a_name_is_told(tmp_path: Path) -> None:
    with quickly():
        ran = program("--uri", "bolt://nowhere.invalid:7687", "--home", str(tmp_path), "blueprint", "list")
    refused(ran, 5, "nowhere.invalid")


def test_a_wrong_password_is_told_and_never_shown(engine: Engine, engine_settings: Settings) -> None:
    settings = _as_server(engine_settings, password=Secret("not-the-password"))
    with quickly():
        ran = program("blueprint", "list", settings=settings)
    refused(ran, 5, "NEO4J_PASSWORD")
    assert "not-the-password" not in ran.stderr


def test_a_database_that_does_not_exist_is_told_by_name(engine: Engine, engine_settings: Settings) -> None:
    settings = _as_server(engine_settings, database="atlantis")
    with quickly():
        ran = program("blueprint", "list", settings=settings)
    refused(ran, 5, "atlantis", "NEO4J_DATABASE")


def _web(connection: socket.socket) -> None:
    connection.recv(1024)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def _hang_up(connection: socket.socket) -> None:
    connection.close()


def _greet(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.recv(1024)


def _stay_silent(connection: socket.socket) -> None:
    time.sleep(2 * SECONDS)


@contextmanager
def _listening(behave: Callable[[socket.socket], None]) -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                behave(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("behave", [_web, _hang_up, _greet, _stay_silent])
def test_a_port_that_speaks_something_else_is_told(
    tmp_path: Path, behave: Callable[[socket.socket], None]
) -> None:
    with _listening(behave) as port, quickly():
        ran = program("--uri", f"bolt://127.0.0.1:{port}", "--home", str(tmp_path), "blueprint", "list")
    refused(ran, 5, f"127.0.0.1:{port}")


# ---------------------------------------------------------------- no room for kernels


@contextmanager
def _no_file_larger_than(size: int) -> Generator[None]:
    """Let the system refuse to write more: as a full disk does, and needing no disk of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_kernel_that_finds_no_room_is_recorded_as_a_failed_attempt_only(
    engine: Engine, engine_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(engine_settings, kernels=str(tmp_path / "kernels"))
    monkeypatch.setenv("ESPER_GRAPH_KERNELS", settings.kernels)
    with BlueprintRegistry(settings=settings) as registry:
        registry.register(perceptron(700))
        with _no_file_larger_than(4096):
            ran = Commands(settings)("kernel", "compile", "mlp")
        refused(ran, 1, "cannot be written", "ESPER_GRAPH_KERNELS")
        assert registry.kernels("mlp") == ()
        (attempt,) = registry.attempts("mlp")
        assert attempt.outcome == "failed"
        assert "cannot be written" in (attempt.reason or "")
        assert not [path for path in (tmp_path / "kernels").rglob("*") if path.is_file()]
        assert registry.doctor() == ()
        digest = registry.compile("mlp").digest
        assert [one.digest for one in registry.kernels("mlp")] == [digest]


def test_a_directory_for_kernels_that_cannot_be_made_is_told(
    engine: Engine, engine_settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no directory", encoding="utf-8")
    settings = replace(engine_settings, kernels=str(tmp_path / "file" / "kernels"))
    with BlueprintRegistry(settings=settings) as registry:
        registry.register(perceptron(3))
        with pytest.raises(KernelError, match="cannot be written") as caught:
            registry.compile("mlp")
        assert "ESPER_GRAPH_KERNELS" in (caught.value.hint or "")
        assert registry.kernels("mlp") == ()
        assert [one.outcome for one in registry.attempts("mlp")] == ["failed"]


# ---------------------------------------------------------------- the embedded engine cannot start


def test_a_java_that_does_not_run_is_told_with_its_own_words(tmp_path: Path) -> None:
    package = tmp_path / "packages" / "arcadedb_embedded"
    java = package / "jre" / "bin" / "java"
    java.parent.mkdir(parents=True)
    (package / "jars").mkdir()
    (package / "__init__.py").touch()
    (package / "jars" / "engine.jar").touch()
    java.write_text("#!/bin/sh\necho \"libc.so.6: version 'GLIBC_2.34' not found\" >&2\nexit 1\n")
    java.chmod(0o755)
    environ = environment(PYTHONPATH=str(package.parent))
    with quickly():
        ran = program("--uri", f"embedded:{tmp_path / 'graph'}", "blueprint", "list", environ=environ)
    refused(ran, 5, "the embedded engine cannot start", "GLIBC_2.34", "NEO4J_URI")
    java.unlink()
    ran = program("--uri", f"embedded:{tmp_path / 'graph'}", "blueprint", "list", environ=environ)
    refused(ran, 2, "without its Java")
    own = ["--uri", f"embedded:{tmp_path / 'graph'}"]
    try:
        after = program(*own, "blueprint", "list", "-q")
        assert (after.code, after.stdout) == (0, ""), "the real one starts in the same directory"
    finally:
        program(*own, "store", "stop")


def test_too_little_memory_for_java_is_told(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "esper_graph",
        "--uri",
        f"embedded:{tmp_path / 'graph'}",
        "blueprint",
        "list",
    ]
    with quickly():
        found = subprocess.run(
            ["/bin/sh", "-c", 'ulimit -v 700000; exec "$@"', "sh", *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=REPOSITORY,
            env=environment(),
            timeout=60,
        )
    refused(Ran(found.returncode, found.stdout, found.stderr), 5, "the embedded engine cannot start")


def test_a_data_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory", encoding="utf-8")
    with quickly():
        ran = program("--uri", f"embedded:{tmp_path / 'file' / 'graph'}", "blueprint", "list")
    refused(ran, 5, "cannot be written", "ESPER_GRAPH_HOME")


# ---------------------------------------------------------------- kill -9 of a client

_CLIENT = """
import sys
from itertools import count
from esper_graph.config import load_settings
from esper_graph.registry import BlueprintRegistry
from tests.integration.test_concurrency import perceptron

uri, username, database, home, first, size = sys.argv[1:]
flags = {"uri": uri, "username": username or None, "database": database or None, "home": home}
with BlueprintRegistry(settings=load_settings(flags)) as registry:
    registry.engine
    for begin in count(int(first), int(size)):
        made = [perceptron(number, f"mlp_{number}") for number in range(begin, begin + int(size))]
        if len(made) == 1:
            ids = [registry.register(made[0])]
        else:
            ids = [one.id for one in registry.register_all(made)]
        print(*ids, flush=True)
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


@OFTEN
def test_a_killed_client_leaves_every_acknowledged_registration_whole(
    engine: Engine, engine_settings: Settings, kills: int
) -> None:
    chance = random.Random(20261124)
    with BlueprintRegistry(settings=engine_settings) as registry:
        rounds: list[tuple[int, int, list[str]]] = []
        for kill in range(kills):
            first, size = 1 + kill * 10_000, (1, 20)[kill % 2]
            with _client(engine_settings, first, size) as client:
                assert client.stdout is not None
                lines = [client.stdout.readline()]
                # Registrations follow one another without a pause, so nearly every moment is inside one.
                time.sleep(chance.uniform(0, 0.3))
                client.send_signal(signal.SIGKILL)
                lines += client.stdout.readlines()
            assert client.returncode == -signal.SIGKILL, "it was at work until it was killed"
            acknowledged = [name for line in lines if line.endswith("\n") for name in line.split()]
            assert acknowledged
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
        assert len(registry) == len(names) + kills
        assert registry.doctor() == ()


def _structure_of(name: str) -> str:
    return perceptron(int(name.removeprefix("mlp_"))).fingerprint


# ---------------------------------------------------------------- kill -9 of the embedded server


@OFTEN
def test_a_killed_embedded_server_leaves_every_acknowledged_registration_whole(
    tmp_path: Path, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[failures.Kind] = Counter()

    def observed(error: Exception) -> failures.Kind:
        found = failures.kind(error)  # pyright: ignore[reportArgumentType]
        seen[found] += 1
        return found

    monkeypatch.setattr(bolt, "kind", observed)
    settings = load_settings({"uri": f"embedded:{tmp_path / 'graph'}"}, environ={})
    acknowledged: list[int] = []
    unexpected: list[BaseException] = []
    stop = threading.Event()

    def register(registry: BlueprintRegistry) -> None:
        for number in itertools.count(1):
            while not stop.is_set():
                try:
                    registry.register(perceptron(number, f"mlp_{number}"))
                except StoreUnavailableError:
                    continue  # said to be unknown: the same again is no harm
                except BaseException as error:
                    unexpected.append(error)
                    raise
                acknowledged.append(number)
                break
            if stop.is_set():
                return

    chance = random.Random(20261125)
    try:
        with BlueprintRegistry(settings=settings) as registry:
            registry.engine  # noqa: B018 -- opens it
            worker = threading.Thread(target=register, args=(registry,))
            worker.start()
            try:
                killed = 0
                for _ in range(kills):
                    running = _another_than(killed, settings, worker)
                    before = len(acknowledged)
                    _until(lambda before=before: len(acknowledged) > before or not worker.is_alive())
                    time.sleep(chance.uniform(0, 0.2))
                    os.kill(running.pid, signal.SIGKILL)
                    killed = running.pid
                last = _another_than(killed, settings, worker)
            finally:
                before = len(acknowledged)
                _until(lambda: len(acknowledged) > before or not worker.is_alive())
                stop.set()
                worker.join()
            assert not unexpected
            assert seen[failures.Kind.LOST] + seen[failures.Kind.UNKNOWN] >= kills / 2, "it was at work"
            for number in acknowledged:
                assert registry[f"mlp_{number}"].fingerprint == perceptron(number).fingerprint
            assert len(registry) - len(acknowledged) in {0, 1}
            assert registry.doctor() == ()
        time.sleep(6)  # by now every keeper has seen that its engine is gone
        assert embedded.status(settings) == last, "a keeper removed the state of another engine"
        after = program("--uri", settings.uri, "blueprint", "show", "mlp_1", "-q")
        assert (after.code, after.stdout) == (0, "mlp_1\n"), after
    finally:
        embedded.stop(settings)


def _another_than(killed: int, settings: Settings, worker: threading.Thread) -> embedded.Running:
    """Wait until the client has started the engine anew."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and worker.is_alive():
        running = embedded.status(settings)
        if running is not None and running.pid != killed:
            return running
        time.sleep(0.01)
    raise AssertionError("the engine was not started again")


def _until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "nothing more happens"
        time.sleep(0.01)
