"""The life of the embedded engine: one process a directory, started on demand, gone when nobody needs it."""

import contextlib
import fcntl
import json
import multiprocessing
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from esper_graph.config import Settings, load_settings
from esper_graph.errors import ConfigError, StoreUnavailableError
from esper_graph.store.engines import embedded, keeper, open_engine
from tests.integration.statements import statement

ONE = statement("RETURN 1 AS one", returns="one")
COUNT = statement("MATCH (n:Thing) RETURN count(n) AS things", returns="things")
CREATE = statement("CREATE (:Thing {key: 'a'})", access="write")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Give a directory of this test's own, without an engine yet."""
    chosen = load_settings({"uri": f"embedded:{tmp_path}", "idle_seconds": 600}, environ={})
    yield chosen
    embedded.stop(chosen)


def running(settings: Settings) -> embedded.Running:
    found = embedded.status(settings)
    assert found is not None
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 20.0, pause: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause)


# ---------------------------------------------------------------- start and stop


def test_nothing_runs_before_it_is_needed_and_nothing_after_it_is_stopped(settings: Settings) -> None:
    assert embedded.status(settings) is None
    assert not embedded.stop(settings)
    with open_engine(settings) as engine:
        engine.write(lambda transaction: transaction.run(CREATE))
        first = running(settings)
    assert running(settings) == first, "it stays for the next command"
    assert embedded.stop(settings)
    assert embedded.status(settings) is None
    assert not (settings.data_directory / keeper.STATE).exists()
    assert keeper.start_tick(first.pid) is None
    assert keeper.start_tick(first.keeper) is None
    with open_engine(settings) as engine:
        assert engine.read(COUNT) == [{"things": 1}]
        assert running(settings).pid != first.pid


def test_starting_twice_is_starting_once(settings: Settings) -> None:
    assert embedded.start(settings) == embedded.start(settings)


def test_processes_that_come_at_once_share_one_engine(settings: Settings) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        seen = pool.map(_process_of_engine, [settings] * 3, chunksize=1)
    assert len(set(seen)) == 1


def _process_of_engine(settings: Settings) -> int:
    with open_engine(settings) as engine:
        engine.read(ONE)
        return running(settings).pid


def test_an_idle_engine_stops_itself_but_not_while_a_client_is_open(tmp_path: Path) -> None:
    settings = load_settings({"uri": f"embedded:{tmp_path}", "idle_seconds": 1}, environ={})
    with open_engine(settings) as engine:
        process = running(settings)
        time.sleep(2.5)
        assert running(settings) == process
        assert engine.read(ONE) == [{"one": 1}]
    wait_until(lambda: embedded.status(settings) is None)
    wait_until(lambda: keeper.start_tick(process.pid) is None)
    assert not (settings.data_directory / keeper.STATE).exists()
    with open_engine(settings) as engine:
        assert engine.read(ONE) == [{"one": 1}]
    embedded.stop(settings)


# ---------------------------------------------------------------- violence


@pytest.mark.parametrize("victim", ["pid", "keeper"])
def test_an_open_client_goes_on_after_the_engine_or_its_keeper_was_killed(
    settings: Settings, victim: str
) -> None:
    with open_engine(settings) as engine:
        engine.write(lambda transaction: transaction.run(CREATE))
        before = running(settings)
        os.kill(getattr(before, victim), signal.SIGKILL)
        wait_until(lambda: keeper.start_tick(getattr(before, victim)) is None)
        if victim == "keeper" and sys.platform == "linux":
            wait_until(lambda: keeper.start_tick(before.pid) is None)
        assert engine.read(COUNT) == [{"things": 1}]
        assert running(settings).pid != before.pid


def test_a_process_that_ends_while_it_is_looked_at_is_gone() -> None:
    for _ in range(50):
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as child:
            assert child.stdin is not None
            assert keeper.start_tick(child.pid) is not None
            reaper = threading.Thread(target=child.wait)
            reaper.start()
            child.stdin.close()
            wait_until(lambda pid=child.pid: keeper.start_tick(pid) is None, pause=0)
            reaper.join()


def test_a_start_while_the_idle_engine_is_being_stopped_gives_one_that_stays(tmp_path: Path) -> None:
    settings = load_settings({"uri": f"embedded:{tmp_path}", "idle_seconds": 1}, environ={})
    try:
        first = embedded.start(settings)
        os.kill(first.pid, signal.SIGSTOP)  # so that it takes its time to stop
        wait_until(lambda: not (settings.data_directory / keeper.STATE).exists())
        with ThreadPoolExecutor() as other:
            starting = other.submit(embedded.start, settings)
            time.sleep(0.5)
            with (settings.data_directory / "start.lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody starts one beside it
            os.kill(first.pid, signal.SIGCONT)
            second = starting.result()
        assert second.pid != first.pid
        assert keeper.start_tick(first.pid) is None
        assert embedded.status(settings) == second
    finally:
        embedded.stop(settings)


def test_the_keeper_notices_at_once_that_its_engine_died(settings: Settings) -> None:
    process = embedded.start(settings)
    time.sleep(0.5)  # it has begun to wait, and would look up again after 5 seconds
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: keeper.start_tick(process.keeper) is None, seconds=2)


def test_a_state_file_that_names_another_process_is_not_believed(settings: Settings) -> None:
    embedded.start(settings)
    state = settings.data_directory / keeper.STATE
    told = json.loads(state.read_text(encoding="utf-8"))
    embedded.stop(settings)
    state.write_text(json.dumps({**told, "pid": os.getpid(), "tick": "1"}), encoding="utf-8")
    assert embedded.status(settings) is None
    with open_engine(settings) as engine:
        assert engine.read(ONE) == [{"one": 1}]


def test_a_port_that_was_taken_meanwhile_is_replaced_by_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        free = embedded._free_ports
        offers = iter([(busy, free()[1])])
        monkeypatch.setattr(embedded, "_free_ports", lambda: next(offers, None) or free())
        with open_engine(settings) as engine:
            assert engine.read(ONE) == [{"one": 1}]
        assert running(settings).bolt_port != busy


# ---------------------------------------------------------------- whose it is


def test_only_the_user_may_read_its_files(settings: Settings) -> None:
    embedded.start(settings)
    data = settings.data_directory
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for name in ("password", keeper.STATE, keeper.IN_USE, "start.lock"):
        path = data / name
        if path.exists():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, name
    assert (data / "password").exists()
    assert (data / keeper.STATE).exists()


def test_the_password_is_not_on_the_command_line(settings: Settings) -> None:
    process = embedded.start(settings)
    secret = embedded.password(settings)
    assert len(secret) >= 20
    for pid in (process.pid, process.keeper):
        assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_it_listens_on_the_loopback_address_only(settings: Settings) -> None:
    process = embedded.start(settings)
    sockets = set[str]()
    for entry in Path(f"/proc/{process.pid}/fd").iterdir():
        # The server closes files while they are listed.
        with contextlib.suppress(FileNotFoundError):
            sockets.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    listening = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                address, _, port = fields[1].rpartition(":")
                listening[int(port, 16)] = address
    assert set(listening) == {process.bolt_port, process.http_port}
    assert set(listening.values()) <= {"0100007F", "0000000000000000FFFF00000100007F"}, listening


def test_a_directory_with_other_files_is_left_alone(settings: Settings) -> None:
    data = settings.data_directory
    data.mkdir(parents=True)
    (data / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="no data directory of esper_graph"):
        open_engine(settings)
    assert [entry.name for entry in data.iterdir()] == ["thesis.txt"]
    assert (data / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_another_password_file_is_told_with_the_way_back(settings: Settings) -> None:
    embedded.start(settings)
    (settings.data_directory / "password").write_text("another password", encoding="utf-8")
    with (
        open_engine(settings) as engine,
        pytest.raises(StoreUnavailableError, match="refused the login") as told,
    ):
        engine.read(ONE)
    assert told.value.hint is not None
    assert "server-users.jsonl" in told.value.hint
    assert "another password" not in str(told.value)
