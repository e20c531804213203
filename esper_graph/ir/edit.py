"""Edits: typed changes of a blueprint, as values. An edit never touches its input.

>>> from esper_graph.ir.build import Builder
>>> b = Builder("mlp", name="MLP")
>>> hidden = b.linear(b.input([-1, 8]), in_features=8, out_features=4, id="fc1")
>>> _ = b.output(b.linear(hidden, in_features=4, out_features=2, id="fc2"))
>>> outcome = apply_edits(b.finish(), [SetAttribute(node_id="fc1", attribute="out_features", value=16)])
>>> outcome.blueprint.node("fc2").attributes["in_features"], [edit.type for edit in outcome.edits]
(16, ['modify_attribute', 'repair_attribute'])
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from esper_graph.errors import BlueprintError, EvolutionError, FormatError, close_names, suggestion
from esper_graph.ir.blocks import BLOCK
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.draft import Draft
from esper_graph.ir.edit_kinds import (
    EDITS,
    AddEdge,
    AddNode,
    DefineBlock,
    Edit,
    RemoveEdge,
    RemoveNode,
    RepairAttribute,
    RewireEdge,
    SetAttribute,
    SetEdge,
    SetField,
    SetNode,
    UnsetAttribute,
)
from esper_graph.ir.repair import repairs
from esper_graph.ir.specs import EdgeSpec, NodeSpec, freeze

__all__ = [
    "EDITS",
    "AddEdge",
    "AddNode",
    "DefineBlock",
    "Edit",
    "Outcome",
    "RemoveEdge",
    "RemoveNode",
    "RepairAttribute",
    "RewireEdge",
    "SetAttribute",
    "SetEdge",
    "SetField",
    "SetNode",
    "UnsetAttribute",
    "apply_edits",
    "edit_from",
]

_NAMES = ("node_id", "edge_id", "after", "on_edge", "attribute", "field", "source", "target")


class Outcome(NamedTuple):
    """What edits made of a blueprint.

    Attributes:
        blueprint: The changed blueprint: without id, lineage and estimates, which belonged to the old one.
        edits: The edits in order, repairs included: applied without repair they give the same again.
    """

    blueprint: BlueprintIR
    edits: tuple[Edit, ...]


def edit_from(data: Mapping[str, Any]) -> Edit:
    """Read an edit from plain data, such as the mutations that `evolve` takes.

    Raises:
        EvolutionError: The type is unknown, or a field is missing, unknown or ill-typed.

    Example:
        >>> edit_from({"type": "remove_node", "node_id": "dropout"})
        RemoveNode(node_id='dropout')
    """
    found = dict(data)
    name = found.pop("type", None)
    kind = EDITS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise EvolutionError(
            f"{name!r} is not a type of edit",
            hint=suggestion(close_names(str(name), EDITS)) or f"the types are {', '.join(EDITS)}",
        )
    known = {one.name for one in fields(kind)}
    for key in found:
        if key not in known:
            raise EvolutionError(
                f"the edit `{name}` has no field `{key}`",
                hint=suggestion(close_names(key, known)) or f"its fields are {', '.join(sorted(known))}",
            )
    try:
        for key, spec in (("node", NodeSpec), ("edge", EdgeSpec)):
            if isinstance(found.get(key), Mapping):
                found[key] = spec(**found[key])
            elif key in found and not isinstance(found[key], spec):
                raise EvolutionError(f"the field `{key}` of the edit `{name}` is no {spec.__name__}")
        if isinstance(found.get("definition"), str):
            found["definition"] = BlueprintIR.from_json(found["definition"])
        elif "definition" in found and not isinstance(found["definition"], BlueprintIR):
            raise EvolutionError(f"the field `definition` of the edit `{name}` is no document")
        if "value" in found:
            found["value"] = freeze(found["value"])
        for key, value in found.items():
            if key in _NAMES and not isinstance(value, str):
                raise EvolutionError(f"the field `{key}` of the edit `{name}` is {value!r}, not a name")
        return kind(**found)
    except TypeError:
        missing = sorted(one.name for one in fields(kind) if one.name not in found and one.default is MISSING)
        raise EvolutionError(f"the edit `{name}` lacks {', '.join(f'`{key}`' for key in missing)}") from None
    except (FormatError, ValueError) as error:
        raise EvolutionError(f"the edit `{name}` cannot be read: {error}") from None


def apply_edits(
    blueprint: BlueprintIR,
    edits: Iterable[Edit | Mapping[str, Any]],
    *,
    repair: bool = True,
    limits: Mapping[str, int] | None = None,
) -> Outcome:
    """Apply edits one after the other.

    Definitions of blocks that nobody uses any more are left out.

    Args:
        edits: Edits, or the plain data of edits.
        repair: Adjust attributes of consumers whose input changed, such as `in_features`; the adjustments
            become edits of their own.
        limits: Raised limits of the result, instead of the blueprint's own.

    Raises:
        EvolutionError: An edit does not fit; it is named by number.
        BlueprintError: The result is not valid.
    """
    applied: list[Edit] = []
    draft = Draft(blueprint)
    around = blueprint if limits is None else blueprint.changed(limits=dict(limits))
    for number, given in enumerate(edits, start=1):
        try:
            edit = given if isinstance(given, Edit) else edit_from(given)
            edit.apply(draft)
        except EvolutionError as error:
            raise EvolutionError(
                error.message, where=[f"edit {number}", *error.where], hint=error.hint
            ) from None
        except BlueprintError as error:
            raise EvolutionError(error.message, where=[f"edit {number}"], hint=error.hint) from None
        applied.append(edit)
    if not applied:
        raise EvolutionError("no edits were given, so nothing would change")
    changed = _successor(around, draft)
    if repair:
        for change in repairs(changed):
            mend = RepairAttribute(
                node_id=change.node_id, attribute=change.attribute, value=freeze(change.value)
            )
            mend.apply(draft)
            applied.append(mend)
        if isinstance(applied[-1], RepairAttribute):
            changed = _successor(around, draft)
    changed.validate()
    return Outcome(changed, tuple(applied))


def _successor(blueprint: BlueprintIR, draft: Draft) -> BlueprintIR:
    used = {node.attributes.get("blueprint") for node in draft.nodes if node.op_type == BLOCK}
    return BlueprintIR(
        name=blueprint.name,
        nodes=draft.nodes,
        edges=draft.edges,
        blocks={name: definition for name, definition in draft.blocks.items() if name in used},
        tags=blueprint.tags,
        author=blueprint.author,
        description=blueprint.description,
        min_compute_capability=blueprint.min_compute_capability,
        requires_features=blueprint.requires_features,
        limits=blueprint.limits,
    )
