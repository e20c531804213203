"""Where a newest value stands among all: one text that sorts like metric, device, value and blueprint.

Both engines read one indexed text in its order, and stop when a page is full. Read from its end, blueprints
with equal values would come in the opposite order of their ids; so there is a second text, of the value with
the other sign, which begins with the largest.
"""

import struct

_SIGN = 1 << 63
_ALL = (1 << 64) - 1
BEFORE_ALL, AFTER_ALL = "", "~"
"""What stands in place of the blueprint, before and after all ids."""


def place(metric: str, device: str, value: float, blueprint: str) -> str:
    """Write metric, device, value and id of the blueprint so that texts sort like these.

    Example:
        >>> place("loss", "cpu", -1.0, "b") < place("loss", "cpu", 2.0, "a") < place("loss", "cpu", 2.0, "b")
        True
        >>> place("latency_ms", "cpu", 1.0, "mlp")
        'latency_ms|cpu|bff0000000000000|mlp'
    """
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # -0.0 becomes 0.0
    return f"{metric}|{device}|{bits ^ _ALL if bits & _SIGN else bits | _SIGN:016x}|{blueprint}"


def places(metric: str, device: str, value: float, blueprint: str) -> dict[str, str]:
    """Write both texts, as properties of a metric.

    Example:
        >>> places("latency_ms", "cpu", 1.0, "mlp")["place_from_top"]
        'latency_ms|cpu|400fffffffffffff|mlp'
    """
    return {
        "place": place(metric, device, value, blueprint),
        "place_from_top": place(metric, device, -value, blueprint),
    }
