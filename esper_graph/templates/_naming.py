"""Ids of templates' blueprints: a pure function of the arguments."""

from collections.abc import Callable
from inspect import signature

from esper_graph.ir.blueprint import BlueprintIR

_SUFFIX = 12


def finished(draft: BlueprintIR, template: Callable[..., BlueprintIR], **unspelled: object) -> BlueprintIR:
    """Check a draft, settle its id and fill in its computed costs.

    Args:
        draft: The blueprint, under the id that the template's own pattern gives.
        template: The function that made it.
        unspelled: Arguments that the id does not spell. Where each has its default the id stays; else the
            beginning of the fingerprint is added, so that two structures never have one id.

    Raises:
        BlueprintError: It is not valid, for example because it is larger than the limits allow.
    """
    draft.validate()
    parameters = signature(template).parameters
    plain = all(value == parameters[name].default for name, value in unspelled.items())
    digest = draft.fingerprint.partition(":")[2]
    costs = draft.cost()
    return draft.changed(
        id=draft.id if plain else f"{draft.id}_{digest[:_SUFFIX]}",
        estimated_flops=costs.flops,
        estimated_parameters=costs.parameters,
        estimated_memory_mb=costs.memory_mb,
    )
