"""Which nodes follow one another so that they could run as one."""

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.fusion import fusion_groups

CONV = {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "padding": 1}


def residual_block() -> BlueprintIR:
    b = Builder("block", name="Block")
    x = b.input([-1, 4, 8, 8])
    y = b.conv2d(x, id="conv1", **CONV)
    y = b.normalization(y, id="norm1", type="batch_norm", num_features=4)
    y = b.activation(y, id="act1", type="relu")
    y = b.conv2d(y, id="conv2", **CONV)
    y = b.normalization(y, id="norm2", type="batch_norm", num_features=4)
    y = b.add(y, x, id="sum")
    b.output(b.activation(y, id="act2", type="relu"))
    return b.finish()


def test_a_residual_block_is_two_chains() -> None:
    blueprint = residual_block()
    before = blueprint.fingerprint, blueprint.content_digest
    assert fusion_groups(blueprint) == (
        ("conv2d+norm+activation", ("conv1", "norm1", "act1")),
        ("conv2d+norm+residual+activation", ("conv2", "norm2", "sum", "act2")),
    )
    assert (blueprint.fingerprint, blueprint.content_digest) == before


def test_a_value_that_others_need_ends_the_chain() -> None:
    b = Builder("net", name="Net")
    y = b.linear(b.input([-1, 4]), id="fc", in_features=4, out_features=4)
    b.output(y)
    b.output(b.activation(y, type="relu"))
    assert fusion_groups(b.finish()) == ()


def test_a_sum_of_two_layers_belongs_to_the_first() -> None:
    b = Builder("net", name="Net")
    x = b.input([-1, 4])
    one = b.linear(x, id="one", in_features=4, out_features=4)
    other = b.linear(x, id="other", in_features=4, out_features=4)
    b.output(b.activation(b.add(one, other, id="sum"), id="act", type="relu"))
    assert fusion_groups(b.finish()) == (("linear+residual+activation", ("one", "sum", "act")),)


def test_stages_come_in_order_and_in_one_precision() -> None:
    b = Builder("net", name="Net")
    y = b.linear(b.input([-1, 4]), id="fc", in_features=4, out_features=4)
    y = b.activation(y, id="act", type="relu")
    y = b.normalization(y, type="layer_norm", normalized_shape=4)
    y = b.linear(y, id="low", in_features=4, out_features=4, precision="bf16")
    b.output(b.activation(y, type="relu"))
    assert fusion_groups(b.finish()) == (("linear+activation", ("fc", "act")),)


def test_chains_inside_blocks_are_found() -> None:
    b = Builder("net", name="Net")
    x = b.input([-1, 4, 8, 8])
    b.output(b.block(residual_block(), x, id="stage"))
    blueprint = b.finish()
    assert [group.nodes[0] for group in fusion_groups(blueprint)] == ["stage.conv1", "stage.conv2"]
    assert fusion_groups(blueprint) == fusion_groups(blueprint.expanded)
