"""A motif: a chain of ops to look for inside of blueprints, such as `conv > norm > activation, residual`."""

import re
from dataclasses import dataclass

from esper_graph.errors import FilterError, close_names, suggestion
from esper_graph.ops import OPS

MOST_STEPS = 12
_CHAIN = re.compile(r"(?P<steps>[^,]+)(,\s*(?P<around>\w+)\s*)?")


@dataclass(frozen=True, slots=True)
class Motif:
    """Nodes that feed one another in this order.

    Attributes:
        steps: The op types that each node may have.
        residual: Whether some node feeds both the first of them and a node that the last of them feeds.
    """

    steps: tuple[tuple[str, ...], ...]
    residual: bool = False


def parse_motif(text: str) -> Motif:
    """Read a motif: op types or families with `|` between them, `>` between steps, `, residual` at the end.

    Raises:
        FilterError: It is not of this form, names no op, or has more than twelve steps.

    Example:
        >>> parse_motif("linear > activation|dropout, residual")
        Motif(steps=(('linear',), ('activation', 'dropout')), residual=True)
    """
    found = _CHAIN.fullmatch(text.strip())
    if found is None or found["around"] not in (None, "residual"):
        raise FilterError(
            f"`{text}` is not a motif", text, hint="write it like `conv > norm > activation, residual`"
        )
    steps = tuple([_step(step) for step in found["steps"].split(">")])
    if len(steps) > MOST_STEPS:
        raise FilterError(f"a motif has at most {MOST_STEPS} steps, this one {len(steps)}", text)
    return Motif(steps, found["around"] is not None)


def _step(text: str) -> tuple[str, ...]:
    families: dict[str, list[str]] = {}
    for op in OPS.values():
        families.setdefault(op.family.lower(), []).append(op.op_type)
    chosen: set[str] = set()
    for name in map(str.strip, text.split("|")):
        if name in OPS:
            chosen.add(name)
        elif name.lower() in families:
            chosen.update(families[name.lower()])
        else:
            known = [*OPS, *families]
            raise FilterError(
                f"`{name}` is no op type and no family of ops",
                text,
                hint=suggestion(close_names(name, known))
                or "`esper-graph blueprint facets --by op` lists ops",
            )
    return tuple(sorted(chosen))
