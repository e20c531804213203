"""What a filter can ask about: one table, from which the parser, the help and `docs/search.md` are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal[
    "number", "time", "word", "op", "link", "kind", "metric", "family", "near", "shape", "kernel", "device"
]
COMPARISONS = (":", "=", "<", "<=", ">", ">=")
EQUALITIES = (":", "=")
PARTS = (*EQUALITIES, "~")


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a filter can ask about.

    Attributes:
        name: What people write before the operator.
        kind: What its values are, and how they are compared.
        meaning: One line for people.
        example: A term that uses it.
        stored: The property of `Blueprint`, the label of the node beside it, or the metric.
        short: A shorter name.
    """

    name: str
    kind: Kind
    meaning: str
    example: str
    stored: str = ""
    short: str = ""

    @property
    def operators(self) -> tuple[str, ...]:
        """What may stand between name and value."""
        if self.kind in {"number", "time", "metric"}:
            return COMPARISONS
        return PARTS if self.kind == "word" else EQUALITIES

    @property
    def condition(self) -> str:
        """The kind of condition in the files of `cypher/search/`."""
        return {"family": "member", "near": "member", "shape": "signature"}.get(self.kind, self.kind)


_TABLE = (
    Field("tag", "link", "a tag", "tag:transformer", "Tag"),
    Field("category", "link", "a category, which follows from tags", "category:efficiency", "Category"),
    Field("op", "op", "an op type that it uses, blocks included", "op:attention"),
    Field("name", "word", "its name; a bare word looks into name and id", "name~block", "name"),
    Field("id", "word", "its id", "id~expert", "id"),
    Field("author", "word", "who made it", 'author:"Ada Lovelace"', "author"),
    Field("description", "word", "its description", "description~residual", "description"),
    Field(
        "status",
        "word",
        "its status; archived ones are found only when asked for",
        "status:registered",
        "status",
    ),
    Field("kind", "kind", "how it came to be: the kind of one of its derivations", "kind:mutation,merge"),
    Field("derived-from", "family", "what it descends from", "derived-from:ID"),
    Field("near", "near", "what it is nearly the same as", "near:ID"),
    Field("parameters", "number", "trainable numbers", "params<5e6", "parameters", "params"),
    Field("flops", "number", "FLOPs at the reference sizes", "flops<=1e9", "flops"),
    Field("macs", "number", "multiply-adds at the reference sizes", "macs<5e8", "macs"),
    Field(
        "memory_mb", "number", "computed memory at the reference sizes, in MB", "memory_mb<64", "memory_mb"
    ),
    Field("depth", "number", "ops on the longest path", "depth>=12", "depth"),
    Field("ops", "number", "nodes", "ops:5..20", "op_count"),
    Field("edges", "number", "edges", "edges>20", "edge_count"),
    Field("version", "number", "its version", "version:2", "version"),
    Field("generation", "number", "derivations from the farthest root", "generation>3", "generation"),
    Field("registered", "time", "when it came into this store", "registered>=2026-01-01", "registered_at"),
    Field("created", "time", "when its author made it", "created<2026-06", "created_at"),
    Field("input", "shape", "shapes that it takes", "input:Bx3x224x224"),
    Field("output", "shape", "shapes that it gives", "output:Bx1000"),
    Field("kernel", "kernel", "a kernel: `ready` is compiled and validated", "kernel:ready"),
    Field("runs-on", "device", "a device of the manifest that meets its requirements", "runs-on:gpu_v100"),
)
_MEASURED = Field(
    "METRIC@DEVICE",
    "metric",
    "newest value of a metric on a device; without one, the best",
    "latency_ms@cpu<5",
)

FIELDS: Mapping[str, Field] = MappingProxyType({one.name: one for one in _TABLE})
"""All fields by name, in the order of the documentation; metrics of the manifest come beside them."""

NAMES: Mapping[str, Field] = MappingProxyType(
    {name: one for one in _TABLE for name in (one.name, one.short) if name}
)


def metric_field(name: str) -> Field:
    """Make the field of a metric."""
    return Field(name, "metric", "its newest value", f"{name}@cpu<5", name)


def help_lines() -> list[str]:
    """List the fields for people who ask for help.

    Example:
        >>> help_lines()[0].split()
        ['tag', 'a', 'tag', 'tag:transformer']
    """
    named = [(", ".join(_names(one)), one.meaning, one.example) for one in (*_TABLE, _MEASURED)]
    wide = [max(len(row[column]) for row in named) for column in (0, 1)]
    return [f"{name:<{wide[0]}}  {meaning:<{wide[1]}}  {example}" for name, meaning, example in named]


def table_of_fields() -> str:
    """Write the fields as the table of `docs/search.md`."""
    lines = ["| field | operators | what it asks | example | condition |", "| --- | --- | --- | --- | --- |"]
    for one in (*_TABLE, _MEASURED):
        names = ", ".join(f"`{name}`" for name in _names(one))
        operators = " ".join(one.operators)
        lines.append(f"| {names} | `{operators}` | {one.meaning} | `{one.example}` | `{one.condition}` |")
    return "\n".join(lines)


def _names(field: Field) -> list[str]:
    return [name for name in (field.name, field.short) if name]
