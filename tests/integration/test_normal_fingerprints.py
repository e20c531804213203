"""The same computation written differently is found under the normal fingerprint, and passes may change."""

from pathlib import Path

import pytest

from esper_graph.config import Settings
from esper_graph.errors import BlueprintNotFoundError, ConfigError, StoreError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.edit import apply_edits
from esper_graph.ir.passes import NO_NORMAL, NORMAL_PREFIX, normal_fingerprint, optimize
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.integration.commands import Commands, written
from tests.integration.statements import statement
from tests.integration.stored import change

NORMALS = statement(
    "MATCH (b:Blueprint) RETURN b.id AS id, b.normal_fingerprint AS normal ORDER BY id",
    returns="id, normal",
)
RENEWALS = statement(
    "MATCH (e:Event {action: 'store.migrate'})-[:CONCERNS]->(b) "
    "RETURN count(DISTINCT e) AS events, count(b) AS b",
    returns="events, b",
)


def written_as(name: str, hidden: int = 4) -> BlueprintIR:
    """One network, written in one of three ways."""
    b = Builder(name, name=name)
    x = b.input([-1, 2, 3])
    y = {"plain": b.flatten, "roundabout": b.identity}[name](x) if name in ("plain", "roundabout") else x
    if name == "roundabout":
        y = b.reshape(b.unflatten(y, dim=-1, sizes=[3, 1]), shape=[-1, 6])
    if name == "explicit":
        y = b.reshape(x, shape=["batch", 6])
    if name == "other":
        y = b.flatten(b.activation(x, type="relu"))
    b.output(b.linear(y, in_features=6, out_features=hidden))
    return b.finish()


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings) -> BlueprintRegistry:
    found = BlueprintRegistry(settings=engine_settings)
    for name in ("plain", "roundabout", "explicit", "other"):
        found.register(written_as(name))
    return found


def normals(engine: Engine) -> dict[str, str | None]:
    return {row["id"]: row["normal"] for row in engine.read(NORMALS)}


def test_every_blueprint_is_stored_with_its_normal_fingerprint(
    registry: BlueprintRegistry, engine: Engine
) -> None:
    names = ("explicit", "other", "plain", "roundabout")
    assert normals(engine) == {name: normal_fingerprint(written_as(name)) for name in names}


def test_the_same_computation_is_found_however_it_is_written(registry: BlueprintRegistry) -> None:
    for name in ("plain", "roundabout", "explicit"):
        assert [one.id for one in registry.same_as(name)] == ["plain", "roundabout", "explicit"]
    assert [one.id for one in registry.same_as("other")] == ["other"]
    assert [one.id for one in registry.same_as("plain", "fingerprint")] == ["plain"]
    registry.alias("plain", "also_plain")
    assert [one.id for one in registry.same_as("also_plain", "fingerprint")] == ["plain"]


def test_archived_ones_are_left_out_but_for_the_one_asked_about(registry: BlueprintRegistry) -> None:
    registry.archive("plain")
    assert [one.id for one in registry.same_as("explicit")] == ["roundabout", "explicit"]
    assert [one.id for one in registry.same_as("plain")] == ["plain", "roundabout", "explicit"]


def test_a_short_answer_says_so(registry: BlueprintRegistry) -> None:
    answer = registry.same_as("plain", limit=2)
    assert (len(answer), answer.truncated_by, answer.complete) == (2, "limit", False)
    assert registry.same_as("plain", limit=3).complete


def test_what_cannot_be_asked_is_refused(registry: BlueprintRegistry) -> None:
    with pytest.raises(ConfigError, match="not an identity"):
        registry.same_as("plain", "digest")  # pyright: ignore[reportArgumentType]
    with pytest.raises(BlueprintNotFoundError):
        registry.same_as("nobody")


def test_other_passes_leave_nothing_behind_after_a_migration(
    registry: BlueprintRegistry, engine: Engine
) -> None:
    wanted = normals(engine)
    change(engine, "MATCH (b:Blueprint {id: 'plain'}) SET b.normal_fingerprint = 'n1.00000000:00'")
    change(engine, "MATCH (b:Blueprint {id: 'other'}) SET b.normal_fingerprint = 'n2.00000000:00'")
    with pytest.raises(StoreError, match="has no normal fingerprint of the present version"):
        registry.same_as("plain")
    assert [one.id for one in registry.same_as("plain", "fingerprint")] == ["plain"]
    found = registry.migrate()
    assert (sorted(found.renewed), found.without) == (["other", "plain"], ())
    assert normals(engine) == wanted
    assert registry.migrate().renewed == ()
    (row,) = engine.read(RENEWALS)
    assert (row["events"], row["b"]) == (1, 2)
    assert registry["plain"].content_digest == written_as("plain").content_digest
    assert not registry.doctor()


def test_what_has_no_normal_fingerprint_is_the_same_as_itself_only(
    registry: BlueprintRegistry, engine: Engine
) -> None:
    change(engine, f"MATCH (b:Blueprint) SET b.normal_fingerprint = '{NO_NORMAL}'")
    assert [one.id for one in registry.same_as("plain")] == ["plain"]


def test_an_optimised_blueprint_is_a_child_with_the_same_normal_fingerprint(
    registry: BlueprintRegistry,
) -> None:
    registry.register(written_as("roundabout", hidden=5).changed(id="wider"))
    child = registry.register(optimize(registry["wider"]))
    (derivation,) = registry[child].derivations
    assert (derivation.parent_id, derivation.kind) == ("wider", "optimization")
    replayed = apply_edits(registry["wider"], derivation.edits, repair=False).blueprint
    assert replayed.fingerprint == registry[child].fingerprint
    assert [one.id for one in registry.same_as("wider")] == ["wider", child]


def test_the_command_line_tells_all_three_identities_and_finds_the_same(
    registry: BlueprintRegistry, engine_settings: Settings, tmp_path: Path
) -> None:
    commands = Commands(engine_settings)
    shown = commands.done("blueprint", "show", "plain", "--json").json
    assert shown["normal_fingerprint"].startswith(NORMAL_PREFIX)
    text = commands.done("blueprint", "show", "plain").stdout
    for name in ("fingerprint", "normal_fingerprint", "content_digest"):
        assert shown[name] in text
    same = commands.done("blueprint", "list", "--same-as", "plain", "-q").lines
    assert same == ["plain", "roundabout", "explicit"]
    assert commands.done("blueprint", "list", "--same-as", "plain", "--under", "fingerprint", "-q").lines == [
        "plain"
    ]
    assert commands.done("store", "migrate", "--json").json["renewed"] == []
    from_store = commands.done("blueprint", "optimize", "roundabout", "--explain")
    assert "dead_code: 5 -> 4 nodes, 4 -> 3 edges, 28 parameters, 48 FLOPs" in from_store.stderr
    path = written(tmp_path)(written_as("roundabout"))
    from_file = commands.done("blueprint", "optimize", path)
    assert (
        BlueprintIR.from_json(from_file.stdout).fingerprint
        == BlueprintIR.from_json(from_store.stdout).fingerprint
    )
