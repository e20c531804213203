"""Throw-away Neo4j servers from the jars of Maven Central: find a Java, fetch, start, share, stop."""

import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import neo4j

from esper_graph.store.engines.keeper import start_tick

_HERE = Path(__file__).parents[1] / "servers"
_CACHE = Path(__file__).parents[2] / ".cache" / "servers"
_READY_SECONDS = 180.0
_CONFIGURATION = """\
server.bolt.enabled=true
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.advertised_address=127.0.0.1:{port}
server.memory.pagecache.size=64m
dbms.security.auth_enabled=true
dbms.usage_report.enabled=false
"""
_FLAGS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
)


class UnavailableError(Exception):
    """A server cannot be had here; the text says why."""


@dataclass(frozen=True, slots=True)
class Version:
    """A server to test on: `neo4j-5.26`, its version, the Java versions it runs on."""

    id: str
    number: str
    javas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a started server is and how to log in."""

    uri: str
    username: str
    password: str
    pid: int
    tick: str


def versions() -> dict[str, Version]:
    """Read the pinned versions, by id."""
    lines = (_HERE / "versions.env").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    found = {}
    for name, number in pins.items():
        if not name.endswith("_JAVA"):
            key = name.lower().replace("_", "-", 1).replace("_", ".")
            found[key] = Version(key, number, tuple(map(int, pins[f"{name}_JAVA"].split(","))))
    return found


def find_java(majors: tuple[int, ...]) -> Path:
    """Find a JDK of one of these versions: JAVA_HOME and its like, /usr/lib/jvm, then the PATH."""
    homes = [Path(value) for name, value in os.environ.items() if name.startswith("JAVA_HOME")]
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    on_path = shutil.which("java")
    if on_path:
        homes.append(Path(on_path).resolve().parents[1])
    found = set()
    for home in homes:
        if (home / "bin" / "javac").exists() and (home / "release").exists():
            version = re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text(encoding="utf-8"))
            found.add(int(version[1]) if version else 0)
            if version and int(version[1]) in majors:
                return home / "bin" / "java"
    wanted = " or ".join(map(str, majors))
    raise UnavailableError(f"needs a JDK {wanted}; found {', '.join(map(str, sorted(found))) or 'none'}")


def fetch(version: Version) -> Path:
    """Fetch the jars of a server once, and return their directory."""
    jars = _CACHE / version.number
    with locked(_CACHE / f"{version.number}.lock"):
        if jars.exists():
            return jars
        maven = shutil.which("mvn")
        if maven is None:
            raise UnavailableError("needs Maven (`mvn`) to fetch the server")
        draft = jars.with_name(f"{jars.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        result = subprocess.run(
            [
                *(maven, "-q", "-B", "-f", _HERE / "pom.xml", f"-Dneo4j.version={version.number}"),
                *("dependency:copy-dependencies", f"-DoutputDirectory={draft}"),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            errors = [line for line in result.stdout.splitlines() if "ERROR" in line]
            raise UnavailableError(f"Maven cannot fetch Neo4j {version.number}: {' '.join(errors[:1])}")
        draft.rename(jars)
    return jars


def ensure(version: Version, session: Path, wanted_by: int) -> Address:
    """Start a server, or return the one that another worker of this session started.

    Args:
        session: Directory that all workers of this test session share.
        wanted_by: Process with which the server ends.
    """
    state = session / f"{version.id}.json"
    with locked(session / f"{version.id}.start"):
        if state.exists():
            return Address(**json.loads(state.read_text(encoding="utf-8")))
        address = _start(version, session / version.id, wanted_by)
        state.write_text(
            json.dumps({name: getattr(address, name) for name in Address.__slots__}), encoding="utf-8"
        )
        return address


def stop_all(session: Path) -> None:
    """Stop the servers of this session."""
    running = [
        Address(**json.loads(state.read_text(encoding="utf-8"))) for state in session.glob("neo4j-*.json")
    ]
    for order in (signal.SIGTERM, signal.SIGKILL):
        for address in running:
            if start_tick(address.pid) == address.tick:
                os.kill(address.pid, order)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and any(start_tick(one.pid) == one.tick for one in running):
            time.sleep(0.05)


def _start(version: Version, home: Path, wanted_by: int) -> Address:
    java, jars = find_java(version.javas), fetch(version)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home.mkdir()
    configuration, log = home / "neo4j.conf", home / "server.log"
    configuration.write_text(_CONFIGURATION.format(port=port), encoding="utf-8")
    # No object stands for the process: another one stops it, and this one must not complain about that.
    pid = os.posix_spawn(
        java,
        [
            *map(str, (java, *_FLAGS, "-cp", f"{jars}/*", _HERE / "Server.java")),
            *map(str, (home, configuration, wanted_by)),
        ],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    tick = start_tick(pid)
    uri, password = f"bolt://127.0.0.1:{port}", secrets.token_urlsafe(12)
    deadline = time.monotonic() + _READY_SECONDS
    while not _ready(uri, password):
        if tick is None or start_tick(pid) != tick or time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            tail = " ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])
            raise UnavailableError(f"Neo4j {version.number} did not start: {tail}")
        time.sleep(0.1)
    assert tick is not None
    return Address(uri, "neo4j", password, pid, tick)


def _ready(uri: str, password: str) -> bool:
    """Set the password of a server that begins to answer; a fresh one asks for that before anything else."""
    port = int(uri.rpartition(":")[2])
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    try:
        with (
            neo4j.GraphDatabase.driver(uri, auth=("neo4j", "neo4j")) as driver,
            driver.session(database="system") as session,
        ):
            change = "ALTER CURRENT USER SET PASSWORD FROM $old TO $new"
            session.run(change, {"old": "neo4j", "new": password}).consume()
    except neo4j.exceptions.AuthError:
        pass  # changed by the attempt before
    except (neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError):
        return False
    try:
        with neo4j.GraphDatabase.driver(uri, auth=("neo4j", password)) as driver:
            driver.execute_query("RETURN 1", database_="neo4j")
    except (neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError):
        return False
    return True


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold a lock that all workers of all sessions see."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
