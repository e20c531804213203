"""Read blueprints back, with the definitions of their blocks."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from esper_graph.errors import IntegrityError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.rows import Row, blocks_in, blueprint_from
from esper_graph.store.engines import Engine


def read(engine: Engine, names: Sequence[str], *, only_content: bool = False) -> dict[str, BlueprintIR]:
    """Return the blueprints of ids or aliases by the name given; unknown names are left out.

    One round trip, and two more where some of them use blocks.

    Args:
        only_content: Leave out those of which only the lineage is known.

    Raises:
        IntegrityError: What is stored is no longer what was registered.
        LineageOnlyError: Only the lineage of one is known.
    """
    found = recorded(engine, names, only_content=only_content)
    return {name: one.blueprint for name, one in found.items()}


class Recorded(NamedTuple):
    """A blueprint, and what was recorded beside its content."""

    blueprint: BlueprintIR
    properties: Mapping[str, Any]

    @property
    def reference_binding(self) -> dict[str, int]:
        """The sizes at which its recorded costs were computed."""
        return json.loads(self.properties["reference_binding"])


def recorded(engine: Engine, names: Sequence[str], *, only_content: bool = False) -> dict[str, Recorded]:
    """Return the blueprints of ids or aliases with their recorded properties, as `read` does."""
    rows = engine.read(get("blueprint/read"), {"names": list(names)})
    if only_content:
        rows = [row for row in rows if not row["properties"].get("lineage_only")]
    users = [row["properties"]["id"] for row in rows if blocks_in(row)]
    blocks = _definitions(engine, users) if users else {}
    return {row["name"]: Recorded(blueprint_from(row, blocks), row["properties"]) for row in rows}


def _definitions(engine: Engine, users: Sequence[str]) -> dict[str, BlueprintIR]:
    used = {row["id"]: row["fingerprint"] for row in engine.read(get("blueprint/used"), {"ids": list(users)})}
    rows = engine.read(get("blueprint/read"), {"names": list(used)})
    by_fingerprint = {used[row["name"]]: row for row in rows}
    known: dict[str, BlueprintIR] = {}
    for fingerprint in by_fingerprint:
        _define(fingerprint, by_fingerprint, known, ())
    return known


def _define(
    fingerprint: str, rows: Mapping[str, Row], known: dict[str, BlueprintIR], around: tuple[str, ...]
) -> None:
    """Build a definition after those that it uses itself."""
    if fingerprint in known or fingerprint not in rows:
        return
    row = rows[fingerprint]
    if fingerprint in around:
        properties = row["properties"]
        raise IntegrityError(
            str(properties["id"]), "it is a block of itself", recorded=str(properties["content_digest"])
        )
    for inner in blocks_in(row):
        _define(inner, rows, known, (*around, fingerprint))
    known[fingerprint] = blueprint_from(row, known)
