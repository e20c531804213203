"""Sizes of the exported program as sizes of the blueprint."""

from collections.abc import Mapping, MutableMapping
from typing import Any

import sympy  # pyright: ignore[reportMissingTypeStubs]
import torch

from esper_graph.ops.dims import Dim, exact_quotient


class InexpressibleSizeError(Exception):
    """A size is not an integer polynomial with floor quotients over the sizes of the inputs."""


def size_of(value: Any, symbols: Mapping[Any, Dim]) -> Dim:
    """Return a size of the exported program as a size of the blueprint.

    Args:
        value: A number or a symbolic one.
        symbols: The blueprint's size for each of torch's symbols.

    Raises:
        InexpressibleSizeError: It is something else.
    """
    if isinstance(value, torch.SymInt):
        return _converted(_expression(value), symbols)
    if isinstance(value, int):
        return value
    raise InexpressibleSizeError(str(value))


def symbol_of(size: Any) -> Any:
    """Return torch's symbol for a size that is free, or None where it is a number or an expression."""
    expression = _expression(size) if isinstance(size, torch.SymInt) else None
    return expression if expression is not None and expression.is_Symbol else None


def name_size(size: Any, name: Dim, symbols: MutableMapping[Any, Dim]) -> None:
    """Name torch's symbol for a size of an input, if the size is one and has no name yet."""
    symbol = symbol_of(size)
    if symbol is not None:
        symbols.setdefault(symbol, name)


def _expression(value: torch.SymInt) -> Any:
    return value.node.expr  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _converted(expression: Any, symbols: Mapping[Any, Dim]) -> Dim:
    if expression.is_Integer:
        return int(expression)
    if expression.is_Symbol and expression in symbols:
        return symbols[expression]
    parts = [_converted(part, symbols) for part in expression.args] if expression.args else []
    if isinstance(expression, sympy.Add):
        total: Dim = 0
        for part in parts:
            total = total + part
        return total
    if isinstance(expression, sympy.Mul):
        result: Dim = 1
        for part in parts:
            result = result * part
        return result
    if isinstance(expression, sympy.Pow) and isinstance(parts[1], int) and parts[1] > 0:
        result = 1
        for _ in range(parts[1]):
            result = result * parts[0]
        return result
    name = type(expression).__name__
    if name in ("FloorDiv", "CleanDiv", "IntTrueDiv", "CeilToInt"):
        top, bottom = parts if len(parts) == 2 else (parts[0], 1)
        exact = exact_quotient(top, bottom)
        if exact is not None:
            return exact
        if name in ("FloorDiv", "CleanDiv") and isinstance(bottom, int) and bottom > 0:
            return top // bottom
    if name in ("Mod", "PythonMod") and isinstance(parts[1], int) and parts[1] > 0:
        return parts[0] % parts[1]
    raise InexpressibleSizeError(str(expression))
