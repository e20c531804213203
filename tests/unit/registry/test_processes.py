"""Which processes are certainly gone."""

import os
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace

import pytest

from esper_graph.property_graph.records import Process
from esper_graph.registry.processes import is_gone, this_process

ASK = (
    "from esper_graph.registry.processes import this_process\n"
    "one = this_process()\n"
    "print(one.host, one.pid, one.birth or '', sep='\\n', flush=True)\n"
    "input()\n"
)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not told apart")


@pytest.fixture
def child() -> Generator[tuple["subprocess.Popen[str]", Process]]:
    with subprocess.Popen(
        [sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        host, pid, birth = (started.stdout.readline().strip() for _ in range(3))
        try:
            yield started, Process(host, int(pid), birth)
        finally:
            started.kill()


def test_a_process_is_gone_when_it_has_ended_also_while_nobody_has_asked_how(
    child: tuple["subprocess.Popen[str]", Process],
) -> None:
    started, process = child
    assert process.pid == started.pid
    assert not is_gone(process)
    started.kill()
    os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(process), "a zombie"
    started.wait()
    assert is_gone(process)


def test_an_id_that_another_process_has_by_now_is_no_sign_of_life() -> None:
    own = this_process()
    assert own.birth is not None
    place, _, tick = own.birth.rpartition(" ")
    assert is_gone(replace(own, birth=f"{place} {int(tick) - 1}"))
    assert not is_gone(own)


def test_of_processes_elsewhere_nothing_is_said() -> None:
    own = this_process()
    assert own.birth is not None
    start, namespace, tick = own.birth.split(" ")
    missing = 2**22 + 1
    for birth in (None, "", tick, f"other {namespace} {tick}", f"{start} pid:[1] {tick}"):
        assert not is_gone(replace(own, pid=missing, birth=birth))
    assert is_gone(replace(own, pid=missing))
    assert not is_gone(replace(own, pid=0))


def test_a_process_of_another_user_that_lives_is_not_gone() -> None:
    """Process 1 is not ours to signal, unless we are root: then it answers like any other."""
    own = this_process()
    from esper_graph.store.engines.keeper import start_tick

    tick = start_tick(1)
    assert own.birth is not None
    assert not is_gone(replace(own, pid=1, birth=f"{own.birth.rpartition(' ')[0]} {tick}"))
