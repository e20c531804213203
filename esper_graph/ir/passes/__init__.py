"""Rewrites that keep what a blueprint computes; one pass a file, found by its name in `PASSES`.

A pass is a function `BlueprintIR -> PassResult`. Outputs, in training and evaluation, stay what they are:
as numbers (the sign of a zero is not kept; sums and products have no order of their inputs, as in the
fingerprint, so they may round differently), with the same draws of random numbers (see `quiet`), and with the
parameters of every node that is left, under its id. A pass that ran changes nothing the second time.

`fold_norm` is for inference only: it changes parameters too, so it is not one of `PASSES`.

>>> from esper_graph.ir.build import Builder
>>> b = Builder("mlp", name="MLP")
>>> _ = b.output(b.identity(b.input([-1, 8])))
>>> [node.op_type for node in optimize(b.finish()).nodes]
['input', 'output']
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from esper_graph.errors import LimitExceededError, Problem
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.fingerprint import PREFIX
from esper_graph.ir.passes import (
    common_subexpressions,
    dead_code,
    fold_constants,
    legalise,
    simplify,
)
from esper_graph.ir.passes.figures import Figures, figures
from esper_graph.ir.passes.recording import derivations
from esper_graph.ir.passes.result import PassResult

__all__ = [
    "NORMAL_PREFIX",
    "NO_NORMAL",
    "PASSES",
    "PASS_SET",
    "PASS_SET_NAME",
    "Figures",
    "PassResult",
    "Step",
    "normal_fingerprint",
    "normal_fingerprint_or_none",
    "optimize",
    "optimize_explained",
]

_Blueprint = TypeVar("_Blueprint", bound=BlueprintIR)
Pass = Callable[[BlueprintIR], PassResult]

_MODULES = {
    "legalise": legalise,
    "simplify": simplify,
    "fold_constants": fold_constants,
    "common_subexpressions": common_subexpressions,
    "dead_code": dead_code,
}
PASSES: Mapping[str, Pass] = MappingProxyType({name: module.run for name, module in _MODULES.items()})
PASS_SET: tuple[str, ...] = tuple(f"{name}@{module.VERSION}" for name, module in _MODULES.items())
"""The passes that `optimize` runs, in order, with their versions."""
PASS_SET_NAME = sha256(" ".join(PASS_SET).encode()).hexdigest()[:8]
"""A name of this set of passes; another one as soon as a pass or its version is another."""
NORMAL_PREFIX = f"n1.{PASS_SET_NAME}:"
"""What normal fingerprints of the present passes begin with."""
NO_NORMAL = f"{NORMAL_PREFIX}none"
"""Says that a blueprint has none: what is left of it is too symmetric to be told apart with certainty."""
_MOST_ROUNDS = 100


class Step(NamedTuple):
    """What one run of one pass did."""

    name: str
    before: Figures
    after: Figures
    notes: tuple[str, ...]


def optimize(blueprint: _Blueprint) -> _Blueprint:
    """Run all passes until none changes anything; see `BlueprintIR.optimize`.

    Blocks are written out first, where there is something to do.

    Returns:
        The blueprint itself where there is nothing to do. Else a new one without an id, which derives from
        the given one by an `optimization` with edits, where that has an id.

    Raises:
        BlueprintError: The blueprint is not valid.
    """
    found, _ = _fixed_point(blueprint, tuple(PASSES))
    return _recorded(blueprint, found)


def optimize_explained(
    blueprint: _Blueprint, names: Sequence[str] | None = None
) -> tuple[_Blueprint, tuple[Step, ...]]:
    """Run passes until none changes anything, and tell what each one did.

    Args:
        names: The passes to run, in this order; None means all.

    Raises:
        BlueprintError: The blueprint is not valid.
    """
    found, runs = _fixed_point(blueprint, tuple(PASSES) if names is None else tuple(names))
    steps = tuple(
        Step(name, figures(before), figures(result.blueprint), result.notes) for name, before, result in runs
    )
    return _recorded(blueprint, found), steps


def normal_fingerprint(blueprint: BlueprintIR) -> str:
    """Return the fingerprint of the simplified blueprint, as `n1.<name of the pass set>:` and 64 digits.

    Equal ones compute the same under the same parameters. Different ones may do so too: passes do not know
    every equality.

    Raises:
        BlueprintError: The blueprint is not valid.
        LimitExceededError: What is left is too symmetric to be told apart with certainty.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> one, other = Builder("one"), Builder("other")
        >>> _ = one.output(one.flatten(one.input([-1, 2, 3])))
        >>> _ = other.output(other.identity(other.reshape(other.input([-1, 2, 3]), shape=[-1, 6])))
        >>> normal_fingerprint(one.finish()) == normal_fingerprint(other.finish())
        True
    """
    found, _ = _fixed_point(blueprint, tuple(PASSES))
    return NORMAL_PREFIX + found.expanded.fingerprint.removeprefix(PREFIX)


def normal_fingerprint_or_none(blueprint: BlueprintIR) -> str:
    """Return the normal fingerprint, or `NO_NORMAL` where what is left is too symmetric for one.

    Raises:
        BlueprintError: The blueprint is not valid.
    """
    try:
        return normal_fingerprint(blueprint)
    except LimitExceededError:
        blueprint.validate()
        return NO_NORMAL


def _fixed_point(
    blueprint: BlueprintIR, names: tuple[str, ...]
) -> tuple[BlueprintIR, list[tuple[str, BlueprintIR, PassResult]]]:
    blueprint.validate()
    found = start = blueprint.expanded
    runs: list[tuple[str, BlueprintIR, PassResult]] = []
    for _ in range(_MOST_ROUNDS):
        changed = False
        for name in names:
            result = PASSES[name](found)
            if result.changed:
                runs.append((name, found, result))
                found, changed = result.blueprint, True
        if not changed:
            return (blueprint if found is start else found), runs
    message = f"the passes {', '.join(names)} did not come to an end in {_MOST_ROUNDS} rounds"
    raise LimitExceededError(Problem("limit_exceeded", message), blueprint_id=blueprint.id)


def _recorded(before: _Blueprint, after: BlueprintIR) -> _Blueprint:
    if after is before:
        return before
    return after.changed(derivations=derivations(before, after, PASS_SET_NAME))  # pyright: ignore[reportReturnType]
