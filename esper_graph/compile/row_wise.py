"""Tell which ops compute each row of their results from the same row of their inputs alone.

A *row* is one position along the leading axes of a value: of `[batch, tokens, 8]` with two leading axes, the
eight numbers of one token. Such an op can be computed on some rows only, and gives for these what it would
give among all the others. What is not known to be so is not claimed: an op that is not in the table mixes
rows.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from esper_graph.ops.dims import Dim
from esper_graph.ops.rules import resolved_axis
from esper_graph.ops.values import TensorType, TupleType, ValueType

Roles = tuple[bool, ...]
"""For each input port, whether the op takes what arrives there row by row, or else as a whole."""


class Use(NamedTuple):
    """One op, with what it is asked about.

    Attributes:
        a: Attribute values.
        inputs: Types at the input ports; None where an optional one is not fed.
        outputs: Types at the output ports.
        lead: Sizes of the leading axes.
    """

    a: Any
    inputs: Sequence[ValueType | None]
    outputs: Sequence[ValueType]
    lead: tuple[Dim, ...]

    @property
    def x(self) -> TensorType:
        """Type at the first input port."""
        found = self.inputs[0]
        assert isinstance(found, TensorType)
        return found

    def inner(self, *axes: int, rank: int | None = None) -> bool:
        """Tell whether all these axes come after the leading ones."""
        rank = self.x.rank if rank is None else rank
        return all(resolved_axis(axis, rank) >= len(self.lead) for axis in axes)


Rule = Callable[[Use], Roles | None]


def row_roles(
    op_type: str,
    a: Any,
    inputs: Sequence[ValueType | None],
    outputs: Sequence[ValueType],
    lead: tuple[Dim, ...],
) -> Roles | None:
    """Tell which inputs an op takes row by row in evaluation, or None where it is not known to.

    Args:
        a: Attribute values.
        inputs: Types at the input ports; None where an optional one is not fed.
        outputs: Types at the output ports.
        lead: Sizes of the leading axes that rows lie along.

    Example:
        >>> from esper_graph.ops import OPS
        >>> from esper_graph.ops.dims import symbol
        >>> batch = symbol("batch")
        >>> values, vector = TensorType((batch, 8)), TensorType((8,))
        >>> row_roles("add", OPS["add"].attributes(), [values, vector], [values], (batch,))
        (True, False)
        >>> mean = OPS["reduce"].attributes(operation="mean", dim=0)
        >>> row_roles("reduce", mean, [values], [TensorType((1, 8))], (batch,)) is None
        True
    """
    rule = ROW_WISE.get(op_type)
    if rule is None or not all(_led(kind, lead) for kind in outputs):
        return None
    roles = rule(Use(a, inputs, outputs, lead))
    if roles is None or not any(roles):
        return None
    taken = [kind for kind, role in zip(inputs, roles, strict=True) if role]
    return roles if all(_led(kind, lead) for kind in taken) else None


def _led(kind: ValueType | None, lead: tuple[Dim, ...]) -> bool:
    """Whether a value has the leading axes."""
    tensors = [field for _, field in kind.fields] if isinstance(kind, TupleType) else [kind]
    return all(tensor is not None and tensor.shape[: len(lead)] == lead for tensor in tensors)


def _all(use: Use) -> Roles:
    return tuple(kind is not None for kind in use.inputs)


def _where(condition: Callable[[Use], bool]) -> Rule:
    """All inputs by rows, under a condition."""
    return lambda use: _all(use) if condition(use) else None


def _stretched(use: Use, kind: ValueType | None, rank: int) -> bool | None:
    """The role of a value that is stretched to a rank, aligned at the last axis; None where it is mixed."""
    if not isinstance(kind, TensorType):
        return False
    if kind.rank == rank and _led(kind, use.lead):
        return True
    beside = kind.shape[: max(0, len(use.lead) - (rank - kind.rank))]
    return False if all(size == 1 for size in beside) else None


def _each_element(use: Use) -> Roles | None:
    (output,) = use.outputs
    rank = output.rank if isinstance(output, TensorType) else 0
    return _known([_stretched(use, kind, rank) for kind in use.inputs])


def _known(roles: Sequence[bool | None]) -> Roles | None:
    known = [role for role in roles if role is not None]
    return tuple(known) if len(known) == len(roles) else None


def _activation(use: Use) -> Roles | None:
    a = use.a
    if a.type in ("softmax", "log_softmax", "glu"):
        return _all(use) if use.inner(a.dim) else None
    if a.type == "prelu" and a.num_parameters > 1:
        return _all(use) if use.inner(1) else None
    return _all(use)


def _normalization(use: Use) -> Roles | None:
    a = use.a
    if a.type in ("layer_norm", "rms_norm"):
        return _all(use) if use.inner(*range(-len(a.normalized_shape), 0)) else None
    by_sample = a.type in ("group_norm", "instance_norm") or a.track_running_stats
    return _all(use) if by_sample and len(use.lead) == 1 else None


def _matmul(use: Use) -> Roles | None:
    left, right = use.inputs
    assert isinstance(left, TensorType)
    assert isinstance(right, TensorType)
    if right.rank == 2 and left.rank > len(use.lead):
        # one matrix for all rows; those of a transposed left side are its columns
        return (True, False) if not use.a.transpose_a or use.inner(-2) else None
    if left.rank == right.rank and use.inner(-2):
        return _known([_stretched(use, side, left.rank) for side in (left, right)])
    return None


def _einsum(use: Use) -> Roles | None:
    rows = use.a.result[: len(use.lead)]
    roles: list[bool | None] = []
    for letters in use.a.operands:
        if not set(letters) & set(rows):
            roles.append(False)
        else:
            rest = letters[len(rows) :]
            roles.append(True if letters.startswith(rows) and not set(rest) & set(rows) else None)
    return _known(roles)


def _attention(use: Use) -> Roles | None:
    mask = use.inputs[3]
    if len(use.lead) != 1 or not use.a.batch_first:
        return None
    roles = [kind is not None for kind in use.inputs[:3]]
    return _known([*roles, _stretched(use, mask, 4)])


def _dot_product(use: Use) -> Roles | None:
    return _known([True, True, True, _stretched(use, use.inputs[3], use.x.rank)]) if use.inner(-2) else None


def _moe(use: Use) -> Roles | None:
    choice = use.inputs[0]
    assert isinstance(choice, TupleType)
    return _all(use) if use.inner(-1, rank=choice["weights"].rank) else None


_by_sample: Rule = _where(lambda use: len(use.lead) == 1)
_inside_axis: Rule = _where(lambda use: use.inner(use.a.dim))
_last_axis: Rule = _where(lambda use: use.inner(-1))

ROW_WISE: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            *("add", "sub", "multiply", "div", "maximum", "minimum", "clamp", "where", "compare"),
            *("exp", "log", "sqrt", "rsqrt", "abs", "neg", "pow", "sin", "cos"),
            *("detach", "cast", "dropout", "feature_dropout", "alpha_dropout"),
        ),
        _each_element,
    ),
    **dict.fromkeys(("conv1d", "conv2d", "conv_transpose2d", "pooling", "interpolate"), _by_sample),
    **dict.fromkeys(
        (
            "softmax",
            "unflatten",
            "concat",
            "split",
            "slice",
            "gather",
            "entropy",
            "cumsum",
            "fft",
            "ifft",
            "hartley",
        ),
        _inside_axis,
    ),
    **dict.fromkeys(("linear", "weighted_sum"), _last_axis),
    # whose results have the leading axes, whatever comes after
    **dict.fromkeys(("identity", "embedding", "reshape"), _all),
    "activation": _activation,
    "normalization": _normalization,
    "matmul": _matmul,
    "einsum": _einsum,
    "attention": _attention,
    "dot_product_attention": _dot_product,
    "noise": _where(lambda use: use.a.training_only or use.a.std == 0),
    "flatten": _where(lambda use: use.inner(use.a.start_dim)),
    "transpose": _where(lambda use: use.inner(use.a.dim0, use.a.dim1)),
    "permute": _where(lambda use: use.a.dims[: len(use.lead)] == tuple(range(len(use.lead)))),
    "expand": _where(lambda use: use.x.rank == len(use.a.shape)),
    "stack": _where(lambda use: use.inner(use.a.dim, rank=use.x.rank + 1)),
    "pad": _where(lambda use: use.x.rank - len(use.a.padding) // 2 >= len(use.lead)),
    "roll": _where(lambda use: use.inner(*use.a.dim)),
    "reduce": _where(lambda use: use.a.dim is not None and use.inner(*use.a.dim)),
    "topk_gating": _where(lambda use: not use.a.drop_in_eval and use.inner(-1)),
    "moe_combine": _moe,
}
"""The rule of each op that can be row-wise, in evaluation."""
