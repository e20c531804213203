"""`esper-graph blueprint validate --prove`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from esper_graph.cli import main, root
from esper_graph.ir.build import Builder


def validate(*arguments: str) -> Result:
    return CliRunner().invoke(root, ["blueprint", "validate", *arguments])


@pytest.fixture
def image(tmp_path: Path) -> str:
    b = Builder("image", name="image")
    x = b.input([-1, 3, "h", 9])
    b.output(b.conv2d(x, in_channels=3, out_channels=4, kernel_size=5, id="conv"))
    path = tmp_path / "image.json"
    path.write_text(b.finish().to_json(), encoding="utf-8")
    return str(path)


def test_a_refutation_shows_sizes_node_and_what_would_do_and_exits_with_one(image: str) -> None:
    ran = validate("--prove", image)
    assert ran.exit_code == 1
    assert "image: shapes refuted for batch >= 1, h >= 1" in ran.output
    assert "with batch=1, h=1: `conv`: the output of the convolution" in ran.output
    assert "holds from h=5 on" in ran.output


def test_a_proof_in_a_range_says_by_which_rules(image: str) -> None:
    ran = validate("--prove", "--range", "h=5..64", "--range", "batch=2", image)
    assert ran.exit_code == 0, ran.output
    assert "image: shapes proved for batch = 2, 5 <= h <= 64" in ran.output
    assert "1 by corner" in ran.output


def test_the_document_has_all_obligations(image: str) -> None:
    proved = json.loads(validate("--prove", "--json", "--range", "h=5..", image).output)[0]["shapes"]
    assert proved["verdict"] == "proved"
    assert proved["ranges"] == {"batch": [1, None], "h": [5, None]}
    assert proved["obligations"] == [
        {
            "node": "conv",
            "kind": "positive",
            "size": "h - 4",
            "other": "1",
            "reason": "the output of the convolution (an axis of h under a window that covers 5)",
            "rule": "corner",
        }
    ]
    refuted = json.loads(validate("--prove", "--json", image).output)[0]["shapes"]
    assert (refuted["binding"], refuted["holds_from"]) == ({"batch": 1, "h": 1}, {"h": 5})
    assert refuted["problem"]["where"] == "node `conv`"
    assert "shapes" not in json.loads(validate("--json", image).output)[0]


@pytest.fixture
def unlike(tmp_path: Path) -> str:
    b = Builder("unlike", name="unlike")
    b.output(b.add(b.input([-1, "a"]), b.input(["batch", "b"]), id="sum"))
    path = tmp_path / "unlike.json"
    path.write_text(b.finish().to_json(), encoding="utf-8")
    return str(path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the whole command says of a blueprint that it refuses."""
    with pytest.raises(SystemExit) as ended:
        main(["blueprint", "validate", *arguments])
    assert ended.value.code == 4
    return capsys.readouterr().err


def test_sizes_that_differ_for_some_values_only_are_shown_by_the_smallest_such_values(
    unlike: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "a is not b; with a=2, b=3, batch=1: `sum`: add of [1, 2] and [1, 3]: 2 is not 3"
    assert said in refused(capsys, "--prove", unlike)
    document = json.loads(refused(capsys, "--prove", "--json", unlike))
    assert said in document["message"]
    assert document["problems"][0]["facts"]["counter_example"] == {"a": 2, "b": 3, "batch": 1}
    assert "with a=" not in refused(capsys, unlike)


def test_a_counter_example_keeps_to_the_ranges(unlike: str, capsys: pytest.CaptureFixture[str]) -> None:
    narrowed = refused(capsys, "--prove", "--range", "a=7..9", "--range", "b=8", unlike)
    assert "with a=7, b=8, batch=1:" in narrowed
    fits = refused(capsys, "--prove", "--range", "a=8", "--range", "b=8", unlike)
    assert "they fit for all sizes in --range" in fits


@pytest.mark.parametrize("text", ["h", "h=", "h=a..", "h=5..b", "=5", "h=-1"])
def test_what_is_no_range_is_a_usage_error(image: str, text: str) -> None:
    assert validate("--prove", "--range", text, image).exit_code == 2
    assert validate("--range", "h=5", image).exit_code == 2
