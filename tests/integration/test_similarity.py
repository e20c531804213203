"""What is like a blueprint: the same answers as from looking at everything in Python."""

from functools import cache
from itertools import product
from math import log
from pathlib import Path
from random import Random

import pytest

from esper_graph.config import Settings
from esper_graph.errors import BlueprintNotFoundError, QueryError, StoreError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.edit_distance import edit_distance, outline
from esper_graph.ir.edit_keys import edit_keys
from esper_graph.ir.features import features, near_duplicate, same_family
from esper_graph.ir.passes import normal_fingerprint
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.similar import SCORES, Score, Similar
from esper_graph.registry import BlueprintRegistry
from esper_graph.store import similarity
from esper_graph.store.engines import Engine
from tests.integration.commands import Commands, written
from tests.integration.stored import change
from tests.nasbench import Cell, blueprint, cells

EVERYTHING = 10**6
ASKED = ("cell_0", "cell_7", "cell_23")


def chain(name: str, *kinds: str) -> BlueprintIR:
    """Activations in a row."""
    b = Builder(name, name=name)
    x = b.input([-1, 8])
    for kind in kinds:
        x = b.identity(x) if kind == "identity" else b.activation(x, type=kind)
    b.output(x)
    return b.finish()


@cache
def corpus() -> dict[str, BlueprintIR]:
    """Forty cells, some chains and some long ones, all different."""
    found: dict[str, BlueprintIR] = {}
    all_cells: list[Cell] = list(cells(5))
    for cell in Random(5).sample(all_cells, 80):
        one = blueprint(cell)
        found.setdefault(one.fingerprint, one)
    named = {f"cell_{number}": one for number, one in enumerate(list(found.values())[:40])}
    for depth in (1, 2, 3, 40, 60):
        named[f"relu_{depth}"] = chain("", *["relu"] * depth)
    named["idle"] = chain("", "relu", "identity")  # computes what `relu_1` does
    named["mixed"] = chain("", "relu", "gelu", "tanh")
    return {name: one.changed(id=name, name=name.upper()) for name, one in named.items()}


@pytest.fixture
def registry(engine: Engine, engine_settings: Settings) -> BlueprintRegistry:
    found = BlueprintRegistry(settings=engine_settings)
    found.register_all(corpus().values())
    return found


def others(name: str) -> dict[str, BlueprintIR]:
    return {other: one for other, one in corpus().items() if other != name}


def distance(one: BlueprintIR, other: BlueprintIR) -> int:
    return edit_distance(outline(one), outline(other)).cost


def ids(found: tuple[Similar, ...]) -> list[str]:
    return [one.id for one in found]


@pytest.mark.parametrize("most_read", [0, 60, EVERYTHING])
def test_candidates_and_scores_are_those_of_a_look_at_everyone(
    registry: BlueprintRegistry, engine: Engine, most_read: int
) -> None:
    for name, score in product((*ASKED, "relu_40"), SCORES):
        own = features(corpus()[name])
        owners = {key: [one for one in others(name).values() if key in features(one)] for key in own}
        left, looked = most_read, dict[str, int]()
        shared = [key for key in own if owners[key]]
        for key in sorted(shared, key=lambda key: (len(owners[key]), key)):
            left -= len(owners[key])
            if left < 0 and looked:
                break
            looked[key] = own[key]
        wanted: dict[str, tuple[float, float]] = {}
        for other, one in others(name).items():
            theirs = features(one)
            both = [min(count, theirs[key]) for key, count in looked.items() if key in theirs]
            damped = sum(log(1 + count) for count in both)
            every = sum(log(1 + count) for count in (*own.values(), *theirs.values()))
            if both:
                duplicate = sum(both) / (sum(own.values()) + sum(theirs.values()) - sum(both))
                wanted[other] = damped / (every - damped), duplicate
        asked = similarity.asked_by_id(engine, name)
        look = similarity.choose(engine, asked, most_read, most_rest=asked.likeness.count)
        assert {one["key"]: one["count"] for one in look.features} == looked
        assert look.rest == sum(own[key] for key in shared if key not in looked)
        found = engine.read(
            get("similarity/candidates"), similarity.parameters(asked, look, score=score, limit=1_000)
        )
        place = ("family", "duplicate").index(score)
        order = sorted(wanted, key=lambda other: (-round(wanted[other][place], 9), other))
        assert [row["id"] for row in found] == order
        for row in found:
            assert (row["family"], row["duplicate"]) == pytest.approx(wanted[row["id"]], rel=1e-12)
        if most_read == EVERYTHING:
            for row in found:
                theirs = features(corpus()[row["id"]])
                assert row["family"] == pytest.approx(same_family(own, theirs), rel=1e-12)
                assert row["duplicate"] == pytest.approx(near_duplicate(own, theirs), rel=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_the_nearest_come_first_with_scores_distance_and_what_the_difference_is(
    registry: BlueprintRegistry, score: Score
) -> None:
    pure = {"family": same_family, "duplicate": near_duplicate}[score]
    for name in ASKED:
        own = corpus()[name]

        def rank(other: str, own: BlueprintIR = own) -> tuple[int, float, str]:
            one = corpus()[other]
            return distance(own, one), -round(pure(features(own), features(one)), 9), other

        sharing = [
            one for one in others(name) if not features(own).keys().isdisjoint(features(corpus()[one]))
        ]
        found = registry.similar(name, 5, score=score)
        assert ids(found) == sorted(sharing, key=rank)[:5]
        assert (found.truncated_by, found.total, found.omitted_count) == (
            *("limit", len(sharing)),
            len(sharing) - 5,
        )
        for one in found:
            theirs = features(corpus()[one.id])
            assert one.family == same_family(features(own), theirs)
            assert one.duplicate == near_duplicate(features(own), theirs)
            assert (one.name, one.distance) == (one.id.upper(), distance(own, corpus()[one.id]))
            assert one.diff.before.fingerprint == own.fingerprint
            assert one.diff.after.fingerprint == corpus()[one.id].fingerprint
            assert bool(one.diff.edits) == (one.distance > 0)


def test_without_reranking_the_scores_decide(registry: BlueprintRegistry) -> None:
    own = features(corpus()["relu_40"])
    order = sorted(others("relu_40"), key=lambda one: (-same_family(own, features(corpus()[one])), one))
    assert ids(registry.similar("relu_40", 3, rerank=0)) == order[:3]
    assert order[0] == "relu_60"
    assert ids(registry.similar("relu_2", 1)) != ids(registry.similar("relu_2", 1, rerank=0)) or (
        distance(corpus()["relu_2"], corpus()["relu_1"]) <= 4
    )


def test_everything_is_there_where_the_answer_says_it_is_complete(registry: BlueprintRegistry) -> None:
    found = registry.similar("mixed", 100)
    sharing = {
        one
        for one, content in others("mixed").items()
        if not features(corpus()["mixed"]).keys().isdisjoint(features(content))
    }
    assert (found.complete, set(ids(found)), found.omitted_count) == (True, sharing, 0)


def test_features_that_were_not_looked_at_are_told(registry: BlueprintRegistry, engine: Engine) -> None:
    asked = similarity.asked_by_id(engine, "cell_0")
    found = similarity.similar(engine, asked, most_read=0)
    assert (found.truncated_by, found.complete, found.omitted_count) == ("df_cut", False, None)
    assert found, "the rarest feature is always looked at"
    for one in found:
        assert one.duplicate == near_duplicate(features(corpus()["cell_0"]), features(corpus()[one.id]))


@pytest.mark.parametrize("most_read", [0, EVERYTHING])
def test_near_duplicates_are_all_found_whatever_is_read(
    registry: BlueprintRegistry, engine: Engine, most_read: int
) -> None:
    for name, at_least in product((*ASKED, "relu_2", "relu_40"), (0.3, 0.5, 0.8, 1.0)):
        own = corpus()[name]
        keys = set(edit_keys(own))
        wanted = {
            other
            for other, one in others(name).items()
            if near_duplicate(features(own), features(one)) >= at_least - 1e-9
            or not keys.isdisjoint(edit_keys(one))
            or normal_fingerprint(own) == normal_fingerprint(one)
        }
        asked = similarity.asked_by_id(engine, name)
        found = similarity.near_duplicates(engine, asked, limit=100, at_least=at_least, most_read=most_read)
        assert set(ids(found)) == wanted
        assert (found.complete, found.total) == (True, len(wanted))
        assert ids(found) == [one.id for one in sorted(found, key=lambda one: one.distance)]


def test_what_is_one_edit_apart_is_a_near_duplicate(registry: BlueprintRegistry) -> None:
    """Whoever derives by one edit is found, although the score of so small a network drops at once."""
    for edit in (("relu", "gelu", "relu"), ("relu", "gelu"), ("relu", "gelu", "tanh", "silu")):
        found = registry.near_duplicates(chain("new", *edit))
        assert "mixed" in ids(found)


def test_whoever_shares_an_edit_key_is_compared_before_others(
    registry: BlueprintRegistry, engine: Engine
) -> None:
    for name in (*ASKED, "relu_2", "mixed"):
        keys = set(edit_keys(corpus()[name]))
        near = {other for other, one in others(name).items() if not keys.isdisjoint(edit_keys(one))}
        asked = similarity.asked_by_id(engine, name)
        found = similarity.similar(engine, asked, limit=100, most_read=0)
        assert near <= set(ids(found))
        assert found.truncated_by == "df_cut"
        for number in range(1, len(near) + 1):
            few = similarity.similar(engine, asked, limit=number, rerank=number)
            assert set(ids(few)) <= near
            assert ids(few) == [one.id for one in found if one.id in ids(few)]


def test_identities_are_named(registry: BlueprintRegistry) -> None:
    found = {one.id: one for one in registry.near_duplicates(chain("new", "relu"), at_least=0.1)}
    assert (found["relu_1"].identity, found["relu_1"].distance) == ("fingerprint", 0)
    assert (found["idle"].identity, found["mixed"].identity) == ("normal", None)
    assert not found["relu_1"].diff


def test_novelty_is_the_mean_distance_to_the_nearest(registry: BlueprintRegistry, engine: Engine) -> None:
    for name in ASKED:
        own = features(corpus()[name])
        scores = sorted((near_duplicate(own, features(one)) for one in others(name).values()), reverse=True)
        for k in (1, 4, 1_000):
            number = min(k, len(scores))
            found = registry.novelty(name, k)
            assert found.value == pytest.approx(1 - sum(scores[:number]) / number)
            assert found.exact
            assert [one.duplicate for one in found.nearest] == pytest.approx(
                [score for score in scores[:number] if score]
            )
    cut = similarity.novelty(engine, similarity.asked_by_id(engine, "cell_0"), most_read=0)
    assert not cut.exact
    assert cut.value >= registry.novelty("cell_0").value - 1e-12


def test_the_first_blueprint_is_as_new_as_can_be(engine: Engine, engine_settings: Settings) -> None:
    registry = BlueprintRegistry(settings=engine_settings)
    assert registry.novelty(chain("new", "relu")).value == 1
    registry.register(chain("new", "relu"))
    assert registry.novelty("new").value == 1
    assert registry.novelty(chain("new", "relu")).value == 0
    assert registry.similar("new") == ()
    assert registry.similar("new").complete


def test_a_blueprint_that_is_not_registered_can_be_asked_about(registry: BlueprintRegistry) -> None:
    own = chain("stranger", "relu", "gelu")
    found = registry.similar(own, 100)
    assert {one.id: one.distance for one in found} == {
        name: distance(own, one)
        for name, one in corpus().items()
        if not features(own).keys().isdisjoint(features(one))
    }
    same = registry.similar(corpus()["mixed"].changed(id="other"), 1)
    assert (ids(same), same[0].distance, same[0].identity) == (["mixed"], 0, "fingerprint")


def test_aliases_lead_to_the_blueprint_and_archived_ones_are_left_out(registry: BlueprintRegistry) -> None:
    registry.alias("mixed", "also_mixed")
    assert ids(registry.similar("also_mixed")) == ids(registry.similar("mixed"))
    first = registry.similar("relu_2", 1)[0].id
    registry.archive(first)
    assert first not in ids(registry.similar("relu_2", 100))
    assert first not in ids(registry.near_duplicates("relu_2", 100))
    assert first not in ids(registry.novelty("relu_2", 100).nearest)
    assert registry.similar(first), "an archived one can be asked about"


def test_large_blueprints_are_compared_with_fewer_others(
    registry: BlueprintRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_score = ids(registry.similar("relu_2", 2, rerank=0))
    monkeypatch.setattr(similarity, "COMPARING", 0)
    assert set(ids(registry.similar("relu_2", 2))) == set(by_score)


def test_what_cannot_be_asked_is_refused(registry: BlueprintRegistry, engine: Engine) -> None:
    with pytest.raises(BlueprintNotFoundError):
        registry.similar("nobody")
    for refused in (
        lambda: registry.similar("mixed", 0),
        lambda: registry.similar("mixed", rerank=-1),
        lambda: registry.similar("mixed", score="looks"),  # pyright: ignore[reportArgumentType]
        lambda: registry.near_duplicates("mixed", 0),
        lambda: registry.near_duplicates("mixed", at_least=0),
        lambda: registry.near_duplicates("mixed", at_least=float("nan")),
        lambda: registry.novelty("mixed", 0),
    ):
        with pytest.raises(QueryError):
            refused()
    change(engine, "MATCH (k:EditKey {blueprint: 'cell_3'}) SET k.key = 'k0:' + k.key")
    for stale in (registry.similar, registry.near_duplicates, registry.novelty):
        with pytest.raises(StoreError, match="`cell_3` has no features of the present version"):
            stale("mixed")


def test_the_command_line_tells_the_same(
    registry: BlueprintRegistry, engine_settings: Settings, tmp_path: Path
) -> None:
    commands = Commands(engine_settings)
    found = registry.similar("mixed", 3)
    assert commands.done("similar", "mixed", "--limit", "3", "-q").lines == ids(found)
    shown = commands.done("similar", "mixed", "--limit", "3", "--explain", "--json").json
    assert (shown["complete"], shown["truncated_by"], shown["total"]) == (False, "limit", found.total)
    for one, told in zip(found, shown["items"], strict=True):
        assert (told["id"], told["distance"], told["family"]) == (one.id, one.distance, one.family)
        assert told["edits"] == [edit.to_dict() for edit in one.diff.edits]
    text = commands.done("similar", "mixed", "--limit", "3", "--explain")
    assert "more, cut by limit" in text.stderr
    assert all(line in text.stdout for one in found for line in one.diff.lines)
    path = written(tmp_path)(chain("new", "relu", "gelu"))
    by_file = commands.done("similar", path, "--near-duplicates", "-q").lines
    assert by_file == ids(registry.near_duplicates(chain("new", "relu", "gelu")))
    alone = written(tmp_path)(chain("alone", *["sigmoid"] * 9))
    assert "nothing is nearly the same" in commands.done("similar", alone, "--near-duplicates").stderr
    new = registry.novelty("mixed", 4)
    told = commands.done("similar", "mixed", "--novelty", "--limit", "4", "--json").json
    assert (told["novelty"], told["exact"]) == (new.value, True)
    assert [one["id"] for one in told["similar"]["items"]] == ids(new.nearest)
    assert commands.done("similar", "mixed", "--novelty").stdout.startswith(f"novelty {new.value:.4g}"[:9])
    for refused in (
        ("--novelty", "--near-duplicates"),
        ("--novelty", "--score", "family"),
        ("--at-least", "0.5"),
    ):
        assert commands("similar", "mixed", *refused).code == 2
    assert commands("similar", "nobody").code == 3
