"""Derivations as they are stored, and the records made of them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from esper_graph.errors import IntegrityError
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import DerivationRecord
from esper_graph.store.engines import Engine, Row
from esper_graph.store.reach import View

_BATCH = 10_000
# Lists that go together travel several times as fast as a map for each derivation.
_COLUMNS = ("kinds", "mutation_types", "edits", "actors", "reasons", "times", "keys")
_REQUIRED = ("kind", "actor", "registered_at")


def record_of(child: str, parent: str, relationship: str, properties: Mapping[str, Any]) -> DerivationRecord:
    """Make the record of a derivation, whose time may be text.

    Raises:
        IntegrityError: It does not say what it is.
    """
    return _record(
        child,
        parent,
        relationship,
        properties.get("kind"),
        properties.get("mutation_type"),
        properties.get("edits"),
        properties.get("actor"),
        properties.get("reason"),
        properties.get("registered_at"),
        properties.get("key"),
    )


def record_of_list(child: str, values: Sequence[Any]) -> DerivationRecord:
    """Make the record of a derivation that came as a list of `lineage/derivations_above`.

    Raises:
        IntegrityError: It does not say what it is.
    """
    return _record(child, *values)


def records_of(
    children: Sequence[str], parents: Sequence[str], types: Sequence[str], row: Row
) -> tuple[DerivationRecord, ...]:
    """Make the records of derivations whose properties came as lists that go together.

    Raises:
        IntegrityError: One does not say what it is.
    """
    columns = (row[name] for name in _COLUMNS)
    return tuple(map(_record, children, parents, types, *columns))


def chain_of(row: Row) -> tuple[DerivationRecord, ...] | None:
    """Make the records of a row of `lineage/path`; None where there is no path."""
    ids = row["ids"]
    return None if ids is None else records_of(ids, ids[1:], row["types"], row)


def derivations_of(engine: Engine, children: Sequence[str], view: View) -> list[DerivationRecord]:
    """List the derivations from some blueprints to their parents: by child and parent, then oldest first."""
    found: list[DerivationRecord] = []
    ordered = sorted(children)
    for begin in range(0, len(ordered), _BATCH):
        (row,) = engine.read(
            get("lineage/derivations"),
            {
                "children": ordered[begin : begin + _BATCH],
                "rediscoveries": view.rediscoveries,
                "as_of": view.at,
            },
        )
        found += records_of(row["children"], row["parents"], row["types"], row)
    return sorted(
        found, key=lambda one: (one.child, one.parent, one.registered_at, one.rediscovery, one.kind)
    )


def time_of(text: str) -> datetime:
    """Read a time as engines write it: where its zone has a name, that stands in brackets behind the offset.

    Example:
        >>> time_of("2026-11-25T12:00:00.5Z[Etc/UTC]").isoformat()
        '2026-11-25T12:00:00.500000+00:00'
    """
    return datetime.fromisoformat(text.partition("[")[0])


def _record(
    child: str,
    parent: str,
    relationship: str,
    kind: str | None,
    mutation_type: str | None,
    edits: str | None,
    actor: str | None,
    reason: str | None,
    at: datetime | str | None,
    key: str | None,
) -> DerivationRecord:
    if kind is None or actor is None or at is None:
        missing = [name for name, value in zip(_REQUIRED, (kind, actor, at), strict=True) if value is None]
        raise IntegrityError(
            child, f"its derivation from `{parent}` has no {' and no '.join(missing)}", recorded=str(key)
        )
    return DerivationRecord(
        child,
        parent,
        kind,
        mutation_type,
        () if edits is None or edits == "[]" else tuple(json.loads(edits)),
        actor,
        reason,
        time_of(at) if isinstance(at, str) else at,
        relationship == "REDISCOVERED_FROM",
    )
