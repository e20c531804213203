"""Ids of operations, events and other records: version 7 UUIDs (RFC 9562), which sort by time."""

import os
import threading
import time
import uuid

_LOCK = threading.Lock()
_last = 0


def new_id() -> str:
    """Make an id that is greater than any made before in this process.

    Example:
        >>> first, second = new_id(), new_id()
        >>> first < second, len(first), first[14]
        (True, 36, '7')
    """
    global _last  # noqa: PLW0603, the counter that keeps ids of one process in order
    with _LOCK:
        _last = max(time.time_ns() // 1_000, _last + 1)
        moment = _last
    milliseconds, microseconds = divmod(moment, 1_000)
    # The 12 bits after the version hold the fraction of the millisecond (RFC 9562, method 3).
    fraction = microseconds * 4096 // 1_000
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (milliseconds << 80) | (7 << 76) | (fraction << 64) | (2 << 62) | random
    return str(uuid.UUID(int=value))
