"""Make a blueprint ready to be registered: checked, named, fingerprinted and costed.

Pure, so it can run beside the writes of others.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esper_graph.config import Validation
from esper_graph.errors import BlueprintError
from esper_graph.ir.blueprint import LIMITS, BlueprintIR
from esper_graph.ir.check import check
from esper_graph.ir.cost import Costs, costs, reference_binding
from esper_graph.ir.specs import MAX_ID, Derivation

_SUFFIX = re.compile(r"_[0-9a-f]{12}$")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Prepared:
    """A blueprint that can be written.

    Attributes:
        blueprint: With its id and the limits that were raised for it.
        costs: At the registry's reference sizes.
        warnings: Supplied estimates that differ from the computed ones.
    """

    blueprint: BlueprintIR
    costs: Costs
    warnings: tuple[str, ...]


def prepare(
    blueprint: BlueprintIR,
    rules: Validation,
    sizes: Mapping[str, int],
    *,
    limits: Validation | None = None,
    derivations: Sequence[Derivation] | None = None,
    version: int | None = None,
) -> Prepared:
    """Check, name, fingerprint and cost a blueprint.

    Args:
        rules: The registry's rules.
        sizes: Reference sizes by name, see `ir.cost.reference_binding`.
        limits: The rules with what this call raised; None means none of them.
        derivations: Instead of the blueprint's own.
        version: Instead of the blueprint's own.

    Raises:
        BlueprintError: It is not valid; all problems are carried.
        LimitExceededError: It is too large, too deep, or too symmetric for an exact fingerprint.
    """
    allowed = limits or rules
    problems = check(blueprint, limits=allowed)
    if problems:
        raise BlueprintError.of(problems, blueprint.id or blueprint.name)
    total = costs(blueprint, reference_binding(blueprint.graph, blueprint.inference, sizes))
    warnings = tuple(_differences(blueprint, total))
    changes: dict[str, object] = {}
    if not blueprint.id:
        changes["id"] = id_of_name(blueprint.name, blueprint.fingerprint)
    if derivations is not None and tuple(derivations) != blueprint.derivations:
        changes["derivations"] = tuple(derivations)
    if version is not None and version != blueprint.version:
        changes["version"] = version
    raised = {
        name: getattr(allowed, name) for name in LIMITS if getattr(allowed, name) > getattr(rules, name)
    }
    if raised != dict(blueprint.limits):
        changes["limits"] = raised
    return Prepared(blueprint.changed(**changes) if changes else blueprint, total, warnings)


def id_of_name(name: str, fingerprint: str) -> str:
    """Make the id of a blueprint that has none: its name as an id, and twelve digits of the fingerprint.

    Example:
        >>> id_of_name("Simple MLP!", "f1:0123456789abcdef")
        'simple_mlp_0123456789ab'
    """
    stem = _NOT_IN_IDS.sub("_", name.strip().lower()).strip("._-") or "blueprint"
    return _with_digits(stem, fingerprint)


def id_of_child(parent_id: str, fingerprint: str) -> str:
    """Make the id of an evolved blueprint: its family's name, and twelve digits of the fingerprint.

    Example:
        >>> id_of_child("mlp_aaaabbbbcccc", "f1:0123456789abcdef")
        'mlp_0123456789ab'
    """
    return _with_digits(_SUFFIX.sub("", parent_id), fingerprint)


def _with_digits(stem: str, fingerprint: str) -> str:
    digits = fingerprint.partition(":")[2][:12]
    return f"{stem[: MAX_ID - len(digits) - 1]}_{digits}"


def _differences(blueprint: BlueprintIR, total: Costs) -> list[str]:
    supplied = {
        "estimated_flops": (blueprint.estimated_flops, total.flops),
        "estimated_parameters": (blueprint.estimated_parameters, total.parameters),
        "estimated_memory_mb": (blueprint.estimated_memory_mb, total.memory_mb),
    }
    return [
        f"{name} is {given:,}, computed is {computed:,}; the computed value is stored"
        for name, (given, computed) in supplied.items()
        if given is not None and abs(given - computed) > _TOLERANCE * max(abs(computed), 1)
    ]
