"""Run the command line: in this process where many calls are needed, as a program where it must be one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from esper_graph.cli import main
from esper_graph.config import Settings
from esper_graph.ir.blueprint import BlueprintIR

REPOSITORY = Path(__file__).parents[2]


class Ran(NamedTuple):
    """What a command returned."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def flags(settings: Settings) -> list[str]:
    """The options that lead to a store."""
    found = ["--uri", settings.uri, "--home", str(settings.home), "--actor", "tester"]
    for name in ("username", "database"):
        value = getattr(settings, name)
        found += [f"--{name}", value] if value is not None else []
    return found


def environment(settings: Settings | None = None, **more: str) -> dict[str, str]:
    """An environment with nothing of the user's store in it."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "ESPER_GRAPH_"))
    }
    if settings is not None and settings.password is not None:
        kept["NEO4J_PASSWORD"] = settings.password.reveal()
    return kept | {"PYTHONWARNINGS": "error,ignore::DeprecationWarning"} | more


def program(
    *arguments: str,
    settings: Settings | None = None,
    stdin: str = "",
    environ: Mapping[str, str] | None = None,
    timeout: float = 100,
) -> Ran:
    """Run `python -m esper_graph` as a program."""
    found = subprocess.run(
        [sys.executable, "-m", "esper_graph", *(flags(settings) if settings else []), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=dict(environ) if environ is not None else environment(settings),
        timeout=timeout,
    )
    return Ran(found.returncode, found.stdout, found.stderr)


class Commands:
    """The command line on one store, in this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        changes: dict[str, str | None] = dict.fromkeys(
            name for name in os.environ if name.startswith("NEO4J_") or name == "ESPER_GRAPH_HOME"
        )
        changes |= {
            name: value for name, value in environment(self.settings).items() if name == "NEO4J_PASSWORD"
        }
        with CliRunner().isolation(input=stdin, env=changes) as (stdout, stderr, _):
            with pytest.raises(SystemExit) as ended:
                main([*flags(self.settings), *arguments])
            sys.stdout.flush()
            sys.stderr.flush()
            assert isinstance(ended.value.code, int)
            return Ran(ended.value.code, stdout.getvalue().decode(), stderr.getvalue().decode())

    def done(self, *arguments: str, stdin: str = "") -> Ran:
        """Run what must succeed."""
        ran = self(*arguments, stdin=stdin)
        assert ran.code == 0, f"{arguments}: {ran.stdout}{ran.stderr}"
        return ran


def refused(ran: Ran, code: int, *words: str) -> None:
    """Check an error: its code, its message and hint on standard error, nothing on standard output."""
    assert ran.code == code, f"{ran}"
    assert not ran.stdout
    assert ran.stderr.startswith("Error: ")
    assert "\n\nhint: " in ran.stderr
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr


def written(directory: Path) -> Callable[[BlueprintIR], str]:
    """A function that writes a blueprint into a directory and returns the path."""

    def write(blueprint: BlueprintIR) -> str:
        path = directory / f"{blueprint.id}.json"
        path.write_text(blueprint.to_json(), encoding="utf-8")
        return str(path)

    return write
