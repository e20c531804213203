"""Blueprints in the store: what goes in comes out, once a structure, whole or not at all."""

import json
import threading
from dataclasses import replace
from itertools import pairwise

import pytest

from esper_graph.errors import (
    BlueprintNotFoundError,
    ConfigError,
    IdTakenError,
    IntegrityError,
    LineageCycleError,
    LineageError,
    StoreError,
    UnknownParentError,
)
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, residual
from esper_graph.ir.features import features
from esper_graph.ir.specs import Derivation, EdgeSpec, NodeSpec, thaw
from esper_graph.property_graph import rows
from esper_graph.property_graph.records import Registration
from esper_graph.store import batches, blueprints, changes, doctor, events, lineage, schema
from esper_graph.store.engines import Engine
from tests.integration.statements import statement
from tests.integration.stored import COUNT, MANIFEST, change, operation, perceptron, prepared, save


@pytest.fixture
def store(engine: Engine) -> Engine:
    schema.ensure(engine)
    return engine


def varied() -> BlueprintIR:
    """Every kind of attribute and field that must survive, and a listing that is not in order."""
    nodes = [
        NodeSpec(id="out", op_type="output", attributes={"index": 0}),
        NodeSpec(
            id="conv",
            op_type="conv2d",
            attributes={
                "in_channels": 3,
                "out_channels": 8,
                "kernel_size": [3, 5],
                "padding": 1,
                "bias": False,
            },
            parallelism="model",
            compute_intensity=2.0,
            precision="fp16",
            requires_gpu=True,
            input_shape=[-1, 3, "height", "width"],
        ),
        NodeSpec(id="act", op_type="activation", attributes={"type": "leaky_relu", "negative_slope": 0.1}),
        NodeSpec(id="pool", op_type="reduce", attributes={"operation": "mean", "dim": [2, 3]}),
        NodeSpec(id="fc", op_type="linear", attributes={"in_features": 8, "out_features": 8}),
        NodeSpec(id="again", op_type="linear", attributes={"in_features": 8, "out_features": 8}, shares="fc"),
        NodeSpec(id="in", op_type="input", attributes={"shape": [-1, 3, "height", "width"]}),
    ]
    edges = [
        EdgeSpec(id="z", source="again", target="out"),
        EdgeSpec(
            id="y", source="in", target="conv", tensor_shape=[-1, 3, "height", "width"], dtype="float32"
        ),
        EdgeSpec(id="x", source="conv", target="act", source_port=0),
        EdgeSpec(id="w", source="act", target="pool"),
        EdgeSpec(id="v", source="fc", target="again"),
        EdgeSpec(id="u", source="pool", target="fc", transform={"type": "reshape", "shape": [-1, 8]}),
    ]
    return BlueprintIR(
        id="varied",
        name="Täst – ✓",
        version=3,
        nodes=nodes,
        edges=edges,
        tags=["vision", "mobile", "ünïcode"],
        author="somebody else",
        description='It\'s "quoted" \\ and long. ' * 50,
        min_compute_capability=8.0,
        requires_features=["tensor_cores", "fp16"],
    )


def test_every_field_comes_back_as_it_was(store: Engine) -> None:
    given = varied()
    save(store, given)
    found = blueprints.get(store, "varied")
    assert found is not None
    assert found.to_dict() == given.to_dict()
    assert found.content_digest == given.content_digest
    assert found.fingerprint == given.fingerprint
    assert found.nodes[0].id == "out"


def test_a_graph_with_branches_and_residuals_comes_back(store: Engine) -> None:
    b = Builder("branches", name="Branches")
    x = b.input([-1, "time", 16])
    parts = [b.linear(x, in_features=16, out_features=16, id=f"part{number}") for number in range(5)]
    joined = b.concat(*parts, dim=-1)
    down = b.linear(joined, in_features=80, out_features=16)
    b.output(b.add(down, residual(x), residual(x)))
    given = b.finish()
    save(store, given)
    assert blueprints.get(store, "branches") == given


def test_values_of_every_kind_survive_the_engine_exactly(store: Engine) -> None:
    values = {
        "large": 2**63 - 1,
        "small": -(2**63) + 1,
        "whole": 3.0,
        "minus_zero": -0.0,
        "tiny": 5e-324,
        "third": 1 / 3,
        "huge": 1.7976931348623157e308,
        "empty": "",
        "text": 'it\'s "quoted" \\ $x // ünï ✓ 𝕏',
        "yes": True,
        "nothing": None,
        "whole_numbers": [1, 2**40, -3],
        "numbers": [1.0, -0.0, 2.5],
        "texts": ["a", "", "ü"],
        "flags": [True, False],
        "none_at_all": [],
        "mixed": [1, 1.0, True, "1", None],
        "nested": {"a": [1, {"b": [[], None]}]},
    }
    node = NodeSpec(id="n", op_type="anything", attributes=values)
    write = statement("CREATE (n:OpNode:Custom) SET n = $row", access="write", parameters={"row": "MAP"})
    store.write(lambda transaction: transaction.run(write, {"row": rows._node_row("b", node, 0)}))
    (found,) = store.read(statement("MATCH (n:OpNode) RETURN properties(n) AS row", returns="row"))
    back = rows._node_from(found["row"])
    assert json.dumps(thaw(back.attributes), sort_keys=True) == json.dumps(values, sort_keys=True)


def test_what_is_not_there_is_none(store: Engine) -> None:
    assert blueprints.get(store, "nothing") is None
    assert blueprints.find(store, "nothing") is None
    assert not blueprints.exists(store, "nothing")


def test_a_structure_that_is_known_under_very_many_tags_stays_readable(store: Engine) -> None:
    first, second = ([f"{letter}{number}" for number in range(90)] for letter in "ab")
    save(store, perceptron(3, "mlp").changed(tags=first))
    save(store, perceptron(3, "again").changed(tags=second))
    found = blueprints.get(store, "mlp")
    assert found is not None
    assert found.tags == tuple(sorted(first + second))


def test_many_come_back_in_the_order_asked_for_aliases_too(store: Engine) -> None:
    save(store, perceptron(3), perceptron(4), perceptron(3, "other_name"))
    found = blueprints.contents(store, ["mlp_4", "other_name", "mlp_3", "mlp_4"])
    assert [one.id for one in found] == ["mlp_4", "mlp_3", "mlp_3", "mlp_4"]
    assert blueprints.contents(store, []) == ()


def test_repeating_an_operation_changes_nothing_and_answers_the_same(store: Engine) -> None:
    save(store, perceptron(2))
    same = operation()
    given = [perceptron(3, parents=("mlp_2",)), perceptron(4, parents=("mlp_3",)), perceptron(3, "twin")]
    first = save(store, *given, operation=same)
    before = store.read(COUNT), _relationships(store)
    assert save(store, *given, operation=same) == first
    assert (store.read(COUNT), _relationships(store)) == before
    assert [one.created for one in first] == [True, True, False]
    assert len(events.history(store, "mlp_3")) == 1


def _relationships(engine: Engine) -> list[dict[str, object]]:
    query = statement(
        "MATCH ()-[r]->() RETURN type(r) AS kind, count(r) AS n ORDER BY kind", returns="kind, n"
    )
    return engine.read(query)


def test_a_known_structure_keeps_its_record_and_gains_alias_tags_and_rediscovery(store: Engine) -> None:
    save(store, perceptron(2), perceptron(3, tags=["first"]))
    (again,) = save(store, perceptron(3, "late", tags=["mobile"], parents=("mlp_2",)))
    fingerprint = perceptron(3).fingerprint
    assert again == Registration("mlp_3", fingerprint, created=False, alias="late")
    found = blueprints.get(store, "late")
    assert found is not None
    assert (found.id, found.tags, found.derivations) == ("mlp_3", ("first", "mobile"), ())
    assert _relationships(store)[-2:] == [{"kind": "REDISCOVERED_FROM", "n": 1}, {"kind": "TAGGED", "n": 2}]
    assert {"kind": "IN_CATEGORY", "n": 1} in _relationships(store)


def test_registering_the_same_blueprint_again_is_no_rediscovery(store: Engine) -> None:
    save(store, perceptron(2))
    child = perceptron(3, parents=("mlp_2",))
    save(store, child)
    assert save(store, child) == [Registration("mlp_3", child.fingerprint, created=False)]
    assert all(row["kind"] != "REDISCOVERED_FROM" for row in _relationships(store))
    assert len(events.history(store, "mlp_3")) == 2


def test_an_id_of_another_structure_is_refused_whole(store: Engine) -> None:
    save(store, perceptron(3), perceptron(3, "alias"))
    before = store.read(COUNT)
    for taken in ("mlp_3", "alias"):
        with pytest.raises(IdTakenError) as caught:
            save(store, perceptron(5), perceptron(4, taken))
        assert caught.value.held == perceptron(3).fingerprint
        assert caught.value.offered == perceptron(4).fingerprint
    assert store.read(COUNT) == before


def test_a_new_alias_that_is_the_id_of_another_structure_is_refused(store: Engine) -> None:
    save(store, perceptron(3), perceptron(4))
    with pytest.raises(IdTakenError, match="mlp_4"):
        save(store, perceptron(3, "mlp_4"))


def test_one_id_for_two_structures_of_a_batch_is_refused(store: Engine) -> None:
    with pytest.raises(IdTakenError, match="same"):
        save(store, perceptron(3, "same"), perceptron(4, "same"))
    assert blueprints.count(store) == 0


def test_a_batch_may_hold_duplicates_and_children_before_parents(store: Engine) -> None:
    given = [
        perceptron(5, parents=("mlp_4", "twin")),
        perceptron(3),
        perceptron(4, parents=("mlp_3",)),
        perceptron(3, "twin", tags=["seen twice"]),
    ]
    saved = save(store, *given)
    assert [(one.id, one.created, one.alias) for one in saved] == [
        ("mlp_5", True, None),
        ("mlp_3", True, None),
        ("mlp_4", True, None),
        ("mlp_3", False, "twin"),
    ]
    youngest = blueprints.get(store, "mlp_5")
    assert youngest is not None
    assert youngest.parents == ("mlp_4", "mlp_3")
    generations = {one.id: one.generation for one in blueprints.summaries(store)}
    assert generations == {"mlp_3": 0, "mlp_4": 1, "mlp_5": 2}


@pytest.mark.parametrize("external_parents", [False, True])
def test_a_known_structure_is_rediscovered_from_what_stands_behind_it_in_a_batch(
    store: Engine, external_parents: bool
) -> None:
    again = perceptron(1, "again", parents=("late",))
    save(store, perceptron(1, "first"), again, perceptron(2, "late"), external_parents=external_parents)
    assert lineage.parents(store, "first") == ()
    (found,) = lineage.parents(store, "first", include_rediscoveries=True)
    assert (found.child, found.parent) == ("first", "late")
    assert doctor.examine(store) == []


def test_a_diamond_of_parents_has_the_largest_generation(store: Engine) -> None:
    save(store, perceptron(2))
    save(store, perceptron(3, parents=("mlp_2",)), perceptron(4, parents=("mlp_2",)))
    save(store, perceptron(5, parents=("mlp_4",)))
    save(store, perceptron(6, parents=("mlp_3", "mlp_5")))
    bottom = blueprints.get(store, "mlp_6")
    assert bottom is not None
    assert bottom.parents == ("mlp_3", "mlp_5")
    assert blueprints.parents_of_new(store, ["mlp_6"])["mlp_6"].generation == 3


def test_all_of_a_derivation_comes_back_in_order(store: Engine) -> None:
    save(store, perceptron(2), perceptron(3))
    derivations = [
        Derivation(parent_id="mlp_3", kind="crossover", mutation_type="cut in half", reason="try it"),
        Derivation(
            parent_id="mlp_2", kind="crossover", edits=[{"op": "widen", "node": "fc1", "by": [1, None]}]
        ),
        Derivation(parent_id="mlp_3", kind="crossover", reason="a second time"),
    ]
    save(store, perceptron(4, derivations=derivations))
    found = blueprints.get(store, "mlp_4")
    assert found is not None
    assert list(found.derivations) == derivations


def test_an_unknown_parent_is_named_and_nothing_is_written(store: Engine) -> None:
    save(store, perceptron(2, "known_parent"))
    before = store.read(COUNT)
    with pytest.raises(UnknownParentError, match="known_parnet") as caught:
        save(store, perceptron(7), perceptron(3, parents=("known_parnet",)))
    assert caught.value.hint is not None
    assert "known_parent" in caught.value.hint
    assert store.read(COUNT) == before


def test_parents_in_a_circle_are_refused_with_the_circle(store: Engine) -> None:
    circle = [perceptron(number, parents=(f"mlp_{number % 3 + 1}",)) for number in (1, 2, 3)]
    with pytest.raises(LineageCycleError) as caught:
        save(store, *circle)
    path = caught.value.path
    assert path[0] == path[-1]
    parent_of = {one.id: one.parent_id for one in circle}
    assert all(parent_of[child] == parent for child, parent in pairwise(path))
    assert blueprints.count(store) == 0
    with pytest.raises(LineageCycleError):
        save(store, perceptron(9, parents=("mlp_9",)))


def test_a_parent_that_is_elsewhere_is_filled_in_when_it_arrives(store: Engine) -> None:
    save(store, perceptron(3, parents=("elsewhere",)), external_parents=True)
    save(store, perceptron(4, parents=("mlp_3",)))
    child = blueprints.get(store, "mlp_3")
    assert child is not None
    assert child.parent_id == "elsewhere"
    save(store, perceptron(1))
    save(store, perceptron(2, "elsewhere", parents=("mlp_1",)))
    assert blueprints.get(store, "mlp_3") == child
    kinds = {str(row["kind"]): row["n"] for row in _relationships(store)}
    assert kinds["DERIVED_FROM"] == 3
    assert "DERIVED_FROM_EXTERNAL" not in kinds
    generations = {one.id: one.generation for one in blueprints.summaries(store)}
    assert generations == {"mlp_1": 0, "elsewhere": 1, "mlp_3": 2, "mlp_4": 3}


def test_a_parent_that_arrives_as_a_child_of_who_awaits_it_is_refused(store: Engine) -> None:
    save(store, perceptron(3, parents=("elsewhere",)), external_parents=True)
    with pytest.raises(LineageCycleError):
        save(store, perceptron(2, "elsewhere", parents=("mlp_3",)))
    assert not blueprints.exists(store, "elsewhere")


@pytest.mark.parametrize("parent", ["mlp_3", "elsewhere"])
def test_a_blueprint_that_is_given_several_times_derives_once(store: Engine, parent: str) -> None:
    save(store, perceptron(3))
    again = perceptron(4, "again", parents=(parent,))
    for _ in range(2):
        save(store, perceptron(4, "first"), again, again, again, external_parents=True)
    kinds = {str(row["kind"]): row["n"] for row in _relationships(store)}
    expected = "DERIVED_FROM_EXTERNAL" if parent == "elsewhere" else "REDISCOVERED_FROM"
    assert {kind: n for kind, n in kinds.items() if kind.endswith(("_FROM", "_EXTERNAL"))} == {expected: 1}


def test_eight_threads_with_one_structure_and_eight_names_make_one_record(store: Engine) -> None:
    answers: list[Registration] = []
    errors: list[BaseException] = []

    def register(number: int) -> None:
        try:
            for hidden in range(3, 8):
                answers.extend(save(store, perceptron(hidden, f"name{number}_{hidden}", tags=["race"])))
        except BaseException as error:  # noqa: BLE001, what a thread raises would be lost
            errors.append(error)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert blueprints.count(store) == 5
    assert sum(one.created for one in answers) == 5
    for hidden in range(3, 8):
        (winner,) = {one.id for one in answers if one.fingerprint == perceptron(hidden).fingerprint}
        found = {blueprints.find(store, f"name{number}_{hidden}") for number in range(8)}
        assert found == {winner}
    edges = {str(row["kind"]): row["n"] for row in _relationships(store)}
    assert (edges["CONTAINS"], edges["FEEDS"], edges["NAMES"], edges["TAGGED"]) == (20, 15, 35, 5)


def test_nodes_know_who_introduced_them(store: Engine) -> None:
    save(store, perceptron(3))
    save(store, perceptron(4, parents=("mlp_3",)))
    save(store, perceptron(4, "wide", parents=("mlp_3",)))
    b = Builder("deeper", name="Deeper")
    h = b.linear(b.input([-1, 8], id="input"), in_features=8, out_features=4, id="fc1")
    b.output(b.linear(b.activation(h, type="relu", id="act"), in_features=4, out_features=2, id="fc2"))
    save(store, b.finish().changed(derivations=[Derivation(parent_id="wide")]))
    assert blueprints.origins(store, "deeper") == {
        "input": "mlp_3/input",
        "fc1": "mlp_4/fc1",
        "act": "deeper/act",
        "fc2": "mlp_4/fc2",
        "output": "mlp_3/output",
    }


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize(
    "damage",
    [
        "MATCH (n:OpNode {node_id: 'fc1'}) SET n.out_features = 5",
        "MATCH (n:OpNode {node_id: 'fc1'}) SET n.added = 1",
        "MATCH (n:OpNode {node_id: 'fc1'}) SET n.precision = 'fp16'",
        "MATCH (n:OpNode {node_id: 'fc1'}) REMOVE n.out_features",
        "MATCH (n:OpNode {node_id: 'fc1'}) REMOVE n.op_type",
        "MATCH (n:OpNode {node_id: 'fc2'}) DETACH DELETE n",
        "MATCH (n:OpNode {node_id: 'fc1'}) SET n.json_attributes = ['out_features']",
        "MATCH (n:OpNode {node_id: 'fc1'}) SET n.position = 9",
        "MATCH ()-[f:FEEDS {edge_id: 'e2'}]->() DELETE f",
        "MATCH ()-[f:FEEDS {edge_id: 'e2'}]->() SET f.target_port = 'other'",
        "MATCH (b:Blueprint) SET b.name = 'another'",
        "MATCH (b:Blueprint) REMOVE b.content_digest",
    ],
)
def test_damage_done_by_hand_is_an_integrity_error(store: Engine, damage: str) -> None:
    given = perceptron(4)
    save(store, given)
    change(store, damage)
    with pytest.raises(IntegrityError, match="mlp_4") as caught:
        blueprints.get(store, "mlp_4")
    assert caught.value.blueprint_id == "mlp_4"
    if "content_digest" not in damage:
        assert caught.value.recorded == given.content_digest


# ---------------------------------------------------------------- finding


def test_references_mean_ids_aliases_beginnings_and_the_latest_of_a_name(store: Engine) -> None:
    save(
        store,
        perceptron(31, "alpha_one", name="A"),
        perceptron(31, "nick"),
        perceptron(32, "alpha_two", name="B"),
    )
    save(store, perceptron(33, "beta", name="A"))
    assert blueprints.resolve(store, "alpha_one") == "alpha_one"
    assert blueprints.resolve(store, "nick") == "alpha_one"
    assert blueprints.resolve(store, "alpha_t") == "alpha_two"
    assert blueprints.resolve(store, "A@latest") == "beta"
    with pytest.raises(BlueprintNotFoundError) as caught:
        blueprints.resolve(store, "alpha")
    assert set(caught.value.close) == {"alpha_one", "alpha_two"}
    for wrong in ("", "gamma", "C@latest"):
        with pytest.raises(BlueprintNotFoundError):
            blueprints.resolve(store, wrong)
    with pytest.raises(BlueprintNotFoundError, match="did you mean `beta`") as caught:
        blueprints.resolve(store, "bata")


def test_lists_are_filtered_newest_first_and_say_what_they_leave_out(store: Engine) -> None:
    for number in (3, 4, 5):
        save(store, perceptron(number, tags=["all", f"t{number}"], author="ann" if number == 3 else "bob"))
    assert [one.id for one in blueprints.summaries(store)] == ["mlp_5", "mlp_4", "mlp_3"]
    assert [one.id for one in blueprints.summaries(store, author="ann")] == ["mlp_3"]
    assert [one.id for one in blueprints.summaries(store, tags=["all", "t4"])] == ["mlp_4"]
    assert [one.id for one in blueprints.summaries(store, name="MLP 5")] == ["mlp_5"]
    cut = blueprints.summaries(store, limit=1)
    assert (len(cut), cut.truncated_by, cut.total, cut.omitted_count) == (1, "limit", 3, 2)
    (summary,) = blueprints.summaries(store, tags=["t3"])
    total = perceptron(3).cost()
    assert (summary.parameters, summary.macs, summary.flops) == (total.parameters, total.macs, total.flops)
    assert (summary.op_count, summary.status, summary.tags) == (4, "registered", ("all", "t3"))
    assert list(blueprints.ids(store)) == ["mlp_3", "mlp_4", "mlp_5"]


def test_tags_find_any_or_all_and_no_tags_find_everything(store: Engine) -> None:
    save(store, perceptron(3, tags=["a", "b"]))
    save(store, perceptron(4, tags=["b"]))
    save(store, perceptron(5))
    assert blueprints.by_tags(store, ["a", "b"]) == ["mlp_3", "mlp_4"]
    assert blueprints.by_tags(store, ["b", "a", "b"], match_all=True) == ["mlp_3"]
    assert blueprints.by_tags(store, []) == ["mlp_3", "mlp_4", "mlp_5"]
    assert blueprints.by_tags(store, ["unknown"]) == []
    changes.archive(store, "mlp_3", operation("blueprint.archive"))
    assert blueprints.by_tags(store, ["a", "b"]) == ["mlp_4"]
    assert blueprints.by_tags(store, []) == ["mlp_4", "mlp_5"]


# ---------------------------------------------------------------- what may change


def test_each_change_is_one_event_and_repeating_it_is_none(store: Engine) -> None:
    save(store, perceptron(3))
    made = [
        (changes.tag, operation("blueprint.tag", 1), {"tags": ["mobile", "x"]}),
        (changes.untag, operation("blueprint.untag", 2), {"tags": ["mobile", "never there"]}),
        (changes.set_status, operation("blueprint.set_status", 3), {"status": "approved"}),
        (changes.add_alias, operation("blueprint.add_alias", 4), {"alias": "nick"}),
        (changes.note, operation("blueprint.note", 5, reason="looks good", detail={"score": 1.5}), {}),
        (changes.archive, operation("blueprint.archive", 6), {}),
        (changes.restore, operation("blueprint.restore", 7), {}),
    ]
    for verb, done, arguments in made:
        for _ in range(2):
            verb(store, "mlp_3", done, **arguments)
    history = events.history(store, "nothing")
    assert list(history) == []
    history = events.history(store, "mlp_3")
    assert [one.operation_id for one in history[1:]] == [done.id for _, done, _ in made]
    assert (history[5].reason, history[5].detail, history[5].actor) == (
        "looks good",
        {"score": 1.5},
        "tester",
    )
    assert history[5].at == made[4][1].at
    (summary,) = blueprints.summaries(store)
    assert (summary.status, summary.tags) == ("approved", ("x",))
    assert {row["kind"] for row in _relationships(store)}.isdisjoint({"IN_CATEGORY"})
    assert blueprints.find(store, "nick") == "mlp_3"


def test_an_archived_blueprint_is_hidden_but_there(store: Engine) -> None:
    save(store, perceptron(3))
    changes.archive(store, "mlp_3", operation("blueprint.archive"))
    assert (blueprints.count(store), list(blueprints.summaries(store))) == (0, [])
    assert [one.status for one in blueprints.summaries(store, archived=True)] == ["archived"]
    assert blueprints.get(store, "mlp_3") is not None
    with pytest.raises(StoreError, match="is archived"):
        changes.set_status(store, "mlp_3", operation(), status="approved")


def test_changes_that_make_no_sense_are_refused(store: Engine) -> None:
    save(store, perceptron(3), perceptron(4))
    with pytest.raises(IdTakenError):
        changes.add_alias(store, "mlp_3", operation(), alias="mlp_4")
    with pytest.raises(ConfigError, match="alias"):
        changes.add_alias(store, "mlp_3", operation(), alias="no id!")
    with pytest.raises(ConfigError, match="tag"):
        changes.tag(store, "mlp_3", operation(), tags=["a\nb"])
    with pytest.raises(ConfigError, match="archive"):
        changes.set_status(store, "mlp_3", operation(), status="archived")
    with pytest.raises(ConfigError):
        changes.note(store, "mlp_3", operation())
    with pytest.raises(BlueprintNotFoundError):
        changes.tag(store, "nothing", operation(), tags=["a"])
    for verb in (changes.archive, changes.restore, changes.purge):
        with pytest.raises(BlueprintNotFoundError):
            verb(store, "nothing", operation())
    assert len(events.history(store, "mlp_3")) == 1


def test_a_leaf_is_purged_whole_and_leaves_a_tombstone(store: Engine) -> None:
    save(store, perceptron(3))
    before = store.read(COUNT)
    save(store, perceptron(4, parents=("mlp_3",)), perceptron(4, "nick"))
    with pytest.raises(LineageError, match="it is a parent of 1 blueprint\\n"):
        changes.purge(store, "mlp_3", operation("blueprint.purge"))
    purging = operation("blueprint.purge", reason="a mistake")
    for _ in range(2):
        changes.purge(store, "mlp_4", purging)
    assert blueprints.get(store, "mlp_4") is None
    assert blueprints.get(store, "nick") is None
    features_left = features(perceptron(4)).keys() - features(perceptron(3)).keys()  # of nobody any more
    events_and_lock = 3
    assert store.read(COUNT)[0]["nodes"] == before[0]["nodes"] + len(features_left) + events_and_lock
    query = statement(
        "MATCH (e:Event {action: 'blueprint.purge'}) RETURN e.detail AS detail, e.reason AS reason",
        returns="detail, reason",
    )
    (row,) = store.read(query)
    assert perceptron(4).fingerprint in row["detail"]
    assert row["reason"] == "a mistake"
    assert save(store, perceptron(4))[0].created


# ---------------------------------------------------------------- many


def test_many_are_saved_in_batches_in_the_order_given(store: Engine) -> None:
    given = [perceptron(3 + number % 240, f"b{number}") for number in range(250)]
    given[249] = perceptron(999, "b249", parents=("b3", "b100"))
    steps: list[int] = []
    saved = batches.register_all(store, map(prepared, given), operation, MANIFEST, progress=steps.append)
    assert steps == [100, 200, 250]
    assert [one.alias or one.id for one in saved] == [one.id for one in given]
    assert sum(one.created for one in saved) == 241
    child = blueprints.get(store, "b249")
    assert child is not None
    assert child.version == 2
    assert len(blueprints.contents(store, [one.id for one in given])) == 250


def test_a_batch_that_is_refused_leaves_those_before_it(store: Engine) -> None:
    given = [perceptron(3 + number) for number in range(100)]
    given.append(perceptron(500, parents=("nobody",)))
    with pytest.raises(UnknownParentError):
        batches.register_all(store, map(prepared, given), operation, MANIFEST)
    assert blueprints.count(store) == 100


def test_an_edge_that_does_not_go_forward_is_never_written(store: Engine) -> None:
    one = prepared(perceptron(3))
    one.blueprint.graph.__dict__["order"] = (3, 2, 1, 0)  # as if the order had been worked out wrongly
    with pytest.raises(IntegrityError, match="0 of 3 edges go forward"):
        blueprints.save(store, [replace(one)], operation(), MANIFEST)
    assert blueprints.count(store) == 0
    assert events.history(store, "mlp_3") == ()
