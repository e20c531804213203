"""Write TorchScript source: numbers and names through formatters, so that no text of a blueprint gets in."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from esper_graph.errors import LoweringError
from esper_graph.ops.dims import Dim
from esper_graph.ops.values import DTYPES


def number(value: float) -> str:
    """Write a floating-point number.

    >>> number(1), number(1e-5)
    ('1.0', '1e-05')
    """
    return repr(float(value))


def integer(value: int) -> str:
    """Write a whole number."""
    return repr(int(value))


def boolean(value: object) -> str:
    """Write a truth value."""
    return repr(bool(value))


def numbers(values: Sequence[float]) -> str:
    """Write a list of whole numbers, or of floating-point ones where one of them is."""
    if any(isinstance(value, float) for value in values):
        return f"[{', '.join(map(number, values))}]"
    return f"[{', '.join(integer(int(value)) for value in values)}]"


def names(values: Sequence[str]) -> str:
    """Write a list of variables."""
    return f"[{', '.join(values)}]"


def dtype(name: str) -> str:
    """Write a dtype.

    >>> dtype("int64")
    'torch.int64'
    """
    if name not in DTYPES:
        raise LoweringError(f"`{name}` is not a dtype")
    return f"torch.{name}"


def expression(size: Dim, variables: Mapping[str, str]) -> str:
    """Write a size as arithmetic over variables.

    Args:
        variables: The variable of each symbol.
    """
    if isinstance(size, int):
        return integer(size)
    terms: list[str] = []
    for monomial, coefficient in size.terms:
        factors = [] if coefficient == 1 and monomial else [integer(coefficient)]
        for atom, power in monomial:
            if isinstance(atom, str):
                text = variables[atom]
            else:
                text = f"({expression(atom.numerator, variables)} // {integer(atom.divisor)})"
            factors += [text] * power
        terms.append(" * ".join(factors))
    return f"({' + '.join(terms)})"


class Writer:
    """Lines of a function body, with fresh variables."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 1
        self._count = 0

    def line(self, text: str) -> None:
        """Add a statement."""
        self.lines.append("    " * self._depth + text)

    def let(self, value: str) -> str:
        """Add `v<n> = value` and return the variable."""
        variable = f"v{self._count}"
        self._count += 1
        self.line(f"{variable} = {value}")
        return variable

    def unpack(self, value: str, count: int) -> list[str]:
        """Add `v<n>, v<n+1>, ... = value` and return the variables."""
        variables = [f"v{self._count + place}" for place in range(count)]
        self._count += count
        self.line(f"{', '.join(variables)} = {value}")
        return variables

    @contextmanager
    def block(self, header: str) -> Generator[None]:
        """Indent what is added inside under a header such as `if self.training:`."""
        self.line(header)
        self._depth += 1
        yield
        self._depth -= 1


def call(op: str, *arguments: str, **named: str) -> str:
    """Write the call of a functional aten op.

    >>> call("relu", "v0")
    'torch.ops.aten.relu(v0)'
    """
    listed = [*arguments, *(f"{name}={value}" for name, value in named.items())]
    return f"torch.ops.aten.{op}({', '.join(listed)})"


def rows_of(value: str, axes: int) -> str:
    """Write a value with the first axes, along which rows lie, as one.

    >>> rows_of("v0", 1), rows_of("v0", 2)
    ('v0', 'torch.ops.aten.flatten(v0, 0, 1)')
    """
    return value if axes == 1 else call("flatten", value, "0", integer(axes - 1))
