"""Where the results of nodes could lie in one block of memory: an estimate, made before anything runs.

Each result has bytes and a time in which it is alive, from the node that makes it to its last consumer.
Results whose times overlap must not share addresses. Placing them in the least memory is hard; two greedy
orders are tried and the better one kept: by size (largest first), and by breadth (nodes with the most bytes
around them first). Both are those of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
Inference" (2020), without their further refinements.
"""

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from esper_graph.ops.dims import evaluate
from esper_graph.ops.values import TensorType, TupleType, ValueType

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

ALIGNMENT = 64
"""Bytes that every address is a multiple of."""


class Buffer(NamedTuple):
    """One result: its node, output port, bytes (aligned), and first and last step in which it is alive."""

    node_id: str
    port: str
    size: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """The node, with the port where it is not the only one."""
        return self.node_id if self.port == "output" else f"{self.node_id}.{self.port}"

    def meets(self, other: "Buffer") -> bool:
        """Tell whether both are alive in some step."""
        return self.first <= other.last and other.first <= self.last


class Placed(NamedTuple):
    """A result and its address, in bytes from the start of the block."""

    buffer: Buffer
    address: int


class MemoryPlan(NamedTuple):
    """Addresses of all results, as an estimate: workspace of kernels and the parameters are not in it.

    Attributes:
        strategy: The greedy order that needed less: `size` or `breadth`.
        order: Node ids in the order of execution; a step is a place in it.
        placed: Address of each result.
        peak_bytes: Bytes of the block.
        least_bytes: The most bytes alive in one step: no placement needs less.
        total_bytes: Bytes without any reuse.
        binding: The size of each symbol.
    """

    strategy: str
    order: tuple[str, ...]
    placed: tuple[Placed, ...]
    peak_bytes: int
    least_bytes: int
    total_bytes: int
    binding: Mapping[str, int]

    @property
    def reused_bytes(self) -> int:
        """Bytes that reuse saves."""
        return self.total_bytes - self.peak_bytes

    def taken_over(self, placed: Placed) -> Buffer | None:
        """Return the result whose bytes one takes over: the last one that lay where it lies, or None."""
        earlier = (
            other.buffer
            for other in self.placed
            if other.buffer.last < placed.buffer.first
            and other.address < placed.address + placed.buffer.size
            and placed.address < other.address + other.buffer.size
        )
        return max(earlier, key=lambda buffer: (buffer.last, buffer.first), default=None)


def memory_plan(blueprint: "BlueprintIR", binding: Mapping[str, int] | None = None) -> MemoryPlan:
    """Plan where the results of a valid blueprint's nodes lie when they run in order.

    Inputs belong to the caller and are not placed. Results that are outputs live until the end. Blocks are
    written out.

    Args:
        binding: Sizes for its symbols; those not named keep the shipped manifest's reference sizes.

    Raises:
        BlueprintError: The blueprint is not valid.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("net", name="Net")
        >>> x = b.input([-1, 16])
        >>> for _ in range(3):
        ...     x = b.activation(x, type="relu")
        >>> _ = b.output(x)
        >>> plan = memory_plan(b.finish(), {"batch": 4})
        >>> plan.total_bytes, plan.peak_bytes
        (768, 512)
    """
    bound = blueprint.cost(binding).binding
    blueprint = blueprint.expanded
    graph = blueprint.graph
    assert graph.order is not None, "only valid blueprints get here"
    buffers = _buffers(blueprint, bound)
    plans = {name: _placed(buffers, order(buffers)) for name, order in STRATEGIES.items()}
    strategy = min(plans, key=lambda name: _end(plans[name]))
    steps = range(len(graph.order))
    return MemoryPlan(
        strategy=strategy,
        order=tuple(graph.nodes[place].id for place in graph.order),
        placed=plans[strategy],
        peak_bytes=_end(plans[strategy]),
        least_bytes=max(_alive(buffers, len(steps)), default=0),
        total_bytes=sum(buffer.size for buffer in buffers),
        binding=bound,
    )


def _buffers(blueprint: "BlueprintIR", binding: Mapping[str, int]) -> list[Buffer]:
    graph, types = blueprint.graph, blueprint.inference.outputs
    order = graph.order or ()
    step = {place: number for number, place in enumerate(order)}
    end = len(order) - 1
    found: list[Buffer] = []
    for place in order:
        node, settled = graph.nodes[place], graph.settled[place]
        if node.op_type == "input" or settled is None:
            continue
        for slot, value in enumerate(types[place] or ()):
            users = [target for target, feed in graph.consumers[place] if feed.source_slot == slot]
            kept = any(graph.nodes[user].op_type == "output" for user in users)
            last = end if kept else max([step[user] for user in users], default=step[place])
            size = -(-_bytes(value, binding) // ALIGNMENT) * ALIGNMENT
            found.append(Buffer(node.id, settled.outputs[slot], size, step[place], last))
    return found


def _bytes(value: ValueType, binding: Mapping[str, int]) -> int:
    from esper_graph.ir.cost import value_bytes

    if isinstance(value, TupleType):
        return sum(_bytes(tensor, binding) for _, tensor in value.fields)
    return value_bytes(TensorType(tuple(evaluate(size, binding) for size in value.shape), value.dtype))


def _placed(buffers: Sequence[Buffer], order: Sequence[int]) -> tuple[Placed, ...]:
    """Give each buffer in turn the lowest smallest gap among those that are alive at the same time."""
    placed: dict[int, Placed] = {}
    by_address: list[Placed] = []
    for number in order:
        buffer = buffers[number]
        best: tuple[int, int] | None = None
        free = 0
        for other in by_address:
            if not other.buffer.meets(buffer):
                continue
            gap = other.address - free
            if gap >= buffer.size and (best is None or gap < best[0]):
                best = (gap, free)
            free = max(free, other.address + other.buffer.size)
        placed[number] = Placed(buffer, free if best is None else best[1])
        insort(by_address, placed[number], key=lambda one: one.address)
    return tuple(placed[number] for number in range(len(buffers)))


def _by_size(buffers: Sequence[Buffer]) -> list[int]:
    return sorted(range(len(buffers)), key=lambda number: (-buffers[number].size, number))


def _by_breadth(buffers: Sequence[Buffer]) -> list[int]:
    """Steps with the most bytes alive first; within one, the largest buffers first."""
    alive = _alive(buffers, 1 + max((buffer.last for buffer in buffers), default=-1))
    order: dict[int, None] = {}
    for step in sorted(range(len(alive)), key=lambda step: (-alive[step], step)):
        here = [n for n, buffer in enumerate(buffers) if buffer.first <= step <= buffer.last]
        order.update(dict.fromkeys(sorted(here, key=lambda number: (-buffers[number].size, number))))
    return list(order)


def _alive(buffers: Sequence[Buffer], steps: int) -> list[int]:
    """Bytes alive in each step."""
    change = [0] * (steps + 1)
    for buffer in buffers:
        change[buffer.first] += buffer.size
        change[buffer.last + 1] -= buffer.size
    total, found = 0, list[int]()
    for step in range(steps):
        total += change[step]
        found.append(total)
    return found


def _end(placed: Sequence[Placed]) -> int:
    return max((one.address + one.buffer.size for one in placed), default=0)


STRATEGIES: Mapping[str, Callable[[Sequence[Buffer]], list[int]]] = MappingProxyType(
    {"size": _by_size, "breadth": _by_breadth}
)
