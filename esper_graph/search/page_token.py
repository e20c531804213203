"""Where the next page begins: a text that fits the query it came from, and no other."""

import base64
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

from esper_graph.errors import FilterError

_CHECK = 8


@dataclass(frozen=True, slots=True)
class Place:
    """The last blueprint of a page.

    Attributes:
        key: What it was ordered by; None among those that have no such value, which come last.
        id: Its id.
    """

    key: str | int | float | None
    id: str


def write(place: Place, query: str) -> str:
    """Write a token.

    Args:
        query: The filter and the order, as one text.

    Example:
        >>> read(write(Place(1.5, "mlp"), "tag:small by flops"), "tag:small by flops")
        Place(key=1.5, id='mlp')
    """
    body = _digest(query.encode()) + json.dumps([place.key, place.id], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(body) + body).decode().rstrip("=")


def read(token: str, query: str) -> Place:
    """Read a token.

    Raises:
        FilterError: It is damaged, or came from another filter or another order.
    """
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, UnicodeEncodeError):
        data = b""
    check, of_query, body = data[:_CHECK], data[_CHECK : 2 * _CHECK], data[2 * _CHECK :]
    if len(check) < _CHECK or check != _digest(of_query + body):
        raise FilterError(
            "the page token is damaged", token, hint="pass it on as it was given, or begin again"
        )
    if of_query != _digest(query.encode()):
        raise FilterError(
            "the page token is of another query",
            token,
            hint="keep filter and order the same from page to page",
        )
    key, name = cast("list[str | int | float | None]", json.loads(body))
    return Place(key, str(name))


def _digest(data: bytes) -> bytes:
    return sha256(data).digest()[:_CHECK]
