"""What happens on a full disk: a small one, mounted where only this program and those it starts see it.

    run("data", directory)    # in a test: start the scenario of this name below, and expect that it holds

A disk of its own needs root, or a system that gives user namespaces to everybody.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from esper_graph.config import Settings, load_settings
from esper_graph.errors import StoreError
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import embedded
from tests.integration.commands import REPOSITORY, environment, program, refused
from tests.integration.test_concurrency import perceptron

_ALONE = ("unshare", "--mount", *(() if os.getuid() == 0 else ("--user", "--map-root-user")))
_MOUNT = ("mount", "-t", "tmpfs", "-o")


def possible() -> bool:
    """Tell whether this system lets us mount a disk."""
    try:
        return not subprocess.run(
            [*_ALONE, *_MOUNT, "size=64k", "none", "/tmp"],
            capture_output=True,
            check=False,
        ).returncode
    except FileNotFoundError:
        return False


def run(scenario: str, directory: Path, settings: Settings | None = None) -> None:
    """Run a scenario with a disk mounted on the directory; it must hold.

    Args:
        settings: The store that it uses, unless it makes its own.
    """
    found = subprocess.run(
        [
            *(*_ALONE, sys.executable, "-m", "tests.integration.full_disk", scenario, str(directory)),
            *((settings.uri, settings.username or "", settings.database or "") if settings else ()),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=environment(settings),
    )
    assert not found.returncode, found.stderr


def _mount(directory: str, size: str, again: str = "") -> None:
    subprocess.run([*_MOUNT, f"{again}size={size}", "none", directory], check=True)


# ---------------------------------------------------------------- scenarios


def kernels(directory: str, uri: str, username: str, database: str) -> None:
    """A kernel that does not fit leaves a failed attempt and no bytes; it fits once there is room."""
    _mount(directory, "64k")
    flags = {"uri": uri, "username": username or None, "database": database or None, "kernels": directory}
    settings = load_settings(flags)
    environ = environment(settings, ESPER_GRAPH_KERNELS=directory)
    with BlueprintRegistry(settings=settings) as registry:
        registry.register(perceptron(5_000))
        ran = program("kernel", "compile", "mlp", settings=settings, environ=environ)
        refused(ran, 1, "cannot be written: No space left on device", "ESPER_GRAPH_KERNELS")
        assert [one.outcome for one in registry.attempts("mlp")] == ["failed"]
        assert registry.kernels("mlp") == ()
        assert not [path for path in Path(directory).rglob("*") if path.is_file()]
        assert registry.doctor() == ()
        _mount(directory, "8m", "remount,")
        ran = program("kernel", "compile", "mlp", settings=settings, environ=environ)
        assert ran.code == 0, ran
        assert len(registry.kernels("mlp")) == 1
        assert registry.doctor() == ()


def data(directory: str) -> None:
    """A store that cannot grow refuses with a reason, keeps what it acknowledged, and goes on with room."""
    _mount(directory, "40m")
    settings = load_settings({"uri": f"embedded:{directory}/graph"}, environ={})
    acknowledged: list[str] = []

    def register() -> None:
        number = len(acknowledged) + 1
        acknowledged.append(registry.register(perceptron(number, f"mlp_{number}")))

    def check() -> None:
        assert list(registry) == acknowledged
        for number, name in enumerate(acknowledged, start=1):
            assert registry[name].fingerprint == perceptron(number).fingerprint
        assert registry.doctor() == ()

    ballast = Path(directory, "ballast")
    try:
        with BlueprintRegistry(settings=settings) as registry:
            fill(ballast, leave=1 << 20)
            refuses(register, "left: make room")  # the first of a kind needs more than that
            ballast.unlink()
            for _ in range(20):
                register()
            fill(ballast, leave=1 << 20)
            refuses(lambda: [register() for _ in range(2_000)], "disk of the store is full")
            refuses(register, "disk of the store is full")
            check()
            ballast.unlink()
            register()
            check()
            fill(ballast, leave=1 << 18)
            embedded.stop(settings)
        ballast.unlink()
        with BlueprintRegistry(settings=settings) as registry:
            check()
            register()
            check()
    finally:
        embedded.stop(settings)


def fill(ballast: Path, leave: int) -> None:
    """Write a file that leaves only so many bytes."""
    disk = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        file.write(bytes(disk.f_bavail * disk.f_frsize - leave))


def refuses(work: Callable[[], object], hint: str) -> None:
    """Check that a store refuses something, with this hint."""
    with pytest.raises(StoreError) as caught:
        work()
    assert hint in (caught.value.hint or "")


if __name__ == "__main__":
    {"kernels": kernels, "data": data}[sys.argv[1]](*sys.argv[2:])
