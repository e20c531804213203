"""Memory plans: nothing that is alive is written over, and the block is no smaller than it can be."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.memory import ALIGNMENT, STRATEGIES, Buffer, MemoryPlan, memory_plan
from esper_graph.ir.memory import _placed as placed  # pyright: ignore[reportPrivateUsage]
from tests.random_blueprints import blueprints

BUFFERS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 5)).map(
        lambda drawn: Buffer("n", "output", drawn[0] * ALIGNMENT, drawn[1], drawn[1] + drawn[2])
    ),
    max_size=12,
)


def bytes_by_step(plan: MemoryPlan) -> list[dict[int, str]]:
    """Write every result into a picture of the block, 64 bytes a cell, step by step."""
    steps: list[dict[int, str]] = [{} for _ in plan.order]
    for buffer, address in plan.placed:
        for step in range(buffer.first, buffer.last + 1):
            for cell in range(address // ALIGNMENT, (address + buffer.size) // ALIGNMENT):
                assert cell not in steps[step], f"{buffer.node_id} lies on {steps[step][cell]}"
                steps[step][cell] = buffer.node_id
    return steps


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(blueprints(), st.integers(1, 9))
def test_no_two_results_that_are_alive_overlap(blueprint: BlueprintIR, batch: int) -> None:
    plan = memory_plan(blueprint, {"batch": batch})
    steps = bytes_by_step(plan)
    most = max((len(cells) * ALIGNMENT for cells in steps), default=0)
    assert plan.least_bytes == most <= plan.peak_bytes <= plan.total_bytes
    assert plan.peak_bytes == max((cell for cells in steps for cell in cells), default=-1) * 64 + 64


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(blueprints())
def test_a_result_is_alive_whenever_a_consumer_runs(blueprint: BlueprintIR) -> None:
    plan = memory_plan(blueprint)
    step = {name: number for number, name in enumerate(plan.order)}
    alive = {(one.buffer.node_id, one.buffer.port): one.buffer for one in plan.placed}
    for edge in blueprint.edges:
        source = blueprint.node(edge.source)
        if source.op_type != "input":
            names = blueprint.graph.settled[blueprint.graph.position[source.id]]
            assert names is not None
            buffer = alive[edge.source, str(edge.source_port or names.outputs[0])]
            assert buffer.first == step[edge.source] < step[edge.target] <= buffer.last


@settings(max_examples=200, deadline=None)
@given(BUFFERS)
def test_each_strategy_places_every_buffer_once_and_none_on_another(buffers: list[Buffer]) -> None:
    for order in STRATEGIES.values():
        found = order(buffers)
        assert sorted(found) == list(range(len(buffers)))
        plan = placed(buffers, found)
        for number, one in enumerate(plan):
            for other in plan[:number]:
                apart = (
                    one.address + one.buffer.size <= other.address
                    or other.address + other.buffer.size <= one.address
                )
                assert apart or not one.buffer.meets(other.buffer)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(blueprints(), st.integers(1, 9))
def test_a_result_takes_over_the_bytes_of_whoever_lay_there_last(blueprint: BlueprintIR, batch: int) -> None:
    plan = memory_plan(blueprint, {"batch": batch})
    steps = bytes_by_step(plan)
    for one in plan.placed:
        cells = range(one.address // ALIGNMENT, (one.address + one.buffer.size) // ALIGNMENT)
        before = ({steps[step].get(cell) for cell in cells} - {None} for step in range(one.buffer.first))
        last = ([occupants for occupants in before if occupants] or [{None}])[-1]
        found = plan.taken_over(one)
        assert (None if found is None else found.node_id) in last


def test_blocks_are_written_out() -> None:
    inner = Builder("inner", name="Inner")
    inner.output(inner.activation(inner.input([-1, 8]), type="relu", id="act"))
    outer = Builder("outer", name="Outer")
    x = outer.input([-1, 8])
    for number in range(3):
        x = outer.block(inner.finish(), x, id=f"part{number}")
    outer.output(x)
    blueprint = outer.finish()
    plan = memory_plan(blueprint, {"batch": 2})
    assert plan == memory_plan(blueprint.expanded, {"batch": 2})
    assert [one.buffer.name for one in plan.placed] == ["part0.act", "part1.act", "part2.act"]
