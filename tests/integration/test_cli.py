"""What a person at a terminal, or a script, gets from each command, on each engine."""

import json
import stat
from pathlib import Path

import pytest

from esper_graph.config import Settings
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from esper_graph.templates import TEMPLATES
from tests.integration.commands import REPOSITORY, Commands, Ran, environment, program, refused, written
from tests.integration.stock import network
from tests.integration.test_concurrency import perceptron


@pytest.fixture
def commands(engine: Engine, engine_settings: Settings) -> Commands:
    return Commands(engine_settings)


@pytest.fixture
def family(commands: Commands, tmp_path: Path) -> Commands:
    """root <- left, right <- last."""
    for one in (network("root", 4), network("left", 5), network("right", 6), network("last", 7)):
        path = written(tmp_path)(one)
        parents = {"left": ["root"], "right": ["root"], "last": ["left", "right"]}.get(one.id, [])
        commands.done("blueprint", "register", path, *(x for name in parents for x in ("--parent", name)))
    return commands


# ---------------------------------------------------------------- registering


def test_files_directories_and_standard_input_are_registered(commands: Commands, tmp_path: Path) -> None:
    write = written(tmp_path)
    one, other = write(perceptron(1, "one")), write(perceptron(2, "other"))
    assert commands.done("blueprint", "register", "-q", one).lines == ["one"]
    assert commands.done("blueprint", "register", "-q", str(tmp_path)).lines == ["one", "other"]
    piped = commands.done("blueprint", "register", "-", "-q", stdin=perceptron(3, "piped").to_json())
    assert piped.lines == ["piped"]
    assert sorted(commands.done("blueprint", "list", "-q").lines) == ["one", "other", "piped"]
    again = commands.done("blueprint", "register", other, one, "--json").json
    assert [(item["id"], item["created"]) for item in again] == [("other", False), ("one", False)]


def test_the_program_registers_and_shows_the_same_blueprint(
    engine: Engine, engine_settings: Settings
) -> None:
    given = perceptron(5, "mlp")
    ran = program("blueprint", "register", "-", "-q", settings=engine_settings, stdin=given.to_json())
    assert (ran.code, ran.stdout) == (0, "mlp\n"), ran
    shown = program("blueprint", "show", "mlp", "--format", "json", settings=engine_settings)
    assert shown.code == 0
    assert BlueprintIR.from_json(shown.stdout).content_digest == given.content_digest


def test_a_known_structure_is_told_with_its_first_id(commands: Commands, tmp_path: Path) -> None:
    write = written(tmp_path)
    commands.done("blueprint", "register", write(perceptron(4, "first")))
    ran = commands.done("blueprint", "register", write(perceptron(4, "second")))
    assert "known already" in ran.stdout
    assert commands.done("blueprint", "show", "second", "-q").lines == ["first"]


def test_one_invalid_file_keeps_all_files_out(commands: Commands, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    document = perceptron(4, "good").to_dict()
    good.write_text(json.dumps(document), encoding="utf-8")
    document["nodes"][1]["attributes"]["in_features"] = 9
    bad.write_text(json.dumps(document), encoding="utf-8")
    ran = commands("blueprint", "register", str(good), str(bad))
    assert (ran.code, ran.stdout) == (4, "")
    assert "Error: " in ran.stderr
    assert "8" in ran.stderr, "both shapes are named"
    assert "9" in ran.stderr
    assert commands.done("blueprint", "list", "-q").lines == []


def test_limits_can_be_raised_for_one_call(commands: Commands, tmp_path: Path) -> None:
    from esper_graph.ir.build import Builder

    b = Builder("deep", name="deep")
    x = b.input([-1, 4])
    for _ in range(120):
        x = b.activation(x, type="relu")
    b.output(x)
    path = written(tmp_path)(b.finish())
    ran = commands("blueprint", "register", path)
    assert (ran.code, ran.stdout) == (4, "")
    assert "depth" in ran.stderr
    assert commands.done("blueprint", "register", "-q", path, "--max-depth", "200").lines == ["deep"]


def test_validating_needs_no_store(tmp_path: Path) -> None:
    path = written(tmp_path)(perceptron(4))
    environ = environment(HOME=str(tmp_path / "home"), NEO4J_URI="bolt://127.0.0.1:1")
    ran = program("blueprint", "validate", path, "--json", environ=environ)
    assert ran.code == 0, ran
    assert ran.json == [
        {
            "id": "mlp",
            "fingerprint": perceptron(4).fingerprint,
            "valid": True,
            "parameters": 8 * 4 + 4 + 4 * 2 + 2,
        }
    ]
    broken = program("blueprint", "validate", "-", stdin='{"nodes": [}', environ=environ)
    assert (broken.code, broken.stdout) == (4, "")
    assert not (tmp_path / "home").exists()


# ---------------------------------------------------------------- looking


@pytest.mark.parametrize("form", ["listing", "json", "mermaid", "dot", "svg"])
def test_a_blueprint_is_shown_in_every_format(family: Commands, form: str) -> None:
    shown = family.done("blueprint", "show", "last", "--format", form).stdout
    assert "fc1" in shown or form == "svg"
    begins = {"mermaid": "flowchart", "dot": "digraph", "svg": "<svg"}
    assert shown.startswith(begins.get(form, ""))
    if form == "json":
        assert BlueprintIR.from_json(shown).fingerprint == network("last", 7).fingerprint


def test_show_as_json_is_one_document_with_all_that_is_known(family: Commands) -> None:
    found = family.done("blueprint", "show", "last", "--json").json
    assert found["blueprint"]["id"] == "last"
    assert found["fingerprint"] == network("last", 7).fingerprint
    assert sorted(item["parent"] for item in found["derivations"]["items"]) == ["left", "right"]


def test_blueprints_are_listed_by_tag_status_and_name(family: Commands) -> None:
    family.done("blueprint", "tag", "left", "small", "odd")
    family.done("blueprint", "status", "left", "trusted")
    assert family.done("blueprint", "list", "-q", "--tag", "small").lines == ["left"]
    assert family.done("blueprint", "list", "-q", "--status", "trusted").lines == ["left"]
    assert family.done("blueprint", "list", "-q", "--name", "right").lines == ["right"]
    limited = family.done("blueprint", "list", "--limit", "3", "--json").json
    assert (len(limited["items"]), limited["complete"], limited["truncated_by"]) == (3, False, "limit")
    assert "not complete" in family.done("blueprint", "list", "--limit", "3").stderr


def test_search_finds_by_tags_and_by_metric(family: Commands) -> None:
    family.done("blueprint", "tag", "left", "small", "odd")
    family.done("blueprint", "tag", "right", "small")
    assert sorted(family.done("blueprint", "search", "-q", "tag:odd,small").lines) == ["left", "right"]
    assert family.done("blueprint", "search", "-q", "tag:odd tag:small").lines == ["left"]
    with BlueprintRegistry(settings=family.settings) as registry:
        registry.update_performance("left", {"latency_ms": 3.0})
        registry.update_performance("right", {"latency_ms": 1.5})
        registry.update_performance("last", {"latency_ms": 9.0})
    search = ("blueprint", "search", "--order", "latency_ms")
    assert family.done(*search, "-q", "latency_ms:*").lines == ["right", "left", "last"], "the quickest first"
    assert family.done(*search, "-q", "latency_ms@default:2..4").lines == ["left"]
    found = family.done(*search, "--json", "latency_ms:*").json
    assert [item["value"] for item in found["items"]] == [1.5, 3.0, 9.0]
    assert (found["complete"], found["next_page"]) == (True, None)


def test_pages_follow_one_another_and_facets_fronts_and_choices_are_printed(family: Commands) -> None:
    first = family.done("blueprint", "search", "--order", "id", "--limit", "3", "--count", "--json").json
    assert (first["total"], first["omitted_count"], first["truncated_by"]) == (4, 1, "limit")
    second = family.done("blueprint", "search", "--order", "id", "-q", "--page", first["next_page"])
    assert second.lines == ["root"]
    refused(family("blueprint", "search", "--page", first["next_page"]), 2, "another query")
    refused(family("blueprint", "search", "paramz<5"), 2, "column 1", "no field `paramz`", "`params`")
    assert "linear" in family.done("blueprint", "facets", "--by", "op").stdout
    assert family.done("blueprint", "pareto", "--figure", "parameters", "-q").lines == ["root"]
    chosen = family.done("blueprint", "choose", "--input", "Bx8", "--no-kernel", "-q")
    assert chosen.lines == ["root"]
    refused(family("blueprint", "choose", "--input", "Bx8"), 3, "removed by  kernel:ready")
    twice = family("blueprint", "choose", "--budget", "params=5", "--budget", "params=9")
    assert twice.code == 2
    assert "`params` is given twice" in twice.stderr
    assert "latency_ms@cpu<5" in family.done("blueprint", "search", "--fields").stdout


def test_tables_for_a_pipe_have_no_trailing_space(family: Commands) -> None:
    for command in (("blueprint", "list"), ("lineage", "ancestors", "last"), ("query", "list")):
        lines = family.done(*command).lines
        assert len(lines) > 1
        assert not [line for line in lines if line != line.rstrip()]


def test_ids_may_be_abbreviated_while_that_is_clear(commands: Commands, tmp_path: Path) -> None:
    write = written(tmp_path)
    for number, name in enumerate(("residual_one", "residual_two", "wide")):
        commands.done("blueprint", "register", write(perceptron(number + 1, name)))
    assert commands.done("blueprint", "show", "wi", "-q").lines == ["wide"]
    assert commands.done("blueprint", "show", "residual_t", "-q").lines == ["residual_two"]
    assert commands.done("blueprint", "show", "wide@latest", "-q").lines == ["wide"]
    refused(commands("blueprint", "show", "residual"), 3, "residual_one", "residual_two")


# ---------------------------------------------------------------- changing


def test_measurements_are_recorded_and_lead_bisect_to_the_culprit(family: Commands) -> None:
    recorded = family.done("blueprint", "record", "root", "latency_ms=2", "memory_mb=0.5", "--json").json
    assert recorded == {"id": "root", "device": "default", "recorded": {"latency_ms": 2.0, "memory_mb": 0.5}}
    told = family.done("blueprint", "record", "last", "latency_ms=9.25", "--tool", "stopwatch").stderr
    assert told == "`last`: device default; recorded latency_ms=9.25\n"
    asked = family("lineage", "bisect", "root", "last", "--metric", "latency_ms", "-q")
    assert asked.code == 1
    assert asked.lines[0] in {"left", "right"}
    for side in ("left", "right"):
        family.done("blueprint", "record", side, "latency_ms=2.5", "-q")
    culprit = family.done("lineage", "bisect", "root", "last", "--metric", "latency_ms", "-q")
    assert culprit.lines == ["last"]
    with BlueprintRegistry(settings=family.settings) as registry:
        assert [one.tool for one in registry.measurements("last")] == ["stopwatch"]


def test_tag_status_alias_archive_restore_and_purge_do_what_they_say(family: Commands) -> None:
    added = family.done("blueprint", "tag", "last", "good", "--reason", "it is", "--json").json
    assert added == {"id": "last", "tags_added": ["good"]}
    assert "good" in family.done("blueprint", "show", "last", "--json").json["blueprint"]["tags"]
    family.done("blueprint", "tag", "last", "good", "--remove")
    assert "good" not in family.done("blueprint", "show", "last", "--json").json["blueprint"]["tags"]
    assert family.done("blueprint", "status", "last", "trusted", "-q").lines == ["last"]
    assert family.done("blueprint", "show", "last", "--json").json["metadata"]["status"] == "trusted"
    family.done("blueprint", "alias", "last", "champion")
    assert family.done("blueprint", "show", "champion", "-q").lines == ["last"]
    assert "archived yes" in family.done("blueprint", "archive", "last").stderr
    assert "last" not in family.done("blueprint", "list", "-q").lines
    assert "last" in family.done("blueprint", "list", "-q", "--archived").lines
    family.done("blueprint", "restore", "last")
    assert "last" in family.done("blueprint", "list", "-q").lines
    actions = [item["action"] for item in family.done("blueprint", "history", "last", "--json").json["items"]]
    assert actions[0] == "blueprint.register"
    assert len(actions) == 7, actions
    assert family("blueprint", "purge", "last", stdin="n\n").code == 1
    assert "last" in family.done("blueprint", "list", "-q").lines
    family.done("blueprint", "purge", "last", "--yes")
    refused(family("blueprint", "show", "last"), 3, "last")
    assert family.done("store", "doctor", "-q").lines == []


def test_a_blueprint_with_children_is_not_purged(family: Commands) -> None:
    ran = family("blueprint", "purge", "root", "--yes")
    assert (ran.code, ran.stdout) == (1, "")
    assert "left" in ran.stderr or "derive" in ran.stderr


# ---------------------------------------------------------------- templates


def test_every_template_is_listed_and_its_blueprint_can_be_registered(commands: Commands) -> None:
    assert commands.done("template", "list", "-q").lines == list(TEMPLATES)
    made = commands.done("template", "make", "squeezenet_fire", "in_channels=32")
    shown = commands.done("template", "show", "squeezenet_fire", "in_channels=32", "--json").json
    assert [shown[key] for key in ("id", "nodes", "edges")] == [
        made.json[key] for key in ("id", "nodes", "edges")
    ]
    (name,) = commands.done("blueprint", "register", "-", "-q", stdin=made.stdout).lines
    assert name == made.json["id"]
    assert commands.done("blueprint", "show", name, "--json").json["blueprint"]["nodes"]
    refused(commands("template", "make", "squeezenet_fir"), 2, "squeezenet_fire")
    refused(commands("template", "make", "squeezenet_fire", "in_chanels=3"), 2, "in_channels")


# ---------------------------------------------------------------- lineage and evolution


def test_lineage_is_answered_with_its_completeness(family: Commands) -> None:
    ancestors = family.done("lineage", "ancestors", "last", "--json").json
    assert sorted((item["id"], item["generation"]) for item in ancestors["items"]) == [
        ("left", 1),
        ("right", 1),
        ("root", 2),
    ]
    assert ancestors["complete"] is True
    assert sorted(family.done("lineage", "descendants", "root", "-q").lines) == ["last", "left", "right"]
    near = family.done("lineage", "descendants", "root", "--max-generations", "1", "--json").json
    assert sorted(item["id"] for item in near["items"]) == ["left", "right"]
    assert near["complete"] is False
    assert family.done("lineage", "roots", "last", "-q").lines == ["root"]
    tree = family.done("lineage", "tree", "last").stdout
    assert tree.splitlines()[0] == "root"
    assert "last  <-  (also from right)" in tree
    path = family.done("lineage", "path", "last", "root", "-q").lines
    assert (path[0], path[-1], len(path)) == ("last", "root", 3)
    none = family("lineage", "path", "left", "right")
    assert (none.code, none.stdout) == (1, "")


def test_a_link_that_would_close_a_cycle_is_refused_with_its_path(family: Commands) -> None:
    refused(family("lineage", "link", "root", "last"), 6, "root -> last ->", "-> root")
    family.done("lineage", "link", "right", "left", "--kind", "transfer")
    assert sorted(family.done("lineage", "ancestors", "right", "-q").lines) == ["left", "root"]


def test_evolve_registers_a_child_and_names_the_repair(family: Commands) -> None:
    ran = family.done("evolve", "apply", "root", "--set", "fc1.out_features=11", "--id", "wider")
    assert ran.lines == ["wider"]
    assert "fc2" in ran.stderr
    child = BlueprintIR.from_json(family.done("blueprint", "show", "wider", "--format", "json").stdout)
    assert (child.node("fc1").attributes["out_features"], child.node("fc2").attributes["in_features"]) == (
        11,
        11,
    )
    assert family.done("lineage", "ancestors", "wider", "-q").lines == ["root"]
    ran = family("evolve", "apply", "root", "--set", "fc1.out_features=12", "--no-repair")
    assert (ran.code, ran.stdout) == (4, "")
    assert family("evolve", "apply", "root", "--set", "fc1").code == 2
    assert family("evolve", "apply", "root", "--edits", "/nowhere/edits.json").code == 2
    nothing = family("evolve", "apply", "root", "--set", "fc1.out_features=4")
    refused(nothing, 1, "root")


def test_files_are_checked_under_the_rules_of_the_registry_s_own_manifest(
    commands: Commands, tmp_path: Path
) -> None:
    shipped = (REPOSITORY / "manifest.yaml").read_text(encoding="utf-8")
    file = written(tmp_path)(network("root", 4))
    for limit, code in ((2, 4), (1000, 0)):
        own = tmp_path / "manifest.yaml"
        own.write_text(shipped.replace("max_nodes: 1000", f"max_nodes: {limit}"), encoding="utf-8")
        assert commands("--manifest", str(own), "blueprint", "validate", file).code == code
        assert commands("--manifest", str(own), "blueprint", "register", file).code == code


# ---------------------------------------------------------------- kernels


def test_kernels_are_compiled_listed_shown_and_verified(family: Commands) -> None:
    digest = family.done("kernel", "compile", "root", "-q").lines[0]
    assert family.done("kernel", "compile", "root", "-q").lines == [digest], "the same request, one kernel"
    training = family.done("kernel", "compile", "root", "--mode", "train", "-q").lines[0]
    assert sorted(family.done("kernel", "list", "root", "-q").lines) == sorted([digest, training])
    shown = family.done("kernel", "show", digest[:12], "--json").json
    assert (shown["digest"], shown["blueprint"], shown["mode"]) == (digest, "root", "infer")
    assert shown["fingerprint"] == network("root", 4).fingerprint
    assert "bytes as recorded" in family.done("kernel", "verify", digest).stdout
    with BlueprintRegistry(settings=family.settings) as registry:
        place = Path(registry.load_kernel(digest).place)
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)
    refused(family("kernel", "verify", digest), 1, digest)
    place.unlink()
    refused(family("kernel", "verify", digest), 3, digest)
    damage = family("store", "doctor", "-q")
    assert (damage.code, damage.lines) == (1, [digest])
    assert family.done("kernel", "compile", "root", "-q").lines == [digest], "the bytes are reproducible"
    family.done("store", "doctor")
    refused(family("kernel", "show", "0" * 64), 3, "0" * 64)


# ---------------------------------------------------------------- queries and the store


def test_queries_are_listed_shown_run_and_opened(family: Commands) -> None:
    names = family.done("query", "list", "-q").lines
    assert "browse/overview" in names
    assert "MATCH" in family.done("query", "show", "browse/overview").stdout
    assert family.done("query", "run", "blueprint/count", "--json").json["items"][0] == {"count": 4} or (
        4 in family.done("query", "run", "blueprint/count", "--json").json["items"][0].values()
    )
    assert family.done("query", "show", "browse/overview", "--json").json["access"] == "read"
    link = family.done("query", "open", "browse/overview").stdout
    assert link.startswith("http://localhost:7474/browser/?cmd=edit&arg=")
    assert family.done("query", "open", "browse/overview", "--json").json["link"] == link.rstrip()
    drawn = family.done("query", "run", "browse/family_tree", "id=root").stdout
    assert "(:Blueprint root)" in drawn
    assert "[:DERIVED_FROM mutation]" in drawn
    refused(family("query", "run", "browse/overveiw"), 3, "browse/overview")
    refused(family("query", "run", "blueprint/purge", "id=root"), 2, "has access `write`")
    assert "root" in family.done("blueprint", "list", "-q").lines, "what writes is not run by hand"


def test_status_and_doctor_tell_what_is_there(family: Commands) -> None:
    facts = family.done("store", "status", "--json").json
    assert (facts["store"], facts["blueprints"]) == (family.settings.uri, 4)
    healthy = family.done("store", "doctor")
    assert (healthy.stdout, healthy.code) == ("", 0)


def test_only_an_embedded_store_is_started_and_stopped_from_here(commands: Commands, tmp_path: Path) -> None:
    if not commands.settings.is_embedded:
        refused(commands("store", "start"), 2, commands.settings.uri)
        refused(commands("store", "stop"), 2, commands.settings.uri)
        return
    own = ["--uri", f"embedded:{tmp_path / 'own'}"]
    before = program(*own, "store", "status", "--json")
    assert before.json["running"] is False
    started = program(*own, "store", "start", "--json")
    try:
        assert started.code == 0, started
        assert program(*own, "store", "status", "--json").json["pid"] == started.json["pid"]
        assert stat.S_IMODE(Path(started.json["password_file"]).stat().st_mode) == 0o600
    finally:
        stopped = program(*own, "store", "stop")
    assert (stopped.code, stopped.stdout, stopped.stderr) == (0, "", "stopped\n")
    assert program(*own, "store", "stop").stderr == "it was not running\n"


# ---------------------------------------------------------------- errors and help


def test_exit_codes_say_what_kind_of_thing_went_wrong(family: Commands, tmp_path: Path) -> None:
    write = written(tmp_path)
    refused(family("blueprint", "show", "nobody"), 3, "nobody")
    refused(family("blueprint", "show", "rooot"), 3, "did you mean `root`?")
    refused(family("blueprint", "register", write(network("root", 99))), 6, network("root", 4).fingerprint)
    refused(family("blueprint", "alias", "left", "root"), 6, "root")
    refused(family("blueprint", "register", write(network("x", 50)), "--parent", "nobody"), 3, "nobody")
    refused(family("blueprint", "register", str(tmp_path / "missing.json")), 2, "missing.json")
    document = network("y", 51).to_dict()
    document["nodes"][1]["op_type"] = "linaer"
    refused(family("blueprint", "register", "-", stdin=json.dumps(document)), 4, "linaer", "linear")
    for wrong in (
        ("blueprint",),
        ("bluprint", "list"),
        ("blueprint", "list", "--wrong"),
        ("lineage", "path"),
    ):
        ran = family(*wrong)
        assert (ran.code, ran.stdout) == (2, "")
        assert "Usage:" in ran.stderr
    assert "did you mean `blueprint`?" in family("bluprint", "list").stderr
    assert sorted(family.done("blueprint", "list", "-q").lines) == ["last", "left", "right", "root"]


def test_an_error_can_be_had_as_one_json_document_on_standard_error(family: Commands) -> None:
    ran = family("blueprint", "show", "rooot", "--json")
    assert (ran.code, ran.stdout) == (3, "")
    found = json.loads(ran.stderr)
    assert (found["error"], found["blueprint_id"], found["exit_code"]) == (
        "BlueprintNotFoundError",
        "rooot",
        3,
    )


_HELP_OF_ALL = """
import click, sys
from click.testing import CliRunner
from esper_graph.cli import root

def walk(command, path):
    result = CliRunner().invoke(root, [*path, "--help"])
    assert result.exit_code == 0 and result.stdout.startswith("Usage:"), (path, result)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            walk(command.get_command(context, name), [*path, name])
    else:
        print(" ".join(path))

walk(root, [])
loaded = {"torch", "neo4j", "pydantic", "networkx", "numpy"} & set(sys.modules)
assert not loaded, loaded
"""


def test_every_command_has_help_that_loads_neither_torch_nor_driver_nor_models() -> None:
    import subprocess
    import sys

    found = subprocess.run(
        [sys.executable, "-c", _HELP_OF_ALL], capture_output=True, text=True, check=False, timeout=60
    )
    assert found.returncode == 0, found.stderr
    commands = found.stdout.splitlines()
    for wanted in (
        "demo",
        "blueprint register",
        "kernel verify",
        "query open",
        "store doctor",
        "lineage link",
    ):
        assert wanted in commands


def test_a_reader_that_has_seen_enough_ends_the_command_quietly() -> None:
    import subprocess
    import sys

    for reader, lines in (("head -1", 1), ("true", 0)):
        found = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m esper_graph query list -q | {reader}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment(),
        )
        assert (found.returncode, len(found.stdout.splitlines()), found.stderr) == (0, lines, "")


# ---------------------------------------------------------------- the demo


def _section(ran: Ran, title: str) -> list[str]:
    lines = ran.lines
    first = lines.index(title) + 1
    return lines[first : lines.index("", first) if "" in lines[first:] else None]


def test_the_demo_shows_the_whole_way_and_can_be_repeated_and_removed(commands: Commands) -> None:
    first = commands.done("demo")
    assert first.stdout.count("registered") >= len(TEMPLATES)
    registered = set(commands.done("blueprint", "list", "-q").lines)
    assert len(registered) >= len(TEMPLATES) + 7
    assert "complete: yes, 4 of 4" in first.stdout
    assert "  path  transformer_block_512_8 -> demo_wide_silu" in first.stdout
    compiled = _section(first, "Compiling three kernels and comparing them with the reference interpreter")
    assert len(compiled) == 4
    assert all("3 of 3 passed" in line for line in compiled[1:])
    second = commands.done("demo")
    assert "known already" in second.stdout
    assert set(commands.done("blueprint", "list", "-q").lines) == registered
    commands.done("store", "doctor")
    kernels = [commands.done("kernel", "list", name, "-q").lines for name in ("demo_wide_gelu",)]
    with BlueprintRegistry(settings=commands.settings) as registry:
        places = [Path(registry.load_kernel(one).place) for (one,) in kernels]
    assert all(place.exists() for place in places)
    removed = commands.done("demo", "--remove")
    assert f"removed {len(registered)} blueprints" in removed.stderr
    assert commands.done("blueprint", "list", "--archived", "-q").lines == []
    assert not any(place.exists() for place in places)
    commands.done("store", "doctor")


def test_removing_the_demo_keeps_what_others_made(commands: Commands, tmp_path: Path) -> None:
    commands.done("blueprint", "register", written(tmp_path)(perceptron(4, "mine")))
    commands.done("blueprint", "tag", "mine", "demo")
    commands.done("demo")
    commands.done("evolve", "apply", "demo_silu", "--set", "ff1.out_features=640", "--id", "built_upon")
    ran = commands.done("demo", "--remove")
    left = commands.done("blueprint", "list", "-q").lines
    assert sorted(left) == ["built_upon", "demo_gelu", "demo_silu", "mine", "transformer_block_512_8"]
    assert "kept 3" in ran.stderr
    commands.done("store", "doctor")


def test_the_embedded_demo_works_in_a_clean_home(tmp_path: Path) -> None:
    environ = environment(HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path / "data"))
    try:
        ran = program("demo", environ=environ)
        assert ran.code == 0, ran
        assert "3 of 3 passed" in ran.stdout
        assert "bolt://127.0.0.1:" in ran.stdout, "Neo4j Browser can be connected"
    finally:
        stopped = program("store", "stop", environ=environ)
    assert stopped.stderr == "stopped\n"
