"""The wheel works where no checkout is."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from esper_graph.property_graph import catalogue

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has our dependencies and the wheel, but not the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(place), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)  # through the sdist, as it is published
    (wheel,) = place.glob("*.whl")
    home = place / "environment"
    venv.create(home, with_pip=False)
    program = home / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline"]
    subprocess.run([*install, "--python", str(program), str(wheel)], check=True, capture_output=True)
    (site,) = home.glob("lib/python*/site-packages")
    # A path named in a .pth file is searched, but the .pth files inside it are not read: no editable install.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return program


def run(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, *arguments],
        cwd=python.parent,
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": "/nowhere"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.xdist_group("wheel")
def test_the_installed_catalogue_is_the_folder_of_the_checkout(python: Path) -> None:
    program = (
        "import esper_graph; from esper_graph.property_graph import catalogue;"
        "print(esper_graph.__file__, *catalogue.names())"
    )
    where, *names = run(python, "-c", program).split()
    assert str(ROOT) not in where
    assert tuple(names) == catalogue.names()
    assert len(names) > 50


@pytest.mark.xdist_group("wheel")
def test_the_installed_command_line_and_examples_work(python: Path) -> None:
    script = python.parent / "esper-graph"
    assert "blueprint" in run(python, str(script), "--help")
    assert "transformer_block" in run(python, str(script), "template", "list", "-q")
    program = (
        "from esper_graph.config import shipped, load_manifest; load_manifest();"
        "print(*sorted(f.name for f in shipped('examples').iterdir() if f.name.endswith('.json')))"
    )
    assert run(python, "-c", program).split() == sorted(
        path.name for path in (ROOT / "examples").glob("*.json")
    )
