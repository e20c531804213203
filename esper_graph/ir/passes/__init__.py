"""Rewrites that keep what a blueprint computes; one pass a file, found by its name in `PASSES`.

>>> from esper_graph.ir.build import Builder
>>> b = Builder("mlp", name="MLP")
>>> _ = b.output(b.identity(b.input([-1, 8])))
>>> [node.op_type for node in optimize(b.finish()).nodes]
['input', 'output']
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.passes import dead_code, identities
from esper_graph.ir.passes.result import PassResult

__all__ = ["PASSES", "PASS_SET", "PassResult", "Step", "optimize", "optimize_explained"]

_Blueprint = TypeVar("_Blueprint", bound=BlueprintIR)
Pass = Callable[[BlueprintIR], PassResult]

PASSES: Mapping[str, Pass] = MappingProxyType({"identities": identities.run, "dead_code": dead_code.run})
VERSIONS: Mapping[str, int] = MappingProxyType(
    {"identities": identities.VERSION, "dead_code": dead_code.VERSION}
)
PASS_SET: tuple[str, ...] = tuple(f"{name}@{VERSIONS[name]}" for name in PASSES)
"""The passes that `optimize` runs, in order, with their versions: what compiled kernels record."""
_MOST_ROUNDS = 20


class Step(NamedTuple):
    """What one run of one pass did."""

    name: str
    before: int
    after: int
    notes: tuple[str, ...]


def optimize(blueprint: _Blueprint) -> _Blueprint:
    """Run all passes until none changes anything; see `BlueprintIR.optimize`.

    Raises:
        BlueprintError: The blueprint is not valid.
    """
    return optimize_explained(blueprint)[0]


def optimize_explained(
    blueprint: _Blueprint, names: Sequence[str] | None = None
) -> tuple[_Blueprint, tuple[Step, ...]]:
    """Run passes until none changes anything, and tell what each one did.

    Args:
        names: The passes to run, in this order; None means all.

    Raises:
        BlueprintError: The blueprint is not valid.
    """
    blueprint.validate()
    steps: list[Step] = []
    found: BlueprintIR = blueprint
    for _ in range(_MOST_ROUNDS):
        changed = False
        for name in names or PASSES:
            result = PASSES[name](found)
            if result.changed:
                steps.append(Step(name, len(found.nodes), len(result.blueprint.nodes), result.notes))
                found, changed = result.blueprint, True
        if not changed:
            break
    return found, tuple(steps)  # pyright: ignore[reportReturnType]
