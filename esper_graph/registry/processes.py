"""Tell processes apart, and whether one that was written down is gone."""

import os
import socket
from functools import cache
from pathlib import Path

from esper_graph.property_graph.records import Process


def this_process() -> Process:
    """Return what tells this process from every other one.

    Example:
        >>> is_gone(this_process())
        False
    """
    place = _place()
    birth = None if place is None else f"{place} {_start(os.getpid())}"
    return Process(socket.gethostname(), os.getpid(), birth)


def is_gone(process: Process) -> bool:
    """Tell whether a process has certainly ended; one of another machine, or of none that is known, has not.

    After a restart of the machine nothing tells it from another one of the same name, so that its processes
    count as not known. Where there is no `/proc`, none is known.
    """
    place, _, tick = (process.birth or "").rpartition(" ")
    if not place or place != _place() or process.pid < 1:
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    found = _start(process.pid)
    if found is None:  # a zombie, or one of another user whom this one must not see
        return Path(f"/proc/{process.pid}").exists()
    return found != tick


def _start(pid: int) -> str | None:
    from esper_graph.store.engines.keeper import start_tick  # of POSIX systems only

    return start_tick(pid)


@cache
def _place() -> str | None:
    """Where a process id means one process: this start of this machine, and this set of its processes."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{start} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None
