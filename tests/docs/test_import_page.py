"""What the page on importing shows is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_python_of_the_page_runs(tmp_path: Path) -> None:
    program = "\n".join(blocks("python"))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "small.safetensors").exists()


def test_the_command_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    from esper_graph.cli import main
    from esper_graph.ir.blueprint import BlueprintIR

    (command,) = blocks("sh")
    with pytest.raises(SystemExit) as ended:
        main(command.split()[1:])
    assert ended.value.code == 0
    found = BlueprintIR.from_json(capsys.readouterr().out)
    assert [node.op_type for node in found.nodes] == ["input", "output"]
    assert found.name == "Identity"
