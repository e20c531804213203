"""What features see of a change, and what they do not."""

import pytest

from esper_graph.errors import BlueprintError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, residual
from esper_graph.ir.edit import AddNode, Edit, RemoveNode, SetAttribute, SetNode, apply_edits
from esper_graph.ir.features import features, near_duplicate, same_family
from esper_graph.ir.fold import fold
from esper_graph.ir.labels import FOLLOWING, own_label
from esper_graph.ir.repair import _FITS
from esper_graph.ir.specs import NodeSpec


def network(blocks: int = 2, *, marked: bool = True) -> BlueprintIR:
    b = Builder("net", name="Net")
    x = b.input([-1, 16])
    for number in range(blocks):
        y = b.linear(x, in_features=16, out_features=32, id=f"up{number}")
        y = b.activation(y, type="relu", id=f"act{number}")
        y = b.linear(y, in_features=32, out_features=16, id=f"down{number}")
        x = b.add(y, residual(x) if marked else x, id=f"sum{number}")
    b.output(x)
    return b.finish()


def alike(edit: Edit) -> float:
    one = network()
    return near_duplicate(features(one), features(apply_edits(one, [edit]).blueprint))


def test_small_changes_stay_nearer_than_large_ones() -> None:
    width = alike(SetAttribute(node_id="up0", attribute="out_features", value=64))
    dropped = alike(AddNode(node=NodeSpec(id="drop", op_type="dropout"), after="act0"))
    other = alike(SetNode(node_id="act0", node=NodeSpec(id="act0", op_type="softmax")))
    several = near_duplicate(features(network()), features(network(5)))
    assert 1 > width > other > several > 0
    assert 1 > width > dropped > 0.5


def test_a_width_changes_only_the_node_that_has_it() -> None:
    one = network()
    wider = apply_edits(one, [SetAttribute(node_id="up0", attribute="out_features", value=64)]).blueprint
    ours, theirs = features(one), features(wider)
    assert wider.node("down0").attributes["in_features"] == 64
    assert sum((ours.get(key, 0) - theirs.get(key, 0)) > 0 for key in ours) == 3  # itself and both beside it


def test_depth_matters_less_for_a_family() -> None:
    one, deep = features(network(2)), features(network(20))
    assert same_family(one, deep) > 2 * near_duplicate(one, deep)


def test_what_edges_are_called_is_no_feature() -> None:
    assert network().fingerprint == network(marked=False).fingerprint
    assert features(network()) == features(network(marked=False))


def test_names_of_sizes_are_no_features() -> None:
    def reshaped(size: str) -> BlueprintIR:
        b = Builder("net", name="Net")
        b.output(b.reshape(b.input([-1, size, 8]), shape=[-1, f"8*{size}"]))
        return b.finish()

    assert features(reshaped("n")) == features(reshaped("tokens"))


def test_blocks_are_written_out() -> None:
    b = Builder(name="Tower")
    x = b.input([-1, 4])
    for layer in range(3):
        x = b.linear(x, in_features=4, out_features=4, id=f"layer.{layer}.fc")
        x = b.activation(x, type="relu", id=f"layer.{layer}.relu")
    b.output(x)
    whole = b.finish()
    folded = fold(whole)
    assert folded.blocks
    assert features(folded) == features(whole)


def test_what_is_not_valid_has_no_features() -> None:
    one = network()
    wrong = one.replace(edges=one.edges[1:])
    with pytest.raises(BlueprintError, match="not fed"):
        features(wrong)


def test_a_removed_node_takes_its_features_along() -> None:
    one = network()
    less = apply_edits(one, [RemoveNode(node_id="act0")]).blueprint
    assert sum(features(less).values()) == sum(features(one).values()) - 2


def test_what_a_repair_sets_is_not_a_nodes_own() -> None:
    assert FOLLOWING.keys() == _FITS.keys()


@pytest.mark.parametrize(
    ("op_type", "one", "other", "same"),
    [
        ("linear", {"in_features": 8, "out_features": 4}, {"in_features": 16, "out_features": 4}, True),
        ("linear", {"in_features": 8, "out_features": 4}, {"in_features": 8, "out_features": 8}, False),
        ("conv2d", {"in": 8, "out": 8, "groups": 8}, {"in": 16, "out": 16, "groups": 16}, True),
        ("conv2d", {"in": 8, "out": 16, "groups": 8}, {"in": 16, "out": 16, "groups": 8}, True),
        ("conv2d", {"in": 8, "out": 8, "groups": 8}, {"in": 8, "out": 8, "groups": 4}, False),
        ("normalization", {"layer": (8,)}, {"layer": (16,)}, True),
        ("normalization", {"layer": (8,)}, {"layer": (8, 8)}, False),
        ("normalization", {"batch": 8}, {"batch": 16}, True),
        ("activation", {"prelu": 8}, {"prelu": 16}, True),
        ("activation", {"prelu": 1}, {"prelu": 16}, False),
        ("add", {}, {"scalar": 1.0}, False),
    ],
)
def test_a_label_leaves_out_what_the_input_decides(
    op_type: str, one: dict[str, object], other: dict[str, object], *, same: bool
) -> None:
    assert (own_label(_label(op_type, one)) == own_label(_label(op_type, other))) == same


def _label(op_type: str, settings: dict[str, object]) -> str:
    from esper_graph.ops import OPS
    from esper_graph.ops.opdef import settle

    known: dict[str, object] = {"in": "in_channels", "out": "out_channels"}
    forms = {
        "layer": ("layer_norm", "normalized_shape"),
        "batch": ("batch_norm", "num_features"),
        "prelu": ("prelu", "num_parameters"),
    }
    attributes: dict[str, object] = {"kernel_size": 3} if op_type == "conv2d" else {}
    for name, value in settings.items():
        if name in forms:
            kind, attribute = forms[name]
            attributes |= {"type": kind, attribute: value}
        else:
            attributes[str(known.get(name, name))] = value
    settled = settle(OPS[op_type], attributes)
    assert not settled.problems
    return f"{op_type} fp32 {settled.text}"


def test_features_that_were_stored_are_found_by_later_versions() -> None:
    """Where this fails, keys mean something else: raise the number before the colon, write the new values."""
    assert features(network(1)) == {
        "e1:activation relu 0>0 linear": 1,
        "e1:add 0>0 output": 1,
        "e1:input 0>* add": 1,
        "e1:input 0>0 linear": 1,
        "e1:linear 0>* add": 1,
        "e1:linear 0>0 activation relu": 1,
        "w1:01256e22ff245e8a": 1,
        "w1:12427d91e665ab33": 1,
        "w1:235f612d663c4b90": 1,
        "w1:5fbe29fcfcbb959d": 1,
        "w1:6f6699548d1ec5d1": 1,
        "w1:b4d7b16c627abd15": 1,
    }
