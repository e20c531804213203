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


@st.composite
def cluttered(draw: st.DrawFn, *, most: int = 14) -> BlueprintIR:
    """Like `blueprints`, with much that passes can do something about; listed in any order."""
    maker = _Maker(draw)
    for _ in range(draw(st.integers(2, most))):
        maker.add(draw(st.sampled_from(_CLUTTER if draw(st.integers(0, 3)) else _KINDS)))
    blueprint = maker.finish()
    if draw(st.booleans()):
        return blueprint
    return blueprint.replace(nodes=draw(st.permutations(blueprint.nodes)))


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


def _twice(maker: _Maker) -> Wire:
    """The same computation two times, now and then of random numbers."""
    x = maker.take()
    op_type, settings = maker.draw(
        st.sampled_from(
            [
                ("activation", {"type": "gelu"}),
                ("dropout", {"p": 0.5}),
                ("noise", {"std": 0.5}),
                ("activation", {"type": "tanh"}),
                ("softmax", {"dim": -1}),
                ("softmax", {"hard": True}),
            ]
        )
    )
    return maker.make("add", maker.make(op_type, x, **settings), maker.make(op_type, x, **settings))


def _shared_twice(maker: _Maker) -> Wire:
    x = maker.take()
    sizes = {"in_features": FEATURES, "out_features": FEATURES}
    one = maker.make("linear", x, **sizes)
    return maker.make("multiply", maker.make("linear", x, **sizes, shares=one), one)


def _other_shape(maker: _Maker) -> Wire:
    """Into another shape, perhaps a further one, and back."""
    y = maker.make("unflatten", maker.take(), dim=-1, sizes=[2, -1])
    if maker.draw(st.booleans()):
        y = maker.make("flatten", y, start_dim=0)
    return maker.make("reshape", y, shape=[-1, FEATURES])


def _turned(maker: _Maker) -> Wire:
    """Axes exchanged, something in between or not, and exchanged back."""
    y = maker.make("transpose", maker.take(), dim0=-1, dim1=0)
    if maker.draw(st.booleans()):
        y = maker.make("roll", y, shifts=maker.draw(st.integers(0, 1)), dim=-2)
    return maker.make("permute", y, dims=[1, 0])


def _cast_and_back(maker: _Maker) -> Wire:
    between = maker.draw(st.sampled_from(["float64", "bfloat16", "float32"]))
    return maker.make("cast", maker.make("cast", maker.take(), dtype=between), dtype="float32")


def _constant(maker: _Maker) -> Wire:
    """Something made of constants, spread over the rows."""
    number = st.sampled_from([0.0, 1.0, -0.5, 2.0, 0.1, 3.0])
    made = [
        maker.make("constant", value=maker.draw(number), shape=[FEATURES]),
        maker.make("constant", value=maker.draw(st.lists(number, min_size=FEATURES, max_size=FEATURES))),
    ]
    op_type = maker.draw(st.sampled_from(["add", "sub", "multiply", "maximum"]))
    y = maker.make(op_type, *made)
    y = maker.make("roll", maker.make("neg", y), shifts=1)
    return maker.make(maker.draw(st.sampled_from(["add", "multiply"])), maker.take(), y)


def _neutral(maker: _Maker) -> Wire:
    op_type, value = maker.draw(
        st.sampled_from([("add", 0.0), ("multiply", 1.0), ("sub", 0.0), ("div", 1.0)])
    )
    if maker.draw(st.booleans()):
        return maker.make(op_type, maker.take(), scalar=value)
    return maker.make(op_type, maker.take(), maker.make("constant", value=value, shape=[FEATURES]))


def _none(maker: _Maker) -> Wire:
    """A branch that is multiplied by zero, as search spaces write `none`."""
    return maker.make("add", maker.take(), maker.make("multiply", maker.take(), scalar=0.0))


def _nothing(maker: _Maker) -> Wire:
    op_type, settings = maker.draw(
        st.sampled_from(
            [
                ("identity", {}),
                ("dropout", {"p": 0.0}),
                ("noise", {"std": 0.0}),
                ("pad", {"padding": [0, 0]}),
                ("slice", {"dim": 1, "end": FEATURES}),
                ("concat", {}),
                ("split", {"chunks": 1}),
                ("roll", {"shifts": 0}),
                ("expand", {"shape": [-1, FEATURES]}),
            ]
        )
    )
    return maker.make(op_type, maker.take(), **settings)


def _again(maker: _Maker) -> Wire:
    op_type, settings = maker.draw(
        st.sampled_from([("neg", {}), ("abs", {}), ("detach", {}), ("activation", {"type": "relu"})])
    )
    return maker.make(op_type, maker.make(op_type, maker.take(), **settings), **settings)


def _batch_norm(maker: _Maker) -> Wire:
    return maker.make("normalization", maker.take(), type="batch_norm", num_features=FEATURES)


def _unused(maker: _Maker) -> Wire:
    x = maker.take()
    maker.make("dropout", x, p=0.5)
    return x


def _probed(maker: _Maker) -> Wire:
    x = maker.take()
    maker.make("gradient_norm", x)
    return maker.make("identity", x)


def _nested(maker: _Maker) -> Wire:
    op_type = maker.draw(st.sampled_from(["add", "multiply"]))
    values = [maker.make(op_type, *maker.several()), *maker.several()]
    return maker.make(op_type, *maker.draw(st.permutations(values)))


def _nested_concat(maker: _Maker) -> Wire:
    left, right = maker.make("split", maker.take(), sizes=[1, 3], dim=-1)
    first, second = maker.make("split", right, chunks=3, dim=1)[0], right
    part = maker.make("slice", second, dim=-1, start=-2)
    return maker.make("concat", maker.make("concat", left, first, dim=1), part)


def _chosen(maker: _Maker) -> Wire:
    condition = maker.make("constant", value=maker.draw(st.booleans()), dtype="bool")
    return maker.make("where", condition, maker.take(), maker.take())


_CLUTTER: list[Callable[[_Maker], Wire]] = [
    _twice,
    _shared_twice,
    _other_shape,
    _turned,
    _cast_and_back,
    _constant,
    _neutral,
    _none,
    _nothing,
    _again,
    _batch_norm,
    _unused,
    _probed,
    _nested,
    _nested_concat,
    _chosen,
]
