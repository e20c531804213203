"""What an op is: the `OPS` table, one entry an op type.

A family of ops is one module, loaded when the first of its ops is asked for. `register_op` and the entry
point group `esper_graph.ops` add a user's own ops.

    >>> OPS["linear"].family
    'Dense'
    >>> "linaer" in OPS
    False

An op of torch that no op of ours stands for is called `aten.<name>.<overload>`, see `ops.opaque`. The table
has all names of that form, and lists none.

    >>> OPS["aten.cumprod.default"].op_type, "aten.cumprod.default" in [*OPS]
    ('aten.cumprod.default', False)
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, TypeGuard

from esper_graph.errors import ConfigError

if TYPE_CHECKING:
    from esper_graph.ops.opdef import OpDef

MODULES: Mapping[str, tuple[str, ...]] = {
    "boundary": ("input", "output", "constant", "parameter"),
    "dense": ("linear", "matmul", "einsum"),
    "conv": ("conv1d", "conv2d", "conv_transpose2d"),
    "activation": ("activation", "softmax"),
    "norm": ("normalization",),
    "pooling": ("pooling",),
    "attention": ("attention", "dot_product_attention"),
    "embedding": ("embedding",),
    "recurrent": ("recurrent",),
    "elementwise": (
        *("add", "sub", "multiply", "div", "maximum", "minimum", "clamp", "where", "compare"),
        *("exp", "log", "sqrt", "rsqrt", "abs", "neg", "pow", "sin", "cos"),
    ),
    "shape": (
        *("identity", "detach", "cast", "reshape", "flatten", "unflatten", "transpose", "permute", "expand"),
        "interpolate",
    ),
    "parts": ("concat", "stack", "split", "slice", "pad", "gather", "roll"),
    "reduction": ("reduce", "entropy", "cumsum"),
    "random": ("dropout", "feature_dropout", "alpha_dropout", "noise"),
    "spectral": ("fft", "ifft", "hartley"),
    "routing": ("weighted_sum", "topk_gating", "moe_combine", "moe_aux_loss"),
    "probe": ("telemetry", "gradient_norm"),
    "block": ("block",),
}
ENTRY_POINTS = "esper_graph.ops"
OPAQUE = "aten."
"""How the names of ops of torch begin that stand for themselves."""


def is_opaque(op_type: object) -> TypeGuard[str]:
    """Tell whether something is called like an op of torch that stands for itself; see `ops.opaque`."""
    return isinstance(op_type, str) and op_type.startswith(OPAQUE)


class OpTable(Mapping[str, "OpDef"]):
    """Op definitions by op type; families load on first use."""

    def __init__(self, modules: Mapping[str, tuple[str, ...]]) -> None:
        self._module_of = {op_type: module for module, op_types in modules.items() for op_type in op_types}
        self._loaded: dict[str, OpDef] = {}
        self._extended = False

    def __getitem__(self, op_type: str) -> "OpDef":
        found = self._loaded.get(op_type)
        if found is not None:
            return found
        if is_opaque(op_type):
            return self._opaque(op_type)
        module = self._module_of.get(op_type)
        if module is not None:
            for op in import_module(f"{__name__}.{module}").OPS:
                self._loaded.setdefault(op.op_type, op)
        else:
            self._extend()
        return self._loaded[op_type]

    def get(self, op_type: str, default: None = None, /) -> "OpDef | None":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the definition, or None where there is none; asked for with every node."""
        return self._loaded.get(op_type) or super().get(op_type, default)

    def __contains__(self, op_type: object) -> bool:
        if op_type in self._loaded or op_type in self._module_of:
            return True
        if is_opaque(op_type):
            return self.get(op_type) is not None
        self._extend()
        return op_type in self._loaded

    def __iter__(self) -> Iterator[str]:
        self._extend()
        yield from self._module_of
        yield from (op_type for op_type in self._loaded if op_type not in self._module_of)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def register(self, op: "OpDef") -> None:
        """Add an op.

        Raises:
            ConfigError: The op type exists already or is not a lower-case name.
        """
        if not op.op_type.isidentifier() or op.op_type != op.op_type.lower():
            raise ConfigError(f"`{op.op_type}` is not an op type", hint="write it in lower_snake")
        if op.op_type in self:
            raise ConfigError(f"the op `{op.op_type}` exists already", hint="choose another name")
        self._loaded[op.op_type] = op

    def _opaque(self, op_type: str) -> "OpDef":
        from esper_graph.ops.opaque import opaque

        found = opaque(op_type)
        if found is None:
            raise KeyError(op_type)
        return found

    def _extend(self) -> None:
        if not self._extended:
            self._extended = True
            for entry in entry_points(group=ENTRY_POINTS):
                for op in entry.load():
                    self.register(op)


OPS = OpTable(MODULES)


def register_op(op: "OpDef") -> None:
    """Add an op type of your own, so that blueprints may use it.

    To compile it, also add a lowering with `esper_graph.compile.register_lowering`.

    Raises:
        ConfigError: The op type exists already or is not a lower-case name.

    Example:
        >>> from esper_graph.ops.opdef import Attributes, OpDef
        >>> class Square(Attributes):
        ...     "No settings."
        >>> def infer(a, inputs, assumptions):
        ...     return (inputs[0],)
        >>> square = OpDef("square", "Custom", Square, ("input",), infer)
        >>> register_op(square)
        >>> OPS["square"].family
        'Custom'
    """
    OPS.register(op)
