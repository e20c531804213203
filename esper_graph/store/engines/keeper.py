"""Keep one embedded engine: start it, tell when it is ready, stop it when nobody uses it.

Run as a program by the plain interpreter (`python -I -S keeper.py …`), so it may import the standard
library only, and as little of it as possible: it lives as long as the engine does.

    keeper.py IDLE_SECONDS READY_SECONDS HTTP_PORT BOLT_PORT LOCK_FD COMMAND…

The working directory is the data root. The files in it:

    state.json   where the engine listens and who it is; to be believed only while that process lives
    in_use.lock  shared lock of every client; the keeper stops the engine only while it holds it alone

One line goes to standard output: `ready`, `port` (one was taken), `slow`, or `exit CODE`.
LOCK_FD is the starter's lock, inherited: it is let go when that line is written, so that whoever waits
for the starter also waits for the engine, even when the starter dies.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

STATE = "state.json"
IN_USE = "in_use.lock"
LOG = "log/server.0.log"
OUTPUT = "log/server.out"
_STOP_SECONDS = 10.0


def start_tick(pid: int) -> str | None:
    """Tell when a process started, in the system's own words; None where it is gone or a zombie.

    Process ids are used again; together with this they are not.
    """
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return None if Path("/proc/self/stat").exists() else _start_tick_from_ps(pid)
    return None if fields[0] in "ZX" else fields[19]


def _start_tick_from_ps(pid: int) -> str | None:
    import subprocess

    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    state, _, started = output.strip().partition(" ")
    return started.strip() if started and "Z" not in state else None


def answers(port: int) -> bool:
    """Ask the engine's HTTP port whether all databases are open."""
    request = b"GET /api/v1/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(64).startswith(b"HTTP/1.1 204")
    except OSError:
        return False


def _has_connections(port: int) -> bool:
    """Tell whether anything is connected to the port: tools such as Neo4j Browser hold no lock."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state = line.split(maxsplit=4)[:4]
            if state == "01" and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


def _die_with_the_keeper() -> None:
    """Have the kernel stop the engine when the keeper is killed (Linux; elsewhere the engine would stay)."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _spawn(command: list[str]) -> "_Engine":
    ended, held = os.pipe()
    pid = os.fork()
    if pid:
        os.close(held)
        return _Engine(pid, ended)
    try:
        _die_with_the_keeper()
        os.set_inheritable(held, True)  # noqa: FBT003
        output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execve(command[0], command, {"LANG": "C.UTF-8", "PATH": os.defpath, "HOME": str(Path.cwd())})  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


class _Engine:
    """The running engine, as its parent sees it: it holds the other end of a pipe until it ends."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.exit_code: int | None = None
        self._ended = ended

    def is_running(self) -> bool:
        if self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
        return self.exit_code is None

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, but no longer than this; tell whether it has."""
        if select.select([self._ended], [], [], seconds)[0] and self.exit_code is None:
            _, status = os.waitpid(self.pid, 0)  # it closes its files in its last moments
            self.exit_code = os.waitstatus_to_exitcode(status)
        return not self.is_running()

    def stop(self) -> None:
        for order in (signal.SIGTERM, signal.SIGKILL):
            if self.is_running():
                os.kill(self.pid, order)
            if self.wait(_STOP_SECONDS):
                return


def _outcome(engine: _Engine, http_port: int, seconds: float) -> str:
    """Wait until the engine is ready or will never be."""
    deadline = time.monotonic() + seconds
    while not engine.wait(0.02):
        if answers(http_port):
            return "ready"
        try:  # a busy port does not end the engine: it stays, without a port, and holds the data
            taken = "Unable to listen" in Path(LOG).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            taken = False
        if taken:
            return "port"
        if time.monotonic() > deadline:
            return "slow"
    return f"exit {engine.exit_code}"


def _write_state(state: dict[str, object]) -> None:
    draft = Path(f"{STATE}.{os.getpid()}")
    draft.write_text(json.dumps(state), encoding="utf-8")
    draft.replace(STATE)


def _watch(engine: _Engine, bolt_port: int, idle_seconds: float) -> None:
    """Return when the engine has ended, by itself or because nobody used it for so long."""
    in_use = os.open(IN_USE, os.O_RDWR | os.O_CREAT, 0o600)
    last_used, last_touched = time.monotonic(), 0.0
    while not engine.wait(min(max(idle_seconds / 10, 0.1), 5.0)):
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            last_used = time.monotonic()
            continue
        touched = os.fstat(in_use).st_mtime
        if touched != last_touched or _has_connections(bolt_port):
            last_used, last_touched = time.monotonic(), touched
        if time.monotonic() - last_used >= idle_seconds:
            return  # still holding the lock: a client that comes now waits, then starts a new engine
        fcntl.flock(in_use, fcntl.LOCK_UN)


def main(arguments: list[str]) -> None:
    """Detach, start the engine, report, watch it to its end."""
    idle_seconds, ready_seconds = float(arguments[0]), float(arguments[1])
    http_port, bolt_port, lock = int(arguments[2]), int(arguments[3]), int(arguments[4])
    if os.fork():  # the starter reaps this half at once; the other belongs to nobody
        os._exit(0)
    os.set_inheritable(lock, False)  # noqa: FBT003, the engine must not hold it
    signal.signal(signal.SIGTERM, _leave)
    Path(LOG).unlink(missing_ok=True)
    engine = _spawn(arguments[5:])
    try:
        outcome = _outcome(engine, http_port, ready_seconds)
        if outcome != "ready":
            engine.stop()
            _report(outcome, lock)
            return
        _write_state(
            {
                "pid": engine.pid,
                "tick": start_tick(engine.pid),
                "bolt_port": bolt_port,
                "http_port": http_port,
                "keeper": os.getpid(),
                "started_at": time.time(),
                "idle_seconds": idle_seconds,
            }
        )
        try:
            _report(outcome, lock)
            _watch(engine, bolt_port, idle_seconds)
        finally:
            if engine.is_running():  # where it died, this may be the state of the next one already
                Path(STATE).unlink(missing_ok=True)
    finally:
        engine.stop()


def _leave(_signal: int, _frame: object) -> None:
    sys.exit(0)


def _report(outcome: str, lock: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # the starter is gone; whoever waits for its lock goes on
        os.write(1, f"{outcome}\n".encode())
    os.dup2(2, 1)
    os.close(lock)


if __name__ == "__main__":
    main(sys.argv[1:])
