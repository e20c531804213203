"""The JSON Schema and the reader of documents agree, apart from a list of what a schema cannot say."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from esper_graph.cli import root
from esper_graph.errors import BlueprintError, Problem
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.ir.schema import UNSAID, blueprint_schema
from esper_graph.ops import OPS
from esper_graph.ops.attributes import Attributes, Size
from esper_graph.ops.opdef import OpDef
from tests.compile.cases import SINGLE, single
from tests.random_blueprints import blueprints
from tests.unit.ir.test_prove import TEMPLATES

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.json"))


@cache
def validator() -> Draft202012Validator:
    schema = blueprint_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def errors(document: Any) -> list[str]:
    return [error.message for error in validator().iter_errors(document)]


def refusals(document: Any) -> tuple[Problem, ...]:
    """Why the reader, or what looks at op types and attributes, refuses a document."""
    try:
        read = BlueprintIR.from_json(json.dumps(document))
    except BlueprintError as error:
        return error.problems
    waiting = [read]
    found: list[Problem] = []
    while waiting:
        one = waiting.pop()
        found += [
            problem for problem in one.graph.problems if problem.kind in ("unknown_op", "bad_attribute")
        ]
        waiting += one.blocks.values()
    return tuple(found)


def test_the_shipped_file_is_current_and_what_the_command_prints() -> None:
    shipped = (ROOT / "esper_graph" / "blueprint.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == blueprint_schema(added=False), (
        "write it again: esper-graph blueprint schema > esper_graph/blueprint.schema.json"
    )
    printed = json.loads(CliRunner().invoke(root, ["blueprint", "schema"]).output)
    assert printed.keys() == json.loads(shipped).keys()
    assert (
        printed["$defs"].items()
        >= {name: one for name, one in json.loads(shipped)["$defs"].items() if name != "node"}.items()
    )


def test_an_added_op_is_part_of_the_schema_that_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(Attributes):
        """Settings of its own."""

        strength: Size

    monkeypatch.setitem(
        OPS._loaded, "own_schema", OpDef("own_schema", "Custom", Own, ("input",), lambda *_: ())
    )
    own = Draft202012Validator(blueprint_schema())
    document = Builder("x").finish().to_dict()
    document["nodes"] = [{"id": "a", "op_type": "own_schema", "attributes": {"strength": 2}}]
    assert own.is_valid(document)
    document["nodes"][0]["attributes"]["strength"] = 0
    assert not own.is_valid(document)
    assert "own_schema" not in str(blueprint_schema(added=False))


# ---------------------------------------------------------------- what is written is valid


def with_blocks() -> BlueprintIR:
    inner = Builder("inner", name="inner")
    inner.output(
        inner.conv2d(inner.input([-1, 3, "side", "side"]), in_channels=3, out_channels=3, kernel_size=3)
    )
    definition = inner.finish()
    b = Builder("outer", name="outer", blocks={definition.fingerprint: definition})
    x = b.input([-1, 3, "h", "h"])
    b.output(b.node("block", x, blueprint=definition.fingerprint, bindings=["batch", "h"]))
    return b.finish()


def with_an_op_of_torch() -> BlueprintIR:
    b = Builder("opaque", name="opaque")
    x = b.input([-1, 4])
    call = {
        "tensors": ["tensors.0", "tensors.1"],
        "arguments": {"indexing": "ij", "weights": [1, 0.5, None, True]},
        "sizes": {"count": ["batch", 4]},
        "input_shapes": [["batch", 4], ["batch", 4]],
        "input_dtypes": ["float32", "float32"],
        "output_shapes": [["2*batch", 4]],
        "output_dtypes": ["int64"],
    }
    b.output(b.node("aten.some_name.overload", x, x, **call))
    return b.finish()


@pytest.mark.parametrize(
    "blueprint", [*TEMPLATES, with_blocks(), with_an_op_of_torch()], ids=lambda one: one.id
)
def test_every_template_is_valid(blueprint: BlueprintIR) -> None:
    assert errors(blueprint.to_dict()) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    assert errors(json.loads(path.read_bytes())) == []


def test_every_op_at_many_settings_is_valid() -> None:
    definitions = blueprint_schema()["$defs"]
    for op_type, cases in SINGLE.items():
        own = Draft202012Validator({"$defs": definitions, "$ref": f"#/$defs/op.{op_type}"})
        for attributes, *_ in cases:
            assert [error.message for error in own.iter_errors(attributes)] == []


@settings(max_examples=15, deadline=None)
@given(blueprints())
def test_whatever_is_written_is_valid(blueprint: BlueprintIR) -> None:
    assert errors(json.loads(blueprint.to_json())) == []


# ---------------------------------------------------------------- what is valid is read

SAID_BY: Mapping[str, str] = {
    "64 bits": r"64 bits",
    "printable": r"control characters",
    "unique": r"stands twice",
    "nesting": r"nest",
    "time": r"point in time",
    "expression": r"expression|a size lies between|a size is written in at most",
    "equation": r"not a letter|names a letter twice|which no operand has",
    "value": r"`value` is nested|not a number|not a whole number|not true or false|beyond the largest"
    r"|constant (is real|has)|nested lists differ",
    "fraction": r"is not a fraction",
    "together": r"attributes of `[\w.]+` do not fit|stands twice, or its entries"
    r"|is not a multiple of it|more than half of|needs stride 1"
    r"|there is no such row|it divides the input|a padding is",
    "lineage": r"`parent_id`|`mutation_type`",
    "blocks": r"blocks",
}


def unsaid(document: Any) -> str | None:
    """The reason in `UNSAID` for which a valid document is refused, or None where it is another."""
    problems = refusals(document)
    for reason, pattern in SAID_BY.items():
        if re.search(pattern, problems[0].message):
            return reason
    written = with_whole_numbers(document)
    return "whole" if repr(written) != repr(document) and (not refusals(written) or unsaid(written)) else None


def with_whole_numbers(value: Any) -> Any:
    """The same data with 4 in the place of 4.0."""
    if isinstance(value, dict):
        return {key: with_whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


VALUES: list[Any] = [
    *(None, True, False, -2, -1, 0, 1, 2, 3, 16, 4.0, 0.5, -0.5, 1e300, 2**31 - 1, 2**31, 2**63, -(2**63)),
    *("", "x", "same", "valid", "batch*2", "-n", "n +", "relu", "float32", "mean", "inf", "fp32", "forward"),
    *(
        "a" * 65,
        "a" * 129,
        "a" * 201,
        "a" * 501,
        "tab\t",
        "nul\0",
        "line\n",
        "zero width \u200b",
        "é",
        "2026-11-25",
    ),
    *([], [1], [1, 1], [1, 2], [0, 1], [-1, 4], [1, 1, 1], ["n", 2], [[1, 2], [3, 4]], [1] * 17, [None]),
    *({}, {"a": 1}, {"type": "cast", "dtype": "int64"}, {"type": "relu"}, {"a b": 1}, {"max_nodes": 5}),
    *("abcd", "f1:" + "0" * 64, "ij,jk->ik", "ij->"),
]
"""What is put in the place of something else."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the paths of everything in a document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


NAMES = [
    *sorted({name for op in OPS.values() for name in op.attributes.model_fields}),
    *(
        "tags",
        "id",
        "shares",
        "edits",
        "kind",
        "unknown",
        "transform",
        "dtype",
        "derivations",
        "blocks",
        "limits",
    ),
]


def mutated(document: Any, random: Random) -> Any:
    """The document with one value replaced, removed, added, doubled or renamed."""
    changed = deepcopy(document)
    path = random.choice(list(places(changed)))
    around, key = at(changed, path[:-1]), path[-1]
    change = random.choice(["replace", "replace", "replace", "remove", "add", "double", "borrow"])
    if change == "replace":
        around[key] = random.choice(VALUES)
    elif change == "remove":
        del around[key]
    elif change == "add" and isinstance(around, dict):
        around[random.choice(NAMES)] = random.choice(VALUES)
    elif change == "double" and isinstance(around, list):
        around.append(deepcopy(around[key]))
    else:
        around[key] = deepcopy(at(changed, random.choice(list(places(changed)))))
    return changed


def disagreement(document: Any) -> str | None:
    """How schema and reader differ over a document, or None where they agree or the reason is listed."""
    refused, wrong = refusals(document), errors(document)
    if wrong and not refused:
        return f"the schema alone refuses it: {wrong[0]}"
    if refused and not wrong and unsaid(document) is None:
        return f"the reader alone refuses it: {refused[0].message} at {refused[0].where}"
    return None


def documents() -> list[Any]:
    found = [one.to_dict() for one in TEMPLATES[:4]]
    found += [single(op_type, *case).to_dict() for op_type, cases in SINGLE.items() for case in cases]
    derived = TEMPLATES[0].replace(
        derivations=[], parent_id="root", mutation_type="widen", limits={"max_nodes": 3}
    )
    edged = TEMPLATES[5].to_dict()
    edged["edges"][1]["transform"] = {"type": "transpose", "dim0": 0, "dim1": 1}
    with_edits = derived.to_dict()
    with_edits["metadata"]["derivations"][0]["edits"] = [{"kind": "add_node", "sizes": [1, 2]}]
    return [
        *found,
        derived.to_dict(),
        edged,
        with_edits,
        with_blocks().to_dict(),
        *[with_an_op_of_torch().to_dict()] * 20,
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_document_is_refused_by_both_or_by_none(seed: int) -> None:
    random = Random(seed)
    originals = documents()
    for _ in range(60):
        document = mutated(random.choice(originals), random)
        assert disagreement(document) is None, document


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_mutated_documents_are_refused_by_both_or_by_none(seed: int) -> None:
    random = Random(seed)
    originals = documents()
    for _ in range(1500):
        document = mutated(random.choice(originals), random)
        if random.random() < 0.3:
            document = mutated(document, random) if isinstance(document, dict) else document
        assert disagreement(document) is None, document


def test_every_reason_that_a_schema_cannot_give_is_listed() -> None:
    assert {*SAID_BY, "whole"} == UNSAID.keys()
