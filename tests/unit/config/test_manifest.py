"""The manifest is read strictly: what it does not know it refuses, with the place in the file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from esper_graph.config import load_manifest, shipped
from esper_graph.errors import ConfigError

SHIPPED = shipped("manifest.yaml").read_text(encoding="utf-8")


def changed(tmp_path: Path, change: dict[tuple[str | int, ...], Any]) -> Path:
    """Write the shipped manifest with some values replaced; `...` removes one."""
    document = yaml.safe_load(SHIPPED)
    for keys, value in change.items():
        *outer, last = keys
        place = document
        for key in outer:
            place = place[key]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_the_shipped_manifest_has_the_limits_that_the_readme_promises() -> None:
    manifest = load_manifest()
    limits = manifest.validation
    assert (limits.max_nodes, limits.max_edges, limits.max_depth) == (1000, 5000, 100)
    assert limits.allowed_op_types is None
    assert manifest.reference_binding == {"batch": 1, "sequence": 128, "image": 224}
    assert manifest.metric("latency_ms").direction == "lower"
    assert manifest.metric("accuracy").direction == "higher"
    assert manifest.device("default").name == "default"


def test_a_copy_that_narrows_is_read(tmp_path: Path) -> None:
    path = changed(tmp_path, {("validation", "max_nodes"): 7, ("validation", "allowed_op_types"): ["linear"]})
    assert load_manifest(path).validation.max_nodes == 7
    assert load_manifest(path).validation.allowed_op_types == ("linear",)


def test_categories_follow_from_tags_in_the_order_of_the_file() -> None:
    manifest = load_manifest()
    assert manifest.categories_of(["vision", "attention", "nlp"]) == ("attention", "specialized")
    assert manifest.categories_of(["Vision", ""]) == ()


def test_an_unknown_metric_or_device_is_refused_with_the_close_one() -> None:
    with pytest.raises(ConfigError, match="no metric `latency`") as told:
        load_manifest().metric("latency")
    assert told.value.hint == "did you mean `latency_ms`?"
    with pytest.raises(ConfigError, match="no device `gpu_a1000`"):
        load_manifest().device("gpu_a1000")


def test_no_metric_with_a_unit_can_be_negative_and_a_loss_can() -> None:
    for metric in load_manifest().benchmarks.metrics:
        if metric.unit is None and metric.name == "loss":
            metric.require(-1.5)
            continue
        metric.require(0.0)
        with pytest.raises(ConfigError, match=rf"`{metric.name}` cannot be -1e-09"):
            metric.require(-1e-9)


@pytest.mark.parametrize(
    ("change", "message", "place"),
    [
        ({("colour",): "red"}, "unknown key `colour`", "$"),
        ({("validation", "max_node"): 3}, "unknown key `max_node`", "$.validation"),
        ({("categories", 1, "tag"): []}, "unknown key `tag`", "$.categories[1]"),
        ({("validation", "max_depth"): ...}, "lacks `max_depth`", "$.validation"),
        ({("version",): "2.0"}, "`2.0` where `1.0` must be", "$.version"),
        ({("validation", "max_nodes"): True}, "a whole number", "$.validation.max_nodes"),
        ({("validation", "max_nodes"): 0}, "a whole number", "$.validation.max_nodes"),
        ({("validation", "max_nodes"): "10"}, "a whole number", "$.validation.max_nodes"),
        ({("reference_binding", "batch"): 1.5}, "a whole number", "$.reference_binding.batch"),
        ({("categories",): {}}, "a list", "$.categories"),
        ({("registry",): []}, "a mapping", "$.registry"),
        ({("categories", 0, "tags", 0): 3}, "a text", "$.categories[0].tags[0]"),
        ({("benchmarks", "metrics", 0, "direction"): "up"}, "`up`", "$.benchmarks.metrics[0].direction"),
        ({("benchmarks", "metrics", 0, "least"): True}, "a finite number", "$.benchmarks.metrics[0].least"),
        ({("benchmarks", "metrics", 0, "lest"): 0}, "unknown key `lest`", "$.benchmarks.metrics[0]"),
        ({("benchmarks", "devices", 1, "name"): "default"}, "`default` twice", "$.benchmarks.devices"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, change: dict[tuple[str | int, ...], Any], message: str, place: str
) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(ConfigError) as told:
        load_manifest(path)
    assert message in told.value.message
    assert told.value.where == (f"{path}  {place}",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: '1.0'\nversion: '1.0'\n", "the key `version` twice"),
        ("version: [", "is not YAML"),
        ("", "a mapping"),
        ("- 1\n", "a mapping"),
        ("!!python/object/apply:os.getcwd []\n", "is not YAML"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        load_manifest(path)
    assert message in told.value.message


def test_a_missing_file_and_one_that_is_no_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as told:
        load_manifest(tmp_path / "nowhere.yaml")
    assert told.value.hint is not None
    assert "ESPER_GRAPH_MANIFEST" in told.value.hint
    binary = tmp_path / "manifest.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_manifest(binary)
