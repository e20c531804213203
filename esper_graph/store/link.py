"""Add a derivation between two blueprints that both exist: the only write that could close a cycle.

Whoever does it takes the lineage lock first, so that nobody can add the other half of a cycle between the
search for a path and the write.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from esper_graph.errors import (
    BlueprintNotFoundError,
    LineageCycleError,
    QueryError,
    UnknownParentError,
    close_names,
    suggestion,
)
from esper_graph.ir.specs import DERIVATION_KINDS, Derivation, DerivationKind, freeze
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.records import Operation
from esper_graph.store.engines import Engine, Row, Transaction
from esper_graph.store.journal import note_event


def link(
    engine: Engine,
    child: str,
    parent: str,
    *,
    kind: str,
    operation: Operation,
    reason: str | None = None,
    mutation_type: str | None = None,
    edits: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Record that a registered blueprint also derives from another one.

    Generations downstream are numbered anew in the same transaction. What is linked already in this way stays
    as it is.

    Args:
        child: Id of the blueprint that derives.
        parent: Id of the one that it derives from.
        kind: One of the closed list of derivation kinds.
        reason: Why; the operation's reason unless given.

    Returns:
        Whether the derivation is new.

    Raises:
        LineageCycleError: The parent descends from the child, or is the child.
        BlueprintNotFoundError: The child does not exist.
        UnknownParentError: The parent does not exist.
        QueryError: There is no such kind.
        FormatError: The mutation type, the reason or the edits are not such as can be read again.
    """
    if kind not in DERIVATION_KINDS:
        raise QueryError(
            f"`{kind}` is no kind of derivation",
            hint=suggestion(close_names(kind, DERIVATION_KINDS)) or f"one of {', '.join(DERIVATION_KINDS)}",
        )
    why = reason or operation.reason
    Derivation(
        parent_id=parent,
        kind=cast(DerivationKind, kind),
        mutation_type=mutation_type,
        edits=tuple(map(freeze, edits)),
        reason=why,
    )  # what is written must be what can be read: the child holds it from then on
    properties = {
        "kind": kind,
        "mutation_type": mutation_type,
        "edits": json.dumps([dict(edit) for edit in edits], sort_keys=True),
        "actor": operation.actor,
        "reason": why,
    }

    def work(transaction: Transaction) -> bool:
        transaction.run(get("lineage/lock"))
        asked = {"child": child, "parent": parent, "kind": kind, "operation_id": operation.id}
        (state,) = transaction.run(get("lineage/link_state"), asked)
        if state["child"] is None:
            raise BlueprintNotFoundError(child)
        if state["parent"] is None:
            raise UnknownParentError(parent, child=child)
        if child == parent:
            raise LineageCycleError(child, parent, [child, child])
        if state["linked"] or state["repeated"]:
            return bool(state["repeated"])
        (way,) = transaction.run(get("lineage/path"), {"child": parent, "ancestor": child})
        if way["ids"] is not None:
            raise LineageCycleError(child, parent, [child, *way["ids"]])
        # Before the derivation is written: the embedded engine would not see from then on what others add.
        if state["child_generation"] <= state["parent_generation"]:
            renumber(transaction, child, least=state["parent_generation"] + 1)
        transaction.run(
            get("lineage/link"),
            {
                "child": child,
                "parent": parent,
                "key": f"{child}|{kind}|{parent}",
                "properties": {name: value for name, value in properties.items() if value is not None},
                "registered_at": operation.at.isoformat(),
            },
        )
        note_event(transaction, operation, [child, parent])
        return True

    return engine.write(work, name="lineage/link", retry_conflicts=True)


def renumber(transaction: Transaction, blueprint_id: str, *, least: int = 0) -> None:
    """Give a blueprint and all below it 1 + the largest generation of their parents.

    Looks again after each change: whoever adds a child holds its parents (`blueprint/hold`), and numbering
    them waits for that, so children that came meanwhile are seen only then.

    Args:
        least: What the blueprint's own generation must be at least, for a parent that it is about to get.
    """
    while changed := _misnumbered(transaction, blueprint_id, least):
        for begin in range(0, len(changed), 5_000):
            transaction.run(get("lineage/set_generations"), {"generations": changed[begin : begin + 5_000]})


def _misnumbered(transaction: Transaction, blueprint_id: str, least: int) -> list[Row]:
    """List what has another generation than it should have, with the right one, parents before children."""
    rows = {row["id"]: row for row in transaction.run(get("lineage/generations_below"), {"id": blueprint_id})}
    waiting = {member: sum(parent["id"] in rows for parent in row["parents"]) for member, row in rows.items()}
    below: dict[str, list[str]] = {member: [] for member in rows}
    for member, row in rows.items():
        for parent in row["parents"]:
            if parent["id"] in below:
                below[parent["id"]].append(member)
    generations: dict[str, int] = {}
    ready = [member for member, count in waiting.items() if not count]
    for member in ready:  # grows while it is walked: parents before their children
        above: list[int] = [
            generations[parent["id"]] if parent["id"] in generations else parent["generation"]
            for parent in rows[member]["parents"]
        ]
        generations[member] = max(1 + max(above, default=-1), least if member == blueprint_id else 0)
        for follower in below[member]:
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    return [
        {"id": member, "generation": generation}
        for member, generation in generations.items()
        if rows[member]["generation"] != generation
    ]
