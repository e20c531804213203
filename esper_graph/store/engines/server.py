"""A Neo4j server, by its URI."""

import socket
from urllib.parse import urlsplit

from esper_graph.config import Settings
from esper_graph.errors import ConfigError, StoreUnavailableError
from esper_graph.store.engines import EngineName
from esper_graph.store.engines.connector import Endpoint, Place

_PROBE_SECONDS = 3.0
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
        """Ask whether anything listens, since the driver alone would take its time to find out.

        Raises:
            ConfigError: The URI has no usable host and port.
            StoreUnavailableError: Nothing listens there.
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
            socket.create_connection((host, port), timeout=_PROBE_SECONDS).close()
        except OSError as error:
            reason = "it does not react" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise StoreUnavailableError(
                f"nothing answers at `{place.address}`: {reason}",
                where=[f"tried  {host} port {port}"],
                hint=place.hint,
            ) from None
        return self._endpoint

    def recover(self, lost: Endpoint) -> Endpoint:
        """Stay: the driver finds the other members of a cluster, or the same server when it is back."""
        return lost

    def close(self) -> None:
        """Do nothing: the server is not ours."""
