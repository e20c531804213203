"""Raise dense products."""

from collections.abc import Mapping

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.values import Weight, Wire
from esper_graph.ops.dims import Dim


def _linear(call: Call) -> Raised:
    """With parameters, `linear`; with a matrix that other ops use too, shared or as a product."""
    weight, bias = call["weight"], call["bias"]
    if isinstance(weight, Weight):
        tensors = [one for one in (weight, bias) if isinstance(one, Weight)]
        out_features, in_features = weight.tensor.shape
        sizes = {"in_features": in_features, "out_features": out_features}
        x = call.wire(call["input"])
        if call.walk.sole(call.node, tensors) and (bias is None or isinstance(bias, Weight)):
            owned = call.owned(weight=weight, bias=bias)
            return call.add("linear", x, owned=owned, **sizes, bias="bias" in owned)
        if call.walk.only_tables(call.node, weight):
            y = call.add("linear", x, owned=call.owned(weight=weight), **sizes, bias=False)
            return y if bias is None else call.add("add", y, call.wire(bias))
    return affine(call, call["input"], call.wire(weight), bias, transposed=True)


def affine(call: Call, x: object, matrix: Wire, bias: object, *, transposed: bool) -> Wire:
    """Return `x @ matrix + bias` for a matrix that is a value."""
    wire = call.wire(x)
    shape = call.draft.type(wire).shape
    lead = shape[:-1]
    flat = call.reshape(wire, (1, *shape)) if len(shape) == 1 else wire
    y = call.add("matmul", flat, matrix, transpose_b=transposed)
    if len(shape) == 1:
        y = call.reshape(y, (*lead, call.draft.type(y).shape[-1]))
    return y if bias is None else call.add("add", y, call.wire(bias))


def _addmm(call: Call) -> Raised:
    """`bias + x @ matrix`: a linear layer whose matrix is stored the other way round."""
    if call.number(call["alpha"]) != 1 or call.number(call["beta"]) != 1:
        raise CannotRaiseError("its factors `alpha` and `beta` are not 1")
    return affine(call, call["mat1"], call.wire(call["mat2"]), call["self"], transposed=False)


def _baddbmm(call: Call) -> Raised:
    product = call.add("matmul", call.wire(call["batch1"]), call.wire(call["batch2"]))
    alpha, beta = call.number(call["alpha"]), call.number(call["beta"])
    if alpha != 1:
        product = call.add("multiply", product, scalar=alpha)
    base = call.wire(call["input"] if "input" in call.arguments else call["self"])
    if beta == 0:
        return product
    if beta != 1:
        base = call.add("multiply", base, scalar=beta)
    return call.add("add", base, product)


def _product(left: str, right: str) -> Raiser:
    def raise_product(call: Call) -> Raised:
        return matmul(call, call.wire(call[left]), call.wire(call[right]))

    return raise_product


def matmul(call: Call, left: Wire, right: Wire) -> Wire:
    """Return a product as torch broadcasts it; vectors become matrices for a while."""
    one, other = call.draft.type(left).shape, call.draft.type(right).shape
    if len(one) == 1:
        left = call.reshape(left, (1, *one))
    if len(other) == 1:
        right = call.reshape(right, (*other, 1))
    turned = [_turned(call, wire) for wire in (left, right)]
    (left, transpose_a), (right, transpose_b) = turned
    y = call.add("matmul", left, right, transpose_a=transpose_a, transpose_b=transpose_b)
    shape: list[Dim] = list(call.draft.type(y).shape)
    if len(other) == 1:
        del shape[-1]
    if len(one) == 1:
        del shape[-1 if len(other) == 1 else -2]
    return call.reshape(y, shape)


def _turned(call: Call, wire: Wire) -> tuple[Wire, bool]:
    """Let the product transpose a matrix whose last two axes were exchanged before."""
    node, rank = call.draft.nodes[wire.node], call.draft.type(wire).rank
    if node.op_type == "transpose":
        axes = {node.attributes["dim0"] % rank, node.attributes["dim1"] % rank}
        source = node.inputs[0]
        if axes == {rank - 2, rank - 1} and source is not None:
            return source, True
    return wire, False


def _einsum(call: Call) -> Raised:
    return call.add("einsum", *[call.wire(one) for one in call["tensors"]], equation=call["equation"])


RAISERS: Mapping[str, Raiser] = {
    "linear": _linear,
    "addmm": _addmm,
    "baddbmm": _baddbmm,
    "matmul": _product("self", "other"),
    "bmm": _product("self", "mat2"),
    "mm": _product("self", "mat2"),
    "einsum": _einsum,
}
