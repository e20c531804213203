import pytest

from esper_graph.ops import OPS
from esper_graph.ops.opdef import Fill, Normal, Parameter, settle
from esper_graph.ops.values import TupleType
from tests.unit.ops.nn_oracle import complaint, infer, refusal, tensor, text_of


def test_open_sizes_are_called_batch_and_after_their_place() -> None:
    (found,), assumptions = infer("input", {"shape": [-1, 3, -1, -1], "index": 2})
    assert found == tensor("batch", 3, "d2_2", "d2_3")
    assert not assumptions


def test_minus_one_and_its_name_are_one_text() -> None:
    open_sizes = text_of("input", shape=[-1, -1, 8])
    assert open_sizes == text_of("input", shape=["batch", "d0_1", 8], dtype="float32", index=0)
    assert open_sizes != text_of("input", shape=[-1, "length", 8])
    assert open_sizes != text_of("input", shape=[-1, -1, 8], index=1)


def test_a_size_may_be_an_expression_and_is_written_in_one_form() -> None:
    assert text_of("input", shape=["2*n + n"]) == text_of("input", shape=["n*3"])
    (found,), assumptions = infer("input", {"shape": ["n", "n - 1"], "dtype": "int64"})
    assert found == tensor("n", "n - 1", dtype="int64")
    assert [str(assumption.size) for assumption in assumptions] == ["n - 1"], "n - 1 must be positive, n is"


@pytest.mark.parametrize(
    "attributes",
    [
        {"shape": [0]},
        {"shape": [-2]},
        {"shape": [1.0]},
        {"shape": [True]},
        {"shape": ["n/2"]},
        {"shape": 3},
        {"shape": [1] * 17},
        {"shape": [1], "dtype": "float31"},
        {"shape": [1], "index": -1},
        {},
    ],
)
def test_other_inputs_are_refused(attributes: dict[str, object]) -> None:
    assert complaint("input", **attributes)


def test_an_output_takes_one_tensor_and_gives_nothing_on() -> None:
    assert infer("output", {}, tensor("batch", 3))[0] == ()
    assert "not pair(x: float32[])" in refusal("output", {}, TupleType("pair", (("x", tensor()),)))


def test_a_constant_has_the_shape_of_its_nesting() -> None:
    assert infer("constant", {"value": [[1, 2, 3], [4, 5, 6]]})[0] == (tensor(2, 3),)
    assert infer("constant", {"value": [1, 2], "dtype": "int64"})[0] == (tensor(2, dtype="int64"),)
    assert infer("constant", {"value": True, "dtype": "bool"})[0] == (tensor(dtype="bool"),)
    assert infer("constant", {"value": 0, "shape": ["batch", 1, 8]})[0] == (tensor("batch", 1, 8),)


def test_equal_constants_are_one_text() -> None:
    assert text_of("constant", value=[[1, 1], [1.0, 1]]) == text_of("constant", value=1.0, shape=[2, 2])
    assert text_of("constant", value=[2, 3]) == text_of(
        "constant", value=[2.0, 3.0], shape=[2], dtype="float32"
    )
    assert text_of("constant", value=0.0) != text_of("constant", value=-0.0)
    zeros = {text_of("constant", value=value, shape=[2]) for value in (0.0, -0.0, [0.0, -0.0], [-0.0, 0.0])}
    assert len(zeros) == 4
    assert text_of("constant", value=1) != text_of("constant", value=1, dtype="int64")


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"value": [[1], [1, 2]]}, "differ in length"),
        ({"value": []}, "at least one element"),
        ({"value": 1.5, "dtype": "int64"}, "1.5 is not a whole number"),
        ({"value": 1, "dtype": "bool"}, "not true or false"),
        ({"value": True}, "is not a number"),
        ({"value": "one"}, "is not a number"),
        ({"value": 128, "dtype": "int8"}, "beyond the largest value"),
        ({"value": 70000, "dtype": "float16"}, "beyond the largest value"),
        ({"value": 1, "dtype": "complex64"}, "is real"),
        ({"value": [1, 2], "shape": [3]}, "nested as"),
        ({"value": 1, "dtype": "float8"}, "float8"),
        ({"shape": [3]}, "needs the attribute `value`"),
    ],
)
def test_other_constants_are_refused(attributes: dict[str, object], said: str) -> None:
    assert said in complaint("constant", **attributes)


def test_the_smallest_whole_number_of_a_dtype_is_accepted() -> None:
    assert text_of("constant", value=-128, dtype="int8")
    assert complaint("constant", value=-129, dtype="int8")


def test_a_parameter_has_its_shape_and_is_owned() -> None:
    assert infer("parameter", {"shape": [1, 197, 8]})[0] == (tensor(1, 197, 8),)
    assert infer("parameter", {})[0] == (tensor(),)


def test_a_parameter_is_filled_or_drawn_and_may_be_kept_as_it_is() -> None:
    for given, init, trainable in (
        ({"shape": (3,), "value": 0.5}, Fill(0.5), True),
        ({"shape": (3,), "std": 0.02}, Normal(0.02), True),
        ({"shape": (3,), "trainable": False}, Fill(0.0), False),
    ):
        settled = settle(OPS["parameter"], given)
        assert settled.parameters == (Parameter("value", (3,), init, trainable),)
        assert (settled.trainable, settled.buffers) == ((3, 0) if trainable else (0, 3))


@pytest.mark.parametrize(
    "given", [{"shape": [-1]}, {"shape": ["batch"]}, {"std": -1.0}, {"std": 1, "value": 1}]
)
def test_other_parameters_are_refused(given: dict[str, object]) -> None:
    assert complaint("parameter", **given)
