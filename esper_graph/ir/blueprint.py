"""A blueprint: the architecture of a neural network as an immutable graph of operations."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Self, cast

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator

from esper_graph.errors import BlueprintError, FormatError, Problem
from esper_graph.ir.graph import Graph
from esper_graph.ir.kept import kept
from esper_graph.ir.normalise import normalise
from esper_graph.ir.shapes import Inference, infer
from esper_graph.ir.specs import (
    DERIVATION_KINDS,
    EMPTY,
    ID_PATTERN,
    MAX_ID,
    MAX_INTEGER,
    Derivation,
    EdgeSpec,
    FrozenDict,
    Name,
    NodeSpec,
    Tag,
    Text,
    Value,
    as_tuple,
    freeze,
    sorted_names,
)

if TYPE_CHECKING:
    from esper_graph.ir.blocks import Expansion
    from esper_graph.ir.cost import Costs

LIMITS = ("max_nodes", "max_edges", "max_depth")


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError("a point in time is a datetime")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _limits(value: object) -> FrozenDict:
    if not isinstance(value, dict):
        raise ValueError("limits are a mapping from names to numbers")
    limits: FrozenDict = freeze(cast(object, value))
    for name, number in limits.items():
        if name not in LIMITS:
            raise ValueError(f"`{name}` is not a limit; the limits are {', '.join(LIMITS)}")
        if type(number) is not int or number < 1:
            raise ValueError(f"the limit `{name}` is a whole number from 1 on, not {number!r}")
    return limits


def _blocks(value: object) -> FrozenDict:
    blocks = cast(Mapping[object, object], value if isinstance(value, Mapping) else {0: 0})
    if not all(isinstance(key, str) and isinstance(one, BlueprintIR) for key, one in blocks.items()):
        raise ValueError("blocks are a mapping from fingerprints to blueprints")
    return FrozenDict(sorted(cast(Mapping[str, object], blocks).items())) if blocks else EMPTY


if TYPE_CHECKING:
    Blocks = Mapping[str, "BlueprintIR"]
else:
    Blocks = Annotated[FrozenDict, PlainValidator(_blocks)]


class BlueprintIR(Value):
    """The architecture of a neural network as a graph of operations.

    Ports of edges, and the `index` of inputs and outputs, may be left out; they are filled in from the
    listing order. Transforms on edges become nodes. Afterwards there is one way to read the value.
    `parent_id` and `mutation_type` are accepted as the short form of one derivation.

    Attributes:
        id: Name in the store; empty until it is registered, when one is made.
        name: Name for people.
        version: Generation counter: 1 for roots.
        nodes: The operations, in listing order.
        edges: The tensors between them, in listing order.
        blocks: Definitions of the blueprints that its nodes of op type `block` use, by fingerprint.
        tags: Words to find it by, sorted.
        author: Who made it.
        created_at: When, by the author's clock.
        description: What it is for.
        derivations: What it came from; several for a crossover.
        estimated_flops: Checked against the computed value at registration, like the two after it.
        min_compute_capability: CUDA compute capability that deployment needs.
        requires_features: Hardware features that deployment needs, sorted.
        limits: Limits that a call raised for it: `max_nodes`, `max_edges`, `max_depth`.

    Raises:
        FormatError: A field is missing, unknown, or not of its type.

    Example:
        >>> mlp = BlueprintIR(
        ...     id="mlp",
        ...     name="MLP",
        ...     nodes=[
        ...         NodeSpec(id="input", op_type="input", attributes={"shape": [-1, 784]}),
        ...         NodeSpec(id="fc", op_type="linear", attributes={"in_features": 784, "out_features": 10}),
        ...         NodeSpec(id="output", op_type="output"),
        ...     ],
        ...     edges=[
        ...         EdgeSpec(id="e1", source="input", target="fc"),
        ...         EdgeSpec(id="e2", source="fc", target="output"),
        ...     ],
        ... )
        >>> mlp.validate(), mlp.cost().parameters
        (True, 7850)
    """

    model_config = ConfigDict(ignored_types=(kept,))

    id: Annotated[str, Field(pattern=f"^({ID_PATTERN})?$", max_length=MAX_ID)] = ""
    name: Name
    version: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = 1
    nodes: Annotated[tuple[NodeSpec, ...], BeforeValidator(as_tuple)]
    edges: Annotated[tuple[EdgeSpec, ...], BeforeValidator(as_tuple)]
    blocks: Blocks = EMPTY
    tags: Annotated[tuple[Tag, ...], BeforeValidator(sorted_names)] = ()
    author: Name = "system"
    created_at: Annotated[datetime, PlainValidator(_moment)] = Field(
        default_factory=lambda: datetime.now(UTC)
    )
    description: Text = ""
    derivations: Annotated[tuple[Derivation, ...], BeforeValidator(as_tuple)] = ()
    estimated_flops: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    estimated_parameters: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    estimated_memory_mb: Annotated[float, Field(ge=0)] | None = None
    min_compute_capability: Annotated[float, Field(ge=0)] | None = None
    requires_features: Annotated[tuple[Tag, ...], BeforeValidator(sorted_names)] = ()
    limits: Annotated[FrozenDict, PlainValidator(_limits)] = EMPTY

    def __init__(self, **fields: Any) -> None:
        nodes, edges = fields.get("nodes"), fields.get("edges")
        if _all_are(nodes, NodeSpec) and _all_are(edges, EdgeSpec):
            assert nodes is not None and edges is not None  # noqa: PT018
            fields["nodes"], fields["edges"] = normalise(nodes, edges)
        if "parent_id" in fields or "mutation_type" in fields:
            fields["derivations"] = _derivations(fields)
        super().__init__(**fields)

    @property
    def parent_id(self) -> str | None:
        """The first parent, or None."""
        return self.derivations[0].parent_id if self.derivations else None

    @property
    def mutation_type(self) -> str | None:
        """How it came from the first parent: free text, else the kind of the derivation; None for roots."""
        if not self.derivations:
            return None
        return self.derivations[0].mutation_type or self.derivations[0].kind

    @property
    def parents(self) -> tuple[str, ...]:
        """All parents, each once, in the order of the derivations."""
        return tuple(dict.fromkeys(derivation.parent_id for derivation in self.derivations))

    # ---------------------------------------------------------------- what follows from the content

    @kept
    def graph(self) -> Graph:
        """The nodes and edges as index arrays."""
        return Graph(self.nodes, self.edges)

    @kept
    def inference(self) -> Inference:
        """The types of all values."""
        if self.blocks or self.graph.of_type("block"):
            from esper_graph.ir.blocks import infer_folded

            return infer_folded(self)
        return infer(self.graph)

    @kept
    def expansion(self) -> "Expansion":
        """All blocks written out, and where the folded nodes are in it.

        Raises:
            BlueprintError: A definition is missing or does not fit.
        """
        from esper_graph.ir.blocks import expand

        return expand(self)

    @property
    def expanded(self) -> "BlueprintIR":
        """The same network with all blocks written out; itself where it has none.

        Raises:
            BlueprintError: A definition is missing or does not fit.
        """
        return self.expansion.blueprint if self.graph.of_type("block") else self

    @kept
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong with it, under the shipped manifest's limits and its own raised ones."""
        from esper_graph.ir.check import check

        return tuple(check(self))

    @kept
    def fingerprint(self) -> str:
        """The structure, as `f1:` and 64 hexadecimal digits: equal exactly when isomorphic.

        Raises:
            BlueprintError: The structure is not valid.
            LimitExceededError: It is too symmetric to be told apart with certainty.
        """
        from esper_graph.ir.fingerprint import fingerprint

        return fingerprint(self)

    @kept
    def content_digest(self) -> str:
        """SHA-256 of name, version, nodes and edges as they are written."""
        from esper_graph.ir.codec import content_digest

        return content_digest(self)

    def cost(self, binding: Mapping[str, int] | None = None) -> "Costs":
        """Compute parameters, multiply-adds and memory, per node and in total.

        Args:
            binding: Sizes for its symbols; those not named keep the shipped manifest's reference sizes.

        Raises:
            BlueprintError: The blueprint is not valid.
        """
        from esper_graph.ir.cost import costs

        return costs(self, binding)

    def validate(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Check everything that can be checked without running it.

        Returns:
            True.

        Raises:
            BlueprintError: Of the class of the first problem, carrying all of them.
        """
        if self.problems:
            raise BlueprintError.of(self.problems, self.id or self.name)
        return True

    def optimize(self) -> Self:
        """Rewrite it into a smaller blueprint with the same results; itself when there is nothing to do."""
        from esper_graph.ir.passes import optimize

        return optimize(self)

    def estimate_performance(self) -> dict[str, float]:
        """Estimate the cost of one call at the reference sizes.

        Returns:
            `flops` (two for each multiply-add), `macs`, `parameters`, `memory_mb` (weights and the largest
            set of activations alive at once), `compute_intensity` (FLOPs a byte). Nodes whose work is not
            known count as nothing; `cost` names them.
        """
        total = self.cost()
        return {
            "flops": total.flops,
            "macs": total.macs,
            "parameters": total.parameters,
            "memory_mb": total.memory_mb,
            "compute_intensity": total.flops / max(total.memory_mb * 1e6, 1.0),
        }

    def changed(self, **changes: Any) -> Self:
        """Return a copy with other fields, checked like those of a new value.

        What follows from nodes and edges is kept, not computed again, where these are not among the changes.
        """
        copy = self.replace(**changes)
        if not changes.keys().isdisjoint(("nodes", "edges", "blocks")):
            return copy
        known, kept = vars(self), ("graph", "inference", "expansion", "problems", "fingerprint")
        vars(copy).update({name: known[name] for name in kept if name in known})
        if "limits" in changes:
            vars(copy).pop("problems", None)
        return copy

    def node(self, node_id: str) -> NodeSpec:
        """Return the node of this id.

        Raises:
            KeyError: There is none.
        """
        return self.nodes[self.graph.position[node_id]]

    # ---------------------------------------------------------------- as data

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        from esper_graph.ir.codec import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "BlueprintIR":
        """Read plain data strictly.

        Raises:
            FormatError: Something is missing, unknown or ill-typed; each problem has its JSON path.
        """
        from esper_graph.ir.codec import from_dict

        return from_dict(data)

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return the document that `from_json` reads back."""
        from esper_graph.ir.codec import to_json

        return to_json(self, indent=indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> "BlueprintIR":
        """Read a JSON document strictly.

        Raises:
            FormatError: It is not JSON, has a key twice or a number that is not finite, or is no blueprint.
        """
        from esper_graph.ir.codec import from_json

        return from_json(text)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        fields = type(self).model_fields
        return {
            **state,
            "__dict__": {name: value for name, value in state["__dict__"].items() if name in fields},
        }

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.id or 'not registered'}: {len(self.nodes)} nodes, {len(self.edges)} edges)"
        )

    def __repr__(self) -> str:
        return f"<BlueprintIR {self}>"

    def _repr_svg_(self) -> str:
        from esper_graph.ir.draw import svg

        return svg(self)


def _all_are(items: object, kind: type[Value]) -> bool:
    return isinstance(items, list | tuple) and all(isinstance(item, kind) for item in items)  # pyright: ignore[reportUnknownVariableType]


def _derivations(fields: dict[str, Any]) -> Sequence[Derivation]:
    """Make one derivation of `parent_id` and `mutation_type`; beside others they repeat the first one."""
    parent_id, mutation_type = fields.pop("parent_id", None), fields.pop("mutation_type", None)
    given: Sequence[Derivation] = tuple(fields.get("derivations") or ())
    if given:
        first = given[0]
        _repeats("parent_id", parent_id, first.parent_id)
        _repeats("mutation_type", mutation_type, first.mutation_type or first.kind)
        return given
    if parent_id is not None:
        kind = mutation_type if mutation_type in DERIVATION_KINDS else "mutation"
        text = None if mutation_type == kind else mutation_type
        return (Derivation(parent_id=parent_id, kind=kind, mutation_type=text),)
    if mutation_type is not None:
        raise FormatError(
            Problem(
                "format",
                f"`mutation_type` is {mutation_type!r}, but there is no `parent_id`",
                "BlueprintIR.mutation_type",
                "name the parent, or leave both out",
            )
        )
    return ()


def _repeats(field: str, value: object, said: str) -> None:
    if value is not None and value != said:
        raise FormatError(
            Problem(
                "format",
                f"`{field}` is {value!r}, but the first derivation names {said!r}",
                f"BlueprintIR.{field}",
                f"leave `{field}` out: it follows from the derivations",
            )
        )
