"""Tell what a kernel for inference need not compute on every row: what only a choice among rows asks for.

`weighted_sum` under a hard softmax takes one value a row, `moe_combine` the chosen experts. A node that feeds
nothing but one of these values, and computes row by row, stands *behind* that input of the choosing node:
rows that are not chosen do not need it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from esper_graph.compile.row_wise import Roles, row_roles
from esper_graph.ir.choosing import values_taken
from esper_graph.ir.graph import Graph
from esper_graph.ir.shapes import Inference
from esper_graph.ops.dims import Dim
from esper_graph.ops.opdef import Cost
from esper_graph.ops.values import TensorType, TupleType, ValueType

Value = tuple[int, int]
"""An output: the position of a node, and the number of its port."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What one input of a choosing node stands for.

    Attributes:
        places: The nodes to compute on the chosen rows, in topological order; without those behind an input
            of another choosing node among them.
        roles: For each node behind the input, which of its inputs it takes row by row.
        taken: The values from elsewhere whose rows are needed.
        result: The value at the input.
    """

    places: tuple[int, ...]
    roles: Mapping[int, Roles]
    taken: tuple[Value, ...]
    result: Value


@dataclass(frozen=True, slots=True)
class Choice:
    """One choosing node.

    Attributes:
        lead: Sizes of the axes that rows lie along.
        behind: What stands behind each of the inputs that it chooses from, by input port.
    """

    lead: tuple[Dim, ...]
    behind: Mapping[int, Behind]


def choices(graph: Graph, inference: Inference, main: tuple[int, ...]) -> dict[int, Choice]:
    """Find the choosing nodes with some work behind an input, by position.

    Args:
        main: The nodes that outputs need, in topological order.
    """
    return _Search(graph, inference, main).run()


class _Search:
    def __init__(self, graph: Graph, inference: Inference, main: tuple[int, ...]) -> None:
        self.graph, self.inference, self.main = graph, inference, main
        self.rank = {place: number for number, place in enumerate(main)}
        self.owner: dict[int, Value] = {}
        """The innermost choosing node and input port that a node stands behind."""
        self.roles: dict[Value, dict[int, Roles]] = {}

    def run(self) -> dict[int, Choice]:
        leads: dict[int, tuple[Dim, ...]] = {}
        # what another choice is behind of comes later in the graph, and first here
        for place in reversed(self.main):
            lead = self._lead(place)
            if lead is None:
                continue
            for feed in self.graph.feeds[place][1:]:
                found = self._behind(place, feed.slot, lead)
                if any(self._works(inner) for inner in found):
                    leads[place] = lead
                    self.roles[place, feed.slot] = found
                    self.owner.update(dict.fromkeys(found, (place, feed.slot)))
        return {
            place: Choice(
                lead,
                {feed.slot: self._settled(place, feed.slot) for feed in self.graph.feeds[place][1:]},
            )
            for place, lead in leads.items()
        }

    def _lead(self, place: int) -> tuple[Dim, ...] | None:
        """The axes that rows lie along, where a node chooses among its inputs."""
        if values_taken(self.graph, self.inference, place) is None:
            return None
        choice = self._types(place)[0]
        if isinstance(choice, TupleType):
            choice = choice["weights"]
        assert isinstance(choice, TensorType)
        return choice.shape[:-1]

    def _behind(self, place: int, slot: int, lead: tuple[Dim, ...]) -> dict[int, Roles]:
        """The nodes behind an input, each with what it takes row by row."""
        around = self.roles.get(self.owner[place], {}) if place in self.owner else None
        found: dict[int, Roles] = {}
        waiting: list[int] = []
        start = next(feed for feed in self.graph.feeds[place] if feed.slot == slot)
        heappush(waiting, -self.rank[start.source])
        seen: set[int] = set()
        while waiting:
            # the last one first: all that it feeds has been looked at
            inner = self.main[-heappop(waiting)]
            if inner in seen:
                continue
            seen.add(inner)
            feeding = [(target, feed) for target, feed in self.graph.consumers[inner] if target in self.rank]
            if not all(
                (target, feed.slot) == (place, slot) or (target in found and found[target][feed.slot])
                for target, feed in feeding
            ):
                continue
            outputs = self.inference.outputs[inner]
            assert outputs is not None
            node, a = self.graph.nodes[inner], self.graph.values[inner]
            roles = row_roles(node.op_type, a, self._types(inner), outputs, lead)
            # behind two choices at once, a node must take the same values by rows for both
            if roles is None or (around is not None and around.get(inner) != roles):
                continue
            found[inner] = roles
            for feed in self.graph.feeds[inner]:
                heappush(waiting, -self.rank[feed.source])
        return found

    def _works(self, place: int) -> bool:
        op, outputs = self.graph.ops[place], self.inference.outputs[place]
        assert op is not None
        assert outputs is not None
        return op.cost(self.graph.values[place], self._types(place), outputs) != Cost()

    def _settled(self, place: int, slot: int) -> Behind:
        start = next(feed for feed in self.graph.feeds[place] if feed.slot == slot)
        result = (start.source, start.source_slot)
        roles = self.roles.get((place, slot), {})
        if not roles:
            return Behind((), {}, (result,), result)
        taken = {
            (feed.source, feed.source_slot): None
            for inner in sorted(roles, key=self.rank.__getitem__)
            for feed in self.graph.feeds[inner]
            if roles[inner][feed.slot] and feed.source not in roles
        }
        places = tuple(inner for inner in self.main if self.owner.get(inner) == (place, slot))
        return Behind(places, roles, tuple(taken), result)

    def _types(self, place: int) -> Sequence[ValueType | None]:
        types = self.graph.input_types(self.inference.outputs, place)
        assert types is not None, "only valid blueprints get here"
        return types
