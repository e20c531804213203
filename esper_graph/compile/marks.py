"""What a kernel makes of fusion marks and of the memory plan: said for what it is."""

from collections import Counter
from collections.abc import Collection

from esper_graph.compile.job import Hint
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.fusion import fusion_groups

_APART = "the kernel calls one op after the other"
_FOLDED = "the norm is folded into the weights before it"
_PLAN = "torch allocates each result as it runs; `blueprint cost --memory` estimates what a plan would need"


def marks_of(blueprint: BlueprintIR, gone: Collection[str]) -> tuple[Hint, ...]:
    """Say of every kind of fusion group, and of the memory plan, whether the kernel does it.

    A group is honoured when a single op is left of it.

    Args:
        gone: Ids of the norms that are folded into weights.
    """
    counted: Counter[tuple[str, int, bool]] = Counter()
    for group in fusion_groups(blueprint):
        left = sum(node not in gone for node in group.nodes)
        counted[group.kind, left, left < len(group.nodes)] += 1
    groups = (
        Hint(None, "fusion", {"kind": kind, "groups": count}, "honoured", _FOLDED)
        if left == 1
        else Hint(
            None,
            "fusion",
            {"kind": kind, "groups": count},
            "not honoured",
            f"{_FOLDED}; else {_APART}" if folded else _APART,
        )
        for (kind, left, folded), count in sorted(counted.items())
    )
    return (*groups, Hint(None, "memory_plan", None, "not honoured", _PLAN))
