"""Save, find, read and list blueprints."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esper_graph.errors import LineageOnlyError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.property_graph.answer import Answer, Limit
from esper_graph.property_graph.catalogue import get as query
from esper_graph.property_graph.records import Summary
from esper_graph.property_graph.rows import summary_from
from esper_graph.store.engines import MOST_SORTED, Engine
from esper_graph.store.facts import manifest, metadata
from esper_graph.store.materialise import read
from esper_graph.store.naming import close_ids, exists, find, resolve
from esper_graph.store.saving import save

__all__ = [
    "Inheritance",
    "by_tags",
    "close_ids",
    "contents",
    "count",
    "exists",
    "find",
    "get",
    "ids",
    "manifest",
    "metadata",
    "origins",
    "parents_of_new",
    "resolve",
    "same_as",
    "save",
    "summaries",
]

_READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a child inherits from one parent.

    Attributes:
        limits: Limits that were raised for the parent.
    """

    id: str
    version: int
    generation: int
    limits: Mapping[str, int]


def get(engine: Engine, name: str) -> BlueprintIR | None:
    """Return the blueprint of an id or alias, or None.

    Raises:
        IntegrityError: What is stored is no longer what was registered.
    """
    found = read(engine, [name])
    return found[name] if found else None


def contents(
    engine: Engine, names: Sequence[str], *, truncated_by: Limit | None = None
) -> Answer[BlueprintIR]:
    """Return the blueprints of ids, in their order; one round trip for each hundred.

    Those of which only the lineage is known are left out.

    Args:
        truncated_by: What cut the ids short already.

    Raises:
        IntegrityError: What is stored is no longer what was registered.
    """
    found: dict[str, BlueprintIR] = {}
    for begin in range(0, len(names), _READ_AT_ONCE):
        found |= read(engine, names[begin : begin + _READ_AT_ONCE], only_content=True)
    kept = [found[name] for name in names if name in found]
    if truncated_by is None and len(kept) < len(names):
        return Answer(kept, truncated_by="lineage_only", total=len(names))
    return Answer(kept, truncated_by=truncated_by)


def parents_of_new(engine: Engine, names: Iterable[str]) -> dict[str, Inheritance]:
    """Return what a child of these parents inherits, by the name given; unknown ones are left out."""
    rows = engine.read(query("blueprint/inherited"), {"names": sorted(set(names))})
    return {
        row["name"]: Inheritance(
            row["id"], row["version"], row["generation"] or 0, json.loads(row["limits"] or "{}")
        )
        for row in rows
    }


def ids(engine: Engine) -> Iterator[str]:
    """Yield the ids of all blueprints that are not archived, in the order of registration."""
    for row in engine.stream(query("blueprint/listed_ids")):
        yield row["id"]


def count(engine: Engine) -> int:
    """Count the blueprints that are not archived."""
    return engine.read(query("blueprint/count"))[0]["blueprints"]


def origins(engine: Engine, blueprint_id: str) -> dict[str, str]:
    """Return for each node of a blueprint the uid of the node that introduced it."""
    rows = engine.read(query("blueprint/origins"), {"id": blueprint_id})
    return {row["node_id"]: row["origin"] for row in rows}


def summaries(
    engine: Engine,
    *,
    tags: Sequence[str] = (),
    status: str | None = None,
    author: str | None = None,
    name: str | None = None,
    limit: int | None = None,
    archived: bool = False,
) -> Answer[Summary]:
    """List blueprints, newest registration first.

    Args:
        tags: Only those with all of these tags.
        archived: List archived ones too; asking for the status `archived` does the same.
    """
    filters: dict[str, Any] = {
        "tags": sorted(set(tags)),
        "status": status,
        "author": author,
        "name": name,
        "archived": archived or status == "archived",
    }
    most = MOST_SORTED if limit is None else min(max(limit, 0), MOST_SORTED)
    rows = engine.read(query("blueprint/summaries"), {**filters, "limit": most + 1})
    if len(rows) <= most:
        return Answer(map(summary_from, rows))
    total = engine.read(query("blueprint/summary_count"), filters)[0]["total"]
    return Answer(map(summary_from, rows[:most]), truncated_by="limit", total=total)


def same_as(engine: Engine, blueprint_id: str, under: str, limit: int | None = None) -> Answer[Summary]:
    """List blueprints that share an identity with one, itself included, oldest registration first.

    Args:
        under: `fingerprint` or `normal`.

    Raises:
        LineageOnlyError: Only the lineage of it is known.
    """
    most = MOST_SORTED if limit is None else min(max(limit, 0), MOST_SORTED)
    rows = engine.read(query("blueprint/same_as"), {"id": blueprint_id, "under": under, "limit": most + 1})
    if not rows:  # what has content is the same as itself
        raise LineageOnlyError(blueprint_id)
    return Answer(map(summary_from, rows[:most]), truncated_by="limit" if len(rows) > most else None)


def by_tags(engine: Engine, tags: Sequence[str], *, match_all: bool = False) -> list[str]:
    """List ids of blueprints that have one of the tags, most fitting first, or all of them.

    No tags find all blueprints. Archived ones are left out.
    """
    wanted = sorted(set(tags))
    if not wanted:
        return list(ids(engine))
    name = "blueprint/by_all_tags" if match_all else "blueprint/by_any_tag"
    return [row["id"] for row in engine.read(query(name), {"tags": wanted})]
