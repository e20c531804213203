"""Prove that a blueprint's shapes agree for all sizes of its symbols, or find sizes for which they do not.

Inference answers for symbols as long as every equality that a shape rule needs holds by the canonical form of
the sizes, and records the rest as assumptions. Here both become *obligations*, together with what no single
rule looks at: that each size of each value is at least 1. `esper_graph.ir.bounds` decides them.

A blueprint is proved when all its obligations hold; then inference with any sizes in the ranges finds no
problem and the types that the symbolic ones say. It is refuted by sizes with which inference fails, which is
tried before it is said. What is left over is undecided, and said to be.

Rules of ops that were added with `register_op` are code of their own: with symbols at their inputs they are
tried, and are never part of a proof.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from esper_graph.errors import BlueprintError, FormatError, Problem, close_names, suggestion
from esper_graph.ir.bounds import CASES, Range, Ranges, Verdict, at_least_one, candidates, multiple_of, trends
from esper_graph.ir.check import check, default_limits, raise_limits
from esper_graph.ir.obligations import Kind, Obligation, obligations, sizes_of
from esper_graph.ir.smallest import by_total, smallest
from esper_graph.ops.attributes import LARGEST, bound_sizes
from esper_graph.ops.dims import Dim, Expression, evaluate, symbols
from esper_graph.ops.values import TensorType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

TRIED = 64
"""How many sizes inference is tried with where there is no obligation to evaluate."""
_ROOMY = 255
"""How far above their lowest the sizes are that a counter-example leaves open, where the lowest do not do."""
FURTHEST = 4096
"""The largest lowest size that is looked at for `Refuted.holds_from`."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What could be found out.

    Attributes:
        ranges: Lowest and highest size of each symbol, None where there is no highest.
        obligations: All that must hold, in topological order of the nodes.
    """

    ranges: Ranges
    obligations: tuple[Obligation, ...]
    verdict: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Proved(Proof):
    """The shapes agree for all sizes in the ranges."""

    verdict: ClassVar[str] = "proved"


@dataclass(frozen=True, slots=True)
class Refuted(Proof):
    """There are sizes with which the shapes do not agree.

    Attributes:
        binding: Such sizes, one for each symbol: of those with which this shows, the ones with the least
            total, the others at their lowest, where no more than a thousand had to be tried.
        problem: What inference says with them: the node, and the shapes that do not fit.
        holds_from: Lowest sizes from which on everything holds, or None where none were found.
    """

    binding: Mapping[str, int]
    problem: Problem
    holds_from: Mapping[str, int] | None = None
    verdict: ClassVar[str] = "refuted"


@dataclass(frozen=True, slots=True)
class Undecided(Proof):
    """Neither: no rule decides some obligations, and no counter-example was found.

    Attributes:
        tried: How many sizes were tried in search of one.
    """

    tried: int
    verdict: ClassVar[str] = "undecided"

    @property
    def open(self) -> tuple[Obligation, ...]:
        """The obligations that are left."""
        return tuple(obligation for obligation in self.obligations if obligation.rule is None)


def prove_shapes(blueprint: "BlueprintIR", ranges: Ranges | None = None) -> Proof:
    r"""Prove or refute that shapes agree for all sizes of a blueprint's symbols.

    A symbol is at least 1, and as large as makes the input axes it stands in at least 1; `ranges` may narrow
    that. Sizes beyond 2**31 - 1, which no attribute can say, are not looked at separately.

    Args:
        blueprint: Whose wiring and attributes are valid; its shapes need not be.
        ranges: Lowest and highest size of symbols, both included; None for no highest.

    Returns:
        `Proved`, `Refuted` with a counter-example, or `Undecided`.

    Raises:
        BlueprintError: Ids, attributes, wiring or the names of symbols are not valid, so that there are no
            shapes to speak of.
        FormatError: `ranges` names an unknown symbol, or leaves no size.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("edges")
        >>> image = b.input([-1, 3, "height", "height"])
        >>> b.output(b.conv2d(image, in_channels=3, out_channels=8, kernel_size=5, stride=2))
        >>> proof = prove_shapes(b.finish())
        >>> proof.verdict, proof.binding, proof.holds_from
        ('refuted', {'batch': 1, 'height': 1}, {'height': 5})
        >>> print(*prove_shapes(b.finish(), {"height": (5, None)}).obligations, sep="\n")
        conv2d: (height + 1)//2 - 2 >= 1  by corner
    """
    if others := _unsound(blueprint):
        raise BlueprintError.of(others, blueprint.id or blueprint.name)
    whole = blueprint.expanded
    ranges = _ranges(whole, ranges or {})
    fixed = {name: low for name, (low, high) in ranges.items() if low == high}
    bound = with_sizes(whole, fixed) if fixed else whole
    if problem := _problem(bound):
        return _refused(whole, bound, problem, ranges)
    decided: dict[tuple[Kind, Dim, Dim], Verdict | None] = {}
    found: list[Obligation] = []
    witnesses: list[tuple[Obligation, Mapping[str, int]]] = []
    for obligation in dict.fromkeys(obligations(bound)):
        verdict = _decide(obligation, ranges, decided)
        holds = verdict is not None and verdict.witness is None
        found.append(replace(obligation, rule=verdict.rule) if verdict is not None and holds else obligation)
        if verdict is not None and verdict.witness is not None:
            witnesses.append((obligation, verdict.witness))
    needed = tuple(found)
    unproved = [one for one in needed if one.rule is None]
    if not unproved:
        return Proved(ranges, needed)
    for obligation, witness in witnesses:
        if shown := _shown(whole, obligation, witness, ranges):
            return Refuted(ranges, needed, *shown, _holds_from(unproved, ranges))
    return _searched(whole, needed, ranges)


def _unsound(blueprint: "BlueprintIR") -> list[Problem]:
    """What is wrong besides shapes and limits; an undefined symbol is no shape either."""
    if not blueprint.problems:
        return []
    unlimited = raise_limits(default_limits(), max_nodes=LARGEST, max_edges=LARGEST, max_depth=LARGEST)
    problems = check(blueprint, limits=unlimited)
    return [one for one in problems if one.kind != "shape_mismatch" or "symbol" in one.facts]


def with_sizes(blueprint: "BlueprintIR", sizes: Mapping[str, int]) -> "BlueprintIR":
    """Return a copy with numbers in the place of some symbols, in inputs, attributes and declared shapes.

    Example:
        >>> from esper_graph.templates import create_squeezenet_fire
        >>> bound = with_sizes(create_squeezenet_fire(), {"batch": 2, "d0_2": 7, "d0_3": 7})
        >>> bound.nodes[0].attributes["shape"]
        (2, 96, 7, 7)
    """
    graph = blueprint.graph
    nodes = list(blueprint.nodes)
    for place, (node, op, values) in enumerate(zip(graph.nodes, graph.ops, graph.values, strict=True)):
        changes: dict[str, Any] = {
            name: declared
            for name in ("input_shape", "output_shape")
            if (declared := bound_sizes(getattr(node, name), sizes)) != getattr(node, name)
        }
        written = ("shape",) if node.op_type == "input" else op.expressions if op is not None else ()
        entries = {name: getattr(values, name) for name in written} if values is not None else {}
        bound = {name: bound_sizes(entry, sizes) for name, entry in entries.items()}
        bound = {name: entry for name, entry in bound.items() if entry != entries[name]}
        if bound:
            changes["attributes"] = {**node.attributes, **bound}
        if changes:
            nodes[place] = node.replace(**changes)
    edges = [
        edge
        if edge.tensor_shape is None
        else edge.replace(tensor_shape=bound_sizes(edge.tensor_shape, sizes))
        for edge in blueprint.edges
    ]
    return blueprint.replace(nodes=nodes, edges=edges)


# ---------------------------------------------------------------- the ranges


def _ranges(blueprint: "BlueprintIR", given: Ranges) -> Ranges:
    """The range of each symbol that some input defines."""
    axes = [size for value in _input_types(blueprint) for size in value.shape if isinstance(size, Expression)]
    names = {name for size in axes for name in symbols(size)}
    for name, (low, high) in given.items():
        if name not in names:
            hint = (
                suggestion(close_names(name, names))
                or f"its symbols are {', '.join(sorted(names)) or 'none'}"
            )
            _refuse(f"the blueprint has no symbol `{name}`", hint, symbol=name)
        if low < 1 or (high is not None and high < low):
            _refuse(f"the range of `{name}` holds no size: {low} to {high}", None, symbol=name)
    ranges: dict[str, Range] = {name: given.get(name, (1, None)) for name in sorted(names)}
    for size in axes:
        if len(symbols(size)) == 1:
            (name,) = symbols(size)
            ranges[name] = _narrowed(size, name, ranges[name])
    return ranges


def _narrowed(size: Expression, name: str, interval: Range) -> Range:
    """Leave out the sizes of a symbol at either end with which an axis of an input would have no elements."""
    low, high = interval
    trend = (trends(size, {name: interval}) or {}).get(name)
    last = LARGEST if high is None else high

    def is_empty(value: int) -> bool:
        return evaluate(size, {name: value}) < 1

    def is_full(value: int) -> bool:
        return not is_empty(value)

    if trend is None or (is_full(low) and is_full(last)):
        return interval
    if is_empty(low if trend < 0 else last):
        _refuse(f"no size of `{name}` in its range makes the input axis {size} at least 1", None, symbol=name)
    sizes = range(low, last + 1)
    if trend > 0:
        return sizes[bisect_left(sizes, 1, key=is_full)], high
    return low, sizes[bisect_left(sizes, 1, key=is_empty) - 1]


def _refuse(message: str, hint: str | None, **facts: object) -> NoReturn:
    raise FormatError(Problem("format", message, "ranges", hint, facts))


def _input_types(blueprint: "BlueprintIR") -> Iterator[TensorType]:
    for place in blueprint.graph.of_type("input"):
        for value in blueprint.inference.outputs[place] or ():
            if isinstance(value, TensorType):
                yield value


# ---------------------------------------------------------------- deciding


def _decide(
    obligation: Obligation, ranges: Ranges, decided: dict[tuple[Kind, Dim, Dim], Verdict | None]
) -> Verdict | None:
    key = (obligation.kind, obligation.size, obligation.other)
    if key not in decided:
        decided[key] = _verdict(obligation, ranges)
    return decided[key]


def _verdict(obligation: Obligation, ranges: Ranges) -> Verdict | None:
    if obligation.kind == "equal":
        return Verdict("canonical form") if obligation.size == obligation.other else None
    if obligation.kind == "positive":
        return at_least_one(obligation.size, ranges)
    if obligation.kind == "divisible" and isinstance(obligation.other, int):
        return multiple_of(obligation.size, obligation.other, ranges)
    return None


def _problem(blueprint: "BlueprintIR", where: str = "") -> Problem | None:
    """What keeps the shapes of a blueprint with these sizes from agreeing, here if it does, or None."""
    found = [*blueprint.graph.problems, *blueprint.inference.problems]
    return next((one for one in found if one.where == where), found[0] if found else None)


def _broken(obligation: Obligation, binding: Mapping[str, int]) -> bool:
    size, other = evaluate(obligation.size, binding), evaluate(obligation.other, binding)
    if obligation.kind == "positive":
        return size < 1
    return bool(size % other) if obligation.kind == "divisible" else size != other


def _searched(blueprint: "BlueprintIR", needed: tuple[Obligation, ...], ranges: Ranges) -> Proof:
    """Look for sizes with which an obligation that no rule decides does not hold."""
    unproved = [one for one in needed if one.rule is None]
    tried = 0
    for obligation in unproved:
        own = obligation.kind == "rule"
        names = set(ranges) if own else symbols(obligation.size) | symbols(obligation.other)
        for binding in islice(candidates(names, ranges), TRIED if own else None):
            tried += 1
            if own:
                problem = _problem(with_sizes(blueprint, binding))
                shown = (binding, problem) if problem else None
            else:
                shown = _broken(obligation, binding) and _shown(blueprint, obligation, binding, ranges)
            if shown:
                return Refuted(ranges, needed, *shown, _holds_from(unproved, ranges))
    return Undecided(ranges, needed, tried)


def _shown(
    blueprint: "BlueprintIR", obligation: Obligation, witness: Mapping[str, int], ranges: Ranges
) -> tuple[Mapping[str, int], Problem] | None:
    """The smallest sizes that break an obligation, and what inference says with them."""
    lowest = {name: low for name, (low, _) in ranges.items()}
    least = smallest(lambda binding: _broken(obligation, binding), witness, ranges, CASES)
    for sizes in (least, witness):
        binding = {**lowest, **sizes}
        if problem := _problem(with_sizes(blueprint, binding), f"node `{obligation.node}`"):
            return binding, problem
    return None


def _refused(whole: "BlueprintIR", bound: "BlueprintIR", problem: Problem, ranges: Ranges) -> Proof:
    """Look for sizes that show what inference refused for symbols: small ones, then some that are not."""
    node = str(problem.facts.get("node", problem.facts.get("edge", "")))
    needed = (Obligation(node, "rule", 0, 0, problem.message),)
    concerned = _concerned(bound, node) & ranges.keys() or set(ranges)
    tried = 0
    for others in ({name: low for name, (low, _) in ranges.items()}, dict(_raised(ranges))):
        for binding in islice(by_total(concerned, ranges), TRIED):
            tried += 1
            sizes = {**others, **binding}
            found = _problem(with_sizes(whole, sizes), problem.where)
            if found is not None and found.where == problem.where:
                return Refuted(ranges, needed, sizes, found)
    for binding in islice(candidates(set(ranges), ranges), TRIED):
        tried += 1
        if found := _problem(with_sizes(whole, binding), problem.where):
            return Refuted(ranges, needed, binding, found)
    return Undecided(ranges, needed, tried)


def _concerned(blueprint: "BlueprintIR", node: str) -> set[str]:
    """Name the symbols of what arrives at a node, and of its attributes."""
    place = blueprint.graph.position.get(node)
    if place is None:
        return set()
    settled, inputs = blueprint.graph.settled[place], blueprint.inference.inputs[place]
    written = {name for _, name in settled.symbols} if settled is not None else set[str]()
    return written | {name for size in sizes_of(inputs or ()) for name in symbols(size)}


def _raised(ranges: Ranges) -> Iterator[tuple[str, int]]:
    """Sizes large enough for most windows and strides."""
    for name, (low, high) in ranges.items():
        yield name, low + _ROOMY if high is None else min(low + _ROOMY, high)


def _holds_from(unproved: list[Obligation], ranges: Ranges) -> Mapping[str, int] | None:
    """Find lowest sizes from which on all of these hold: the least common one, then the least for each."""
    names = sorted({name for one in unproved for name in symbols(one.size) if ranges[name][1] is None})

    def holds(lows: Mapping[str, int]) -> bool:
        raised = {name: (max(low, lows.get(name, low)), high) for name, (low, high) in ranges.items()}
        verdicts = (_verdict(one, raised) for one in unproved)
        return all(verdict is not None and verdict.witness is None for verdict in verdicts)

    def least(name: str | None, lows: dict[str, int]) -> dict[str, int]:
        def at(value: int) -> dict[str, int]:
            return {**lows, **(dict.fromkeys(names, value) if name is None else {name: value})}

        low, high = 1, FURTHEST if name is None else lows[name]
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(at(middle)) else (middle + 1, high)
        return at(low)

    furthest = dict.fromkeys(names, FURTHEST)
    if not names or not holds(furthest):
        return None
    lows = least(None, furthest)
    for name in names:
        lows = least(name, lows)
    return {name: low for name, low in lows.items() if low > ranges[name][0]}
