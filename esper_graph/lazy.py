"""Names of a package that load the module they stand in when they are first used."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, where: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package whose names stand in its modules.

    Args:
        package: The package's `__name__`.
        where: Names by the module, below the package, that defines them.

    Example:
        >>> find = lazy_names("esper_graph", {"errors": ("ConfigError",)})
        >>> find("ConfigError").exit_code
        2
    """
    module_of = {name: module for module, names in where.items() for name in names}

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return find
