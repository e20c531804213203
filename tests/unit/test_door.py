"""`import esper_graph` is cheap, and everything it promises is behind it."""

import subprocess
import sys

import pytest

import esper_graph

HEAVY = ("torch", "neo4j", "networkx", "numpy", "pydantic", "arcadedb_embedded", "click", "rich", "yaml")


def loaded(code: str) -> set[str]:
    """Run code in a fresh interpreter and name the modules it left behind."""
    program = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["esper_graph", "esper_graph.config", "esper_graph.errors"])
def test_a_door_loads_nothing_heavy(module: str) -> None:
    modules = loaded(f"import {module}")
    assert module in modules
    assert modules.isdisjoint(HEAVY)


def test_help_loads_click_and_nothing_else_heavy() -> None:
    code = "from esper_graph.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert loaded(code).isdisjoint(set(HEAVY) - {"click"})


def test_the_registry_s_module_loads_neither_torch_nor_the_driver() -> None:
    assert loaded("from esper_graph import BlueprintRegistry, BlueprintIR").isdisjoint({"torch", "neo4j"})


@pytest.mark.parametrize("name", [*esper_graph.__all__, "__version__"])
def test_every_promised_name_is_there(name: str) -> None:
    assert getattr(esper_graph, name) is not None
    assert name in dir(esper_graph)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="BlueprintRegistri"):
        esper_graph.BlueprintRegistri  # noqa: B018
