"""Proofs of shapes, for people and as data."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from esper_graph.ir.bounds import Range
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
