"""Where the store is and who is asking: one table of settings, one order of precedence.

A value comes from the flags of the command line, else from the environment, else from the user's file
`config.toml`, else from the default. An empty environment variable counts as unset.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esper_graph.errors import ConfigError, close_names, suggestion

APP = "esper-graph"
SERVER_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A password that does not show itself.

    Example:
        >>> Secret("hunter2")
        Secret('********')
        >>> Secret("hunter2").reveal()
        'hunter2'
    """

    _value: str

    def reveal(self) -> str:
        """Return the password itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('********')"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything that one run needs to know before it can reach a store.

    Attributes:
        uri: `embedded`, `embedded:/absolute/path`, or the URI of a Neo4j server.
        username: Login at a server; None without authentication.
        password: Password at a server.
        database: Database at a server; None means the login's home database.
        home: Directory of the embedded engine's data and of the kernels.
        kernels: Directory or fsspec URL of kernel and weight bytes.
        actor: Name written on every event.
        manifest: The registry's own manifest; None means the shipped one.
        idle_seconds: Time without a client after which the embedded engine stops itself.
        query_timeout_seconds: Time after which the engine gives up on one transaction.
    """

    uri: str
    username: str | None
    password: Secret | None
    database: str | None
    home: Path
    kernels: str
    actor: str
    manifest: Path | None
    idle_seconds: float
    query_timeout_seconds: float

    @property
    def is_embedded(self) -> bool:
        """Whether the store is the embedded engine."""
        return self.uri.partition(":")[0] == "embedded"

    @property
    def data_directory(self) -> Path:
        """The directory where the embedded engine keeps its data."""
        return _embedded_home(self.uri, self.home) / "graph"


# ---------------------------------------------------------------- parsers: (value, folder) -> value
# `folder` is what relative paths start from. A parser raises ValueError with the rest of the sentence
# "`name` must be …".


def _text(value: object, folder: Path) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= 128:
        raise ValueError("1 to 128 printable characters")
    return value


def _secret(value: object, folder: Path) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("a text")
    return Secret(value)


def _path(value: object, folder: Path) -> Path:
    if not isinstance(value, str | Path):
        raise ValueError("a path")
    return Path(os.path.abspath(folder / Path(value).expanduser()))  # noqa: PTH100, resolve() would follow links


def _place(value: object, folder: Path) -> str:
    if isinstance(value, str) and "://" in value:
        return value
    return str(_path(value, folder))


def _seconds(value: object, folder: Path) -> float:
    wanted = "a positive number of seconds"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(wanted)
    try:
        seconds = float(value)
    except ValueError:
        raise ValueError(wanted) from None
    if not 0 < seconds < 1e9:
        raise ValueError(wanted)
    return seconds


def _uri(value: object, folder: Path) -> str:
    if isinstance(value, Path) or not isinstance(value, str):
        raise ValueError("a text such as `bolt://localhost:7687` or `embedded`")
    scheme, _, rest = value.partition(":")
    if scheme == "embedded":
        return f"embedded:{_path(rest, folder)}" if rest else "embedded"
    if scheme not in SERVER_SCHEMES or not rest.startswith("//"):
        known = ", ".join(f"`{name}://…`" for name in SERVER_SCHEMES)
        raise ValueError(f"`embedded`, `embedded:DIRECTORY` or one of {known}")
    if "@" in rest:
        raise ValueError("without login: give that as NEO4J_USERNAME and NEO4J_PASSWORD")
    return value


# ---------------------------------------------------------------- defaults, from the values found so far


def _data_home(found: Mapping[str, Any]) -> Path:
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def _embedded_home(uri: str, home: Path) -> Path:
    directory = uri.partition(":")[2] if uri.startswith("embedded:") else ""
    return Path(directory) if directory else home


def _kernels_beside_the_data(found: Mapping[str, Any]) -> str:
    return str(_embedded_home(found["uri"], found["home"]) / "kernels")


def _operating_system_user(found: Mapping[str, Any]) -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that has no name
        return f"uid-{os.getuid()}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name (flag and key of `config.toml`), its variables, its parser, its default.

    Attributes:
        environment: Names of environment variables, the strongest first.
        parse: Makes the value from what was found; relative paths start from the second argument.
        default: Makes the value from those of the settings above it in the table.
        meaning: One line for people.
    """

    name: str
    environment: tuple[str, ...]
    parse: Callable[[object, Path], object]
    default: Callable[[Mapping[str, Any]], object]
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "uri",
        ("ESPER_GRAPH_URI", "NEO4J_URI"),
        _uri,
        lambda found: "embedded",
        "`embedded`, `embedded:DIRECTORY`, or the URI of a Neo4j server",
    ),
    Setting("username", ("NEO4J_USERNAME",), _text, lambda found: None, "login at the server"),
    Setting("password", ("NEO4J_PASSWORD",), _secret, lambda found: None, "password at the server"),
    Setting(
        "database",
        ("NEO4J_DATABASE",),
        _text,
        lambda found: None,
        "database at the server (its home database)",
    ),
    Setting(
        "home",
        ("ESPER_GRAPH_HOME",),
        _path,
        _data_home,
        "directory of the embedded engine (the user data directory)",
    ),
    Setting(
        "kernels",
        ("ESPER_GRAPH_KERNELS",),
        _place,
        _kernels_beside_the_data,
        "directory or URL of kernel bytes (`kernels` in the home)",
    ),
    Setting(
        "actor", ("ESPER_GRAPH_ACTOR",), _text, _operating_system_user, "name on every event (the OS user)"
    ),
    Setting(
        "manifest", ("ESPER_GRAPH_MANIFEST",), _path, lambda found: None, "manifest file (the shipped one)"
    ),
    Setting(
        "idle_seconds",
        ("ESPER_GRAPH_IDLE_SECONDS",),
        _seconds,
        lambda found: 900.0,
        "the embedded engine stops after so long without a client (900)",
    ),
    Setting(
        "query_timeout_seconds",
        ("ESPER_GRAPH_QUERY_TIMEOUT_SECONDS",),
        _seconds,
        lambda found: 120.0,
        "the engine gives up on a transaction after so long (120)",
    ),
)


def load_settings(
    flags: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Collect the settings of this run: flags, then environment, then file, then defaults.

    Args:
        flags: Values by setting name; None stands for a flag that was not given.
        environ: Environment variables; None means those of this process.
        file: The user's settings; None means ESPER_GRAPH_CONFIG, else `config.toml` in the user's
            config directory where there is one.

    Raises:
        ConfigError: A name is unknown, a value is not as it must be, or the file cannot be read.

    Example:
        >>> load_settings({"uri": "bolt://db:7687"}, environ={"NEO4J_URI": "bolt://other"}, file=None).uri
        'bolt://db:7687'
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    _refuse_unknown(given, "flags")
    path = file or _config_file(environ)
    stored: Mapping[str, object] = _read_file(path) if path else {}

    found: dict[str, Any] = {}
    for setting in SETTINGS:
        variable = next((name for name in setting.environment if environ.get(name)), None)
        if setting.name in given:
            value, source, folder = given[setting.name], "flag or argument", Path.cwd()
        elif variable is not None:
            value, source, folder = environ[variable], f"environment variable {variable}", Path.cwd()
        elif path is not None and setting.name in stored:
            value, source, folder = stored[setting.name], str(path), path.parent
        else:
            found[setting.name] = setting.default(found)
            continue
        try:
            found[setting.name] = setting.parse(value, folder)
        except ValueError as problem:
            raise ConfigError(
                f"`{setting.name}` must be {problem}{_but_is(setting, value)}", where=[f"set by  {source}"]
            ) from None
    return Settings(**found)


def _but_is(setting: Setting, value: object) -> str:
    hide = setting.name == "password" or (setting.name == "uri" and "@" in str(value))
    return "" if hide else f", not `{value}`"


def _refuse_unknown(names: Mapping[str, object], source: str) -> None:
    known = [setting.name for setting in SETTINGS]
    for name in names:
        if name not in known:
            hint = suggestion(close_names(name, known)) or f"the settings are {', '.join(known)}"
            raise ConfigError(f"there is no setting `{name}`", where=[f"set by  {source}"], hint=hint)


def _config_file(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("ESPER_GRAPH_CONFIG")
    if named:
        return _path(named, Path.cwd())
    from platformdirs import user_config_path

    usual = user_config_path(APP, appauthor=False) / "config.toml"
    return usual if usual.is_file() else None


def _read_file(path: Path) -> Mapping[str, object]:
    import tomllib

    try:
        with path.open("rb") as file:
            stored = tomllib.load(file)
    except OSError as error:
        raise ConfigError(
            f"the settings file `{path}` cannot be read: {error.strerror}",
            hint="ESPER_GRAPH_CONFIG names the file; unset it to use none",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file `{path}` is not TOML: {error}") from None
    _refuse_unknown(stored, str(path))
    return stored
