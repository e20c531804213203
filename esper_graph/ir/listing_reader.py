"""Read the text that `esper_graph.ir.listing` writes, strictly.

A line is `id = op_type(inputs, name=value, ...)`. An input is the id of a node, `id.port` for one of several
results (`id:port` where a node has the id `id.port` too), in `residual(...)` or `attention(...)` where the
edge has that role; `port=` before it names the port that it feeds. Other values are JSON. The first line is
`blueprint(name=..., ...)`; behind it each `block(fingerprint=..., ...)` begins the definition of a block, of
which uses may name the first digits. What follows a call after `->`, and lines that begin with `#`, are not
read.
"""

from json import JSONDecodeError, JSONDecoder
from re import Pattern
from re import compile as pattern
from typing import Any, NamedTuple, NoReturn

from esper_graph.errors import DanglingEdgeError, FormatError, Problem, close_names, suggestion
from esper_graph.ir.blocks import BLOCK
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import NODE_FIELDS
from esper_graph.ir.codec import MAX_BYTES, read_json
from esper_graph.ir.listing import HEADER
from esper_graph.ir.specs import ID_PATTERN, EdgeSpec, NodeSpec
from esper_graph.ops import OPS

_ID = pattern(ID_PATTERN)
_NAME = pattern(r"[^\s()=,\"]+")
_KEY = pattern(r"([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*")
_ROLE = pattern(r"(forward|residual|attention)\(\s*")
_VALUE = pattern(r"[A-Za-z0-9][A-Za-z0-9._-]*(:[A-Za-z0-9_.-]+)?")
_DEFINITION = pattern(r"\s*(blueprint|block)\s*\(")
_SPACE = pattern(r"\s*")
_DECODER = JSONDecoder()


class _Input(NamedTuple):
    """A value that feeds a port, as it was written."""

    port: str | int
    value: str
    role: str
    where: str


class _Call(NamedTuple):
    """A call as it was written."""

    name: str
    inputs: list[_Input]
    settings: dict[str, Any]


class _Section(NamedTuple):
    """One blueprint as it was written: the blueprint itself, or the definition of a block."""

    header: dict[str, Any]
    nodes: dict[str, NodeSpec]
    inputs: dict[str, list[_Input]]


def read_listing(text: str) -> BlueprintIR:
    """Read a listing.

    Raises:
        FormatError: A line is not as it must be; line and column are named.
        DanglingEdgeError: A line uses a node that no line makes.

    Example:
        >>> mlp = read_listing('''
        ...     blueprint(name="MLP")
        ...     input = input(shape=[-1, 784])
        ...     fc = linear(input, in_features=784, out_features=10)
        ...     output = output(fc)
        ... ''')
        >>> mlp.validate(), mlp.cost().parameters
        (True, 7850)
    """
    if len(text) > MAX_BYTES:
        raise FormatError(Problem("format", f"the listing is longer than {MAX_BYTES >> 20} MiB"))
    sections: list[_Section] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        reader = _LineReader(line.rstrip("\r"), number)
        if not sections or _DEFINITION.match(line):
            sections.append(_Section(_read_header(reader, "block" if sections else "blueprint"), {}, {}))
            continue
        nodes = sections[-1].nodes
        node_id = reader.take(_ID, "the id of a node")
        reader.expect("=")
        call = reader.call()
        if node_id in nodes:
            reader.refuse(f"two nodes are called `{node_id}`", column=0)
        nodes[node_id] = _node(node_id, call, reader)
        sections[-1].inputs[node_id] = call.inputs
    if not sections:
        raise FormatError(
            Problem("format", "the listing is empty", "line 1", "begin with `blueprint(name=...)`")
        )
    known: dict[str, BlueprintIR] = {}
    for section in reversed(sections[1:]):
        name = section.header.pop("fingerprint")
        known[name] = _blueprint(section, known)
    return _blueprint(sections[0], known)


def _blueprint(section: _Section, known: dict[str, BlueprintIR]) -> BlueprintIR:
    """Make the blueprint of a section, with the definitions that it uses."""
    blocks: dict[str, BlueprintIR] = {}
    for node_id, node in section.nodes.items():
        named = node.attributes.get("blueprint") if node.op_type == BLOCK else None
        meant = [name for name in known if isinstance(named, str) and name.startswith(named)]
        if len(meant) == 1:
            blocks[meant[0]] = known[meant[0]]
            section.nodes[node_id] = node.replace(attributes={**node.attributes, "blueprint": meant[0]})
    edges: list[EdgeSpec] = []
    for target, values in section.inputs.items():
        for one in values:
            edges.append(_edge(f"e{len(edges) + 1}", target, one, section.nodes))
    return BlueprintIR(nodes=list(section.nodes.values()), edges=edges, blocks=blocks, **section.header)


def _read_header(reader: "_LineReader", kind: str) -> dict[str, Any]:
    call = reader.call()
    if call.name != kind or call.inputs:
        reader.refuse(f"the first line is not `{kind}(name=...)`", column=0)
    known = HEADER if kind == "blueprint" else ("fingerprint", *HEADER)
    for name in call.settings:
        if name not in known:
            hint = suggestion(close_names(name, known)) or f"known: {', '.join(known)}"
            reader.refuse(f"a {kind} has no `{name}` in a listing", column=0, hint=hint)
    if kind == "block" and not isinstance(call.settings.get("fingerprint"), str):
        reader.refuse("the definition of a block names its `fingerprint`", column=0)
    return call.settings


def _node(node_id: str, call: _Call, reader: "_LineReader") -> NodeSpec:
    fields = {name: call.settings.pop(name) for name in NODE_FIELDS if name in call.settings}
    fields["attributes"] = call.settings
    try:
        return NodeSpec(id=node_id, op_type=call.name, **fields)
    except FormatError as error:
        first = error.problems[0]
        reader.refuse(f"{first.where.removeprefix('NodeSpec.')}: {first.message}", column=0, hint=first.hint)


def _edge(edge_id: str, target: str, one: _Input, nodes: dict[str, NodeSpec]) -> EdgeSpec:
    source, _, port = one.value.partition(":")
    while source not in nodes and "." in source:
        source, _, part = source.rpartition(".")
        port = f"{part}.{port}" if port else part
    if source not in nodes:
        hint = suggestion(close_names(one.value, nodes))
        facts = {"node": target, "source": one.value}
        message = f"`{target}` uses `{one.value}`, but no line makes it"
        raise DanglingEdgeError(Problem("dangling_edge", message, one.where, hint, facts))
    fields: dict[str, Any] = {
        "connection_type": one.role,
        "target_port": one.port,
        "source_port": port or None,
    }
    return EdgeSpec(id=edge_id, source=source, target=target, **fields)


class _LineReader:
    """One line, read from left to right."""

    def __init__(self, line: str, number: int) -> None:
        self.line = line
        self.number = number
        self.at = len(line) - len(line.lstrip())

    def call(self) -> _Call:
        """Read `name(inputs, key=value, ...)` up to the end of the line."""
        name = self.take(_NAME, "a name")
        op = OPS.get(name)
        inputs: list[_Input] = []
        settings: dict[str, Any] = {}
        self.expect("(")
        while not self.skip(")"):
            column = self.at
            key = self.key()
            if key is None:
                inputs.append(self.input(len(inputs)))
            elif op is not None and op.port_slot(key) is not None:
                inputs.append(self.input(key))
            elif key in settings:
                self.refuse(f"`{key}` stands twice", column=column)
            else:
                settings[key] = self.take(_ID, "the id of a node") if key == "shares" and op else self.json()
            if not self.skip(","):
                self.expect(")")
                break
        rest = self.line[self.at :].strip()
        if rest and not rest.startswith(("->", "#")):
            self.refuse("the line does not end after the call", hint="a note begins with `#`")
        return _Call(name, inputs, settings)

    def key(self) -> str | None:
        """Read `name=`, where it stands."""
        found = _KEY.match(self.line, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[1]

    def input(self, port: str | int) -> _Input:
        """Read a value of the blueprint, maybe inside a role."""
        where = self.where(self.at)
        role = _ROLE.match(self.line, self.at)
        if role is not None:
            self.at = role.end()
        value = self.take(_VALUE, "the id of a node")
        if role is not None:
            self.expect(")")
        return _Input(port, value, role[1] if role is not None else "forward", where)

    def json(self) -> Any:
        """Read a value in JSON."""
        try:
            _, end = _DECODER.raw_decode(self.line, self.at)
        except (JSONDecodeError, RecursionError, ValueError):
            self.refuse(
                "a value in JSON must be here", hint='texts stand in "", truth values are true and false'
            )
        try:
            value = read_json(self.line[self.at : end])
        except FormatError as error:
            self.refuse(error.message)
        self.at = end
        self.space()
        return value

    def take(self, what: Pattern[str], described: str) -> str:
        """Read what the pattern says, and the space behind it."""
        found = what.match(self.line, self.at)
        if found is None:
            self.refuse(f"{described} must be here")
        self.at = found.end()
        self.space()
        return found[0]

    def skip(self, mark: str) -> bool:
        """Read a mark and the space behind it, where it stands."""
        if not self.line.startswith(mark, self.at):
            return False
        self.at += len(mark)
        self.space()
        return True

    def expect(self, mark: str) -> None:
        """Read a mark that must stand here."""
        if not self.skip(mark):
            self.refuse(f"`{mark}` must be here")

    def space(self) -> None:
        """Go to the next sign that is no space."""
        found = _SPACE.match(self.line, self.at)
        assert found is not None, "it may be empty"
        self.at = found.end()

    def where(self, column: int) -> str:
        """Name a place in the text."""
        return f"line {self.number} column {column + 1}"

    def refuse(self, message: str, *, column: int | None = None, hint: str | None = None) -> NoReturn:
        """Say what is wrong and where."""
        column = self.at if column is None else column
        found = self.line[column : column + 20].strip()
        if column == self.at:
            message += f", not {f'`{found}`' if found else 'the end of the line'}"
        facts = {"line": self.number, "column": column + 1}
        raise FormatError(Problem("format", message, self.where(column), hint, facts))
