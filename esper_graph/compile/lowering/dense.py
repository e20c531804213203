"""Lower dense products."""

import re
from collections.abc import Mapping

from esper_graph.compile.lowering.elementwise import promoted
from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import names

_EQUATION = re.compile(r"[A-Za-z]*(,[A-Za-z]*)*->[A-Za-z]*\Z", re.ASCII)


def lower_linear(site: Site) -> tuple[Lowered, ...]:
    """`aten::linear`; complex values go through it as real and imaginary part, the bias with the real one."""
    x, weight, bias = site.tensor(), site.parameter("weight"), site.optional_parameter("bias")
    if site.type().kind != "complex":
        return (site.call("linear", x, weight, bias),)
    real = site.call("linear", site.call("real", x), weight, bias)
    imaginary = site.call("linear", site.call("imag", x), weight, "None")
    return (site.call("complex", real, imaginary),)


def lower_matmul(site: Site) -> tuple[Lowered, ...]:
    """`aten::matmul`, sides transposed before where asked."""
    sides: list[str] = []
    for side, turned in zip(
        promoted(site, site.output().dtype), (site.a.transpose_a, site.a.transpose_b), strict=True
    ):
        sides.append(site.call("transpose", side, "-2", "-1") if turned else side)
    return (site.call("matmul", *sides),)


def lower_einsum(site: Site) -> tuple[Lowered, ...]:
    """`aten::einsum`; the equation is letters, commas and one arrow."""
    equation = site.a.equation
    if not _EQUATION.match(equation):
        raise site.refuse(f"{equation!r} is not an equation")
    return (site.call("einsum", f'"{equation}"', names(site.tensors())),)


LOWERINGS: Mapping[str, Lowering] = {
    "linear": lower_linear,
    "matmul": lower_matmul,
    "einsum": lower_einsum,
}
