"""The embedded engine: one background process per data directory, shared by all processes of the user.

Who needs it takes a shared lock on `in_use.lock`, reads `state.json`, and where that names no living
process starts one under `start.lock`. The keeper (`keeper.py`) stops it when nobody holds it any more.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from esper_graph.config import Settings
from esper_graph.errors import StoreUnavailableError
from esper_graph.store.engines import EngineName, keeper
from esper_graph.store.engines import embedded_runtime as runtime
from esper_graph.store.engines.connector import Endpoint, Place

_READY_SECONDS = 90.0
_STOP_SECONDS = 15.0
_PORT_TRIES = 4
KEEPER_OUTPUT = "log/keeper.out"


@dataclass(frozen=True, slots=True)
class Running:
    """A running embedded engine.

    Attributes:
        pid: Its process.
        tick: When that process started; with the pid it names the process for ever.
        bolt_port: Port of Bolt on 127.0.0.1: the driver and Neo4j Browser go there.
        http_port: Port of HTTP on 127.0.0.1: ready probe, backup, check.
        keeper: The process that stops it when it is idle.
        started_at: Unix time.
        idle_seconds: Time without a client after which it stops.
    """

    pid: int
    tick: str
    bolt_port: int
    http_port: int
    keeper: int
    started_at: float
    idle_seconds: float

    @property
    def uri(self) -> str:
        """Where a driver or Neo4j Browser connects to."""
        return f"bolt://127.0.0.1:{self.bolt_port}"


def status(settings: Settings) -> Running | None:
    """Tell whether the embedded engine runs, without starting it."""
    return _running(settings.data_directory)


def start(settings: Settings) -> Running:
    """Start the embedded engine unless it runs, and return when it is ready.

    Raises:
        StoreUnavailableError: It cannot start; the message has the reason.
        ConfigError: This platform cannot run it.
    """
    with closing(EmbeddedConnector(settings)) as connector:  # a keeper may not stop it meanwhile
        return connector.start()


def stop(settings: Settings) -> bool:
    """Stop the embedded engine, whoever uses it; tell whether it ran.

    Raises:
        StoreUnavailableError: It does not end.
    """
    data = settings.data_directory
    if not data.is_dir():
        return False
    with _locked(data / "start.lock"):
        running = _running(data)
        if running is None:
            return False
        for order in (signal.SIGTERM, signal.SIGKILL):
            _signal(running, order)
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline:
                if _running(data) is None and keeper.start_tick(running.keeper) is None:
                    (data / keeper.STATE).unlink(missing_ok=True)
                    return True
                time.sleep(0.02)
        raise StoreUnavailableError(f"the embedded engine, process {running.pid}, does not end")


def password(settings: Settings) -> str:
    """Read the password of the user `root`, for tools such as Neo4j Browser."""
    return _password(settings.data_directory)


class EmbeddedConnector:
    """Keeps the embedded engine running while it is open."""

    name: EngineName = "embedded"
    message_limit: int | None = runtime.MESSAGE_BYTES - (1 << 20)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._data = settings.data_directory
        runtime.prepare(self._data)
        self._in_use = _open_lock(self._data / keeper.IN_USE)
        fcntl.flock(self._in_use, fcntl.LOCK_SH)  # waits while the keeper is just stopping the engine
        self._touch()

    def start(self) -> Running:
        """Start the engine unless it runs.

        Raises:
            StoreUnavailableError: It cannot start.
            ConfigError: This platform cannot run it.
        """
        running = _running(self._data)
        if running is None:
            runtime.prepare(self._data)
            with _locked(self._data / "start.lock") as lock:
                running = _running(self._data) or _launch(self._settings, lock)
        return running

    def endpoint(self) -> Endpoint:
        """Start the engine unless it runs, and tell where it is.

        Raises:
            StoreUnavailableError: It cannot start.
            ConfigError: This platform cannot run it.
        """
        running = self.start()
        return Endpoint(
            running.uri,
            (runtime.USERNAME, _password(self._data)),
            Place(
                address=f"embedded engine in {self._data}",
                username=runtime.USERNAME,
                database=runtime.DATABASE,
                hint=f"see {self._data / 'log'}, or stop it: the next command starts it anew",
                login_hint=f"the engine was made with another `{runtime.PASSWORD}` file: put that back, or "
                "stop the engine and remove `config/server-users.jsonl`, so that it takes this one",
                directory=self._data,
            ),
        )

    def turn(self) -> AbstractContextManager[int]:
        """Wait until no other writer has its turn: the engine lets all but one fail at the commit."""
        return _locked(self._data / "write.lock")

    def recover(self, lost: Endpoint) -> Endpoint:
        """Start the engine again where it died; clients of any process may come first."""
        return self.endpoint()

    def close(self) -> None:
        """Let the engine stop when it has been idle for long enough from now on."""
        if self._in_use >= 0:
            self._touch()
            os.close(self._in_use)
            self._in_use = -1

    def _touch(self) -> None:
        os.utime(self._in_use)


# ---------------------------------------------------------------- process and files


def _running(data: Path) -> Running | None:
    try:
        running = Running(**json.loads((data / keeper.STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return running if keeper.start_tick(running.pid) == running.tick else None


def _launch(settings: Settings, lock: int) -> Running:
    """Start a keeper, which starts the engine; with other ports again when one was taken meanwhile."""
    data = settings.data_directory
    (data / keeper.STATE).unlink(missing_ok=True)
    outcome = ""
    for _ in range(_PORT_TRIES):
        bolt_port, http_port = _free_ports()
        command = runtime.command(data, bolt_port, http_port, settings.query_timeout_seconds)
        outcome = _keep(data, settings.idle_seconds, http_port, bolt_port, lock, command)
        running = _running(data)
        if outcome == "ready" and running is not None:
            return running
        if outcome != "port":
            break
    raise _cannot_start(data, outcome)


def _keep(
    data: Path, idle_seconds: float, http_port: int, bolt_port: int, lock: int, command: list[str]
) -> str:
    arguments = [idle_seconds, _READY_SECONDS, http_port, bolt_port, lock]
    with (
        open(data / KEEPER_OUTPUT, "wb", opener=_private) as complaints,
        subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, *map(str, arguments), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=data,
            pass_fds=[lock],
            start_new_session=True,
            umask=0o077,
        ) as process,
    ):
        assert process.stdout is not None
        return process.stdout.readline().decode().strip()


def _cannot_start(data: Path, outcome: str) -> StoreUnavailableError:
    log = [line for name in (keeper.LOG, keeper.OUTPUT, KEEPER_OUTPUT) for line in _last_lines(data / name)]
    text = "\n".join(log)
    reasons = {
        "port": "its ports were taken again and again",
        "slow": f"it was not ready after {_READY_SECONDS:g} seconds",
    }
    reason = reasons.get(outcome) or f"its process ended ({outcome or 'the keeper died'})"
    hint = f"see {data / 'log'}, or use a Neo4j server: name it in NEO4J_URI"
    if "is locked by another process" in text:
        hint = "another engine, not started from here, has this directory open: stop it"
    elif "No space left" in text:
        hint = "the disk is full: make room, or name another directory in ESPER_GRAPH_HOME"
    elif "GLIBC" in text:
        hint = "its Java needs glibc 2.34 or newer: use a Neo4j server, and name it in NEO4J_URI"
    return StoreUnavailableError(f"the embedded engine cannot start: {reason}", where=log[-6:], hint=hint)


def _last_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("\tat ")][-4:]


def _password(data: Path) -> str:
    try:
        return (data / runtime.PASSWORD).read_text(encoding="utf-8")
    except OSError as error:
        raise runtime.unwritable(data, error) from None


def _signal(running: Running, order: signal.Signals) -> None:
    if keeper.start_tick(running.pid) == running.tick:
        os.kill(running.pid, order)


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise runtime.unwritable(path.parent, error) from None


@contextmanager
def _locked(path: Path) -> Generator[int]:
    lock = _open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
