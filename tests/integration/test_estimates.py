"""What the command line says of memory plans and fusion marks."""

from pathlib import Path

import pytest

from esper_graph import BlueprintRegistry
from esper_graph.config import Settings
from esper_graph.ir.build import Builder
from esper_graph.ir.memory import memory_plan
from tests.integration.commands import Commands


@pytest.fixture
def commands(engine_settings: Settings) -> Commands:
    b = Builder("chain", name="Chain")
    x = b.input([-1, 16])
    for number in range(3):
        x = b.activation(b.linear(x, in_features=16, out_features=16, id=f"fc{number}"), type="relu")
    b.output(x)
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register(b.finish())
    return Commands(engine_settings)


def test_a_memory_plan_shows_order_reuse_and_peak_as_an_estimate(
    commands: Commands, engine_settings: Settings
) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        plan = memory_plan(registry["chain"], {"batch": 4})
    ran = commands.done("blueprint", "cost", "chain", "--memory", "--bind", "batch=4")
    assert "an estimate" in ran.stderr
    rows = [line.split() for line in ran.lines[1:7]]
    assert [row[1] for row in rows] == list(plan.order[1:-1])
    assert [(row[2], row[3]) for row in rows] == [("256", str(one.address)) for one in plan.placed]
    assert [row[-1] for row in rows] == ["-", "-", *plan.order[1:-3]]
    assert f"{plan.peak_bytes:,} bytes" in ran.stdout
    assert "reuse saves  1,024 of 1,536 bytes" in ran.stdout
    found = commands.done("blueprint", "cost", "chain", "--memory", "--bind", "batch=4", "--json").json
    assert found["about"].startswith("an estimate")
    assert (found["peak_bytes"], found["least_bytes"], found["total_bytes"]) == (512, 512, 1536)
    assert found["binding"] == {"batch": 4}
    assert found["order"] == list(plan.order)
    assert [one["in_place_of"] for one in found["results"]][2:] == list(plan.order[1:-3])
    assert commands.done("blueprint", "cost", "chain", "--memory", "-q").lines == ["chain"]


def test_files_and_standard_input_are_given_like_ids(commands: Commands, tmp_path: Path) -> None:
    document = commands.done("blueprint", "show", "chain", "--format", "json").stdout
    path = tmp_path / "chain.json"
    path.write_text(document, encoding="utf-8")
    for asked in (("cost", "--json"), ("optimize",)):
        stored = commands.done("blueprint", asked[0], "chain", *asked[1:]).stdout
        assert commands.done("blueprint", asked[0], str(path), *asked[1:]).stdout == stored
        assert commands.done("blueprint", asked[0], "-", *asked[1:], stdin=document).stdout == stored
    assert commands.done("blueprint", "diff", "chain", "-", "--json", stdin=document).json["isomorphic"]
    assert commands.done("similar", "-", "-q", stdin=document).lines == ["chain"]


def test_optimize_names_what_could_run_as_one_and_the_kernel_says_that_it_does_not(
    commands: Commands, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESPER_GRAPH_KERNELS", str(tmp_path))
    explained = commands.done("blueprint", "optimize", "chain", "--explain").stderr
    marks = [line for line in explained.splitlines() if line.startswith("could run as one")]
    assert [mark.split(" (")[1].split(",")[0] for mark in marks] == ["fc0", "fc1", "fc2"]
    assert "could run" not in commands.done("blueprint", "optimize", "chain").stderr
    digest = commands.done("kernel", "compile", "chain", "-q").lines[0]
    shown = commands.done("kernel", "show", digest).stdout
    assert "fusion of 3 linear+activation: not honoured, the kernel calls one op after the other" in shown
    assert "memory_plan: not honoured" in shown
    hints = commands.done("kernel", "show", digest, "--json").json["hints"]
    assert [hint["value"] for hint in hints] == [{"kind": "linear+activation", "groups": 3}, None]
