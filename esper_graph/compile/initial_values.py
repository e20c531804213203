"""First values of parameters, the same on every machine and in every process.

Each tensor has its own stream of random bits, keyed by seed, origin and parameter name. So the values of a
layer do not depend on what else is in the blueprint, and two layers never share a stream. The bits come from
Philox, whose output numpy guarantees; what is made of them is plain arithmetic.

    >>> initial_values(Parameter("weight", (2, 2), Fill(1.0)), seed=0, origin="fc").tolist()
    [[1.0, 1.0], [1.0, 1.0]]
"""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from esper_graph.ops.opdef import Fill, Normal, Parameter, Uniform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


def stream_key(seed: int, origin: str, name: str) -> int:
    """Return the 128-bit key of a parameter's stream."""
    text = json.dumps([seed, origin, name], ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def initial_values(parameter: Parameter, *, seed: int, origin: str) -> "Floats":
    """Draw the first values of one tensor, as `parameter.init` says.

    Args:
        seed: Of the compilation.
        origin: What the values belong to, such as the uid of the node that introduced the layer.
    """
    import numpy as np

    count, init = parameter.size, parameter.init
    if isinstance(init, Fill):
        return np.full(parameter.shape, init.value, dtype=np.float32)
    bits = np.random.Philox(key=stream_key(seed, origin, parameter.name))
    if isinstance(init, Uniform):
        values = (_fractions(bits, count) * 2.0 - 1.0) * init.bound
    else:
        values = _normal(bits, count, init)
    return values.astype(np.float32).reshape(parameter.shape)


def _fractions(bits: Any, count: int) -> "NDArray[np.float64]":
    """`count` multiples of 2**-24, evenly from [0, 1)."""
    import numpy as np

    words: NDArray[np.uint32] = bits.random_raw((count + 1) // 2).astype("<u8").view("<u4")[:count]
    return (words >> np.uint32(8)).astype(np.float64) * 2.0**-24


def _normal(bits: Any, count: int, init: Normal) -> "NDArray[np.float64]":
    """Box-Muller: two even fractions give two normal values."""
    import numpy as np

    half = (count + 1) // 2
    even = _fractions(bits, 2 * half)
    radius = np.sqrt(-2.0 * np.log(1.0 - even[:half])) * init.std
    angle = 2.0 * np.pi * even[half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
