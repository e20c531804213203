"""The examples of the pages in `docs/` run and give what the pages say."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("bridges.md", "costs.md", "ir.md", "lineage.md", "search.md", "similarity.md")


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_give_what_the_page_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = doctest.testfile(
        str(DOCS / page), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS
    )
    assert done.attempted
    assert not done.failed


@pytest.mark.xdist_group("readme")
@pytest.mark.parametrize("page", [*PAGES, "import.md"])
def test_commands_run(page: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    text = (DOCS / page).read_text(encoding="utf-8")
    try:
        for line in "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)).splitlines():
            command = ["bash", "-euo", "pipefail", "-c", line]
            done = subprocess.run(
                command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}: {done.stderr}"
            assert done.stdout, line
    finally:
        subprocess.run(["esper-graph", "store", "stop"], env=environment, check=True, capture_output=True)
