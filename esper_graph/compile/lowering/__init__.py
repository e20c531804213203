"""How each op is written in TorchScript: the `LOWERINGS` table, one entry an op type.

A lowering writes text only, so nothing here needs torch. Only that of ops of torch, which stands under every
name `aten.<name>.<overload>`, asks torch for their schemas.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module

from esper_graph.compile.lowering.opaque import lower_opaque
from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.errors import ConfigError
from esper_graph.ops import OPS, is_opaque

__all__ = ["LOWERINGS", "Lowered", "Lowering", "Site", "register_lowering"]

MODULES: tuple[str, ...] = (
    "boundary",
    "dense",
    "elementwise",
    "activation",
    "conv",
    "norm",
    "attention",
    "sequence",
    "shape",
    "reduction",
    "random",
    "spectral",
    "routing",
    "probe",
)


class LoweringTable(Mapping[str, Lowering]):
    """Lowerings by op type."""

    def __init__(self) -> None:
        self._found: dict[str, Lowering] = {}
        self._complete = False

    def _load(self) -> dict[str, Lowering]:
        if not self._complete:
            for module in MODULES:
                self._found.update(import_module(f"{__name__}.{module}").LOWERINGS)
            self._complete = True
        return self._found

    def __getitem__(self, op_type: str) -> Lowering:
        if is_opaque(op_type) and op_type in OPS:
            return lower_opaque
        return self._load()[op_type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def register(self, op_type: str, lowering: Lowering) -> None:
        """Add a lowering.

        Raises:
            ConfigError: The op has one already.
        """
        if op_type in self:
            raise ConfigError(
                f"the op `{op_type}` has a lowering already", hint="choose another name for the op"
            )
        self._found[op_type] = lowering


LOWERINGS = LoweringTable()


def register_lowering(op_type: str, lowering: Lowering) -> None:
    """Say how an op of your own, added with `register_op`, is compiled.

    Raises:
        ConfigError: The op has a lowering already.

    Example:
        >>> def lower_square(site):
        ...     return (site.call("square", site.tensor()),)
        >>> register_lowering("squared", lower_square)
        >>> "squared" in LOWERINGS
        True
    """
    LOWERINGS.register(op_type, lowering)
