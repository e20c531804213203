"""JSON documents are read strictly."""

import json
from typing import Any

import pytest

from esper_graph.errors import FormatError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.codec import MAX_BYTES
from esper_graph.ir.specs import Derivation
from tests.unit.ir.test_blueprint import mlp


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(mlp().to_json()), **changes}


def test_reading_what_was_written_gives_the_same_value() -> None:
    full = mlp(
        tags=["b", "a"],
        author="Ann",
        description="Zwölf Boxkämpfer ≤ 𝔘",
        derivations=[
            Derivation(parent_id="p", kind="crossover", edits=[{"type": "x", "list": [1, 2.5, None]}])
        ],
        estimated_flops=1,
        estimated_memory_mb=0.5,
        min_compute_capability=7.5,
        requires_features=["avx512"],
        limits={"max_depth": 169},
    )
    assert BlueprintIR.from_json(full.to_json()) == full
    assert BlueprintIR.from_dict(full.to_dict()) == full
    assert BlueprintIR.from_json(full.to_json(indent=None).encode()).content_digest == full.content_digest


def test_the_specification_s_layout_is_read_without_format_and_metadata() -> None:
    data = document()
    for key in ("format", "format_version", "metadata", "tags", "version"):
        del data[key]
    assert BlueprintIR.from_dict(data).fingerprint == mlp().fingerprint


def test_whole_and_broken_numbers_stay_what_they_are() -> None:
    text = mlp().to_json()
    again = BlueprintIR.from_json(text.replace('"compute_intensity": 1.0', '"compute_intensity": 2'))
    assert again.nodes[0].compute_intensity == 2.0


NOISE = '{"name": "x", "nodes": [{"id": "a", "op_type": "b", "attributes": {"std": %s}}], "edges": []}'


@pytest.mark.parametrize(
    ("text", "message", "path"),
    [
        ("", "is not JSON", "line 1"),
        ('{"name": "x"', "is not JSON", "line 1"),
        ("[]", "an object must be here, not []", "$"),
        ('{"nodes": [], "edges": []}', "the key `name` is missing", "$"),
        ('{"name": "x", "nodes": [], "edges": [], "name": "y"}', "the key `name` stands twice", "$.name"),
        ('{"name": "x", "nodes": {}, "edges": []}', "nodes are a list, not {}", "$.nodes"),
        ('{"name": "x", "nodes": [3], "edges": []}', "an object must be here, not 3", "$.nodes[0]"),
        ('{"name": "x", "nodes": [], "edges": [], "tag": []}', "the key `tag` is unknown", "$.tag"),
        (
            NOISE % "1e999",
            "`1e999` is not a finite number",
            "$.nodes[0].attributes.std",
        ),
        (
            NOISE % "-Infinity",
            "`-Infinity` is not a finite number",
            "$.nodes[0].attributes.std",
        ),
        (
            '{"name": "x", "nodes": [{"id": "a", "op_type": "b", "attributes": {"a b": 1}}], "edges": []}',
            "is not an attribute name",
            "$.nodes[0].attributes",
        ),
        (
            '{"name": "x", "nodes": [{"id": "a b", "op_type": "b"}], "edges": []}',
            "`a b` is not made of letters, digits",
            "$.nodes[0].id",
        ),
        (
            '{"name": "x", "nodes": [{"id": "\\n", "op_type": "b"}], "edges": []}',
            "the text is not made of letters, digits",
            "$.nodes[0].id",
        ),
        (
            '{"name": "x", "nodes": [{"id": 3, "op_type": "b"}], "edges": []}',
            "input should be a valid string",
            "$.nodes[0].id",
        ),
        (
            '{"name": "x", "nodes": [{"id": "a", "op_type": "b", "output_shape": [4,"\\u200b"]}],"edges":[]}',
            "the text holds control characters",
            "$.nodes[0].output_shape[1]",
        ),
        (
            '{"name": "x", "nodes": [{"id": "a", "op_type": "b", "output_shape": [4, -7]}], "edges": []}',
            "greater than or equal to -1",
            "$.nodes[0].output_shape[1]",
        ),
        ('{"name": "x", "nodes": [], "edges": [], "format": "onnx"}', "the format is 'onnx'", "$.format"),
        ('{"name": "x", "nodes": [], "edges": [], "format_version": 2}', "version is 2", "$.format_version"),
        (
            '{"name": "x", "nodes": [], "edges": [], "metadata": {"created_at": "now"}}',
            "point in time",
            "$.metadata.created_at",
        ),
        ('{"name": "x", "nodes": [], "edges": [], "version": 9' + "9" * 5000 + "}", "cannot be read", "$"),
        ("[" * 100_000, "nests too deeply", "$"),
    ],
)
def test_a_document_that_is_not_a_blueprint_is_refused_with_its_path(
    text: str, message: str, path: str
) -> None:
    with pytest.raises(FormatError, match=message.replace("[", r"\[").replace("{", r"\{")) as caught:
        BlueprintIR.from_json(text)
    assert caught.value.problems[0].where.startswith(path)


def test_every_unknown_key_is_named_with_the_close_one() -> None:
    data = document()
    data["nodes"][0]["atributes"] = {}
    data["edges"][1]["traget"] = "x"
    with pytest.raises(FormatError) as caught:
        BlueprintIR.from_dict(data)
    assert caught.value.problems[0].hint == "did you mean `attributes`?"


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(FormatError, match="not UTF-8"):
        BlueprintIR.from_json(b'{"name": "\xff"}')


def test_a_document_of_more_than_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(FormatError, match="longer than 64 MiB"):
        BlueprintIR.from_json(" " * (MAX_BYTES + 1))
