"""What the documents show is run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from esper_graph.property_graph import catalogue

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in FENCED if found == language]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A new user's: no home, no settings, the program on the path; the engine ends with the tests."""
    home = tmp_path_factory.mktemp("home")
    program = Path(sys.executable).parent
    found = {"PATH": f"{program}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}
    yield found
    subprocess.run([program / "esper-graph", "store", "stop"], env=found, check=True, capture_output=True)


def run(command: list[str], environment: dict[str, str], cwd: Path) -> str:
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_command_stands_within_twelve_lines() -> None:
    assert README[: README.index("```sh")].count("\n") < 12


@pytest.mark.xdist_group("readme")
def test_the_python_and_cypher_of_the_readme_run(environment: dict[str, str], tmp_path: Path) -> None:
    (program,) = blocks("python")
    run([sys.executable, "-c", program], environment, tmp_path)
    (statement,) = blocks("cypher")
    wanted = re.search(r"id: '([^']+)'", statement)
    assert wanted
    tree = run(["esper-graph", "lineage", "descendants", wanted[1], "-q"], environment, tmp_path)
    assert len(tree.split()) == 1, "the id in the Cypher statement is the parent of the Python example"


@pytest.mark.xdist_group("readme")
def test_the_commands_of_the_readme_run(environment: dict[str, str], tmp_path: Path) -> None:
    make, commands = blocks("sh")
    assert [line.split()[:2] for line in make.splitlines()] == [["make", "demo"], ["make", "test"]]
    for line in commands.splitlines():
        run(["bash", "-euo", "pipefail", "-c", line], environment, tmp_path)


@pytest.mark.xdist_group("readme")
def test_the_demo_shows_the_family_tree_of_the_readme(environment: dict[str, str], tmp_path: Path) -> None:
    (shown,) = blocks("")
    first = run(["esper-graph", "demo"], environment, tmp_path)
    for paragraph in shown.strip().split("\n\n"):
        assert paragraph in first
    assert run(["esper-graph", "demo"], environment, tmp_path).count("known already") > 10
    run(["esper-graph", "demo", "--remove"], environment, tmp_path)
    assert "demo_" not in run(["esper-graph", "blueprint", "list", "-q"], environment, tmp_path)


MEASURED = """
from esper_graph import BlueprintRegistry
with BlueprintRegistry() as registry:
    registry.update_performance({parent!r}, {{"latency_ms": 1.0}}, device="cpu")
    registry.update_performance({child!r}, {{"latency_ms": 9.0}}, device="cpu")
"""


@pytest.mark.xdist_group("readme")
def test_the_five_questions_of_the_readme_are_answered(environment: dict[str, str], tmp_path: Path) -> None:
    rows = re.findall(r"^\| ([A-Z].*\?) \| (.+) \| (.+) \|$", README, re.MULTILINE)
    assert len(rows) == 5
    run([sys.executable, "-c", blocks("python")[0]], environment, tmp_path)
    parent = "transformer_block_128_4_bcdfad82b8fc"
    (child,) = run(["esper-graph", "lineage", "descendants", parent, "-q"], environment, tmp_path).split()
    digest = run(["esper-graph", "kernel", "list", child, "-q"], environment, tmp_path).split()[0]
    run([sys.executable, "-c", MEASURED.format(parent=parent, child=child)], environment, tmp_path)
    meant: dict[str, str] = {"PARENT": parent, "CHILD": child, "DIGEST": digest}
    answers: dict[str, str] = {}
    for _, commands, files in rows:
        assert re.findall(r"`cypher/[a-z_]+/[a-z_]+\.cypher`", files)
        for command in re.findall(r"`([^`]+)`", commands):
            words = [meant.get(word, word) for word in str(command).split()]
            answers[" ".join(command.split()[1:3])] = run(words, environment, tmp_path)
    assert child in answers["kernel show"]
    assert f"parents     {parent}" in answers["blueprint show"]
    assert "more room" in answers["lineage parents"]
    assert "1024" in answers["lineage blame"]
    assert f"culprit  {child}" in answers["lineage bisect"]


def test_query_files_and_commands_that_the_readme_names_exist() -> None:
    for name in re.findall(r"`cypher/([a-z_]+/[a-z_]+)\.cypher`", README):
        assert name in catalogue.names()
    for path in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / path).exists()


def test_every_exported_name_can_be_imported() -> None:
    import esper_graph

    for name in esper_graph.__all__:
        assert getattr(esper_graph, name) is not None
