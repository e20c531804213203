"""Damage done by hand is found and named; a store without damage is clean."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from esper_graph.property_graph.catalogue import get
from esper_graph.store import doctor, kernels
from esper_graph.store.engines import Engine
from tests.integration.families import chain, ladder, plant
from tests.integration.statements import statement
from tests.integration.stock import operation, stock
from tests.integration.test_store_kernels import made

DIGEST = "a" * 64


@dataclass(frozen=True)
class Case:
    """A statement that does damage, and what must be found: check, subject, words of the message."""

    damage: str
    check: str
    subject: str
    words: tuple[str, ...]
    others: frozenset[str] = frozenset()  # checks that may find it too


CASES = {
    "a position that does not go forward": Case(
        "MATCH (n:OpNode {uid: 'root/act'}) SET n.position = 0",
        "feeds_backward",
        "root",
        ("`fc1`", "position 1", "`act`", "position 0"),
        frozenset({"content"}),
    ),
    "a position that is missing": Case(
        "MATCH (n:OpNode {uid: 'root/act'}) REMOVE n.position",
        "feeds_backward",
        "root",
        ("`act` at position null",),
        frozenset({"content"}),
    ),
    "a node that nobody has": Case(
        "CREATE (:OpNode:Dense {uid: 'lost/fc', node_id: 'fc', position: 0})",
        "loose_nodes",
        "lost/fc",
        ("`fc`", "0 blueprints"),
    ),
    "a node that two have": Case(
        "MATCH (b:Blueprint {id: 'left'}) MATCH (n:OpNode {uid: 'root/fc1'}) CREATE (b)-[:CONTAINS]->(n)",
        "loose_nodes",
        "root/fc1",
        ("2 blueprints",),
        frozenset({"counts", "content", "feeds_across"}),
    ),
    "a node of another family": Case(
        "MATCH (b:Blueprint {id: 'root'}) CREATE (b)-[:CONTAINS]->"
        "(:OpNode:Dense {uid: 'root/new', node_id: 'new', op_type: 'activation', position: 9})",
        "families",
        "root/new",
        ("`activation`", "Dense OpNode", "not OpNode Activation"),
        frozenset({"counts", "content"}),
    ),
    "an edge into another blueprint": Case(
        "MATCH (s:OpNode {uid: 'root/fc1'}) MATCH (t:OpNode {uid: 'left/fc2'}) "
        "CREATE (s)-[:FEEDS {edge_id: 'stray'}]->(t)",
        "feeds_across",
        "root",
        ("`stray`", "`fc1`", "`fc2`", "`left`"),
        frozenset({"counts", "content"}),
    ),
    "an attribute that was edited": Case(
        "MATCH (n:OpNode {uid: 'left/fc1'}) SET n.bias = NOT coalesce(n.bias, true)",
        "content",
        "left",
        ("digest",),
    ),
    "a node that no blueprint can have": Case(
        "MATCH (n:OpNode {uid: 'left/fc1'}) SET n.op_type = ''", "content", "left", ("cannot be read",)
    ),
    "a name that was edited": Case(
        "MATCH (b:Blueprint {id: 'right'}) SET b.name = 'wrong'", "content", "right", ("digest",)
    ),
    "an edge that is gone": Case(
        "MATCH (:OpNode {uid: 'root/act'})-[f:FEEDS]->() DELETE f",
        "counts",
        "root",
        ("5 nodes and 4 edges", "5 and 3"),
        frozenset({"content"}),
    ),
    "a count that was edited": Case(
        "MATCH (b:Blueprint {id: 'root'}) SET b.op_count = 6", "counts", "root", ("6 nodes", "has 5")
    ),
    "a time of registration that was edited": Case(
        "MATCH (b:Blueprint {id: 'root'}) SET b.newest_first = -7",
        "newest_first",
        "root",
        ("is -7", "it is -1"),
    ),
    "no place among the newest": Case(
        "MATCH (b:Blueprint {id: 'left'}) REMOVE b.newest_first", "newest_first", "left", ("null",)
    ),
    "a circle of three": Case(
        "MATCH (c:Blueprint {id: 'root'}) MATCH (p:Blueprint {id: 'last'}) "
        "CREATE (c)-[:DERIVED_FROM {key: 'x'}]->(p)",
        "lineage_cycles",
        "root",
        ("root -> last -> ", " -> root"),
        frozenset({"generations", "content", "bare_derivations"}),
    ),
    "a parent of itself": Case(
        "MATCH (b:Blueprint {id: 'last'}) CREATE (b)-[:DERIVED_FROM {key: 'x'}]->(b)",
        "self_parents",
        "last",
        ("last -> last",),
        frozenset({"generations", "content", "bare_derivations"}),
    ),
    "a derivation written by hand": Case(
        "MATCH (c:Blueprint {id: 'last'}) MATCH (p:Blueprint {id: 'root'}) "
        "CREATE (c)-[:DERIVED_FROM {key: 'x', actor: 'me'}]->(p)",
        "bare_derivations",
        "last",
        ("`root`", "lacks kind registered_at"),
        frozenset({"content"}),
    ),
    "a wrong generation": Case(
        "MATCH (b:Blueprint {id: 'last'}) SET b.generation = 7", "generations", "last", ("is 7", "it is 2")
    ),
    "no generation": Case(
        "MATCH (b:Blueprint {id: 'root'}) REMOVE b.generation", "generations", "root", ("null", "it is 0")
    ),
    "a blueprint that is marked as a lineage record": Case(
        "MATCH (b:Blueprint {id: 'left'}) SET b.lineage_only = true",
        "lineage_records",
        "left",
        ("has content",),
    ),
    "a parent that is awaited although it is here": Case(
        "MATCH (b:Blueprint {id: 'last'}) "
        "CREATE (b)-[:DERIVED_FROM_EXTERNAL {key: 'x', kind: 'mutation', actor: 'me', "
        "registered_at: b.registered_at}]->(:ExternalParent {id: 'root'})",
        "arrived_parents",
        "root",
        ("it is here",),
    ),
    "an alias of nothing": Case(
        "CREATE (:Alias:Named {id: 'nowhere', handle: 'nowhere'})",
        "loose_aliases",
        "nowhere",
        ("0 blueprints",),
    ),
    "an alias of two": Case(
        "MATCH (a:Alias {id: 'again'}) MATCH (b:Blueprint {id: 'left'}) CREATE (a)-[:NAMES]->(b)",
        "loose_aliases",
        "again",
        ("2 blueprints",),
    ),
    "two things of one name": Case(
        "MATCH (b:Blueprint {id: 'left'}) CREATE (:Alias {id: 'root'})-[:NAMES]->(b)",
        "duplicate_names",
        "root",
        ("2 blueprints or aliases",),
    ),
    "a name that is not guarded": Case(
        "MATCH (a:Alias {id: 'again'}) REMOVE a:Named", "duplicate_names", "again", ("Named",)
    ),
    "a blueprint without fingerprint": Case(
        "MATCH (b:Blueprint {id: 'left'}) REMOVE b.fingerprint",
        "duplicate_fingerprints",
        "left",
        ("no fingerprint",),
        frozenset({"content"}),
    ),
    "a block without its definition": Case(
        "MATCH (b:Blueprint {id: 'left'}) CREATE (b)-[:CONTAINS]->"
        "(:OpNode:Block {uid: 'left/b', node_id: 'b', op_type: 'block', blueprint: 'f1:00', position: 99})",
        "blocks_without_definition",
        "left",
        ("`b`", "f1:00"),
        frozenset({"counts", "content"}),
    ),
    "a blueprint that is a block of itself": Case(
        "MATCH (a:Blueprint {id: 'root'}) MATCH (b:Blueprint {id: 'left'}) "
        "CREATE (a)-[:USES]->(b) CREATE (b)-[:USES]->(a)",
        "block_cycles",
        "left",
        ("left -> root -> left",),
    ),
    "a metric of nothing": Case(
        "CREATE (:Metric {key: 'lost', name: 'latency_ms', device: 'cpu', value: 1.0})",
        "loose_metrics",
        "lost",
        ("measures 0 blueprints",),
    ),
    "a measurement of nothing": Case(
        "CREATE (:Measurement {id: 'lost', value: 1.0})", "loose_metrics", "lost", ("refines 0 metrics",)
    ),
    "a metric that says what was never measured": Case(
        "MATCH (b:Blueprint {id: 'root'}) MERGE (d:Device {name: 'cpu'}) "
        "CREATE (m:Metric {key: 'slow', name: 'latency_ms', device: 'cpu', value: 1.0}) SET m.measured_at = "
        "datetime('2026-11-24T12:00:00Z') CREATE (m)-[:MEASURES]->(b) CREATE (m)-[:TAKEN_ON]->(d) "
        "CREATE (x:Measurement {id: 'x', value: 9.0}) SET x.measured_at = m.measured_at "
        "CREATE (x)-[:REFINES]->(m)",
        "metric_values",
        "slow",
        ("its value is 1.0",),
    ),
    "a kernel that nobody built": Case(
        f"CREATE (:Kernel {{digest: '{DIGEST}'}})",
        "kernels_without_origin",
        DIGEST,
        ("0 attempts from 0 blueprints",),
    ),
    "a feature that is gone": Case(
        "MATCH (:Blueprint {id: 'left'})-[h:HAS_FEATURE]->(:Feature {key: 'e1:linear 0>0 output'}) DELETE h",
        "feature_totals",
        "left",
        ("records features of 9 in all", "8 features of 8"),
        frozenset({"content"}),
    ),
    "features that are all gone": Case(
        "MATCH (b:Blueprint {id: 'left'})-[h:HAS_FEATURE]->() DELETE h "
        "REMOVE b.feature_count, b.feature_weight",
        "content",
        "left",
        ("is written 0 times, but is there 1",),
    ),
    "a feature that was counted anew": Case(
        "MATCH (:Blueprint {id: 'left'})-[h:HAS_FEATURE]->(:Feature {key: 'e1:linear 0>0 output'}) "
        "SET h.count = 2",
        "content",
        "left",
        ("`e1:linear 0>0 output` is written 2 times, but is there 1",),
        frozenset({"feature_totals"}),
    ),
    "totals of features that were edited": Case(
        "MATCH (b:Blueprint {id: 'left'}) SET b.feature_weight = 1.5", "feature_totals", "left", ("of 9",)
    ),
    "an edit key that is gone": Case(
        "MATCH (k:EditKey {blueprint: 'left'}) WITH k ORDER BY k.key LIMIT 1 DELETE k",
        "content",
        "left",
        ("1 of its", "edit keys are not written, 0 are not its"),
    ),
    "edit keys of nobody": Case(
        "CREATE (:EditKey {key: 'k1:00', blueprint: 'lost'})",
        "loose_edit_keys",
        "lost",
        ("1 edit keys are of no blueprint",),
    ),
    "an edit key that is there twice": Case(
        "MATCH (k:EditKey {blueprint: 'left'}) WITH k ORDER BY k.key LIMIT 1 "
        "CREATE (:EditKey {key: k.key, blueprint: 'left'})",
        "loose_edit_keys",
        "left",
        ("edit keys, of which",),
    ),
    "an attempt to compile nothing": Case(
        "CREATE (:CompileAttempt {id: 'try', outcome: 'running'})",
        "attempts_without_blueprint",
        "try",
        ("no blueprint",),
    ),
}


@pytest.fixture
def store(engine: Engine) -> Engine:
    stock(engine)
    return engine


def test_an_undamaged_store_is_clean(store: Engine) -> None:
    attempt = kernels.begin_attempt(
        store, "last", mode="infer", backend="script", profile="default", operation=operation()
    )
    kernel = made("last", DIGEST, weights="b" * 64)
    kernels.record_kernel(store, kernel, attempt_id=attempt.id, operation=operation())
    seen: list[str] = []
    assert doctor.examine(store, kernel_digests={DIGEST}, progress=seen.append) == []
    assert tuple(seen) == doctor.checks()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_damage_is_found_and_named(store: Engine, case: Case) -> None:
    damage = statement(case.damage, access="write")
    store.write(lambda transaction: transaction.run(damage))
    found = doctor.examine(store)
    named = [one for one in found if (one.check, one.subject) == (case.check, case.subject)]
    assert named
    assert all(word in named[0].message for word in case.words), named[0].message
    assert {one.check for one in found} <= {case.check} | case.others


def test_every_audit_has_damage_that_it_finds() -> None:
    untested = {"duplicate_fingerprints", "kernel_bytes"}  # they have tests of their own
    assert {case.check for case in CASES.values()} | untested == set(doctor.checks())


@pytest.fixture
def unguarded(store: Engine) -> Iterator[Engine]:
    """A store whose constraint on structures somebody dropped."""
    store.schema(statement("DROP CONSTRAINT blueprint_fingerprint_unique IF EXISTS", access="schema"))
    yield store
    wipe = statement("MATCH (n) DETACH DELETE n", access="write")
    store.write(lambda transaction: transaction.run(wipe))
    store.schema(get("schema/blueprint_fingerprint_unique"))


def test_a_structure_that_is_stored_twice_is_found(unguarded: Engine) -> None:
    copy = statement(
        "MATCH (b:Blueprint {id: 'root'}) MATCH (o:Blueprint {id: 'left'}) SET o.fingerprint = b.fingerprint",
        access="write",
    )
    unguarded.write(lambda transaction: transaction.run(copy))
    found = {one.subject: one.message for one in doctor.examine(unguarded, content=False)}
    assert found == {"left": "has the structure of `root`", "root": "has the structure of `left`"}


def test_only_the_damaged_ones_of_many_blueprints_are_named(store: Engine) -> None:
    edit = statement("MATCH (n:OpNode {node_id: 'fc1'}) SET n.out_features = 9", access="write")
    store.write(lambda transaction: transaction.run(edit))
    assert sorted(one.subject for one in doctor.examine(store)) == ["last", "left", "right", "root"]
    assert doctor.examine(store, content=False) == []


def test_kernels_whose_bytes_are_not_here_are_named_only_when_bytes_can_be_listed(store: Engine) -> None:
    for digit in "ab":
        attempt = kernels.begin_attempt(
            store, "root", mode="infer", backend="script", profile="default", operation=operation()
        )
        kernels.record_kernel(store, made("root", digit * 64), attempt_id=attempt.id, operation=operation())
    assert doctor.examine(store) == []
    (found,) = doctor.examine(store, kernel_digests=["a" * 64, "c" * 64])
    assert (found.check, found.subject) == ("kernel_bytes", "b" * 64)


@pytest.mark.parametrize("family", [ladder(60), chain(2_000)], ids=["ladder", "chain"])
@pytest.mark.timeout(30)
def test_a_circle_in_a_graph_of_many_paths_is_found(engine: Engine, family: list[tuple[str, str]]) -> None:
    graph = plant(engine, family)
    first = min(member for member in graph if not graph.out_degree(member))
    last = max(member for member in graph if not graph.in_degree(member))
    assert doctor.examine(engine, content=False) == []
    close = statement(
        "MATCH (c:Blueprint {id: $first}) MATCH (p:Blueprint {id: $last}) "
        "CREATE (c)-[:DERIVED_FROM {key: 'x'}]->(p)",
        access="write",
        parameters={"first": "STRING", "last": "STRING"},
    )
    engine.write(lambda transaction: transaction.run(close, {"first": first, "last": last}))
    (found,) = [one for one in doctor.examine(engine, content=False) if one.check == "lineage_cycles"]
    assert found.subject == first
    assert found.message.startswith(f"derives from itself: {first} -> {last} -> ")
    assert found.message.endswith(f" -> {first}")


@pytest.mark.parametrize("wrong", [None, 0, 3])
def test_circles_are_found_whatever_the_generations_say(engine: Engine, wrong: int | None) -> None:
    plant(engine, [("b", "a"), ("c", "b"), ("z", "y")])
    close = statement(
        "MATCH (c:Blueprint {id: 'a'}) MATCH (p:Blueprint {id: 'c'}) "
        "CREATE (c)-[:DERIVED_FROM {key: 'x'}]->(p) WITH c MATCH (b:Blueprint) SET b.generation = $wrong",
        access="write",
        parameters={"wrong": "INTEGER?"},
    )
    engine.write(lambda transaction: transaction.run(close, {"wrong": wrong}))
    found = [one.subject for one in doctor.examine(engine, content=False) if one.check == "lineage_cycles"]
    assert found == ["a", "b", "c"]
