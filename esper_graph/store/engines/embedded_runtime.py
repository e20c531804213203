"""The embedded engine as a command: which Java, which jars, which flags and settings, which files.

Every flag and setting stands here because something was measured without it: the engine would listen to the
network, keep its logs in the user's working directory, hide its error texts, or take twice as long to start.
"""

import contextlib
import os
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

from esper_graph.errors import ConfigError, StoreUnavailableError

DATABASE = "esper"
USERNAME = "root"
MESSAGE_BYTES = 64 << 20
PASSWORD = "password"  # noqa: S105, the name of the file
LOGGING = "logging.properties"

# Front doors that nobody uses here, and the bridge into Python processes.
_UNWANTED_JARS = tuple(
    f"arcadedb-{name}-" for name in ("mcp", "postgresw", "redisw", "graphql", "console", "python")
)

_JVM_FLAGS = (
    "-Xms32m",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # less memory and processor time than the default
    "-XX:TieredStopAtLevel=1",  # the quick compiler only: a third off the start
    "-XX:-UsePerfData",  # no file in the shared temporary directory
    "-XX:+DisableAttachMechanism",
    "-XX:+ExitOnOutOfMemoryError",  # else it lives on and refuses all work
    "-XX:-CreateCoredumpOnCrash",
    "-XX:ErrorFile=log/crash.log",
    "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
    "--add-opens=java.base/java.nio.channels.spi=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF8",
    "-Dpolyglot.engine.WarnInterpreterOnly=false",
    f"-Djava.util.logging.config.file={LOGGING}",
)

_LOGGING_PROPERTIES = """\
handlers = java.util.logging.FileHandler
.level = WARNING
java.util.logging.FileHandler.pattern = log/server.%g.log
java.util.logging.FileHandler.limit = 1000000
java.util.logging.FileHandler.count = 3
java.util.logging.FileHandler.formatter = java.util.logging.SimpleFormatter
java.util.logging.SimpleFormatter.format = %1$tFT%1$tT%1$tz %4$s %5$s%6$s%n
"""


def _engine_settings(data: Path, bolt_port: int, http_port: int, timeout_seconds: float) -> dict[str, object]:
    return {
        "server.rootPath": data,
        "server.rootPasswordPath": data / PASSWORD,  # read once, when `root` is first created
        "server.logsDirectory": data / "log",
        "server.defaultDatabases": f"{DATABASE}[{USERNAME}]",
        "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "server.mode": "development",  # `production` replaces every error text; what else it sets follows
        "txWalFlush": 1,
        "opencypher.loadCsv.allowFileUrls": "false",
        "opencypher.loadCsv.allowRemoteUrls": "false",
        "opencypher.idBucketBits": 31,  # else ids pass 2^53, and Neo4j Browser takes one node for another
        "bolt.host": "127.0.0.1",
        "bolt.port": bolt_port,
        "bolt.defaultDatabase": DATABASE,
        "bolt.maxMessageSize": MESSAGE_BYTES,
        "server.httpIncomingHost": "127.0.0.1",
        "server.httpIncomingPort": http_port,
        "command.timeout": max(int(timeout_seconds * 1000), 1),  # the driver's time-outs are not kept
        "serverMetrics": "false",
        "support.autoRegister": "false",
        "studio.enabled": "false",
        "polyglotEngineEnabled": "false",
    }


def package() -> Path:
    """Find the installed engine.

    Raises:
        ConfigError: This platform has none.
    """
    hint = "run a Neo4j server and name it in NEO4J_URI"
    if sys.platform not in {"linux", "darwin"}:
        raise ConfigError(f"the embedded engine does not run on `{sys.platform}`", hint=f"use WSL, or {hint}")
    found = find_spec("arcadedb_embedded")  # found, not imported: importing it would load a JVM bridge
    if found is None or found.origin is None:
        raise ConfigError(
            "the embedded engine is not installed",
            where=[f"platform  {sys.platform} {os.uname().machine}"],
            hint=f"`pip install arcadedb-embedded` where it has a wheel for this platform; else {hint}",
        )
    return Path(found.origin).parent


def command(data: Path, bolt_port: int, http_port: int, timeout_seconds: float) -> list[str]:
    """Compose the command that runs the engine on a data directory.

    Raises:
        ConfigError: This platform has no engine, or its package is incomplete.
    """
    home = package()
    java = home / "jre" / "bin" / "java"
    jars = sorted(jar for jar in (home / "jars").glob("*.jar") if not jar.name.startswith(_UNWANTED_JARS))
    if not java.is_file() or not jars:
        raise ConfigError(
            "the embedded engine is installed without its Java",
            where=[f"looked in  {home}"],
            hint="`pip install --force-reinstall arcadedb-embedded`",
        )
    settings = _engine_settings(data, bolt_port, http_port, timeout_seconds)
    return [
        str(java),
        *_JVM_FLAGS,
        *(f"-Darcadedb.{name}={value}" for name, value in settings.items()),
        "-classpath",
        os.pathsep.join(map(str, jars)),
        "com.arcadedb.server.ArcadeDBServer",
    ]


def prepare(data: Path) -> None:
    """Make the data directory and the files that the engine starts from, for this user only.

    Raises:
        ConfigError: The directory holds something else.
        StoreUnavailableError: It cannot be written.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (data / PASSWORD).exists():
            _claim(data)
        data.chmod(0o700)
        (data / "log").mkdir(mode=0o700, exist_ok=True)
        _write(data / LOGGING, _LOGGING_PROPERTIES)
    except OSError as error:
        raise unwritable(data, error) from None


def _claim(data: Path) -> None:
    """Make a directory ours by its password; of several processes at once, the first one wins."""
    # Listed before the second look: the engine's own files come only after the password.
    names = [entry.name for entry in data.iterdir()]
    if (data / PASSWORD).exists():
        return
    # Drafts belong to others who are just here, or were killed here.
    ours = {"start.lock", "in_use.lock", "log", LOGGING}
    if any(name not in ours and not name.startswith((f"{PASSWORD}.", f"{LOGGING}.")) for name in names):
        raise ConfigError(
            f"`{data}` is no data directory of esper_graph: it has files, but no `{PASSWORD}`",
            hint="name an empty or new directory, or put the lost password file back",
        )
    draft = _draft(data / PASSWORD, secrets.token_urlsafe(24))
    with contextlib.suppress(FileExistsError):
        (data / PASSWORD).hardlink_to(draft)  # unlike a rename, this never replaces what is there
    draft.unlink()


def unwritable(data: Path, error: OSError) -> StoreUnavailableError:
    """Say that the data directory cannot be used."""
    return StoreUnavailableError(
        f"the data directory `{data}` cannot be written: {error.strerror}",
        hint="ESPER_GRAPH_HOME names the directory above it; it must be yours and have room",
    )


def _write(path: Path, text: str) -> None:
    _draft(path, text).replace(path)


def _draft(path: Path, text: str) -> Path:
    """Write a file, for this user only, beside the place where it will go."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    return draft
