"""A Neo4j server, by its URI."""

import socket
from contextlib import AbstractContextManager, nullcontext
from urllib.parse import urlsplit

from esper_graph.config import Settings
from esper_graph.errors import ConfigError, StoreUnavailableError
from esper_graph.store.engines import EngineName
from esper_graph.store.engines.connector import Endpoint, Place

_PROBE_SECONDS = 3.0
_GREETING_SECONDS = 5.0
# What a client says first over Bolt: the magic number, then which versions it takes (5.8 to 5.0, 4.4).
_GREETING = bytes.fromhex("6060b017 00080805 00000404 00000000 00000000")
_ENCRYPTED = ("+s", "+ssc")
_DEFAULT_PORT = 7687


class ServerConnector:
    """Where a server is; it is started and stopped by others."""

    name: EngineName = "server"
    message_limit: int | None = None

    def __init__(self, settings: Settings) -> None:
        auth = None
        if settings.username is not None or settings.password is not None:
            auth = (settings.username or "neo4j", settings.password.reveal() if settings.password else "")
        self._endpoint = Endpoint(
            settings.uri,
            auth,
            Place(
                address=settings.uri,
                username=auth[0] if auth else None,
                database=settings.database,
                hint="start the server, or name another with NEO4J_URI; unset it to use the embedded engine",
                login_hint="NEO4J_USERNAME and NEO4J_PASSWORD hold the login",
            ),
        )

    def endpoint(self) -> Endpoint:
        """Ask whether Bolt is spoken there, since the driver alone would take half a minute to find out.

        Raises:
            ConfigError: The URI has no usable host and port.
            StoreUnavailableError: Nothing listens there, or something else than a Bolt server.
        """
        place = self._endpoint.place
        try:
            parts = urlsplit(self._endpoint.uri)
            host, port = parts.hostname, parts.port or _DEFAULT_PORT
        except ValueError as error:
            raise ConfigError(f"`uri` is `{place.address}`: {error}") from None
        if not host:
            raise ConfigError(f"`uri` is `{place.address}`, which names no host")
        try:
            with socket.create_connection((host, port), timeout=_PROBE_SECONDS) as connection:
                encrypted = parts.scheme.endswith(_ENCRYPTED)
                answer = b"\0" if encrypted else _greet(connection)  # the driver has to encrypt first
        except OSError as error:
            reason = "it does not react" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise StoreUnavailableError(
                f"nothing answers at `{place.address}`: {reason}",
                where=[f"tried  {host} port {port}"],
                hint=place.hint,
            ) from None
        if not answer.startswith(b"\0"):  # a server answers with the version that it chose
            raise StoreUnavailableError(
                f"what answers at `{place.address}` does not speak Bolt",
                where=[f"tried  {host} port {port}"],
                hint="the port of Bolt is usually 7687; an encrypted one needs `bolt+s` or `neo4j+s`",
            )
        return self._endpoint

    def turn(self) -> AbstractContextManager[None]:
        """Let writers in at once: a server lets them wait for what another one has locked."""
        return nullcontext()

    def recover(self, lost: Endpoint) -> Endpoint:
        """Stay: the driver finds the other members of a cluster, or the same server when it is back."""
        return lost

    def close(self) -> None:
        """Do nothing: the server is not ours."""


def _greet(connection: socket.socket) -> bytes:
    """Say what a client says first over Bolt, and return the beginning of the answer."""
    connection.settimeout(_GREETING_SECONDS)
    try:
        connection.sendall(_GREETING)
        return connection.recv(4)
    except (ConnectionResetError, BrokenPipeError):
        return b""
