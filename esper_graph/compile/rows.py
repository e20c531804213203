"""Some rows of values: what a part of a kernel sees that is computed for these rows only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esper_graph.compile.choices import Behind, Value
from esper_graph.compile.lowering.site import Lowered
from esper_graph.compile.lowering.source import Writer, call, rows_of
from esper_graph.ops.dims import Dim
from esper_graph.ops.values import TensorType, TupleType, ValueType


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that are computed for one input of a choosing node.

    They lie along the first axis. The other axes that told rows apart stay, with the size 1: so the axes that
    attributes name are the same as ever.

    Attributes:
        lead: Sizes of the leading axes: the number of rows, then ones.
        behind: What is computed.
        taken: What holds the rows of the values from elsewhere.
    """

    lead: tuple[Dim, ...]
    behind: Behind
    taken: Mapping[Value, Lowered]

    def seen(self, kind: ValueType) -> ValueType:
        """Return the type of a value's rows."""
        if isinstance(kind, TupleType):
            fields = tuple((name, TensorType(self._shape(field), field.dtype)) for name, field in kind.fields)
            return TupleType(kind.name, fields)
        return TensorType(self._shape(kind), kind.dtype)

    def inputs(self, place: int, types: Sequence[ValueType | None]) -> list[ValueType | None]:
        """Return the types at a node's input ports."""
        return [
            self.seen(kind) if kind is not None and role else kind
            for kind, role in zip(types, self.behind.roles[place], strict=True)
        ]

    def _shape(self, kind: TensorType) -> tuple[Dim, ...]:
        return (*self.lead, *kind.shape[len(self.lead) :])


def taken_rows(writer: Writer, value: Lowered, rows: str, ones: int) -> Lowered:
    """Write the rows of a value.

    Args:
        rows: The variable of their numbers, counted along all leading axes together.
        ones: Number of leading axes after the first.
    """
    if not isinstance(value, str):
        return {name: _taken(writer, field, rows, ones) for name, field in value.items()}
    return _taken(writer, value, rows, ones)


def _taken(writer: Writer, value: str, rows: str, ones: int) -> str:
    found = call("index_select", rows_of(value, ones + 1), "0", rows)
    for _ in range(ones):
        found = call("unsqueeze", found, "1")
    return writer.let(found)
