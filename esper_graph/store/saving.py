"""Save blueprints with their derivations and the event, all in one transaction."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, NoReturn

from esper_graph.config import Manifest
from esper_graph.errors import (
    IdTakenError,
    IntegrityError,
    LineageCycleError,
    StoreError,
    UnknownParentError,
)
from esper_graph.ir.specs import Derivation
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.identifiers import new_id
from esper_graph.property_graph.likeness import Likeness, likeness, likeness_rows
from esper_graph.property_graph.records import Operation, Registration
from esper_graph.property_graph.registration import Prepared
from esper_graph.property_graph.rows import Row, derivation_key, derivation_properties, save_row
from esper_graph.store.awaited import claim, fill_external_parents
from esper_graph.store.engines import ConflictError, Engine, Transaction
from esper_graph.store.engines.values import message_bytes
from esper_graph.store.likeness import write_likeness
from esper_graph.store.naming import close_ids

BATCH_BYTES = 4 << 20
_ATTEMPTS = 3
_KEY_BYTES = 1_000  # more than the ids of parent and child and the key take, at their longest
_SENT = ("id", "fingerprint", "properties", "created_at", "nodes", "feeds", "tags", "categories", "names")
_OWN_WORDS = ("name", "description", "author")  # of a known structure, those of the first stay
_NOT_CONTENT = frozenset({"uid", "position", "origin"})


def save(
    engine: Engine,
    prepared: Iterable[Prepared],
    operation: Operation,
    manifest: Manifest,
    *,
    external_parents: bool = False,
) -> list[Registration]:
    """Save blueprints in one transaction with one event; repeating the operation changes nothing.

    A structure that is known keeps its record: the id given here becomes an alias of it, tags are added, and
    derivations are kept as rediscoveries. Blueprints may derive from others of the same call, in any order.

    Args:
        manifest: Says which categories the tags lead to.
        external_parents: Keep parents that the store does not hold as names only.

    Returns:
        What became of each blueprint, in the order given.

    Raises:
        IdTakenError: An id already names another structure; nothing is written.
        UnknownParentError: A parent is not in the store; nothing is written.
        LineageCycleError: Blueprints would be their own ancestors; nothing is written.
        StoreError: They are too many for one message; nothing is written.
    """
    batch = Batch(operation, manifest, external_parents=external_parents)
    for one in prepared:
        if not batch.add(one):
            raise StoreError(
                f"these blueprints take more than the {BATCH_BYTES >> 20} MiB of one message",
                hint="save them in several batches",
            )
    return batch.save(engine)


class _StaleError(Exception):
    """What was looked up before the write was no longer so."""


@dataclass(slots=True)
class _Item:
    """One structure of a batch.

    Attributes:
        row: What is sent.
        likeness: Its features and edit keys, which are sent after it.
        prepared: All blueprints of the batch that have it; the first gives its record the id.
    """

    row: Row
    likeness: Likeness
    prepared: list[Prepared] = field(default_factory=list[Prepared])


@dataclass(slots=True)
class _Parent:
    """A parent of a blueprint in the batch: what is in the store, or will be."""

    id: str
    generation: int
    nodes: Mapping[str, Row]


class Batch:
    """Blueprints that are saved together, in one transaction with one event.

    Their rows are made when they are added, so that this can be done beside the writing of other batches.

    Args:
        manifest: Says which categories the tags lead to.
        external_parents: Keep parents that the store does not hold as names only.
    """

    def __init__(self, operation: Operation, manifest: Manifest, *, external_parents: bool = False) -> None:
        self.prepared: list[Prepared] = []
        self.items: dict[str, _Item] = {}
        self.by_name: dict[str, _Item] = {}
        self._operation = operation
        self._manifest = manifest
        self._external_parents = external_parents
        self._event_id = new_id()
        self._bytes = 0

    def add(self, one: Prepared) -> bool:
        """Add a blueprint and tell whether there was room for it; the first always finds some.

        Raises:
            IdTakenError: Its id names another structure of this batch.
        """
        blueprint, actor = one.blueprint, self._operation.actor
        size = sum(_derivation_bytes(derivation, actor) for derivation in blueprint.derivations)
        item = self.items.get(blueprint.fingerprint)
        if item is None:
            categories = self._manifest.categories_of(blueprint.tags)
            row = save_row(blueprint, one.costs, operation_id=self._operation.id, categories=categories)
            item = _Item(row, likeness(blueprint))
            size += message_bytes(row) + message_bytes(likeness_rows({blueprint.id: item.likeness}))
        else:
            size += message_bytes([blueprint.id, *blueprint.tags])
        row = item.row
        if self.prepared and self._bytes + size > BATCH_BYTES:
            return False
        holder = self.by_name.setdefault(blueprint.id, item)
        if holder is not item:
            raise IdTakenError(blueprint.id, held=holder.row["fingerprint"], offered=blueprint.fingerprint)
        if not set(blueprint.tags) <= set(row["tags"]):
            row["tags"] = sorted({*row["tags"], *blueprint.tags})
            row["categories"] = sorted(self._manifest.categories_of(row["tags"]))
        if blueprint.id not in row["names"]:
            row["names"].append(blueprint.id)
        item.prepared.append(one)
        self.items[blueprint.fingerprint] = item
        self.prepared.append(one)
        self._bytes += size
        return True

    def save(self, engine: Engine) -> list[Registration]:
        """Write everything and say what became of each blueprint; answers and errors as in `save`."""
        if not self.prepared:
            return []
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                saved = engine.write(
                    lambda transaction: self._write(engine, transaction),
                    name=self._operation.action,
                    retry_conflicts=True,
                    in_turn=True,
                )
            except _StaleError:  # a parent came, went or got another id between look-up and write
                if attempt == _ATTEMPTS:
                    raise StoreError("the parents kept changing while the blueprint was written") from None
            except ConflictError:
                _refuse_taken(engine.read(get("blueprint/holders"), {"names": sorted(self.by_name)}), self)
                raise
            else:
                return self._registrations(saved)
        raise AssertionError("the loop returns or raises")

    def _write(self, engine: Engine, transaction: Transaction) -> dict[str, Row]:
        """Write everything, and return by fingerprint what the store says about it."""
        rows = self._derive(engine, transaction)
        shared = {
            "operation_id": self._operation.id,
            "at": self._operation.at.isoformat(),
            "event": {
                "id": self._event_id,
                "actor": self._operation.actor,
                "action": self._operation.action,
                "reason": self._operation.reason,
                "detail": json.dumps(dict(self._operation.detail), sort_keys=True, ensure_ascii=False),
            },
        }
        sent = [_sent(row, number) for number, row in enumerate(rows)]
        saved: dict[str, Row] = {
            rows[result["number"]]["fingerprint"]: result
            for result in transaction.run(get("blueprint/save"), {"rows": sent, **shared})
        }
        if len(saved) < len(rows):
            self._refuse_taken_inside(transaction)
        for row in rows:
            result = saved[row["fingerprint"]]
            if result["fresh"] and result["feeds"] != len(row["feeds"]):
                raise IntegrityError(
                    row["id"],
                    f"{result['feeds']} of {len(row['feeds'])} edges go forward, so it was not written",
                    recorded=row["properties"]["content_digest"],
                )
        fresh = [self.items[fingerprint] for fingerprint, result in saved.items() if result["fresh"]]
        write_likeness(transaction, {item.row["id"]: item.likeness for item in fresh})
        awaited = {name: result["id"] for result in saved.values() for name in result["awaited"]}
        awaited |= self._join(transaction, rows, saved)
        self._use(transaction, rows, saved)
        if awaited:
            fill_external_parents(transaction, awaited)
        return saved

    def _join(
        self, transaction: Transaction, rows: Sequence[Row], saved: Mapping[str, Row]
    ) -> dict[str, str]:
        """Write aliases and derivations, where there are any; return the ids of names that are awaited."""
        joins: list[Row] = []
        for row in rows:
            result = saved[row["fingerprint"]]
            own: list[Row] = row["derivations"]
            rediscovered: list[Row] = row["rediscoveries"]
            join = {
                "names": [name for name in row["names"] if name != result["id"]],
                "derived": own if result["own"] else [],
                "rediscovered": rediscovered if result["own"] else own + rediscovered,
                "external": row["external"],
            }
            if any(join.values()):
                joins.append({"id": result["id"], **join})
        if not joins:
            return {}
        outside = [derivation["parent"] for join in joins for derivation in join["external"]]
        if outside:
            claim(transaction, outside)
        awaited: dict[str, str] = {}
        expected = {join["id"]: len(join["derived"]) for join in joins}
        for joined in transaction.run(get("blueprint/join"), {"rows": joins}):
            if joined["taken"]:
                self._refuse_taken_inside(transaction)
            if joined["derived"] != expected.pop(joined["id"]):
                raise _StaleError
            awaited |= dict.fromkeys(joined["awaited"], joined["id"])
        if expected:
            raise _StaleError
        return awaited

    def _use(self, transaction: Transaction, rows: Sequence[Row], saved: Mapping[str, Row]) -> None:
        """Write which blueprints the blocks of new ones are."""
        new = [(saved[row["fingerprint"]], row["uses"]) for row in rows if row["uses"]]
        uses = [{"id": result["id"], "uses": names} for result, names in new if result["own"]]
        if not uses:
            return
        found = {row["id"]: row["used"] for row in transaction.run(get("blueprint/use"), {"rows": uses})}
        for use in uses:
            if found.get(use["id"]) != len(use["uses"]):
                raise StoreError(f"a block of `{use['id']}` is not in the store, so it was not written")

    def _refuse_taken_inside(self, transaction: Transaction) -> NoReturn:
        _refuse_taken(transaction.run(get("blueprint/holders"), {"names": sorted(self.by_name)}), self)
        raise _StaleError

    def _registrations(self, saved: Mapping[str, Row]) -> list[Registration]:
        """Say what became of each blueprint."""
        registrations: list[Registration] = []
        for one in self.prepared:
            asked, fingerprint = one.blueprint.id, one.blueprint.fingerprint
            result = saved[fingerprint]
            warnings = one.warnings
            for what in _OWN_WORDS:
                offered = getattr(one.blueprint, what)
                if offered and offered != result[what]:
                    known = f"the structure is known as `{result['id']}`, with the {what} {result[what]!r}"
                    warnings = (*warnings, f"{known}; the {what} {offered!r} is not kept")
            registrations.append(
                Registration(
                    id=result["id"],
                    fingerprint=fingerprint,
                    created=result["own"] and self.items[fingerprint].prepared[0] is one,
                    alias=asked if asked != result["id"] else None,
                    warnings=warnings,
                )
            )
        return registrations

    # ---------------------------------------------------------------- derivations

    def _derive(self, engine: Engine, transaction: Transaction) -> list[Row]:
        """Fill in derivations, generations and origins; return the rows, parents before children."""
        if not any(one.blueprint.derivations for one in self.prepared):
            return [item.row for item in self.items.values()]
        parents = self._known_parents(transaction)
        rows: list[Row] = []
        for item in self._parents_first():
            row = item.row
            for name in ("derivations", "rediscoveries", "external"):
                row[name] = []
            above: list[_Parent] = []
            keys: set[str] = set()  # whoever is given twice derives once
            for place, one in enumerate(item.prepared):
                for target, parent, derivation in self._derivations_of(engine, item, one, parents):
                    if derivation["key"] in keys:
                        continue
                    keys.add(derivation["key"])
                    first = place == 0 and target == "derivations"
                    row[target if first or target == "external" else "rediscoveries"].append(derivation)
                    if first and parent is not None:
                        above.append(parent)
            row["properties"]["generation"] = 1 + max((parent.generation for parent in above), default=-1)
            nodes = {node["node_id"]: node for family in row["nodes"].values() for node in family}
            _trace_origins(nodes, above)
            for name in row["names"]:
                parents.setdefault(name, _Parent(row["id"], row["properties"]["generation"], nodes))
            rows.append(row)
        return rows

    def _known_parents(self, transaction: Transaction) -> dict[str, _Parent]:
        wanted = {name for one in self.prepared for name in one.blueprint.parents}
        known: dict[str, _Parent] = {}
        inside = {self.by_name[name].row["fingerprint"] for name in wanted if name in self.by_name}
        asked = {"names": sorted(wanted - self.by_name.keys()), "fingerprints": sorted(inside)}
        # Held first and read then: an engine may do in any order what stands in one statement.
        transaction.run(get("blueprint/hold"), asked)
        for row in transaction.run(get("blueprint/parents"), asked):
            nodes = {node["node_id"]: node for node in row["nodes"]}
            fingerprint = row["fingerprint"]
            names = [row["name"]] if fingerprint is None else self.items[fingerprint].row["names"]
            known.update(dict.fromkeys(names, _Parent(row["id"], row["generation"], nodes)))
        return known

    def _derivations_of(
        self, engine: Engine, item: _Item, one: Prepared, parents: Mapping[str, _Parent]
    ) -> Iterator[tuple[str, _Parent | None, Row]]:
        counts: dict[str, int] = {}
        for place, derivation in enumerate(one.blueprint.derivations):
            name = derivation.parent_id
            parent = parents.get(name)
            inside = self.by_name.get(name)
            target, parent_id = "derivations", name
            if inside is not None and (inside is item or parent is None):  # it, or one that is written later
                target, parent_id = "rediscoveries", inside.row["id"] if parent is None else parent.id
            elif parent is not None:
                parent_id = parent.id
            elif self._external_parents:
                target = "external"
            else:
                raise UnknownParentError(name, child=one.blueprint.id, close=close_ids(engine, name))
            if target == "rediscoveries" and name == one.blueprint.id:
                raise LineageCycleError(name, name, [name, name])
            key = derivation_key(one.blueprint.id, derivation.kind, parent_id)
            number = counts[key] = counts.get(key, -1) + 1
            key = derivation_key(one.blueprint.id, derivation.kind, parent_id, number)
            properties = derivation_properties(derivation, place, self._operation.actor)
            yield target, parent, {"parent": parent_id, "key": key, "properties": properties}

    def _parents_first(self) -> list[_Item]:
        """Order the items so that parents stand before their children."""
        above = {
            fingerprint: {
                self.by_name[name].row["fingerprint"]
                for name in item.prepared[0].blueprint.parents
                if name in self.by_name and self.by_name[name] is not item
            }
            for fingerprint, item in self.items.items()
        }
        if not any(above.values()):
            return list(self.items.values())
        try:
            return [self.items[fingerprint] for fingerprint in TopologicalSorter(above).static_order()]
        except CycleError as error:
            ids = [self.items[fingerprint].row["id"] for fingerprint in reversed(error.args[1])]
            raise LineageCycleError(ids[0], ids[1], ids) from None


def _trace_origins(nodes: Mapping[str, Row], parents: Sequence[_Parent]) -> None:
    """Let nodes that a parent has in the same form come from where that parent's came from."""
    for node in nodes.values():
        node["origin"] = node["uid"]
        for parent in parents:
            same = parent.nodes.get(node["node_id"])
            if same is not None and _content(same) == _content(node):
                node["origin"] = same["origin"]
                break


def _content(node: Row) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in _NOT_CONTENT}


def _sent(row: Row, number: int) -> Row:
    """What of a row `blueprint/save` needs."""
    return {"number": number, **{name: row[name] for name in _SENT}}


def _derivation_bytes(derivation: Derivation, actor: str) -> int:
    """Give an upper bound of what a derivation takes in a message."""
    return _KEY_BYTES + message_bytes(derivation_properties(derivation, 0, actor))


def _refuse_taken(holders: Sequence[Row], batch: Batch) -> None:
    for holder in holders:
        offered = batch.by_name[holder["name"]].row["fingerprint"]
        if holder["fingerprint"] != offered:
            raise IdTakenError(holder["name"], held=holder["fingerprint"], offered=offered)
