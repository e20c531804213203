"""What happens when something around the product fails: a clear message at once, and nothing half-written."""

import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from esper_graph.config import Secret, Settings
from esper_graph.errors import KernelError
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine, embedded
from tests.integration.commands import REPOSITORY, Commands, Ran, environment, program, refused
from tests.integration.test_concurrency import perceptron

SECONDS = 10.0


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
