"""How lineage records are sent to the store: rows, and the numbers that follow from their parents."""

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from esper_graph.config import Manifest
from esper_graph.ir.specs import Derivation, thaw
from esper_graph.property_graph.lineage_record import LineageRecord
from esper_graph.property_graph.places import places
from esper_graph.property_graph.rows import derivation_key
from esper_graph.store.engines import Row


class Height(NamedTuple):
    """How far down a blueprint is: what the numbers of its children follow from."""

    generation: int
    version: int


class Surroundings(NamedTuple):
    """What the batches of one import share.

    Attributes:
        heights: Of the parents that are there, by id; batches add what they write.
        ids: Of the parents that are there under another name.
        external: Names of parents that are nowhere.
        manifest: Says which categories the tags lead to.
    """

    heights: dict[str, Height]
    ids: dict[str, str]
    external: set[str]
    manifest: Manifest


@dataclass(slots=True)
class Rows:
    """The rows of some records, parents before their children.

    Attributes:
        records: One each.
        derived: The derivations of each, from parents that are there.
        external: All derivations from parents that are nowhere.
        tags: Of those that have some.
        metrics: Values by device.
    """

    records: list[Row] = field(default_factory=list[Row])
    derived: list[list[Row]] = field(default_factory=list[list[Row]])
    external: list[Row] = field(default_factory=list[Row])
    tags: list[Row] = field(default_factory=list[Row])
    metrics: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])

    @property
    def derivations(self) -> list[Row]:
        """All derivations from parents that are there."""
        return [row for rows in self.derived for row in rows]

    def add(self, record: LineageRecord, around: Surroundings) -> None:
        """Add the rows of a record; `number` completes them."""
        self.records.append(
            {
                "id": record.id,
                "name": record.name,
                "description": record.description or None,
                "author": record.author,
                "created_at": None if record.created_at is None else record.created_at.isoformat(),
            }
        )
        derived: list[Row] = []
        counts: dict[str, int] = {}
        for number, one in enumerate(record.derivations):
            parent = around.ids.get(one.parent_id, one.parent_id)
            same = derivation_key(record.id, one.kind, parent)
            counts[same] = again = counts.get(same, -1) + 1
            row = _derivation(record.id, parent, one, number, again)
            (self.external if parent in around.external else derived).append(row)
        self.derived.append(derived)
        if record.tags:
            categories = around.manifest.categories_of(record.tags)
            self.tags.append({"id": record.id, "tags": record.tags, "categories": categories})
        for device, values in record.metrics.items():
            rows = self.metrics.setdefault(device, [])
            rows += [_metric(record.id, device, name, value) for name, value in values.items()]

    def number(self, heights: dict[str, Height]) -> None:
        """Give every record 1 + the largest generation and version of its parents."""
        for row, derived in zip(self.records, self.derived, strict=True):
            generation, version = -1, 0
            for one in derived:
                parent = heights[one["parent"]]
                one["generation"] = parent.generation
                generation, version = max(generation, parent.generation), max(version, parent.version)
            row["generation"], row["version"] = generation + 1, version + 1
            heights[row["id"]] = Height(generation + 1, version + 1)


def _derivation(child: str, parent: str, one: Derivation, number: int, again: int) -> Row:
    edits = [thaw(edit) for edit in one.edits]
    return {
        "child": child,
        "parent": parent,
        "key": derivation_key(child, one.kind, parent, again),
        "kind": one.kind,
        "mutation_type": one.mutation_type,
        "edits": json.dumps(edits, sort_keys=True, ensure_ascii=False) if edits else "[]",
        "reason": one.reason,
        "number": number,
    }


def _metric(record_id: str, device: str, name: str, value: float) -> Row:
    return {
        "id": record_id,
        "key": f"{record_id}|{name}|{device}",
        "name": name,
        "value": float(value),
        **places(name, device, value, record_id),
    }
