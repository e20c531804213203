"""Documents that must be refused: name, the document, the error, and words that its message must have."""

import json
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any, NamedTuple

from esper_graph import errors


class Case(NamedTuple):
    """One hostile document."""

    name: str
    document: Callable[[], bytes]
    error: type[errors.BlueprintError]
    words: tuple[str, ...]


BASE: dict[str, Any] = {
    "id": "hostile",
    "name": "Hostile",
    "nodes": [
        {"id": "input", "op_type": "input", "attributes": {"shape": [-1, 8]}},
        {"id": "fc", "op_type": "linear", "attributes": {"in_features": 8, "out_features": 2}},
        {"id": "output", "op_type": "output"},
    ],
    "edges": [
        {"id": "e1", "source": "input", "target": "fc"},
        {"id": "e2", "source": "fc", "target": "output"},
    ],
    "tags": ["hostile"],
}


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[], bytes]:
    def make() -> bytes:
        data = deepcopy(BASE)
        change(data)
        return json.dumps(data).encode()

    return make


def attribute(name: str, value: object, node: int = 1) -> Callable[[], bytes]:
    return changed(lambda data: data["nodes"][node].setdefault("attributes", {}).update({name: value}))


def raw(old: str, new: str) -> Callable[[], bytes]:
    def make() -> bytes:
        text = json.dumps(BASE)
        assert old in text
        return text.replace(old, new, 1).encode()

    return make


def chain(ops: int) -> Callable[[], bytes]:
    def make() -> bytes:
        names = ["input", *(f"n{number}" for number in range(ops)), "output"]
        nodes = [
            BASE["nodes"][0],
            *({"id": name, "op_type": "abs"} for name in names[1:-1]),
            {"id": "output", "op_type": "output"},
        ]
        edges = [
            {"id": f"e{number}", "source": one, "target": other}
            for number, (one, other) in enumerate(pairwise(names))
        ]
        return json.dumps({**BASE, "nodes": nodes, "edges": edges}).encode()

    return make


def cyclic(data: dict[str, Any]) -> None:
    data["nodes"].insert(1, {"id": "sum", "op_type": "add"})
    data["nodes"][2]["attributes"] = {"in_features": 8, "out_features": 8}
    data["edges"] = [
        {"id": "e1", "source": "input", "target": "sum"},
        {"id": "e2", "source": "fc", "target": "sum"},
        {"id": "e3", "source": "sum", "target": "fc"},
        {"id": "e4", "source": "fc", "target": "output"},
    ]


FORMAT, BAD, DANGLING = errors.FormatError, errors.BadAttributeError, errors.DanglingEdgeError
SHAPE, LIMIT = errors.ShapeMismatchError, errors.LimitExceededError
CYPHER = "'}) DETACH DELETE n //"

CASES: tuple[Case, ...] = (
    Case("malformed json", lambda: b'{"name": "x", ', FORMAT, ("not JSON", "line 1")),
    Case("not json at all", lambda: b"\x89PNG\r\n\x1a\n", FORMAT, ("not UTF-8",)),
    Case("huge json", lambda: b" " * ((64 << 20) + 1), FORMAT, ("64 MiB",)),
    Case("deep nesting", lambda: b'{"name":' * 50_000, FORMAT, ("too deeply",)),
    Case("deep attribute", attribute("bias", json.loads("[" * 20 + "]" * 20)), FORMAT, ("deeper than",)),
    Case(
        "doubled key",
        raw('"name": "Hostile"', '"name": "Hostile", "name": "Other"'),
        FORMAT,
        ("`name`", "twice"),
    ),
    Case(
        "doubled attribute",
        raw('"in_features": 8', '"in_features": 8, "in_features": 9'),
        FORMAT,
        ("`in_features`", "twice"),
    ),
    Case("unknown key", changed(lambda data: data.update(nodse=[])), FORMAT, ("`nodse`", "unknown", "nodes")),
    Case(
        "doubled node id",
        changed(lambda data: data["nodes"].append(data["nodes"][1])),
        FORMAT,
        ("two nodes", "`fc`"),
    ),
    Case(
        "doubled edge id",
        changed(lambda data: data["edges"].append({**data["edges"][0]})),
        FORMAT,
        ("two edges", "`e1`"),
    ),
    Case(
        "dangling edge",
        changed(lambda data: data["edges"][1].update(source="fcc")),
        DANGLING,
        ("`fcc`", "does not exist", "`fc`"),
    ),
    Case("cycle", changed(cyclic), errors.GraphCycleError, ("cycle", "fc", "sum")),
    Case(
        "self loop",
        changed(lambda data: data["edges"][0].update(source="fc")),
        errors.GraphCycleError,
        ("fc -> fc",),
    ),
    Case(
        "unknown op",
        changed(lambda data: data["nodes"][1].update(op_type="lniear")),
        errors.UnknownOpError,
        ("`lniear`", "`linear`"),
    ),
    Case(
        "missing attribute",
        changed(lambda data: data["nodes"][1]["attributes"].pop("in_features")),
        BAD,
        ("`in_features`", "needs"),
    ),
    Case("unknown attribute", attribute("out_feature", 3), BAD, ("`out_feature`", "`out_features`")),
    Case("bool for a number", attribute("in_features", True), BAD, ("in_features", "True")),
    Case("text for a number", attribute("in_features", "32"), BAD, ("in_features", "'32'")),
    Case("float for a number", attribute("in_features", 8.5), BAD, ("in_features", "8.5")),
    Case("number for a bool", attribute("bias", 1), BAD, ("bias",)),
    Case("NaN", raw('"out_features": 2', '"out_features": NaN'), FORMAT, ("NaN", "finite")),
    Case("infinity", raw('"out_features": 2', '"out_features": -Infinity'), FORMAT, ("Infinity", "finite")),
    Case(
        "overflowing number", raw('"out_features": 2', '"out_features": 1e400'), FORMAT, ("1e400", "finite")
    ),
    Case("negative size", attribute("out_features", -2), BAD, ("out_features", "-2")),
    Case("zero size", attribute("out_features", 0), BAD, ("out_features",)),
    Case("absurd size", attribute("out_features", 10**30), FORMAT, ("64 bits",)),
    Case("large size", attribute("out_features", 2**40), BAD, ("out_features",)),
    Case("negative input", attribute("shape", [-1, -8], 0), BAD, ("shape",)),
    Case("shape mismatch", attribute("in_features", 9), SHAPE, ("in_features=9", "float32[batch, 8]")),
    Case(
        "two inputs where one is allowed",
        changed(lambda data: data["edges"].append({"id": "e3", "source": "input", "target": "fc"})),
        DANGLING,
        ("`fc`", "`e3`"),
    ),
    Case(
        "no output",
        changed(lambda data: (data["nodes"].pop(), data["edges"].pop())),
        DANGLING,
        ("no output",),
    ),
    Case("no nodes", changed(lambda data: data.update(nodes=[], edges=[])), DANGLING, ("no output",)),
    Case("1,001 nodes", chain(999), LIMIT, ("1001 nodes", "1000")),
    Case(
        "5,001 edges",
        changed(
            lambda data: data["edges"].extend(
                {"id": f"x{number}", "source": "input", "target": "output"} for number in range(4999)
            )
        ),
        LIMIT,
        ("5001 edges", "5000"),
    ),
    Case("depth 101", chain(101), LIMIT, ("101 ops", "100")),
    Case("control characters in the id", changed(lambda data: data.update(id="a\x00b")), FORMAT, ("$.id",)),
    Case(
        "control characters in the name",
        changed(lambda data: data.update(name="a\x1b[2Jb")),
        FORMAT,
        ("$.name", "control"),
    ),
    Case(
        "control characters in a tag",
        changed(lambda data: data.update(tags=["a\nb"])),
        FORMAT,
        ("$.tags[0]", "control"),
    ),
    Case(
        "control characters in a node id",
        changed(lambda data: data["nodes"][1].update(id="f\tc")),
        FORMAT,
        ("$.nodes[1].id",),
    ),
    Case("Cypher in the id", changed(lambda data: data.update(id=CYPHER)), FORMAT, ("$.id",)),
    Case(
        "Cypher in a node id",
        changed(lambda data: data["nodes"][1].update(id=CYPHER)),
        FORMAT,
        ("$.nodes[1].id",),
    ),
    Case("Cypher in an attribute key", attribute("a`}) DETACH DELETE n //", 1), FORMAT, ("attribute name",)),
    Case("path in the id", changed(lambda data: data.update(id="../../etc/passwd")), FORMAT, ("$.id",)),
    Case(
        "path in a node id",
        changed(lambda data: data["nodes"][1].update(id="..")),
        FORMAT,
        ("$.nodes[1].id",),
    ),
    Case("long id", changed(lambda data: data.update(id="a" * 129)), FORMAT, ("$.id",)),
    Case("long name", changed(lambda data: data.update(name="a" * 201)), FORMAT, ("$.name",)),
    Case(
        "port that does not exist",
        changed(lambda data: data["edges"][0].update(target_port="weight")),
        DANGLING,
        ("`weight`", "input"),
    ),
    Case(
        "port after two billion others",
        changed(
            lambda data: (
                data["nodes"][1].update(op_type="concat", attributes={"dim": -1}),
                data["edges"][0].update(target_port=2**31 - 1),
            )
        ),
        DANGLING,
        ("`inputs.2147483647`", "1 edges cannot feed all ports before it"),
    ),
    Case(
        "op of torch under a name that is none",
        changed(lambda data: data["nodes"][1].update(op_type="aten.save.default); os.system('x')")),
        errors.UnknownOpError,
        ("is not an op",),
    ),
    Case(
        "op of torch with a path for an argument",
        changed(
            lambda data: data["nodes"][1].update(
                op_type="aten.from_file.default",
                attributes={
                    "arguments": {"filename": "/etc/passwd"},
                    "output_shapes": [[1]],
                    "output_dtypes": ["float32"],
                },
            )
        ),
        BAD,
        ("/etc/passwd", "no number, truth value or word"),
    ),
    Case(
        "unknown connection type",
        changed(lambda data: data["edges"][0].update(connection_type="skip")),
        FORMAT,
        ("connection_type",),
    ),
    Case(
        "unknown precision",
        changed(lambda data: data["nodes"][1].update(precision="fp8")),
        FORMAT,
        ("precision",),
    ),
    Case("other format", changed(lambda data: data.update(format="onnx")), FORMAT, ("onnx",)),
    Case("newer format", changed(lambda data: data.update(format_version=2)), FORMAT, ("2",)),
)
