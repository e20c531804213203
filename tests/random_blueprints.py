"""Arbitrary valid blueprints, as a hypothesis strategy."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, Wire, attention, residual

FEATURES = 4
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True)
TEXTS = st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable())


@st.composite
def blueprints(draw: st.DrawFn, *, most: int = 12) -> BlueprintIR:
    """Some rows of features go in; nodes of many kinds use what is there; what nobody used comes out."""
    maker = _Maker(draw)
    for _ in range(draw(st.integers(1, most))):
        maker.add(draw(st.sampled_from(_KINDS)))
    return maker.finish()


class _Maker:
    """A blueprint in the making; all its values but those inside a kind are rows of features."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.builder = Builder(draw(IDS), name=draw(TEXTS), tags=draw(st.lists(TEXTS, max_size=2)))
        self.taken: set[str] = set()
        self.owners: list[Wire] = []
        self.rows = [self.make("input", [-1, FEATURES]) for _ in range(draw(st.integers(1, 2)))]
        self.unused = list(self.rows)

    def make(self, op_type: str, *inputs: Any, **settings: Any) -> Wire:
        """Add a node, with an id of its own or the usual one."""
        name = self.draw(st.none() | IDS)
        wire = self.builder.node(op_type, *inputs, **settings, id=name if name not in self.taken else None)
        self.taken.add(wire.node_id)
        return wire

    def take(self) -> Wire:
        """Choose one of the values there are."""
        wire = self.draw(st.sampled_from(self.rows))
        if wire in self.unused:
            self.unused.remove(wire)
        return residual(wire) if self.draw(st.integers(0, 3)) == 0 else wire

    def several(self) -> list[Wire]:
        return [self.take() for _ in range(self.draw(st.integers(2, 4)))]

    def add(self, kind: "Callable[[_Maker], Wire]") -> None:
        wire = kind(self)
        self.rows.append(wire)
        self.unused.append(wire)

    def finish(self) -> BlueprintIR:
        for wire in self.unused:
            self.builder.output(wire)
        return self.builder.finish()


def _linear(maker: _Maker) -> Wire:
    sizes = {"in_features": FEATURES, "out_features": FEATURES}
    precision = maker.draw(st.sampled_from(["fp32", "bf16"]))
    owner = maker.draw(st.none() | st.sampled_from(maker.owners)) if maker.owners else None
    if owner is not None:
        return maker.make("linear", maker.take(), **sizes, shares=owner, precision=precision)
    bias = maker.draw(st.booleans())
    wire = maker.make("linear", maker.take(), **sizes, bias=bias, precision=precision)
    if bias:
        maker.owners.append(wire)
    return wire


def _activation(maker: _Maker) -> Wire:
    settings = maker.draw(st.sampled_from([{"type": "relu"}, {"type": "leaky_relu", "negative_slope": 0.25}]))
    return maker.make("activation", maker.take(), **settings)


def _normalization(maker: _Maker) -> Wire:
    return maker.make("normalization", maker.take(), type="layer_norm", normalized_shape=FEATURES, eps=1e-6)


def _dropout(maker: _Maker) -> Wire:
    return maker.make(
        "dropout", maker.take(), p=maker.draw(st.sampled_from([0.5, 0.1])), compute_intensity=0.5
    )


def _split_and_swap(maker: _Maker) -> Wire:
    left, right = maker.make("split", maker.take(), chunks=2)
    return maker.make("concat", right, left)


def _attention(maker: _Maker) -> Wire:
    query = maker.make("unflatten", maker.take(), dim=1, sizes=[1, FEATURES])
    attended = maker.make("attention", query, attention(query), embed_dim=FEATURES, num_heads=2)
    return maker.make("flatten", attended, start_dim=1)


_KINDS: list[Callable[[_Maker], Wire]] = [
    _linear,
    _activation,
    _normalization,
    _dropout,
    _split_and_swap,
    _attention,
    lambda maker: maker.make("add", *maker.several()),
    lambda maker: maker.make("multiply", *maker.several()),
    lambda maker: maker.make("sub", maker.take(), b=maker.take()),
]
