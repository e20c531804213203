"""What the page on importing shows is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_python_of_the_page_runs(tmp_path: Path) -> None:
    program = "\n".join(blocks("python"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ESPER_GRAPH_KERNELS": str(tmp_path / "kernels")}
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        stop = [
            sys.executable,
            "-m",
            "esper_graph",
            "--uri",
            f"embedded:{tmp_path / 'store'}",
            "store",
            "stop",
        ]
        subprocess.run(stop, env=environment, check=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "small.safetensors").exists()
