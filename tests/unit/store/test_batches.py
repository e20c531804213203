"""Blueprints are cut into batches that one message holds, and none is lost on the way."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.config import load_manifest
from esper_graph.errors import IdTakenError
from esper_graph.ir.build import Builder
from esper_graph.ir.specs import Derivation
from esper_graph.property_graph.records import Operation
from esper_graph.property_graph.registration import Prepared, prepare
from esper_graph.property_graph.rows import derivation_key, derivation_properties
from esper_graph.store import saving
from esper_graph.store.engines.values import message_bytes
from esper_graph.store.filling import filled

MANIFEST = load_manifest()
LIMIT = 12_000


def begin() -> saving.Batch:
    return saving.Batch(Operation("o", "me", datetime.now(UTC), "blueprint.register"), MANIFEST)


def linear(width: int, blueprint_id: str, reasons: tuple[int, ...] = ()) -> Prepared:
    b = Builder(blueprint_id, name=blueprint_id)
    b.output(b.linear(b.input([-1, 8]), in_features=8, out_features=width))
    derivations = [Derivation(parent_id=f"p{n}", reason="ä" * size) for n, size in enumerate(reasons)]
    blueprint = b.finish().changed(id=blueprint_id, derivations=derivations)
    return prepare(blueprint, MANIFEST.validation, MANIFEST.reference_binding)


def joins(batch: saving.Batch) -> list[dict[str, object]]:
    """The rows of all derivations, as `blueprint/join` gets them."""
    return [
        {
            "parent": each.parent_id,
            "key": derivation_key(one.blueprint.id, each.kind, each.parent_id),
            "properties": derivation_properties(each, number, "me"),
        }
        for one in batch.prepared
        for number, each in enumerate(one.blueprint.derivations)
    ]


@given(
    st.lists(st.tuples(st.integers(1, 6), st.lists(st.integers(0, 500), max_size=3)), min_size=1, max_size=14)
)
def test_batches_hold_all_in_order_and_only_one_alone_may_exceed_the_limit(
    wanted: list[tuple[int, list[int]]],
) -> None:
    given_ = [linear(width, f"b{n}", tuple(sizes)) for n, (width, sizes) in enumerate(wanted)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "BATCH_BYTES", LIMIT)
        cut = list(filled(given_, begin))
    assert [one for batch in cut for one in batch.prepared] == given_
    for batch in cut:
        sizes = message_bytes([item.row for item in batch.items.values()]), message_bytes(joins(batch))
        assert len(batch.prepared) == 1 or max(sizes) <= LIMIT + 10  # the list itself
    structures = [{one.blueprint.fingerprint for one in batch.prepared} for batch in cut]
    assert [set(batch.items) for batch in cut] == structures


def test_small_blueprints_share_one_batch() -> None:
    assert len(list(filled([linear(width, f"b{width}") for width in range(1, 101)], begin))) == 1


def test_one_id_for_two_structures_is_refused_when_the_second_is_added() -> None:
    batch = begin()
    assert batch.add(linear(1, "same"))
    with pytest.raises(IdTakenError, match="same"):
        batch.add(linear(2, "same"))
    assert list(batch.by_name) == ["same"]
    assert len(batch.items) == 1
