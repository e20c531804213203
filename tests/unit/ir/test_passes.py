"""Passes keep what is computed, say what they did, and do nothing the second time."""

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.passes import PASSES, optimize, optimize_explained


def cluttered() -> BlueprintIR:
    b = Builder("net", name="Net")
    x = b.input([-1, 8])
    unused = b.linear(x, in_features=8, out_features=100, id="unused")
    b.activation(unused, type="relu", id="unused_too")
    y = b.identity(x, id="same")
    y = b.dropout(y, p=0.0, id="never")
    y = b.linear(y, in_features=8, out_features=8, id="fc")
    y = b.reshape(y, shape=[-1, 8], id="no_op")
    b.telemetry(y, metric_name="seen", log_frequency=1)
    b.output(y)
    return b.finish()


def test_what_does_nothing_and_what_is_not_used_goes_and_effects_stay() -> None:
    after, steps = optimize_explained(cluttered())
    assert [node.op_type for node in after.nodes] == ["input", "linear", "telemetry", "output"]
    assert after.validate()
    notes = " ".join(note for step in steps for note in step.notes)
    for name in ("unused", "unused_too", "same", "never", "no_op"):
        assert f"`{name}`" in notes


def test_a_second_run_changes_nothing_and_returns_the_very_same_value() -> None:
    after = optimize(cluttered())
    assert optimize(after) is after
    for run in PASSES.values():
        result = run(after)
        assert not result.changed
        assert result.blueprint is after


def test_the_owner_of_shared_parameters_lives_as_long_as_they_are_used() -> None:
    b = Builder("tied", name="Tied")
    x = b.input([-1, 8])
    b.linear(x, in_features=8, out_features=8, id="owner")
    y = b.activation(x, type="relu")
    b.output(b.linear(y, in_features=8, out_features=8, id="user", shares="owner"))
    blueprint = b.finish()
    assert optimize(blueprint) is blueprint
