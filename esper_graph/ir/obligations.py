"""What must hold for the shapes of a blueprint to agree, collected from inference and the shape rules."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from esper_graph.ops import MODULES
from esper_graph.ops.dims import Dim, Expression, symbols
from esper_graph.ops.opdef import MEMO, Settled
from esper_graph.ops.values import TensorType, TupleType, ValueType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

Kind = Literal["equal", "positive", "divisible", "rule"]
_SHIPPED = frozenset(op_type for op_types in MODULES.values() for op_type in op_types)


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something that must hold for all sizes.

    Attributes:
        node: Id of the node that needs it, in the expanded blueprint.
        kind: `equal` (`size` is `other`), `positive` (`size` is at least 1), `divisible` (`size` is a
            multiple of `other`), or `rule` (the op's own rule accepts its inputs).
        size: The size concerned.
        other: What it is compared with.
        reason: What needs it.
        rule: Why it holds: `canonical form` or a rule of `esper_graph.ir.bounds`; None where it does not
            hold, or nothing decides it.
    """

    node: str
    kind: Kind
    size: Dim
    other: Dim
    reason: str
    rule: str | None = None

    def __str__(self) -> str:
        said = {
            "equal": f"{self.size} = {self.other}",
            "positive": f"{self.size} >= 1",
            "divisible": f"{self.size} is a multiple of {self.other}",
            "rule": self.reason,
        }[self.kind]
        return f"{self.node}: {said}" + (f"  by {self.rule}" if self.rule else "")


def obligations(blueprint: "BlueprintIR") -> Iterator[Obligation]:
    """List what must hold in a blueprint without blocks whose shapes have no problems, in topological order.

    A size of a result that is a size of an input too was shown to be positive where it came from.
    """
    graph, inference = blueprint.graph, blueprint.inference
    assumed: dict[int, list[Any]] = {}
    for place, assumption in inference.assumptions:
        assumed.setdefault(place, []).append(assumption)
    for place in graph.order or ():
        node, settled = graph.nodes[place], graph.settled[place]
        inputs, outputs = inference.inputs[place], inference.outputs[place]
        if settled is None or inputs is None or outputs is None:
            continue
        for size, other in equalities(settled, inputs):
            yield Obligation(node.id, "equal", size, other, f"sizes that {node.op_type} needs to be equal")
        if node.op_type not in _SHIPPED and any(isinstance(size, Expression) for size in sizes_of(inputs)):
            reason = f"the rule of the added op `{node.op_type}` accepts its inputs"
            yield Obligation(node.id, "rule", 0, 0, reason)
        known = set(sizes_of(inputs))  # shown where they come from
        for kind, size, by, reason in assumed.get(place, ()):
            known.add(size)
            yield Obligation(node.id, kind, size, by, reason)
        for size in dict.fromkeys(sizes_of(outputs)):
            if size not in known and not _is_symbol(size):
                yield Obligation(node.id, "positive", size, 1, "a size of its result")


def sizes_of(values: Iterable[ValueType | None]) -> Iterator[Dim]:
    """List the sizes of all axes of tensors and of the fields of tuples."""
    for value in values:
        if isinstance(value, TensorType):
            yield from value.shape
        elif isinstance(value, TupleType):
            for _, field in value.fields:
                yield from field.shape


def _is_symbol(size: Dim) -> bool:
    """Whether nothing is to be shown: a symbol by itself, or a number (which the op's rule looked at)."""
    return isinstance(size, int) or (len(size.terms) == 1 and str(size) in symbols(size))


class _Observed(Expression):
    """A size that writes down what it turns out to be equal to."""

    __slots__ = ("equal",)
    equal: list[tuple[Dim, Dim]]

    def __eq__(self, other: object) -> bool:
        found = super().__eq__(other)
        if found and other is not self and isinstance(other, Expression):
            self.equal.append((Expression(self.terms), Expression(other.terms)))
        return found

    __hash__ = Expression.__hash__


@lru_cache(maxsize=MEMO)
def equalities(settled: Settled, inputs: tuple[ValueType | None, ...]) -> tuple[tuple[Dim, Dim], ...]:
    """List the pairs of sizes with symbols that an op's shape rule found equal, each once.

    The rule is run on sizes that observe how they are compared.
    """
    equal: list[tuple[Dim, Dim]] = []

    def observed(value: ValueType | None) -> ValueType | None:
        if isinstance(value, TupleType):
            return TupleType(value.name, tuple([(name, tensor(one)) for name, one in value.fields]))
        return tensor(value) if value is not None else None

    def tensor(value: TensorType) -> TensorType:
        return TensorType(tuple([size_of(size) for size in value.shape]), value.dtype)

    def size_of(size: Dim) -> Dim:
        if isinstance(size, int):
            return size
        result = _Observed(size.terms)
        result.equal = equal
        return result

    if any(isinstance(size, Expression) for size in sizes_of(inputs)):
        settled.op.infer(settled.values, tuple([observed(value) for value in inputs]), [])
    return tuple(dict.fromkeys(equal))
