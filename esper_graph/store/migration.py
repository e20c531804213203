"""Bring a store up to date: compute again what follows from content by rules that have changed since."""

from collections.abc import Callable
from typing import NamedTuple

from esper_graph.ir.passes import NO_NORMAL
from esper_graph.property_graph.records import Operation
from esper_graph.store.engines import Engine
from esper_graph.store.likeness import LIKENESS, sweep
from esper_graph.store.normal import NORMAL
from esper_graph.store.renewal import renew


class Migration(NamedTuple):
    """What `migrate` did.

    Attributes:
        renewed: Ids of blueprints that had no normal fingerprint of the present passes before.
        without: Ids of those among them that have none: what is left of them is too symmetric for one.
        described: Ids of blueprints that had no features of the present version before.
    """

    renewed: tuple[str, ...]
    without: tuple[str, ...]
    described: tuple[str, ...]


def migrate(
    engine: Engine, operation: Operation, *, progress: Callable[[int, int], None] | None = None
) -> Migration:
    """Renew normal fingerprints, then features and edit keys, with one event.

    Args:
        progress: Called with how many are done and how many there are, of each in turn.

    Raises:
        IntegrityError: The content of one is not what was registered; those before it are written.
    """
    renewed: list[str] = []
    without: list[str] = []
    for values in renew(engine, operation, NORMAL, progress=progress):
        renewed += values
        without += [name for name, value in values.items() if value == NO_NORMAL]
    described = [name for found in renew(engine, operation, LIKENESS, progress=progress) for name in found]
    if described:
        sweep(engine)
    return Migration(tuple(renewed), tuple(without), tuple(described))
