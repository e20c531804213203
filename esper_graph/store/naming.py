"""Find out which blueprint a name means."""

from collections.abc import Sequence

from esper_graph.errors import BlueprintNotFoundError, close_names
from esper_graph.property_graph.catalogue import get
from esper_graph.store.engines import Engine

_LATEST = "@latest"
_SHOWN = 10
_COMPARED = 2_000


def find(engine: Engine, name: str) -> str | None:
    """Return the id behind an id or alias, or None."""
    rows = engine.read(get("blueprint/find"), {"names": [name]})
    return rows[0]["id"] if rows else None


def exists(engine: Engine, name: str) -> bool:
    """Tell whether an id or alias names a blueprint."""
    return find(engine, name) is not None


def resolve(engine: Engine, reference: str) -> str:
    """Return the id that a reference means: an id, an alias, the beginning of one id, or `name@latest`.

    Raises:
        BlueprintNotFoundError: It means none, or several; the candidates are named.
    """
    found = find(engine, reference)
    if found is not None:
        return found
    if reference.endswith(_LATEST):
        latest = engine.read(get("blueprint/latest"), {"name": reference.removesuffix(_LATEST)})
        if latest:
            return latest[0]["id"]
        raise BlueprintNotFoundError(reference, close=close_ids(engine, reference.removesuffix(_LATEST)))
    if not reference:
        raise BlueprintNotFoundError(reference)
    rows = engine.read(get("blueprint/begins_with"), {"text": reference, "limit": _SHOWN})
    candidates = list(dict.fromkeys(row["id"] for row in rows))
    if len(candidates) == 1 and len(rows) < _SHOWN:
        return candidates[0]
    raise BlueprintNotFoundError(reference, close=candidates or close_ids(engine, reference))


def close_ids(engine: Engine, name: str) -> Sequence[str]:
    """List up to three ids or aliases that look like a name, best first.

    Only names with the same first letter are compared.
    """
    if not name:
        return ()
    rows = engine.read(get("blueprint/begins_with"), {"text": name[0], "limit": _COMPARED})
    return close_names(name, [row["name"] for row in rows])
