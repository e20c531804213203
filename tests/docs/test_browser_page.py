"""The page about Neo4j Browser says what is there, and its commands run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from esper_graph.ops.opdef import FAMILIES
from esper_graph.property_graph import catalogue

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "browser.md").read_text(encoding="utf-8")
GRASS = (ROOT / "docs" / "browser.grass").read_text(encoding="utf-8")


def test_the_page_lists_every_query_of_browse_with_its_summary_and_parameters() -> None:
    rows = re.findall(r"^\| `(browse/\w+)` \| (.+?) \| (?:yes|no) \| (.*?) ?\|$", PAGE, re.MULTILINE)
    assert rows == [
        (query.name, query.summary, " ".join(f"`{example}`" for example in query.examples))
        for query in map(catalogue.get, catalogue.names())
        if query.name.startswith("browse/")
    ]


def test_every_picture_and_file_that_the_page_names_exists() -> None:
    for path in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / path).stat().st_size < 300_000
    for path in re.findall(r"`((?:docs|tests)/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists()


@pytest.mark.xdist_group("readme")
def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    try:
        for line in commands.splitlines():
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line],
                env=environment,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, bool(done.stdout)) == (0, True), f"{line}: {done.stderr}"
    finally:
        subprocess.run(["esper-graph", "store", "stop"], env=environment, check=True, capture_output=True)


def test_the_style_gives_each_family_of_ops_a_colour_of_its_own_after_the_label_that_all_have() -> None:
    colours = dict(re.findall(r"^node\.(\w+) \{\n  color: (#\w{6});", GRASS, re.MULTILINE))
    assert colours.keys() >= FAMILIES
    assert len({colours[family] for family in FAMILIES}) == len(FAMILIES)
    order = list(colours)
    assert all(order.index("OpNode") < order.index(family) for family in FAMILIES), "the last rule wins"
    assert order.index("Named") < order.index("Blueprint")
