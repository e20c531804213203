"""What the shell gets: a number for each way in which a command can go wrong, the same for all commands."""

import shlex
from pathlib import Path

import click
import pytest

from esper_graph.cli import root
from esper_graph.config import Settings
from esper_graph.registry import BlueprintRegistry
from tests.integration.commands import Commands
from tests.integration.stock import network

_REFUSED, _USAGE, _NOT_FOUND, _INVALID, _UNREACHABLE, _CONFLICT = range(1, 7)

CODES: dict[int, str] = {
    _REFUSED: """
        blueprint purge root --yes
        blueprint import torch.nn:RReLU --input 1x4
        evolve apply root --set nothing.p=1
        evolve apply root --set fc1.out_features=4
        evolve merge left root
        lineage bisect left right --metric latency_ms --device cpu
        lineage path left right
        lineage paths left right
        lineage would-cycle root last
        kernel compile root --weights {text}
    """,
    _USAGE: """
        wrong
        demo --wrong
        blueprint
        blueprint alias root 'two words'
        blueprint choose --device nothing
        blueprint choose --budget latency_ms
        blueprint cost root --size nothing=3
        blueprint facets --by nothing
        blueprint import nothing
        blueprint import no.such:thing --input 1x4
        blueprint import torch.nn:ReLU --input 1xx4
        blueprint import {missing}.onnx
        blueprint list --same-as root --under nothing
        blueprint motif nothing
        blueprint ops --wrong
        blueprint optimize
        blueprint pareto --figure nothing
        blueprint pareto --figure latency_ms@nothing
        blueprint record root latency_ms
        blueprint record root latency_ms=quick
        blueprint record root latency_ms=nan
        blueprint record root latency_ms=-1
        blueprint record root latency_ms=1 latency_ms=2
        blueprint record root nothing=1
        blueprint record root latency_ms=1 --device nothing
        blueprint register {missing}.json
        blueprint schema --wrong
        blueprint search nothing:1
        blueprint search latency_ms@nothing:1
        blueprint search --order nothing
        blueprint search --page nothing
        blueprint tag root
        blueprint validate {missing}.json
        evolve apply root
        evolve apply root --set fc1
        evolve apply root --edits {missing}.json
        lineage ancestors root --kind nothing
        lineage ancestors root --device cpu
        lineage ancestors root --metric nothing
        lineage ancestors root --metric latency_ms --device nothing
        lineage ancestors root --metric latency_ms --min 3 --max 2
        lineage ancestors root --since 2026-01-02T00:00Z --until 2026-01-01T00:00Z
        lineage ancestors root --as-of 2020-01-01T00:00Z
        lineage ancestors root --as-of yesterday
        lineage bisect root last --metric nothing
        lineage bisect root last --metric latency_ms --device nothing
        lineage bisect root last --metric latency_ms --device gpu_v100
        lineage blame root --node nothing
        lineage common
        lineage descendants root --stream --limit 1
        lineage import {missing}
        lineage link alone root --kind nothing
        lineage orphans --limit 0
        lineage roots --as-of 2026-01-01T00:00Z
        lineage tree root --as-of 2020-01-01T00:00Z
        similar root --score nothing
        kernel compile root --mode nothing
        kernel compile root left --weights {text}
        kernel export aaaa
        query list --wrong
        query run lineage/parents
        query run lineage/parents id=root more=1
        query run lineage/parents root
        query run blueprint/purge id=root
        store doctor --wrong
        store migrate --wrong
        store start --wrong
        store status --wrong
        store stop --wrong
        template list --wrong
        template make nothing
        template make mobilenet_block nothing=1
        template make transformer_block d_model=many
        template show nothing
    """,
    _NOT_FOUND: """
        blueprint alias nobody other
        blueprint archive nobody
        blueprint choose --budget params=1
        blueprint cost nobody
        blueprint diff root nobody
        blueprint history nobody
        blueprint list --same-as nobody
        blueprint optimize nobody
        blueprint purge nobody --yes
        blueprint register {other} --parent nobody
        blueprint restore nobody
        blueprint search derived-from:nobody
        blueprint show nobody
        blueprint record nobody latency_ms=1
        blueprint status nobody draft
        blueprint tag nobody fast
        lineage ancestors nobody
        lineage bisect root nobody --metric latency_ms
        lineage blame nobody
        lineage children nobody
        lineage common root nobody
        lineage depth nobody
        lineage descendants nobody
        lineage export nobody
        lineage leaves nobody
        lineage link root nobody
        lineage parents nobody
        lineage path root nobody
        lineage paths nobody root
        lineage roots nobody
        lineage siblings nobody
        lineage tree nobody
        lineage would-cycle nobody root
        evolve apply nobody --set fc1.out_features=9
        evolve merge root nobody
        evolve merge left right --base nobody
        similar nobody
        kernel attempts nobody
        kernel compile nobody
        kernel export aaaa --weights {missing}
        kernel list nobody
        kernel show aaaa
        kernel show 'no digest'
        kernel verify aaaa
        query open nothing
        query run nothing
        query show nothing
    """,
    _INVALID: """
        blueprint register {text}
        blueprint validate {text}
        blueprint diff root {text}.json
        lineage import {text}
        evolve apply root --set fc1.nothing=1
        evolve apply root --set fc1.out_features=9 --no-repair
        template make transformer_block d_model=7
    """,
    _UNREACHABLE: """
        --uri bolt://127.0.0.1:9 blueprint list
        --uri bolt://127.0.0.1:9 store status
    """,
    _CONFLICT: """
        blueprint alias root left
        blueprint register {taken}
        lineage link root last
        lineage link root root
    """,
}


def lines(code: int) -> list[str]:
    return [line.strip() for line in CODES[code].strip().splitlines()]


@pytest.fixture
def commands(engine_settings: Settings) -> Commands:
    """root <- left, right <- last; alone. `root` is measured on a CPU."""
    with BlueprintRegistry(settings=engine_settings) as registry:
        for number, (name, parents) in enumerate(
            {
                "root": (),
                "left": ("root",),
                "right": ("root",),
                "last": ("left", "right"),
                "alone": (),
            }.items()
        ):
            registry.register(network(name, 4 + number, parents))
        registry.update_performance("root", {"latency_ms": 2.0}, device="cpu")
    return Commands(engine_settings)


def test_each_command_says_by_its_exit_code_what_went_wrong(commands: Commands, tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("missing", "text", "other", "taken")}
    for ending in ("", ".json"):
        Path(files["text"] + ending).write_text("no JSON", encoding="utf-8")
    Path(files["other"]).write_text(network("other", 99).to_json(), encoding="utf-8")
    Path(files["taken"]).write_text(network("left", 98).to_json(), encoding="utf-8")
    returned = {line: commands(*shlex.split(line.format(**files))) for code in CODES for line in lines(code)}
    expected = {line: code for code in CODES for line in lines(code)}
    assert {line: ran.code for line, ran in returned.items()} == expected
    for line, ran in returned.items():
        assert ran.stderr if ran.code > _REFUSED else ran.stdout or ran.stderr, line
        assert "Traceback" not in ran.stderr, line


def test_no_command_is_left_out() -> None:
    context = click.Context(root)

    def verbs(command: click.Command, path: str) -> list[str]:
        if not isinstance(command, click.Group):
            return [path]
        names = command.list_commands(context)
        found = {name: command.get_command(context, name) for name in names}
        return [verb for name, one in found.items() if one for verb in verbs(one, f"{path} {name}".strip())]

    shown = [line for code in CODES for line in lines(code)]
    missing = [
        verb for verb in verbs(root, "") if not any(f"{line} ".startswith(f"{verb} ") for line in shown)
    ]
    assert not missing
