"""The JSON Schema of blueprint documents, made from what reads them: the value classes and the `OPS` table.

A document that is read, and whose op types and attributes are known, is valid under the schema. The other way
round a valid document may still be refused, for one of the reasons in `UNSAID`, which a JSON Schema cannot
say; or by `check`, which looks at wiring, shapes and limits.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from esper_graph.ir.blueprint import LIMITS
from esper_graph.ir.codec import FORMAT, FORMAT_VERSION, METADATA, TOP
from esper_graph.ir.normalise import TRANSFORMS
from esper_graph.ir.specs import (
    ID_PATTERN,
    MAX_ATTRIBUTE_NAME,
    MAX_ID,
    MAX_INTEGER,
    Derivation,
    EdgeSpec,
    NodeSpec,
)
from esper_graph.ops import MODULES, OPS
from esper_graph.ops.attributes import LARGEST, MAX_TEXT
from esper_graph.ops.opaque import OP_TYPE, OpaqueCall
from esper_graph.ops.opdef import OpDef

DIALECT = "https://json-schema.org/draft/2020-12/schema"

UNSAID: Mapping[str, str] = {
    "whole": "a whole number is written without a decimal point: 4, not 4.0",
    "64 bits": "whole numbers in attributes fit into 64 bits",
    "printable": "texts hold no control or format characters, nor unassigned ones",
    "unique": "no key stands twice in one object",
    "nesting": "attributes nest at most 8 levels, blocks at most 32",
    "time": "created_at is a point in time",
    "expression": "a size that is a text is a whole number from 1, or an expression that can be one",
    "equation": "the equation of einsum names axes by letters, and results by those",
    "value": "the value of a constant is a number of its dtype, or nested lists of equal lengths of them",
    "fraction": "a factor is a fraction with a denominator of at most 1000",
    "together": "attributes of one node fit together, such as groups that divide the channels",
    "lineage": "parent_id and mutation_type say what the first derivation says",
    "blocks": "a definition has the name of its own fingerprint",
}
"""What a document must also fulfil, by a short name."""


def blueprint_schema(*, added: bool = True) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of blueprint documents.

    Args:
        added: Whether ops that were added with `register_op` or an entry point are known.

    Example:
        >>> schema = blueprint_schema()
        >>> schema["required"], schema["$defs"]["op.linear"]["required"]
        (['name', 'nodes', 'edges'], ['in_features', 'out_features'])
    """
    shipped = [op_type for op_types in MODULES.values() for op_type in op_types]
    ops = {op_type: OPS[op_type] for op_type in (OPS if added else shipped)}
    definitions: dict[str, Any] = {f"op.{op_type}": attributes_schema(op) for op_type, op in ops.items()}
    definitions["op.aten"] = _model(OpaqueCall)
    definitions |= {f"transform.{op_type}": _transform(OPS[op_type]) for op_type in TRANSFORMS}
    definitions |= {
        "node": _node(ops),
        "edge": _edge(),
        "derivation": _model(Derivation),
        "document": _document(),
    }
    return {
        "$schema": DIALECT,
        "$id": f"urn:esper-graph:blueprint:{FORMAT_VERSION}",
        "title": "esper_graph blueprint",
        "description": "A neural-network architecture as a graph of operations.",
        "$comment": "Not said here: " + "; ".join(UNSAID.values()) + ".",
        **definitions.pop("document"),
        "$defs": definitions,
    }


def attributes_schema(op: OpDef) -> dict[str, Any]:
    """Return the schema of an op's attributes; a choice between its forms where they follow from `type`.

    Example:
        >>> from esper_graph.ops import OPS
        >>> attributes_schema(OPS["dropout"])["properties"]
        {'p': {'default': 0.5, 'maximum': 1.0, 'minimum': 0.0, 'type': 'number'}}
    """
    forms: Mapping[str, type[BaseModel]] = getattr(op.attributes, "forms", {})
    if not forms:
        return _model(op.attributes)
    aliases: Mapping[str, str] = getattr(op.attributes, "aliases", {})
    choices: list[dict[str, Any]] = []
    for form in dict.fromkeys(forms.values()):
        kinds = [kind for kind, chosen in forms.items() if chosen is form]
        kinds += [alias for alias, kind in aliases.items() if kind in kinds]
        schema = _model(form)
        schema["properties"]["type"] = {"enum": kinds}
        schema["required"] = ["type", *[name for name in schema.get("required", ()) if name != "type"]]
        choices.append(schema)
    return _described({"oneOf": choices}, op.attributes)


# ---------------------------------------------------------------- documents


def _document() -> dict[str, Any]:
    own: dict[str, Any] = {
        "format": {"const": FORMAT},
        "format_version": {"const": FORMAT_VERSION, "type": "integer"},
        "id": {"type": "string", "pattern": f"^({ID_PATTERN})?{_END}", "maxLength": MAX_ID},
        "name": _text(200, least=1),
        "version": _whole(1, MAX_INTEGER),
        "nodes": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        "edges": {"type": "array", "items": {"$ref": "#/$defs/edge"}},
        "blocks": {
            "type": "object",
            "description": "Definitions of the blueprints that nodes of op type `block` use, by fingerprint.",
            "additionalProperties": {"$ref": "#"},
        },
        "tags": {"type": "array", "items": _text(64, least=1)},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": _metadata(_model(NodeSpec)["properties"]["id"]),
        },
    }
    assert own.keys() == set(TOP)
    return {
        "type": "object",
        "required": ["name", "nodes", "edges"],
        "additionalProperties": False,
        "properties": own,
    }


def _metadata(identifier: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {
        "author": _text(200, least=1),
        "created_at": {"type": "string", "format": "date-time"},
        "description": _text(10_000),
        "derivations": {"type": "array", "items": {"$ref": "#/$defs/derivation"}},
        "parent_id": _or_null(identifier),
        "mutation_type": _or_null(_text(200, least=1)),
        "limits": {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: _whole(1, MAX_INTEGER) for name in LIMITS},
        },
        "estimated_flops": _or_null(_whole(0, MAX_INTEGER)),
        "estimated_parameters": _or_null(_whole(0, MAX_INTEGER)),
        "estimated_memory_mb": _or_null({"type": "number", "minimum": 0}),
        "min_compute_capability": _or_null({"type": "number", "minimum": 0}),
        "requires_features": {"type": "array", "items": _text(64, least=1)},
    }
    assert known.keys() == set(METADATA)
    return known


def _node(ops: Mapping[str, OpDef]) -> dict[str, Any]:
    """A node: its op type decides about its attributes."""
    schema = _model(NodeSpec)
    schema["properties"]["op_type"] = {"anyOf": [{"enum": list(ops)}, _OPAQUE]}
    schema["allOf"] = [
        _attributes_of(op_type, {"const": op_type}, needed=_needs_attributes(op))
        for op_type, op in ops.items()
    ]
    schema["allOf"].append(_attributes_of("aten", _OPAQUE, needed=True))
    return schema


def _attributes_of(definition: str, op_type: dict[str, Any], *, needed: bool) -> dict[str, Any]:
    return {
        "if": {"properties": {"op_type": op_type}, "required": ["op_type"]},
        "then": {
            "properties": {"attributes": {"$ref": f"#/$defs/op.{definition}"}},
            **({"required": ["attributes"]} if needed else {}),
        },
    }


def _edge() -> dict[str, Any]:
    schema = _model(EdgeSpec)
    choices = [{"$ref": f"#/$defs/transform.{op_type}"} for op_type in TRANSFORMS]
    schema["properties"]["transform"] = {"default": None, "anyOf": [*choices, {"type": "null"}]}
    return schema


def _needs_attributes(op: OpDef) -> bool:
    forms: Iterable[type[BaseModel]] = getattr(op.attributes, "forms", {}).values()
    return bool(forms) or any(field.is_required() for field in op.attributes.model_fields.values())


def _transform(op: OpDef) -> dict[str, Any]:
    """The attributes of an op that an edge applies, with its name as `type`."""
    schema = _model(op.attributes)
    schema["properties"] = {"type": {"const": op.op_type}, **schema.get("properties", {})}
    schema["required"] = ["type", *schema.get("required", ())]
    return schema


def _whole(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def _text(longest: int, least: int = 0) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "maxLength": longest, "pattern": _PRINTABLE}
    return {**schema, "minLength": least} if least else schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_END = r"$(?!\n)"
"""The end of a text; in some dialects `$` alone also stands before a line break at the end."""
_OPAQUE = {"type": "string", "pattern": f"^{OP_TYPE}{_END}", "maxLength": MAX_ID}
"""How ops of torch are called that stand for themselves."""
_PRINTABLE = r"^[^\u0000-\u001f\u007f-\u00a0\u00ad\u2028\u2029]*" + _END


# ---------------------------------------------------------------- models


def _model(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(schema_generator=_Generator)
    return _described(_tidy(schema), model)


def _described(schema: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Say in one sentence what it is; the rest of the docstring is for readers of the code."""
    text = (model.__doc__ or "").partition("\n")[0]
    return {"description": text, **{key: value for key, value in schema.items() if key != "description"}}


def _tidy(schema: Any) -> Any:
    """Leave titles out, and count the entries of a list where pydantic counts characters."""
    if isinstance(schema, list):
        return [_tidy(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", schema).items():
        if key in ("properties", "$defs"):
            found[key] = {name: _tidy(one) for name, one in value.items()}
        elif key != "title":
            found[key] = value if key in ("default", "enum", "const") else _tidy(value)
    lists = [one for one in (found, *found.get("anyOf", ())) if one.get("type") == "array"]
    for end in ("min", "max") if lists else ():
        if f"{end}Length" in found:
            limit = found.pop(f"{end}Length")
            for one in lists:
                one[f"{end}Items"] = limit
    return found


def _the_same(schema: JsonSchemaValue) -> JsonSchemaValue:
    return schema


def _one_or_several(schema: JsonSchemaValue) -> JsonSchemaValue:
    """A list, or its only entry, or what stands for all of them."""
    found: list[Any] = []
    for one in schema.get("anyOf", [schema]):
        if one.get("type") == "array":
            entry = one["prefixItems"][0] if "prefixItems" in one else one["items"]
            found += entry.get("anyOf", [entry])
        found.append(one)
    return {"anyOf": [one for number, one in enumerate(found) if one not in found[:number]]}


def _size_text(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [_whole(1, LARGEST), {"type": "string", "maxLength": MAX_TEXT}]}


def _open_size_text(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [{"const": -1, "type": "integer"}, *_size_text(schema)["anyOf"]]}


def _padding(schema: JsonSchemaValue) -> JsonSchemaValue:
    found = _one_or_several(schema)["anyOf"]
    return {"anyOf": [*[one for one in found if "const" not in one], {"enum": ["same", "valid"]}]}


_LOOSER: Mapping[str, Callable[[JsonSchemaValue], JsonSchemaValue]] = {
    "forms._spread.<locals>.spread": _one_or_several,
    "interpolate._as_tuple": _one_or_several,
    "parts._as_tuple": _one_or_several,
    "norm._one_axis": _one_or_several,
    "attributes.per_axis.<locals>.spread": _one_or_several,
    "attributes.axes_of": _one_or_several,
    "attributes.size_text": _size_text,
    "attributes._open_size_text": _open_size_text,
    "conv._settle_padding.<locals>.settle": _padding,
    "forms.like.<locals>.take": _or_null,
    "boundary.Constant._settle": _the_same,
    "specs.as_tuple": _the_same,
}
"""How what a validator accepts differs from what it hands on, by the validator's name."""

_PLAIN: Mapping[str, JsonSchemaValue] = {
    "specs._attributes": {
        "type": "object",
        "propertyNames": {"pattern": f"^[A-Za-z_][A-Za-z0-9_]*{_END}", "maxLength": MAX_ATTRIBUTE_NAME},
    },
    "specs._edits": {"type": "array", "items": {"type": "object"}},
}
"""What validators accept that do all by themselves, by their name."""


def _name(schema: Any) -> str:
    function = schema["function"]["function"]
    function = getattr(function, "func", function)
    module, _, name = f"{function.__module__}:{function.__qualname__}".partition(":")
    return f"{module.rpartition('.')[2]}.{name}"


class _Generator(GenerateJsonSchema):
    """Writes what is accepted, where validators accept more than they hand on."""

    ignored_warning_kinds = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012, pydantic reads it

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        return _LOOSER[_name(schema)](inner) if _name(schema) in _LOOSER else inner

    def function_wrap_schema(self, schema: core_schema.WrapValidatorFunctionSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        return _LOOSER[_name(schema)](inner) if _name(schema) in _LOOSER else inner

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        return dict(_PLAIN[_name(schema)]) if _name(schema) in _PLAIN else {}

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        printable = _name(schema).endswith("printable") and inner.get("type") == "string"
        return {**inner, "pattern": _PRINTABLE} if printable else inner

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        found = super().str_schema(schema)
        pattern = found.get("pattern")
        return {**found, "pattern": pattern[:-1] + _END} if pattern and pattern.endswith("$") else found
