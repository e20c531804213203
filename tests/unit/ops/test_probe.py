import pytest

from esper_graph.ops import OPS
from esper_graph.ops.values import TupleType
from tests.unit.ops.nn_oracle import complaint, infer, refusal, tensor, text_of, values_of


def test_telemetry_ends_a_branch() -> None:
    assert infer("telemetry", {"metric_name": "loss"}, tensor("batch", 3))[0] == ()
    assert OPS["telemetry"].output_names(values_of("telemetry", {"metric_name": "loss"})) == ()
    assert OPS["telemetry"].effect


def test_a_gradient_norm_is_one_number() -> None:
    assert infer("gradient_norm", {}, tensor("batch", 3))[0] == (tensor(),)
    assert infer("gradient_norm", {}, tensor("batch", dtype="float64"))[0] == (tensor(dtype="float64"),)
    assert OPS["gradient_norm"].effect
    cost = OPS["gradient_norm"].cost(values_of("gradient_norm", {}), [tensor("batch", 3)], [tensor()])
    assert (cost.macs, str(cost.elementwise)) == (0, "3*batch")


def test_defaults_are_one_text_with_what_they_stand_for() -> None:
    assert text_of("gradient_norm", ord=2) == text_of("gradient_norm", ord=2.0) == text_of("gradient_norm")
    assert text_of("gradient_norm", ord="inf") != text_of("gradient_norm")
    assert text_of("telemetry", metric_name="a") == text_of("telemetry", metric_name="a", log_frequency=1)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"metric_name": ""},
        {"metric_name": "a\nb"},
        {"metric_name": "a" * 201},
        {"metric_name": "a", "log_frequency": 0},
        {"metric_name": "a", "log_frequency": 1.0},
    ],
)
def test_other_reports_are_refused(attributes: dict[str, object]) -> None:
    assert complaint("telemetry", **attributes)


def test_probes_take_tensors() -> None:
    pair = TupleType("pair", (("x", tensor()),))
    assert "not pair(" in refusal("telemetry", {"metric_name": "a"}, pair)
    assert "not pair(" in refusal("gradient_norm", {}, pair)
    assert "int64[3]" in refusal("gradient_norm", {}, tensor(3, dtype="int64"))
    assert complaint("gradient_norm", ord=0)
    assert complaint("gradient_norm", ord="two")
