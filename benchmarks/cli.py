"""The command line as whole processes: help, a warm read, the demo on a cold engine, the idle engine."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from run import summary

from esper_graph.config import load_settings
from esper_graph.store.engines import embedded

PROGRAM = (sys.executable, "-m", "esper_graph")


def _run(*arguments: str, home: Path) -> tuple[float, float]:
    """Seconds on the clock, and seconds of processor time of the process."""
    environment = {**os.environ, "ESPER_GRAPH_HOME": str(home)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([*PROGRAM, *arguments], check=True, capture_output=True, env=environment)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _resident_mib(pid: int) -> float:
    fields = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS")) / 1024


def measure() -> dict[str, Any]:
    """See the module."""
    home = Path(tempfile.mkdtemp(prefix="esper-graph-bench-"))
    settings = load_settings({"home": home}, environ={})
    try:
        cold = []
        for _ in range(3):
            embedded.stop(settings)
            shutil.rmtree(home, ignore_errors=True)
            cold.append(_run("demo", home=home)[0])
        embedded.stop(settings)
        running = embedded.start(settings)
        time.sleep(3)
        idle = _resident_mib(running.pid)
        helps = [_run("--help", home=home)[1] for _ in range(9)]
        reads = [_run("blueprint", "list", home=home)[0] for _ in range(9)]
        return {
            "esper-graph --help (s of processor time)": summary(helps),
            "blueprint list, warm engine (s)": summary(reads),
            "demo, cold engine (s)": summary(cold),
            "embedded engine, idle after its start (MiB)": summary([idle]),
        }
    finally:
        embedded.stop(settings)
        shutil.rmtree(home, ignore_errors=True)
