"""The Cypher catalogue: every statement is a file, and its `//` header is its signature.

    // One line that says what the statement is for.
    // Further lines, for people.
    // param id STRING the blueprint to start from
    // returns id, name, generation
    // access read
    // try :param id => 'simple_mlp'
    MATCH …;

A query's name is its path below `cypher/` without the suffix: `lineage/ancestors`. `returns nothing`
stands for no columns. A type may end in `?`: the parameter may be null. One statement a file, a final `;`,
Unix line ends. What the header declares and what the statement uses are compared when a file is read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources.abc import Traversable
from typing import Literal, LiteralString, cast

from esper_graph.config.shipped import shipped
from esper_graph.errors import ConfigError, QueryError, UnknownQueryError, close_names, suggestion

Access = Literal["read", "write", "schema"]

_NAME = re.compile(r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPE = re.compile(r"(LIST<(STRING|INTEGER|FLOAT|BOOLEAN|MAP|ANY)>|STRING|INTEGER|FLOAT|BOOLEAN|MAP|ANY)\??")
# Strings, quoted names and comments come first, so that nothing inside them is taken for a parameter.
_TOKEN = re.compile(
    r"""(?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
      | (?P<quoted>`(?:``|[^`])*`)
      | (?P<comment>//[^\n]*|/\*.*?\*/)
      | \$(?:(?P<parameter>\w+)|`(?P<quoted_parameter>[^`]+)`)
      | (?P<end>;)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `$name` of a query.

    Attributes:
        type: `STRING`, `INTEGER`, `FLOAT`, `BOOLEAN`, `MAP`, `ANY` or `LIST<…>`; `?` at the end allows null.
        meaning: What it stands for, for people.
    """

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One statement of the catalogue.

    Attributes:
        name: Its path in the catalogue, such as `lineage/ancestors`.
        text: The statement without comments and final `;`: what is sent to the engine.
        source: The whole file, as people paste it.
        summary: One line that says what it is for.
        notes: The header's further lines.
        parameters: What must be given, in the order of the header.
        returns: Column names in order.
        access: `read`, `write`, or `schema` for statements that run alone, outside other transactions.
        examples: The header's `:param` lines, which make the query run by hand.
    """

    name: str
    text: LiteralString
    source: str
    summary: str
    notes: str
    parameters: tuple[Parameter, ...]
    returns: tuple[str, ...]
    access: Access
    examples: tuple[str, ...]

    def require(self, parameters: Mapping[str, object]) -> None:
        """Refuse parameters that are not exactly the declared ones.

        Raises:
            QueryError: Some are missing or unknown; all are named.
        """
        declared = [parameter.name for parameter in self.parameters]
        missing = [name for name in declared if name not in parameters]
        extra = [name for name in parameters if name not in declared]
        if missing or extra:
            raise QueryError(
                f"query `{self.name}` was not given the parameters it declares",
                where=[
                    *(f"missing  {name}" for name in missing),
                    *(f"unknown  {name}" for name in extra),
                ],
                hint=f"it takes {', '.join(declared) or 'none'}",
            )


class Catalogue:
    """A folder of query files. Each file is read when it is first asked for.

    Example:
        >>> shipped_catalogue().get("schema/procedures").returns
        ('name',)
    """

    def __init__(self, root: Traversable) -> None:
        self._root = root
        self._read = cache(self._load)

    def names(self) -> tuple[str, ...]:
        """List the names of all queries, sorted."""
        return tuple(sorted(_names(self._root)))

    def get(self, name: str) -> NamedQuery:
        """Return the query of this name.

        Raises:
            UnknownQueryError: There is none.
            ConfigError: Its file is not as a query file must be.
        """
        return self._read(name)

    def _load(self, name: str) -> NamedQuery:
        file = self._root.joinpath(f"{name}.cypher") if _NAME.fullmatch(name) else None
        if file is None or not file.is_file():
            raise UnknownQueryError(
                f"there is no query `{name}`",
                hint=suggestion(close_names(name, self.names())) or "list them with `esper-graph query list`",
            )
        try:
            source = file.read_bytes().decode()  # read_text() would hide wrong line ends
        except UnicodeDecodeError as error:
            raise ConfigError(f"the query file is not UTF-8: {error}", where=[str(file)]) from None
        return parse(name, source, str(file))


@lru_cache(maxsize=1)
def shipped_catalogue() -> Catalogue:
    """Return the shipped catalogue."""
    return Catalogue(shipped("cypher"))


def names() -> tuple[str, ...]:
    """List the names of all shipped queries, sorted."""
    return shipped_catalogue().names()


def get(name: str) -> NamedQuery:
    """Return the shipped query of this name.

    Raises:
        UnknownQueryError: There is none.
        ConfigError: Its file is not as a query file must be.
    """
    return shipped_catalogue().get(name)


def _names(folder: Traversable, prefix: str = "") -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _names(entry, f"{prefix}{entry.name}/")
        elif prefix and entry.name.endswith(".cypher"):
            yield prefix + entry.name.removesuffix(".cypher")


# ---------------------------------------------------------------- reading one file


def parse(name: str, source: str, file: str) -> NamedQuery:
    """Read a query file.

    Args:
        file: Where it is, for messages.

    Raises:
        ConfigError: Header or statement is not as it must be; names file and line.
    """
    header = _Header(file)
    if "\r" in source:
        raise header.wrong(
            source[: source.index("\r")].count("\n") + 1, "has a carriage return: use Unix line ends"
        )
    lines = source.split("\n")
    length = next((index for index, line in enumerate(lines) if not line.startswith("//")), len(lines))
    for number, line in enumerate(lines[:length], start=1):
        header.read(number, line)
    body = "\n".join(lines[length:])
    text, used = _scan(body, header, length)
    header.compare(used)
    if header.access is None:
        raise header.wrong(length, "does not say `// access read`, `write` or `schema`")
    if header.returns is None:
        raise header.wrong(
            length, "does not say `// returns …` (`// returns nothing` where there are no columns)"
        )
    return NamedQuery(
        name=name,
        text=cast(LiteralString, text),  # the only cast: what a shipped file says is as good as a literal
        source=source,
        summary=header.summary,
        notes="\n".join(header.notes),
        parameters=tuple(parameter for parameter, _ in header.parameters.values()),
        returns=tuple(header.returns),
        access=header.access,
        examples=tuple(header.examples),
    )


class _Header:
    """The `//` lines of one file, read one after the other."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.summary = ""
        self.notes: list[str] = []
        self.parameters: dict[str, tuple[Parameter, int]] = {}
        self.returns: list[str] | None = None
        self.access: Access | None = None
        self.examples: list[str] = []

    def wrong(self, line: int, what: str) -> ConfigError:
        return ConfigError(f"the query file {what}", where=[f"{self.file}:{line}"])

    def read(self, number: int, line: str) -> None:
        content = line.removeprefix("//").strip()
        keyword, _, rest = content.partition(" ")
        rest = rest.strip()
        match keyword:
            case _ if number == 1:
                self.summary = content
            case "param":
                self._parameter(number, rest)
            case "returns":
                self._returns(number, rest)
            case "access":
                self._access(number, rest)
            case "try":
                if not rest.startswith(":param "):
                    raise self.wrong(number, f"has `try {rest}` where `try :param name => value` must be")
                self.examples.append(rest)
            case _:
                self.notes.append(content)

    def compare(self, used: Mapping[str, int]) -> None:
        if not self.summary:
            raise self.wrong(1, "must begin with `// ` and one line that says what it is for")
        for name, (_, line) in self.parameters.items():
            if name not in used:
                raise self.wrong(line, f"declares the parameter `{name}`, which the statement does not use")
        for name, line in used.items():
            if name not in self.parameters:
                raise self.wrong(line, f"uses `${name}`, which the header does not declare")

    def _parameter(self, number: int, rest: str) -> None:
        name, kind, meaning = [*rest.split(maxsplit=2), "", "", ""][:3]
        if not (_WORD.fullmatch(name) and _TYPE.fullmatch(kind) and meaning):
            raise self.wrong(number, f"has `param {rest}` where `param name TYPE meaning` must be")
        if name in self.parameters:
            raise self.wrong(number, f"declares the parameter `{name}` twice")
        self.parameters[name] = Parameter(name, kind, meaning), number

    def _returns(self, number: int, rest: str) -> None:
        columns = [] if rest == "nothing" else [column.strip() for column in rest.split(",")]
        self.returns = [*(self.returns or []), *columns]
        if not all(_WORD.fullmatch(column) for column in columns) or len({*self.returns}) < len(self.returns):
            raise self.wrong(number, f"has `returns {rest}` where distinct column names must be")

    def _access(self, number: int, rest: str) -> None:
        if self.access is not None or rest not in {"read", "write", "schema"}:
            raise self.wrong(number, f"has `access {rest}` where one of read, write, schema must be, once")
        self.access = cast(Access, rest)


def _scan(body: str, header: _Header, offset: int) -> tuple[str, dict[str, int]]:
    """Strip comments and the final `;`, and find the line on which each parameter is first used."""
    used: dict[str, int] = {}
    pieces: list[str] = []
    position, end = 0, -1
    for token in _TOKEN.finditer(body):
        pieces.append(body[position : token.start()])
        position = token.end()
        line = offset + body.count("\n", 0, token.start()) + 1
        parameter = token["parameter"] or token["quoted_parameter"]
        if parameter:
            used.setdefault(parameter, line)
        if token["end"]:
            if end >= 0:
                raise header.wrong(line, "holds more than one statement")
            end = sum(map(len, pieces))
        else:
            pieces.append(" " if token["comment"] else token[0])
    pieces.append(body[position:])
    text = "".join(pieces)
    last = offset + body.rstrip().count("\n") + 1
    if end < 0 or not body.rstrip().endswith(";"):
        raise header.wrong(last, "must end with `;`")
    if text[end:].strip():
        raise header.wrong(last, "holds more than one statement")
    return text[:end].strip(), used
