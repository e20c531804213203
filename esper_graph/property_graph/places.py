"""Where a newest value stands among all: one text for metric, device and value that sorts like the value.

Both engines find a range of one indexed text at once. To find a range of the third property of an index the
embedded engine walks through all values of the metric.
"""

import struct

_SIGN = 1 << 63
_ALL = (1 << 64) - 1


def place(metric: str, device: str, value: float) -> str:
    """Write metric, device and value so that texts of one metric and device sort like the values.

    Example:
        >>> place("loss", "cpu", -1.0) < place("loss", "cpu", 0.0) < place("loss", "cpu", 2.5)
        True
        >>> place("latency_ms", "cpu", 1.0)
        'latency_ms|cpu|bff0000000000000'
    """
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # -0.0 becomes 0.0
    return f"{metric}|{device}|{bits ^ _ALL if bits & _SIGN else bits | _SIGN:016x}"
