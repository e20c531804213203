"""What a node is for comparisons that allow for differences: without what its input decides.

The width that a node takes in follows from what feeds it. Were it counted as the node's own, one changed
width would be a change of every consumer.

>>> own_label('linear fp32 {"in_features":64,"out_features":8,"bias":true}')
'linear fp32 {"out_features":8,"bias":true}'
>>> kind('activation fp32 {"type":"relu"}')
'activation relu'
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from esper_graph.ir.fingerprint import structure
from esper_graph.ops.opdef import MEMO

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

FOLLOWING: Mapping[str, tuple[str, ...]] = {
    "linear": ("in_features",),
    "conv1d": ("in_channels",),
    "conv2d": ("in_channels",),
    "conv_transpose2d": ("in_channels",),
    "normalization": ("num_features", "num_channels", "normalized_shape"),
    "attention": ("embed_dim",),
    "recurrent": ("input_size",),
    "activation": ("num_parameters",),
}
"""For each op the attributes that say how wide its input is: those that `repair` sets."""

CHOOSING = ("type", "operation")
"""Attributes that choose among ops of one op type."""


def labelled_structure(blueprint: "BlueprintIR") -> tuple[list[str], list[tuple[int, int, str]]]:
    """Write a blueprint with its blocks written out as labels and arcs, see `fingerprint.labelled_graph`.

    Labels are those of `own_label`.

    Raises:
        BlueprintError: It is not valid.
    """
    labels, arcs = structure(blueprint.expanded)
    return [own_label(label) for label in labels], arcs


@lru_cache(maxsize=MEMO)
def own_label(label: str) -> str:
    """Leave out of a label what follows from the input.

    Of `normalized_shape` the number of axes stays, of `num_parameters` whether one serves all channels. A
    depthwise convolution stays one whatever its width.
    """
    op_type, precision, attributes = _parts(label)
    following = FOLLOWING.get(op_type)
    if following is None:
        return label
    if "groups" in attributes and (
        attributes["groups"] == attributes["in_channels"] == attributes["out_channels"]
    ):
        attributes |= {"groups": "depthwise", "out_channels": None}
    for name in following:
        value = attributes.pop(name, None)
        if name == "normalized_shape" and value is not None:
            attributes["axes"] = len(value)
        elif name == "num_parameters" and value is not None:
            attributes["one for all"] = value == 1
    return f"{op_type} {precision} {json.dumps(attributes, separators=(',', ':'))}"


@lru_cache(maxsize=MEMO)
def kind(label: str) -> str:
    """Tell the op of a label, without its settings."""
    op_type, _, attributes = _parts(label)
    return " ".join([op_type, *[str(attributes[name]) for name in CHOOSING if name in attributes]])


def attributes_of(label: str) -> dict[str, Any]:
    """Read the attributes that a label writes out."""
    return _parts(label)[2]


def _parts(label: str) -> tuple[str, str, dict[str, Any]]:
    op_type, _, rest = label.partition(" ")
    precision, _, text = rest.partition(" ")
    return op_type, precision, json.loads(text) if text.startswith("{") else {}
