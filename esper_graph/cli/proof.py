"""Proofs of shapes, for people and as data."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from esper_graph.errors import BlueprintError

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.ir.bounds import Range, Ranges
    from esper_graph.ir.prove import Proof


class RangeType(click.ParamType["tuple[str, Range]"]):
    """A range of sizes of a symbol: `height=32..512`, `height=32..` without end, `height=224` alone."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "tuple[str, Range]":
        """Read one range."""
        if not isinstance(value, str):
            return value
        name, _, sizes = value.partition("=")
        low, dots, high = sizes.partition("..")
        if not name or not low.isdecimal() or (high and not high.isdecimal()):
            self.fail(
                f"`{value}` is not a range; write height=32..512, height=32.. or height=224", param, ctx
            )
        last = int(high) if high else None if dots else int(low)
        return name, (int(low), last)


def proof_document(proof: "Proof") -> dict[str, Any]:
    """Return a proof as plain data; sizes are text, since they may be expressions."""
    from esper_graph.ir.prove import Refuted, Undecided

    found: dict[str, Any] = {
        "verdict": proof.verdict,
        "ranges": {name: list(interval) for name, interval in proof.ranges.items()},
        "obligations": [
            {
                "node": one.node,
                "kind": one.kind,
                "size": str(one.size),
                "other": str(one.other),
                "reason": one.reason,
                "rule": one.rule,
            }
            for one in proof.obligations
        ],
    }
    if isinstance(proof, Refuted):
        found["binding"] = dict(proof.binding)
        found["problem"] = {"message": proof.problem.message, "where": proof.problem.where}
        found["holds_from"] = None if proof.holds_from is None else dict(proof.holds_from)
    elif isinstance(proof, Undecided):
        found["tried"] = proof.tried
    return found


def proof_lines(name: str, proof: "Proof") -> Iterator[str]:
    """Say what was found out about one blueprint: the verdict, and what it rests on or fails at."""
    from esper_graph.ir.prove import Refuted, Undecided

    yield ""
    yield f"{name}: shapes {proof.verdict} for {_shown_ranges(proof) or 'the sizes that are written'}"
    if isinstance(proof, Refuted):
        yield f"  with {_shown(proof.binding) or 'any sizes'}: {proof.problem.message}"
        if proof.holds_from:
            yield f"  holds from {_shown(proof.holds_from)} on"
        return
    if isinstance(proof, Undecided):
        yield f"  no counter-example among {proof.tried:,} sizes that were tried; not decided are"
        yield from (f"  {one}" for one in proof.open)
        return
    rules: dict[str, int] = {}
    for one in proof.obligations:
        rules[one.rule or ""] = rules.get(one.rule or "", 0) + 1
    if rules:
        yield "  " + ", ".join(f"{count:,} by {rule}" for rule, count in rules.items())


def with_counter_example(blueprint: "BlueprintIR", error: BlueprintError, ranges: "Ranges") -> BlueprintError:
    """Return the error of a blueprint whose shapes do not fit, with the smallest sizes that show it.

    An error about something else is returned as it is: there are no shapes to speak of.
    """
    from esper_graph.ir.prove import Proved, Refuted, prove_shapes

    if any(problem.kind != "shape_mismatch" for problem in error.problems):
        return error
    proof = prove_shapes(blueprint, ranges)
    problems = list(error.problems)
    if isinstance(proof, Refuted) and proof.binding:
        at = next((at for at, one in enumerate(problems) if one.where == proof.problem.where), 0)
        message = f"{problems[at].message}; with {_shown(proof.binding)}: {proof.problem.message}"
        facts = {**problems[at].facts, "counter_example": dict(proof.binding)}
        problems[at] = replace(problems[at], message=message, facts=facts)
    elif isinstance(proof, Proved):
        hint = "they fit for all sizes in --range: write these sizes, or one name for both, into the inputs"
        problems[0] = replace(problems[0], hint=hint)
    return BlueprintError.of(problems, error.blueprint_id)


def _shown(sizes: Any) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


def _shown_ranges(proof: "Proof") -> str:
    shown = [
        f"{name} >= {low}"
        if high is None
        else f"{name} = {low}"
        if low == high
        else f"{low} <= {name} <= {high}"
        for name, (low, high) in proof.ranges.items()
    ]
    return ", ".join(shown)
