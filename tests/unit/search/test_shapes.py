"""What fits between shapes: an answer of the matcher is checked by putting sizes in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper_graph.ops.dims import Dim, evaluate, parse, symbols
from esper_graph.search.shapes import fits, read_shapes


def fit(signature: str, given: str = "", made: str = "") -> bool:
    inputs, _, outputs = signature.partition(" -> ")
    return fits([read_shapes(given)] if given else [], [read_shapes(made)] if made else [], (inputs, outputs))


CONV = "float32[batch, 3, h, w] -> float32[batch, 64, (h + 1)//2, (w + 1)//2]"
TOKENS = "int64[batch, d0_1] -> float32[batch, d0_1, 512]"


@pytest.mark.parametrize(
    ("signature", "given", "made", "expected"),
    [
        (CONV, "Bx3x224x224", "Bx64x112x112", True),
        (CONV, "Bx3x224x224", "Bx64x112x113", False),
        (CONV, "Bx3xHxW", "", True),
        (CONV, "Bx3xHxW", "Bx64xHxW", False),
        (CONV, "Bx3xHxH", "", True),
        (CONV, "", "Bx64x112x112", True),
        (CONV, "", "?x64x?x?", True),
        (CONV, "Bx4x224x224", "", False),
        (CONV, "float64[Bx3x224x224]", "", False),
        (CONV, "Bx3x224", "", False),
        (CONV, "Bx3x224x224+Bx3x224x224", "", False),
        (TOKENS, "BxS", "BxSx512", True),
        (TOKENS, "BxS", "SxBx512", False),
        (TOKENS, "8x16", "8x16x512", True),
        (TOKENS, "int64[B, S]", "float32[B, S, 512]", True),
        (TOKENS, "batchxbatch", "batchxbatchx512", True),
        (TOKENS, "d0_1xbatch", "d0_1xbatchx512", True),
        ("float32[4*batch, 8] -> float32[batch, 8]", "12x8", "3x8", True),
        ("float32[4*batch, 8] -> float32[batch, 8]", "13x8", "", False),
        ("float32[4*batch, 8] -> float32[batch, 8]", "Bx8", "", False),
        ("float32[n + 1] -> float32[n]", "1", "", False),
        ("float32[8, 8] -> float32[8, 8]", "Bx8", "", False),
        ("float32[] -> float32[batch]", "[]", "", True),
        ("float32[a, a] -> float32[a]", "BxC", "", False),
        ("float32[h//2, (h + 1)//2] -> float32[h]", "56x56", "112", True),
        ("float32[h//2, (h + 1)//2] -> float32[h]", "56x57", "113", True),
        ("gate(weights: float32[batch]) -> float32[batch]", "B", "", False),
    ],
)
def test_known_cases(signature: str, given: str, made: str, expected: bool) -> None:
    assert fit(signature, given, made) is expected


SIZES = ("n", "m", "2*n", "n + 3", "(n + 1)//2", "m//4", "5")


@given(
    st.lists(st.sampled_from(SIZES), min_size=1, max_size=2),
    st.lists(st.sampled_from(SIZES), min_size=1, max_size=2),
    st.lists(st.integers(1, 12), min_size=4, max_size=4),
)
def test_whole_sizes_fit_exactly_when_some_symbols_give_them(
    inputs: list[str], outputs: list[str], asked: list[int]
) -> None:
    dims: list[Dim] = [parse(size) for size in (*inputs, *outputs)]
    wanted = asked[: len(dims)]
    signature = f"float32[{', '.join(inputs)}] -> float32[{', '.join(outputs)}]"
    given = "x".join(map(str, wanted[: len(inputs)]))
    made = "x".join(map(str, wanted[len(inputs) :]))
    names = sorted(frozenset[str]().union(*(symbols(dim) for dim in dims)))
    found = any(
        [evaluate(dim, dict(zip(names, values, strict=True))) for dim in dims] == wanted
        for values in itertools.product(range(1, 53), repeat=len(names))
    )
    assert fit(signature, given, made) is found
