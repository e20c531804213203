from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

from esper_graph.ops import MODULES, OPS
from esper_graph.ops.dims import evaluate
from esper_graph.ops.opdef import Assumption
from esper_graph.ops.values import DTYPES, TensorType, TupleType
from tests.unit.ops.nn_oracle import (
    BINDINGS,
    assert_same_as_torch,
    complaint,
    counterexample,
    infer,
    refusal,
    settled,
    tensor,
    text_of,
    values_of,
)

IMAGE = tensor("batch", 6, "height", "width")
WORDS = tensor("batch", "length", 12)
Run = Callable[..., Any]


def assumed(op_type: str, attributes: dict[str, Any], *inputs: TensorType) -> list[Assumption]:
    return infer(op_type, attributes, *inputs)[1]


def test_identity_lets_anything_through() -> None:
    pair = TupleType("pair", (("x", tensor("batch")),))
    assert infer("identity", {}, pair)[0] == (pair,)
    assert infer("detach", {}, WORDS)[0] == (WORDS,)
    assert "pair" in refusal("detach", {}, pair)


@pytest.mark.parametrize("before", DTYPES)
@pytest.mark.parametrize("after", DTYPES)
def test_a_cast_gives_the_dtype_and_never_drops_imaginary_parts(before: str, after: str) -> None:
    x = tensor("batch", dtype=before)
    if DTYPES[before].kind == "complex" and DTYPES[after].kind != "complex":
        assert f"{before}[batch]" in refusal("cast", {"dtype": after}, x)
    else:
        assert_same_as_torch("cast", {"dtype": after}, [x], lambda value: value.to(getattr(torch, after)))


def test_an_unknown_dtype_is_answered_with_the_close_ones() -> None:
    assert "`float32`" in complaint("cast", dtype="float23")


RESHAPES: list[tuple[TensorType, list[int | str], Callable[[torch.Tensor], list[int]]]] = [
    (WORDS, ["batch", "length", 3, 4], lambda x: [*x.shape[:2], 3, 4]),
    (WORDS, [-1, 12], lambda x: [-1, 12]),
    (WORDS, ["batch", -1], lambda x: [x.shape[0], -1]),
    (WORDS, ["batch", 4, -1, 3], lambda x: [x.shape[0], 4, -1, 3]),
    (WORDS, ["batch*length", 12], lambda x: [x.shape[0] * x.shape[1], 12]),
    (IMAGE, ["batch", 2, 3, "height*width"], lambda x: [x.shape[0], 2, 3, x.shape[2] * x.shape[3]]),
    (IMAGE, [-1], lambda x: [-1]),
    (tensor(2, 6), [3, -1], lambda x: [3, 4]),
    (tensor(1), [], lambda x: []),
]


@pytest.mark.parametrize(("x", "shape", "sizes"), RESHAPES)
def test_reshape_is_that_of_torch_for_all_sizes(x: TensorType, shape: list[Any], sizes: Run) -> None:
    assert_same_as_torch("reshape", {"shape": shape}, [x], lambda value: value.reshape(sizes(value)))
    assert not assumed("reshape", {"shape": shape}, x)


def test_a_reshape_that_fits_only_some_sizes_says_which() -> None:
    ((found,), assumptions) = infer("reshape", {"shape": [-1, 4]}, tensor("batch", 6))
    for batch in range(1, 9):
        fits = counterexample(assumptions, {"batch": batch}) is None
        assert fits == (batch * 6 % 4 == 0)
        if fits:
            assert isinstance(found, TensorType)
            assert evaluate(found.shape[0], {"batch": batch}) == batch * 6 // 4


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("reshape", {"shape": ["-n", "-m"]}),
        ("unflatten", {"sizes": ["-n", -1]}),
        ("expand", {"shape": ["1 - n"]}),
    ],
)
def test_a_size_that_no_symbols_make_positive_is_refused(op_type: str, attributes: dict[str, Any]) -> None:
    assert "is never more than" in complaint(op_type, **attributes)


def test_a_size_that_some_symbols_make_positive_is_accepted() -> None:
    for size in ("n - m", "3 - n", "-n//2 + 4"):
        assert not settled("reshape", {"shape": [size]}).problems


def test_a_reshape_that_cannot_fit_names_both_shapes() -> None:
    said = refusal("reshape", {"shape": [28, 28]}, tensor("batch", 784))
    assert (
        "float32[batch, 784] into [28, 28]: 784*batch elements are not 784 (write -1 for one of the sizes)"
        in said
    )
    assert "10 is not a multiple of 4" in refusal("reshape", {"shape": [4, -1]}, tensor(10))
    assert "12*batch*length" in refusal("reshape", {"shape": ["height", -1]}, WORDS)
    assert "only one" in complaint("reshape", shape=[-1, -1])
    assert text_of("reshape", shape=["2*n", -1]) == text_of("reshape", shape=["n + n", -1])


@pytest.mark.parametrize(("start", "end"), [(1, -1), (0, -1), (0, 1), (2, 3), (-2, -1), (1, 1)])
def test_flatten_is_that_of_torch(start: int, end: int) -> None:
    attributes = {"start_dim": start, "end_dim": end}
    assert_same_as_torch("flatten", attributes, [IMAGE], lambda x: x.flatten(start, end))


def test_flatten_keeps_the_batch_unless_told() -> None:
    assert infer("flatten", {}, IMAGE)[0] == (tensor("batch", "6*height*width"),)
    assert text_of("flatten") == text_of("flatten", start_dim=1, end_dim=-1)
    assert "axis 1 does not exist" in refusal("flatten", {}, tensor("batch"))
    assert "comes after" in refusal("flatten", {"start_dim": 2, "end_dim": 1}, IMAGE)


@pytest.mark.parametrize(("dim", "sizes"), [(-1, [3, 4]), (2, [3, -1]), (-1, [1, 12, 1]), (-1, [12])])
def test_unflatten_is_that_of_torch(dim: int, sizes: list[int]) -> None:
    attributes = {"dim": dim, "sizes": sizes}
    assert_same_as_torch("unflatten", attributes, [WORDS], lambda x: x.unflatten(dim, sizes))


def test_unflatten_works_with_expressions_and_names_what_does_not_fit() -> None:
    merged = tensor("batch*length", 12)
    assert infer("unflatten", {"dim": 0, "sizes": ["batch", -1]}, merged)[0] == (WORDS,)
    assert "12 elements are not 15" in refusal("unflatten", {"sizes": [3, 5]}, WORDS)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 1), (-1, -2), (0, -1), (1, 1)])
def test_transpose_is_that_of_torch(one: int, other: int) -> None:
    attributes = {"dim0": one, "dim1": other}
    assert_same_as_torch("transpose", attributes, [IMAGE], lambda x: x.transpose(one, other))
    assert text_of("transpose", dim0=one, dim1=other) == text_of("transpose", dim0=other, dim1=one)
    assert "rank 1" in refusal("transpose", {"dim0": 1, "dim1": 2}, tensor("batch"))


@pytest.mark.parametrize("dims", [[0, 2, 3, 1], [3, 2, 1, 0], [0, -1, 1, -2], [0, 1, 2, 3]])
def test_permute_is_that_of_torch(dims: list[int]) -> None:
    assert_same_as_torch("permute", {"dims": dims}, [IMAGE], lambda x: x.permute(dims))


def test_permute_names_each_axis_once() -> None:
    assert text_of("permute", dims=[0, -1, 1]) == text_of("permute", dims=[0, 2, 1])
    assert complaint("permute", dims=[0, 0, 1])
    assert complaint("permute", dims=[0, 3, 1])
    assert "4 axes" in refusal("permute", {"dims": [0, 2, 1]}, IMAGE)


EXPANSIONS: list[tuple[TensorType, list[int | str], Callable[..., list[int]]]] = [
    (tensor(1, 12), [5, 12], lambda b: [5, 12]),
    (tensor(1, 12), ["batch", -1], lambda b: [b["batch"], -1]),
    (tensor(12), ["batch", "length", 12], lambda b: [b["batch"], b["length"], 12]),
    (tensor("batch", 1), [-1, "2*length"], lambda b: [-1, 2 * b["length"]]),
    (tensor(), ["batch"], lambda b: [b["batch"]]),
]


@pytest.mark.parametrize(("x", "shape", "sizes"), EXPANSIONS)
def test_expand_is_that_of_torch(x: TensorType, shape: list[int | str], sizes: Run) -> None:
    ((found,), _) = infer("expand", {"shape": shape}, x)
    assert isinstance(found, TensorType)
    for binding in BINDINGS:
        given = torch.empty([evaluate(size, binding) for size in x.shape]).expand(sizes(binding))
        assert tuple(evaluate(size, binding) for size in found.shape) == tuple(given.shape)


def test_expand_repeats_only_single_elements() -> None:
    assert "12 is neither 1 nor 13" in refusal("expand", {"shape": ["batch", 13]}, tensor(1, 12))
    assert "too few axes" in refusal("expand", {"shape": [12]}, tensor(1, 12))
    assert "no size to keep" in refusal("expand", {"shape": [-1, 12]}, tensor(12))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_concat_and_stack_are_those_of_torch(dim: int) -> None:
    rest = {0: tensor("length", "length", 12), 1: tensor("batch", 5, 12), -1: tensor("batch", "length", 7)}[
        dim
    ]
    assert_same_as_torch("concat", {"dim": dim}, [WORDS, rest, WORDS], lambda *x: torch.cat(x, dim))
    assert_same_as_torch("stack", {"dim": dim}, [WORDS, WORDS, WORDS], lambda *x: torch.stack(x, dim))
    assert_same_as_torch("concat", {"dim": dim}, [WORDS], lambda *x: torch.cat(x, dim))


def test_concat_and_stack_name_both_shapes() -> None:
    for op_type in ("concat", "stack"):
        said = refusal(op_type, {}, WORDS, tensor("batch", "keys", 12))
        assert "float32[batch, length, 12]" in said
        assert "float32[batch, keys, 12]" in said
        assert "insert `cast`" in refusal(op_type, {}, WORDS, tensor("batch", "length", 12, dtype="float64"))
    assert "other axes differ" in refusal("concat", {}, WORDS, tensor("batch", 12))
    assert "rank 0" in refusal("concat", {}, tensor(), tensor())
    assert text_of("concat") == text_of("concat", dim=-1)


@pytest.mark.parametrize("dim", [1, -1])
def test_split_gives_each_part_a_port(dim: int) -> None:
    x = tensor("batch", 12, 12)
    assert_same_as_torch("split", {"sizes": [3, 4, 5], "dim": dim}, [x], lambda v: v.split([3, 4, 5], dim))
    assert_same_as_torch("split", {"chunks": 4, "dim": dim}, [x], lambda v: v.chunk(4, dim))
    names = OPS["split"].output_names(values_of("split", {"sizes": [3, 4, 5]}))
    assert names == ("outputs.0", "outputs.1", "outputs.2")


def test_split_comes_out_even() -> None:
    assert "7 is not 12" in refusal("split", {"sizes": [3, 4]}, WORDS)
    assert "12 is not a multiple of 5" in refusal("split", {"chunks": 5}, WORDS)
    assumptions = assumed("split", {"chunks": 3, "dim": 1}, WORDS)
    assert counterexample(assumptions, {"length": 9}) is None
    assert counterexample(assumptions, {"length": 10}) is not None
    assert complaint("split")
    assert complaint("split", chunks=2, sizes=[1, 2])


SLICES = [
    (0, None, 1),
    (1, None, 1),
    (-3, None, 1),
    (2, 7, 1),
    (2, -1, 2),
    (0, None, 3),
    (-5, -2, 2),
    (0, 1, 1),
]


@pytest.mark.parametrize(("start", "end", "step"), SLICES)
def test_slice_is_that_of_python(start: int, end: int | None, step: int) -> None:
    attributes = {"dim": 1, "start": start, "end": end, "step": step}
    assert_same_as_torch("slice", attributes, [WORDS], lambda x: x[:, start:end:step])
    assert_same_as_torch("slice", attributes, [tensor("batch", 9)], lambda x: x[:, start:end:step])


@pytest.mark.parametrize(("start", "end", "step"), SLICES)
def test_a_slice_holds_exactly_for_the_sizes_it_assumes(start: int, end: int | None, step: int) -> None:
    attributes = {"dim": 0, "start": start, "end": end, "step": step}
    ((found,), assumptions) = infer("slice", attributes, tensor("length"))
    assert isinstance(found, TensorType)
    for length in range(1, 12):
        bounds = [
            position + length if position < 0 else position
            for position in (start, length if end is None else end)
        ]
        inside = all(0 <= position <= length for position in bounds)
        taken = len(range(length)[start:end:step])
        assert (counterexample(assumptions, {"length": length}) is None) == (inside and taken > 0)
        if inside and taken:
            assert evaluate(found.shape[0], {"length": length}) == taken


def test_a_slice_beyond_the_axis_is_refused_not_cut_off() -> None:
    for start, end in ((0, 13), (-13, None), (13, None)):
        said = refusal("slice", {"start": start, "end": end}, WORDS)
        assert "reaches beyond the axis" in said
        assert "float32[batch, length, 12]" in said
    assert "has the size 0" in refusal("slice", {"start": 5, "end": 5}, WORDS)
    assert text_of("slice") == text_of("slice", dim=-1, start=0, end=None, step=1)


PADDINGS = [[1, 2], [0, 3], [1, 1, 2, 2], [0, 0, 1, 0]]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad_is_that_of_torch(padding: list[int], mode: str) -> None:
    # torch pads in other modes exactly the axes after the second, or all but the first
    full = [*padding, *[0] * (4 - len(padding))]
    assert_same_as_torch(
        "pad", {"padding": padding, "mode": mode}, [IMAGE], lambda x: functional.pad(x, full, mode)
    )


def test_pad_at_every_axis_with_a_value() -> None:
    padding = [1, 0, 0, 2, 3, 0, 0, 4]
    attributes = {"padding": padding, "value": 1.5}
    assert_same_as_torch("pad", attributes, [IMAGE], lambda x: functional.pad(x, padding, value=1.5))
    assert "whole number" in refusal("pad", attributes, tensor(2, 2, 2, 2, dtype="int64"))
    assert "4 pairs" in refusal("pad", attributes, WORDS)


def test_a_mirror_is_no_longer_than_the_axis() -> None:
    for mode, longest in (("reflect", 11), ("circular", 12)):
        assert infer("pad", {"padding": [longest, 0], "mode": mode}, WORDS)[0] == (
            tensor("batch", "length", 12 + longest),
        )
        assert "float32[batch, length, 12]" in refusal(
            "pad", {"padding": [longest + 1, 0], "mode": mode}, WORDS
        )
    assumptions = assumed("pad", {"padding": [0, 0, 3, 0], "mode": "reflect"}, WORDS)
    assert counterexample(assumptions, {"length": 4}) is None
    assert counterexample(assumptions, {"length": 3}) is not None


def test_equal_paddings_are_one_text() -> None:
    assert text_of("pad", padding=[1, 1, 0, 0]) == text_of("pad", padding=[1, 1], mode="constant", value=0)
    assert text_of("pad", padding=[1, 1], value=0.0) != text_of("pad", padding=[1, 1], value=-0.0)
    assert complaint("pad", padding=[1])
    assert complaint("pad", padding=[-1, 0])
    assert complaint("pad", padding=[1, 1], mode="reflect", value=1.0)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gather_is_that_of_torch(dim: int) -> None:
    sizes: list[int | str] = ["batch", "length", 12]
    sizes[dim] = "keys"
    index = tensor(*sizes, dtype="int64")
    assert infer("gather", {"dim": dim}, WORDS, index)[0] == (tensor(*sizes),)
    assert_same_as_torch("gather", {"dim": dim}, [WORDS, index], lambda x, i: torch.gather(x, dim, i))


def test_gather_names_both_shapes() -> None:
    said = refusal("gather", {}, WORDS, tensor("batch", "keys", 3, dtype="int64"))
    assert "float32[batch, length, 12]" in said
    assert "int64[batch, keys, 3]" in said
    assert "takes int64" in refusal("gather", {}, WORDS, WORDS)
    assert "ranks differ" in refusal("gather", {}, WORDS, tensor("batch", dtype="int64"))


def test_roll_keeps_the_type_and_sorts_its_axes() -> None:
    attributes = {"shifts": [1, -2], "dim": [2, 1]}
    assert_same_as_torch("roll", attributes, [WORDS], lambda x: torch.roll(x, [1, -2], [2, 1]))
    assert text_of("roll", **attributes) == text_of("roll", shifts=[-2, 1], dim=[1, 2])
    assert text_of("roll", shifts=3) == text_of("roll", shifts=[3], dim=-1)
    assert complaint("roll", shifts=[1, 2])
    assert "axis 3 does not exist" in refusal("roll", {"shifts": 1, "dim": 3}, WORDS)


INTERPOLATIONS = [
    ("nearest", tensor("batch", 3, "length"), 2),
    ("nearest", IMAGE, 0.5),
    ("nearest-exact", IMAGE, 1.5),
    ("linear", tensor("batch", 3, "length"), 0.75),
    ("bilinear", IMAGE, 2.5),
    ("bicubic", IMAGE, 2),
    ("area", IMAGE, 0.5),
    ("trilinear", tensor("batch", 3, "length", "height", "width"), 0.5),
]


@pytest.mark.parametrize(("mode", "x", "factor"), INTERPOLATIONS)
def test_interpolate_is_that_of_torch(mode: str, x: TensorType, factor: float) -> None:
    def scaled(value: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(value, scale_factor=factor, mode=mode, recompute_scale_factor=True)

    assert_same_as_torch("interpolate", {"scale_factor": factor, "mode": mode}, [x], scaled)
    sizes = [5, 6, 7][: x.rank - 2]
    assert_same_as_torch(
        "interpolate",
        {"size": sizes, "mode": mode},
        [x],
        lambda v: functional.interpolate(v, sizes, mode=mode),
    )


def test_a_factor_is_an_exact_fraction() -> None:
    ((found,), _) = infer("interpolate", {"scale_factor": 1 / 49}, tensor("batch", 1, 49))
    assert found == tensor("batch", 1, 1), "49 * (1/49) is less than 1 in floating point"
    assert "not a fraction" in complaint("interpolate", scale_factor=3.14159265)


def test_interpolate_names_what_does_not_fit() -> None:
    assert "rank 4" in refusal("interpolate", {"size": 4, "mode": "bilinear"}, WORDS)
    assert "3 sizes" in refusal("interpolate", {"size": [1, 2, 3]}, IMAGE)
    assert "float elements" in refusal("interpolate", {"size": 4}, tensor(1, 1, 2, dtype="int64"))
    assert "has the size 0" in refusal("interpolate", {"scale_factor": 0.25}, tensor(1, 1, 3))
    assert complaint("interpolate")
    assert complaint("interpolate", size=4, scale_factor=2)
    assert "align_corners" in complaint("interpolate", size=4, align_corners=True)
    assert text_of("interpolate", size=4, mode="bilinear") == text_of(
        "interpolate", size=[4, 4], mode="bilinear"
    )
    assert text_of("interpolate", scale_factor=2) == text_of("interpolate", scale_factor=[2.0])


def test_moving_costs_nothing_and_resampling_one_an_element() -> None:
    free = {*MODULES["shape"], *MODULES["parts"]} - {"interpolate"}
    assert all(OPS[op_type].cost.__name__ == "no_cost" for op_type in free)
    outputs, _ = infer("interpolate", {"size": [4, 5]}, IMAGE)
    cost = OPS["interpolate"].cost(values_of("interpolate", {"size": [4, 5]}), [IMAGE], outputs)
    assert str(cost.elementwise) == "120*batch"
